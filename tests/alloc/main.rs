//! What a call asks of the allocator, counted on the test's own thread.

#[path = "../../approval-runtime/benches/gate/counting.rs"]
mod counting;

use approval_runtime::{Agent, ApprovalGate, ApprovalPolicy, Arguments, Decision, Flag, Refusal, Reviewer, requires_approval};
use counting::Counting;
use tokio::task::yield_now;

#[global_allocator]
static GLOBAL: Counting = Counting;

/// Gives its arguments back: neither it nor its caller frees or copies them.
#[requires_approval(callable)]
async fn send_email(to: String, subject: String, body: String) -> Result<[String; 3], Refusal> {
    Ok([to, subject, body])
}

/// How often one call asks the allocator for memory.
async fn allocations_of_a_call() -> u64 {
    let [to, subject, body] = ["bob@example.com", "Hello", "The figures."].map(String::from);
    let before = counting::calls();
    let sent = send_email(to, subject, body).await;
    let allocations = counting::calls() - before;
    assert!(sent.is_ok_and(|[to, ..]| to == "bob@example.com"));
    allocations
}

fn gate(policy: ApprovalPolicy) -> ApprovalGate {
    let gate = ApprovalGate::builder().policy(policy).without_notifier();
    gate.build().expect("the policy names a tool of this file")
}

#[tokio::test]
async fn passing_call_allocates_nothing() {
    let gate = gate(ApprovalPolicy::new().pass_through("send_email"));
    assert_eq!(gate.scope(allocations_of_a_call()).await, 0);
    let of_an_agent = Agent::new("billing").scope(allocations_of_a_call());
    assert_eq!(gate.scope(of_an_agent).await, 0);
}

#[tokio::test]
async fn installed_gate_allocates_nothing() {
    let policy = ApprovalPolicy::new().pass_through("send_email");
    let gate = ApprovalGate::builder().policy(policy).without_notifier();
    gate.install().expect("no other test of this program installs one");
    assert_eq!(allocations_of_a_call().await, 0);
    assert_eq!(Agent::new("billing").scope(allocations_of_a_call()).await, 0);
}

/// Flags are looked for without asking for memory; but for the table that the first text past ASCII fills.
#[test]
fn flags_allocate_nothing() {
    let arguments = |text: &str| Arguments::from_canonical(format!(r#"{{"text":"{text}"}}"#)).expect("it is canonical");
    let russian = arguments("Отчёт за март, раураl");
    assert!(russian.flags().contains(Flag::Confusable));
    for arguments in [arguments("Hello"), arguments(r"bob\u001b[2J"), russian, arguments("東京 ＮＨＫ 👍")] {
        let before = counting::calls();
        let flags = arguments.flags();
        assert_eq!(counting::calls() - before, 0, "{flags}");
    }
}

/// Shows that the tests above can fail: the same call, asked about, is seen to allocate.
#[tokio::test]
async fn asked_call_is_counted() {
    let gate = gate(ApprovalPolicy::new());
    let reviewing = async {
        loop {
            for request in gate.get_pending().await.expect("the store is in memory") {
                let decision = Decision::approve(Reviewer::new("alice"), request.digest());
                gate.decide(request.id(), decision).await.expect("nobody else decides");
            }
            yield_now().await;
        }
    };
    let allocations = tokio::select! {
        allocations = gate.scope(allocations_of_a_call()) => allocations,
        () = reviewing => 0,
    };
    assert!(allocations > 0);
}

/// T34: an argument of 8 MiB is refused without a copy of it, and so are others that are meant to take memory.
#[tokio::test]
async fn t34_too_much_takes_no_memory() {
    let gate = gate(ApprovalPolicy::new());
    let email = |to: &str| format!(r#"{{"to":{to},"subject":"Hello","body":""}}"#);
    let texts = [
        ("too_large", email(&format!("\"{}\"", "A".repeat(8 << 20)))),
        ("too_large", email(&format!("\"{}\"", r"\u0041".repeat(8 << 17)))),
        ("too_deep", email(&format!("{}1{}", "[".repeat(4 << 20), "]".repeat(4 << 20)))),
        ("too_many_keys", email(&format!("{{{}\"\":0}}", (0..1 << 19).map(|n| format!("\"{n}\":0,")).collect::<String>()))),
    ];
    for (code, text) in texts {
        counting::count_bytes();
        let error = gate.call_json("send_email", &text).await.expect_err(code);
        let held = counting::stop_counting_bytes();
        assert_eq!(error.code(), code);
        // What other tests of this program hold meanwhile is little.
        let most = counting::most_bytes();
        assert!(most < 1 << 20, "{code}: {most} bytes at once for {} of text", text.len());
        assert!(held < 1 << 16, "{code}: {held} bytes stay");
    }
}
