//! The client: HTTP/1.1 over connections that stay open, no more of it than the servers here need.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::Outcome;
use crate::serving::Target;

/// Connections, each with one request under way.
pub(crate) const CONNECTIONS: usize = 32;

/// The text of a request. Whoever does not ask for a token gets one all the same, to have as much to read.
pub(crate) fn request(method: &str, path: &str, address: SocketAddr, token: &str, body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nAccept: */*\r\n");
    if method == "POST" {
        text += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    (text + "\r\n" + body).into_bytes()
}

/// Connections to one server.
pub(crate) struct Client {
    runtime: Runtime,
    connections: Vec<Connection>,
}

/// What came of some requests.
pub(crate) struct Round {
    pub(crate) elapsed: Duration,
    /// The lengths of the answers' bodies together.
    pub(crate) bytes: usize,
}

impl Client {
    pub(crate) fn connect(target: &Target) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connections = runtime.block_on(async {
            let mut connections = Vec::with_capacity(CONNECTIONS);
            for _ in 0..CONNECTIONS {
                let stream = TcpStream::connect(target.address).await?;
                stream.set_nodelay(true)?;
                connections.push(Connection { stream, buffer: vec![0; 512 * 1024] });
            }
            Outcome::Ok(connections)
        })?;
        Ok(Self { runtime, connections })
    }

    /// Sends each request once, on whichever connection is free, and reads the answers.
    pub(crate) fn load(&mut self, requests: Vec<Vec<u8>>) -> Outcome<Round> {
        let (requests, next, bytes) = (Rc::new(requests), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let start = Instant::now();
        self.connections = LocalSet::new().block_on(&self.runtime, async {
            let asking = self.connections.drain(..).map(|mut connection| {
                let (requests, next, bytes) = (Rc::clone(&requests), Rc::clone(&next), Rc::clone(&bytes));
                tokio::task::spawn_local(async move {
                    while let Some(request) = requests.get(next.replace(next.get() + 1)) {
                        let answered = connection.ask(request).await?;
                        bytes.set(bytes.get() + answered);
                    }
                    Outcome::Ok(connection)
                })
            });
            let mut connections = Vec::with_capacity(CONNECTIONS);
            for asking in asking.collect::<Vec<_>>() {
                connections.push(asking.await??);
            }
            Outcome::Ok(connections)
        })?;
        Ok(Round { elapsed: start.elapsed(), bytes: bytes.get() })
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Sends a request, reads the answer to its end, and returns the length of its body.
    async fn ask(&mut self, request: &[u8]) -> Outcome<usize> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (start, length) = loop {
            filled += self.read(filled).await?;
            if let Some(end) = self.buffer[..filled].windows(4).position(|end| end == b"\r\n\r\n") {
                break (end + 4, length(&self.buffer[..end])?);
            }
        };
        if !self.buffer.starts_with(b"HTTP/1.1 200 ") {
            return Err(format!("not answered with 200: {}", String::from_utf8_lossy(&self.buffer[..filled])).into());
        }
        let mut left = (start + length).checked_sub(filled).ok_or("more was sent than the answer")?;
        while left > 0 {
            // Nobody looks at the rest.
            left = left.checked_sub(self.read(0).await?).ok_or("more was sent than the answer")?;
        }
        Ok(length)
    }

    async fn read(&mut self, at: usize) -> Outcome<usize> {
        match self.stream.read(&mut self.buffer[at..]).await? {
            0 => Err("the connection was closed, or an answer's head is longer than the buffer".into()),
            read => Ok(read),
        }
    }
}

/// The length of the body that a head announces.
fn length(head: &[u8]) -> Outcome<usize> {
    let head = std::str::from_utf8(head)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    Ok(length.ok_or("an answer has no length")?.parse()?)
}
