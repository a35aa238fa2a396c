//! Functions that are legitimate and odd: each asks, and each body starts once.

use std::fmt::Display;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use approval_runtime::{Refusal, requires_approval};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Started, shown, starts_once};
use crate::tools::gate;

#[tokio::test(start_paused = true)]
async fn generic_functions_start_once() {
    static STARTED: Started = Started::none();

    #[requires_approval]
    async fn odd_generic<T, const N: usize>(items: [T; N], bound: (impl Serialize + DeserializeOwned + Display, u8)) -> String
    where
        T: Serialize + DeserializeOwned,
        [T; N]: Serialize + DeserializeOwned,
    {
        STARTED.once_more();
        format!("{} {}", items.len(), bound.0)
    }

    let (returned, request) = starts_once(&STARTED, async || odd_generic::<u8, 2>([1, 2], ("x".to_owned(), 3)).await).await;
    assert_eq!(returned, "2 x");
    assert_eq!(shown(&request), r#"{"bound":["x",3],"items":[1,2]}"#);
}

#[tokio::test(start_paused = true)]
async fn lifetimes_start_once() {
    static STARTED: Started = Started::none();

    struct Pool<'p>(&'p str);

    impl<'p> Pool<'p> {
        #[requires_approval(skip(other))]
        async fn odd_lifetimes<'a>(&'a self, key: &str, other: &'a Pool<'p>) -> Result<&'a Pool<'p>, Refusal> {
            STARTED.once_more();
            Ok(if key.is_empty() { self } else { other })
        }
    }

    let (one, other) = (Pool("one"), Pool("other"));
    let (returned, request) = starts_once(&STARTED, async || one.odd_lifetimes("k", &other).await.map(|pool| pool.0)).await;
    assert_eq!(returned.unwrap(), "other");
    assert_eq!(request.tool().not_reviewed().collect::<Vec<_>>(), ["self", "other"]);
}

struct Account {
    balance: u64,
    started: Started,
}

impl Account {
    const fn new() -> Self {
        Self { balance: 10, started: Started::none() }
    }

    fn withdraw(&mut self, amount: u64) -> u64 {
        self.started.once_more();
        self.balance -= amount;
        self.balance
    }

    #[requires_approval]
    async fn odd_by_value(mut self: Box<Self>, amount: u64) -> Result<Box<Self>, Refusal> {
        self.withdraw(amount);
        Ok(self)
    }

    #[requires_approval]
    async fn odd_by_reference(&mut self, amount: u64) -> Result<u64, Refusal> {
        Ok(self.withdraw(amount))
    }

    #[requires_approval]
    async fn odd_by_pin(self: Pin<&mut Self>, amount: u64) -> Result<u64, Refusal> {
        Ok(self.get_mut().withdraw(amount))
    }

    #[requires_approval]
    async fn odd_by_arc(self: Arc<Self>, amount: u64) -> Result<u64, Refusal> {
        self.started.once_more();
        Ok(self.balance - amount)
    }

    #[requires_approval]
    async fn odd_by_pinned_arc(self: Pin<Arc<Self>>, amount: u64) -> Result<u64, Refusal> {
        self.started.once_more();
        Ok(self.balance - amount)
    }
}

#[tokio::test(start_paused = true)]
async fn receivers_start_once() {
    let gate = gate();
    let (account, _) = super::approved(&gate, Box::new(Account::new()).odd_by_value(3)).await;
    let account = account.unwrap();
    assert_eq!((account.balance, account.started.count()), (7, 1));

    let mut account = Account::new();
    let (balance, _) = super::approved(&gate, account.odd_by_reference(3)).await;
    assert_eq!((balance.unwrap(), account.started.count()), (7, 1));
    let (balance, _) = super::approved(&gate, Pin::new(&mut account).odd_by_pin(2)).await;
    assert_eq!((balance.unwrap(), account.started.count()), (5, 2));

    let shared = Arc::new(Account::new());
    let (balance, request) = starts_once(&shared.started, async || Arc::clone(&shared).odd_by_arc(1).await).await;
    assert_eq!((balance.unwrap(), request.tool().not_reviewed().collect()), (9, vec!["self"]));
    let (balance, _) = starts_once(&shared.started, async || Pin::new(Arc::clone(&shared)).odd_by_pinned_arc(4).await).await;
    assert_eq!(balance.unwrap(), 6);
}

trait Mailer {
    #[requires_approval(name = "odd.default_method")]
    async fn send(&self, to: String) -> Result<String, Refusal>
    where
        Self: Sized,
    {
        Ok(format!("nobody sent to {to}"))
    }

    fn forward(&self, to: String) -> impl Future<Output = Result<String, Refusal>>;
}

struct Smtp(Started);

impl Mailer for Smtp {
    #[requires_approval(name = "odd.trait_impl")]
    async fn send(&self, to: String) -> Result<String, Refusal> {
        self.0.once_more();
        Ok(to)
    }

    #[requires_approval(name = "odd.returned_future")]
    fn forward(&self, to: String) -> impl Future<Output = Result<String, Refusal>> {
        async move {
            self.0.once_more();
            Ok(to)
        }
    }
}

struct Nobody;

impl Mailer for Nobody {
    async fn forward(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

#[tokio::test(start_paused = true)]
async fn trait_methods_start_once() {
    let smtp = Smtp(Started::none());
    let (sent, request) = starts_once(&smtp.0, async || smtp.send("bob".into()).await).await;
    assert_eq!((sent.unwrap().as_str(), request.tool_name()), ("bob", "odd.trait_impl"));
    let (sent, request) = starts_once(&smtp.0, async || smtp.forward("bob".into()).await).await;
    assert_eq!((sent.unwrap().as_str(), request.tool_name()), ("bob", "odd.returned_future"));
    let (sent, request) = super::approved(&gate(), Nobody.send("bob".into())).await;
    assert_eq!((sent.unwrap().as_str(), request.tool_name()), ("nobody sent to bob", "odd.default_method"));
}

#[derive(Serialize, Deserialize)]
struct Point {
    x: u8,
    y: u8,
}

#[tokio::test(start_paused = true)]
async fn patterns_start_once() {
    static STARTED: Started = Started::none();

    #[requires_approval]
    async fn odd_patterns(
        (a, (b, _)): (u8, (u8, u8)),
        [c, .., d]: [u8; 3],
        Point { x, y: up }: Point,
        _: u8,
        &e: &u8,
        mut f: u8,
        arg0: u8,
    ) -> Result<[u8; 8], Refusal> {
        STARTED.once_more();
        f += 1;
        Ok([a, b, c, d, x + up, e, f, arg0])
    }

    let call = async || odd_patterns((1, (2, 0)), [3, 0, 4], Point { x: 2, y: 3 }, 0, &6, 6, 8).await;
    let (returned, request) = starts_once(&STARTED, call).await;
    assert_eq!(returned.unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
    let names: Vec<_> = request.tool().arguments().map(|argument| argument.name()).collect();
    assert_eq!(names, ["arg0_", "arg1", "arg2", "arg3", "e", "f", "arg0"]);
}

#[tokio::test(start_paused = true)]
async fn raw_names_start_once() {
    static STARTED: Started = Started::none();

    #[requires_approval(reason = "{type} {in}", auto_approve = r#in > 9)]
    async fn r#yield(r#type: String, r#in: u8) -> Result<String, Refusal> {
        STARTED.once_more();
        Ok(format!("{type}{}", r#in, r#type = r#type))
    }

    let (returned, request) = starts_once(&STARTED, async || r#yield("a".into(), 1).await).await;
    assert_eq!(returned.unwrap(), "a1");
    assert_eq!((request.tool_name(), request.reason()), ("yield", Some("a 1")));
    assert_eq!(shown(&request), r#"{"in":1,"type":"a"}"#);
}

#[tokio::test(start_paused = true)]
async fn early_returns_start_once() {
    static STARTED: Started = Started::none();

    #[requires_approval]
    async fn odd_returns(text: String) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        STARTED.once_more();
        if text.is_empty() {
            return Ok(0);
        }
        let number = text.parse::<u64>()?;
        if number > 9 {
            Err("too large")?;
        }
        Ok(number)
    }

    for (text, expected) in [("", Ok(0)), ("3", Ok(3)), ("30", Err("too large".to_owned()))] {
        let (returned, _) = starts_once(&STARTED, async || odd_returns(text.to_owned()).await).await;
        assert_eq!(returned.map_err(|error| error.to_string()), expected);
    }
    assert_eq!(STARTED.count(), 3);
}

/// Each level asks, and each body starts once.
#[tokio::test(start_paused = true)]
async fn recursion_asks_each_time() {
    static STARTED: Started = Started::none();

    #[requires_approval(auto_approve = n < 2)]
    async fn odd_recursion(n: u8) -> Result<u8, Refusal> {
        STARTED.once_more();
        // Held over an await: such a future stays on its thread.
        let n = Rc::new(n);
        tokio::task::yield_now().await;
        if *n == 0 { Ok(0) } else { Ok(*n + Box::pin(odd_recursion(*n - 1)).await?) }
    }

    let (sum, _) = super::approved(&gate(), odd_recursion(2)).await;
    assert_eq!((sum.unwrap(), STARTED.count()), (3, 3));
}

static BY_MACRO: Started = Started::none();

macro_rules! tool {
    ($name:ident, $argument:ident: $ty:ty, $reason:literal, $timeout:expr, $rule:expr) => {
        #[requires_approval(reason = $reason, timeout = $timeout, auto_approve = $rule)]
        async fn $name($argument: $ty) -> Result<$ty, Refusal> {
            BY_MACRO.once_more();
            Ok($argument)
        }
    };
    ($name:ident) => {
        #[requires_approval(reason = "Take {value} of {other.0}", auto_approve = value == other.0)]
        async fn $name(value: u8, other: (u8, u8)) -> Result<u8, Refusal> {
            BY_MACRO.once_more();
            Ok(value + other.1)
        }
    };
}

tool!(odd_by_macro, text: String, "Store {text:?}", "2m", text.is_empty());
tool!(odd_hygiene);

#[tokio::test(start_paused = true)]
async fn macros_write_tools() {
    let (returned, request) = starts_once(&BY_MACRO, async || odd_by_macro("a".into()).await).await;
    assert_eq!((returned.unwrap().as_str(), request.reason(), request.timeout().as_secs()), ("a", Some("Store \"a\""), 120));
    let (returned, request) = starts_once(&BY_MACRO, async || odd_hygiene(1, (2, 3)).await).await;
    assert_eq!((returned.unwrap(), request.reason()), (4, Some("Take 1 of 2")));
}

/// An argument that is there depending on how the crate was built: the reviewer sees what the function gets.
#[tokio::test(start_paused = true)]
async fn conditional_arguments_start_once() {
    static STARTED: Started = Started::none();

    #[requires_approval(skip(log, gone), redact(pin), reason = "{amount}")]
    async fn odd_conditional(
        amount: u64,
        #[cfg(not(test))] gone: u64,
        #[cfg(test)] extra: u64,
        #[cfg(any())] pin: String,
        #[cfg(not(any()))] log: &Started,
    ) -> Result<u64, Refusal> {
        log.once_more();
        #[cfg(not(test))]
        let extra = gone;
        Ok(amount + extra)
    }

    let (returned, request) = starts_once(&STARTED, async || odd_conditional(1, 2, &STARTED).await).await;
    assert_eq!(returned.unwrap(), 3);
    assert_eq!(shown(&request), r#"{"amount":1,"extra":2}"#);
    assert_eq!(request.tool().not_reviewed().collect::<Vec<_>>(), ["log"]);
}

#[tokio::test(start_paused = true)]
async fn attributes_stay_where_they_are() {
    static STARTED: Started = Started::none();

    /// Documented.
    #[requires_approval]
    #[inline(never)]
    #[must_use]
    #[allow(clippy::unused_async, reason = "the tool's own")]
    async fn odd_attributes(#[allow(unused_mut)] mut to: String, #[expect(unused_variables)] subject: &str) -> String {
        STARTED.once_more();
        to
    }

    let (returned, _) = starts_once(&STARTED, async || odd_attributes("bob".into(), "hi").await).await;
    assert_eq!(returned, "bob");
}
