//! What reviewers see of the arguments, and what the body gets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use approval_runtime::{ApprovalPolicy, ApprovalStatus, DecideError, Decision, Refusal, requires_approval};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Started, approved, shown};
use crate::tools::{alice, approve, builder, gate, pending};

#[tokio::test(start_paused = true)]
async fn borrowed_arguments_come_back() {
    #[requires_approval(auto_approve = to == "nobody" && limit.len() == 9)]
    async fn borrowed(to: &str, tags: &[String], path: &Path, limit: &BTreeMap<String, u64>) -> Result<String, Refusal> {
        tokio::task::yield_now().await;
        Ok(format!("{to} {tags:?} {} {limit:?}", path.display()))
    }

    let limit = BTreeMap::from([("day".to_owned(), 9_007_199_254_740_993)]);
    let (returned, request) = approved(&gate(), borrowed("bob", &["a".into()], "x/y".as_ref(), &limit)).await;
    assert_eq!(returned.unwrap(), r#"bob ["a"] x/y {"day": 9007199254740993}"#);
    assert_eq!(shown(&request), r#"{"limit":{"day":9007199254740993},"path":"x/y","tags":["a"],"to":"bob"}"#);
}

#[derive(Serialize, Deserialize)]
struct Pair {
    left: u8,
    right: u8,
}

struct State(u8);

#[tokio::test(start_paused = true)]
async fn patterns_have_stable_names() {
    #[requires_approval(
        skip(state),
        auto_approve = a == 9 || left == *state,
        reason = "{a} {b} {left} {state}"
    )]
    async fn patterned(
        (a, b): (u8, u8),
        Pair { left, .. }: Pair,
        _: u8,
        State(state): &State,
        mut n: u8,
    ) -> Result<u8, Refusal> {
        n += a + b + left + *state;
        Ok(n)
    }

    let (returned, request) = approved(&gate(), patterned((1, 2), Pair { left: 3, right: 4 }, 5, &State(6), 7)).await;
    assert_eq!(returned.unwrap(), 19);
    assert_eq!(shown(&request), r#"{"arg0":[1,2],"arg2":5,"left":{"left":3,"right":4},"n":7}"#);
    assert_eq!(request.tool().not_reviewed().collect::<Vec<_>>(), ["state"]);
    assert_eq!(request.reason(), Some("1 2 3 6"));
}

#[derive(Serialize, Deserialize)]
struct Parameters<T>(T);

#[derive(Serialize, Deserialize)]
struct Refund {
    amount: f64,
    to: String,
}

/// The shape of an rmcp handler.
#[tokio::test(start_paused = true)]
async fn lone_parameters_are_flattened() {
    struct Server;

    impl Server {
        #[requires_approval(skip(context), auto_approve = p.amount < 1.0, reason = "Refund {p.to}")]
        async fn refund_with_parameters(&self, Parameters(p): Parameters<Refund>, context: u8) -> Result<String, Refusal> {
            Ok(format!("{} {} {context}", p.amount, p.to))
        }
    }

    let gate = gate();
    let refund = |amount| Parameters(Refund { amount, to: "bob".into() });
    assert_eq!(gate.scope(Server.refund_with_parameters(refund(0.5), 1)).await.unwrap(), "0.5 bob 1");
    let (returned, request) = approved(&gate, Server.refund_with_parameters(refund(5.0), 1)).await;
    assert_eq!(returned.unwrap(), "5 bob 1");
    assert_eq!(shown(&request), r#"{"amount":5.0,"to":"bob"}"#);
    assert_eq!(request.tool().not_reviewed().collect::<Vec<_>>(), ["self", "context"]);
}

/// T3: what changes while reviewers think is not what they approved.
#[tokio::test(start_paused = true)]
async fn t03_shared_value_is_captured() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Shared(Arc<Mutex<u64>>);

    #[requires_approval]
    async fn pay_shared(amount: Shared) -> Result<u64, Refusal> {
        Ok(*amount.0.lock().unwrap())
    }

    let (gate, amount) = (gate(), Shared(Arc::new(Mutex::new(5))));
    let changing = async {
        pending(&gate).await;
        *amount.0.lock().unwrap() = 5_000;
        approve(&gate).await
    };
    let (paid, _) = tokio::join!(gate.scope(pay_shared(amount.clone())), changing);
    assert_eq!(paid.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn live_value_runs_as_it_is() {
    #[requires_approval(live(text, total))]
    async fn first_word<'a>(text: &'a str, total: &mut u64, by: u64) -> Result<&'a str, Refusal> {
        *total += by;
        Ok(text.split(' ').next().unwrap_or_default())
    }

    let (text, mut total) = (String::from("hello world"), 1);
    let (word, request) = approved(&gate(), first_word(&text, &mut total, 2)).await;
    assert!(std::ptr::eq(word.unwrap().as_ptr(), text.as_ptr()), "the result borrows from the caller's own text");
    assert_eq!(shown(&request), r#"{"by":2,"text":"hello world","total":1}"#);
    assert_eq!(request.tool().not_reviewed().collect::<Vec<_>>(), ["text", "total"]);
    assert_eq!(total, 3);
}

#[tokio::test(start_paused = true)]
async fn live_value_cannot_be_edited() {
    #[requires_approval(live(rate))]
    async fn convert(amount: u64, rate: u64) -> Result<u64, Refusal> {
        Ok(amount * rate)
    }

    let gate = gate();
    let editing = async {
        let request = pending(&gate).await;
        let edit = |edited| gate.decide(request.id(), Decision::approve(alice(), request.digest()).edited_arguments(edited));
        assert!(edit(json!({"amount": 2, "rate": 9})).await.is_err());
        edit(json!({"amount": 3, "rate": 7})).await.unwrap()
    };
    let (converted, _) = tokio::join!(gate.scope(convert(2, 7)), editing);
    assert_eq!(converted.unwrap(), 21);
}

#[tokio::test(start_paused = true)]
async fn edit_is_checked_and_runs() {
    struct Mailer;

    impl Mailer {
        #[requires_approval(name = "mailer.send_edited")]
        async fn send(&self, to: &str, copies: Option<u8>) -> Result<String, Refusal> {
            Ok(format!("{to} {copies:?}"))
        }
    }

    let gate = gate();
    let editing = async {
        let request = pending(&gate).await;
        let edit = |edited| gate.decide(request.id(), Decision::approve(alice(), request.digest()).edited_arguments(edited));
        for (edited, code) in [
            (json!({"to": "carol", "copies": 300}), "type_mismatch"),
            (json!({"to": 5, "copies": 3}), "type_mismatch"),
            (json!({"copies": 3}), "missing_field"),
            (json!({"to": "carol", "copies": 3, "bcc": "eve"}), "unknown_field"),
        ] {
            let DecideError::InvalidEdit(invalid) = edit(edited).await.unwrap_err() else {
                panic!("{code} is no edit's error")
            };
            assert_eq!(invalid.error(), code);
        }
        assert_eq!(gate.get_request(request.id()).await.unwrap().status(), ApprovalStatus::Pending);
        edit(json!({"to": "carol", "copies": 3})).await.unwrap()
    };
    let (sent, _) = tokio::join!(gate.scope(Mailer.send("bob", None)), editing);
    assert_eq!(sent.unwrap(), "carol Some(3)");
}

/// Serializes nowhere: a call that captured it would fail.
#[derive(Deserialize)]
struct Unseen(String);

impl Serialize for Unseen {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("a passing call was captured")
    }
}

#[tokio::test(start_paused = true)]
async fn passing_call_keeps_its_originals() {
    fn judged() -> bool {
        panic!("a passing call was judged")
    }

    #[requires_approval(auto_approve = judged())]
    async fn pass_originals(unseen: Unseen, lent: &str) -> Result<(String, usize), Refusal> {
        Ok((unseen.0, lent.as_ptr().addr()))
    }

    let gate = builder().policy(ApprovalPolicy::new().pass_through("pass_originals")).build().unwrap();
    let (text, lent) = (String::from("hello"), String::from("lent"));
    let address = text.as_ptr();
    let (returned, borrowed) = gate.scope(pass_originals(Unseen(text), &lent)).await.unwrap();
    assert_eq!((returned.as_ptr(), borrowed), (address, lent.as_ptr().addr()));
}

/// Counts how many are alive.
#[derive(Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
struct Counted;

static ALIVE: AtomicUsize = AtomicUsize::new(0);

impl From<u8> for Counted {
    fn from(_: u8) -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl From<Counted> for u8 {
    fn from(_: Counted) -> Self {
        0
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::from(0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn originals_end_at_capture() {
    #[requires_approval]
    async fn hold(value: Counted) -> Result<usize, Refusal> {
        let _value = value;
        Ok(ALIVE.load(Ordering::SeqCst))
    }

    let gate = gate();
    let watching = async {
        pending(&gate).await;
        let alive = ALIVE.load(Ordering::SeqCst);
        approve(&gate).await;
        alive
    };
    let (held, waiting) = tokio::join!(gate.scope(hold(Counted::from(0))), watching);
    assert_eq!((waiting, held.unwrap(), ALIVE.load(Ordering::SeqCst)), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn unrepresentable_call_does_not_ask() {
    static STARTED: Started = Started::none();

    #[requires_approval]
    async fn pay_float(amount: f64) -> Result<f64, Refusal> {
        STARTED.once_more();
        Ok(amount)
    }

    let gate = gate();
    let refusal = gate.scope(pay_float(f64::NAN)).await.unwrap_err();
    assert_eq!(refusal.code(), "number_out_of_range");
    assert!(gate.get_pending().await.unwrap().is_empty());
    assert_eq!(STARTED.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn generic_tools_decode_their_types() {
    #[requires_approval(auto_approve = items.len() > N && last.to_string() == "9")]
    async fn count_generic<T, const N: usize>(
        items: Vec<T>,
        last: impl Serialize + for<'a> Deserialize<'a> + ToString,
    ) -> Result<String, Refusal>
    where
        T: Serialize + for<'a> Deserialize<'a>,
    {
        Ok(format!("{} {N} {}", items.len(), last.to_string()))
    }

    let gate = gate();
    let (counted, _) = approved(&gate, count_generic::<u8, 3>(vec![1, 2], "x".to_owned())).await;
    assert_eq!(counted.unwrap(), "2 3 x");
    assert_eq!(gate.scope(count_generic::<String, 0>(vec!["a".into()], 9_u64)).await.unwrap(), "1 0 9");
}
