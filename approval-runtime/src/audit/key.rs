//! [`AuditKey`]: what checkpoints and exports are signed with.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::AuditError;
use crate::arguments::Digest;

/// A key that signs checkpoints and exports, with HMAC-SHA-256. Keep it outside of the store.
///
/// HMAC has one key for both: **whoever can verify can also sign.** It proves that somebody with the key sealed the rows, and so
/// that whoever has the store alone changed nothing; among those who have the key it proves nothing. Signatures with a public
/// key would, at the price of more crates in every program; where you need that, sign the exported lines with a tool of yours.
///
/// The id is for rotation: it stands in each checkpoint, so that whoever verifies knows which key to take. Give a new key a new
/// id, seal with the new one, and verify with both.
#[derive(Clone)]
pub struct AuditKey {
    id: Box<str>,
    secret: Zeroizing<Box<[u8]>>,
}

impl AuditKey {
    /// The fewest bytes of a key.
    pub const MIN: usize = 32;

    /// Takes a key of at least 32 random bytes, and the id that checkpoints name it by.
    ///
    /// # Errors
    /// [`AuditError::ShortKey`].
    pub fn new(id: impl Into<Box<str>>, secret: impl AsRef<[u8]>) -> Result<Self, AuditError> {
        let secret = secret.as_ref();
        if secret.len() < Self::MIN {
            return Err(AuditError::ShortKey { len: secret.len() });
        }
        Ok(Self { id: id.into(), secret: Zeroizing::new(secret.into()) })
    }

    /// Returns the id that checkpoints name the key by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn mac(&self, kind: &str, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(kind.as_bytes());
        // No kind has a NUL: what was signed as one is nothing as another.
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac
    }

    pub(super) fn sign(&self, kind: &str, text: &str) -> Digest {
        Digest::from_bytes(self.mac(kind, text).finalize().into_bytes().into())
    }

    /// Compares in constant time.
    pub(super) fn signed(&self, kind: &str, text: &str, mac: &Digest) -> bool {
        self.mac(kind, text).verify_slice(mac.as_bytes()).is_ok()
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditKey").field("id", &self.id).finish_non_exhaustive()
    }
}
