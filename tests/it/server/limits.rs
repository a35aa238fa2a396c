//! What slow clients get, and what a server says that cannot do its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use approval_runtime::store::{StoreError, Write};
use approval_runtime::{ApprovalGate, ApprovalRequest, ApprovalStore, BoxFuture, MemoryStore, RequestId};
use approval_server::Server;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::served;
use crate::support::Call;
use crate::tools::passes_on;

#[tokio::test]
async fn slow_head_is_given_up() {
    let served = served().await;
    for started in ["", "GET / HTTP/1.1\r\nHost:"] {
        let mut stream = TcpStream::connect(served.address).await.expect("it listens");
        stream.write_all(started.as_bytes()).await.expect("it reads");
        tokio::time::pause();
        // Time passes whenever everybody waits, so this is no time at all.
        let mut answer = Vec::new();
        let closed = timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "the connection stays open after {started:?}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn unused_connection_is_closed() {
    let served = served().await;
    let mut stream = TcpStream::connect(served.address).await.expect("it listens");
    let head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    stream.write_all(head.as_bytes()).await.expect("it reads");
    assert!(stream.read(&mut [0; 1024]).await.expect("it answers") > 0);
    tokio::time::pause();
    let closed = timeout(Duration::from_secs(60), stream.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_ok(), "a connection that is kept alive is not kept for ever");
}

/// A store that can be switched off, or made to hang.
#[derive(Debug, Default)]
struct Switched {
    store: MemoryStore,
    is_off: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
}

impl ApprovalStore for Switched {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.commit(writes)
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        if self.hangs.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        if self.is_off.load(Ordering::SeqCst) {
            return Box::pin(async {
                Err(StoreError::Backend { store: "switched", verb: "read", source: "secret-dsn is down".into() })
            });
        }
        self.store.get(namespace, id)
    }

    passes_on!(store: query, now, others);
}

#[tokio::test]
async fn health_follows_the_store() {
    let store = Switched::default();
    let (is_off, hangs) = (Arc::clone(&store.is_off), Arc::clone(&store.hangs));
    let gate = ApprovalGate::builder().store(store).without_notifier().build().expect("nothing to refuse");
    let bound = Server::new(gate).bind("127.0.0.1:0").await.expect("bound");
    let address = bound.address();
    tokio::spawn(bound.serve());

    let healthz = async || Call::new(address, "GET", "/healthz").send().await;
    let answer = healthz().await;
    assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})));
    let answer = Call::new(address, "GET", "/healthz").header("Host", "evil.test").send().await;
    assert_eq!((answer.status, &*answer.problem()), (403, "host_not_allowed"));

    is_off.store(true, Ordering::SeqCst);
    let answer = healthz().await;
    assert_eq!((answer.status, &*answer.problem()), (503, "unavailable"));
    assert!(!answer.text().contains("secret-dsn"), "{}", answer.text());
    is_off.store(false, Ordering::SeqCst);
    assert_eq!(healthz().await.status, 200);

    hangs.store(true, Ordering::SeqCst);
    tokio::time::pause();
    assert_eq!(healthz().await.status, 503, "a store that does not answer is not well");
}

/// Sends this again and again until the server takes no more, and reads nothing.
async fn stuff(address: std::net::SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let requests = request.repeat(1_000);
    while let Ok(sent) = timeout(Duration::from_millis(200), stream.write_all(requests.as_bytes())).await {
        sent.expect("it reads");
    }
    stream
}

#[tokio::test]
async fn client_that_never_reads_is_left() {
    let served = served().await;
    let mut stream = stuff(served.address, &format!("GET /style.css HTTP/1.1\r\nHost: {}\r\n\r\n", served.address)).await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(120)).await;
    // What the system had taken comes still; of what was asked for after it, nothing.
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    let end = async { while let Ok(1..) = stream.read(&mut buffer).await.inspect(|some| read += some) {} };
    timeout(Duration::from_secs(60), end).await.expect("the connection has ended");
    assert!(read < 64 << 20, "{read} bytes");
}

#[tokio::test]
async fn strangers_send_little() {
    let served = served().await;
    let answer = served.anonymous("POST", "/sign-in").form(&[("token", &"x".repeat(6_000))]).send().await;
    assert_eq!((answer.status, &*answer.problem()), (413, "body_too_large"));
    let answer = served.anonymous("GET", "/healthz").header("Cookie", &"x".repeat(1 << 20)).send().await;
    assert_eq!(answer.status, 431);
}
