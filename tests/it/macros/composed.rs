//! Under and above other attribute macros.

use std::rc::Rc;

use approval_runtime::{Refusal, requires_approval};
use async_trait::async_trait;

use super::{Started, starts_once};

#[tokio::test(start_paused = true)]
async fn instrumented_functions_start_once() {
    static STARTED: Started = Started::none();

    #[requires_approval(name = "composed.ours_above", auto_approve = to.is_empty())]
    #[tracing::instrument(skip(to))]
    async fn ours_above(to: &str, copies: u8) -> Result<String, Refusal> {
        STARTED.once_more();
        Ok(to.repeat(copies.into()))
    }

    #[tracing::instrument(skip(to))]
    #[requires_approval(name = "composed.ours_below", auto_approve = to.is_empty())]
    async fn ours_below(to: &str, copies: u8) -> Result<String, Refusal> {
        STARTED.once_more();
        Ok(to.repeat(copies.into()))
    }

    let (returned, request) = starts_once(&STARTED, async || ours_above("ab", 2).await).await;
    assert_eq!((returned.unwrap().as_str(), request.tool_name()), ("abab", "composed.ours_above"));
    let (returned, request) = starts_once(&STARTED, async || ours_below("ab", 2).await).await;
    assert_eq!((returned.unwrap().as_str(), request.tool_name()), ("abab", "composed.ours_below"));
}

#[async_trait]
trait Mailer: Sync {
    /// Below `#[async_trait]`, which has boxed it by then.
    #[requires_approval(name = "composed.with_default", auto_approve = to == "nobody")]
    async fn with_default(&self, to: &str) -> Result<usize, Refusal> {
        self.started().once_more();
        Ok(to.len())
    }

    async fn send(&self, to: &str, copies: u8) -> Result<String, Refusal>;

    fn started(&self) -> &Started;
}

struct Smtp(Started);

#[async_trait]
impl Mailer for Smtp {
    #[requires_approval(name = "composed.async_trait", reason = "To {to}")]
    async fn send(&self, to: &str, copies: u8) -> Result<String, Refusal> {
        self.0.once_more();
        tokio::task::yield_now().await;
        Ok(to.repeat(copies.into()))
    }

    fn started(&self) -> &Started {
        &self.0
    }
}

#[tokio::test(start_paused = true)]
async fn async_traits_start_once() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }

    let smtp: Box<dyn Mailer + Send> = Box::new(Smtp(Started::none()));
    let (returned, request) = starts_once(smtp.started(), async || is_send(smtp.send("ab", 2)).await).await;
    assert_eq!((returned.unwrap().as_str(), request.reason()), ("abab", Some("To ab")));
    let (returned, request) = starts_once(smtp.started(), async || is_send(smtp.with_default("ab")).await).await;
    assert_eq!((returned.unwrap(), request.tool_name()), (2, "composed.with_default"));
}

#[async_trait(?Send)]
trait Local {
    async fn count(&self, from: Vec<u8>) -> String;
}

struct Counter(Rc<Started>);

#[async_trait(?Send)]
impl Local for Counter {
    #[requires_approval(name = "composed.local")]
    async fn count(&self, from: Vec<u8>) -> String {
        let started = Rc::clone(&self.0);
        tokio::task::yield_now().await;
        started.once_more();
        format!("{}", from.len())
    }
}

#[tokio::test(start_paused = true)]
async fn local_async_traits_start_once() {
    let counter = Counter(Rc::new(Started::none()));
    let local: &dyn Local = &counter;
    let (returned, _) = starts_once(&counter.0, async || local.count(vec![1, 2]).await).await;
    assert_eq!(returned, "2");
}
