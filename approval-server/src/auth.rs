//! [`Keys`]: who is asking. A token per reviewer for programs, and the session that a browser gets for it.

use std::time::Duration;

use approval_runtime::Reviewer;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

use crate::error::ServeError;
use crate::hosts::Address;
use crate::known::{Known, hash};
use crate::limit::WrongTokens;
use crate::problem::Problem;
use crate::session::Session;

/// Who sends a request, and how that is known.
#[derive(Debug)]
pub(crate) enum Who<'k> {
    /// `Authorization: Bearer`: a reviewer's program. No web page can act through it.
    Program(&'k Reviewer),
    /// A browser's cookie, which the browser also sends along when another page makes it.
    Browser,
    /// Nobody was asked to prove anything: the server runs without authentication.
    Anybody,
}

/// A token is nobody's.
#[derive(Debug)]
pub(crate) enum WrongToken {
    Unknown,
    /// And there were too many of them.
    TooMany {
        retry_after: Duration,
    },
}

impl From<WrongToken> for Problem {
    fn from(wrong: WrongToken) -> Self {
        match wrong {
            WrongToken::Unknown => Self::wrong_token(),
            WrongToken::TooMany { retry_after } => Self::too_many_tries(retry_after),
        }
    }
}

/// The reviewers who may speak to a server.
#[derive(Debug)]
pub(crate) struct Keys {
    known: Vec<Known>,
    wrong: WrongTokens,
}

impl Keys {
    /// Checks that each token is one person's.
    pub(crate) fn new(known: Vec<Known>) -> Result<Self, ServeError> {
        for (at, one) in known.iter().enumerate() {
            if let Some(other) = known[..at].iter().find(|other| other.token() == one.token()) {
                let [one, other] = [one, other].map(|known| known.reviewer().name().into());
                return Err(ServeError::SharedToken { reviewer: other, other: one });
            }
        }
        Ok(Self { known, wrong: WrongTokens::default() })
    }

    /// Returns whose token this is. The time it takes tells nothing about where a wrong one differs, or from whose.
    pub(crate) fn token(&self, token: &str) -> Result<&Known, WrongToken> {
        let sent = hash(token);
        let mut found = None;
        for known in &self.known {
            if sent.ct_eq(known.token()).into() {
                found = Some(known);
            }
        }
        found.ok_or_else(|| match self.wrong.count() {
            None => WrongToken::Unknown,
            Some(retry_after) => WrongToken::TooMany { retry_after },
        })
    }

    /// Finds out who sends a request. A wrong token is never made up for by a good cookie.
    pub(crate) fn who(&self, headers: &HeaderMap, address: &Address) -> Result<Who<'_>, Problem> {
        match headers.get(AUTHORIZATION) {
            Some(authorization) => Ok(Who::Program(self.token(bearer(authorization).unwrap_or_default())?.reviewer())),
            None => self.session(headers, address).map(|_| Who::Browser).ok_or_else(Problem::no_credential),
        }
    }

    /// Returns the session whose cookie the request carries.
    pub(crate) fn session(&self, headers: &HeaderMap, address: &Address) -> Option<Session<'_>> {
        Session::find(headers, address, &self.known)
    }
}

fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (Keys, String) {
        let (known, token) = Known::generated(Reviewer::new("alice")).expect("this system has random bytes");
        (Keys::new(vec![known]).expect("one token"), token)
    }

    #[test]
    fn token_is_256_bits_and_not_kept() {
        let (keys, token) = keys();
        assert_eq!(token.len(), 43, "256 bits, six a character");
        assert_eq!(*keys.known[0].token(), hash(&token));
        assert!(!format!("{keys:?}").contains(&token));
        assert_ne!(token, self::keys().1);
    }

    #[test]
    fn every_changed_digit_is_refused() {
        let (keys, token) = keys();
        assert!(keys.token(&token).is_ok());
        for at in 0..token.len() {
            let digit = if token.as_bytes()[at] == b'0' { "1" } else { "0" };
            let mut changed = token.clone();
            changed.replace_range(at..=at, digit);
            assert!(keys.token(&changed).is_err(), "digit {at}");
        }
        assert!(keys.token("").is_err());
        assert!(keys.token(&token[..42]).is_err());
        assert!(keys.token(&format!("{token}0")).is_err());
    }

    #[test]
    fn each_token_is_its_owners() {
        let known = |name: &str, digit: &str| Known::chosen(Reviewer::new(name), &digit.repeat(32)).expect("32 characters");
        let keys = Keys::new(vec![known("alice", "a"), known("bob", "b"), known("alice", "c")]).expect("three tokens");
        for (digit, name) in [("a", "alice"), ("b", "bob"), ("c", "alice")] {
            assert_eq!(keys.token(&digit.repeat(32)).expect("known").reviewer().name(), name);
        }
        let shared =
            Keys::new(vec![known("alice", "a"), known("bob", "b"), known("carol", "a")]).expect_err("one token, two people");
        assert!(matches!(shared, ServeError::SharedToken { .. }), "{shared:?}");
    }
}
