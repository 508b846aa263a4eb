//! Operations are written as if they were sent at once: the next answer comes from the history, or the run ends with the
//! request that has to be sent next.

pub(crate) use concord_connector::script::{Run as Result, Script as Asked, ended as step};
