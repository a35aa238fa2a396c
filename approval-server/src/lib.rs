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
//! reviewer's browser. So there is a token in front of everything that shows or decides a request.
//!
//! | | tokens | listens |
//! | --- | --- | --- |
//! | as it is, or with [`.reviewer(..)`](Server::reviewer) | one random token, made at each start and printed in a link | on loopback |
//! | with [`.reviewers(..)`](Server::reviewers) | one or more for each person, from your environment or secret store | off loopback too, with [`.hosts(..)`](Server::hosts) |
//! | with [`.without_authentication()`](Server::without_authentication) | none | on loopback only |
//!
//! A program sends its token as `Authorization: Bearer <token>`. A browser opens the link that ends in `?token=<token>`, or
//! takes it to the page's form, and gets a session for twelve hours: a cookie that no script can read and no other site can
//! use. The person behind the credential is who decides. Their name and roles count for
//! [`approvers`](approval_runtime::Tool::approvers), for quorum and against reviewing one's own call; nothing in a request
//! can name anybody else.
//!
//! Signing out takes the cookie from the browser. A session ends on the server's side when its time is over, or when its
//! token is no longer configured.
//!
//! # Serve it, or mount it
//!
//! [`Server::serve`] and [`Server::bind`] listen by themselves, over plain HTTP. Off loopback put a proxy with TLS in front,
//! name its host with [`.hosts(..)`](Server::hosts), and let it pass the `Host` header on: browsers keep the session's cookie
//! only over HTTPS there. A health probe has to send a known `Host` as well.
//!
//! [`Server::router`] gives the same routes to an app of your own:
//!
//! ```no_run
//! # use approval_runtime::{ApprovalGate, Reviewer};
//! # use approval_server::Server;
//! # fn example(gate: ApprovalGate, token: String) -> Result<(), approval_server::ServeError> {
//! let review = Server::new(gate).reviewers([(Reviewer::new("alice"), token)]).hosts(["example.com"]).router()?;
//! let app: axum::Router = axum::Router::new().nest("/review", review); // and the page is at /review
//! # Ok(()) }
//! ```
//!
//! It fits an app with any state, under any path. Links, redirects and cookies are relative to that path; unknown paths and
//! methods are answered here below it and nowhere else. (`nest` leaves `/review/`, with the slash, to the app.)
//!
//! [`RefusalResponse`] turns the refusal of a gated call into an HTTP answer, so that a handler can put `?` behind the call.
//!
//! # The routes
//!
//! | | credential | |
//! | --- | --- | --- |
//! | `GET /` | session or token | the page; a client that does not ask for HTML gets the pending requests as JSON |
//! | `GET /page` | session | the page |
//! | `POST /sign-in`, `POST /sign-out` | token, session | the page's forms |
//! | `GET /style.css` | none | what the page looks like |
//! | `GET /healthz` | none | `{"status":"ok"}`, or `503` when the store does not answer |
//! | `GET /approvals/pending?limit=&after=` | session or token | the pending requests, a JSON array, oldest first |
//! | `GET /approvals?status=&limit=&after=` | session or token | requests by status, or all that are kept, newest first |
//! | `GET /approvals/indeterminate` | session or token | those that started and whose outcome nobody knows, oldest first |
//! | `GET /approvals/events` | session or token | what happens, as server-sent events |
//! | `GET /approvals/{id}` | session or token | one request |
//! | `POST /approvals/{id}/decide` | token; the page's form: session | takes a decision, returns the request |
//! | `POST /approvals/{id}/settle` | token | takes a person's word for how a call ended that nobody knows about |
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
//!
//! Where a process died while it ran a call, the record says `indeterminate`: somebody looks in the system that the call was to
//! change, and says `{"outcome": "executed"}` or `{"outcome": "failed"}` to `settle`, once. Nothing is run.
//!
//! Whatever the route, a request is refused whose `Host` is not one of the server's names, and one that changes something
//! and comes from another site's page. After 100 wrong tokens in a minute the next are answered with `429`; a right one is
//! always taken.
//!
//! # Pages
//!
//! A list holds `limit` requests, 100 unless the query says otherwise and 1,000 at most, or fewer that make about 1 MiB. While
//! there are more, `Link` says where, relative to the list's own address; its `after` is a place in the order, which holds
//! whatever comes and goes meanwhile. What rules let through, with the rule and the version of the policy:
//!
//! ```sh
//! curl -i -H "Authorization: Bearer $TOKEN" 'http://127.0.0.1:7878/approvals?status=auto_approved&limit=20'
//! # link: <?status=auto_approved&limit=20&after=…>; rel="next"
//! ```
//!
//! # Live events
//!
//! ```sh
//! curl -N -H "Authorization: Bearer $TOKEN" http://127.0.0.1:7878/approvals/events
//! # event: requested
//! # data: {"id":"…","tool_name":"refund",…}
//! ```
//!
//! The event's name is the [kind](approval_runtime::EventKind::as_str), its data the request right after, in one line. With
//! `delivered` and `not_delivered` comes a field `delivery`, which names the channel and the error. An event `missed` says how
//! many a reader was too slow for: read the lists again then. Open the stream before you read a list, and nothing falls
//! between the two. Up to 64 readers are served, each for an hour; an `EventSource` comes again by itself. The streams end
//! with the server, and where its router is mounted with the gate: let your app call
//! [`ApprovalGate::shutdown`](approval_runtime::ApprovalGate::shutdown) before it waits for its connections.
//!
//! # Without authentication
//!
//! For trying things out, and for scripts that know no tokens, [`.without_authentication()`](Server::without_authentication)
//! believes every program on this machine:
//!
//! ```sh
//! curl http://127.0.0.1:7878/approvals/pending
//! curl -X POST 'http://127.0.0.1:7878/approvals/<id>/decide?approved=true&reviewer=alice'
//! ```
//!
//! An approval is then for the arguments that are stored when it comes, and the record says `unauthenticated` about the door.
//! To name a digest, comment or edit, leave `approved` to a JSON body. The page shows what waits and has no buttons: they
//! could not say who presses them.

mod api;
mod auth;
mod bound;
mod door;
mod error;
mod events;
mod guard;
mod health;
mod hosts;
mod json;
mod known;
mod limit;
mod lists;
mod media;
mod pages;
mod patience;
mod problem;
mod query;
mod refusal;
mod router;
mod server;
mod session;
mod sign_in;
mod signing;
mod streams;
mod unauthenticated;

pub use self::bound::Bound;
pub use self::error::ServeError;
pub use self::refusal::RefusalResponse;
pub use self::server::Server;
