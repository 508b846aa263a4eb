//! Laws 9 and 10: no avalanche, no gap, and nothing lost in an outage.

mod brake;
mod configured;
mod creates;
mod matching;
mod outage;
mod parking;
mod polls;
mod settings;
mod storm;
mod sweep;
