//! Text, times and durations as the page writes them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use maud::{Markup, html};

/// Writes text in the display form, with its escapes set apart: line ends and quotes recede, so that prose stays readable;
/// what was meant to stay hidden stands out.
pub(super) fn text(displayed: &str) -> Markup {
    html! {
        @for (plain, escape) in escapes(displayed) {
            (plain)
            @if escape.ends_with('}') { span.hidden { (escape) } }
            @else if !escape.is_empty() { span.escape { (escape) } }
        }
    }
}

/// Splits text in the display form into pairs of plain text and the escape that follows it.
fn escapes(displayed: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = displayed;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (plain, tail) = rest.split_at(rest.find('\\').unwrap_or(rest.len()));
        let length = match tail.as_bytes() {
            [b'\\', b'u' | b's' | b'N', b'{', ..] => tail.find('}').map_or(tail.len(), |end| end + 1),
            _ => tail.len().min(2),
        };
        let (escape, tail) = tail.split_at(length);
        rest = tail;
        Some((plain, escape))
    })
}

pub(super) fn time(time: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    html! { time datetime=(time.to_rfc3339_opts(SecondsFormat::Secs, true)) { (clock(time, now)) } }
}

/// Writes a time of today as such, any other with its date.
pub(super) fn clock(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let format = if time.date_naive() == now.date_naive() { "%H:%M:%S UTC" } else { "%-d %B %Y, %H:%M UTC" };
    time.format(format).to_string()
}

/// Says how long something lasts, in its two largest units.
pub(super) fn left(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_split_without_loss() {
        let displayed = r#""a\nb\\n\u{202E}c\s{12}d\N{9}\"""#;
        let joined: String = escapes(displayed).flat_map(|(plain, escape)| [plain, escape]).collect();
        assert_eq!(joined, displayed);
        let found: Vec<_> = escapes(displayed).map(|(_, escape)| escape).filter(|escape| !escape.is_empty()).collect();
        assert_eq!(found, [r"\n", r"\\", r"\u{202E}", r"\s{12}", r"\N{9}", r#"\""#]);
    }

    #[test]
    fn other_days_are_named() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().expect("RFC 3339");
        let now = time("2026-11-23T16:17:12Z");
        assert_eq!(clock(time("2026-11-23T23:59:59Z"), now), "23:59:59 UTC");
        assert_eq!(clock(time("2026-11-24T16:17:12Z"), now), "24 November 2026, 16:17 UTC");
    }

    #[test]
    fn time_left_has_two_units() {
        for (seconds, words) in [(-5, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3_725, "1 h 2 min"), (90_000, "1 d 1 h")] {
            assert_eq!(left(TimeDelta::seconds(seconds)), words);
        }
    }
}
