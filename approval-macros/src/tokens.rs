//! What can be read off tokens without parsing them: which names they mention, and how they look in source.

mod text;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::Expr;
use syn::ext::IdentExt;

pub(crate) use self::text::text;

/// Calls `see` for each token with the one before it, groups from the inside too.
pub(crate) fn walk(tokens: TokenStream, see: &mut impl FnMut(Option<&TokenTree>, &TokenTree)) {
    let mut before = None;
    for token in tokens {
        see(before.as_ref(), &token);
        if let TokenTree::Group(group) = &token {
            walk(group.stream(), see);
        }
        before = Some(token);
    }
}

/// Returns the first token that `wanted` accepts.
pub(crate) fn find(tokens: impl ToTokens, mut wanted: impl FnMut(Option<&TokenTree>, &TokenTree) -> bool) -> Option<TokenTree> {
    let mut found = None;
    walk(tokens.into_token_stream(), &mut |before, token| {
        if found.is_none() && wanted(before, token) {
            found = Some(token.clone());
        }
    });
    found
}

/// Returns the identifier `name` where `tokens` have it.
pub(crate) fn find_ident(tokens: impl ToTokens, name: &str) -> Option<TokenTree> {
    find(tokens, |_, token| is_ident(token, name))
}

/// Says whether `tokens` may use the variable `name`: by its identifier, or inside a format string.
pub(crate) fn mention(tokens: impl ToTokens, name: &Ident) -> bool {
    let bare = name.unraw().to_string();
    find(tokens, |_, token| match token {
        TokenTree::Ident(ident) => ident.unraw() == bare,
        TokenTree::Literal(literal) => literal.to_string().contains(&format!("{{{bare}")),
        TokenTree::Group(_) | TokenTree::Punct(_) => false,
    })
    .is_some()
}

/// Returns the one group that `tokens` are, without the invisible brackets of `macro_rules!`.
pub(crate) fn lone_group(tokens: TokenStream) -> Option<Group> {
    let mut tokens = tokens.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => lone_group(group.stream()),
        (Some(TokenTree::Group(group)), None) => Some(group),
        _ => None,
    }
}

/// Writes `*&name` where an expression would take a variable away, as a call's argument or a method's receiver: what is left of
/// it belongs to others, and the compiler then says so at the name.
pub(crate) fn lent(expression: TokenStream, names: &[&Ident]) -> TokenStream {
    // Where a pattern may bind the same name, it stays as it is.
    let binds = |token: &TokenTree| is_punct(token, '|') || ["for", "let", "match"].iter().any(|word| is_ident(token, word));
    if find(expression.clone(), |_, token| binds(token)).is_some() {
        return expression;
    }
    let tokens: Vec<TokenTree> = expression.into_iter().collect();
    let lent_token = |index: usize| {
        let (before, token, after) =
            (index.checked_sub(1).map(|before| &tokens[before]), &tokens[index], tokens.get(index + 1));
        match token {
            TokenTree::Ident(name) if names.contains(&name) => {
                let is_field = before.is_some_and(|before| is_punct(before, '.'));
                let is_receiver = after.is_some_and(|after| is_punct(after, '.'));
                if is_receiver && !is_field { taken_back(name, true) } else { token.to_token_stream() }
            }
            TokenTree::Group(group) if !before.is_some_and(|before| is_punct(before, '!')) => {
                let is_call = group.delimiter() == Delimiter::Parenthesis && matches!(before, Some(TokenTree::Ident(_)));
                let mut inside = TokenStream::new();
                let items: Vec<TokenTree> = group.stream().into_iter().collect();
                for item in items.split_inclusive(|token| is_punct(token, ',')) {
                    match item {
                        [TokenTree::Ident(name), rest @ ..]
                            if is_call && names.contains(&name) && rest.iter().all(|token| is_punct(token, ',')) =>
                        {
                            inside.extend(taken_back(name, false));
                            inside.extend(rest.iter().cloned());
                        }
                        item => inside.extend(lent(item.iter().cloned().collect(), names)),
                    }
                }
                let mut lent = Group::new(group.delimiter(), inside);
                lent.set_span(group.span());
                TokenTree::Group(lent).into()
            }
            token => token.to_token_stream(),
        }
    };
    (0..tokens.len()).map(lent_token).collect()
}

fn taken_back(name: &Ident, in_parentheses: bool) -> TokenStream {
    let span = Span::mixed_site().located_at(name.span());
    if in_parentheses { quote_spanned!(span=> (*&#name)) } else { quote_spanned!(span=> *&#name) }
}

/// Takes away the invisible brackets that `macro_rules!` puts around an expression.
pub(crate) fn ungrouped(value: Expr) -> Expr {
    match value {
        Expr::Group(group) => ungrouped(*group.expr),
        value => value,
    }
}

pub(crate) fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

pub(crate) fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == punct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lent_names_are_not_taken() {
        let name: Ident = syn::parse_str("ctx").expect("an identifier");
        for (source, expected) in [
            ("is_known(ctx)", "is_known(*&ctx)"),
            ("is_known(1, ctx, &ctx)", "is_known(1, *&ctx, &ctx)"),
            ("ctx.limit(ctx) > 3", "(*&ctx).limit(*&ctx) > 3"),
            ("a.ctx.b && ctx == 3 && ctx < f(ctx + 1)", "a.ctx.b && ctx == 3 && ctx < f(ctx + 1)"),
            ("matches!(ctx, A | B)", "matches!(ctx, A | B)"),
            (
                "if let Some(ctx) = find(ctx) { ctx.ok() } else { false }",
                "if let Some(ctx) = find(ctx) { ctx.ok() } else { false }",
            ),
        ] {
            let lent = lent(source.parse().expect("the sources lex"), &[&name]);
            assert_eq!(text(lent), expected);
        }
    }

    #[test]
    fn mention_sees_format_strings() {
        let name: Ident = syn::parse_str("to").expect("an identifier");
        assert!(mention("f(&to)".parse::<TokenStream>().expect("lexes"), &name));
        assert!(mention("ok(format!(\"{to:?}\"))".parse::<TokenStream>().expect("lexes"), &name));
        assert!(!mention("f(&too, \"to\")".parse::<TokenStream>().expect("lexes"), &name));
    }
}
