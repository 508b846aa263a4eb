//! Deliberate faults, each the omission of one rule, so that the simulation can prove that it would notice. Only with the
//! feature `mutations`, which no program has; one thread at a time is mutated.

use std::cell::Cell;

thread_local! {
    static ON: Cell<Option<Mutation>> = const { Cell::new(None) };
}

macro_rules! mutations {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A rule that is left out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mutation {
            $($(#[doc = $doc])+ $name,)+
        }
        impl Mutation {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

mutations! {
    /// Versions stand in the order in which they arrive.
    ArrivalOrder = "arrival-order",
    /// Our own write, seen before its receipt, is taken for an edit.
    SkipEcho = "skip-echo",
    /// Who wins is decided by when the record as a whole was changed.
    RecordTime = "record-time",
    /// A create does not look whether the record is there.
    SkipSearch = "skip-search",
    /// A create that was sent before, and of which nobody knows what came, is sent again without a look.
    ForgetIntent = "forget-intent",
    /// Records are written whatever was written meanwhile.
    BlindCommit = "blind-commit",
    /// What a write left there is not kept.
    IgnoreReceipt = "ignore-receipt",
    /// A read that began before our last write ended counts.
    NoFence = "no-fence",
    /// What stays pending is never ordered again.
    NeverSweep = "never-sweep",
    /// Keys are not claimed.
    ForgetKeys = "forget-keys",
    /// An edit that loses is not written back.
    RevertOff = "revert-off",
    /// Between equals whoever came first wins.
    TieByArrival = "tie-by-arrival",
    /// A delivery writes every field.
    WriteWhole = "write-whole",
    /// A delivery has no precondition.
    IgnorePrecondition = "ignore-precondition",
    /// What a read does not show is taken for deleted.
    AbsentIsGone = "absent-is-gone",
    /// A webhook is marked as seen before it is safe.
    SeenBeforeEnqueue = "seen-before-enqueue",
    /// Another configuration forgets open wants, and decides no new ones.
    LoseWant = "lose-want",
    /// An edit on top of our write is as old as its clock says.
    NoStamp = "no-stamp",
    /// How a vendor stored our write is not remembered.
    NoImage = "no-image",
    /// A poll keeps its place before what it read is safe.
    CursorFirst = "cursor-first",
    /// A receipt says that what is golden by now was written, and not what was sent.
    AcknowledgeAll = "acknowledge-all",
    /// What was there at first sight counts as an edit made now.
    BaselineIsEdit = "baseline-is-edit",
    /// Edits that a write covered are not taken in.
    HistoryIgnored = "history-ignored",
}

/// Leaves one rule out on this thread from now on; `None` leaves none out.
pub fn set(mutation: Option<Mutation>) {
    ON.with(|on| on.set(mutation));
}

/// Whether a rule is left out on this thread.
pub fn is_on(mutation: Mutation) -> bool {
    ON.with(Cell::get) == Some(mutation)
}
