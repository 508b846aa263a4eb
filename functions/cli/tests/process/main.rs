//! The program as a whole: real processes, real folders, real HTTP.

mod cases;
mod place;
mod program;
