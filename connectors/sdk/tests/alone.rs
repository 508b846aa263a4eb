//! A manifest that is a connector by itself: the guide's example, every mistake, every scheme, odd payloads.

mod documented;
mod mistakes;
mod paging;
mod payloads;
mod schemes;

use concord_connector::{Manifest, manifest, rest::Rest};

/// The guide.
pub(crate) const GUIDE: &str = include_str!("../../../docs/connector-toml.md");

/// The example of the guide.
pub(crate) fn example() -> &'static str {
    between("<!-- example:begin -->\n```toml\n", "```\n<!-- example:end -->")
}

pub(crate) fn between(begin: &str, end: &str) -> &'static str {
    let (_, rest) = GUIDE.split_once(begin).expect("the guide has the place");
    rest.split_once(end).expect("the guide has its end").0
}

/// The connector of a text without mistakes.
pub(crate) fn connector(text: &str) -> Rest {
    let mistakes = manifest::explain(text);
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    Rest::new(Manifest::parse(text).expect("a manifest")).expect("a connector")
}
