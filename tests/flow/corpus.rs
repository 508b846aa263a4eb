//! The fuzzers' laws on their committed seeds, and how the seeds are made from fixtures.

use concord_connector::{sandbox::Act, testing::Fixture};
use concord_tests::{
    fuzz::TARGETS,
    world::{World, account},
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("a readable folder").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn every_fuzz_target_holds_on_its_seeds() {
    for (name, law) in TARGETS {
        let seeds = files(&root().join("fuzz/seeds").join(name));
        assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            let data = fs::read(&seed).expect("a readable seed");
            let held = std::panic::catch_unwind(|| law(&data));
            assert!(held.is_ok(), "{name} does not hold on {}", seed.display());
        }
    }
}

#[test]
fn every_fuzz_target_has_a_program_and_every_program_a_target() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let programs: BTreeSet<String> = files(&root().join("fuzz/fuzz_targets")).iter().filter_map(stem).collect();
    assert_eq!(names, programs);
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("the fuzzers' manifest");
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no program of fuzz/Cargo.toml");
    }
}

/// Connectors are counted: one more moves those behind it, and their seeds would be tried on others.
#[test]
fn every_seed_is_for_the_connector_whose_name_it_bears() {
    let systems: Vec<String> =
        concord_connectors::all().iter().map(|connector| connector.system().to_string()).collect();
    for target in ["answers", "mapping", "webhook"] {
        let mut named = BTreeSet::new();
        for seed in files(&root().join("fuzz/seeds").join(target)) {
            let name = seed.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let system = systems.iter().position(|system| name.starts_with(&format!("{system}-")));
            let first = fs::read(&seed).expect("a readable seed").first().map_or(0, |first| usize::from(*first));
            assert_eq!(system, Some(first % systems.len()), "{target}/{name}: plant the seeds anew");
            named.insert(first % systems.len());
        }
        assert!(named.len() + 2 >= systems.len(), "{target} has seeds of {} connectors only", named.len());
    }
}

fn plant(target: &str, name: &str, data: &[u8]) {
    let folder = root().join("fuzz/seeds").join(target);
    fs::create_dir_all(&folder).expect("a folder for seeds");
    fs::write(folder.join(name), data).expect("a seed");
}

fn json_of(path: &Path) -> Option<Json> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Seeds come from the connectors' fixtures, manifests and a small world; what fuzzers found is added by hand.
#[test]
#[ignore = "writes fuzz/seeds; run it after fixtures changed"]
fn plant_seeds() {
    for (at, connector) in concord_connectors::all().iter().enumerate() {
        let (system, at) = (connector.system().to_string(), u8::try_from(at).expect("few connectors"));
        let folder = root().join("connectors").join(&system);
        for path in files(&folder.join("fixtures")) {
            let name = format!("{system}-{}", path.file_stem().expect("a name").to_string_lossy());
            let Ok(fixture) = Fixture::read(&path) else { continue };
            let mut seed = vec![at];
            seed.extend(serde_json::to_vec(&fixture.operation).expect("an operation"));
            for exchange in &fixture.exchanges {
                seed.extend(format!("\n{:03}{}", exchange.response.status, exchange.response.body).bytes());
            }
            plant("answers", &name, &seed);
            let rows = fixture.exchanges.iter().flat_map(|exchange| rows(&exchange.response.body));
            for (number, row) in rows.take(2).enumerate() {
                for entity in 0..u8::try_from(connector.manifest().entity.len()).expect("few entities") {
                    let text = row.to_string();
                    if number == 0 || entity == 0 {
                        plant(
                            "mapping",
                            &format!("{name}-{number}-{entity}"),
                            &[&[at, entity, number as u8], text.as_bytes()].concat(),
                        );
                    }
                }
            }
        }
        for path in files(&folder.join("fixtures/hooks")) {
            let name = format!("{system}-{}", path.file_stem().expect("a name").to_string_lossy());
            let text = match json_of(&path) {
                Some(json) => json["body"].to_string().into_bytes(),
                None => fs::read(&path).expect("a readable hook"),
            };
            for scheme in 0..connector.manifest().webhooks.len() {
                let scheme = u8::try_from(scheme).expect("few schemes");
                plant("webhook", &format!("{name}-{scheme}"), &[&[at, scheme], b"a=b\n".as_slice(), &text].concat());
            }
        }
        let text = fs::read(folder.join("connector.toml")).expect("a manifest");
        plant("manifest", &system, &[&[0], text.as_slice()].concat());
    }
    for number in 0..24_u8 {
        let seed = [
            &[number, number, 3, 1, 64 + number],
            b"bm90IGEgc2lnbmF0dXJl\n1767225600000\n".as_slice(),
            &[number],
            br#"[{"id":"1"}]"#,
        ];
        plant("signature", &format!("scheme-{number}"), &seed.concat());
    }
    let every = fs::read(root().join("connectors/sdk/tests/every.toml")).expect("a manifest of everything");
    plant("manifest", "every", &[&[0], every.as_slice()].concat());
    for (number, text) in DOCUMENTS.iter().enumerate() {
        plant("manifest", &format!("document-{number}"), &[&[1], text.as_bytes()].concat());
    }
}

/// The objects of a body that look like records.
fn rows(body: &Json) -> Vec<Json> {
    match body {
        Json::Array(all) => all.iter().flat_map(rows).collect(),
        Json::Object(object) if object.contains_key("id") || object.contains_key("Id") => vec![body.clone()],
        Json::Object(object) => object.values().flat_map(rows).collect(),
        _ => Vec::new(),
    }
}

const DOCUMENTS: [&str; 3] = [
    "public_url = \"https://hub.example.com\"\n[connections.hubspot-eu]\nsystem = \"hubspot\"\nmode = \"sync\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\nwebhooks = [\"v3\"]\n[connections.hubspot-eu.secrets]\ntoken = \"env:TOKEN\"\nwebhook = [\"vault:a\", \"file:/b\"]\n[connections.hubspot-eu.scope]\norganization = { roles = [\"partner\"] }\n[connections.hubspot-eu.on_delete]\norganization = \"archive\"\n",
    "[connections.tryton]\nsystem = \"tryton\"\nbase_url = \"https://erp.example.com\"\nallow_private = true\npoll_every_s = 30\n[connections.tryton.options]\ndatabase = \"example\"\n[connections.sf]\nsystem = \"salesforce\"\nauth = \"client_credentials\"\n[connections.sf.options]\nmy_domain = \"example\"\n[policy.organization]\nname = [\"tryton\", \"sf\"]\nphone = \"latest\"\nannual_revenue = \"deltas\"\n",
    "public_url = 5\n[connections.concord]\nsystm = \"hubspot\"\n[connections.hubspot-eu.mapping.organization]\nobject = \"companies\"\nfields = [{ field = \"name\", vendor = \"/properties/name\" }]\n[policy.organisation]\nname = { rule = \"owner\", order = [\"a\"], others = \"revert\" }\n",
];

#[tokio::test]
#[ignore = "writes fuzz/seeds/stored; run it after stored shapes changed"]
async fn plant_seeds_of_what_is_stored() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let fields = json!({ "properties": { "name": "Acme", "domain": "acme.example", "phone": "+49 30 5550100" } });
    world.act("hubspot-eu", Act::Create { object: "companies".into(), fields });
    world.round().await;
    for (number, (_, message)) in world.queue.take_sent().into_iter().enumerate() {
        plant("stored", &format!("message-{number}"), &[&[0], message.body.as_bytes()].concat());
    }
    world.settle().await;
    let kinds = world.queue.take_sent();
    for (number, (queue, message)) in kinds.iter().enumerate().take(12) {
        plant("stored", &format!("{queue}-{number}"), &[&[0], message.body.as_bytes()].concat());
    }
    for (number, item) in world.table.items().into_iter().enumerate() {
        let Ok(stored) = concord_hub::record::decode(&item) else { continue };
        plant("stored", &format!("record-{number}"), &[&[1], &*item.body].concat());
        if let concord_hub::record::Stored::Record(mut record) = stored {
            let facets = std::mem::take(&mut record.facets);
            let head = json!({ "record_v1": record }).to_string();
            let facet = facets.first().map(|facet| json!(facet).to_string()).unwrap_or_default();
            plant("stored", &format!("facet-{number}"), &[&[5], facet.as_bytes()].concat());
            plant(
                "stored",
                &format!("framed-{number}"),
                &[&[2], head.as_bytes(), b"\n", json!(facets).to_string().as_bytes()].concat(),
            );
        }
    }
    let letter = json!({ "id": "l1", "at": 1, "queue": "ingest", "connection": "hubspot-eu", "subject": "organization/1", "reason": "why", "message": null, "blob": "webhooks/l1" });
    plant("stored", "letter", &[&[3], letter.to_string().as_bytes()].concat());
}
