//! The format of a `connector.toml`, as data: what may stand where, of which kind, and what it means. The explanation of
//! mistakes and the reference in `docs/connector-toml.md` are made of it.

mod tables;

pub use tables::FILE;

/// The kind of a value.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text that is not empty.
    Text,
    /// Any text.
    Free,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// A JSON pointer: `/` and names, or empty for the whole.
    Pointer,
    /// A text with placeholders, each of these names or an option.
    Template(&'static [&'static str]),
    /// A list.
    List(&'static Shape),
    /// Exactly two texts.
    Pair,
    /// A table of any names.
    Map(&'static Shape),
    /// A table of these keys.
    Table(&'static [Key]),
    /// A table with exactly one of these keys; one whose value is an empty table may stand as a text alone.
    OneOf(&'static [Key]),
    /// A table whose keys are entities.
    Entities(&'static Shape),
    /// An entity's name.
    Entity,
    /// A list of mapping lines.
    Rules,
    /// Anything.
    Any,
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The kind of its value.
    pub shape: Shape,
    /// Whether it has to be there.
    pub required: bool,
    /// What holds without it, in words.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

impl Shape {
    /// The kind in words.
    pub fn words(&self) -> String {
        match self {
            Self::Text | Self::Free => "text".into(),
            Self::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Self::Flag => "`true` or `false`".into(),
            Self::Number(least, most) if *most == i64::MAX => format!("whole number from {least}"),
            Self::Number(least, most) => format!("whole number, {least} to {most}"),
            Self::Pointer => "JSON pointer".into(),
            Self::Template(_) => "text with placeholders".into(),
            Self::List(inner) => format!("list of {}", inner.words()),
            Self::Pair => "list of two texts".into(),
            Self::Map(inner) => format!("table of {}", inner.words()),
            Self::Table(_) => "table".into(),
            Self::OneOf(keys) => {
                let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
                format!("one of {}", names.join(", "))
            }
            Self::Entities(_) => "table by entity".into(),
            Self::Entity => "entity".into(),
            Self::Rules => "list of mapping lines".into(),
            Self::Any => "any value".into(),
        }
    }
}

/// The reference: a Markdown table for every table of the format.
pub fn reference() -> String {
    let mut out = String::new();
    section(&mut out, "The file", FILE);
    out
}

fn section(out: &mut String, title: &str, keys: &'static [Key]) {
    out.push_str(&format!("\n### {title}\n\n| key | kind | without it | meaning |\n|---|---|---|---|\n"));
    for key in keys {
        let without = if key.required { "**has to be there**" } else { key.default };
        out.push_str(&format!("| `{}` | {} | {without} | {} |\n", key.name, key.shape.words(), key.meaning));
    }
    for key in keys {
        let place = if title == "The file" { key.name.to_owned() } else { format!("{title}.{}", key.name) };
        below(out, &place, &key.shape);
    }
}

fn below(out: &mut String, place: &str, shape: &Shape) {
    match shape {
        Shape::Table(keys) if !keys.is_empty() => {
            // One table stands for all calls.
            let shown = out.contains("| `path` | text with placeholders") && keys.iter().any(|key| key.name == "scan");
            if !shown {
                section(out, place, keys);
            }
        }
        Shape::OneOf(keys) => section(out, place, keys),
        Shape::List(inner) => below(out, place, inner),
        Shape::Map(inner) => below(out, &format!("{place}.NAME"), inner),
        Shape::Entities(inner) => below(out, &format!("{place}.ENTITY"), inner),
        _ => {}
    }
}
