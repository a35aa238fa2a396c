//! Medians with their spread, and the Markdown table they are printed as.

use std::fs;
use std::num::NonZero;
use std::process::Command;
use std::thread;

use crate::RUNS;

/// One value a run.
pub(crate) struct Runs(Vec<f64>);

impl Runs {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Compares run by run: what slows a whole run slows both sides of it.
    pub(crate) fn against(&self, other: &Self, compare: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| compare(*own, *other)).collect())
    }

    /// `median (minimum–maximum) unit`.
    pub(crate) fn show(&self, digits: usize, unit: &str) -> String {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let number = |value: f64| grouped(value, digits);
        match (sorted.first(), sorted.get(sorted.len() / 2), sorted.last()) {
            (Some(low), Some(middle), Some(high)) => {
                format!("{} ({}–{}){unit}", number(*middle), number(*low), number(*high))
            }
            _ => "not measured".to_owned(),
        }
    }
}

/// The value that this share of what was seen lies below: 0.5 gives the median.
pub(crate) fn quantile(seen: &mut [f64], share: f64) -> f64 {
    seen.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "an index")]
    let index = (seen.len() as f64 * share) as usize;
    seen.get(index).copied().unwrap_or(f64::NAN)
}

/// `12,345.6`.
fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::from(if value < 0.0 { "−" } else { "" });
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

/// A line of the table.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) own: String,
    pub(crate) against: String,
    pub(crate) comparison: String,
}

impl Row {
    pub(crate) fn print(&self) {
        println!("| {} | {} | {} | {} |", self.name, self.own, self.against, self.comparison);
    }
}

/// Prints the machine, and the head of the table.
pub(crate) fn print_head(own: &str) {
    let cores = thread::available_parallelism().map_or(0, NonZero::get);
    println!("{}, {cores} cores, {}; {RUNS} runs of each, in turn; median (minimum–maximum)\n", processor(), compiler());
    println!("| | {own} | against | |\n|---|---:|---:|---:|");
}

fn processor() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.to_owned())
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(|_| "unknown rustc".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
