//! Recordings: operations with what they exchanged and what came of them, one file each.

use super::{
    Client, documents, fields,
    parties::{self, acme},
    text, update,
};
use concord_connector::{
    Entity::{Invoice, Order, Organization},
    ExternalId, Fields, Operation, Outcome, RecordId, Snapshot,
    exchange::{Change, Write, Written},
    key::{Key, KeyKind},
};
use serde_json::json;
use std::{fs, path::Path};

pub(super) fn all(client: &mut Client, folder: &Path) {
    let mut tape = Tape { folder: folder.to_owned() };
    tape.keep(
        client,
        "describe",
        "The account names its currency and time zone, and the ids that new sales need.",
        Operation::Describe,
    );

    let create = |record: &str, fields: Fields| Write {
        token: None,
        record: record.into(),
        change: Change::Create { idempotency: format!("create-{record}") },
        fields,
    };
    let bad = fields([("name", text("Bad")), ("tax_id", text("DE1"))]);
    let writes = vec![create("org-1", acme()), create("org-2", bad)];
    let about = "A party is made with its parts in one call; a wrong number is refused with Tryton's sentence.";
    let made =
        tape.keep(client, "create-party", about, Operation::Write { entity: Organization, writes: writes.clone() });
    let acme = done(&made, 0);

    let about = "A create whose answer was lost is known by its marker.";
    let operation = Operation::Write { entity: Organization, writes: writes[..1].to_vec() };
    tape.keep(client, "create-again", about, operation);

    let about = "An unknown id is not visible; a party shows its lists.";
    let ids = vec![acme.id.clone(), ExternalId::new("999999")];
    tape.keep(client, "fetch-party", about, Operation::Fetch { entity: Organization, ids });

    let keys = vec![Key::new(KeyKind::TaxId, "DE136695976"), Key::new(KeyKind::Domain, "acme.example.com")];
    let about = "Without a marker, the tax number finds the party.";
    tape.keep(client, "find-party", about, Operation::Find { entity: Organization, record: "nobody".into(), keys });

    let change = fields([("phone", text("+49 30 111111")), ("billing_address", parties::address_in("Bonn"))]);
    let operation = Operation::Write { entity: Organization, writes: vec![update(&acme, change)] };
    let about = "Parts are edited in place, under the stamps of the record and its parts.";
    let updated = done(&tape.keep(client, "update-party", about, operation), 0);

    let operation =
        Operation::Write { entity: Organization, writes: vec![update(&updated, fields([("name", text("Ours"))]))] };
    let about = "A person saved between our read and our write: Tryton answers ConcurrencyException with status 200.";
    let id = updated.id;
    let outcome = client.run_with(&operation, |client, request| {
        if request.writes {
            parties::rename(client, &id, "Saved meanwhile");
        }
    });
    tape.save(client, "update-stale", about, &operation, &outcome);

    let gone = |change| Operation::Write {
        entity: Organization,
        writes: vec![Write { token: None, record: RecordId::new("org-1"), change, fields: Fields::new() }],
    };
    let archive = gone(Change::Archive { id: acme.id });
    tape.keep(client, "archive-party", "A party out of use is shown as deleted.", archive);
    let unused = client.made(Organization, fields([("name", text("Unused"))]));
    let delete = gone(Change::Delete { id: unused.id });
    tape.keep(client, "delete-party", "An unused party can be deleted.", delete);
    let company = gone(Change::Delete { id: "1".into() });
    tape.keep(client, "delete-used-party", "A party that something needs cannot.", company);

    let customer = documents::customer(client);
    let sale = documents::sale(client, &customer);
    let about = "A sale is one line that comes to the amount; its note is the marker.";
    let order = fields([("organization", super::organization(&customer)), ("total", super::dollars("12.34"))]);
    let writes = vec![create("order-1", order), create("order-2", Fields::new())];
    tape.keep(client, "create-order", about, Operation::Write { entity: Order, writes });
    let until = client.world.now();
    tape.keep(
        client,
        "poll-orders",
        "The first page of a backfill.",
        Operation::Poll { entity: Order, cursor: None, until },
    );

    for button in ["quote", "confirm", "process"] {
        documents::press(client, "sale.sale", button, &sale.id);
    }
    let id: i64 = sale.id.as_str().parse().expect("a number");
    let invoices = client.person("model.sale.sale.read", vec![json!([id]), json!(["invoices"])])[0]["invoices"].clone();
    let invoice = ExternalId::new(invoices[0].to_string());
    documents::press(client, "account.invoice", "post", &invoice);
    let about =
        "A posted invoice names its sale, its due date and what is open; the marker of the sale is not its own.";
    tape.keep(client, "fetch-invoice", about, Operation::Fetch { entity: Invoice, ids: vec![invoice] });
    tape.page(client);
}

struct Tape {
    folder: std::path::PathBuf,
}

impl Tape {
    fn keep(&mut self, client: &mut Client, name: &str, about: &str, operation: Operation) -> Outcome {
        let outcome = client.run(&operation);
        self.save(client, name, about, &operation, &outcome);
        outcome
    }

    fn save(&mut self, client: &Client, name: &str, about: &str, operation: &Operation, outcome: &Outcome) {
        let fixture = json!({
            "about": about,
            "account": client.account,
            "options": client.world.options(),
            "operation": operation,
            "exchanges": client.tape,
            "outcome": outcome,
        });
        self.file(name, &format!("{fixture:#}\n"));
    }

    /// A full page, cut down to what paging needs: rows with an id and a stamp.
    fn page(&mut self, client: &mut Client) {
        let until = client.world.now();
        let operation = Operation::Poll { entity: Order, cursor: None, until };
        client.run(&operation);
        let mut response = client.tape[0]["response"].clone();
        let row = response["body"]["result"][0].clone();
        let row =
            |id: i64| json!({ "id": id, "_timestamp": row["_timestamp"], "last_modified_at": row["last_modified_at"] });
        response["body"]["result"] = (1..=100).map(row).collect();
        let seen = serde_json::from_value(response.clone()).expect("a response");
        let connector = concord_tryton::connector();
        let step = concord_connector::Connector::next(&connector, &client.cx, &operation, &[seen]);
        let Ok(concord_connector::Step::Done(outcome)) = step else { panic!("{step:?}") };
        let fixture = json!({
            "about": "A full page says that there is more; the next one begins behind its last id.",
            "options": client.world.options(),
            "operation": operation,
            "exchanges": [{ "request": client.tape[0]["request"], "response": response }],
            "outcome": outcome,
        });
        self.file("poll-full-page", &format!("{fixture}\n"));
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.folder.join(format!("{name}.json")), text).expect("fixtures can be written");
    }
}

fn done(outcome: &Outcome, row: usize) -> Snapshot {
    match outcome {
        Outcome::Written(rows) => match &rows[row] {
            Ok(Written::Done { after, .. }) => after.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}
