//! The reviewer's side of [`approval_runtime`] over HTTP: one page for people, a small JSON API for programs.
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use approval_runtime::{ApprovalGate, Reviewer};
//! use approval_server::Server;
//!
//! let gate = ApprovalGate::builder().without_notifier().install()?; // reviewers look at the page
//! let server = Server::new(gate).reviewer(Reviewer::new("alice").role("finance")).bind("127.0.0.1:7878").await?;
//! println!("decide at {}", server.link());
//! server.serve().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Who may decide
//!
//! Being on the same machine is no credential: an agent with a shell is there as well, and so is every page in the
//! reviewer's browser. So each server makes one random token at its start. [`Bound::link`] carries it: a browser that opens
//! the link gets a session cookie and an address without the token. Programs send `Authorization: Bearer <token>`. The
//! person behind the token is the [`Reviewer`](approval_runtime::Reviewer) given to [`Server::reviewer`]; no request can
//! name another one. An address that other machines can reach is refused ([`ServeError::OffLoopback`]).
//!
//! # The API
//!
//! | | |
//! | --- | --- |
//! | `GET /` | the page; a client that does not ask for HTML gets the pending requests as JSON |
//! | `GET /approvals/pending` | the pending requests, a JSON array, oldest first |
//! | `GET /approvals/{id}` | one request |
//! | `POST /approvals/{id}/decide` | takes a decision, returns the request |
//!
//! ```sh
//! curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
//!   -d '{"approved": true, "digest": "<digest>", "comment": "as agreed"}' \
//!   http://127.0.0.1:7878/approvals/<id>/decide
//! ```
//!
//! An approval names the `digest` of the arguments that the reviewer saw, and counts for nothing else. `edited_arguments`
//! approves with other arguments, the whole object as it shall run. The same decision again is answered as the first time;
//! any other is `409` with the request as it stands. A `GET` never decides anything. Every error is a problem document
//! (RFC 9457) with a `code` for programs and a sentence for people, which never repeats an argument's value.

mod api;
mod auth;
mod bound;
mod door;
mod error;
mod guard;
mod health;
mod hosts;
mod json;
mod limit;
mod pages;
mod problem;
mod query;
mod refusal;
mod router;
mod server;
mod session;
mod sign_in;
mod unauthenticated;

pub use self::bound::Bound;
pub use self::error::ServeError;
pub use self::refusal::RefusalResponse;
pub use self::server::Server;
