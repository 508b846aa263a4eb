//! Which known name was probably meant.

pub(super) use concord_connector::mistake::{listed, unknown};
