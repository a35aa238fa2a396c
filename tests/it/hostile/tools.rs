//! The tools that the corpus is tried on, with rules as a careful user writes them: once in the attribute, once in a policy.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use approval_runtime::{ApprovalGate, ApprovalGateBuilder, ApprovalPolicy, Refusal, Tool, requires_approval};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::heard::EXPECTED;

thread_local! {
    /// Each test has a thread of its own, and its calls do not leave it.
    static EFFECTS: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// Returns what bodies of this test ran with since the last time.
pub(super) fn effects() -> Vec<Value> {
    EFFECTS.take()
}

fn takes_effect(arguments: Value) -> Value {
    EFFECTS.with_borrow_mut(|effects| effects.push(arguments.clone()));
    arguments
}

#[requires_approval(callable, name = "corpus.send_email", auto_approve = goes_to_colleagues(&to))]
async fn send_email(to: String) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"to": to})))
}

#[requires_approval(callable, name = "corpus.process_payment", auto_approve = amount.is_small())]
async fn process_payment(to: String, amount: Amount) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"to": to, "amount": amount})))
}

#[requires_approval(callable, name = "corpus.read_file", auto_approve = is_below_app(&path))]
async fn read_file(path: String) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"path": path})))
}

#[requires_approval(callable, name = "corpus.run_shell", auto_approve = command == "git status")]
async fn run_shell(command: String) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"command": command})))
}

/// Takes a text in each place from which it gets onto a card.
#[requires_approval(callable, name = "corpus.keep", reason = "keep {text}")]
pub(super) async fn keep(text: String, nested: BTreeMap<String, Vec<String>>) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"text": text, "nested": nested})))
}

pub(super) fn keep_arguments(text: &str) -> Value {
    // Not the text alone: one that ends like `passwd` would make the name of a secret.
    json!({"text": text, "nested": {format!("{text} n"): ["", text]}})
}

/// Returns what `nested` has to look like, when this is what the text has to look like.
pub(super) fn nested_render(render: &str) -> String {
    let inner = render.strip_suffix('"').expect("a text is shown in quotes");
    format!(r#"{{{inner} n":["",{render}]}}"#)
}

/// Takes secrets by their names, at two depths.
#[requires_approval(callable, name = "corpus.sign_in")]
async fn sign_in(to: String, password: String, nested: Credentials) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"to": to, "password": password, "nested": nested})))
}

#[derive(Debug, Serialize, Deserialize)]
struct Credentials {
    api_key: String,
    #[serde(rename = "Authorization")]
    authorization: String,
}

#[requires_approval(callable, name = "corpus.write_down")]
async fn write_down(body: String) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"body": body})))
}

/// Its own rule lets everything through.
#[requires_approval(callable, name = "corpus.trust", auto_approve = true)]
async fn trust(body: String) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"body": body})))
}

/// An amount as models write it: a number, or a text that holds one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Amount {
    Whole(i64),
    Fraction(f64),
    Text(String),
}

impl Amount {
    /// Over 0 and under 10, exactly.
    fn is_small(&self) -> bool {
        match self {
            Self::Whole(amount) => 0 < *amount && *amount < 10,
            Self::Fraction(amount) => 0.0 < *amount && *amount < 10.0,
            Self::Text(amount) => {
                let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
                let is_decimal = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                whole.len() == 1 && is_decimal(whole) && is_decimal(fraction) && amount.contains(|c| matches!(c, '1'..='9'))
            }
        }
    }
}

/// Every recipient is a plain address, and all of one domain.
fn goes_to_colleagues(to: &str) -> bool {
    to.split(',').all(|address| match address.trim_matches(' ').split_once('@') {
        Some((name, domain)) => {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
            !name.is_empty() && name.bytes().all(is_plain) && domain.eq_ignore_ascii_case("company.com")
        }
        None => false,
    })
}

/// The path is absolute and, with every `.` and `..` resolved, below the application's folder.
fn is_below_app(path: &str) -> bool {
    let mut resolved = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => _ = resolved.pop(),
            component => resolved.push(component),
        }
    }
    resolved.strip_prefix("/srv/app").is_ok_and(|below| below != Path::new(""))
}

/// One of the four tools with a rule: as an annotated function, and as a bare tool with the same rule in the policy.
pub(super) struct Ruled {
    pub(super) annotated: &'static str,
    pub(super) bare: &'static str,
    /// Makes arguments of the value that the rule is about.
    pub(super) arguments: fn(&Value) -> Value,
    /// Which the rule lets through.
    pub(super) small: &'static [&'static str],
}

pub(super) const RULED: [Ruled; 4] = [
    Ruled {
        annotated: "corpus.send_email",
        bare: "bare.send_email",
        arguments: |to| json!({"to": to}),
        small: &["alice@company.com", "alice@company.com, bob.b+1@COMPANY.com"],
    },
    Ruled {
        annotated: "corpus.process_payment",
        bare: "bare.process_payment",
        arguments: |amount| json!({"to": "bob", "amount": amount}),
        small: &["5", "9.99", "0.01"],
    },
    Ruled {
        annotated: "corpus.read_file",
        bare: "bare.read_file",
        arguments: |path| json!({"path": path}),
        small: &["/srv/app/README.md", "/srv/other/../app/./a"],
    },
    Ruled {
        annotated: "corpus.run_shell",
        bare: "bare.run_shell",
        arguments: |command| json!({"command": command}),
        small: &["git status"],
    },
];

/// The rules of the four tools, over JSON.
pub(super) fn policy() -> ApprovalPolicy {
    ApprovalPolicy::new()
        .add_auto_approve_rule("bare.send_email", "all recipients are colleagues", |args: &Value| {
            args["to"].as_str().is_some_and(goes_to_colleagues)
        })
        .add_auto_approve_rule("bare.process_payment", "the amount is over 0 and under 10", |args: &Value| {
            Amount::deserialize(&args["amount"]).map(|amount| amount.is_small())
        })
        .add_auto_approve_rule("bare.read_file", "the path is below /srv/app", |args: &Value| {
            args["path"].as_str().is_some_and(is_below_app)
        })
        .add_auto_approve_rule("bare.run_shell", "it is git status", |args: &Value| args["command"] == "git status")
}

/// Declares the bare tools, under these rules.
pub(super) fn ruled(policy: ApprovalPolicy) -> ApprovalGateBuilder {
    let tools = RULED.iter().map(|ruled| Tool::named(ruled.bare));
    tools.fold(ApprovalGate::builder().policy(policy), ApprovalGateBuilder::tool)
}

/// Calls a bare tool.
pub(super) async fn call_bare(gate: &ApprovalGate, tool: &'static str, arguments: Value) -> Result<Value, Refusal> {
    gate.call(Tool::named(tool), arguments, |arguments| async move { Ok(takes_effect(arguments)) }).await
}

/// Takes values that `serde` may find fault with in its own words, which repeat them.
#[requires_approval(callable, name = "corpus.parse", reason = "parse {text}")]
async fn parse(
    text: String,
    number: Option<u32>,
    mode: Option<Mode>,
    code: Option<Code>,
    time: Option<chrono::DateTime<chrono::Utc>>,
    many: Option<Vec<i8>>,
) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"text": text, "number": number, "mode": mode, "code": code, "time": time, "many": many})))
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Plain,
    Fancy { level: u8 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
struct Code(u8);

impl TryFrom<String> for Code {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        code.parse().map(Self).map_err(|error| format!("{code} is no code: {error}"))
    }
}

/// Cannot be written down, and says so with all that it holds.
#[derive(Debug, Deserialize)]
pub(super) struct Unspeakable(pub(super) String);

impl Serialize for Unspeakable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(format!("{} cannot be said", self.0)))
    }
}

#[requires_approval(name = "corpus.say", auto_approve = text.is_empty())]
pub(super) async fn say(text: String, number: f64, it: Option<Unspeakable>) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"text": text, "number": number, "it": it.map(|it| it.0)})))
}

fn never_answers(text: &str) -> bool {
    panic!("{EXPECTED}: {text}")
}

/// Its typed rule panics with what it looked at.
#[requires_approval(callable, name = "corpus.doubt", auto_approve = never_answers(&text))]
async fn doubt(text: String) -> Result<Value, Refusal> {
    Ok(takes_effect(json!({"text": text})))
}
