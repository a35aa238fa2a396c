//! Where the server listens, and where it refuses to.

use std::error::Error as _;

use approval_runtime::ApprovalGate;
use approval_server::{ServeError, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

fn server() -> Server {
    Server::new(ApprovalGate::builder().without_notifier().build().expect("nothing to refuse"))
}

#[tokio::test]
async fn t25_other_machines_never_reach_it() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let error = server().bind(address).await.expect_err(address);
        assert!(matches!(error, ServeError::OffLoopback { .. }), "{error:?}");
        assert!(error.to_string().contains("other machines") && error.to_string().contains("127.0.0.1"), "{error}");
    }
    let several = ["127.0.0.1:0", "0.0.0.0:0"].map(|address| address.parse::<std::net::SocketAddr>().expect("an address"));
    let error = server().bind(&several[..]).await.expect_err("one of them is open");
    assert!(matches!(error, ServeError::OffLoopback { address } if address == several[1]), "{error:?}");
    for address in ["127.0.0.1:0", "127.0.0.2:0", "localhost:0"] {
        let bound = server().bind(address).await.expect(address);
        assert!(bound.address().ip().is_loopback());
    }
}

#[tokio::test]
async fn taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("an address");
    let error = server().bind(address).await.expect_err("the port is taken");
    assert!(matches!(error, ServeError::PortInUse { address: named, .. } if named == address), "{error:?}");
    assert!(error.to_string().contains(&address.port().to_string()), "{error}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn each_start_has_its_own_token() {
    let (one, two) = (server().bind("127.0.0.1:0").await.expect("bound"), server().bind("127.0.0.1:0").await.expect("bound"));
    assert_ne!(one.token(), two.token());
    let token = one.token().expect("it makes one");
    assert_eq!(token.len(), 43, "256 bits");
    assert_eq!(one.link(), format!("http://{}/?token={token}", one.address()));
    assert!(!format!("{one:?}").contains(token));
}

#[tokio::test]
async fn shutdown_waits_for_nobody_silent() {
    let bound = server().bind("127.0.0.1:0").await.expect("bound");
    let address = bound.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve_until(async { drop(stopped.await) }));

    let _silent = TcpStream::connect(address).await.expect("it listens");
    let mut halfway = TcpStream::connect(address).await.expect("it listens");
    halfway.write_all(b"GET / HTTP/1.1\r\nHost:").await.expect("it reads");
    let mut kept_alive = TcpStream::connect(address).await.expect("it listens");
    kept_alive.write_all(b"GET /style.css HTTP/1.1\r\n\r\n").await.expect("it reads");
    assert!(kept_alive.read(&mut [0; 512]).await.expect("it answers") > 0);

    drop(stop);
    serving.await.expect("no panic").expect("it ends by itself");
    TcpStream::connect(address).await.expect_err("nobody listens any more");
}
