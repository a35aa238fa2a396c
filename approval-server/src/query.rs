//! Parameters in queries and forms.

use std::borrow::Cow;

/// Returns the first parameter of this name in a query.
pub(crate) fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}

/// Returns the value of a form that has this field once and no other.
pub(crate) fn only<'b>(body: &'b [u8], name: &str) -> Option<Cow<'b, str>> {
    let mut fields = form_urlencoded::parse(body);
    let (key, value) = fields.next()?;
    (key == name && fields.next().is_none()).then_some(value)
}
