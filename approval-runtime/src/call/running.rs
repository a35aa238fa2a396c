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
use serde::Serialize;
use serde::de::DeserializeOwned;

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
pub trait Keep<T> {
    /// Returns the JSON text of what shall be kept, if anything shall.
    fn keep(returned: &T) -> Option<String>;
    /// Reads it back.
    fn give(kept: &str) -> Option<T>;
}

/// Nothing is kept.
#[derive(Clone, Copy, Debug)]
pub struct NotKept;

impl<T> Keep<T> for NotKept {
    fn keep(_: &T) -> Option<String> {
        None
    }

    fn give(_: &str) -> Option<T> {
        None
    }
}

/// What the tool returned is kept: its annotation says `record`.
#[derive(Clone, Copy, Debug)]
pub struct Kept;

impl<T: Recorded> Keep<T> for Kept {
    fn keep(returned: &T) -> Option<String> {
        returned.to_record()
    }

    fn give(kept: &str) -> Option<T> {
        T::from_record(kept)
    }
}

/// What a tool that says `record` returns: `Result<T, E>` where `T: Serialize + DeserializeOwned`, or `String`. Only what
/// succeeded is kept.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept and given back",
    label = "`record` keeps what this tool returns, and gives it to a later call that is the same",
    note = "return `Result<T, E>` where `T: Serialize + DeserializeOwned`, or `String`; or leave out `record`"
)]
pub trait Recorded: Sized {
    #[doc(hidden)]
    type Kept: Keep<Self>;
    #[doc(hidden)]
    fn kept() -> Self::Kept;
    #[doc(hidden)]
    fn to_record(&self) -> Option<String>;
    #[doc(hidden)]
    fn from_record(record: &str) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned, E> Recorded for Result<T, E> {
    type Kept = Kept;

    fn kept() -> Kept {
        Kept
    }

    fn to_record(&self) -> Option<String> {
        self.as_ref().ok().and_then(|returned| serde_json::to_string(returned).ok())
    }

    fn from_record(record: &str) -> Option<Self> {
        serde_json::from_str(record).ok().map(Ok)
    }
}

#[diagnostic::do_not_recommend]
impl Recorded for String {
    type Kept = Kept;

    fn kept() -> Kept {
        Kept
    }

    fn to_record(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    fn from_record(record: &str) -> Option<Self> {
        serde_json::from_str(record).ok()
    }
}

impl<V> Gated<V> {
    /// Runs the body once the call may start, and records how it ended. A panic of the body is recorded as failed, and goes on.
    ///
    /// `body` only makes the future.
    #[inline]
    pub fn run<T, B, F>(self, refused: fn(Refusal) -> T, is_failure: fn(&T) -> bool, body: B) -> Running<V, T, B, F, NotKept>
    where
        B: FnOnce(V, Returns<T>) -> F,
        F: Future<Output = T>,
    {
        self.run_keeping(refused, is_failure, NotKept, body)
    }

    /// As [`run`](Self::run), and keeps what the body returns.
    #[inline]
    pub fn run_keeping<T, B, F, K>(
        self,
        refused: fn(Refusal) -> T,
        is_failure: fn(&T) -> bool,
        _keep: K,
        body: B,
    ) -> Running<V, T, B, F, K>
    where
        B: FnOnce(V, Returns<T>) -> F,
        F: Future<Output = T>,
        K: Keep<T>,
    {
        let (stage, body) = match self.captured {
            Ok(values) => (Stage::Runs(Permit::ungated()), Body::Made { body: body(values, Returns(PhantomData)) }),
            Err(approving) => (Stage::Waits(approving, self.decode), Body::ToMake { make: Some(body) }),
        };
        Running { state: State { stage, refused, is_failure, keep: PhantomData }, body }
    }
}

pin_project! {
    /// A call on its way from the question to the record of how its body ended.
    #[must_use = "nothing is asked and nothing runs until this is awaited"]
    pub struct Running<V, T, B, F, K> {
        state: State<V, T, K>,
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

struct State<V, T, K> {
    stage: Stage<V, T>,
    refused: fn(Refusal) -> T,
    is_failure: fn(&T) -> bool,
    keep: PhantomData<fn() -> K>,
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

impl<V, T, B, F, K> fmt::Debug for Running<V, T, B, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running(..)")
    }
}

impl<V, T, B, F, K> Future for Running<V, T, B, F, K>
where
    B: FnOnce(V, Returns<T>) -> F,
    F: Future<Output = T>,
    K: Keep<T>,
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

impl<V, T, K: Keep<T>> State<V, T, K> {
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
                    let result = ended.as_ref().ok().filter(|_| !failed).and_then(K::keep);
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
            Stop::Recorded { otherwise, result } => K::give(&result).unwrap_or_else(|| (self.refused)(otherwise)),
        }
    }
}

fn given<T>(ended: Ended<T>) -> T {
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}
