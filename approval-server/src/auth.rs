//! [`Keys`]: who is asking. One random token for API clients, and the session that a browser gets for it.
//!
//! Nothing is remembered about a session: its cookie carries an id and a MAC under a key that dies with the process, so
//! that opening the link changes no state, however often a mail scanner or a preview does it.

use approval_runtime::Reviewer;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::Problem;

/// What an answer of 401 asks for.
pub(crate) const CHALLENGE: &str = r#"Bearer realm="approvals""#;
const CHALLENGE_INVALID: &str = r#"Bearer realm="approvals", error="invalid_token""#;

/// The length of a session's id and of its MAC, in hex digits.
const ID_LENGTH: usize = 32;
const MAC_LENGTH: usize = 64;

/// How a request proved who sends it.
#[derive(Debug)]
pub(crate) enum Credential {
    /// `Authorization: Bearer`: a client that no web page can act through.
    Token,
    /// A browser's cookie, which the browser also sends along when another page makes it.
    Session,
}

/// A signed-in browser.
#[derive(Debug)]
pub(crate) struct Session {
    id: Box<str>,
}

/// The reviewer behind the server's token, and what is needed to recognise them.
pub(crate) struct Keys {
    reviewer: Reviewer,
    token: [u8; 32],
    secret: [u8; 32],
    cookie: Box<str>,
}

impl Keys {
    /// Makes the keys of one server, and the token, of which they keep only the SHA-256.
    ///
    /// Browsers share cookies between ports, so the cookie's name holds the port: two servers on one machine do not sign
    /// each other's reviewers out.
    pub(crate) fn generate(reviewer: Reviewer, port: u16) -> Result<(Self, String), getrandom::Error> {
        let token = BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?);
        let keys =
            Self { reviewer, token: hash(&token), secret: random()?, cookie: format!("approvals_{port}").into_boxed_str() };
        Ok((keys, token))
    }

    /// Returns the person that every valid credential stands for.
    pub(crate) const fn reviewer(&self) -> &Reviewer {
        &self.reviewer
    }

    /// Says whether `token` is the reviewer's, in a time that does not depend on where it differs.
    pub(crate) fn is_token(&self, token: &str) -> bool {
        hash(token).ct_eq(&self.token).into()
    }

    /// Finds out how a request proves who sends it. A wrong token is never made up for by a good cookie.
    pub(crate) fn credential(&self, headers: &HeaderMap) -> Result<Credential, Problem> {
        if let Some(authorization) = headers.get(AUTHORIZATION) {
            return match bearer(authorization) {
                Some(token) if self.is_token(token) => Ok(Credential::Token),
                _ => Err(Problem::unauthenticated(
                    CHALLENGE_INVALID,
                    "this is not the token of the running process: it makes a new one at each start and prints it in its link",
                )),
            };
        }
        self.session(headers).map(|_| Credential::Session).ok_or_else(Self::unauthenticated)
    }

    /// Makes the problem of a request that proves nothing.
    pub(crate) fn unauthenticated() -> Problem {
        Problem::unauthenticated(
            CHALLENGE,
            "send `Authorization: Bearer <token>`, with the token of the link that the process printed",
        )
    }

    /// Makes the `Set-Cookie` of a new session. It ends with the browser, or with this process.
    pub(crate) fn open_session(&self) -> Result<HeaderValue, getrandom::Error> {
        let id = hex(&random::<{ ID_LENGTH / 2 }>()?);
        let mac = hex(&self.mac("session", &id).finalize().into_bytes());
        let cookie = format!("{}={id}{mac}; HttpOnly; SameSite=Strict; Path=/", self.cookie);
        Ok(HeaderValue::from_str(&cookie).expect("hex digits and fixed text are a header's text"))
    }

    /// Returns the session whose cookie the request carries.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let cookies = headers.get_all(COOKIE).into_iter().filter_map(|header| header.to_str().ok());
        cookies.flat_map(|header| header.split(';')).find_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            let (id, mac) = value.split_at_checked(ID_LENGTH)?;
            (name == &*self.cookie && self.is_mac("session", id, mac)).then(|| Session { id: id.into() })
        })
    }

    /// Returns what a form of this session's page carries and another page cannot know.
    pub(crate) fn form_key(&self, session: &Session) -> String {
        hex(&self.mac("form", &session.id).finalize().into_bytes())
    }

    /// Says whether `key` is this session's form key.
    pub(crate) fn is_form_key(&self, session: &Session, key: &str) -> bool {
        self.is_mac("form", &session.id, key)
    }

    fn mac(&self, purpose: &str, id: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(id.as_bytes());
        mac
    }

    fn is_mac(&self, purpose: &str, id: &str, mac: &str) -> bool {
        let expected = hex(&self.mac(purpose, id).finalize().into_bytes());
        mac.len() == MAC_LENGTH && expected.as_bytes().ct_eq(mac.as_bytes()).into()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("reviewer", &self.reviewer).finish_non_exhaustive()
    }
}

fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (Keys, String) {
        Keys::generate(Reviewer::new("alice"), 7878).expect("this system has random bytes")
    }

    fn with_cookie(set_cookie: &HeaderValue) -> HeaderMap {
        let cookie = set_cookie.to_str().expect("ASCII").split(';').next().expect("the pair comes first");
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).expect("ASCII"))])
    }

    #[test]
    fn token_is_256_bits_and_not_kept() {
        let (keys, token) = keys();
        assert_eq!(token.len(), 43, "256 bits, six a character");
        assert_eq!(keys.token, hash(&token));
        assert!(!format!("{keys:?}").contains(&token));
        assert_ne!(token, self::keys().1);
    }

    #[test]
    fn every_changed_digit_is_refused() {
        let (keys, token) = keys();
        assert!(keys.is_token(&token));
        for at in 0..token.len() {
            let digit = if token.as_bytes()[at] == b'0' { "1" } else { "0" };
            let mut changed = token.clone();
            changed.replace_range(at..=at, digit);
            assert!(!keys.is_token(&changed), "digit {at}");
        }
        assert!(!keys.is_token(""));
        assert!(!keys.is_token(&token[..42]));
        assert!(!keys.is_token(&format!("{token}0")));
    }

    #[test]
    fn cookie_is_neither_token_nor_forgeable() {
        let (keys, token) = keys();
        let set_cookie = keys.open_session().expect("this system has random bytes");
        assert!(!set_cookie.to_str().expect("ASCII").contains(&token));
        assert!(keys.session(&with_cookie(&set_cookie)).is_some());

        let (other, _) = self::keys();
        assert!(other.session(&with_cookie(&set_cookie)).is_none(), "a session ends with its process");
        for value in ["", "x", &"0".repeat(96), &"é".repeat(48)] {
            let header = HeaderValue::from_bytes(format!("approvals_7878={value}").as_bytes()).expect("no control characters");
            assert!(keys.session(&HeaderMap::from_iter([(COOKIE, header)])).is_none(), "{value:?}");
        }
    }

    #[test]
    fn form_key_belongs_to_one_session() {
        let (keys, _) = keys();
        let session = |keys: &Keys| {
            let set_cookie = keys.open_session().expect("this system has random bytes");
            keys.session(&with_cookie(&set_cookie)).expect("just opened")
        };
        let (mine, yours) = (session(&keys), session(&keys));
        assert!(keys.is_form_key(&mine, &keys.form_key(&mine)));
        assert!(!keys.is_form_key(&mine, &keys.form_key(&yours)));
        assert!(!keys.is_form_key(&mine, ""));
    }
}
