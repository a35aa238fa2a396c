//! The user's names and the generated ones do not meet, and each body starts once.

#![allow(dead_code, reason = "they are there to be in the way")]

mod std {}
mod core {}
mod alloc {}
mod serde {}
mod serde_json {}
mod approval_runtime {}

use ::approval_runtime::{Refusal, requires_approval};

use super::{Started, shown, starts_once};

struct String;
struct Box;
struct Vec;
struct Result;
struct Option;
struct Some;
struct None;
struct Ok;
struct Err;
struct Route;
struct Tool;
trait Future {}
trait Reviewable {}
trait ToolReturn {}

static STARTED: Started = Started::none();

type Returned<T> = ::core::result::Result<T, Refusal>;

#[tokio::test(start_paused = true)]
async fn types_and_modules_do_not_meet() {
    #[requires_approval(timeout = 5, auto_approve = to == "nobody", reason = "To {to}", skip(number), effect = external)]
    async fn names_of_types(to: &str, path: &::std::path::Path, tags: &[u8], number: &mut u8) -> Returned<usize> {
        STARTED.once_more();
        *number += 1;
        ::core::result::Result::Ok(to.len() + tags.len() + path.as_os_str().len())
    }

    let mut number = 0;
    let call = async || names_of_types("bob", "x".as_ref(), &[1, 2], &mut number).await;
    let (returned, _) = starts_once(&STARTED, call).await;
    assert_eq!(returned.unwrap(), 6);
    assert_eq!(number, 1);
}

#[tokio::test(start_paused = true)]
async fn arguments_and_variables_do_not_meet() {
    static STARTED: Started = Started::none();

    #[allow(clippy::too_many_arguments, reason = "each has a name that generated code uses")]
    #[requires_approval(
        auto_approve = call == 9 && decoder == 9 && approved == 9 && lent == 9,
        reason = "{call} {f} {gate}",
        call_id = call.to_string(),
        live(f)
    )]
    async fn names_of_arguments(
        request: u8,
        args: &str,
        gate: u8,
        result: u8,
        tool: u8,
        f: u8,
        call: u8,
        decoder: u8,
        approved: u8,
        lent: u8,
        token: u8,
        permit: u8,
        refusal: u8,
        returns: u8,
        output: u8,
        given: u8,
        values: u8,
    ) -> Returned<[u8; 17]> {
        STARTED.once_more();
        let args = args.parse().unwrap_or_default();
        ::core::result::Result::Ok([
            request, args, gate, result, tool, f, call, decoder, approved, lent, token, permit, refusal, returns, output,
            given, values,
        ])
    }

    let call = async || names_of_arguments(1, "2", 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17).await;
    let (returned, request) = starts_once(&STARTED, call).await;
    assert_eq!(returned.unwrap(), ::core::array::from_fn(|n| n as u8 + 1));
    assert_eq!(request.reason(), ::core::option::Option::Some("7 6 3"));
    assert!(shown(&request).starts_with(r#"{"approved":9,"args":"2","call":7,"#), "{}", shown(&request));
}

#[allow(non_upper_case_globals)]
mod constants {
    pub(super) const arg0: u8 = 40;
    pub(super) const CALL: &str = "names.constant";
}
use constants::{CALL, arg0};

/// What the function names stays what it means to it: `arg0` is the constant, not the argument that is called so on the card.
#[tokio::test(start_paused = true)]
async fn constants_do_not_meet() {
    static STARTED: Started = Started::none();

    #[requires_approval(name = CALL)]
    async fn names_of_constants(_: u8) -> Returned<u8> {
        STARTED.once_more();
        ::core::result::Result::Ok(arg0)
    }

    let (returned, request) = starts_once(&STARTED, async || names_of_constants(1).await).await;
    assert_eq!((returned.unwrap(), request.tool_name()), (40, "names.constant"));
    assert_eq!(shown(&request), r#"{"arg0":1}"#);
}
