//! Calls by name, with a model's JSON: `ApprovalGate::call_json`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use approval_runtime::arguments::Decoder;
use approval_runtime::{
    Agent, ApprovalGate, ApprovalPolicy, ApprovalStatus, CallError, Decision, EndedBecause, Refusal, ToolReturn,
    requires_approval,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::tools::{alice, approve, builder, gate, pending, reject};

#[derive(Debug, Serialize, Deserialize)]
struct Address {
    street: String,
    number: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pace {
    Now,
    Within { days: u32 },
    Slot(Address),
}

static SHIPPED: AtomicUsize = AtomicUsize::new(0);

#[requires_approval(callable, auto_approve = parts.is_empty())]
async fn ship(to: &str, parts: &[String], label: &Path, address: Address, pace: Pace) -> Result<Value, Refusal> {
    SHIPPED.fetch_add(1, Ordering::SeqCst);
    Ok(json!([to, parts, label, address, pace]))
}

const PARCEL: &str = concat!(
    r#"{"to":"Anna","parts":["lid"],"label":"a/b","#,
    r#""address":{"street":"High Street","number":7},"pace":{"within":{"days":2}}}"#,
);

/// I7: what is wrong with a text is said by name, and nothing is asked.
#[tokio::test(start_paused = true)]
async fn i07_texts_are_read_strictly() {
    let gate = gate();
    let changed = |from: &str, to: &str| {
        let text = PARCEL.replacen(from, to, 1);
        assert_ne!(text, PARCEL, "{from} is not there");
        text
    };
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases = [
        ("duplicate_key", changed(r#""to":"Anna""#, r#""to":"Anna","to":"Eve""#)),
        ("duplicate_key", changed(r#""to":"Anna""#, r#""to":"Anna","\u0074o":"Eve""#)),
        ("duplicate_key", changed(r#""days":2"#, r#""days":2,"days":3"#)),
        ("unknown_field", changed(r#""to":"Anna""#, r#""to":"Anna","bcc":"Eve""#)),
        ("unknown_field", changed(r#""street":"#, r#""door":1,"street":"#)),
        ("unknown_field", changed(r#""days":2"#, r#""days":2,"hours":3"#)),
        ("unknown_field", changed(r#"{"within":{"days":2}}"#, r#"{"slot":{"street":"x","door":1}}"#)),
        ("missing_field", changed(r#""to":"Anna","#, "")),
        ("type_mismatch", changed(r#""to":"Anna""#, r#""to":5"#)),
        ("type_mismatch", changed(r#""to":"Anna""#, r#""to":{"$serde_json::private::Number":"1"}"#)),
        ("reserved_key", changed(r#""to":"Anna""#, r#""to":{"$redacted":"00"}"#)),
        ("number_out_of_range", changed(r#""days":2"#, r#""days":1e400"#)),
        ("invalid_json", format!("{PARCEL}{PARCEL}")),
        ("invalid_json", PARCEL[..PARCEL.len() - 1].to_owned()),
        ("invalid_json", String::new()),
        ("type_mismatch", "[]".to_owned()),
        ("too_deep", changed(r#""Anna""#, &deep)),
        ("too_large", changed("Anna", &"A".repeat(8 << 20))),
    ];
    for (code, text) in cases {
        let error = gate.call_json("ship", &text).await.expect_err(code);
        let shown = &text[..text.len().min(200)];
        assert!(matches!(error, CallError::Refused(Refusal::Invalid { id: None, .. })), "{shown}: {error:?}");
        assert_eq!(error.code(), code, "{shown}: {error}");
        assert!(!error.to_string().contains("Eve"), "{error}");
    }
    let error = gate.call_json("ship", b"{\"to\":\"\xff\xc0\xaf\"}").await.unwrap_err();
    assert_eq!(error.code(), "invalid_json");
    assert_eq!(SHIPPED.load(Ordering::SeqCst), 0);
    assert!(gate.get_pending().await.unwrap().is_empty());

    // The same text, unchanged, is asked for and runs on what was approved.
    let (returned, request) = tokio::join!(gate.call_json("ship", PARCEL), approve(&gate));
    let parcel: Value = serde_json::from_str(PARCEL).unwrap();
    assert_eq!(request.arguments().to_value(), parcel);
    let run = ["to", "parts", "label", "address", "pace"].map(|name| &parcel[name]);
    assert_eq!(returned.unwrap(), json!(run));
    assert_eq!(SHIPPED.load(Ordering::SeqCst), 1);

    let free = changed(r#"["lid"]"#, "[]").replacen(r#"{"within":{"days":2}}"#, r#""now""#, 1);
    assert_eq!(gate.call_json("ship", free).await.unwrap()[4], "now", "its own rule lets it through");
}

/// An error that tells nobody where it comes from.
#[derive(Debug)]
struct Opaque(String);

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Refusal> for Opaque {
    fn from(_: Refusal) -> Self {
        Self("no".to_owned())
    }
}

/// I29: the caller can tell a refusal from a failure, whatever the tool's own type makes of it.
#[tokio::test(start_paused = true)]
async fn i29_refusals_come_typed() {
    #[requires_approval(callable)]
    async fn by_opaque_error(n: u8) -> Result<u8, Opaque> {
        if n == 0 { Err(Opaque("n is 0\u{1b}[2J".to_owned())) } else { Ok(n) }
    }

    #[requires_approval(callable)]
    async fn by_text(n: u8) -> String {
        n.to_string()
    }

    fn refused(_: Refusal) -> Result<u8, std::num::ParseIntError> {
        "".parse()
    }

    #[requires_approval(callable, on_refusal = refused)]
    async fn by_conversion(n: u8) -> Result<u8, std::num::ParseIntError> {
        Ok(n)
    }

    let gate = gate();
    for name in ["by_opaque_error", "by_conversion"] {
        let (returned, request) = tokio::join!(gate.call_json(name, r#"{"n": 1}"#), reject(&gate));
        let Err(CallError::Refused(Refusal::Rejected { id, by, .. })) = &returned else { panic!("{name}: {returned:?}") };
        assert_eq!((*id, &**by), (request.id(), "alice"));
    }
    let (returned, _) = tokio::join!(gate.call_json("by_opaque_error", r#"{"n": 0}"#), approve(&gate));
    let error = returned.unwrap_err();
    assert_eq!(error.code(), "failed");
    assert_eq!(error.to_string(), r#"Action 'by_opaque_error' failed: "n is 0\u{1B}[2J""#);
    let (returned, _) = tokio::join!(gate.call_json("by_opaque_error", r#"{"n": 3}"#), approve(&gate));
    assert_eq!(returned.unwrap(), 3);

    let (returned, _) = tokio::join!(gate.call_json("by_text", r#"{"n": 1}"#), reject(&gate));
    assert_eq!(returned.unwrap_err().code(), "rejected");
    let refusal: Result<(), Opaque> = ToolReturn::refused(Refusal::NoGate { tool: "x".into() });
    assert!(refusal.is_failure());
}

/// Also what is refused after somebody approved: by a rule that matches by then, or because an edit does not fit.
#[tokio::test(start_paused = true)]
async fn i29_late_refusals_come_typed() {
    static DENIES: AtomicBool = AtomicBool::new(false);

    #[requires_approval(callable, redact(pin))]
    async fn unlocks(door: u8, pin: String) -> Result<String, Opaque> {
        Ok(format!("{door} {pin}"))
    }

    let policy = ApprovalPolicy::new().add_deny_rule("unlocks", "not by night", |_: &Value| DENIES.load(Ordering::SeqCst));
    let gate = builder().policy(policy).build().unwrap();
    let call = || gate.call_json("unlocks", r#"{"door": 1, "pin": "0000"}"#);

    let review = async {
        let request = pending(&gate).await;
        DENIES.store(true, Ordering::SeqCst);
        gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
    };
    let (returned, ()) = tokio::join!(call(), review);
    assert!(matches!(returned, Err(CallError::Refused(Refusal::Cancelled { because: Some(EndedBecause::Policy), .. }))));
    DENIES.store(false, Ordering::SeqCst);

    // The secret is with the waiting call, so this edit is checked at the claim.
    let review = async {
        let request = pending(&gate).await;
        let mut edit = request.arguments().to_value();
        edit["door"] = json!("the left one");
        gate.decide(request.id(), Decision::approve(alice(), request.digest()).edited_arguments(edit)).await.unwrap();
    };
    let (returned, ()) = tokio::join!(call(), review);
    assert!(matches!(returned, Err(CallError::Refused(Refusal::Invalid { id: Some(_), .. }))), "{returned:?}");
}

/// What the body calls is another call, also where it is the same tool: its refusal is not this one's.
#[tokio::test(start_paused = true)]
async fn i29_inner_refusals_stay_inside() {
    #[requires_approval(callable, auto_approve = depth > 0)]
    async fn recursive_by_name(depth: u32) -> Result<u32, Refusal> {
        match depth {
            0 => Ok(0),
            depth => Ok(1 + Box::pin(recursive_by_name(depth - 1)).await.unwrap_or(100)),
        }
    }

    #[requires_approval(callable, auto_approve = true)]
    async fn passes_on(depth: u32) -> Result<u32, Refusal> {
        recursive_by_name(depth).await
    }

    let gate = gate();
    let (returned, _) = tokio::join!(gate.call_json("recursive_by_name", r#"{"depth": 1}"#), reject(&gate));
    assert_eq!(returned.unwrap(), 101);
    let (returned, _) = tokio::join!(gate.call_json("passes_on", r#"{"depth": 0}"#), reject(&gate));
    assert_eq!(returned.unwrap_err().code(), "failed", "it ran, and gave up on what it called");
}

#[tokio::test(start_paused = true)]
async fn names_are_checked() {
    #[requires_approval]
    async fn only_from_rust(n: u8) -> Result<u8, Refusal> {
        Ok(n)
    }

    let gate = gate();
    let _ = only_from_rust;
    for (name, code, sentence) in [
        ("shipp", "unknown_tool", "Action 'shipp' was not run: there is no such tool; did you mean 'ship'?"),
        ("xyzzy\u{202e}", "unknown_tool", r#"Action '"xyzzy\u{202E}"' was not run: there is no such tool."#),
        ("only_from_rust", "not_callable", "Action 'only_from_rust' was not run: it cannot be called by name."),
        ("pay", "not_callable", "Action 'pay' was not run: it cannot be called by name."),
    ] {
        let error = gate.call_json(name, "{}").await.unwrap_err();
        assert_eq!((error.code(), &*error.to_string()), (code, sentence));
    }
    let error = gate.call_json(&"é".repeat(1 << 20), "{}").await.unwrap_err();
    assert!(error.to_string().len() < 300, "a model's name is not repeated at any length");
    let mut callable: Vec<_> = gate.tools().filter(|tool| tool.is_callable()).map(|tool| tool.name().to_owned()).collect();
    callable.retain(|name| ["ship", "only_from_rust", "pay"].contains(&name.as_str()));
    assert_eq!(callable, ["ship"]);
}

/// The rest of the path is any call's: policy, agent, gate, and what is redacted.
#[tokio::test]
async fn call_takes_the_common_path() {
    #[requires_approval(callable, reason = "for {card.holder}", redact(card.number))]
    async fn charge((amount, currency): (u32, String), card: Card) -> Result<String, Refusal> {
        Ok(format!("{amount} {currency} {}", card.number))
    }

    #[derive(Serialize, Deserialize)]
    struct Card {
        holder: String,
        number: String,
    }

    let text = r#"{"arg0": [5, "EUR"], "card": {"holder": "Anna", "number": "4111"}}"#;
    let gate = builder().policy(ApprovalPolicy::new().add_deny_rule("charge", "no pounds", |args| args["arg0"][1] == "GBP"));
    let gate: ApprovalGate = gate.build().unwrap();
    let agent = Agent::new("billing").call_id("call_9");
    // It can be spawned: the future is `Send`.
    let call = tokio::spawn({
        let (gate, agent) = (gate.clone(), agent.clone());
        async move { agent.scope(gate.call_json("charge", text)).await }
    });
    let request = approve(&gate).await;
    assert_eq!(
        (request.agent_name(), request.call_id(), request.reason()),
        (Some("billing"), Some("call_9"), Some("for Anna"))
    );
    assert!(!serde_json::to_string(&request).unwrap().contains("4111"));
    assert_eq!(call.await.unwrap().unwrap(), "5 EUR 4111");

    let error = gate.call_json("charge", text.replace("EUR", "GBP")).await.unwrap_err();
    assert!(error.to_string().contains("no pounds"), "{error}");
    let passing = builder().policy(ApprovalPolicy::new().pass_through("charge")).build().unwrap();
    assert_eq!(passing.call_json("charge", text).await.unwrap(), "5 EUR 4111");
    let error = passing.call_json("charge", text.replace("\"arg0\"", "\"x\": 1, \"arg0\"")).await.unwrap_err();
    assert_eq!(error.code(), "unknown_field", "what passes is read as strictly");
}

#[tokio::test(start_paused = true)]
async fn flattened_fields_are_the_arguments() {
    #[derive(Serialize, Deserialize)]
    struct Parameters<T>(T);

    #[derive(Serialize, Deserialize)]
    struct Search {
        query: String,
        #[serde(default)]
        limits: BTreeMap<String, u32>,
    }

    #[requires_approval(callable, name = "search_by_name")]
    async fn search_by(Parameters(search): Parameters<Search>) -> String {
        format!("{} {:?}", search.query, search.limits)
    }

    let gate = gate();
    let (returned, request) = tokio::join!(gate.call_json("search_by_name", r#"{"query": "x"}"#), approve(&gate));
    assert_eq!(returned.unwrap(), "x {}");
    assert_eq!(request.status(), ApprovalStatus::Approved);
    let error = gate.call_json("search_by_name", r#"{"query": "x", "limit": 3}"#).await.unwrap_err();
    assert_eq!(error.code(), "unknown_field");
    assert!(error.to_string().contains("limit"), "{error}");
}

/// For tools that a program calls by hand, the same strict reading is to be had alone.
#[test]
fn i07_decoder_reads_strictly() {
    let read = |text: &str| Decoder::from_json(text.as_bytes()).and_then(|mut decoder| decoder.rest::<Address>());
    assert_eq!(read(r#"{"street": "x"}"#).unwrap().number, None);
    for (code, text) in [
        ("unknown_field", r#"{"street": "x", "door": 1}"#),
        ("duplicate_key", r#"{"street": "x", "street": "y"}"#),
        ("missing_field", "{}"),
        ("type_mismatch", r#"{"street": 1}"#),
    ] {
        assert_eq!(read(text).unwrap_err().error(), code, "{text}");
    }
}
