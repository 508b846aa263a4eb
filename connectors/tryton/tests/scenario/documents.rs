//! Laws of sales and invoices.

use super::{Client, Law, dollars, fields, organization, text, update};
use concord_connector::{
    Entity::{Invoice, Order, Organization},
    ExternalId, Fields, Reference, Snapshot, Value,
    exchange::{Change, Write, Written},
};
use serde_json::json;

pub(crate) const LAWS: &[Law] = &[
    ("a_sale_has_one_line_that_comes_to_its_amount", one_line),
    ("a_total_by_itself_is_not_taxed", untaxed),
    ("an_order_without_customer_is_refused", no_customer),
    ("a_sale_is_followed_from_draft_to_payment", followed),
    ("an_invoice_can_be_made", invoice),
    ("a_closed_sale_cannot_be_archived", closed),
];

pub(super) fn customer(client: &mut Client) -> ExternalId {
    client.made(Organization, fields([("name", text("Buyer"))])).id
}

pub(super) fn sale(client: &mut Client, customer: &ExternalId) -> Snapshot {
    client.made(
        Order,
        fields([
            ("organization", organization(customer)),
            ("reference", text("PO-4711")),
            ("description", text("Gold plan")),
            ("untaxed_total", dollars("298.50")),
            ("total", dollars("328.35")),
        ]),
    )
}

fn state(snapshot: &Snapshot) -> String {
    match snapshot.fields.get("status") {
        Some(Some(Value::Enum(state))) => state.to_string(),
        other => panic!("{other:?}"),
    }
}

fn one_line(client: &mut Client) {
    let customer = customer(client);
    let sale = sale(client, &customer);
    assert_eq!(state(&sale), "draft");
    for (field, value) in [
        ("number", None),
        ("reference", text("PO-4711")),
        ("description", text("Gold plan")),
        ("organization", organization(&customer)),
        ("untaxed_total", dollars("298.50")),
        ("total", dollars("328.35")),
        ("order_date", None),
    ] {
        assert_eq!(sale.fields.get(field), Some(&value), "{field}");
    }
    assert_eq!(client.read(Order, &sale.id), sale);
    let again = client.create(Order, &sale.marker.clone().expect("a marker"), Fields::new());
    assert_eq!(client.write(Order, again), Ok(Written::Exists(sale.id)));
}

fn untaxed(client: &mut Client) {
    let customer = customer(client);
    let sale = client.made(Order, fields([("organization", organization(&customer)), ("total", dollars("0.07"))]));
    assert_eq!(sale.fields.get("total"), Some(&dollars("0.07")));
    assert_eq!(sale.fields.get("untaxed_total"), Some(&dollars("0.07")));
}

fn no_customer(client: &mut Client) {
    let record = client.record();
    let write = client.create(Order, &record, fields([("total", dollars("1.00"))]));
    let sentence = client.write(Order, write).expect_err("no customer");
    assert!(sentence.contains("customer"), "{sentence}");
}

pub(super) fn press(client: &mut Client, model: &str, button: &str, id: &ExternalId) {
    let id: i64 = id.as_str().parse().expect("a number");
    client.person(&format!("model.{model}.{button}"), vec![json!([id])]);
}

fn followed(client: &mut Client) {
    let customer = customer(client);
    let draft = sale(client, &customer);
    let (_, cursor) = client.poll(Order, None);

    press(client, "sale.sale", "quote", &draft.id);
    let quoted = client.read(Order, &draft.id);
    assert_eq!(state(&quoted), "quotation");
    assert!(matches!(quoted.fields.get("number"), Some(Some(Value::Text(_)))), "{:?}", quoted.fields);
    assert!(quoted.version > draft.version);

    // The reference stays open; a title is closed by the quote.
    let id: i64 = draft.id.as_str().parse().expect("a number");
    let change = fields([("reference", text("PO-4712"))]);
    match client.write(Order, update(&quoted, change)) {
        Ok(Written::Done { after, .. }) => assert_eq!(after.fields.get("reference"), Some(&text("PO-4712"))),
        other => panic!("{other:?}"),
    }
    press(client, "sale.sale", "confirm", &draft.id);
    press(client, "sale.sale", "process", &draft.id);
    let (changed, _) = client.poll(Order, Some(cursor));
    assert_eq!(state(&changed[&draft.id]), "processing");

    let invoices = client.person("model.sale.sale.read", vec![json!([id]), json!(["invoices"])])[0]["invoices"].clone();
    let invoice = ExternalId::new(invoices[0].to_string());
    let (_, cursor) = client.poll(Invoice, None);
    let made = client.read(Invoice, &invoice);
    assert_eq!(state(&made), "draft");
    assert_eq!(made.marker, None, "the line's note came along from the sale and is not the invoice's marker");
    assert_eq!(made.fields.get("open_amount"), Some(&None), "nothing is known before it is posted");
    let order = Some(Value::from(Reference::external(Order, draft.id.clone())));
    assert_eq!(made.fields.get("order"), Some(&order));
    assert_eq!(made.fields.get("organization"), Some(&organization(&customer)));

    press(client, "account.invoice", "post", &invoice);
    let (changed, _) = client.poll(Invoice, Some(cursor));
    let posted = changed.get(&invoice).expect("it is on the page");
    assert_eq!(state(posted), "posted");
    assert_eq!(posted.fields.get("total"), Some(&dollars("328.35")));
    assert_eq!(posted.fields.get("open_amount"), Some(&dollars("328.35")));
    let date = |field: &str| match posted.fields.get(field) {
        Some(Some(Value::Date(date))) => *date,
        other => panic!("{field}: {other:?}"),
    };
    assert!(date("due_on") > date("issued_on"), "a term of thirty days");

    // What is posted is closed, with Tryton's own sentence; payments show.
    let (_, cursor) = client.poll(Invoice, None);
    client.world.pay(invoice.as_str(), customer.as_str(), "128.35");
    let (changed, cursor) = client.poll(Invoice, Some(cursor));
    let part = changed.get(&invoice).expect("a part of the payment is on the page");
    assert_eq!(part.fields.get("open_amount"), Some(&dollars("200.00")));
    assert_eq!(state(part), "posted");
    assert!(part.version > posted.version);
    client.world.pay(invoice.as_str(), customer.as_str(), "200.00");
    let (changed, _) = client.poll(Invoice, Some(cursor));
    let paid = changed.get(&invoice).expect("the rest of the payment is on the page");
    assert_eq!(state(paid), "paid");
    assert_eq!(paid.fields.get("open_amount"), Some(&dollars("0.00")));
    let archive = Write {
        token: None,
        record: "r".into(),
        change: Change::Archive { id: invoice.clone() },
        fields: Fields::new(),
    };
    let sentence = client.write(Invoice, archive).expect_err("it is paid");
    assert!(sentence.contains("You can not call \"cancel\""), "{sentence}");
}

fn invoice(client: &mut Client) {
    let customer = customer(client);
    let wanted = fields([
        ("organization", organization(&customer)),
        ("reference", text("INV-REF")),
        ("description", text("Support")),
        ("untaxed_total", dollars("100.00")),
        ("total", dollars("110.00")),
    ]);
    let made = client.made(Invoice, wanted.clone());
    for (field, value) in wanted {
        assert_eq!(made.fields.get(&field), Some(&value), "{field}");
    }
    assert_eq!(state(&made), "draft");
    press(client, "account.invoice", "post", &made.id);
    assert_eq!(client.read(Invoice, &made.id).fields.get("open_amount"), Some(&dollars("110.00")));
}

fn closed(client: &mut Client) {
    let customer = customer(client);
    let draft = sale(client, &customer);
    let archive =
        Write { token: None, record: "r".into(), change: Change::Archive { id: draft.id }, fields: Fields::new() };
    match client.write(Order, archive.clone()) {
        Ok(Written::Done { after, .. }) => assert_eq!(state(&after), "cancelled"),
        other => panic!("{other:?}"),
    }
    let processed = sale(client, &customer);
    for button in ["quote", "confirm", "process"] {
        press(client, "sale.sale", button, &processed.id);
    }
    let archive = Write { change: Change::Archive { id: processed.id }, ..archive };
    let sentence = client.write(Order, archive).expect_err("it is processed");
    assert!(sentence.contains("You can not call \"cancel\""), "{sentence}");
}
