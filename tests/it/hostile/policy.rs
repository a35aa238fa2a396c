//! T26, I10: what rules let through, with hostile values in front of them.

use approval_runtime::testing::TestGate;
use approval_runtime::{ApprovalPolicy, ApprovalRequest, Arguments, CallError, Refusal};
use serde_json::{Value, json};

use super::corpus::{Bite, Case, Input, Outcome, Policy, biting, texts};
use super::tools::{RULED, call_bare, effects, policy, ruled};

/// What became of a call that nobody reviewed.
#[derive(Debug)]
enum Became {
    /// A rule let it through, and it ran with this.
    Ran(ApprovalRequest, Value),
    /// A person was asked; nothing ran.
    Asked(ApprovalRequest),
    /// It was refused by this name; nobody was asked, and nothing ran.
    Refused(&'static str),
}

/// Says what became of the gate's only call.
fn became(id: &str, gate: &TestGate, returned: Result<Value, Refusal>) -> Became {
    let (mut ran, mut asked, mut auto) = (effects(), gate.asked(), gate.auto_approved());
    assert!(gate.denied().is_empty(), "{id}");
    match (ran.pop(), asked.pop(), auto.pop()) {
        (Some(effect), None, Some(request)) => {
            assert_eq!(returned.expect(id), effect);
            Became::Ran(request, effect)
        }
        (None, Some(request), None) => {
            assert_eq!(returned.expect_err(id).code(), "timed_out", "{id}: the request waited for people");
            Became::Asked(request)
        }
        (None, None, None) => Became::Refused(returned.expect_err(id).code()),
        other => panic!("{id}: {other:?}"),
    }
}

/// Calls an annotated function with a model's text.
async fn annotated(id: &str, tool: &str, text: impl AsRef<[u8]>) -> Became {
    let gate = TestGate::silent(ruled(policy()));
    let returned = gate.call_json(tool, text).await.map_err(|error| refusal(id, error));
    became(id, &gate, returned)
}

fn refusal(id: &str, error: CallError) -> Refusal {
    match error {
        CallError::Refused(refusal) => refusal,
        error => panic!("{id}: {error}"),
    }
}

/// Calls a bare tool, whose rule is in the policy.
async fn bare(id: &str, tool: &'static str, arguments: Value) -> Became {
    let gate = TestGate::silent(ruled(policy()));
    let returned = call_bare(&gate, tool, arguments).await;
    became(id, &gate, returned)
}

/// Makes sure that the rules let anything through at all.
#[tokio::test(start_paused = true)]
async fn careful_rules_let_small_calls_through() {
    for ruled in &RULED {
        for value in ruled.small {
            let arguments = (ruled.arguments)(&json!(value));
            for became in
                [annotated(value, ruled.annotated, arguments.to_string()).await, bare(value, ruled.bare, arguments).await]
            {
                assert!(matches!(became, Became::Ran(..)), "{value}: {became:?}");
            }
        }
    }
}

/// T26: no text of the corpus passes a careful rule, whichever tool it is given to.
#[tokio::test(start_paused = true)]
async fn t26_hostile_texts_ask_a_person() {
    for case in texts() {
        let (id, expect) = (&*case.id, &case.expect);
        // A text of this corpus that is an honest small call would say so.
        assert!(matches!(expect.policy, None | Some(Policy::NeedsHuman)), "{id}");
        for ruled in &RULED {
            let arguments = (ruled.arguments)(&json!(case.text()));
            for became in [annotated(id, ruled.annotated, arguments.to_string()).await, bare(id, ruled.bare, arguments).await] {
                assert!(matches!(became, Became::Asked(_)), "{id}: {} {became:?}", ruled.annotated);
            }
        }
    }
}

/// T26, I10: of all texts, a rule that lets everything through lets through those that mislead nobody.
#[tokio::test(start_paused = true)]
async fn t26_careless_rules_do_not_pass_what_misleads() {
    let all = |_: &Value| true;
    let policy = || ApprovalPolicy::new().add_auto_approve_rule("corpus.write_down", "anything", all);
    let (mut passed, mut asked) = (0, 0);
    for case in texts() {
        let Some(may_pass) = case.may_be_let_through() else { continue };
        let (id, arguments) = (&*case.id, json!({"body": case.text()}).to_string());
        for tool in ["corpus.write_down", "corpus.trust"] {
            let gate = TestGate::silent(ruled(policy()));
            let returned = gate.call_json(tool, &arguments).await.map_err(|error| refusal(id, error));
            match became(id, &gate, returned) {
                Became::Ran(..) if may_pass => passed += 1,
                Became::Asked(_) if !may_pass => asked += 1,
                other => panic!("{id}: {tool} {other:?}"),
            }
        }
    }
    assert!(passed > 0 && asked > 0, "{passed} passed, {asked} asked");
}

/// T26: no body of the corpus is let through that is not an honest small payment.
#[tokio::test(start_paused = true)]
async fn t26_hostile_bodies_are_not_let_through() {
    for case in biting(Bite::Policy).into_iter().filter(|case| matches!(case.input, Input::Body(_))) {
        let (id, expect) = (&*case.id, &case.expect);
        let became = annotated(id, "corpus.process_payment", case.body()).await;
        match expect.outcome {
            Outcome::Refused => {
                assert!(matches!(became, Became::Refused(error) if Some(error) == expect.error.as_deref()), "{id}: {became:?}");
            }
            Outcome::Approved => assert!(matches!(became, Became::Ran(..)), "{id}: {became:?}"),
            Outcome::Pending if expect.policy == Some(Policy::NeedsHuman) => {
                assert!(matches!(became, Became::Asked(_)), "{id}: {became:?}");
            }
            Outcome::RefusedOrNeedsHuman => assert!(!matches!(became, Became::Ran(..)), "{id}: {became:?}"),
            _ => assert_eq!(expect.policy, Some(Policy::SameNumberEverywhere), "{id}: nobody knows what to expect"),
        }
        match expect.policy {
            Some(Policy::NeverAutoApproved) => never_auto_approved(case).await,
            Some(Policy::AsWithoutExtraFields) => decided_as_without_extra_fields(case).await,
            Some(Policy::SameNumberEverywhere) => same_number_everywhere(case).await,
            Some(Policy::AutoApproved | Policy::NeedsHuman) | None => {}
        }
    }
}

/// With a rule over JSON too, and with the argument left out.
async fn never_auto_approved(case: &Case) {
    let mut arguments: Value = serde_json::from_slice(case.body()).expect("an object");
    let without = {
        let mut arguments = arguments.clone();
        arguments.as_object_mut().expect("an object").remove("amount").expect("it is about the amount");
        arguments
    };
    assert_eq!(arguments["amount"].take(), Value::Null, "{}", case.id);
    for arguments in [arguments, without] {
        let became = annotated(&case.id, "corpus.process_payment", arguments.to_string()).await;
        assert!(matches!(became, Became::Refused("type_mismatch" | "missing_field")), "{}: {became:?}", case.id);
        let became = bare(&case.id, "bare.process_payment", arguments).await;
        assert!(matches!(became, Became::Asked(_)), "{}: {became:?}", case.id);
    }
}

/// Where a tool takes any fields, those that imitate controls change nothing, whichever way the rule decides.
async fn decided_as_without_extra_fields(case: &Case) {
    let mut with: Value = serde_json::from_slice(case.body()).expect("an object");
    for (amount, is_let_through) in [(with["amount"].clone(), false), (json!(5), true)] {
        with["amount"] = amount.clone();
        let without = json!({"to": with["to"], "amount": amount});
        for arguments in [&with, &without] {
            assert_eq!(policy().needs_approval("bare.process_payment", arguments), !is_let_through, "{}", case.id);
            match bare(&case.id, "bare.process_payment", arguments.clone()).await {
                Became::Ran(request, effect) if is_let_through => {
                    assert_eq!((request.tool_name(), &effect), ("bare.process_payment", arguments), "{}", case.id);
                }
                Became::Asked(request) if !is_let_through => {
                    assert_eq!(request.tool_name(), "bare.process_payment", "{}", case.id);
                    assert_eq!(request.timeout().as_secs(), 300, "{}: its time is the tool's", case.id);
                    assert_eq!((request.requested_by(), request.namespace()), (None, "default"), "{}", case.id);
                }
                other => panic!("{}: {other:?}", case.id),
            }
        }
    }
}

/// The number that was shown, the one that a store gives back, and the one that ran are one, bit for bit.
async fn same_number_everywhere(case: &Case) {
    let bits = |number: &Value| number.as_f64().unwrap_or_else(|| panic!("{}: no number", case.id)).to_bits();
    let written: Value = serde_json::from_slice(case.body()).expect("an object");
    for became in [
        annotated(&case.id, "corpus.process_payment", case.body()).await,
        bare(&case.id, "bare.process_payment", written).await,
    ] {
        let Became::Ran(request, effect) = became else { panic!("{}: {became:?}", case.id) };
        let shown = request.facts().into_iter().find(|fact| fact.name == "amount").expect(&case.id).value;
        let shown: f64 = shown.parse().expect(&case.id);
        assert_eq!(shown.to_bits(), bits(&effect["amount"]), "{}: {shown} was shown, {effect} ran", case.id);

        let stored = Arguments::from_canonical(request.arguments().canonical()).expect(&case.id);
        assert_eq!((&stored, stored.digest()), (request.arguments(), request.digest()), "{}", case.id);
        assert_eq!(bits(&stored.to_value()["amount"]), shown.to_bits(), "{}", case.id);
        // After a restart the rule sees what the store kept.
        let again = bare(&case.id, "bare.process_payment", stored.to_value()).await;
        assert!(matches!(again, Became::Ran(..)), "{}: {again:?}", case.id);
    }
}
