//! Decisions on a server without authentication: the query says who decides, and may say what.
//!
//! This is the form of small scripts, `POST /approvals/{id}/decide?approved=true&reviewer=alice`. The arguments that were
//! looked at are not named in it, so an approval is taken for those that are stored when it comes; the record says through
//! which door it came.

use approval_runtime::{Decision, RequestId, Reviewer};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::api;
use crate::door::Door;
use crate::media::is_json;
use crate::problem::Problem;

/// What the record says about such a decision.
const DOOR: &str = "unauthenticated";

/// The longest name that is believed, in characters.
const LONGEST_NAME: usize = 200;

pub(crate) async fn decide(
    door: &Door,
    id: RequestId,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Problem> {
    let Query { approved, reviewer } = Query::read(query)?;
    let decision = match approved {
        Some(_) if !body.is_empty() => {
            let detail = "the query says it all with `approved`, so there is no body; or leave `approved` out of the query";
            return Err(Problem::bad_request("unexpected_body", detail));
        }
        Some(true) => Decision::approve(reviewer, door.gate.get_request(id).await?.digest()),
        Some(false) => Decision::reject(reviewer),
        None if body.is_empty() => {
            return Err(Problem::bad_request("missing_field", "the query has no `approved`: `?approved=true&reviewer=alice`"));
        }
        None if is_json(headers) => api::read(reviewer, body)?,
        None => return Err(Problem::not_json()),
    };
    Ok(api::json(&door.gate.decide(id, decision.door(DOOR)).await?))
}

/// Takes a settlement: the query says who, `?reviewer=alice`, the body how it ended.
pub(crate) async fn settle(
    door: &Door,
    id: RequestId,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Problem> {
    let Query { approved, reviewer } = Query::read(query)?;
    if approved.is_some() {
        return Err(Problem::bad_request("unknown_field", "the query takes `reviewer`, nothing else"));
    }
    if !is_json(headers) {
        return Err(Problem::settlement_not_json());
    }
    api::settle(door, reviewer, DOOR, id, body).await
}

/// What the query says.
struct Query {
    approved: Option<bool>,
    reviewer: Reviewer,
}

impl Query {
    fn read(query: &str) -> Result<Self, Problem> {
        let (mut approved, mut reviewer) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let before = match (&*name, &*value) {
                // `True` is how Python writes it.
                ("approved", "true" | "True") => approved.replace(true).map(drop),
                ("approved", "false" | "False") => approved.replace(false).map(drop),
                ("approved", _) => return Err(Problem::bad_request("type_mismatch", "`approved` is `true` or `false`")),
                ("reviewer", _) => reviewer.replace(value).map(drop),
                _ => {
                    return Err(Problem::bad_request(
                        "unknown_field",
                        "the query takes `approved` and `reviewer`, nothing else",
                    ));
                }
            };
            if before.is_some() {
                return Err(Problem::bad_request("duplicate_key", "the query says one thing twice"));
            }
        }
        let Some(reviewer) = reviewer else {
            return Err(Problem::bad_request("missing_field", "say who decides: `?approved=true&reviewer=alice`"));
        };
        if reviewer.trim().is_empty() || reviewer.chars().count() > LONGEST_NAME {
            return Err(Problem::bad_request("type_mismatch", "`reviewer` is a name of 1 to 200 characters"));
        }
        Ok(Self { approved, reviewer: Reviewer::new(reviewer) })
    }
}
