//! Words in a mistake's text: the one that was probably meant, and lists.

use std::fmt::Display;

/// Returns the name that was probably meant.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let close = |near: &&str| distance(name, near) <= near.len().div_ceil(3);
    names.into_iter().filter(close).min_by_key(|near| distance(name, near))
}

/// Counts the letters to insert, delete, replace or swap on the way from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut table = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            table[i][j] = match (i, j) {
                (0, edits) | (edits, 0) => edits,
                _ => {
                    let replaced = table[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                    let swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
                    let swapped = if swapped { table[i - 2][j - 2] + 1 } else { usize::MAX };
                    replaced.min(swapped).min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
                }
            };
        }
    }
    table[from.len()][to.len()]
}

/// Writes names as a list in a sentence.
pub(crate) fn listed(names: impl IntoIterator<Item = impl Display>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("timeout", "timeout"), 0);
        assert_eq!(distance("tiemout", "timeout"), 1);
        assert_eq!(distance("amout", "amount"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(nearest("xyz", ["timeout"]), None);
    }
}
