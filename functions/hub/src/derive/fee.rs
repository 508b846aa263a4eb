//! What a marketplace keeps of a price. Minor units and whole millionths; nothing goes through a float.

use concord_connector::{Money, offer::decimal};
use std::fmt;

/// The most decimals of a percentage.
const DECIMALS: usize = 4;
/// Millionths of a whole in a percent.
const PERCENT: u32 = 10_000;

/// A share of the price, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// Reads `3`, `1.5` or `3 %`; at most a hundred, at most four decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let number = decimal(text.strip_suffix('%').unwrap_or(text))?;
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        if fraction.len() > DECIMALS {
            return None;
        }
        let whole: u32 = whole.parse().ok().filter(|whole| *whole <= 100)?;
        let fraction: u32 = format!("{fraction:0<DECIMALS$}").parse().ok()?;
        Some(Self(whole * PERCENT + fraction)).filter(|percent| percent.0 <= 100 * PERCENT)
    }

    /// The fee of an amount, rounded half up to the minor unit.
    pub fn of(self, amount: Money) -> Money {
        let exact = i128::from(amount.minor) * i128::from(self.0);
        let whole = i128::from(100 * PERCENT);
        let fee = (2 * exact + whole).div_euclid(2 * whole);
        Money { minor: i64::try_from(fee).unwrap_or(amount.minor), currency: amount.currency }
    }

    /// What is left of an amount: fee and rest come to the amount.
    pub fn rest(self, amount: Money) -> Money {
        Money { minor: amount.minor.saturating_sub(self.of(amount).minor), currency: amount.currency }
    }
}

/// The number, without the sign.
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:0DECIMALS$}", self.0 / PERCENT, self.0 % PERCENT);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use concord_connector::value::Currency;

    fn money(text: &str, currency: &str) -> Money {
        Money::parse(text, Currency::parse(currency).unwrap()).unwrap()
    }

    #[test]
    fn a_percentage_has_one_form() {
        let told = |text: &str| Percent::parse(text).map(|percent| percent.to_string());
        assert_eq!(told(" 3 % ").as_deref(), Some("3"));
        assert_eq!(told("1.50").as_deref(), Some("1.5"));
        assert_eq!((told("0").as_deref(), told("100").as_deref()), (Some("0"), Some("100")));
        assert_eq!([told("100.1"), told("1.00001"), told("-3"), told("three"), told("")], [const { None }; 5]);
    }

    #[test]
    fn fee_and_rest_come_to_the_amount_and_halves_go_up() {
        let three = Percent::parse("3").unwrap();
        assert_eq!(three.rest(money("24000.00", "USD")), money("23280.00", "USD"));
        // 0.50 is 1.5 cents of fee: two.
        assert_eq!(three.of(money("0.50", "USD")).minor, 2);
        assert_eq!(three.of(money("0.49", "USD")).minor, 1);
        assert_eq!(three.of(money("50", "JPY")).minor, 2, "of currencies without cents, whole units");
        for minor in [0, 1, 17, 33, 99, 12_345, i64::MAX / 2] {
            let amount = Money { minor, ..money("1", "USD") };
            assert_eq!(three.of(amount).minor + three.rest(amount).minor, minor);
        }
    }
}
