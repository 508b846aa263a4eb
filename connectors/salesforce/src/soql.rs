//! SOQL texts and the requests that carry them.

use crate::{ask::Asked, composite, shape::Moment};
use concord_connector::{Context, Fault, Kind, Request, Response, Result, time::Instant};
use serde_json::Value as Json;

/// The vendor answers 414 or 431 when URI and headers together exceed 16,384 bytes. The rest is left for the headers.
const LONGEST_TARGET: usize = 12_000;

/// A text as a SOQL literal, quotes included.
pub(crate) fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('\'');
    for c in value.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A literal for LIKE that finds the text anywhere: `%` and `_` of the text itself are no wildcards.
pub(crate) fn anywhere(value: &str) -> String {
    let literal = text(value);
    let inner = &literal[1..literal.len() - 1];
    format!("'%{}%'", inner.replace('%', "\\%").replace('_', "\\_"))
}

/// A list of text literals for IN.
pub(crate) fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let literals: Vec<String> = values.into_iter().map(text).collect();
    format!("({})", literals.join(","))
}

/// An instant literal; unquoted in SOQL.
pub(crate) fn instant(at: Instant) -> String {
    at.rfc3339()
}

/// Letters, digits and underscores, beginning with a letter: what the name of an object or field may be. Names come from
/// configuration, and one that is anything else would be a way into the query.
pub(crate) fn name(name: &str) -> Result<&str> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 120
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if good {
        Ok(name)
    } else {
        Err(Fault::malformed("soql", "a name of an object or field is no name").with("name", name))
    }
}

/// The path below which everything lies.
pub(crate) fn root(cx: &Context) -> String {
    format!("/services/data/v{}", cx.option("api_version").unwrap_or("67.0"))
}

/// The URL of a query as a composite subrequest carries it.
pub(crate) fn url(cx: &Context, soql: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", soql).finish();
    format!("{}/queryAll?{query}", root(cx))
}

/// A request for a query. `queryAll` sees rows in the recycle bin too, so a delete or a merge is told instead of guessed.
/// A query too long for a URI goes into the body of a composite request.
pub(crate) fn request(cx: &Context, soql: &str) -> Request {
    if url(cx, soql).len() > LONGEST_TARGET {
        let sub = composite::Sub::get("rows", url(cx, soql));
        return composite::request(cx, &[sub]);
    }
    Request::get(format!("{}/queryAll", root(cx))).query("q", soql)
}

/// The body of a query's answer, whichever way it was sent.
pub(crate) fn page(response: &Response) -> Result<&Json> {
    match response.at("/compositeResponse/0") {
        Some(sub) => {
            let answer = composite::Answer::of(sub);
            if answer.status == 200 {
                Ok(answer.body)
            } else {
                Err(crate::errors::fault("query", answer.status, answer.body))
            }
        }
        None => Ok(&response.body),
    }
}

/// The rows of a query's answer.
pub(crate) fn rows(page: &Json) -> Result<&Vec<Json>> {
    page.get("records").and_then(Json::as_array).ok_or_else(|| {
        Fault::new(Kind::Unavailable, "query", "Salesforce answered a query with something that is no result")
    })
}

/// Every row of a query, across the pages that the vendor makes of it.
pub(crate) fn every<'a>(
    cx: &Context,
    asked: &mut Asked<'a>,
    soql: &str,
) -> crate::ask::Result<Vec<(&'a Json, Moment)>> {
    let mut found = Vec::new();
    let mut request = request(cx, soql);
    for _ in 0..PAGES {
        let response = asked.send(request)?;
        let page = page(response)?;
        let moment = Moment::of(response);
        found.extend(rows(page)?.iter().map(|row| (row, moment)));
        match next_page(page)? {
            Some(path) => request = Request::get(path),
            None => return Ok(found),
        }
    }
    Err(Fault::malformed("query", "Salesforce cuts the answer to a query into too many pages").into())
}

/// At most 200 ids are asked for at once, and the vendor never puts fewer than that many rows on a page.
const PAGES: usize = 4;

/// Where the answer goes on. Only paths of the API itself are followed.
pub(crate) fn next_page(page: &Json) -> Result<Option<&str>> {
    match page.get("nextRecordsUrl").and_then(Json::as_str) {
        Some(path) if path.starts_with("/services/data/v") => Ok(Some(path)),
        Some(_) => Err(Fault::malformed("query", "`/nextRecordsUrl` leads out of the API")),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_own_literal() {
        assert_eq!(text("O'Brien \\ \"Sons\"\n"), r#"'O\'Brien \\ \"Sons\"\n'"#);
        assert_eq!(text("\\' OR Name != '"), r"'\\\' OR Name != \''");
        assert_eq!(anywhere("50%_off'"), r"'%50\%\_off\'%'");
        assert!(name("Account").is_ok() && name("Deal_Registration__c").is_ok());
        for bad in ["", "1a", "Account WHERE", "a-b", "a.b"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
