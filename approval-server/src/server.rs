//! [`Server`]: from a gate to a router or a listening address.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use approval_runtime::{ApprovalGate, Reviewer};
use axum::Router;
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};

use crate::auth::Keys;
use crate::bound::Bound;
use crate::door::{Access, Door};
use crate::error::ServeError;
use crate::hosts::Hosts;
use crate::known::Known;
use crate::router;
use crate::streams::Streams;

/// Serves a gate's requests to reviewers.
#[derive(Debug)]
#[must_use = "a server does nothing until it is bound or its router is mounted"]
pub struct Server {
    gate: ApprovalGate,
    /// Who is behind the token that the server makes, where the program said so.
    reviewer: Option<Reviewer>,
    /// Reviewers with tokens of their own, where the program named any.
    reviewers: Option<Vec<Result<Known, ServeError>>>,
    hosts: Vec<Box<str>>,
    is_open: bool,
}

impl Server {
    /// Makes a server for `gate`, with one reviewer named `reviewer` behind one token that it makes itself.
    pub fn new(gate: ApprovalGate) -> Self {
        Self { gate, reviewer: None, reviewers: None, hosts: Vec::new(), is_open: false }
    }

    /// Says who the person behind the server's own token is. Their name stands in the record of what they decide.
    pub fn reviewer(mut self, reviewer: Reviewer) -> Self {
        self.reviewer = Some(reviewer);
        self
    }

    /// Names reviewers, each with a bearer token of their own; the server makes none then.
    ///
    /// A token has at least 32 characters of visible ASCII and is random (`openssl rand -hex 32`). It comes from the
    /// environment or a secret store, never from the source. Only its SHA-256 and a key made from it are kept. While tokens
    /// are exchanged, one person may have two.
    ///
    /// ```no_run
    /// # use approval_runtime::{ApprovalGate, Reviewer};
    /// # use approval_server::Server;
    /// # fn example(gate: ApprovalGate) -> Result<Server, std::env::VarError> {
    /// let reviewers = [
    ///     (Reviewer::new("alice").role("finance"), std::env::var("APPROVALS_TOKEN_ALICE")?),
    ///     (Reviewer::new("bob").role("finance").role("dba"), std::env::var("APPROVALS_TOKEN_BOB")?),
    /// ];
    /// Ok(Server::new(gate).reviewers(reviewers))
    /// # }
    /// ```
    pub fn reviewers<T: AsRef<str>>(mut self, reviewers: impl IntoIterator<Item = (Reviewer, T)>) -> Self {
        let known = reviewers.into_iter().map(|(reviewer, token)| Known::chosen(reviewer, token.as_ref()));
        self.reviewers.get_or_insert_default().extend(known);
        self
    }

    /// Names the hosts under which the server may be spoken to, beside this machine's own names.
    ///
    /// A request for any other is refused: a web page can point its own name at any address, and would then be on the
    /// server's side of the browser's fence (DNS rebinding). `approvals.example.com` goes with any port or none,
    /// `approvals.example.com:8443` with that port. A proxy in front has to pass the `Host` header on as it came.
    pub fn hosts<H: Into<Box<str>>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Lets every program on this machine look and decide, under any name.
    ///
    /// For trying things out: an agent that can open a connection can then approve its own calls. The server takes a decision
    /// in the query (`POST /approvals/{id}/decide?approved=true&reviewer=alice`), records it with the door `unauthenticated`,
    /// and listens on loopback only. A [`router`](Self::router) checks who connects, and refuses everything where it cannot:
    /// serve the app with `into_make_service_with_connect_info::<SocketAddr>()`.
    ///
    /// Never put it behind a proxy: to the server, everybody who comes through one is on this machine. It refuses what a
    /// proxy has marked as forwarded; not every proxy does.
    pub fn without_authentication(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// Makes the routes for an app of your own, to be nested under any path.
    ///
    /// All links, redirects and cookies are relative to that path. Where the server makes the token itself, this prints to
    /// stderr how to sign in with it.
    ///
    /// ```no_run
    /// # fn example(server: approval_server::Server) -> Result<axum::Router, approval_server::ServeError> {
    /// Ok(axum::Router::new().nest("/review", server.router()?))
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`ServeError`] that are about settings, and [`ServeError::Random`].
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Result<Router<S>, ServeError> {
        let (door, token) = self.door(None)?;
        if let Some(token) = token {
            eprintln!("approvals: sign in by adding ?token={token} to the address of the page");
        } else if door.is_open() {
            eprintln!("approvals: WITHOUT AUTHENTICATION: every program on this machine can decide");
        }
        Ok(router::router(Arc::new(door)))
    }

    /// Listens on `address` (`127.0.0.1:7878`; port 0 takes a free one). Nobody is answered yet.
    ///
    /// # Errors
    /// [`ServeError::OffLoopback`] and [`ServeError::NoHosts`] if other machines could reach it and nothing says who they
    /// are, [`ServeError::PortInUse`] if another program listens there, [`ServeError::Listen`] and [`ServeError::Random`] if
    /// the system refuses, and the others if settings are wrong.
    ///
    /// # Cancel safety
    /// Dropping the future closes whatever it opened.
    pub async fn bind(self, address: impl ToSocketAddrs) -> Result<Bound, ServeError> {
        let listener = self.listen(address).await?;
        let address = listener.local_addr().map_err(ServeError::Listen)?;
        let (door, token) = self.door(Some(address))?;
        Ok(Bound::new(listener, address, token, door))
    }

    /// Listens on `address`, prints to stderr where to decide, and serves until the future is dropped.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind).
    ///
    /// # Cancel safety
    /// As with [`Bound::serve`].
    pub async fn serve(self, address: impl ToSocketAddrs) -> Result<(), ServeError> {
        let is_open = self.is_open;
        let bound = self.bind(address).await?;
        let warning = if is_open { ", WITHOUT AUTHENTICATION: every program on this machine can" } else { "" };
        eprintln!("approvals: decide at {}{warning}", bound.link());
        bound.serve().await
    }

    /// Listens on the first of the addresses that can be had, if all of them are allowed.
    async fn listen(&self, address: impl ToSocketAddrs) -> Result<TcpListener, ServeError> {
        let addresses: Vec<SocketAddr> = lookup_host(address).await.map_err(ServeError::Listen)?.collect();
        if let Some(&address) = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback()) {
            if self.is_open || self.reviewers.is_none() {
                return Err(ServeError::OffLoopback { address });
            } else if self.hosts.is_empty() {
                return Err(ServeError::NoHosts { address });
            }
        }
        let mut refused = ServeError::Listen(io::Error::new(io::ErrorKind::InvalidInput, "the address names no host"));
        for address in addresses {
            match TcpListener::bind(address).await {
                Ok(listener) => return Ok(listener),
                Err(source) if source.kind() == io::ErrorKind::AddrInUse => refused = ServeError::PortInUse { address, source },
                Err(source) => refused = ServeError::Listen(source),
            }
        }
        Err(refused)
    }

    /// Checks the settings, and makes the token where there is to be one.
    fn door(self, bound: Option<SocketAddr>) -> Result<(Door, Option<String>), ServeError> {
        const REVIEWER: &str = ".reviewer(..)";
        const REVIEWERS: &str = ".reviewers(..)";
        const OPEN: &str = ".without_authentication()";
        let contradiction = |one, other| Err(ServeError::Contradiction { one, other });
        let hosts = Hosts::named(&self.hosts).map_err(|host| ServeError::InvalidHost { host })?;
        let (access, token) = match (self.is_open, self.reviewer, self.reviewers) {
            (true, Some(_), _) => return contradiction(OPEN, REVIEWER),
            (true, _, Some(_)) => return contradiction(OPEN, REVIEWERS),
            // Who comes under another name than this machine's comes from elsewhere.
            (true, ..) if !hosts.is_empty() => return contradiction(OPEN, ".hosts(..)"),
            (true, None, None) => (Access::Open, None),
            (false, Some(_), Some(_)) => return contradiction(REVIEWER, REVIEWERS),
            (false, None, Some(reviewers)) if reviewers.is_empty() => return Err(ServeError::NoReviewers),
            (false, None, Some(reviewers)) => {
                (Access::Keys(Keys::new(reviewers.into_iter().collect::<Result<_, _>>()?)?), None)
            }
            (false, reviewer, None) => {
                let reviewer = reviewer.unwrap_or_else(|| Reviewer::new("reviewer"));
                if reviewer.name().trim().is_empty() {
                    return Err(ServeError::NamelessReviewer);
                }
                let (known, token) = Known::generated(reviewer).map_err(ServeError::Random)?;
                (Access::Keys(Keys::new(vec![known])?), Some(token))
            }
        };
        let door = Door { gate: self.gate, access, hosts: hosts.with_loopback(bound), streams: Streams::default() };
        Ok((door, token))
    }
}
