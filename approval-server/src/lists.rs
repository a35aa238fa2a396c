//! Lists of requests, a page at a time. The next page's address stands in the `Link` header, relative to this one's, so that
//! it leads on wherever the router is mounted.

use approval_runtime::gate::MAX_PAGE;
use approval_runtime::{ApprovalStatus, Cursor, RequestQuery};
use axum::http::header::{CONTENT_TYPE, HeaderValue, LINK};
use axum::response::{IntoResponse, Response};

use crate::door::Door;
use crate::json;
use crate::problem::Problem;

/// Where a page ends although more requests were asked for: arguments may be long, and an answer is made in memory.
const MAX_BYTES: usize = 1024 * 1024;

/// Answers with a page of what waits, the oldest first. `path` leads from the page's address to that of the next.
pub(crate) async fn pending(door: &Door, path: &str, query: &str) -> Result<Response, Problem> {
    let List { query, status: _, limit } = List::read(query, false)?;
    page(door, query.status(ApprovalStatus::Pending), path, limit.into_iter().collect()).await
}

/// Answers with a page of the requests that stand where the query says.
pub(crate) async fn requests(door: &Door, query: &str) -> Result<Response, Problem> {
    let List { query, status, limit } = List::read(query, true)?;
    page(door, query, "", status.into_iter().chain(limit).collect()).await
}

/// Answers with the requests whose outcome nobody knows, the oldest first.
pub(crate) async fn indeterminate(door: &Door) -> Result<Response, Problem> {
    Ok(crate::api::json(&door.gate.get_indeterminate().await?))
}

async fn page(door: &Door, query: RequestQuery, path: &str, mut parameters: Vec<String>) -> Result<Response, Problem> {
    let page = door.gate.get_requests(&query).await?;
    let (mut body, mut next) = (vec![b'['], page.next);
    for (at, request) in page.requests.iter().enumerate() {
        if body.len() > MAX_BYTES {
            next = Some(Cursor::of(&page.requests[at - 1]));
            break;
        }
        if at > 0 {
            body.push(b',');
        }
        json::append(&mut body, request);
    }
    body.push(b']');
    let mut response = ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response();
    if let Some(next) = next {
        parameters.push(format!("after={next}"));
        let link = format!("<{path}?{}>; rel=\"next\"", parameters.join("&"));
        let link = HeaderValue::from_str(&link).map_err(|_| Problem::no_such_route())?;
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// What a query asks for, and the parameters that the next page repeats.
struct List {
    query: RequestQuery,
    status: Option<String>,
    limit: Option<String>,
}

impl List {
    fn read(query: &str, takes_status: bool) -> Result<Self, Problem> {
        let invalid = |detail| Problem::bad_request("invalid_parameter", detail);
        let mut list = Self { query: RequestQuery::new(), status: None, limit: None };
        let mut after = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let before = match &*name {
                "limit" => {
                    let limit = Some(&value).filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
                    let limit = limit.and_then(|value| value.parse().ok()).filter(|limit| (1..=MAX_PAGE).contains(limit));
                    let limit = limit.ok_or_else(|| invalid("`limit` is a whole number from 1 to 1000"))?;
                    list.query = list.query.limit(limit);
                    list.limit.replace(format!("limit={limit}"))
                }
                "after" => {
                    let cursor = value.parse::<Cursor>();
                    let cursor =
                        cursor.map_err(|_| invalid("`after` is taken, as it is, from the `Link` of the page before"))?;
                    list.query = list.query.after(cursor);
                    after.replace(value.into_owned())
                }
                "status" if takes_status => {
                    let status: ApprovalStatus = value.parse().map_err(|_| {
                        invalid(
                            "`status` is `pending`, `approved`, `auto_approved`, `rejected`, `timed_out`, `cancelled` or \
                             `expired`",
                        )
                    })?;
                    list.query = list.query.status(status);
                    list.status.replace(format!("status={}", status.as_str()))
                }
                _ if takes_status => return Err(invalid("the query takes `status`, `limit` and `after`, nothing else")),
                _ => return Err(invalid("the query takes `limit` and `after`, nothing else")),
            };
            if before.is_some() {
                return Err(invalid("the query says one thing twice: give `status`, `limit` and `after` once"));
            }
        }
        Ok(list)
    }
}
