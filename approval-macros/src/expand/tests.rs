use super::*;
use crate::errors::Errors;
use crate::options::Options;
use crate::tokens::text;
use crate::tool_fn::FnItem;

fn expand(options: &str, item: &str) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(options.parse().expect("the options below lex"), &mut errors);
    let item = FnItem::read(item.parse().expect("the functions below lex"), &mut errors).expect("a function");
    let tool = ToolFn::check(options, item, &mut errors);
    assert_eq!(errors.messages(), [""; 0]);
    gate(&tool)
}

/// Writes the expansion as `cargo expand` does.
fn pretty(options: &str, item: &str) -> String {
    let file = syn::parse2(expand(options, item)).expect("what the macro writes parses");
    prettyplease::unparse(&file)
}

const SEND_EMAIL: &str = "async fn send_email(to: String, subject: String, body: String) -> Result<(), Refusal> { mailer().send(to, subject, body).await }";

/// The reference shows what the macro writes.
#[test]
fn documents_show_the_expansion() {
    assert_eq!(pretty("", SEND_EMAIL), include_str!("../docs/expansion.rs"));
}

/// For three arguments, in lines as `cargo expand` writes them, without the static that `route!` adds.
#[test]
fn expansion_is_short() {
    let plain = pretty("", SEND_EMAIL);
    assert!(plain.lines().count() <= 30, "{plain}");
    let options = pretty("timeout = 120, auto_approve = is_colleague(&to)", SEND_EMAIL);
    assert!(options.lines().count() <= plain.lines().count() + 14, "{options}");
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
        ("resumable", "with_resumable"),
        ("record", "with_record"),
    ] {
        assert!(!plain.contains(code) && text(expand(options, item)).contains(code), "{options}");
    }
}

#[test]
fn rule_decodes_what_it_names() {
    let code = text(expand("auto_approve = to.is_empty()", "async fn f(to: String, subject: String) -> R {}"));
    assert_eq!(code.matches("peek").count(), 1, "{code}");
    assert!(code.contains("Reviewable>::peek(decoder, \"to\")"), "{code}");
}

/// The signature that callers and other macros see is the written one, but for names.
#[test]
fn signature_stays() {
    let item = "#[tool] pub(crate) async fn f<T: Clone>(&self, #[doc = \"x\"] mut a: T, State(s): State<u8>) -> Result<T, E> where T: Send {}";
    let code = expand("", item).to_string().replace(' ', "");
    let written = item.replace("mut a", "a").replace("State(s)", "s").replace([' ', '}'], "");
    assert!(code.starts_with(&written), "{code}");
}
