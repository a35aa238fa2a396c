//! The JSON API: one request by its id, and the decision about it.

use approval_runtime::arguments::strict;
use approval_runtime::{Decision, RequestId, Reviewer, Settlement};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::door::Door;
use crate::json;
use crate::problem::Problem;

pub(crate) async fn request(door: &Door, id: RequestId) -> Result<Response, Problem> {
    Ok(json(&door.gate.get_request(id).await?))
}

pub(crate) async fn decide(door: &Door, reviewer: Reviewer, id: RequestId, body: &[u8]) -> Result<Response, Problem> {
    let decision = read(reviewer, body)?.door("http");
    Ok(json(&door.gate.decide(id, decision).await?))
}

/// Takes `{"outcome": "executed"}` or `{"outcome": "failed"}`.
pub(crate) async fn settle(
    door: &Door,
    reviewer: Reviewer,
    through: &'static str,
    id: RequestId,
    body: &[u8],
) -> Result<Response, Problem> {
    let body = strict::object(body)?;
    let mut fields: Map<String, Value> = serde_json::from_str(&body).expect("the strict reader writes a JSON object");
    let outcome = match fields.remove("outcome") {
        Some(Value::String(outcome)) if outcome == "executed" => Settlement::Executed,
        Some(Value::String(outcome)) if outcome == "failed" => Settlement::Failed,
        Some(_) => return Err(mismatch("`outcome` is `executed` or `failed`")),
        None => return Err(Problem::bad_request("missing_field", "the body has no `outcome`: `executed` or `failed`")),
    };
    if !fields.is_empty() {
        return Err(Problem::bad_request("unknown_field", "the body takes `outcome`, nothing else"));
    }
    Ok(json(&door.gate.settle_at(id, reviewer, outcome, through).await?))
}

/// Reads a decision from a body. Who decides is not in it: that is the credential's owner.
pub(crate) fn read(reviewer: Reviewer, body: &[u8]) -> Result<Decision, Problem> {
    let body = strict::object(body)?;
    let mut fields: Map<String, Value> = serde_json::from_str(&body).expect("the strict reader writes a JSON object");
    let approved = match fields.remove("approved") {
        Some(Value::Bool(approved)) => approved,
        Some(_) => return Err(mismatch("`approved` is `true` or `false`, without quotes")),
        None => return Err(Problem::bad_request("missing_field", "the body has no `approved`: true or false")),
    };
    let comment = match fields.remove("comment") {
        Some(Value::String(comment)) => Some(comment),
        Some(Value::Null) | None => None,
        Some(_) => return Err(mismatch("`comment` is a string")),
    };
    let digest = match fields.remove("digest") {
        Some(Value::String(digest)) => Some(digest.parse().map_err(|_| mismatch("`digest` is 64 hexadecimal digits"))?),
        Some(Value::Null) | None => None,
        Some(_) => return Err(mismatch("`digest` is a string of 64 hexadecimal digits")),
    };
    let edited = match fields.remove("edited_arguments") {
        Some(Value::Null) | None => None,
        Some(edited) => Some(edited),
    };
    if fields.contains_key("reviewer") {
        return Err(Problem::bad_request("unknown_field", "who decides is not in the body: leave `reviewer` out"));
    }
    if !fields.is_empty() {
        let detail = "the body takes `approved`, `comment`, `digest` and `edited_arguments`, nothing else";
        return Err(Problem::bad_request("unknown_field", detail));
    }

    let mut decision = match (approved, digest, edited) {
        (true, None, _) => {
            let detail = "an approval names the `digest` of the arguments that were looked at; it stands in the request";
            return Err(Problem::bad_request("digest_required", detail));
        }
        (true, Some(digest), None) => Decision::approve(reviewer, digest),
        (true, Some(digest), Some(edited)) => Decision::approve(reviewer, digest).edited_arguments(edited),
        (false, _, Some(_)) => {
            let detail = "a rejected call does not run, so it takes no `edited_arguments`";
            return Err(Problem::bad_request("unexpected_edit", detail));
        }
        (false, Some(digest), None) => Decision::reject(reviewer).digest(digest),
        (false, None, None) => Decision::reject(reviewer),
    };
    if let Some(comment) = comment {
        decision = decision.comment(comment);
    }
    Ok(decision)
}

fn mismatch(detail: &'static str) -> Problem {
    Problem::bad_request("type_mismatch", detail)
}

pub(crate) fn json(document: &impl Serialize) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json::to_ascii(document)).into_response()
}
