//! The catalogue of failures: `fNN` is its number in RELIABILITY.md, which also names those whose tests are elsewhere,
//! because they are about a loop, a store or a connector alone.

mod clocks;
mod feed;
mod replay;
mod rows;
mod tokens;
