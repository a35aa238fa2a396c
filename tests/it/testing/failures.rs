//! Tests that do not go as they were written: the call is refused, and the test fails, at its own line.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use approval_runtime::testing::{Reply, TestGate};
use approval_runtime::{MemoryStore, Refusal, Tool, notify};
use serde_json::json;

use super::builder;
use crate::tools::{Starts, alice, five};

thread_local! {
    /// File and line of this thread's last panic.
    static PLACE: RefCell<(String, u32)> = RefCell::default();
}

/// Returns what a panic said, and checks that it points at the line of this call or the next few.
#[track_caller]
fn fails_here(test: impl FnOnce()) -> String {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Some(place) = panic.location() {
                PLACE.set((place.file().to_owned(), place.line()));
            }
            before(panic);
        }));
    });
    let said = said(test);
    let (here, (file, line)) = (std::panic::Location::caller(), PLACE.take());
    assert_eq!(file, here.file(), "{said}");
    assert!((here.line()..here.line() + 3).contains(&line), "{line}: {said}");
    said
}

fn said(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("it fails");
    panic.downcast_ref::<String>().expect("a text").clone()
}

#[tokio::test(start_paused = true)]
async fn assertion_points_at_its_line() {
    let gate = TestGate::approve_all(builder());
    Starts::default().pay(&gate, five()).await.unwrap();
    fails_here(|| drop(gate.assert_asked("refund")));
    fails_here(|| drop(gate.assert_asked("pay").times(2)));
    fails_here(|| drop(gate.assert_asked("pay").with(json!({"to": "eve"}))));
    fails_here(|| drop(gate.assert_asked("pay").with_only(json!({}))));
    fails_here(|| drop(gate.assert_asked("pay").by_agent("billing")));
    fails_here(|| drop(gate.assert_denied("pay")));
    fails_here(|| drop(gate.assert_auto_approved("pay")));
    fails_here(|| gate.assert_nothing_asked());
}

#[tokio::test(start_paused = true)]
async fn call_after_the_script_is_refused() {
    let (gate, starts) = (TestGate::script(builder(), [Reply::approve()]), Starts::default());
    starts.pay(&gate, five()).await.unwrap();
    let refusal = starts.pay(&gate, five()).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Rejected { comment: Some(why), .. } if &**why == "the script was over when pay asked"));
    assert_eq!(starts.count(), 1);
    let said = fails_here(|| gate.finish());
    assert!(said.ends_with("the script was over when pay asked") && said.contains("failures.rs:"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn reply_left_over_fails_the_test() {
    let replies = || [Reply::approve(), Reply::reject("no").by(alice()), Reply::approve_with(json!({"amount": 4}))];
    let left = "nobody asked for the rest of the script: reject with \"no\" by alice, then approve with {\"amount\":4}";
    for end in [|gate: TestGate| gate.finish(), drop] {
        let gate = TestGate::script(builder(), replies());
        Starts::default().pay(&gate, five()).await.unwrap();
        gate.assert_asked("pay");
        let said = said(|| end(gate));
        assert!(said.ends_with(left), "{said}");
    }
}

/// A panic in the closure is a rejection and a failed test, not a call that hangs.
#[tokio::test(start_paused = true)]
async fn panicking_reviewer_rejects() {
    let before = tokio::time::Instant::now();
    let starts = Starts::default();
    for end in [|gate: TestGate| drop(gate.assert_asked("pay")), |gate: TestGate| gate.finish(), drop] {
        let gate = TestGate::reviewer(builder(), |request| panic!("no idea about {}", request.tool_name()));
        let refusal = starts.pay(&gate, five()).await.unwrap_err();
        assert!(refusal.is_rejected(), "{refusal:?}");
        let said = said(|| end(gate));
        assert!(said.ends_with("the reviewer's closure panicked when pay asked: no idea about pay"), "{said}");
    }
    assert_eq!((starts.count(), before.elapsed().as_secs()), (0, 0));
}

/// A reply that the gate does not take ends the call, and says why.
#[tokio::test(start_paused = true)]
async fn reply_not_taken_ends_the_call() {
    let tool = Tool::named("wire").approvers(["finance"]);
    let cases = [
        (Reply::approve().by(alice()), "approve by alice: alice may not decide on this tool: it is for finance"),
        (Reply::approve_with(json!([])), "approve with []: the edited arguments cannot be used: "),
    ];
    for (reply, why) in cases {
        let (gate, starts) = (TestGate::script(builder(), [reply]), Starts::default());
        let refusal = starts.call(&gate, tool.clone(), five()).await.unwrap_err();
        assert_eq!((refusal.code(), starts.count()), ("cancelled", 0));
        let said = said(|| gate.assert_nothing_asked());
        assert!(said.contains(&format!("a reply to wire was not taken: {why}")), "{said}");
    }
}

/// A test that fails already says why, and does not abort.
#[tokio::test(start_paused = true)]
async fn failing_test_fails_once() {
    let gate = TestGate::script(builder(), []);
    let refusal = Starts::default().pay(&gate, five()).await.unwrap_err();
    let said = catch_unwind(AssertUnwindSafe(move || {
        let _gate = gate;
        panic!("{refusal}")
    }));
    assert!(said.is_err());
}

/// T38: nothing of a program's own is used by accident, and nobody is told of a test.
#[test]
fn t38_store_and_notifier_are_refused() {
    let said = fails_here(|| drop(TestGate::approve_all(builder().store(MemoryStore::new()))));
    assert!(said.contains("the builder names one\nhelp: leave `.store(..)` to the program's start"), "{said}");
    let said = fails_here(|| drop(TestGate::silent(builder().notifier(notify::Log::new()))));
    assert!(said.contains("the builder names a notifier\nhelp: leave `.notifier(..)` to the program's start"), "{said}");
    let policy = approval_runtime::ApprovalPolicy::new().pass_through("payy");
    let said = fails_here(|| drop(TestGate::script(builder().policy(policy), [])));
    assert!(said.contains("did you mean pay?"), "{said}");
}
