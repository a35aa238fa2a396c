//! A small browser: it follows redirects, keeps cookies for the folder they came from, and fills in forms.

use std::net::SocketAddr;

use super::{HTML, hidden};
use crate::support::{Answer, Call};

/// A browser window, at an address.
pub(super) struct Window {
    server: SocketAddr,
    /// What stands in the address bar behind the host.
    pub(super) path: String,
    pub(super) answer: Option<Answer>,
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    folder: String,
}

impl Window {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self { server, path: "/".to_owned(), answer: None, cookies: Vec::new() }
    }

    /// Opens an address that somebody typed.
    pub(super) async fn open(&mut self, path: &str) -> &str {
        self.path = path.to_owned();
        let call = Call::new(self.server, "GET", path).header("Sec-Fetch-Site", "none");
        self.go(call).await
    }

    /// Follows a link of the page.
    pub(super) async fn click(&mut self, reference: &str) -> &str {
        let path = resolve(&self.path, reference);
        self.path.clone_from(&path);
        let call = Call::new(self.server, "GET", &path).header("Sec-Fetch-Site", "same-origin");
        self.go(call).await
    }

    /// Sends the form that ends in this action, with its hidden fields and these.
    pub(super) async fn submit(&mut self, action: &str, fields: &[(&str, &str)]) -> &str {
        let page = self.page().to_owned();
        let (start, form) = page
            .split_once("action=\"")
            .map(|(_, rest)| rest)
            .and_then(|mut rest| {
                loop {
                    let (found, form) = rest.split_once('"')?;
                    if found.ends_with(action) {
                        return Some((found, form.split_once("</form>")?.0));
                    }
                    rest = rest.split_once("action=\"")?.1;
                }
            })
            .unwrap_or_else(|| panic!("no form {action} in {page}"));
        let mut sent: Vec<(&str, &str)> = fields.to_vec();
        for name in ["key", "digest"] {
            if form.contains(&format!("name=\"{name}\"")) {
                sent.push((name, hidden(form, name)));
            }
        }
        let path = resolve(&self.path, start);
        self.path.clone_from(&path);
        let call = Call::new(self.server, "POST", &path).form(&sent);
        self.go(call.header("Origin", &format!("http://{}", self.server)).header("Sec-Fetch-Site", "same-origin")).await
    }

    /// Returns the page that is open.
    pub(super) fn page(&self) -> &str {
        self.answer.as_ref().expect("a page is open").text()
    }

    pub(super) fn status(&self) -> u16 {
        self.answer.as_ref().expect("a page is open").status
    }

    async fn go(&mut self, mut call: Call) -> &str {
        for _ in 0..5 {
            let path = self.path.split('?').next().unwrap_or_default().to_owned();
            let mine = |cookie: &&Cookie| {
                path.strip_prefix(&cookie.folder)
                    .is_some_and(|rest| rest.is_empty() || cookie.folder.ends_with('/') || rest.starts_with('/'))
            };
            let cookies: Vec<_> = self.cookies.iter().filter(mine).map(|it| format!("{}={}", it.name, it.value)).collect();
            if !cookies.is_empty() {
                call = call.header("Cookie", &cookies.join("; "));
            }
            let answer = call.header("Accept", HTML).send().await;
            if let Some(set) = answer.header("set-cookie") {
                self.keep(set, &path);
            }
            let Some(location) = answer.header("location").filter(|_| answer.status == 303) else {
                self.answer = Some(answer);
                return self.page();
            };
            self.path = resolve(&self.path, location);
            call = Call::new(self.server, "GET", &self.path).header("Sec-Fetch-Site", "same-origin");
        }
        panic!("redirected in circles at {}", self.path)
    }

    /// Keeps a cookie as RFC 6265 says: without a path, it goes for the folder of the address that set it.
    fn keep(&mut self, set: &str, path: &str) {
        let mut parts = set.split("; ");
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a pair");
        let folder = match path.rsplit_once('/') {
            Some(("", _)) | None => "/",
            Some((folder, _)) => folder,
        };
        self.cookies.retain(|cookie| (&*cookie.name, &*cookie.folder) != (name, folder));
        if parts.all(|attribute| attribute != "Max-Age=0") {
            self.cookies.push(Cookie { name: name.to_owned(), value: value.to_owned(), folder: folder.to_owned() });
        }
    }
}

/// Resolves a relative reference as browsers do.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    assert!(!reference.starts_with('/') && !reference.contains(':'), "{reference} is not relative");
    let base = base.split('?').next().unwrap_or_default();
    // What leads to a place on the page stays in the browser.
    let reference = reference.split('#').next().unwrap_or_default();
    let mut folders: Vec<_> = base.split('/').collect();
    folders.pop();
    let (path, query) = reference.split_once('?').map_or((reference, None), |(path, query)| (path, Some(query)));
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        match part {
            "." | ".." => {
                if part == ".." && folders.len() > 1 {
                    folders.pop();
                }
                if parts.peek().is_none() {
                    folders.push("");
                }
            }
            part => folders.push(part),
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    folders.join("/") + &query
}
