//! [`Server`]: from a gate to a listening address, and the reasons why it may not listen.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use approval_runtime::{ApprovalGate, Reviewer};
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::auth::Keys;
use crate::door::Door;
use crate::hosts::Hosts;
use crate::router;

/// How long answers that are under way at shutdown have to be sent.
const DRAIN: Duration = Duration::from_secs(1);

/// Serves a gate's requests to a reviewer.
#[derive(Debug)]
#[must_use = "a server does nothing until it is bound"]
pub struct Server {
    gate: ApprovalGate,
    reviewer: Reviewer,
}

impl Server {
    /// Makes a server for `gate`, with one reviewer named `reviewer`.
    pub fn new(gate: ApprovalGate) -> Self {
        Self { gate, reviewer: Reviewer::new("reviewer") }
    }

    /// Says who the person behind the server's token is. Their name stands in the record of what they decide.
    pub fn reviewer(mut self, reviewer: Reviewer) -> Self {
        self.reviewer = reviewer;
        self
    }

    /// Listens on `address` (`127.0.0.1:7878`; port 0 takes a free one) and makes the token. Nobody is answered yet.
    ///
    /// # Errors
    /// [`ServeError::OffLoopback`] if other machines could reach it, [`ServeError::PortInUse`] if another program listens
    /// there, [`ServeError::Listen`] and [`ServeError::Random`] if the system refuses.
    ///
    /// # Cancel safety
    /// Dropping the future closes whatever it opened.
    pub async fn bind(self, address: impl ToSocketAddrs) -> Result<Bound, ServeError> {
        let listener = listen(address).await?;
        let address = listener.local_addr().map_err(ServeError::Listen)?;
        let (keys, token) = Keys::generate(self.reviewer, address.port()).map_err(ServeError::Random)?;
        let door = Arc::new(Door { gate: self.gate, keys, hosts: Hosts::loopback(address) });
        Ok(Bound { listener, address, token, door })
    }

    /// Listens on `address`, prints the reviewer's link to stderr, and serves until the future is dropped.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind).
    ///
    /// # Cancel safety
    /// As with [`Bound::serve`].
    pub async fn serve(self, address: impl ToSocketAddrs) -> Result<(), ServeError> {
        let bound = self.bind(address).await?;
        eprintln!("approvals: decide at {}", bound.link());
        bound.serve().await
    }
}

/// Listens on the first of the addresses that can be had. All of them have to be on loopback.
async fn listen(address: impl ToSocketAddrs) -> Result<TcpListener, ServeError> {
    let addresses: Vec<SocketAddr> = lookup_host(address).await.map_err(ServeError::Listen)?.collect();
    if let Some(&address) = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback()) {
        return Err(ServeError::OffLoopback { address });
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

/// A server that listens and has its token.
///
/// The token is in the clear only here; what answers requests keeps its SHA-256.
#[must_use = "a bound server answers nobody until it serves"]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    token: String,
    door: Arc<Door>,
}

impl Bound {
    /// Returns the address, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the token: 256 random bits in hexadecimal digits.
    ///
    /// Whoever has it decides as the reviewer. Show it to them and to nobody else, an agent's log least of all.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the link that signs a browser in. `curl` gets the pending requests from it.
    #[must_use]
    pub fn link(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    /// Serves until the future is dropped.
    ///
    /// # Errors
    /// None today: a connection that cannot be accepted is tried again.
    ///
    /// # Cancel safety
    /// Dropping the future stops listening. Answers under way are sent as long as the runtime lives.
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
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let serving = axum::serve(self.listener, router::router(self.door)).with_graceful_shutdown(stopped);
        let mut serving = pin!(serving.into_future());
        tokio::select! {
            served = &mut serving => return served.map_err(ServeError::Listen),
            () = shutdown => drop(stop),
        }
        // Whoever has not read the answer by then is not reading it.
        timeout(DRAIN, serving).await.unwrap_or(Ok(())).map_err(ServeError::Listen)
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Other machines could reach the address.
    #[error(
        "`{address}` can be reached from other machines, which would see the reviewer's token go by unencrypted: \
         listen on 127.0.0.1, and from elsewhere use `ssh -L {port}:127.0.0.1:{port}`",
        port = address.port()
    )]
    OffLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// Another program listens there.
    #[error("port {} is in use: stop the program that has it, or give another port (0 takes a free one)", address.port())]
    PortInUse {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The address cannot be resolved or listened on.
    #[error("cannot listen on the address")]
    Listen(#[source] io::Error),
    /// The system gives no random bytes, so there is no token.
    #[error("the system gives no random bytes for the reviewer's token")]
    Random(#[source] getrandom::Error),
}
