//! What can be wrong with arguments, said without showing any.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::display;
use super::{MAX_BYTES, MAX_DEPTH, MAX_KEYS};

/// Arguments that the gate does not take: nothing was asked, nothing runs.
///
/// A message says where it is wrong and what to do. It never holds a value, because values may be
/// secrets and messages end up in logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Two fields of one object have the same name.
    #[error("{path} is given twice: give each field once")]
    DuplicateKey {
        /// The field.
        path: Path,
    },
    /// An integer that needs more than 64 bits, or a float that is not finite.
    #[error("{path} is a number out of range: integers have at most 64 bits, floats are finite")]
    NumberOutOfRange {
        /// The number.
        path: Path,
    },
    /// A field that the tool does not have.
    #[error("{path} is not a field of this tool: leave it out")]
    UnknownField {
        /// The field.
        path: Path,
    },
    /// A field that the tool needs is not there.
    #[error("{path} is missing: add it")]
    MissingField {
        /// The field.
        path: Path,
    },
    /// A value of another type than the tool takes there.
    #[error("{path} has the wrong type or form: give what the tool takes there")]
    TypeMismatch {
        /// The value.
        path: Path,
    },
    /// A text that is not one JSON document in UTF-8.
    #[error("the text is not one JSON document, seen at byte {at}: send one object, and nothing after it")]
    InvalidJson {
        /// How many bytes were in order.
        at: usize,
    },
    /// Objects and arrays stand in each other too deeply.
    #[error("{path} nests deeper than {MAX_DEPTH} levels: flatten it")]
    TooDeep {
        /// The object or array that was one too many.
        path: Path,
    },
    /// The canonical text is too long.
    #[error("{path} makes the arguments longer than {MAX_BYTES} bytes: pass a reference to the content")]
    TooLarge {
        /// The value that was one too many.
        path: Path,
    },
    /// There are too many fields.
    #[error("{path} is one field more than {MAX_KEYS}: send fewer")]
    TooManyKeys {
        /// The field that was one too many.
        path: Path,
    },
    /// A field's name is one that the gate or its JSON library uses itself.
    #[error("{path} has a reserved name: rename it")]
    ReservedKey {
        /// The field.
        path: Path,
    },
    /// An edit touched what it cannot show.
    #[error("{path} is redacted: leave it as it stands, or leave it out")]
    RedactedChanged {
        /// The redacted value, or the field that would have become one.
        path: Path,
    },
    /// An edit changed an argument that runs as it is, whatever the record says.
    #[error("{path} runs as it is and cannot be edited: leave it as it stands")]
    LiveChanged {
        /// The live argument.
        path: Path,
    },
    /// A value that JSON has no form for, or whose own `Serialize` refused.
    #[error("{path} cannot be written as JSON: give it another type, or keep it out of review")]
    Unsupported {
        /// The value.
        path: Path,
    },
}

impl Invalid {
    /// A live argument that an edit changed.
    pub(crate) fn live_changed(name: &str) -> Self {
        Self::LiveChanged { path: Path::of(&[Step::name(name)]) }
    }

    /// The stable name of what is wrong, such as `duplicate_key`.
    #[must_use]
    pub const fn error(&self) -> &'static str {
        match self {
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::NumberOutOfRange { .. } => "number_out_of_range",
            Self::UnknownField { .. } => "unknown_field",
            Self::MissingField { .. } => "missing_field",
            Self::TypeMismatch { .. } => "type_mismatch",
            Self::InvalidJson { .. } => "invalid_json",
            Self::TooDeep { .. } => "too_deep",
            Self::TooLarge { .. } => "too_large",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::ReservedKey { .. } => "reserved_key",
            Self::RedactedChanged { .. } => "redacted_changed",
            Self::LiveChanged { .. } => "live_changed",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

/// Where in some arguments a value stands: `card.number`, `items[2].sku`.
///
/// Names that are not plain words stand in quotes, in the [display form](super::display). Long
/// names and long paths are cut, so that a path is safe to print whoever chose its names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path(Box<str>);

/// Longest name, in characters, that a path shows whole.
const NAME_CHARS: usize = 64;
/// Length in bytes after which a path takes no further step.
const PATH_BYTES: usize = 256;

impl Path {
    /// The path as text, empty for the arguments as a whole.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(steps: &[Step<'_>]) -> Self {
        let mut path = String::new();
        for step in steps {
            if path.len() > PATH_BYTES {
                path.push_str("...");
                break;
            }
            match step {
                Step::Index(index) => {
                    write!(path, "[{index}]").expect("a string takes every write");
                }
                Step::Name(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    push_name(&mut path, name);
                }
            }
        }
        Self(path.into())
    }
}

fn push_name(path: &mut String, name: &str) {
    let cut = name.char_indices().nth(NAME_CHARS).map_or(name, |(at, _)| &name[..at]);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte);
    if !cut.is_empty() && cut.bytes().all(plain) {
        path.push_str(cut);
    } else {
        path.push_str(&display::text(cut));
    }
    if cut.len() < name.len() {
        path.push_str("...");
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the value") } else { write!(f, "`{}`", self.0) }
    }
}

/// One step on the way to a value.
#[derive(Debug, Clone)]
pub(super) enum Step<'a> {
    Name(Cow<'a, str>),
    Index(usize),
}

impl<'a> Step<'a> {
    pub(super) fn name(name: impl Into<Cow<'a, str>>) -> Self {
        Self::Name(name.into())
    }

    /// The steps as a JSON pointer.
    pub(super) fn pointer(steps: &[Self]) -> String {
        let mut pointer = String::new();
        for step in steps {
            match step {
                Self::Name(name) => {
                    pointer.push('/');
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                }
                Self::Index(index) => {
                    write!(pointer, "/{index}").expect("a string takes every write");
                }
            }
        }
        pointer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_like_code() {
        let path = Path::of(&[Step::name("items"), Step::Index(2), Step::name("sku")]);
        assert_eq!(path.as_str(), "items[2].sku");
        assert_eq!(Invalid::MissingField { path }.to_string(), "`items[2].sku` is missing: add it");
        assert_eq!(Path::of(&[]).to_string(), "the value");
    }

    #[test]
    fn hostile_names_are_escaped() {
        let path = Path::of(&[Step::name("a\u{202E}\n\u{1B}[2J"), Step::name("")]);
        assert_eq!(path.as_str(), r#""a\u{202E}\n\u{1B}[2J".""#.to_owned() + "\"");
    }

    #[test]
    fn long_paths_are_cut() {
        let name = "é".repeat(10_000);
        let path = Path::of(&vec![Step::name(name); 64]);
        assert!(path.as_str().len() < 1024, "{}", path.as_str().len());
        assert!(path.as_str().ends_with("..."));
    }
}
