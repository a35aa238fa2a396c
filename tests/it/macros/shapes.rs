//! The forms of a function, and how bodies return.

use std::fmt::Display;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use approval_runtime::{ApprovalPolicy, ExecutionState, Refusal, requires_approval};

use super::{Started, approved};
use crate::tools::{builder, gate, reject};

#[tokio::test(start_paused = true)]
async fn returned_futures_are_gated() {
    static STARTED: Started = Started::none();

    #[requires_approval]
    fn returned_future(to: String) -> impl Future<Output = Result<usize, Refusal>> + Send {
        async move {
            STARTED.once_more();
            Ok(to.len())
        }
    }

    #[requires_approval]
    fn boxed_future<'a>(to: &'a str) -> Pin<Box<dyn Future<Output = Result<usize, Refusal>> + Send + 'a>> {
        Box::pin(async move {
            STARTED.once_more();
            Ok(to.len())
        })
    }

    let gate = gate();
    let (refused, _) = tokio::join!(gate.scope(returned_future("bob".into())), reject(&gate));
    assert_eq!(refused.unwrap_err().code(), "rejected");
    let (refused, _) = tokio::join!(gate.scope(boxed_future("bob")), reject(&gate));
    assert_eq!(refused.unwrap_err().code(), "rejected");
    assert_eq!(STARTED.count(), 0);
    let (returned, _) = approved(&gate, returned_future("bob".into())).await;
    assert_eq!(returned.unwrap(), 3);
    let (returned, _) = approved(&gate, boxed_future("bob")).await;
    assert_eq!((returned.unwrap(), STARTED.count()), (3, 2));
}

trait Tool {
    fn call<'a>(&'a self, to: &'a str) -> Pin<Box<dyn Future<Output = String> + Send + 'a>>;
}

struct Mailer {
    started: Started,
}

/// What `#[async_trait]` leaves for an attribute below it.
impl Tool for Mailer {
    #[requires_approval(name = "shapes.mailer")]
    fn call<'a>(&'a self, to: &'a str) -> Pin<Box<dyn Future<Output = String> + Send + 'a>> {
        Box::pin(async move {
            if let Some(ret) = None::<String> {
                #[allow(unreachable_code)]
                return ret;
            }
            let this = self;
            let ret: String = {
                this.started.once_more();
                format!("sent to {to}")
            };
            #[allow(unreachable_code)]
            ret
        })
    }
}

#[tokio::test(start_paused = true)]
async fn trait_objects_are_gated() {
    let gate = gate();
    let mailer = Mailer { started: Started::none() };
    let tools: [&dyn Tool; 1] = [&mailer];
    let (refused, _) = tokio::join!(gate.scope(tools[0].call("bob")), reject(&gate));
    assert_eq!(refused, "Action 'shapes.mailer' was rejected by alice.");
    assert_eq!(mailer.started.count(), 0);
    let (sent, request) = approved(&gate, tools[0].call("bob")).await;
    assert_eq!((sent.as_str(), mailer.started.count()), ("sent to bob", 1));
    assert_eq!(request.tool().not_reviewed().collect::<Vec<_>>(), ["self"]);
}

struct Account {
    balance: u64,
}

impl Account {
    #[requires_approval]
    async fn withdraw(&mut self, amount: u64) -> Result<&mut u64, Refusal> {
        self.balance -= amount;
        Ok(&mut self.balance)
    }

    #[requires_approval]
    async fn close(self: Arc<Self>) -> Result<u64, Refusal> {
        Ok(self.balance)
    }

    #[requires_approval]
    async fn drain(mut self: Pin<&mut Self>, amount: u64) -> Result<u64, Refusal> {
        self.balance -= amount;
        Ok(self.balance)
    }
}

#[tokio::test(start_paused = true)]
async fn methods_keep_their_receivers() {
    let (gate, mut account) = (gate(), Account { balance: 10 });
    let (balance, _) = approved(&gate, account.withdraw(3)).await;
    *balance.unwrap() += 1;
    let (balance, _) = approved(&gate, Pin::new(&mut account).drain(2)).await;
    assert_eq!(balance.unwrap(), 6);
    let (balance, _) = approved(&gate, Arc::new(account).close()).await;
    assert_eq!(balance.unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn outcome_follows_the_body() {
    #[derive(Debug, thiserror::Error)]
    enum ParseError {
        #[error(transparent)]
        Refused(#[from] Refusal),
        #[error(transparent)]
        Number(#[from] std::num::ParseIntError),
    }

    #[requires_approval]
    async fn parse_number(text: String) -> Result<Box<dyn Display>, ParseError> {
        if text == "none" {
            return Ok(Box::new("nothing"));
        }
        Ok(Box::new(text.parse::<u64>()?))
    }

    let gate = gate();
    for (text, returned, state) in [
        ("none", Ok("nothing"), ExecutionState::Executed),
        ("5", Ok("5"), ExecutionState::Executed),
        ("x", Err("invalid digit found in string"), ExecutionState::Failed),
    ] {
        let (parsed, request) = approved(&gate, parse_number(text.into())).await;
        let parsed = parsed.map(|number| number.to_string()).map_err(|error| error.to_string());
        assert_eq!(parsed.as_ref().map(String::as_str).map_err(String::as_str), returned);
        assert_eq!(gate.get_request(request.id()).await.unwrap().execution().state, state, "{text}");
    }
    let (refused, _) = tokio::join!(gate.scope(parse_number("5".into())), reject(&gate));
    assert!(matches!(refused, Err(ParseError::Refused(Refusal::Rejected { .. }))));
}

#[tokio::test(start_paused = true)]
async fn body_may_stay_on_its_thread() {
    #[requires_approval(reason = "of {n}")]
    async fn count_down(n: u8) -> Result<u8, Refusal> {
        let n = Rc::new(n);
        tokio::task::yield_now().await;
        if *n == 0 { Ok(0) } else { Ok(1 + Box::pin(count_down(*n - 1)).await?) }
    }

    let gate = builder().policy(ApprovalPolicy::new().pass_through("count_down")).build().unwrap();
    assert_eq!(gate.scope(count_down(3)).await.unwrap(), 3);
}

/// A gated future holds its arguments as the bare one does; what the gate needs is boxed.
#[test]
fn gate_adds_little_to_a_future() {
    async fn bare(to: String, subject: String, body: String) -> Result<String, Refusal> {
        tokio::task::yield_now().await;
        Ok(to + &subject + &body)
    }

    #[requires_approval(timeout = 120, auto_approve = to.is_empty(), reason = "To {to}")]
    async fn gated(to: String, subject: String, body: String) -> Result<String, Refusal> {
        tokio::task::yield_now().await;
        Ok(to + &subject + &body)
    }

    let text = String::new;
    let (bare, gated) = (size_of_val(&bare(text(), text(), text())), size_of_val(&gated(text(), text(), text())));
    assert!(gated <= bare + 64, "{gated} bytes for {bare}");
    // As the attribute's reference has it.
    assert!(cfg!(not(target_pointer_width = "64")) || (bare <= 168 && gated <= 232), "{gated} bytes for {bare}");
}

/// What is lent comes back as a value of its own, so such a future holds more: as the attribute's reference has it.
#[cfg(target_pointer_width = "64")]
#[test]
fn lent_arguments_are_held() {
    struct Mailer;

    impl Mailer {
        #[requires_approval]
        async fn count_lent(&self, to: &str, tags: &[String]) -> Result<usize, Refusal> {
            tokio::task::yield_now().await;
            Ok(to.len() + tags.len())
        }
    }

    #[requires_approval]
    async fn count_owned(id: u64) -> Result<u64, Refusal> {
        tokio::task::yield_now().await;
        Ok(id)
    }

    assert!(size_of_val(&Mailer.count_lent("", &[])) <= 208);
    assert!(size_of_val(&count_owned(1)) <= 104);
}
