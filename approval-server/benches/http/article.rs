//! The article's endpoint in Python: a process of its own, from a virtual environment in the target folder.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::load::request;
use crate::serving::Target;

/// The last two are what makes uvicorn fast; without them it is Python all the way down.
const PACKAGES: [&str; 4] = ["fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0"];
const ENVIRONMENT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/article");
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../approval-runtime/benches/article/serve.py");

/// What uvicorn is built on.
#[derive(Clone, Copy)]
pub(crate) enum Loop {
    /// What `pip install fastapi uvicorn` brings.
    Plain,
    /// uvloop and httptools.
    Fast,
}

/// The running endpoint.
pub(crate) struct Article {
    child: Child,
    target: Target,
    ids: Vec<String>,
}

impl Article {
    /// Starts it with so many pending requests, or says why not.
    pub(crate) fn start(kind: Loop, pending: usize) -> Result<Self, String> {
        let python = Path::new(ENVIRONMENT).join("bin/python3");
        if !python.exists() {
            run(Command::new("python3").args(["-m", "venv", ENVIRONMENT]))?;
        }
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(&python).args(pip).args(PACKAGES))?;
        let libraries = match kind {
            Loop::Plain => "plain",
            Loop::Fast => "fast",
        };
        let child = Command::new(&python).arg(PROGRAM).args([libraries, &pending.to_string()]).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("python3 could not be started: {error}"))?;
        let mut said = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let port = said.next().and_then(|port| port.parse().ok());
        let ids: Vec<String> = said.take(pending).collect();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or_default()));
        let target = Target::new(address, format!("/proc/{}", child.id()));
        let article = Self { child, target, ids };
        if article.ids.len() == pending { Ok(article) } else { Err("it ended before it served".to_owned()) }
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// An approval of each of so many requests, from `first` on, in the article's form.
    pub(crate) fn decisions(&self, first: usize, requests: usize) -> Vec<Vec<u8>> {
        let approval = |id: &String| {
            let path = format!("/approvals/{id}/decide?approved=true&reviewer=alice");
            request("POST", &path, self.target.address, "", "")
        };
        self.ids[first..first + requests].iter().map(approval).collect()
    }
}

impl Drop for Article {
    fn drop(&mut self) {
        // Both fail only where it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("python3 could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    // `venv` writes to one of them and `pip` to the other.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let why = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
    Err(format!("its packages could not be installed: {why}"))
}
