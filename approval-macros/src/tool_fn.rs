//! The annotated function, and every rule about it.

mod arguments;
mod item;
mod shapes;
#[cfg(test)]
mod tests;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprLit, FnArg, GenericParam, Lit, ReceiverKind, ReturnType, Signature, Type, Visibility};

pub(crate) use self::arguments::{Argument, Part, Rebuilt};
use self::arguments::{arguments, is_lint};
pub(crate) use self::item::FnItem;
use self::item::name_of_tool;
use self::shapes::{output, shape, split_inner_attrs};
use crate::errors::Errors;
use crate::length::Length;
use crate::options::{FieldPath, Options};
use crate::reason::Reason;
use crate::tokens::{find, find_ident, is_ident, is_punct, text, ungrouped};
use crate::types::{Shape, bare, erased, is_leaf, is_only_serialize, is_opaque, is_request_context, last_segment, lifetimes};
use crate::words::{listed, nearest};

/// A function that keeps all the rules, taken apart for its expansion.
pub(crate) struct ToolFn {
    pub(crate) options: Options,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// The signature with plain variables in place of patterns.
    pub(crate) sig: Signature,
    pub(crate) shape: Shape,
    /// `#![..]` at the start of the body.
    pub(crate) inner_attrs: TokenStream,
    pub(crate) statements: TokenStream,
    /// Where the body's closing brace is.
    pub(crate) end: Span,
    /// What the future resolves to.
    pub(crate) output: Type,
    pub(crate) arguments: Vec<Argument>,
    /// A string, or an expression for a constant.
    pub(crate) name: TokenStream,
    /// Dotted paths as the captured JSON has them.
    pub(crate) redact: Vec<String>,
    pub(crate) reason: Option<Reason>,
}

impl ToolFn {
    /// Checks every rule. The result is to be expanded only if nothing was added to `errors`.
    pub(crate) fn check(options: Options, item: FnItem, errors: &mut Errors) -> Self {
        let FnItem { attrs, vis, mut sig, body, end } = item;
        check_signature(&attrs, &sig, errors);
        let (inner_attrs, body) = split_inner_attrs(body);
        let (shape, statements) = shape(&sig, body, errors);
        let output = output(&sig, shape);
        let arguments = arguments(&mut sig);
        let mut tool = Self {
            name: name(&options, &attrs, &sig, errors),
            options,
            attrs,
            vis,
            sig,
            shape,
            inner_attrs,
            statements,
            end,
            output,
            arguments,
            redact: Vec::new(),
            reason: None,
        };
        tool.sort_out_arguments(errors);
        tool.move_lints();
        tool.check_redact(errors);
        tool.check_reason(errors);
        tool.check_types(errors);
        tool.check_output(errors);
        tool.check_auto_approve(errors);
        tool.check_constants(errors);
        tool.check_callable(errors);
        tool.check_resumable(errors);
        tool
    }

    /// Returns the names on the card that reviewers did not see, or saw without binding the call to them.
    pub(crate) fn not_reviewed(&self) -> Vec<String> {
        let receiver = self.sig.receiver().map(|_| "self".to_owned());
        let arguments = self.arguments.iter().filter(|argument| !argument.is_decoded()).map(|argument| argument.name.clone());
        receiver.into_iter().chain(arguments).collect()
    }

    /// Returns the token that says whether the call is still wanted: `cancel = ..`, else that of rmcp's `RequestContext`.
    pub(crate) fn cancel(&self) -> Option<TokenStream> {
        let of_context = || {
            let context = self.arguments.iter().find(|argument| is_request_context(&argument.ty))?;
            let variable = &context.variable;
            Some(quote!(#variable.ct))
        };
        self.options.cancel.get().map(ToTokens::to_token_stream).or_else(of_context)
    }

    fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// Gives each argument its part: by `skip`, `live` and `flatten`, else by its type.
    fn sort_out_arguments(&mut self, errors: &mut Errors) {
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
    fn move_lints(&mut self) {
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

    fn check_redact(&mut self, errors: &mut Errors) {
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

    fn check_reason(&mut self, errors: &mut Errors) {
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

    /// Refuses arguments that cannot be decoded from JSON, as far as their syntax shows it.
    fn check_types(&self, errors: &mut Errors) {
        for argument in self.arguments.iter().filter(|argument| argument.is_decoded()) {
            let name = &argument.name;
            let either = format!("write `live({name})` (shown, and the caller's value runs) or `skip({name})` (not shown)");
            let owned = &erased(argument.owned());
            if let Type::Reference(reference) = bare(&argument.ty)
                && let Some(lifetime) = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident == "static")
            {
                let what =
                    format!("`{name}` is borrowed for `{lifetime}`, and the value that was approved does not live that long");
                let help = format!("write `{name}: &{}`, or `live({name})`: shown, and the caller's value runs", text(owned));
                errors.add(&argument.ty, what, help);
                continue;
            }
            if find(owned, |_, token| is_punct(token, '&') || is_punct(token, '\'')).is_some()
                || find_ident(owned, "Cow").is_some()
            {
                let what = format!("`{name}` borrows, and the body runs on values that own what was approved");
                errors.add(&argument.ty, what, format!("own it, or {either}"));
            } else if is_only_serialize(argument.owned()) {
                let what = format!("`{name}` can be shown to a reviewer, and not be given back");
                let ty = text(argument.owned());
                let help = format!(
                    "write `{ty} + serde::de::DeserializeOwned`, or `live({name})`: shown, and the caller's value runs"
                );
                errors.add(&argument.ty, what, help);
            } else if let Some(opaque) = find(argument.owned(), |before, token| {
                // Other traits of an `impl` are left to the compiler, which knows them.
                let is_function = ["Fn", "FnMut", "FnOnce"].iter().any(|name| is_ident(token, name));
                let after_impl = before.is_some_and(|before| is_ident(before, "impl"));
                is_ident(token, "dyn") || is_ident(token, "fn") || is_punct(token, '*') || (is_function && after_impl)
            }) {
                let kind = match opaque {
                    TokenTree::Ident(ident) if ident == "dyn" => "a trait object",
                    TokenTree::Ident(_) => "a function",
                    _ => "a pointer",
                };
                let what = format!("`{name}` is {kind}, which cannot be shown to a reviewer and rebuilt after");
                errors.add(&argument.ty, what, format!("write `skip({name})`: not shown, and the caller's value runs"));
            }
        }
    }

    /// Refuses what cannot carry a refusal or borrows from what is decoded, as far as syntax shows it.
    fn check_output(&self, errors: &mut Errors) {
        if self.options.on_refusal.keyword().is_none() {
            let name = &self.sig.ident;
            match bare(&self.output) {
                Type::Tuple(tuple) if tuple.elems.is_empty() => {
                    let help = "return `Result<(), approval_runtime::Refusal>`, or name a conversion: `on_refusal = path`";
                    let what = "a reviewer may say no, and a tool that returns nothing cannot say so";
                    match &self.sig.output {
                        ReturnType::Default => errors.add(name, what, help),
                        ReturnType::Type(..) => errors.add(&self.output, what, help),
                    }
                }
                Type::Never(_) => {
                    let help = "return `Result<(), approval_runtime::Refusal>`, or move what never returns out of the tool";
                    errors.add(&self.output, "a reviewer may say no, and a tool that never returns cannot say so", help);
                }
                Type::ImplTrait(_) => {
                    let what = "a reviewer may say no, and an unnamed type cannot say so";
                    errors.add(
                        &self.output,
                        what,
                        "return `Result<impl Trait, E>` where `E: From<Refusal>`, or name a conversion: `on_refusal = path`",
                    );
                }
                _ => {}
            }
        }
        let borrows = |argument: &Argument, lifetime: &str| match lifetime {
            // Elided: the only argument that borrows is the one it comes from.
            "_" => find(&argument.ty, |_, token| is_punct(token, '&') || is_punct(token, '\'')).is_some(),
            lifetime => find(&argument.ty, |before, token| {
                before.is_some_and(|before| is_punct(before, '\'')) && is_ident(token, lifetime)
            })
            .is_some(),
        };
        for lifetime in lifetimes(&self.output) {
            if lifetime == "static" {
                continue;
            }
            let receiver = self.sig.receiver().is_some_and(|receiver| match &receiver.kind {
                ReceiverKind::Reference(_, named, _) => {
                    lifetime == "_" || named.as_ref().is_some_and(|named| named.ident == lifetime)
                }
                ReceiverKind::Typed(_, ty) => lifetime == "_" || lifetimes(ty).contains(&lifetime),
                _ => false,
            });
            let from: Vec<_> = self.arguments.iter().filter(|argument| borrows(argument, &lifetime)).collect();
            if let (false, true, Some(argument)) = (receiver, from.iter().all(|argument| argument.is_decoded()), from.first()) {
                let name = &argument.name;
                let what = format!("the result borrows from `{name}`, and the value that was approved ends with the call");
                errors.add(
                    &self.output,
                    what,
                    format!("write `live({name})` (shown, and the caller's value runs), or return an owned value"),
                );
                break;
            }
        }
    }

    fn check_auto_approve(&self, errors: &mut Errors) {
        let Some(rule) = self.options.auto_approve.get() else { return };
        let has_loop = ["for", "loop", "while"].iter().any(|keyword| find_ident(rule, keyword).is_some());
        let leaves = find(rule, |before, token| {
            is_punct(token, '?')
                || is_ident(token, "return")
                || (!has_loop && (is_ident(token, "break") || is_ident(token, "continue")))
                || (is_ident(token, "await") && before.is_some_and(|before| is_punct(before, '.')))
        });
        let Some(token) = leaves else { return };
        let (what, help) = match &token {
            TokenTree::Ident(ident) if ident == "await" => (
                "`auto_approve` is decided at once: it cannot wait",
                "decide by what the arguments say, as in `auto_approve = amount < 10.0`",
            ),
            TokenTree::Punct(_) => (
                "`auto_approve` is an expression of its own: it cannot leave the function",
                "write `.is_some_and(|value| ..)` or `.is_ok_and(|value| ..)` in place of `?`",
            ),
            _ => (
                "`auto_approve` is an expression of its own: it cannot leave the function",
                "write a `bool`, with `if` and `else` where it has cases",
            ),
        };
        errors.add(token, what, help);
    }

    /// Refuses `Self` and generics in what is written down once for all calls.
    fn check_constants(&self, errors: &mut Errors) {
        let constant = |length: Option<&Length>| match length {
            Some(Length::Constant(expr)) => Some(expr.to_token_stream()),
            _ => None,
        };
        let values = [
            ("name", Some(self.name.clone())),
            ("timeout", constant(self.options.timeout.get())),
            ("max_wait", constant(self.options.max_wait.get())),
        ];
        for (keyword, value) in values {
            let Some(value) = value else { continue };
            let generic = |token: &TokenTree| {
                is_ident(token, "Self")
                    || self
                        .sig
                        .generics
                        .type_params()
                        .any(|param| matches!(token, TokenTree::Ident(ident) if *ident == param.ident))
            };
            let names = self.arguments.iter().flat_map(|argument| &argument.bindings);
            let names: Vec<_> = names.map(|name| name.unraw().to_string()).collect();
            let is_argument = |token: &TokenTree| names.iter().any(|name| is_ident(token, name));
            if let Some(token) = find(&value, |_, token| is_argument(token)) {
                let what = format!("`{keyword}` is fixed when the program is built, and `{token}` is known when it is called");
                let help = match keyword {
                    "name" => "name a constant, as in `name = NAME`",
                    _ => "write a number of seconds, a text like `\"2m\"`, or the name of a `Duration` constant",
                };
                errors.add(token, what, help);
                continue;
            }
            if let Some(token) = find(&value, |_, token| generic(token)) {
                let what = format!("`{keyword}` is fixed when the program is built, and `{token}` is not known there");
                let help = format!("name the type, as in `{}`", text(&value).replace(&token.to_string(), "Mailer"));
                errors.add(token, what, help);
            }
        }
    }

    fn check_callable(&self, errors: &mut Errors) {
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

    fn check_resumable(&self, errors: &mut Errors) {
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

fn did_you_mean(name: &str, names: &[String]) -> String {
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "the function has no arguments".to_owned(),
        None => format!("arguments are {}", listed(names)),
    }
}

/// Checks what concerns neither body nor arguments.
fn check_signature(attrs: &[Attribute], sig: &Signature, errors: &mut Errors) {
    if let Some(keyword) = &sig.constness {
        let help = format!("write `async fn {}`", sig.ident);
        errors.add(keyword, "a gated tool waits for a reviewer, which no constant can", help);
    }
    if let Some(abi) = &sig.abi {
        errors.add(abi, "a foreign caller cannot wait for a reviewer", "write an `async fn`, and call it from the foreign one");
    }
    if sig.ident == "main" && sig.inputs.is_empty() {
        errors.add(
            &sig.ident,
            "`main` is the program, not a tool of an agent",
            "put it above the `async fn` that does the work",
        );
    }
    if let Some(again) =
        attrs.iter().find(|attr| attr.path().segments.last().is_some_and(|segment| segment.ident == "requires_approval"))
    {
        errors.add(
            again,
            "`#[requires_approval]` stands above this function twice: two people would be asked",
            "keep one of the two",
        );
    }
}

/// Finds the tool's name: `name = ..`, else that of a `#[tool(name = "..")]` below, else the function's.
fn name(options: &Options, attrs: &[Attribute], sig: &Signature, errors: &mut Errors) -> TokenStream {
    if let Some(name) = options.name.get() {
        if let Expr::Lit(ExprLit { lit, .. }) = ungrouped(name.clone()) {
            match &lit {
                Lit::Str(text) if text.value().trim().is_empty() => {
                    errors.add(&lit, "a tool needs a name", format!("write `name = \"{}\"`", sig.ident.unraw()));
                }
                Lit::Str(_) => {}
                _ => errors.add(&lit, "a tool's name is a string", format!("write `name = \"{}\"`", sig.ident.unraw())),
            }
        }
        return quote!(#name);
    }
    if let Some(name) = attrs.iter().find_map(name_of_tool) {
        return quote!(#name);
    }
    let name = sig.ident.unraw().to_string();
    if ["call", "execute", "invoke", "run"].contains(&name.as_str())
        && sig.receiver().is_some()
        && options.name.keyword().is_none()
    {
        let what = format!("`{name}` is what many tools call this method: reviewers need the tool's own name");
        errors.add(&sig.ident, what, "write `#[requires_approval(name = \"send_email\")]`");
    }
    quote!(#name)
}
