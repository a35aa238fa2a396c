//! What the attribute's options take, where only the compiler knows the type: traits whose only work is a good message.
//!
//! Two of them stand behind a method that the right type has itself. A trait's method comes after that, so it is found on a
//! wrong type alone, and its bound, which nothing meets, is what the compiler tells.

use std::ops::Deref;
use std::time::Duration;

use crate::agent::Agent;
use crate::arguments::Invalid;
use crate::gate::ApprovalGate;
use crate::tool::MAX_TIMEOUT;

/// What `auto_approve = ..` gives.
#[derive(Debug)]
pub struct Rule<T>(pub T);

/// A [`Rule`] that gives a `bool`.
#[diagnostic::on_unimplemented(
    message = "`auto_approve` is a rule that says yes or no",
    label = "this is no `bool`",
    note = "write a comparison, as in `auto_approve = amount < 10.0`"
)]
// For one type alone, and inside `Rule`: so the compiler infers `bool` where a rule leaves its type open.
pub trait YesOrNo {
    #[doc(hidden)]
    fn answer(self) -> Result<bool, Invalid>;
}

#[diagnostic::do_not_recommend]
impl YesOrNo for Rule<bool> {
    #[inline]
    fn answer(self) -> Result<bool, Invalid> {
        Ok(self.0)
    }
}

/// What `agent = ..` gives: whatever becomes an [`Agent`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no agent",
    label = "an agent is its name, or an `Agent`",
    note = "write a `&str`, a `String` or an `Agent`, as in `agent = \"billing\"`"
)]
pub trait IntoAgent {
    #[doc(hidden)]
    fn into_agent(self) -> Agent;
}

#[diagnostic::do_not_recommend]
impl<A: Into<Agent>> IntoAgent for A {
    #[inline]
    fn into_agent(self) -> Agent {
        self.into()
    }
}

/// What `gate = ..` gives: an [`ApprovalGate`], or what leads to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no gate",
    label = "this is asked in place of the installed gate",
    note = "write an `ApprovalGate`, or a reference, `Arc` or `Box` of one, as in `gate = self.gate`"
)]
pub trait AsGate {
    #[doc(hidden)]
    fn as_gate(&self) -> &ApprovalGate;
}

#[diagnostic::do_not_recommend]
impl AsGate for ApprovalGate {
    #[inline]
    fn as_gate(&self) -> &ApprovalGate {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<G: Deref<Target: AsGate> + ?Sized> AsGate for G {
    #[inline]
    fn as_gate(&self) -> &ApprovalGate {
        (**self).as_gate()
    }
}

/// What `cancel = ..` gives: it has the method `cancelled`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no cancellation token",
    label = "nothing here says when the caller has given up",
    note = "write a `CancellationToken` of tokio-util, as in `cancel = ctx.ct`"
)]
pub trait IsCancellationToken {}

/// The method that a token has itself.
pub trait Cancelled {
    #[doc(hidden)]
    fn cancelled(&self) -> std::future::Ready<()>;
}

impl<T: IsCancellationToken + ?Sized> Cancelled for T {
    fn cancelled(&self) -> std::future::Ready<()> {
        std::future::ready(())
    }
}

/// How long a constant `timeout` is, as a type.
#[derive(Debug)]
pub struct Timeout<const BOUNDS: u8>;

/// Returns the number of the [`Timeout`] of this length. Like the record, it counts whole seconds.
#[doc(hidden)]
#[must_use]
pub const fn bounds(timeout: Duration) -> u8 {
    match timeout.as_secs() {
        0 => 0,
        seconds if seconds <= MAX_TIMEOUT.as_secs() => 1,
        _ => 2,
    }
}

/// Names a [`Timeout`].
pub trait Bounds {
    #[doc(hidden)]
    type Length;
}

/// A `timeout` that leaves no time.
#[derive(Debug)]
pub struct UnderASecond;

/// A `timeout` that may be.
#[derive(Debug)]
pub struct InBounds;

/// A `timeout` that is too long.
#[derive(Debug)]
pub struct Over30Days;

impl Bounds for Timeout<0> {
    type Length = UnderASecond;
}

impl Bounds for Timeout<1> {
    type Length = InBounds;
}

impl Bounds for Timeout<2> {
    type Length = Over30Days;
}

/// A `timeout` in which somebody can answer.
#[diagnostic::on_unimplemented(
    message = "`timeout` is under a second: reviewers need time to read",
    label = "this constant is too short",
    note = "write `timeout = 120` (seconds), `timeout = \"2m\"`, or a constant of a second or more"
)]
pub trait AtLeastASecond {
    #[doc(hidden)]
    const HOLDS: () = ();
}

#[diagnostic::do_not_recommend]
impl AtLeastASecond for InBounds {}
#[diagnostic::do_not_recommend]
impl AtLeastASecond for Over30Days {}

/// A `timeout` that ends while the request is kept.
#[diagnostic::on_unimplemented(
    message = "`timeout` is over 30 days, the longest a request stays open",
    label = "this constant is too long",
    note = "write `timeout = \"30d\"` or less"
)]
pub trait AtMost30Days {
    #[doc(hidden)]
    const HOLDS: () = ();
}

#[diagnostic::do_not_recommend]
impl AtMost30Days for InBounds {}
#[diagnostic::do_not_recommend]
impl AtMost30Days for UnderASecond {}
