//! The models that the sandbox keeps, with their fields.

use Kind::{Computed, Many, One, Several, Value};

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A plain value.
    Value,
    /// Another record of a model.
    One(&'static str),
    /// Records of a model whose field names this one.
    Many(&'static str, &'static str),
    /// Records of a model, kept as a list.
    Several(&'static str),
    /// Worked out when it is read.
    Computed,
}

/// A model: its name, its title and its fields.
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    fields: &'static [(&'static str, Kind)],
}

/// Fields that every model has.
const COMMON: &[(&str, Kind)] = &[
    ("id", Value),
    ("active", Value),
    ("create_date", Value),
    ("write_date", Value),
    ("last_modified_at", Computed),
    ("_timestamp", Computed),
    ("__name__", Computed),
    ("rec_name", Computed),
];

const MODELS: &[Model] = &[
    Model {
        name: "party.party",
        title: "Party",
        fields: &[
            ("name", Value),
            ("code", Value),
            ("replaced_by", One("party.party")),
            ("tax_identifier", Computed),
            ("addresses", Many("party.address", "party")),
            ("identifiers", Many("party.identifier", "party")),
            ("contact_mechanisms", Many("party.contact_mechanism", "party")),
        ],
    },
    Model {
        name: "party.address",
        title: "Address",
        fields: &[
            ("party", One("party.party")),
            ("party_name", Value),
            ("street", Computed),
            ("street_unstructured", Value),
            ("street_name", Value),
            ("building_name", Value),
            ("building_number", Value),
            ("unit_number", Value),
            ("floor_number", Value),
            ("room_number", Value),
            ("post_box", Value),
            ("post_office", Value),
            ("private_bag", Value),
            ("city", Value),
            ("postal_code", Value),
            ("country", One("country.country")),
            ("subdivision", One("country.subdivision")),
            ("invoice", Value),
            ("delivery", Value),
            ("sequence", Value),
        ],
    },
    Model {
        name: "party.identifier",
        title: "Party Identifier",
        fields: &[
            ("party", One("party.party")),
            ("type", Value),
            ("code", Value),
            ("code_compact", Computed),
            ("sequence", Value),
        ],
    },
    Model {
        name: "party.contact_mechanism",
        title: "Contact Mechanism",
        fields: &[
            ("party", One("party.party")),
            ("type", Value),
            ("value", Value),
            ("name", Value),
            ("comment", Value),
            ("sequence", Value),
        ],
    },
    Model { name: "country.country", title: "Country", fields: &[("name", Value), ("code", Value)] },
    Model { name: "country.subdivision", title: "Subdivision", fields: &[("name", Value), ("code", Value)] },
    Model {
        name: "currency.currency",
        title: "Currency",
        fields: &[("name", Value), ("code", Value), ("digits", Value)],
    },
    Model {
        name: "company.company",
        title: "Company",
        fields: &[("party", One("party.party")), ("currency", One("currency.currency")), ("timezone", Value)],
    },
    Model {
        name: "product.product",
        title: "Product",
        fields: &[
            ("name", Value),
            ("code", Value),
            ("list_price", Value),
            ("default_uom", One("product.uom")),
            ("template", One("product.template")),
        ],
    },
    Model { name: "product.template", title: "Product Template", fields: &[("name", Value), ("type", Value)] },
    Model { name: "product.uom", title: "Unit of Measure", fields: &[("name", Value), ("symbol", Value)] },
    Model { name: "account.tax", title: "Tax", fields: &[("name", Value), ("rate", Value)] },
    Model { name: "account.journal", title: "Account Journal", fields: &[("code", Value), ("type", Value)] },
    Model { name: "account.account", title: "Account", fields: &[("name", Value), ("code", Value)] },
    Model {
        name: "account.configuration",
        title: "Account Configuration",
        fields: &[("default_account_receivable", Value), ("default_category_account_revenue", Value)],
    },
    Model { name: "account.invoice.payment_term", title: "Payment Term", fields: &[("name", Value), ("days", Value)] },
    Model {
        name: "sale.sale",
        title: "Sale",
        fields: &[
            ("company", One("company.company")),
            ("currency", One("currency.currency")),
            ("party", One("party.party")),
            ("invoice_address", One("party.address")),
            ("shipment_address", One("party.address")),
            ("payment_term", One("account.invoice.payment_term")),
            ("number", Value),
            ("reference", Value),
            ("description", Value),
            ("comment", Value),
            ("state", Value),
            ("sale_date", Value),
            ("invoice_method", Value),
            ("shipment_method", Value),
            ("invoice_state", Computed),
            ("untaxed_amount", Computed),
            ("tax_amount", Computed),
            ("total_amount", Computed),
            ("lines", Many("sale.line", "sale")),
            ("invoices", Several("account.invoice")),
        ],
    },
    Model {
        name: "sale.line",
        title: "Sale Line",
        fields: &[
            ("sale", One("sale.sale")),
            ("type", Value),
            ("product", One("product.product")),
            ("unit", One("product.uom")),
            ("quantity", Value),
            ("unit_price", Value),
            ("description", Value),
            ("note", Value),
            ("sequence", Value),
            ("taxes", Several("account.tax")),
        ],
    },
    Model {
        name: "account.invoice",
        title: "Account Invoice",
        fields: &[
            ("company", One("company.company")),
            ("currency", One("currency.currency")),
            ("party", One("party.party")),
            ("invoice_address", One("party.address")),
            ("account", One("account.account")),
            ("journal", One("account.journal")),
            ("payment_term", One("account.invoice.payment_term")),
            ("type", Value),
            ("number", Value),
            ("reference", Value),
            ("description", Value),
            ("comment", Value),
            ("state", Value),
            ("invoice_date", Value),
            ("reconciled", Value),
            ("paid_amount", Value),
            ("untaxed_amount", Computed),
            ("tax_amount", Computed),
            ("total_amount", Computed),
            ("amount_to_pay", Computed),
            ("lines", Many("account.invoice.line", "invoice")),
            ("lines_to_pay", Many("account.move.line", "invoice")),
            ("sales", Several("sale.sale")),
        ],
    },
    Model {
        name: "account.invoice.line",
        title: "Account Invoice Line",
        fields: &[
            ("invoice", One("account.invoice")),
            ("company", One("company.company")),
            ("currency", One("currency.currency")),
            ("account", One("account.account")),
            ("type", Value),
            ("product", One("product.product")),
            ("unit", One("product.uom")),
            ("quantity", Value),
            ("unit_price", Value),
            ("description", Value),
            ("note", Value),
            ("sequence", Value),
            ("taxes", Several("account.tax")),
        ],
    },
    Model {
        name: "account.move.line",
        title: "Account Move Line",
        fields: &[("invoice", One("account.invoice")), ("maturity_date", Value), ("debit", Value)],
    },
];

/// The model of a name.
pub(super) fn model(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name == name)
}

impl Model {
    /// What a field is; `None` when the model has none of that name.
    pub(super) fn kind(&self, field: &str) -> Option<Kind> {
        let known = self.fields.iter().chain(COMMON).find(|(name, _)| *name == field);
        known.map(|(_, kind)| *kind)
    }
    /// Fields of its own, which an answer shows where nobody asks for certain ones.
    pub(super) fn own(&self) -> impl Iterator<Item = &'static str> {
        let own = self.fields.iter().filter(|(_, kind)| !matches!(kind, Many(..)));
        own.map(|(name, _)| *name).chain(["id", "active", "write_date"])
    }
    /// Fields that name one other record.
    pub(super) fn ones(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().filter(|(_, kind)| matches!(kind, One(_))).map(|(name, _)| *name)
    }
    /// The lists of parts that belong to a record.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        self.fields.iter().filter_map(|(name, kind)| match kind {
            Many(model, inverse) => Some((*name, *model, *inverse)),
            _ => None,
        })
    }
    /// The title that people see for a field: `sale_date` is `Sale Date`.
    pub(super) fn label(field: &str) -> String {
        let capital = |word: &str| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
        };
        field.split('_').map(capital).collect::<Vec<_>>().join(" ")
    }
}
