//! [`Session`]: a signed-in browser.
//!
//! Nothing is remembered about a session: its cookie carries an id, its end and a MAC, so that opening the link changes no
//! state, however often a mail scanner or a preview does it. The MAC's key is made from the reviewer's token. A session
//! therefore is that reviewer's and nobody else's, holds in every process that knows the token, and is worth nothing where
//! it is no longer known.

use std::time::{Duration, SystemTime};

use approval_runtime::Reviewer;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::hosts::Address;
use crate::known::Known;
use crate::signing::{SessionKey, hex};

/// How long a session lasts: a working day, so that a copied cookie is of no use on the next.
pub(crate) const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// What all the cookies' names begin with.
const NAME: &str = "approvals";

/// How many cookies of that name are looked at. Each costs a MAC for every reviewer.
const MOST_COOKIES: usize = 4;

/// The length of a cookie's parts before its signature, in hex digits: the id, and the end in seconds since 1970.
const ID_LENGTH: usize = 32;
const END_LENGTH: usize = 16;

/// A signed-in browser, and the reviewer who signed in.
#[derive(Debug)]
pub(crate) struct Session<'k> {
    known: &'k Known,
    id: Box<str>,
}

impl<'k> Session<'k> {
    /// Makes the `Set-Cookie` of a new session.
    ///
    /// It names no path, so that it goes for the folder of the address it was set from. Nobody here knows that folder: the
    /// router may be nested, behind a proxy that rewrites paths.
    pub(crate) fn open(known: &Known, address: &Address) -> Result<HeaderValue, getrandom::Error> {
        let mut id = [0; ID_LENGTH / 2];
        getrandom::fill(&mut id)?;
        let ticket = ticket(known.session_key(), &hex(&id), now().unwrap_or_default() + LIFETIME.as_secs());
        Ok(set_cookie(address, &ticket, LIFETIME))
    }

    /// Makes the `Set-Cookie` that takes a session away from its browser.
    pub(crate) fn close(address: &Address) -> HeaderValue {
        set_cookie(address, "", Duration::ZERO)
    }

    /// Returns the first session that one of the cookies proves.
    ///
    /// Only cookies that were set for this port count: where another server on this host knows the same tokens, its reviewer
    /// may be another. A browser has one in each folder; more are not its.
    pub(crate) fn find(headers: &HeaderMap, address: &Address, known: &'k [Known]) -> Option<Self> {
        let (now, own) = (now()?, name(address));
        let cookies = headers.get_all(COOKIE).into_iter().filter_map(|header| header.to_str().ok());
        let pairs = cookies.flat_map(|header| header.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let tickets = pairs.filter_map(|(name, ticket)| (name == own).then_some(ticket));
        tickets.take(MOST_COOKIES).find_map(|ticket| {
            known.iter().find_map(|known| Some(Self { known, id: read(known.session_key(), ticket, now)?.into() }))
        })
    }

    pub(crate) const fn reviewer(&self) -> &'k Reviewer {
        self.known.reviewer()
    }

    /// Returns what a form of this session's page carries and another page cannot know.
    pub(crate) fn form_key(&self) -> String {
        self.known.session_key().sign("form", &self.id)
    }

    /// Says whether `key` is this session's form key.
    pub(crate) fn is_form_key(&self, key: &str) -> bool {
        self.known.session_key().is_signed("form", &self.id, key)
    }
}

/// Returns the cookie's name. Browsers share cookies between ports, so it holds the port: two servers on one machine do not
/// sign each other's reviewers out.
fn name(address: &Address) -> String {
    let port = address.port().map(|port| format!("_{port}")).unwrap_or_default();
    format!("{NAME}{port}")
}

fn set_cookie(address: &Address, ticket: &str, age: Duration) -> HeaderValue {
    let name = name(address);
    let secure = if address.is_loopback() { "" } else { "; Secure" };
    let cookie = format!("{name}={ticket}; HttpOnly; SameSite=Strict; Max-Age={}{secure}", age.as_secs());
    HeaderValue::from_str(&cookie).expect("digits and fixed text are a header's text")
}

fn ticket(key: &SessionKey, id: &str, end: u64) -> String {
    let text = format!("{id}{end:0END_LENGTH$x}");
    let signature = key.sign("session", &text);
    text + &signature
}

/// Returns a ticket's id, if it is signed and has not ended.
fn read<'t>(key: &SessionKey, ticket: &'t str, now: u64) -> Option<&'t str> {
    let (text, signature) = ticket.split_at_checked(ID_LENGTH + END_LENGTH)?;
    if !key.is_signed("session", text, signature) {
        return None;
    }
    let (id, end) = text.split_at_checked(ID_LENGTH)?;
    (now < u64::from_str_radix(end, 16).ok()?).then_some(id)
}

/// Returns the seconds since 1970. By a clock that is before that, no session is good.
fn now() -> Option<u64> {
    SystemTime::UNIX_EPOCH.elapsed().ok().map(|since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> (Known, String) {
        Known::generated(Reviewer::new(name)).expect("this system has random bytes")
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    fn local() -> Address {
        address("127.0.0.1:7878")
    }

    fn opened(known: &Known) -> String {
        let set_cookie = Session::open(known, &local()).expect("this system has random bytes");
        set_cookie.to_str().expect("ASCII").to_owned()
    }

    fn sent(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).expect("no control characters"))])
    }

    /// What a browser sends back of a `Set-Cookie`.
    fn kept(set_cookie: &str) -> HeaderMap {
        sent(set_cookie.split(';').next().expect("the pair comes first"))
    }

    #[test]
    fn cookie_is_neither_token_nor_forgeable() {
        let (alice, token) = known("alice");
        let set_cookie = opened(&alice);
        assert!(!set_cookie.contains(&token));
        let reviewers = [known("bob").0, alice];
        let session = Session::find(&kept(&set_cookie), &local(), &reviewers).expect("just opened");
        assert_eq!(session.reviewer().name(), "alice");

        assert!(Session::find(&kept(&set_cookie), &local(), &[known("alice").0]).is_none(), "a session ends with its token");
        let (_, ticket) = set_cookie.split(';').next().expect("the pair").split_once('=').expect("a pair");
        for at in 0..ticket.len() {
            let digit = if ticket.as_bytes()[at] == b'0' { "1" } else { "0" };
            let mut changed = ticket.to_owned();
            changed.replace_range(at..=at, digit);
            assert!(Session::find(&sent(&format!("approvals_7878={changed}")), &local(), &reviewers).is_none(), "digit {at}");
        }
        for value in ["", "x", &"0".repeat(112), &"é".repeat(56)] {
            assert!(Session::find(&sent(&format!("approvals_7878={value}")), &local(), &reviewers).is_none(), "{value:?}");
        }
    }

    #[test]
    fn session_ends_after_its_lifetime() {
        let (alice, _) = known("alice");
        let start = now().expect("it is past 1970");
        let ticket = ticket(alice.session_key(), &"0".repeat(ID_LENGTH), start + LIFETIME.as_secs());
        assert!(read(alice.session_key(), &ticket, start).is_some());
        assert!(read(alice.session_key(), &ticket, start + LIFETIME.as_secs() - 1).is_some());
        assert!(read(alice.session_key(), &ticket, start + LIFETIME.as_secs()).is_none());
        assert!(opened(&alice).ends_with("; Max-Age=43200"));
    }

    #[test]
    fn form_key_belongs_to_one_session() {
        let reviewers = [known("alice").0];
        let session = || Session::find(&kept(&opened(&reviewers[0])), &local(), &reviewers).expect("just opened");
        let (mine, yours) = (session(), session());
        assert!(mine.is_form_key(&mine.form_key()));
        assert!(!mine.is_form_key(&yours.form_key()));
        assert!(!mine.is_form_key(""));
    }

    #[test]
    fn cookie_is_secure_off_loopback() {
        let (alice, _) = known("alice");
        for (host, name, is_secure) in [
            ("127.0.0.1:7878", "approvals_7878=", false),
            ("localhost", "approvals=", false),
            ("[::1]:80", "approvals_80=", false),
            ("approvals.example.com", "approvals=", true),
            ("127.0.0.1.evil.test:80", "approvals_80=", true),
        ] {
            for cookie in [Session::open(&alice, &address(host)).expect("random bytes"), Session::close(&address(host))] {
                let cookie = cookie.to_str().expect("ASCII");
                assert!(cookie.starts_with(name) && cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
                assert_eq!(cookie.contains("; Secure"), is_secure, "{cookie}");
            }
        }
    }
}
