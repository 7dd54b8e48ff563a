//! Amounts, exact in whole numbers.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Serialize, Serializer};

/// An amount in trillionths of the table's currency. Every price there is fits, and so does a
/// month's worth of it; what a division leaves over is rounded to the nearest trillionth. Shown,
/// and in JSON, it is rounded to the nearest hundredth, halves away from zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i128);

const DECIMALS: usize = 12;
const TRILLIONTHS_IN_CENT: i128 = 10_000_000_000;

impl Money {
    pub const ZERO: Self = Self(0);

    /// A price as the table has it, such as `0.0000133334`.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
            return None;
        }
        format!("{whole}{fraction:0<DECIMALS$}")
            .parse()
            .ok()
            .map(Self)
    }

    /// This price for `quantity / per`.
    #[must_use]
    pub fn times(self, quantity: u128, per: u128) -> Self {
        let quantity = i128::try_from(quantity).unwrap_or(i128::MAX);
        let per = i128::try_from(per).unwrap_or(i128::MAX).max(1);
        Self(rounded(self.0.saturating_mul(quantity), per))
    }

    fn cents(self) -> i128 {
        rounded(self.0, TRILLIONTHS_IN_CENT)
    }

    /// With its sign even where that is a plus: a difference. `±0.00` where nothing differs.
    pub fn signed(self) -> String {
        match self.cents() {
            0 => "±0.00".to_owned(),
            cents if cents > 0 => format!("+{self}"),
            _ => self.to_string(),
        }
    }
}

/// `amount / per`, to the nearest whole number, halves away from zero.
fn rounded(amount: i128, per: i128) -> i128 {
    let half = if amount < 0 { -(per / 2) } else { per / 2 };
    amount.saturating_add(half) / per
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.cents();
        let sign = if cents < 0 { "-" } else { "" };
        let cents = cents.unsigned_abs();
        f.pad(&format!("{sign}{}.{:02}", cents / 100, cents % 100))
    }
}

/// Text, so that no reader makes a binary fraction of it.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn a_price_is_taken_as_it_is_written() {
        assert_eq!(money("0.0000133334").0, 13_333_400);
        assert_eq!(money("5").0, 5_000_000_000_000);
        for wrong in [
            "",
            ".5",
            "-1",
            "1e3",
            "1,5",
            "0.0000000000001",
            "1.2.3",
            "1_0",
        ] {
            assert_eq!(Money::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_month_of_a_small_price_loses_nothing() {
        // 0.0000133334 × 1,000,000 requests × 50 ms × 256 MB.
        let month = money("0.0000133334").times(1_000_000 * 50 * 256, 1000 * 1024);
        assert_eq!(month, money("0.1666675"));
        assert_eq!(month.to_string(), "0.17");
    }

    #[test]
    fn halves_of_a_cent_are_rounded_away_from_zero() {
        assert_eq!(money("0.005").to_string(), "0.01");
        assert_eq!(money("0.004999").to_string(), "0.00");
        let less = Money::ZERO - money("1.005");
        assert_eq!(
            (less.to_string(), less.signed()),
            ("-1.01".to_owned(), "-1.01".to_owned())
        );
        assert_eq!(money("23.36").signed(), "+23.36");
        assert_eq!(money("0.001").signed(), "±0.00");
    }

    #[test]
    fn the_total_is_that_of_the_exact_amounts() {
        let thirds = [money("0.004"), money("0.004"), money("0.004")];
        assert_eq!(thirds.into_iter().sum::<Money>().to_string(), "0.01");
    }

    #[test]
    fn an_absurd_amount_stops_at_the_bounds() {
        let most = money("1000000").times(u128::MAX, 1);
        assert!(most > money("1000000") && !most.to_string().is_empty());
    }
}
