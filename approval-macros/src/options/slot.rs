//! The place of one option.

use proc_macro2::Ident;

use crate::errors::Errors;

/// The place of one option, which takes one value.
pub(crate) struct Slot<T> {
    keyword: Option<Ident>,
    value: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { keyword: None, value: None }
    }
}

impl<T> Slot<T> {
    /// Sets the value (`None` if it could not be read, which somebody has said already), or refuses a second one.
    pub(super) fn set(&mut self, keyword: Ident, value: Option<T>, errors: &mut Errors) {
        if self.keyword.is_some() {
            errors.add(&keyword, format!("`{keyword}` is given twice"), "keep one of the two");
            return;
        }
        self.keyword = Some(keyword);
        self.value = value;
    }

    /// Returns the value, if one was given and could be read.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Returns the option's own name where it was given, readable or not.
    pub(crate) fn keyword(&self) -> Option<&Ident> {
        self.keyword.as_ref()
    }
}

impl<T> Slot<Vec<T>> {
    /// Returns what the list names.
    pub(crate) fn items(&self) -> &[T] {
        self.value.as_deref().unwrap_or_default()
    }
}
