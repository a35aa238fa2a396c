//! [`ServeError`]: why a server does not start.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use approval_runtime::arguments::display;

/// Why a server does not start. No message holds a token.
///
/// Its `Debug` is the message too, with its cause: a `main` that returns it prints what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Other machines could reach the address, and the server has no reviewers with tokens of their own.
    #[error(
        "`{address}` can be reached from other machines, and nobody there could prove who they are: name who may decide with \
         `.reviewers(..)`, or listen on 127.0.0.1 and come from elsewhere through `ssh -L {port}:127.0.0.1:{port}`",
        port = address.port()
    )]
    OffLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// Other machines could reach the address, and the server does not know under which name.
    #[error(
        "`{address}` can be reached from other machines: name the hosts that reviewers have in their browser's address, as in \
         `.hosts([\"approvals.example.com\"])`"
    )]
    NoHosts {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// A text is no host name.
    #[error(
        "{} is no host: write `approvals.example.com` or `approvals.example.com:8443`, without scheme, path and `*`",
        display::name(host)
    )]
    InvalidHost {
        /// The text.
        host: Box<str>,
    },
    /// `reviewers` was called with nobody.
    #[error("`.reviewers(..)` names nobody, so nobody could decide")]
    NoReviewers,
    /// A reviewer has no name, which is what stands in the record.
    #[error("a reviewer has no name: it stands in the record of what they decide")]
    NamelessReviewer,
    /// A token is short enough to be guessed, or empty.
    #[error("the token of {} has fewer than 32 characters: make one with `openssl rand -hex 32`", display::name(reviewer))]
    ShortToken {
        /// Whose token.
        reviewer: Box<str>,
    },
    /// A token holds what a header cannot carry.
    #[error("the token of {} holds a space, a line end or a character outside of ASCII: trim it", display::name(reviewer))]
    UnsendableToken {
        /// Whose token.
        reviewer: Box<str>,
    },
    /// Two reviewers have one token.
    #[error("{} and {} have the same token, so nobody knows who decides", display::name(reviewer), display::name(other))]
    SharedToken {
        /// Whose token it is.
        reviewer: Box<str>,
        /// And whose as well.
        other: Box<str>,
    },
    /// Two settings exclude each other.
    #[error("`{one}` and `{other}` exclude each other: leave one out")]
    Contradiction {
        /// One.
        one: &'static str,
        /// The other.
        other: &'static str,
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

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.source().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}
