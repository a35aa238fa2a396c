//! Parameters in a query.

use std::borrow::Cow;

/// Returns the first parameter of this name in a query.
pub(crate) fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}
