//! [`Bound`]: a server that listens, and the connections it takes.

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower_service::Service;

use crate::door::Door;
use crate::error::ServeError;
use crate::patience::Patient;
use crate::router;

/// How long answers that are under way at shutdown have to be sent.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a client may take to send a request's head, and how long it may keep a connection without sending any.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The longest head of a request, for which a buffer is kept.
const HEAD: usize = 64 * 1024;

/// The most connections at a time, so that whoever opens them does not take the program's file descriptors.
const CONNECTIONS: usize = 512;

/// A server that listens and has its token.
///
/// A token that it made is in the clear only here; what answers requests keeps its SHA-256.
#[must_use = "a bound server answers nobody until it serves"]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<String>,
    door: Door,
}

impl Bound {
    pub(crate) const fn new(listener: TcpListener, address: SocketAddr, token: Option<String>, door: Door) -> Self {
        Self { listener, address, token, door }
    }

    /// Returns the address, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the token that the server made: 256 random bits. Reviewers with tokens of their own need none.
    ///
    /// Whoever has it decides as the reviewer. Show it to them and to nobody else, an agent's log least of all.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Returns the address of the page. With the token that the server made it signs a browser in, and `curl` gets the
    /// pending requests from it.
    ///
    /// A server that other machines can reach is named by the first of its hosts, under `https`.
    #[must_use]
    pub fn link(&self) -> String {
        let page = match self.door.hosts.first() {
            Some(host) if !self.address.ip().to_canonical().is_loopback() => format!("https://{host}/"),
            _ => format!("http://{}/", self.address),
        };
        match &self.token {
            Some(token) => format!("{page}?token={token}"),
            None => page,
        }
    }

    /// Serves until the future is dropped.
    ///
    /// # Errors
    /// None today: a connection that cannot be accepted is tried again.
    ///
    /// # Cancel safety
    /// Dropping the future stops listening and ends the streams of events. Answers under way are sent as long as the runtime
    /// lives.
    pub async fn serve(self) -> Result<(), ServeError> {
        self.serve_until(std::future::pending()).await
    }

    /// Serves until `shutdown` completes, then sends the answers that are under way, for at most a second.
    ///
    /// # Errors
    /// None today, as with [`serve`](Self::serve).
    ///
    /// # Cancel safety
    /// As with [`serve`](Self::serve).
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { mut listener, door, .. } = self;
        // However this ends, nobody goes on to follow the events.
        let streams = door.streams.until_dropped();
        let router: Router = router::router(Arc::new(door));
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        let connections = GracefulShutdown::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let next = async {
                let place = Arc::clone(&free).acquire_owned().await.expect("nobody closes it");
                (place, Listener::accept(&mut listener).await)
            };
            let (place, (stream, peer)) = tokio::select! {
                next = next => next,
                () = &mut shutdown => break,
            };
            let router = router.clone();
            let service = service_fn(move |mut request: hyper::Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                router.clone().call(request)
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD);
            let connection = connections.watch(http.serve_connection(TokioIo::new(Patient::new(stream)), service));
            tokio::spawn(async move {
                // What goes wrong on a connection is its client's business.
                let _ = connection.await;
                drop(place);
            });
        }
        drop((listener, streams));
        // Whoever has not read the answer by then is not reading it.
        let _ = timeout(DRAIN, connections.shutdown()).await;
        Ok(())
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("address", &self.address).finish_non_exhaustive()
    }
}
