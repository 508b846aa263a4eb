//! A reader for the part of SOQL that integrations use: fields, parents, one level of children, conditions, order, limit.

use concord_connector::Instant;

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) items: Vec<Item>,
    pub(super) from: String,
    pub(super) condition: Option<Condition>,
    pub(super) order: Vec<(String, bool)>,
    pub(super) limit: Option<usize>,
}

/// One selected thing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// `Name` or `Level.Name`.
    Path(Vec<String>),
    /// Children.
    Children(Query),
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare { path: Vec<String>, operator: Operator, values: Vec<Literal> },
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    More,
    AtMost,
    AtLeast,
    Like,
    In,
    NotIn,
}

/// A value in a query.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// Escapes undone; for LIKE the escaped wildcards are kept with their backslash.
    Text(String),
    Instant(Instant),
    /// A date or a number, as written.
    Plain(String),
    Flag(bool),
    Null,
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Query, String> {
    let tokens = tokens(text)?;
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
    let query = reader.query()?;
    if reader.at < tokens.len() {
        return Err(format!("unexpected token: {:?}", tokens[reader.at]));
    }
    Ok(query)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if c == '\'' {
            let (literal, after) = literal(&rest[1..])?;
            tokens.push(Token::Text(literal));
            rest = after;
        } else if let Some(sign) =
            ["<=", ">=", "!=", "<>", "=", "<", ">", "(", ")", ","].into_iter().find(|s| rest.starts_with(s))
        {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-' | '+');
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("unexpected character `{c}`"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    Ok(tokens)
}

fn literal(text: &str) -> Result<(String, &str), String> {
    let mut out = String::new();
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '\'' => return Ok((out, &text[at + 1..])),
            '\\' => match letters.next().map(|(_, c)| c) {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('b') => out.push('\u{8}'),
                Some('f') => out.push('\u{c}'),
                Some(c @ ('\'' | '"' | '\\')) => out.push(c),
                Some(c @ ('%' | '_')) => out.extend(['\\', c]),
                _ => return Err("illegal character sequence in a literal".into()),
            },
            c => out.push(c),
        }
    }
    Err("line does not end its literal".into())
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn word(&self) -> Option<&str> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }
    fn keyword(&mut self, word: &str) -> bool {
        let found = self.word().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }
    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.keyword(word) { Ok(()) } else { Err(format!("expecting {word}")) }
    }
    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }
    fn name(&mut self) -> Result<String, String> {
        let word = self.word().ok_or("expecting a name")?.to_owned();
        self.at += 1;
        Ok(word)
    }
    fn path(&mut self) -> Result<Vec<String>, String> {
        Ok(self.name()?.split('.').map(str::to_owned).collect())
    }

    fn query(&mut self) -> Result<Query, String> {
        self.depth += 1;
        if self.depth > 2 {
            return Err("children of children are not supported".into());
        }
        self.expect("SELECT")?;
        let mut items = Vec::new();
        loop {
            if self.sign("(") {
                items.push(Item::Children(self.query()?));
                if !self.sign(")") {
                    return Err("expecting )".into());
                }
            } else {
                items.push(Item::Path(self.path()?));
            }
            if !self.sign(",") {
                break;
            }
        }
        self.expect("FROM")?;
        let from = self.name()?;
        let condition = if self.keyword("WHERE") { Some(self.condition()?) } else { None };
        let mut order = Vec::new();
        if self.keyword("ORDER") {
            self.expect("BY")?;
            loop {
                let name = self.name()?;
                let falling = self.keyword("DESC");
                let _rising = !falling && self.keyword("ASC");
                order.push((name, falling));
                if !self.sign(",") {
                    break;
                }
            }
        }
        let limit = match self.keyword("LIMIT") {
            true => Some(self.name()?.parse().map_err(|_| "expecting a number after LIMIT")?),
            false => None,
        };
        self.depth -= 1;
        Ok(Query { items, from, condition, order, limit })
    }

    /// AND and OR are not mixed without parentheses.
    fn condition(&mut self) -> Result<Condition, String> {
        let first = self.term()?;
        let mut all = vec![first];
        let join = ["AND", "OR"].into_iter().find(|join| self.keyword(join));
        let Some(join) = join else { return Ok(all.remove(0)) };
        loop {
            all.push(self.term()?);
            if self.keyword(join) {
                continue;
            }
            if self.keyword("AND") || self.keyword("OR") {
                return Err("AND and OR need parentheses".into());
            }
            return Ok(if join == "AND" { Condition::And(all) } else { Condition::Or(all) });
        }
    }

    fn term(&mut self) -> Result<Condition, String> {
        if self.keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.term()?)));
        }
        if self.sign("(") {
            let inner = self.condition()?;
            return if self.sign(")") { Ok(inner) } else { Err("expecting )".into()) };
        }
        let path = self.path()?;
        let signs = [
            ("=", Operator::Equal),
            ("!=", Operator::Unequal),
            ("<>", Operator::Unequal),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("<", Operator::Less),
            (">", Operator::More),
        ];
        if let Some((_, operator)) = signs.into_iter().find(|(sign, _)| self.sign(sign)) {
            return Ok(Condition::Compare { path, operator, values: vec![self.value()?] });
        }
        if self.keyword("LIKE") {
            return Ok(Condition::Compare { path, operator: Operator::Like, values: vec![self.value()?] });
        }
        let operator = match (self.keyword("NOT"), self.keyword("IN")) {
            (true, true) => Operator::NotIn,
            (false, true) => Operator::In,
            _ => return Err("expecting an operator".into()),
        };
        if !self.sign("(") {
            return Err("expecting (".into());
        }
        let mut values = vec![self.value()?];
        while self.sign(",") {
            values.push(self.value()?);
        }
        if self.sign(")") { Ok(Condition::Compare { path, operator, values }) } else { Err("expecting )".into()) }
    }

    fn value(&mut self) -> Result<Literal, String> {
        let token = self.tokens.get(self.at).ok_or("expecting a value")?;
        self.at += 1;
        match token {
            Token::Text(text) => Ok(Literal::Text(text.clone())),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Ok(Literal::Null),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Ok(Literal::Flag(true)),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Ok(Literal::Flag(false)),
            Token::Word(word) if word.contains('T') => {
                Instant::parse(word).map(Literal::Instant).ok_or_else(|| format!("`{word}` is no dateTime"))
            }
            Token::Word(word) if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                Ok(Literal::Plain(word.clone()))
            }
            other => Err(format!("unexpected token: {other:?}")),
        }
    }
}
