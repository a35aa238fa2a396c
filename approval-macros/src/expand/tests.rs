use proc_macro2::{Delimiter, TokenTree};

use super::*;
use crate::errors::Errors;
use crate::options::Options;
use crate::tool_fn::FnItem;

fn expand(options: &str, item: &str) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(options.parse().expect("the options below lex"), &mut errors);
    let item = FnItem::read(item.parse().expect("the functions below lex"), &mut errors).expect("a function");
    let tool = ToolFn::check(options, item, &mut errors);
    assert_eq!(errors.messages(), [""; 0]);
    gate(&tool)
}

/// Counts the lines that rustfmt would make of tokens, 100 characters wide.
fn lines(tokens: TokenStream) -> usize {
    let (mut lines, mut line) = (0, 0);
    for token in tokens {
        match &token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !group.stream().is_empty() => {
                lines += line / 100 + 1 + self::lines(group.stream());
                line = 1;
            }
            TokenTree::Group(group) => {
                let inside = self::lines(group.stream());
                if inside > 1 {
                    lines += inside;
                } else {
                    line += text(group).len();
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => {
                lines += line / 100 + 1;
                line = 0;
            }
            other => line += other.to_string().len(),
        }
    }
    if line > 0 { lines + line / 100 + 1 } else { lines }
}

#[test]
fn expansion_is_short() {
    let item = "async fn send_email(to: String, subject: String, body: String) -> Result<String, Refusal> { mail(to).await }";
    let plain = lines(expand("", item));
    assert!(plain <= 40, "{plain} lines");
    let options = lines(expand("timeout = 120, auto_approve = is_colleague(&to)", item));
    assert!(options <= plain + 8, "{options} lines");
}

/// What an option does not ask for is not in the code.
#[test]
fn options_alone_add_code() {
    let item = "async fn f(a: u8) -> R { a }";
    let plain = text(expand("", item));
    for (options, code) in [
        ("timeout = 5", "with_timeout"),
        ("max_wait = 5", "with_max_wait"),
        ("reason = \"{a}\"", "call.reason"),
        ("auto_approve = a == 1", "call.decide"),
        ("effect = external", "with_effect"),
        ("skip(a)", "with_not_reviewed"),
        ("redact(a)", "with_redact"),
        ("approvers(\"x\")", "with_approvers"),
        ("quorum = 2", "with_quorum"),
        ("call_id = a.to_string()", "call.call_id"),
        ("cancel = token", "call.cancel"),
        ("resumable", "with_check"),
        ("record", "with_record"),
    ] {
        assert!(!plain.contains(code) && text(expand(options, item)).contains(code), "{options}");
    }
}

#[test]
fn rule_decodes_what_it_names() {
    let code = text(expand("auto_approve = to.is_empty()", "async fn f(to: String, subject: String) -> R {}"));
    assert_eq!(code.matches("peek").count(), 1, "{code}");
    assert!(code.contains("peek::<String>(decoder, \"to\")"), "{code}");
}

/// The signature that callers and other macros see is the written one, but for names.
#[test]
fn signature_stays() {
    let item = "#[tool] pub(crate) async fn f<T: Clone>(&self, #[doc = \"x\"] mut a: T, State(s): State<u8>) -> Result<T, E> where T: Send {}";
    let code = expand("", item).to_string().replace(' ', "");
    let written = item.replace("mut a", "a").replace("State(s)", "s").replace([' ', '}'], "");
    assert!(code.starts_with(&written), "{code}");
}
