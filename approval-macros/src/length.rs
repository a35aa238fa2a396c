//! A length of time in an option: `120`, `"1h30m"`, or a constant.

use syn::{Expr, ExprLit, ExprUnary, Lit, LitInt, UnOp};

use crate::errors::Errors;
use crate::tokens::ungrouped;

/// The longest time a request stays open: 30 days.
const MOST: u64 = 30 * 24 * 60 * 60;

/// A length of time, in seconds where the macro can read it.
pub(crate) enum Length {
    Seconds(u64),
    /// A `Duration` constant: the compiler checks it.
    Constant(Expr),
}

impl Length {
    /// Reads the value of the option `keyword`, which is at least `least` seconds.
    pub(crate) fn read(keyword: &str, value: Expr, least: u64, errors: &mut Errors) -> Option<Self> {
        let value = ungrouped(value);
        let read = match &value {
            Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => whole(keyword, int),
            Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => {
                let up = float.base10_parse::<f64>().map_or(1, |seconds| seconds.ceil() as u64).max(1);
                Err((format!("`{keyword}` is in whole seconds"), format!("write `{keyword} = {up}`")))
            }
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => units(&text.value()).map_err(|what| {
                (what, format!("write `{keyword} = \"2m\"`: whole numbers with `d`, `h`, `m`, `s`, the largest unit first"))
            }),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => {
                Err((format!("`{keyword}` is negative"), format!("write `{keyword} = 120`")))
            }
            Expr::Lit(_) => Err((format!("`{keyword}` is a length of time"), example(keyword))),
            _ => return Some(Self::Constant(value)),
        };
        let read = read.and_then(|seconds| match seconds {
            seconds if seconds < least => Err((format!("`{keyword}` is zero: reviewers need time to read"), example(keyword))),
            seconds if seconds > MOST => Err((
                format!("`{keyword}` is over 30 days, the longest a request stays open"),
                format!("write `{keyword} = \"30d\"` or less"),
            )),
            seconds => Ok(seconds),
        });
        match read {
            Ok(seconds) => Some(Self::Seconds(seconds)),
            Err((what, help)) => {
                errors.add(&value, what, help);
                None
            }
        }
    }
}

fn example(keyword: &str) -> String {
    format!("write `{keyword} = 120` (seconds), `{keyword} = \"2m\"`, or a `Duration` constant")
}

/// Reads a number of seconds.
fn whole(keyword: &str, int: &LitInt) -> Result<u64, (String, String)> {
    let suffix = int.suffix();
    if !suffix.is_empty() && !suffix.starts_with(['u', 'i']) {
        return Err((format!("`{int}` is no number of seconds"), format!("write `{keyword} = \"{int}\"`")));
    }
    // Only a number with too many digits is left.
    Ok(int.base10_parse().unwrap_or(u64::MAX))
}

/// Reads `1h30m`.
fn units(text: &str) -> Result<u64, String> {
    const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let unreadable = || format!("`\"{text}\"` is no length of time");
    let mut left = UNITS.as_slice();
    let mut rest = text;
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0).ok_or_else(unreadable)?;
        let unit = rest[digits..].chars().next().ok_or_else(unreadable)?;
        let place = left.iter().position(|(name, _)| *name == unit).ok_or_else(unreadable)?;
        let number = rest[..digits].parse().unwrap_or(u64::MAX);
        sum = sum.saturating_add(left[place].1.saturating_mul(number));
        left = &left[place + 1..];
        rest = rest[digits + unit.len_utf8()..].trim_start();
    }
    if text.is_empty() { Err(unreadable()) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, seconds) in [("90s", 90), ("2m", 120), ("1h30m", 5_400), ("1h 30m", 5_400), ("30d", MOST), ("0s", 0)] {
            assert_eq!(units(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn unclear_lengths_are_refused() {
        for text in ["", "2", "m", "2 m", "30m1h", "1m1m", "1.5m", "-1s", "500ms", "2min", "2µ"] {
            assert!(units(text).is_err(), "{text}");
        }
    }

    #[test]
    fn huge_lengths_do_not_wrap() {
        assert_eq!(units("99999999999999999999d"), Ok(u64::MAX));
        assert_eq!(units("18446744073709551615d"), Ok(u64::MAX));
    }

    #[test]
    fn bounds_hold_for_each_form() {
        let read = |source: &str, least| {
            let mut errors = Errors::default();
            let value = syn::parse_str(source).expect("an expression");
            let length = Length::read("timeout", value, least, &mut errors);
            (length.map(|length| matches!(length, Length::Seconds(_))), errors.messages().len())
        };
        for good in ["1", "120", "0x78", "1_000", "2_592_000", "\"30d\"", "120u64"] {
            assert_eq!(read(good, 1), (Some(true), 0), "{good}");
        }
        for bad in ["0", "-1", "1.5", "2_592_001", "\"31d\"", "\"0m\"", "2m", "true", "99999999999999999999"] {
            assert_eq!(read(bad, 1), (None, 1), "{bad}");
        }
        assert_eq!(read("0", 0), (Some(true), 0));
        assert_eq!(read("LIMIT", 1), (Some(false), 0));
    }
}
