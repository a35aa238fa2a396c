//! [`SessionKey`]: what a reviewer's sessions and forms are signed with.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The length of a signature in hex digits.
const SIGNATURE_LENGTH: usize = 64;

/// What a reviewer's sessions are signed with.
pub(crate) struct SessionKey([u8; 32]);

impl SessionKey {
    /// Makes the key from a token, from which neither follows the other's hash.
    pub(crate) fn of(token: &str) -> Self {
        Self(mac(token.as_bytes(), "key", "").finalize().into_bytes().into())
    }

    pub(crate) fn sign(&self, purpose: &str, text: &str) -> String {
        hex(&mac(&self.0, purpose, text).finalize().into_bytes())
    }

    pub(crate) fn is_signed(&self, purpose: &str, text: &str, signature: &str) -> bool {
        signature.len() == SIGNATURE_LENGTH && self.sign(purpose, text).as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

fn mac(key: &[u8], purpose: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(b"approvals\0");
    mac.update(purpose.as_bytes());
    mac.update(b"\0");
    mac.update(text.as_bytes());
    mac
}

/// Writes bytes in hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}
