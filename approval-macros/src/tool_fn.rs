//! The annotated function, and every rule about it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{
    Attribute, Expr, ExprLit, FnArg, GenericParam, Lit, LitStr, Meta, Pat, Path, ReceiverKind, ReturnType, Signature, Token,
    Type, Visibility,
};

use crate::errors::Errors;
use crate::options::{FieldPath, Options, listed, nearest, ungrouped};
use crate::reason::Reason;
use crate::tokens::{find, find_ident, is_ident, is_punct, mention, text};
use crate::types::{Shape, bare, erased, future, is_leaf, last_segment, lifetimes};

/// A function, its body still tokens: it may be half typed.
pub(crate) struct FnItem {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// What stands between the braces.
    body: TokenStream,
}

impl FnItem {
    /// Reads a function, or says what stands there instead.
    pub(crate) fn read(item: TokenStream, errors: &mut Errors) -> Option<Self> {
        let read = |input: ParseStream<'_>| {
            let attrs = input.call(Attribute::parse_outer)?;
            let vis: Visibility = input.parse()?;
            if let Some((keyword, kind)) = other_item(input)? {
                let help = match kind {
                    "an impl" | "a trait" => "put it above each method that needs approval",
                    _ => "put it above the `async fn` that does the work",
                };
                errors.add(keyword, format!("`#[requires_approval]` stands above a function, and this is {kind}"), help);
                input.parse::<TokenStream>()?;
                return Ok(None);
            }
            let sig: Signature = input.parse()?;
            if input.peek(Token![;]) {
                let help = "put it above the method in each `impl`, or give the method a body here";
                errors.add(&sig.ident, format!("`{}` has no body to hold back", sig.ident), help);
                input.parse::<TokenStream>()?;
                return Ok(None);
            }
            match lone_group(input.parse()?) {
                Some(body) if body.delimiter() == Delimiter::Brace => Ok(Some(Self { attrs, vis, sig, body: body.stream() })),
                _ => Err(input.error("expected a function body")),
            }
        };
        syn::parse::Parser::parse2(read, item).unwrap_or_else(|error| {
            errors.push(error);
            None
        })
    }
}

/// Says which item other than a function comes next, by its keyword.
fn other_item(input: ParseStream<'_>) -> syn::Result<Option<(TokenTree, &'static str)>> {
    let kind = if input.peek(Token![struct]) {
        "a struct"
    } else if input.peek(Token![enum]) {
        "an enum"
    } else if input.peek(Token![trait]) || (input.peek(Token![unsafe]) && input.peek2(Token![trait])) {
        "a trait"
    } else if input.peek(Token![impl]) || (input.peek(Token![unsafe]) && input.peek2(Token![impl])) {
        "an impl"
    } else if input.peek(Token![const]) && (input.peek2(Token![_]) || input.peek3(Token![:])) {
        "a constant"
    } else if input.peek(Token![static]) {
        "a static"
    } else if input.peek(Token![mod]) {
        "a module"
    } else if input.peek(Token![type]) {
        "a type"
    } else if input.peek(Token![use]) {
        "an import"
    } else {
        return Ok(None);
    };
    Ok(Some((input.fork().parse()?, kind)))
}

/// What becomes of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    /// Shown under its name; the body gets what was approved.
    Reviewed,
    /// Its fields are shown as arguments; the body gets what was approved.
    Flattened,
    /// Shown under its name; the body gets the caller's value.
    Live,
    /// Not shown.
    Skipped,
}

/// How an argument comes back out of JSON.
pub(crate) enum Rebuilt<'a> {
    /// As a value of its type.
    Itself(&'a Type),
    /// As a vector of these.
    Elements(&'a Type),
    /// As another type, which lends the argument's.
    From(Box<Type>),
}

/// One argument, `self` aside.
pub(crate) struct Argument {
    /// The name that reviewers see.
    pub(crate) name: String,
    /// The variable that the signature declares.
    pub(crate) variable: Ident,
    /// What the body binds, where that is not just the variable.
    pub(crate) pattern: Option<Pat>,
    /// The names that the pattern binds.
    pub(crate) bindings: Vec<Ident>,
    pub(crate) ty: Type,
    pub(crate) part: Part,
    /// `#[allow(..)]` and the like, which belong where the body binds the argument.
    pub(crate) lints: Vec<Attribute>,
}

impl Argument {
    /// Says whether the body gets a value that was decoded from what was approved.
    pub(crate) fn is_decoded(&self) -> bool {
        matches!(self.part, Part::Reviewed | Part::Flattened)
    }

    /// Returns the type behind the `&`, if it is one.
    pub(crate) fn borrowed(&self) -> Option<&Type> {
        match bare(&self.ty) {
            Type::Reference(reference) => Some(&reference.elem),
            _ => None,
        }
    }

    /// Returns the type without the `&`, if it has one.
    pub(crate) fn owned(&self) -> &Type {
        self.borrowed().unwrap_or(&self.ty)
    }

    /// Returns how the argument is decoded: `&T` through what owns a `T`.
    pub(crate) fn rebuilt(&self) -> Rebuilt<'_> {
        let Some(ty) = self.borrowed().map(bare) else { return Rebuilt::Itself(&self.ty) };
        match ty {
            Type::Slice(slice) => Rebuilt::Elements(&slice.elem),
            Type::Path(path) if path.path.is_ident("str") => Rebuilt::From(Box::new(syn::parse_quote!(::std::string::String))),
            // The library's, or one of the user's that can be cloned.
            Type::Path(path)
                if path.path.segments.last().is_some_and(|segment| segment.ident == "Path" && segment.arguments.is_none()) =>
            {
                Rebuilt::From(Box::new(syn::parse_quote!(<#ty as ::std::borrow::ToOwned>::Owned)))
            }
            ty => Rebuilt::Itself(ty),
        }
    }

    /// Says whether `tokens` may use one of the argument's names.
    pub(crate) fn is_mentioned(&self, tokens: impl ToTokens) -> bool {
        let tokens = tokens.into_token_stream();
        self.bindings.iter().any(|name| mention(tokens.clone(), name))
    }

    fn is_mutable_borrow(&self) -> bool {
        matches!(bare(&self.ty), Type::Reference(reference) if reference.mutability.is_some())
    }
}

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
        let FnItem { attrs, vis, mut sig, body } = item;
        check_signature(&attrs, &sig, errors);
        let (inner_attrs, body) = split_inner_attrs(body);
        let (shape, statements) = shape(&sig, body, errors);
        let output = output(&sig, shape);
        let arguments = arguments(&mut sig, errors);
        let mut tool = Self {
            name: name(&options, &attrs, &sig, errors),
            options,
            attrs,
            vis,
            sig,
            shape,
            inner_attrs,
            statements,
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
        tool.check_resumable(errors);
        tool
    }

    /// Returns the names on the card that reviewers did not see, or saw without binding the call to them.
    pub(crate) fn not_reviewed(&self) -> Vec<String> {
        let receiver = self.sig.receiver().map(|_| "self".to_owned());
        let arguments = self.arguments.iter().filter(|argument| !argument.is_decoded()).map(|argument| argument.name.clone());
        receiver.into_iter().chain(arguments).collect()
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
            if argument.is_mutable_borrow() && argument.part != Part::Live {
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
            } else if let Some(opaque) =
                find(owned, |_, token| is_ident(token, "dyn") || is_ident(token, "fn") || is_punct(token, '*'))
            {
                // `impl Fn` and the like are left to the compiler, which knows the traits.
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
        let leaves = find(rule, |before, token| {
            is_punct(token, '?')
                || is_ident(token, "return")
                || (is_ident(token, "await") && before.is_some_and(|before| is_punct(before, '.')))
        });
        if let Some(token) = leaves {
            let what = match &token {
                TokenTree::Ident(ident) if ident == "await" => "`auto_approve` is decided at once: it cannot wait",
                _ => "`auto_approve` is an expression of its own: it cannot leave the function",
            };
            errors.add(token, what, "write an expression that is a `bool`");
        }
    }

    /// Refuses `Self` and generics in what is written down once for all calls.
    fn check_constants(&self, errors: &mut Errors) {
        use crate::length::Length;
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
            if let Some(token) = find(&value, |_, token| generic(token)) {
                let what = format!("`{keyword}` is fixed when the program is built, and `{token}` is not known there");
                let help = format!("name the type, as in `{}`", text(&value).replace(&token.to_string(), "Mailer"));
                errors.add(token, what, help);
            }
        }
    }

    fn check_resumable(&self, errors: &mut Errors) {
        let Some(keyword) = self.options.resumable.keyword() else { return };
        let why = if self.sig.receiver().is_some() {
            "`self` is not kept with the request".to_owned()
        } else if let Some(param) = self.sig.generics.params.iter().find(|param| !matches!(param, GenericParam::Lifetime(_))) {
            format!("nobody there knows the generic `{}`", parameter(param))
        } else if let Some(argument) = self.arguments.iter().find(|argument| !argument.is_decoded()) {
            format!("`{}` is not kept with the request", argument.name)
        } else if let Some(hidden) = self.redact.first() {
            format!("`{hidden}` is redacted, so it is not kept with the request")
        } else {
            return;
        };
        errors.add(
            keyword,
            format!("another process cannot finish this call: {why}"),
            "leave out `resumable`, or move the work to a free function that gets all it needs",
        );
    }
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
        errors.add(keyword, "a gated tool waits for a reviewer, which no constant can", "leave out `const`");
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

/// Returns the one group that `tokens` are, without the invisible brackets of `macro_rules!`.
fn lone_group(tokens: TokenStream) -> Option<Group> {
    let mut tokens = tokens.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => lone_group(group.stream()),
        (Some(TokenTree::Group(group)), None) => Some(group),
        _ => None,
    }
}

/// Splits `#![..]` from the start of a body.
fn split_inner_attrs(body: TokenStream) -> (TokenStream, TokenStream) {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let mut end = 0;
    while let [hash, bang, TokenTree::Group(group), ..] = &tokens[end..] {
        if !is_punct(hash, '#') || !is_punct(bang, '!') || group.delimiter() != Delimiter::Bracket {
            break;
        }
        end += 3;
    }
    let mut tokens = tokens.into_iter();
    (tokens.by_ref().take(end).collect(), tokens.collect())
}

/// Tells the function's shape and finds the statements that do the work.
fn shape(sig: &Signature, body: TokenStream, errors: &mut Errors) -> (Shape, TokenStream) {
    if sig.asyncness.is_some() {
        return (Shape::Async, body);
    }
    let Some(shape) = output_type(sig).and_then(|ty| Some(future(ty)?.0)) else {
        let what = "a gated tool waits for a reviewer, so it has to be `async`";
        errors.add(sig.fn_token, what, format!("write `async fn {}`", sig.ident));
        return (Shape::Async, body);
    };
    let block = match shape {
        Shape::Boxed => boxed_block(body.clone()),
        _ => async_block(body.clone()),
    };
    if let Some(block) = block {
        return (shape, block);
    }
    let whole = if shape == Shape::Boxed { "Box::pin(async move { .. })" } else { "async move { .. }" };
    let what = format!("what comes before the future would run before a reviewer is asked: the body has to be one `{whole}`");
    errors.add(&sig.ident, what, format!("write `async fn {}`, or move everything into the `async move` block", sig.ident));
    (shape, body)
}

fn output_type(sig: &Signature) -> Option<&Type> {
    match &sig.output {
        ReturnType::Type(_, ty) => Some(ty),
        ReturnType::Default => None,
    }
}

/// Returns what the function's future resolves to.
fn output(sig: &Signature, shape: Shape) -> Type {
    let unit = || syn::parse_quote!(());
    match (output_type(sig), shape) {
        (None, _) => unit(),
        (Some(ty), Shape::Async) => ty.clone(),
        (Some(ty), _) => future(ty).map_or_else(unit, |(_, output)| output),
    }
}

/// Returns what is inside `async move { .. }`, if that is all there is.
fn async_block(tokens: TokenStream) -> Option<TokenStream> {
    let mut tokens = tokens.into_iter().peekable();
    tokens.next().filter(|token| is_ident(token, "async"))?;
    tokens.next_if(|token| is_ident(token, "move"));
    let block = lone_group(tokens.collect())?;
    (block.delimiter() == Delimiter::Brace).then(|| block.stream())
}

/// Returns what is inside `Box::pin(async move { .. })`, if that is all there is.
fn boxed_block(tokens: TokenStream) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let TokenTree::Group(call) = tokens.pop()? else { return None };
    let path: Path = syn::parse2(tokens.into_iter().collect()).ok()?;
    let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
    let is_box_pin = names.next()? == "pin" && names.next()? == "Box";
    if is_box_pin && call.delimiter() == Delimiter::Parenthesis { async_block(call.stream()) } else { None }
}

/// Takes the arguments apart and leaves plain variables in the signature.
fn arguments(sig: &mut Signature, errors: &mut Errors) -> Vec<Argument> {
    let typed = sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let mut arguments: Vec<Argument> = Vec::new();
    for (index, typed) in typed.enumerate() {
        if let Some(cfg) = typed.attrs.iter().find(|attr| attr.path().is_ident("cfg")) {
            errors.add(
                cfg,
                "what reviewers approve cannot depend on how the tool was built",
                "put the `#[cfg]` on two functions",
            );
        }
        let bindings = bindings(&typed.pat);
        let (variable, pattern) = match (&*typed.pat, bindings.as_slice()) {
            (Pat::Ident(pat), _) if pat.by_ref.is_none() && pat.subpat.is_none() => {
                (pat.ident.clone(), pat.mutability.map(|_| (*typed.pat).clone()))
            }
            // `State(db): State<Db>` is the argument `db`.
            (pattern, [name]) => (name.clone(), Some(pattern.clone())),
            // An odd name, because the body may mean something else by `arg0`.
            (pattern, _) => (format_ident!("__approval_arg{index}", span = Span::mixed_site()), Some(pattern.clone())),
        };
        *typed.pat = syn::parse_quote!(#variable);
        arguments.push(Argument {
            name: variable.unraw().to_string().trim_start_matches("__approval_").to_owned(),
            variable,
            pattern,
            bindings,
            ty: (*typed.ty).clone(),
            part: Part::Reviewed,
            lints: Vec::new(),
        });
    }
    // `(a, b): (u8, u8), arg0: u8`: the written name stays, the made-up one gives way.
    for index in 0..arguments.len() {
        while arguments[index].bindings.len() != 1
            && arguments.iter().filter(|other| other.name == arguments[index].name).count() > 1
        {
            arguments[index].name.push('_');
        }
    }
    arguments
}

fn is_lint(attr: &Attribute) -> bool {
    attr.path()
        .get_ident()
        .is_some_and(|ident| ["allow", "expect", "warn", "deny", "forbid"].iter().any(|level| ident == level))
}

/// Returns the variables that a pattern binds.
fn bindings(pat: &Pat) -> Vec<Ident> {
    fn collect(pat: &Pat, names: &mut Vec<Ident>) {
        match pat {
            Pat::Ident(pat) => {
                // An upper-case name is a constant or a unit struct.
                if !pat.ident.unraw().to_string().starts_with(char::is_uppercase) {
                    names.push(pat.ident.clone());
                }
                if let Some((_, inner)) = &pat.subpat {
                    collect(inner, names);
                }
            }
            Pat::Paren(pat) => collect(&pat.pat, names),
            Pat::Reference(pat) => collect(&pat.pat, names),
            Pat::Type(pat) => collect(&pat.pat, names),
            Pat::Tuple(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
            Pat::TupleStruct(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
            Pat::Slice(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
            Pat::Struct(pat) => pat.fields.iter().for_each(|field| collect(&field.pat, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    collect(pat, &mut names);
    names
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

/// Returns the name in `#[tool(name = "..")]`, `#[rig_tool(name = "..")]` and the like.
fn name_of_tool(attr: &Attribute) -> Option<LitStr> {
    let Meta::List(list) = &attr.meta else { return None };
    if !list.path.segments.last()?.ident.to_string().ends_with("tool") {
        return None;
    }
    let tokens: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
    tokens.windows(3).find_map(|three| match three {
        [name, equals, TokenTree::Literal(text)] if is_ident(name, "name") && is_punct(equals, '=') => {
            syn::parse2(text.to_token_stream()).ok()
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &str, item: &str) -> (Option<ToolFn>, Vec<String>) {
        let mut errors = Errors::default();
        let options = Options::parse(options.parse().expect("the options below lex"), &mut errors);
        let item = FnItem::read(item.parse().expect("the functions below lex"), &mut errors);
        (item.map(|item| ToolFn::check(options, item, &mut errors)), errors.messages())
    }

    fn tool(options: &str, item: &str) -> ToolFn {
        let (tool, errors) = read(options, item);
        assert_eq!(errors, [""; 0], "{item}");
        tool.expect("a function without errors is a tool")
    }

    fn mistake(options: &str, item: &str) -> String {
        let (_, errors) = read(options, item);
        let [error] = errors.as_slice() else { panic!("{options} on {item}: {errors:?}") };
        error.clone()
    }

    fn parts(tool: &ToolFn) -> Vec<(&str, Part)> {
        tool.arguments.iter().map(|argument| (argument.name.as_str(), argument.part)).collect()
    }

    #[test]
    fn shapes_are_told_apart() {
        for (item, shape, output) in [
            ("async fn f() -> Result<u8, E> { Ok(1) }", Shape::Async, "Result<u8, E>"),
            ("fn f() -> impl Future<Output = R> + Send { async move { 1 } }", Shape::Future, "R"),
            ("fn f() -> impl Send + std::future::Future<Output = (R)> { async { 1 } }", Shape::Future, "(R)"),
            ("fn f() -> Pin<Box<dyn Future<Output = R> + Send + '_>> { Box::pin(async move { 1 }) }", Shape::Boxed, "R"),
            (
                "fn f() -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = R>>> { ::std::boxed::Box::pin(async move { 1 }) }",
                Shape::Boxed,
                "R",
            ),
            ("fn f() -> BoxFuture<'a, R> { Box::pin(async move { 1 }) }", Shape::Boxed, "R"),
        ] {
            let tool = tool("on_refusal = no", item);
            assert_eq!((tool.shape, text(&tool.output).as_str()), (shape, output), "{item}");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for item in [
            "fn f() -> R { 1 }",
            "fn f() {}",
            "fn f() -> impl Fn() -> R { || 1 }",
            "fn f() -> Box<dyn Future<Output = R>> { Box::new(async { 1 }) }",
        ] {
            assert!(mistake("on_refusal = no", item).starts_with("a gated tool waits for a reviewer"), "{item}");
        }
        for item in [
            "fn f() -> impl Future<Output = R> { g(); async move { 1 } }",
            "fn f() -> impl Future<Output = R> { g() }",
            "fn f() -> BoxFuture<'a, R> { async move { 1 }.boxed() }",
            "fn f() -> BoxFuture<'a, R> { let x = 1; Box::pin(async move { x }) }",
        ] {
            assert!(mistake("on_refusal = no", item).starts_with("what comes before the future would run"), "{item}");
        }
    }

    #[test]
    fn body_may_be_half_typed() {
        let tool = tool("", "async fn f(a: u8) -> R { #![allow(x)] let x = a. ; foo( ) + }");
        assert_eq!(text(&tool.inner_attrs), "#![allow(x)]");
        assert_eq!(tool.statements.to_string(), "let x = a . ; foo () +");
    }

    #[test]
    fn arguments_get_their_parts() {
        let item = "async fn f(&self, a: u8, b: &mut u8, State(c): State<u8>, (d, e): P, mut g: &str, _: u8, r#in: u8) -> R {}";
        let tool = tool("skip(c), live(g), redact(r#in)", item);
        let names = ["a", "b", "c", "arg3", "g", "arg5", "in"];
        let kinds = [Part::Reviewed, Part::Skipped, Part::Skipped, Part::Reviewed, Part::Live, Part::Reviewed, Part::Reviewed];
        assert_eq!(parts(&tool), names.into_iter().zip(kinds).collect::<Vec<_>>());
        assert_eq!(tool.not_reviewed(), ["self", "b", "c", "g"]);
        assert_eq!(tool.redact, ["in"]);
    }

    #[test]
    fn made_up_names_give_way() {
        let tool = tool("", "async fn f((a, b): P, arg0: u8, (c, d): P, arg2: u8, arg2_: u8) -> R {}");
        let names: Vec<_> = parts(&tool).into_iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["arg0_", "arg0", "arg2__", "arg2", "arg2_"]);
    }

    #[test]
    fn lone_parameters_are_flattened() {
        let part = |options, item| tool(options, item).arguments[0].part;
        assert_eq!(part("skip(ctx)", "async fn f(&self, Parameters(p): Parameters<P>, ctx: C) -> R {}"), Part::Flattened);
        assert_eq!(part("", "async fn f(p: rmcp::Parameters<P>) -> R {}"), Part::Flattened);
        assert_eq!(part("", "async fn f(p: Parameters<P>, q: u8) -> R {}"), Part::Reviewed);
        assert_eq!(part("live(p)", "async fn f(p: Parameters<P>) -> R {}"), Part::Live);
        assert_eq!(part("", "async fn f(p: P) -> R {}"), Part::Reviewed);
    }

    #[test]
    fn redacted_paths_follow_flattening() {
        let tool = tool("flatten(p), redact(p.card.number, q)", "async fn f(p: P, q: u8) -> R {}");
        assert_eq!(tool.redact, ["card.number", "q"]);
    }

    #[test]
    fn reason_hides_what_is_redacted() {
        let item = "async fn f(card: Card, amount: u64) -> R {}";
        for reason in ["{card}", "{card.number}", "{card.number.last}", "{amount:>card$}"] {
            let error = mistake(&format!("redact(card.number), reason = \"{reason}\""), item);
            assert!(error.starts_with("`reason` shows `card"), "{reason}: {error}");
        }
        tool("redact(card.number), reason = \"{card.holder} {amount}\"", item);
    }

    #[test]
    fn borrowed_types_are_refused() {
        for ty in ["Option<&str>", "Cow<'_, str>", "Cow<str>", "Vec<Item<'a>>", "&[&str]", "&'static str", "&Item<'_>"] {
            let error = mistake("", &format!("async fn f(text: {ty}) -> R {{}}"));
            assert!(error.contains("live(text)"), "{ty}: {error}");
        }
        for ty in ["&dyn Mailer", "Box<dyn Mailer>", "fn(u8) -> u8", "*const u8"] {
            let error = mistake("", &format!("async fn f(text: {ty}) -> R {{}}"));
            assert!(error.contains("write `skip(text)`"), "{ty}: {error}");
        }
        for ty in ["&str", "&'a [u8]", "&Vec<String>", "impl Serialize + for<'a> Deserialize<'a>", "(u8, [String; 2])"] {
            tool("", &format!("async fn f<'a>(text: {ty}) -> R {{}}"));
        }
    }

    #[test]
    fn borrowing_results_need_live_arguments() {
        for (options, item) in [
            ("", "async fn f(a: &str) -> Result<&str, E> {}"),
            ("", "async fn f<'a, 'b>(a: &'a str, b: &'b str) -> Result<Item<'a>, E> {}"),
            ("live(b)", "async fn f<'a, 'b>(a: &'a str, b: &'b str) -> Result<&'a str, E> {}"),
            ("", "async fn f<'a>(&self, a: &'a str) -> Result<&'a str, E> {}"),
        ] {
            let error = mistake(options, item);
            assert!(error.starts_with("the result borrows from `a`") && error.contains("live(a)"), "{item}: {error}");
        }
        for (options, item) in [
            ("", "async fn f(&self, a: &str) -> Result<&str, E> {}"),
            ("", "async fn f(self: &Arc<Self>, a: &str) -> Result<&str, E> {}"),
            ("", "async fn f<'s>(&'s self, a: &'s str) -> Result<&'s str, E> {}"),
            ("live(a)", "async fn f(a: &str) -> Result<&str, E> {}"),
            ("skip(a)", "async fn f<'a>(a: &'a str, b: &str) -> Result<&'a str, E> {}"),
            ("", "async fn f(a: &mut u8) -> Result<&mut u8, E> {}"),
            ("", "async fn f(a: &str) -> Result<&'static str, E> {}"),
        ] {
            tool(options, item);
        }
    }

    #[test]
    fn rules_stay_in_their_expression() {
        let item = "async fn f(a: u8) -> R {}";
        for rule in ["g(a).await", "a.checked_sub(1)? == 0", "{ return Ok(1) }", "h(|| { g()? })"] {
            assert!(mistake(&format!("auto_approve = {rule}"), item).starts_with("`auto_approve` is"), "{rule}");
        }
        for rule in ["a.is_power_of_two()", "returns(awaited)", "await_all == a"] {
            tool(&format!("auto_approve = {rule}"), item);
        }
    }

    #[test]
    fn names_come_from_somewhere() {
        let name = |options, item| tool(options, item).name.to_string();
        assert_eq!(name("", "async fn send() -> R {}"), "\"send\"");
        assert_eq!(name("", "async fn r#move() -> R {}"), "\"move\"");
        assert_eq!(name("name = \"mail\"", "async fn send() -> R {}"), "\"mail\"");
        assert_eq!(name("name = NAMES[0]", "async fn call(&self) -> R {}"), "NAMES [0]");
        assert_eq!(name("", "#[tool(description = \"x\", name = \"mail\")] async fn call(&self) -> R {}"), "\"mail\"");
        assert_eq!(name("", "#[rig::rig_tool(name = \"mail\")] async fn send() -> R {}"), "\"mail\"");
        assert_eq!(name("", "#[other(name = \"mail\")] async fn send() -> R {}"), "\"send\"");
        assert_eq!(name("", "async fn run() -> R {}"), "\"run\"");
        for method in ["call", "execute", "invoke", "run"] {
            assert!(mistake("", &format!("async fn {method}(&self) -> R {{}}")).contains("name = "), "{method}");
        }
        for (options, token) in [("name = Self::NAME", "Self"), ("timeout = Self::TIME", "Self"), ("name = T::NAME", "T")] {
            let error = mistake(options, "async fn send<T: Named>(&self) -> R {}");
            assert!(error.contains(&format!("`{token}` is not known there")), "{error}");
        }
    }

    #[test]
    fn odd_functions_are_refused() {
        for (item, what) in [
            ("const fn f() -> R {}", "a gated tool waits for a reviewer, which no constant can"),
            ("async extern \"C\" fn f() -> R {}", "a foreign caller cannot wait"),
            ("async fn main() -> R {}", "`main` is the program"),
            (
                "#[approval_runtime::requires_approval] async fn f() -> R {}",
                "`#[requires_approval]` stands above this function twice",
            ),
            ("async fn f() -> R;", "`f` has no body"),
            ("async fn f(#[cfg(test)] a: u8) -> R {}", "what reviewers approve cannot depend"),
            ("pub(crate) struct S;", "`#[requires_approval]` stands above a function, and this is a struct"),
            ("unsafe impl A for B {}", "`#[requires_approval]` stands above a function, and this is an impl"),
            ("static A: u8 = 1;", "`#[requires_approval]` stands above a function, and this is a static"),
        ] {
            let (_, errors) = read("", item);
            assert!(errors.iter().any(|error| error.starts_with(what) && error.contains("\nhelp: ")), "{item}: {errors:?}");
        }
    }

    #[test]
    fn lints_follow_their_arguments() {
        let tool = tool("skip(c)", "async fn f(#[allow(x)] #[doc = \"a\"] a: u8, #[allow(x)] c: u8) -> R {}");
        let lints: Vec<_> = tool.arguments.iter().map(|argument| argument.lints.len()).collect();
        assert_eq!(lints, [1, 0], "a skipped argument is not bound anew");
        assert_eq!(text(&tool.sig.inputs), "#[doc = \"a\"] a: u8, #[allow(x)] c: u8");
    }
}
