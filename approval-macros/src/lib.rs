//! The `#[requires_approval]` attribute of `approval_runtime`, which re-exports it: use that crate.
//!
//! The rooms: `options` reads what the attribute says, `tool_fn` checks it against the function, `expand` writes the function
//! that asks first. A mistake never hides another: each is added to `errors`, and the function stays as it was written.

mod errors;
mod expand;
mod length;
mod options;
mod reason;
mod tokens;
mod tool_fn;
mod types;
mod words;

use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::options::Options;
use crate::tool_fn::{FnItem, ToolFn};

/// Holds a tool's calls back until a reviewer, or a rule that a person wrote, says yes.
///
/// Callers call the function as before: its signature is unchanged. Its arguments are captured as JSON before anybody is
/// asked, the reviewer sees that JSON, and the body runs on values decoded from it. A refused call returns what the return
/// type makes of a `Refusal`.
///
/// ```ignore
/// use approval_runtime::{Refusal, requires_approval};
///
/// /// Sends an email to the specified recipient.
/// #[requires_approval(timeout = 120, auto_approve = is_colleague(&to))]
/// async fn send_email(to: String, subject: String, body: String) -> Result<String, Refusal> {
///     mailer().send(&to, &subject, &body).await
/// }
/// ```
///
/// # What can be a tool
///
/// An `async fn`: free, a method with any receiver, in a trait or its `impl`. A function that returns `impl Future` and whose
/// body is one `async move { .. }`. A function that returns `Pin<Box<dyn Future>>` (or `BoxFuture`) and whose body is one
/// `Box::pin(async move { .. })`, which is what `#[async_trait]` and rmcp's `#[tool]` leave behind.
///
/// Put the attribute top-most. Some `#[tool]` macros drop what stands below them without a word; name the tools that must be
/// gated in `gate.require_gated([..])`, and start-up fails when that happened.
///
/// # Options
///
/// | option | meaning |
/// | --- | --- |
/// | `timeout = 120`, `"1h30m"`, a `Duration` constant | how long reviewers have; 5 minutes if not given, at most 30 days |
/// | `max_wait = "30s"` | how long this caller waits before it gets `Refusal::Pending`; the request lives on |
/// | `reason = "Refund {amount} to {customer.name}"` | what the reviewer reads: a format string over arguments and their fields |
/// | `auto_approve = amount < 10.0` | the calls that need nobody: a `bool` over the arguments |
/// | `effect = reversible`, `external`, `irreversible` | what is at stake; `irreversible` if not given |
/// | `name = "mail.send"`, a `&str` constant | the tool's name; the function's if not given |
/// | `skip(ctx)` | not shown |
/// | `live(conn)` | shown, and the caller's value runs |
/// | `redact(card.number)` | shown as `[redacted]`, and only the body gets it |
/// | `flatten(args)` | its fields are the arguments |
/// | `approvers("finance")`, `quorum = 2` | who may decide, by name or role, and how many must approve |
/// | `agent = expr`, `call_id = expr` | who calls, where task-locals do not reach |
/// | `cancel = expr` | a `CancellationToken`: a cancelled call is withdrawn, and does not start once approved |
/// | `gate = expr` | the gate to ask, in place of the scope's or the process's |
/// | `on_refusal = path` | a function from `Refusal` to the return type |
/// | `crate = path` | where `approval_runtime` is, when it is renamed or re-exported |
/// | `callable` | `gate.call_json("send_email", text)` calls it with a model's JSON; for free functions whose arguments are all captured |
/// | `resumable` | another process may finish the call; for free functions whose arguments are all captured |
/// | `record` | the result's JSON is kept with the request |
///
/// # What is captured, and what runs
///
/// Each argument needs `Serialize` and `DeserializeOwned`, or it is `&str`, `&[T]`, `&Path` or a `&T` of such a `T`. The caller's
/// own value ends when it has been captured: what changes in a shared cell afterwards is not what the body gets, and neither is
/// a field that serde skips. A reviewer may edit the arguments; an edit that the types cannot take is refused.
///
/// `self` and `&mut T` are never captured. They, and what `skip` and `live` name, are listed to reviewers as not reviewed. What
/// borrows (`Option<&str>`, `Cow<str>`, a result that borrows from an argument) cannot be decoded and has to be `live` or
/// `skip`. A call that the policy lets pass captures nothing.
///
/// An argument that is a pattern is shown under the one name it binds, `db` for `State(db): State<Db>`, or by its place,
/// `arg0`, counted without `self`. A `Parameters<T>` that is the only argument captured is flattened.
///
/// # Rules and reasons
///
/// `auto_approve` is decided once, on values decoded for it; it reads only the arguments it names, and `self`, `skip` and `live`
/// arguments as they are. It cannot leave the function: no `?`, `return` or `.await`. Its source is what the record shows as
/// the rule that matched. If it panics, people are asked.
///
/// `reason` takes dotted paths and format specifications, `{amount:>8.2}`, and names nothing that `redact` hides.
///
/// ```ignore
/// #[requires_approval(
///     reason = "Refund {amount:.2} to {customer.name}",
///     auto_approve = (0.0..10.0).contains(&amount),
///     redact(customer.iban),
///     approvers("finance"),
/// )]
/// async fn refund(&self, customer: Customer, amount: f64) -> Result<Receipt, RefundError> {
///     self.bank.pay(&customer.iban, amount).await
/// }
/// ```
///
/// # What it returns
///
/// A reviewer may say no, so the return type has to be able to: `Result<T, E>` where `E: From<Refusal>`, `String`, which
/// becomes a sentence for the model, or any type with `on_refusal`.
#[proc_macro_attribute]
pub fn requires_approval(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    annotate(args.into(), item.into()).into()
}

fn annotate(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(args, &mut errors);
    let function = FnItem::read(item.clone(), &mut errors);
    let tool = function.map(|function| ToolFn::check(options, function, &mut errors));
    match (tool, errors.finish()) {
        (Some(tool), None) => expand::gate(&tool),
        // The function stays, so that its callers still resolve.
        (_, errors) => errors.into_iter().chain([item]).collect(),
    }
}
