//! [`Known`]: a reviewer who has a token.

use std::fmt;

use approval_runtime::Reviewer;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest, Sha256};

use crate::error::ServeError;
use crate::signing::SessionKey;

/// The fewest characters a token has: with fewer, it can be guessed.
const SHORTEST: usize = 32;

/// A reviewer and what is kept of their token: enough to recognise it, too little to send it.
pub(crate) struct Known {
    reviewer: Reviewer,
    token: [u8; 32],
    session_key: SessionKey,
}

impl Known {
    /// Takes a token that the program chose.
    pub(crate) fn chosen(reviewer: Reviewer, token: &str) -> Result<Self, ServeError> {
        let name = || reviewer.name().into();
        if reviewer.name().trim().is_empty() {
            Err(ServeError::NamelessReviewer)
        } else if token.len() < SHORTEST {
            Err(ServeError::ShortToken { reviewer: name() })
        } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(ServeError::UnsendableToken { reviewer: name() })
        } else {
            Ok(Self::of(reviewer, token))
        }
    }

    /// Makes a token for a reviewer, and returns it beside what is kept of it.
    pub(crate) fn generated(reviewer: Reviewer) -> Result<(Self, String), getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Ok((Self::of(reviewer, &token), token))
    }

    fn of(reviewer: Reviewer, token: &str) -> Self {
        Self { reviewer, token: hash(token), session_key: SessionKey::of(token) }
    }

    /// Returns the SHA-256 of the token.
    pub(crate) const fn token(&self) -> &[u8; 32] {
        &self.token
    }

    pub(crate) const fn reviewer(&self) -> &Reviewer {
        &self.reviewer
    }

    pub(crate) const fn session_key(&self) -> &SessionKey {
        &self.session_key
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("reviewer", &self.reviewer).finish_non_exhaustive()
    }
}

pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
