//! Events through the runners.
