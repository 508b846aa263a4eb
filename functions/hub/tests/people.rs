//! The configuration, what people decide, and what they are shown.
#![cfg(feature = "testing")]

mod people {
    mod config;
    mod decisions;
    mod explanations;
    mod reviews;
    mod views;
    mod world;
}
