//! The connectors, each with a context that knows its sandbox's account.

use concord_connector::{Connector, Context, testing::Subject, value::Currency};
use std::sync::{Arc, LazyLock};

/// Every registered connector, with every optional line of its mappings switched on.
pub(super) static SUBJECTS: LazyLock<Vec<(Arc<dyn Connector>, Context)>> = LazyLock::new(|| {
    let subject = |connector: Arc<dyn Connector>| {
        let system = connector.system().to_string();
        let sandbox = concord_connectors::sandbox(&system, 0).map(|_| {
            Arc::new(move |seed| concord_connectors::sandbox(&system, seed).expect("was there a moment ago")) as _
        });
        let mut cx = Subject::new(connector.clone(), "unused", sandbox).context;
        for mapping in connector.manifest().entity.values() {
            let names = mapping.fields.iter().filter_map(|rule| rule.vendor.rsplit('/').next()).map(str::to_owned);
            cx.vendor_fields.entry(mapping.object.clone()).or_default().extend(names);
        }
        cx.currency = cx.currency.or_else(|| Currency::parse("EUR"));
        (connector, cx)
    };
    concord_connectors::all().into_iter().map(subject).collect()
});
