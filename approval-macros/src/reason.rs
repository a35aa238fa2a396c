//! The format string of `reason`: `"Refund {amount} to {p.customer}"`.

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::LitStr;
use syn::ext::IdentExt;

/// A format string whose dotted paths became arguments of `format_args!`.
#[derive(Default)]
pub(crate) struct Reason {
    /// The string with `{p.customer:>8}` written `{1:>8}`.
    format: String,
    /// The expressions in the order of their numbers.
    values: Vec<TokenStream>,
    /// What the string shows: for each path its names, the argument's first.
    pub(crate) shown: Vec<Vec<String>>,
}

impl Reason {
    /// Reads a format string; `variable` gives the variable that an argument's name stands for.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn read(literal: &LitStr, variable: impl Fn(&str) -> Result<Ident, String>) -> Result<Self, (String, String)> {
        let text = literal.value();
        if text.trim().is_empty() {
            return Err(("`reason` is empty".into(), "say what the reviewer decides about".into()));
        }
        let mut reason = Self::default();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            reason.format.push_str(before);
            if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                reason.format.push_str(&brace[..2]);
                rest = after;
                continue;
            }
            let inside = brace.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let Some((inside, after)) = inside else {
                let lone = &brace[..1];
                return Err((
                    format!("`reason` has a `{lone}` without its other half"),
                    format!("write `{lone}{lone}` for the character itself"),
                ));
            };
            let (path, spec) = inside.split_once(':').map_or((inside, None), |(path, spec)| (path, Some(spec)));
            let number = reason.value(literal, path.trim(), &variable)?;
            reason.format.push_str(&format!("{{{number}"));
            if let Some(spec) = spec {
                reason.format.push(':');
                reason.spec(literal, spec, &variable)?;
            }
            reason.format.push('}');
            rest = after;
        }
        reason.format.push_str(rest);
        Ok(reason)
    }

    /// Adds the value at the end of a path and returns its number.
    fn value(
        &mut self,
        literal: &LitStr,
        path: &str,
        variable: &impl Fn(&str) -> Result<Ident, String>,
    ) -> Result<usize, (String, String)> {
        let names: Vec<&str> = path.split('.').collect();
        // An argument or field may be written without its `r#`.
        let readable = |name: &&str| {
            syn::parse_str::<Ident>(name).is_ok() || syn::parse_str::<Ident>(&format!("r#{name}")).is_ok() || *name == "self"
        };
        let inner = |name: &&str| readable(name) || (!name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()));
        if !names.first().is_some_and(readable) || !names[1..].iter().all(inner) {
            return Err((
                format!("`{{{path}}}` in `reason` is neither an argument nor a field of one"),
                "write `{amount}` or `{customer.name}`".into(),
            ));
        }
        let argument = names[0].trim_start_matches("r#");
        let found = variable(argument).map_err(|help| (format!("`reason` names `{argument}`, which is no argument"), help))?;
        // The error of a missing field belongs to the string; the variable keeps the hygiene of its declaration.
        let span = literal.span().resolved_at(found.span());
        let mut first = found;
        first.set_span(span);
        let mut value = quote_spanned!(span=> #first);
        // Not the user's token, so the compiler does not offer to put a field's name in place of the string.
        let span = Span::mixed_site().located_at(literal.span());
        for name in &names[1..] {
            let field = field(name, span);
            value.extend(quote_spanned!(span=> .#field));
        }
        self.values.push(value);
        self.shown.push(names.iter().map(|name| name.trim_start_matches("r#").to_owned()).collect());
        Ok(self.values.len() - 1)
    }

    /// Copies `>width$.2`, where `width` is an argument too.
    fn spec(
        &mut self,
        literal: &LitStr,
        spec: &str,
        variable: &impl Fn(&str) -> Result<Ident, String>,
    ) -> Result<(), (String, String)> {
        if spec.contains(".*") {
            return Err((
                "`.*` in `reason` takes a number from a list that it does not have".into(),
                "write the number, as in `{amount:.2}`, or name an argument, as in `{amount:.digits$}`".into(),
            ));
        }
        let mut rest = spec;
        while let Some((before, after)) = rest.split_once('$') {
            let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
            let (before, name) = before.split_at(start);
            let number = self.value(literal, name, variable)?;
            self.format.push_str(&format!("{before}{number}$"));
            rest = after;
        }
        self.format.push_str(rest);
        Ok(())
    }

    /// Says whether the string shows an argument by this name of it.
    pub(crate) fn mentions(&self, name: &Ident) -> bool {
        self.shown.iter().any(|names| name.unraw() == names[0])
    }

    /// Returns the arguments of `format_args!`.
    pub(crate) fn format_args(&self, literal: &LitStr) -> TokenStream {
        let format = LitStr::new(&self.format, literal.span());
        let values = &self.values;
        quote_spanned!(literal.span()=> #format #(, #values)*)
    }
}

/// Returns what stands after a dot: a name or a number.
fn field(name: &str, span: Span) -> TokenTree {
    if let Ok(number) = name.parse() {
        let mut number = Literal::u64_unsuffixed(number);
        number.set_span(span);
        return number.into();
    }
    let bare = name.trim_start_matches("r#");
    if syn::parse_str::<Ident>(bare).is_ok() { Ident::new(bare, span).into() } else { Ident::new_raw(bare, span).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, Vec<String>), String> {
        let literal = LitStr::new(text, Span::call_site());
        let known = ["amount", "p", "width", "type", "self"];
        let variable = |name: &str| match known.contains(&name) {
            true if name == "type" => Ok(Ident::new_raw(name, Span::call_site())),
            true => Ok(Ident::new(name, Span::call_site())),
            false => Err(String::new()),
        };
        let reason = Reason::read(&literal, variable).map_err(|(what, _)| what)?;
        Ok((reason.format.clone(), reason.values.iter().map(crate::tokens::text).collect()))
    }

    #[test]
    fn paths_become_arguments() {
        for (text, format, values) in [
            ("Refund {amount} to {p.customer}", "Refund {0} to {1}", &["amount", "p.customer"][..]),
            ("{p.pair.0:?} {{ {self.name}", "{0:?} {{ {1}", &["p.pair.0", "self.name"]),
            ("{amount:>width$.2}", "{0:>1$.2}", &["amount", "width"]),
            ("{type}", "{0}", &["r#type"]),
            ("{ amount }", "{0}", &["amount"]),
            ("plain", "plain", &[]),
        ] {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            assert_eq!(read(text), Ok((format.to_owned(), values)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "{",
            "}",
            "{amount",
            "{}",
            "{0}",
            "{:?}",
            "{p.name()}",
            "{amount + 1}",
            "{p..x}",
            "{.x}",
            "{unknown}",
            "{amount:.*}",
            "{amount:>other$}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
