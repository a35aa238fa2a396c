//! Calls that are made elsewhere, by a model's JSON or in another process, and have nothing but what is in it.

use proc_macro2::Ident;
use syn::GenericParam;
use syn::ext::IdentExt;

use super::tool::ToolFn;
use crate::errors::Errors;
use crate::tokens::{find_ident, text};
use crate::types::is_opaque;

impl ToolFn {
    pub(super) fn check_callable(&self, errors: &mut Errors) {
        let Some(keyword) = self.options.callable.keyword() else { return };
        if self.hidden_by(keyword, errors) {
            return;
        }
        let why = match self.not_in_json() {
            Some(NotInJson::Value(name)) => format!("there is no `{name}` in its JSON"),
            Some(NotInJson::Type(ty)) => format!("its JSON does not say what `{ty}` is"),
            None => return,
        };
        errors.add(
            keyword,
            format!("a model cannot call this by name: {why}"),
            "leave out `callable`, or move the work to a free function that gets all it needs",
        );
    }

    pub(super) fn check_resumable(&self, errors: &mut Errors) {
        let Some(keyword) = self.options.resumable.keyword() else { return };
        if self.hidden_by(keyword, errors) {
            return;
        }
        let why = match (self.not_in_json(), self.redact.first()) {
            (Some(NotInJson::Value(name)), _) => format!("`{name}` is not kept with the request"),
            (Some(NotInJson::Type(ty)), _) => format!("nobody there knows what `{ty}` is"),
            (None, Some(hidden)) => format!("`{hidden}` is redacted, so it is not kept with the request"),
            (None, None) => return,
        };
        errors.add(
            keyword,
            format!("another process cannot finish this call: {why}"),
            "leave out `resumable`, or move the work to a free function that gets all it needs",
        );
    }

    /// Refuses an argument that is named like the function, where an option calls that.
    fn hidden_by(&self, keyword: &Ident, errors: &mut Errors) -> bool {
        let Some(same) = self.arguments.iter().find(|argument| argument.variable == self.sig.ident) else { return false };
        let what = format!("this hides the function `{}` where `{keyword}` calls it", same.variable);
        let help = format!("name the argument otherwise, or the function, with `name = \"{}\"`", same.variable.unraw());
        errors.add(&same.variable, what, help);
        true
    }

    /// Finds what a call needs beside its arguments' JSON.
    fn not_in_json(&self) -> Option<NotInJson> {
        let mut generics = self.sig.generics.params.iter().filter(|param| !matches!(param, GenericParam::Lifetime(_)));
        if self.sig.receiver().is_some() {
            Some(NotInJson::Value("self".to_owned()))
        } else if find_ident(&self.sig, "Self").is_some() {
            Some(NotInJson::Type("Self".to_owned()))
        } else if let Some(param) = generics.next() {
            Some(NotInJson::Type(parameter(param)))
        } else if let Some(argument) = self.arguments.iter().find(|argument| !argument.is_decoded()) {
            Some(NotInJson::Value(argument.name.clone()))
        } else {
            let opaque = self.arguments.iter().find(|argument| is_opaque(&argument.ty));
            opaque.map(|argument| NotInJson::Type(text(&argument.ty)))
        }
    }
}

/// What a call needs that the JSON of its arguments cannot give.
enum NotInJson {
    Value(String),
    Type(String),
}

fn parameter(param: &GenericParam) -> String {
    match param {
        GenericParam::Lifetime(param) => param.lifetime.to_string(),
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
    }
}
