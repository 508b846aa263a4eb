//! Lines of offers and listings: what a text field with one line each holds, read strictly and written in one form.
//!
//! Amounts are decimal texts; nothing here goes through a float.

use crate::value::{Currency, Money};
use std::fmt;

/// An amount that is due on a day: `2026-12-20 12000.00 USD`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installment {
    /// The day, `YYYY-MM-DD`.
    pub on: jiff::civil::Date,
    /// What is due.
    pub amount: Money,
}

/// The price of a unit of a dimension: `api_calls 0.002 USD`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// The dimension's key.
    pub dimension: String,
    /// A decimal number.
    pub price: String,
    /// Of what currency.
    pub currency: Currency,
}

/// What a price includes: `BasicService 100`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The dimension's key.
    pub dimension: String,
    /// How many units; `None` where they are not counted.
    pub quantity: Option<u64>,
}

/// Something that is sold or metered: `BasicService | Entitled | Basic | The basic tier`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dimension {
    /// Its key.
    pub key: String,
    /// The marketplace's types, separated by commas: `Entitled`, `ExternallyMetered`.
    pub types: Vec<String>,
    /// A title.
    pub name: String,
    /// What it is.
    pub description: String,
}

/// A plan: `gold | Gold | Everything, and support`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plan {
    /// Its key.
    pub key: String,
    /// A title.
    pub name: String,
    /// What it is.
    pub description: String,
}

impl Installment {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Self, String> {
        let wrong = || "an instalment is written `YYYY-MM-DD AMOUNT CURRENCY`: `2026-12-20 12000.00 USD`".to_owned();
        let [on, amount, currency] = words(line).ok_or_else(wrong)?;
        let currency = Currency::parse(currency).ok_or_else(wrong)?;
        Ok(Self { on: on.parse().map_err(|_| wrong())?, amount: Money::parse(amount, currency)? })
    }
}

impl Rate {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Self, String> {
        let wrong = || "a rate is written `DIMENSION PRICE CURRENCY`: `api_calls 0.002 USD`".to_owned();
        let [dimension, price, currency] = words(line).ok_or_else(wrong)?;
        let currency = Currency::parse(currency).ok_or_else(wrong)?;
        let price = decimal(price).ok_or_else(wrong)?;
        Ok(Self { dimension: dimension.to_owned(), price, currency })
    }
}

impl Grant {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Self, String> {
        let wrong = || "what is included is written `DIMENSION QUANTITY`: `BasicService 100`".to_owned();
        let mut parts = line.split_whitespace();
        let dimension = parts.next().ok_or_else(wrong)?.to_owned();
        let quantity = parts.next().map(|text| text.parse().map_err(|_| wrong())).transpose()?;
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self { dimension, quantity }) }
    }
}

impl Dimension {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Self, String> {
        let [key, types, name, description] =
            columns(line).ok_or_else(|| "a dimension is written `KEY | TYPE | NAME | DESCRIPTION`".to_owned())?;
        let types = types.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
        Ok(Self { key, types, name, description })
    }
}

impl Plan {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Self, String> {
        let [key, name, description] =
            columns(line).ok_or_else(|| "a plan is written `KEY | NAME | DESCRIPTION`".to_owned())?;
        Ok(Self { key, name, description })
    }
}

/// A decimal number without sign and exponent, in its shortest form: `1.50` is `1.5`.
pub fn decimal(text: &str) -> Option<String> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') || text.len() > 40 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

fn words<const N: usize>(line: &str) -> Option<[&str; N]> {
    line.split_whitespace().collect::<Vec<_>>().try_into().ok()
}

fn columns<const N: usize>(line: &str) -> Option<[String; N]> {
    let columns: Vec<String> = line.splitn(N, '|').map(|column| column.trim().to_owned()).collect();
    <[String; N]>::try_from(columns).ok().filter(|columns| !columns[0].is_empty())
}

impl fmt::Display for Installment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.on, self.amount.decimal(), self.amount.currency)
    }
}
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.dimension, self.price, self.currency)
    }
}
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dimension)?;
        self.quantity.map_or(Ok(()), |quantity| write!(f, " {quantity}"))
    }
}
impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {} | {}", self.key, self.types.join(", "), self.name, self.description)
    }
}
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {}", self.key, self.name, self.description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_written_in_one_form() {
        let told = |line: &str| Installment::parse(line).map(|one| one.to_string());
        assert_eq!(told(" 2026-12-20  12000  usd "), Ok("2026-12-20 12000.00 USD".into()));
        assert!(told("20.12.2026 12000 USD").is_err() && told("2026-12-20 12000").is_err());
        let told = |line: &str| Rate::parse(line).map(|one| one.to_string());
        assert_eq!(told("api_calls 0.00200 USD"), Ok("api_calls 0.002 USD".into()));
        assert!(told("api_calls 1e-3 USD").is_err() && told("api_calls -1 USD").is_err());
        assert_eq!(Grant::parse("Basic 100").map(|one| one.quantity), Ok(Some(100)));
        assert_eq!(Grant::parse("Basic").map(|one| one.to_string()), Ok("Basic".into()));
        assert!(Grant::parse("Basic many").is_err() && Grant::parse("").is_err());
        let dimension = Dimension::parse("a|Entitled,Metered| A | With | bars").unwrap();
        assert_eq!(dimension.types, ["Entitled", "Metered"]);
        assert_eq!(dimension.description, "With | bars");
    }

    #[test]
    fn a_decimal_has_one_form() {
        let told: Vec<_> = ["0", "007", "1.50", ".5", "1.", "1e3", "-1", ""].map(decimal).into_iter().collect();
        let one = |text: &str| Some(text.to_owned());
        assert_eq!(told, [one("0"), one("7"), one("1.5"), None, None, None, None, None]);
    }
}
