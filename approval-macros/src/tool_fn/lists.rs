//! What the options name: `skip`, `live`, `flatten`, `redact` and `reason` speak of arguments.

use proc_macro2::{Ident, Span};
use syn::FnArg;
use syn::ext::IdentExt;

use super::arguments::{Part, is_lint};
use super::tool::ToolFn;
use crate::errors::Errors;
use crate::options::FieldPath;
use crate::reason::Reason;
use crate::tokens::text;
use crate::types::{is_leaf, is_request_context, last_segment};
use crate::words::{listed, nearest};

impl ToolFn {
    /// Gives each argument its part: by `skip`, `live` and `flatten`, else by its type.
    pub(super) fn sort_out_arguments(&mut self, errors: &mut Errors) {
        let mut lists: Vec<(Part, &str, Ident)> = Vec::new();
        for (part, list, names) in [
            (Part::Skipped, "skip", self.options.skip.items()),
            (Part::Live, "live", self.options.live.items()),
            (Part::Flattened, "flatten", self.options.flatten.items()),
        ] {
            lists.extend(names.iter().map(|name| (part, list, name.clone())));
        }
        let mut named: Vec<(String, &str)> = Vec::new();
        for (part, list, ident) in &lists {
            let name = ident.unraw().to_string();
            if name == "self" {
                errors.add(ident, "`self` is never shown to reviewers", format!("leave it out of `{list}`"));
                continue;
            }
            let names: Vec<_> = self.arguments.iter().map(|argument| argument.name.clone()).collect();
            let Some(argument) = self.arguments.iter_mut().find(|argument| argument.name == name) else {
                errors.add(ident, format!("`{list}` names `{name}`, which is no argument"), did_you_mean(&name, &names));
                continue;
            };
            if let Some((_, before)) = named.iter().find(|(before, _)| *before == name) {
                let what = if before == list {
                    format!("`{name}` is in `{list}` twice")
                } else {
                    format!("`{name}` is in `{before}` and in `{list}`")
                };
                errors.add(ident, what, "keep one of the two");
                continue;
            }
            if *part == Part::Flattened && argument.is_mutable_borrow() {
                errors.add(
                    ident,
                    format!("`{name}` is a `&mut`, which is never shown to reviewers"),
                    format!("leave it out of `{list}`"),
                );
                continue;
            }
            argument.part = *part;
            named.push((name, list));
        }
        for argument in &mut self.arguments {
            let unasked = argument.is_mutable_borrow() || is_request_context(&argument.ty);
            if unasked && argument.part != Part::Live {
                argument.part = Part::Skipped;
            }
        }
        // A lone `Parameters<T>`: reviewers and rules see T's fields, as the model that called does.
        let mut decoded = self.arguments.iter_mut().filter(|argument| argument.is_decoded());
        if let (Some(lone), None) = (decoded.next(), decoded.next())
            && last_segment(&lone.ty).is_some_and(|segment| segment.ident == "Parameters")
        {
            lone.part = Part::Flattened;
        }
        let mut flattened = lists.iter().filter(|(part, ..)| *part == Part::Flattened);
        if let (Some((_, _, first)), Some((_, _, second))) = (flattened.next(), flattened.next()) {
            errors.add(
                second,
                format!("`{first}` is flattened already: whose a field is could not be told"),
                "flatten one argument",
            );
        }
    }

    /// Takes `#[allow(..)]` along to where the body binds its argument.
    pub(super) fn move_lints(&mut self) {
        let typed = self.sig.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        for (typed, argument) in typed.zip(&mut self.arguments) {
            if argument.is_decoded() || argument.pattern.is_some() {
                argument.lints = typed.attrs.extract_if(.., |attr| is_lint(attr)).collect();
            }
        }
    }

    pub(super) fn check_redact(&mut self, errors: &mut Errors) {
        let names: Vec<_> = self.arguments.iter().map(|argument| argument.name.clone()).collect();
        for path in self.options.redact.items() {
            let mut keys = path.names();
            let name = keys[0].clone();
            let Some(argument) = self.argument(&name) else {
                errors.add(path, format!("`redact` names `{name}`, which is no argument"), did_you_mean(&name, &names));
                continue;
            };
            if argument.part == Part::Skipped {
                let why = if argument.is_mutable_borrow() {
                    "is a `&mut`, which is never shown"
                } else {
                    "is in `skip` already: it is not shown at all"
                };
                errors.add(path, format!("`{name}` {why}"), "leave it out of `redact`");
            } else if argument.part == Part::Flattened && keys.len() == 1 {
                let help = format!("name one, as in `redact({name}.password)`, or leave out `flatten`");
                errors.add(path, format!("`{name}` is flattened: its fields are the arguments"), help);
            } else if keys.len() > 1 && is_leaf(&argument.ty) {
                let help = format!("write `redact({name})`");
                errors.add(path, format!("`{name}: {}` has no field `{}`", text(&argument.ty), keys[1]), help);
            } else {
                if argument.part == Part::Flattened {
                    keys.remove(0);
                }
                self.redact.push(keys.join("."));
            }
        }
    }

    pub(super) fn check_reason(&mut self, errors: &mut Errors) {
        let Some(literal) = self.options.reason.get() else { return };
        let variable = |name: &str| {
            if name == "self" && self.sig.receiver().is_some() {
                return Ok(Ident::new("self", Span::call_site()));
            }
            let bindings = || self.arguments.iter().flat_map(|argument| &argument.bindings);
            bindings().find(|binding| binding.unraw() == name).cloned().ok_or_else(|| {
                let names: Vec<_> = bindings().map(|binding| binding.unraw().to_string()).collect();
                did_you_mean(name, &names)
            })
        };
        let reason = match Reason::read(literal, variable) {
            Ok(reason) => reason,
            Err((what, help)) => return errors.add(literal, what, help),
        };
        for shown in &reason.shown {
            for hidden in self.options.redact.items().iter().map(FieldPath::names) {
                if shown.iter().zip(&hidden).all(|(a, b)| a == b) {
                    let what = format!("`reason` shows `{}`, and `{}` is redacted", shown.join("."), hidden.join("."));
                    errors.add(literal, what, "leave it out of `reason`: it is sent to reviewers as it stands");
                }
            }
        }
        self.reason = Some(reason);
    }
}

fn did_you_mean(name: &str, names: &[String]) -> String {
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "the function has no arguments".to_owned(),
        None => format!("arguments are {}", listed(names)),
    }
}
