//! The behaviour suite: laws that every connector has to keep, chosen by what its manifest declares.
//!
//! A [`Subject`] is a connector with what the suite needs to try it; [`laws`] gives one [`Law`] per law and case. A law
//! that cannot be tried says why; it never passes in silence.

mod derived;
pub mod drive;
mod exchange;
mod faults;
mod fixture;
pub mod generate;
pub mod judge;
mod live;
mod manifest;
mod mapping;
mod recorder;
mod sign;
pub mod sns;
mod table;
mod vendor;
mod webhook;

pub use derived::Derived;
pub use drive::{authorize, drive, learn};
pub use fixture::Fixture;
pub use live::Live;
pub use recorder::Calls;
pub use sign::{KEYS, OTHER_KEYS, PRIVATE_KEY, Signature, sign, token};
pub use table::{mapping_table, with_mapping_table};

use crate::{Connector, Context, sandbox::Sandbox};
use std::{
    fmt::Display,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Makes a fresh sandbox from a seed.
pub type Start = Arc<dyn Fn(u64) -> Box<dyn Sandbox> + Send + Sync>;

/// What a law is tried on.
#[derive(Clone)]
pub struct Subject {
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// A connection's context; [`Subject::new`] fills in options without default and what the sandbox's account says.
    pub context: Context,
    /// The connector's folder: `fixtures/` and `README.md` are looked for there.
    pub folder: PathBuf,
    /// The stand-in for the vendor.
    pub sandbox: Option<Start>,
    /// The committed table of faults.
    pub golden: PathBuf,
    /// Whether files that are generated are rewritten instead of compared.
    pub generated: Generated,
}

/// What to do with a committed file that is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// It has to be equal.
    Compare,
    /// It is written anew.
    Rewrite,
}

impl Subject {
    /// A connector in its folder, beside its sandbox.
    pub fn new(connector: Arc<dyn Connector>, folder: impl Into<PathBuf>, sandbox: Option<Start>) -> Self {
        let mut context = Context::new(format!("{}-test", connector.system()).as_str(), connector.manifest());
        if let Some(start) = &sandbox {
            context.options.extend(start(1).options());
        }
        for name in connector.manifest().options.keys() {
            context.options.entry(name.clone()).or_insert_with(|| "example".to_owned());
        }
        let folder: PathBuf = folder.into();
        let golden = folder.join("faults.txt");
        let mut subject = Self { connector, context, folder, sandbox, golden, generated: Generated::Compare };
        if let Ok(live) = Live::start(&subject, 1) {
            subject.context = live.context().clone();
        }
        // Where no account says its currency an admin does.
        subject.context.currency = subject.context.currency.or_else(|| crate::value::Currency::parse("EUR"));
        subject
    }
    /// With its table of faults in another place.
    #[must_use]
    pub fn golden(mut self, file: impl AsRef<Path>, generated: Generated) -> Self {
        self.golden = file.as_ref().to_owned();
        self.generated = generated;
        self
    }
}

/// What a law said.
pub type Verdict = Result<(), String>;

/// One law, ready to be tried.
pub struct Law {
    /// `webhook::a_touched_byte_is_refused`.
    pub name: String,
    /// How it is tried.
    pub run: Run,
}

/// How a law is tried.
pub enum Run {
    /// By this.
    Try(Box<dyn FnOnce() -> Verdict + Send>),
    /// Not at all, for this reason.
    Ignored(String),
}

/// Collects laws of one group.
pub(crate) struct Group<'a> {
    name: &'static str,
    laws: &'a mut Vec<Law>,
}

impl Group<'_> {
    fn law(&mut self, name: impl Display, law: impl FnOnce() -> Verdict + Send + 'static) {
        self.laws.push(Law { name: format!("{}::{name}", self.name), run: Run::Try(Box::new(law)) });
    }
    /// The law, or the reason why it is not tried.
    fn law_unless(&mut self, reason: Option<&str>, name: impl Display, law: impl FnOnce() -> Verdict + Send + 'static) {
        match reason {
            Some(reason) => self.ignored(name, reason),
            None => self.law(name, law),
        }
    }
    fn ignored(&mut self, name: impl Display, reason: impl Into<String>) {
        self.laws.push(Law { name: format!("{}::{name}", self.name), run: Run::Ignored(reason.into()) });
    }
}

/// Every law for a connector, in groups: manifest, mapping, webhook, exchange, vendor, faults.
pub fn laws(subject: &Subject) -> Vec<Law> {
    let mut laws = Vec::new();
    manifest::laws(subject, &mut Group { name: "manifest", laws: &mut laws });
    mapping::laws(subject, &mut Group { name: "mapping", laws: &mut laws });
    webhook::laws(subject, &mut Group { name: "webhook", laws: &mut laws });
    exchange::laws(subject, &mut Group { name: "exchange", laws: &mut laws });
    vendor::laws(subject, &mut Group { name: "vendor", laws: &mut laws });
    faults::laws(subject, &mut Group { name: "faults", laws: &mut laws });
    laws
}

/// The law holds, or the sentence.
pub(crate) fn holds(truth: bool, sentence: impl FnOnce() -> String) -> Verdict {
    if truth { Ok(()) } else { Err(sentence()) }
}

/// Tries a property on values of a strategy: the same ones in every run, `PROPTEST_CASES` of them (256).
pub(crate) fn property<S: proptest::strategy::Strategy>(strategy: &S, law: impl Fn(S::Value) -> Verdict) -> Verdict
where
    S::Value: std::fmt::Debug,
{
    use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner.run(strategy, |value| law(value).map_err(TestCaseError::fail)).map_err(|failure| failure.to_string())
}
