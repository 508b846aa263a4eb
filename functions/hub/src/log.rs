//! Which lines of a log are wanted.

use tracing::level_filters::LevelFilter;

/// The filter for what an admin asks for: a level is meant for Concord's own lines - those of the libraries below it are
/// shown from warnings on - and `TARGET=LEVEL`, several with commas between, names others.
pub fn filter(said: &str) -> String {
    let said = if said.is_empty() { "info" } else { said };
    match said.parse::<LevelFilter>() {
        Ok(level) => format!("{},concord={level}", level.min(LevelFilter::WARN)),
        Err(_) => format!("warn,{said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_our_own_lines() {
        assert_eq!(filter("debug"), "warn,concord=debug");
        assert_eq!(filter(""), "warn,concord=info");
        assert_eq!(filter("error"), "error,concord=error");
        assert_eq!(filter("off"), "off,concord=off");
    }

    #[test]
    fn others_are_shown_when_they_are_named() {
        assert_eq!(filter("concord_hub=trace,hyper=debug"), "warn,concord_hub=trace,hyper=debug");
    }
}
