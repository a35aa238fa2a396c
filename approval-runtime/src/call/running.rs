//! A body that runs once its call may start.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::execution::Execution;
use super::permit::Permit;
use super::start::Approved;
use crate::arguments::{Decoder, Invalid};
use crate::boxed::BoxFuture;
use crate::refusal::{Refusal, Stop};
use crate::request::Outcome;

/// The longest result that is kept, in bytes of JSON: as much as arguments may have.
const MAX_RESULT: usize = crate::arguments::MAX_BYTES;

/// A call that people or rules decide.
pub(super) type Approving = BoxFuture<'static, Result<Box<Approved>, Stop>>;

/// A call that passes with the caller's values, or waits until it is approved.
#[must_use = "nothing runs until `run` is awaited"]
pub struct Captured<V>(Result<V, Approving>);

impl<V> Captured<V> {
    pub(super) const fn passes(values: V) -> Self {
        Self(Ok(values))
    }

    pub(super) const fn waits(approving: Approving) -> Self {
        Self(Err(approving))
    }

    /// Says how the values that were approved are decoded.
    #[inline]
    pub fn decode(self, decode: fn(&mut Decoder) -> Result<V, Invalid>) -> Gated<V> {
        Gated { captured: self.0, decode }
    }
}

impl<V> fmt::Debug for Captured<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Captured(..)")
    }
}

/// A call that runs on the caller's values or on those that are approved.
#[must_use = "nothing runs until `run` is awaited"]
pub struct Gated<V> {
    captured: Result<V, Approving>,
    decode: fn(&mut Decoder) -> Result<V, Invalid>,
}

impl<V> fmt::Debug for Gated<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gated(..)")
    }
}

/// Says what a body returns, where a block cannot.
#[derive(Clone, Copy, Debug)]
pub struct Returns<T>(PhantomData<fn() -> T>);

impl<T> Returns<T> {
    /// Returns nothing, of the body's type.
    #[inline]
    #[must_use]
    pub const fn none(self) -> Option<T> {
        None
    }
}

/// How what a body returned is kept, and given to a later call that is the same.
pub struct Record<T> {
    /// Returns the JSON text of what shall be kept, if anything shall.
    pub keep: fn(&T) -> Option<String>,
    /// Reads it back.
    pub give: fn(&str) -> Option<T>,
}

impl<T> fmt::Debug for Record<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record(..)")
    }
}

impl<V> Gated<V> {
    /// Runs the body once the call may start, and records how it ended. A panic of the body is recorded as failed, and goes on.
    ///
    /// `body` only makes the future.
    #[inline]
    pub fn run<T, B, F>(self, refused: fn(Refusal) -> T, is_failure: fn(&T) -> bool, body: B) -> Running<V, T, B, F>
    where
        B: FnOnce(V, Returns<T>) -> F,
        F: Future<Output = T>,
    {
        self.run_recorded(refused, is_failure, None, body)
    }

    /// As [`run`](Self::run), and keeps what the body returns.
    #[inline]
    pub fn run_recorded<T, B, F>(
        self,
        refused: fn(Refusal) -> T,
        is_failure: fn(&T) -> bool,
        record: Option<Record<T>>,
        body: B,
    ) -> Running<V, T, B, F>
    where
        B: FnOnce(V, Returns<T>) -> F,
        F: Future<Output = T>,
    {
        let (stage, body) = match self.captured {
            Ok(values) => (Stage::Runs(Permit::ungated()), Body::Made { body: body(values, Returns(PhantomData)) }),
            Err(approving) => (Stage::Waits(approving, self.decode), Body::ToMake { make: Some(body) }),
        };
        Running { state: State { stage, refused, is_failure, record }, body }
    }
}

pin_project! {
    /// A call on its way from the question to the record of how its body ended.
    #[must_use = "nothing is asked and nothing runs until this is awaited"]
    pub struct Running<V, T, B, F> {
        state: State<V, T>,
        #[pin]
        body: Body<B, F>,
    }
}

pin_project! {
    // One lies where the other lay. Once it is made, the body holds the values.
    #[project = BodyNow]
    enum Body<B, F> {
        ToMake { make: Option<B> },
        Made { #[pin] body: F },
        Ended,
    }
}

struct State<V, T> {
    stage: Stage<V, T>,
    refused: fn(Refusal) -> T,
    is_failure: fn(&T) -> bool,
    record: Option<Record<T>>,
}

enum Stage<V, T> {
    Waits(Approving, fn(&mut Decoder) -> Result<V, Invalid>),
    Claims(BoxFuture<'static, Result<Permit, Stop>>),
    Runs(Permit),
    Records(BoxFuture<'static, ()>, Box<Ended<T>>),
    Over,
}

/// How a body ended: with a value, or with a panic.
type Ended<T> = Result<T, Box<dyn Any + Send>>;

impl<V, T, B, F> fmt::Debug for Running<V, T, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running(..)")
    }
}

impl<V, T, B, F> Future for Running<V, T, B, F>
where
    B: FnOnce(V, Returns<T>) -> F,
    F: Future<Output = T>,
{
    type Output = T;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = self.project();
        match &this.state.stage {
            Stage::Runs(Permit(None)) => this.body.run(context),
            _ => this.state.advance(this.body, context),
        }
    }
}

/// A body as one type for all functions with the same arguments and result, so that each adds little code of its own.
trait Runs<V, T> {
    fn make(self: Pin<&mut Self>, values: V);
    /// Polls the body, and drops its state when it has ended.
    fn run(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T>;
    fn end(self: Pin<&mut Self>);
}

impl<V, T, B, F> Runs<V, T> for Body<B, F>
where
    B: FnOnce(V, Returns<T>) -> F,
    F: Future<Output = T>,
{
    fn make(mut self: Pin<&mut Self>, values: V) {
        if let BodyNow::ToMake { make } = self.as_mut().project()
            && let Some(make) = make.take()
        {
            self.set(Self::Made { body: make(values, Returns(PhantomData)) });
        }
    }

    #[inline]
    fn run(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let BodyNow::Made { body } = self.as_mut().project() else { panic!("the call has ended") };
        let returned = ready!(body.poll(context));
        self.set(Self::Ended);
        Poll::Ready(returned)
    }

    fn end(mut self: Pin<&mut Self>) {
        self.set(Self::Ended);
    }
}

impl<V, T> State<V, T> {
    fn advance(&mut self, mut body: Pin<&mut dyn Runs<V, T>>, context: &mut Context<'_>) -> Poll<T> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Waits(approving, decode) => match ready!(approving.as_mut().poll(context)) {
                    Ok(approved) => {
                        let (permit, values) = approved.start(*decode);
                        if let Some(values) = values {
                            body.as_mut().make(values);
                        }
                        Stage::Claims(permit)
                    }
                    Err(stop) => return Poll::Ready(self.stop(body, stop)),
                },
                Stage::Claims(permit) => match ready!(permit.as_mut().poll(context)) {
                    Ok(permit) => Stage::Runs(permit),
                    Err(stop) => return Poll::Ready(self.stop(body, stop)),
                },
                Stage::Runs(Permit(claimed)) => {
                    let polled = || match claimed {
                        Some(claimed) => Execution::of(claimed.id()).enter(|| body.as_mut().run(context)),
                        None => body.as_mut().run(context),
                    };
                    let ended = match catch_unwind(AssertUnwindSafe(polled)) {
                        Ok(returned) => Ok(ready!(returned)),
                        Err(panic) => {
                            body.as_mut().end();
                            Err(panic)
                        }
                    };
                    let failed = ended.as_ref().map_or(true, self.is_failure);
                    let Some(claimed) = claimed.take() else { return Poll::Ready(given(ended)) };
                    let outcome = if failed { Outcome::Failed } else { Outcome::Executed };
                    let kept = self.record.as_ref().zip(ended.as_ref().ok().filter(|_| !failed));
                    let result = kept.and_then(|(record, returned)| (record.keep)(returned));
                    let result = result.filter(|result| result.len() <= MAX_RESULT).map(Into::into);
                    Stage::Records(claimed.finish(outcome, result), Box::new(ended))
                }
                Stage::Records(recording, _) => {
                    ready!(recording.as_mut().poll(context));
                    let Stage::Records(_, ended) = mem::replace(&mut self.stage, Stage::Over) else {
                        unreachable!("it was recorded just now")
                    };
                    return Poll::Ready(given(*ended));
                }
                Stage::Over => panic!("the call has ended"),
            };
        }
    }

    fn stop(&mut self, body: Pin<&mut dyn Runs<V, T>>, stop: Stop) -> T {
        body.end();
        self.stage = Stage::Over;
        match stop {
            Stop::Refused(refusal) => (self.refused)(refusal),
            Stop::Recorded { otherwise, result } => {
                let given = self.record.as_ref().and_then(|record| (record.give)(&result));
                given.unwrap_or_else(|| (self.refused)(otherwise))
            }
        }
    }
}

fn given<T>(ended: Ended<T>) -> T {
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}
