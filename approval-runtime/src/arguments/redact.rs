//! Secrets among the arguments: which they are, and what stands in their place.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use uuid::Uuid;

use super::digest::Digest;
use super::invalid::{Invalid, Path, Step};
use super::slot::slot_of;

/// The names whose values are redacted unless other names are set.
///
/// A field at any depth is redacted when its name equals one of these or ends with it. Case, `_`,
/// `-` and spaces don't count: `client_secret`, `X-Api-Key` and `accessToken` are redacted. A name of
/// four letters or fewer has to be a word of its own: `pin` is found in `card_pin` and `cardPin`,
/// not in `spin`. `max_tokens`, `token_count` and `author` are not redacted.
pub const SECRET_NAMES: &[&str] = &[
    "access_key",
    "access_keys",
    "access_tokens",
    "api_key",
    "api_keys",
    "authorization",
    "bearer",
    "connection_string",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "cvc",
    "cvv",
    "encryption_key",
    "master_key",
    "otp",
    "pass",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pin",
    "private_key",
    "private_keys",
    "pwd",
    "refresh_tokens",
    "secret",
    "secret_key",
    "secrets",
    "security_code",
    "signing_key",
    "ssn",
    "token",
];

/// What stands in a sentence where a secret was.
const HIDDEN: &str = "[redacted]";

/// Names as short as this have to be words of their own.
const WORD: usize = 4;

/// A list of names whose values are redacted; see [`SECRET_NAMES`] for how names are compared.
#[derive(Debug, Clone)]
pub struct SecretNames {
    /// Lower case, without separators.
    names: Vec<Box<str>>,
    /// The bit of each name's last byte: most fields are told apart by theirs.
    last: u128,
}

impl SecretNames {
    /// Makes a list of other names than [`SECRET_NAMES`]. An empty list redacts nothing by name.
    #[must_use]
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut list = Self { names: Vec::new(), last: 0 };
        for name in names {
            let name: String = name.as_ref().chars().filter(|c| !is_separator(*c)).collect();
            let name = name.to_ascii_lowercase();
            if let Some(&last) = name.as_bytes().last() {
                list.last |= bit(last);
                list.names.push(name.into());
            }
        }
        list
    }

    /// Whether the value of a field of this name is redacted.
    #[must_use]
    pub fn matches(&self, field: &str) -> bool {
        let field = field.trim_end_matches(is_separator).as_bytes();
        let Some(last) = field.last() else {
            return false;
        };
        self.last & bit(last.to_ascii_lowercase()) != 0 && self.names.iter().any(|name| ends_with(field, name.as_bytes()))
    }
}

impl Default for SecretNames {
    /// [`SECRET_NAMES`].
    fn default() -> Self {
        Self::new(SECRET_NAMES)
    }
}

const fn is_separator(char: char) -> bool {
    matches!(char, '_' | '-' | ' ')
}

/// Bytes past ASCII share a bit: the set only has to say no quickly.
const fn bit(byte: u8) -> u128 {
    1 << (byte & 127)
}

fn ends_with(field: &[u8], name: &[u8]) -> bool {
    let mut rest = field;
    let mut first = 0;
    for &wanted in name.iter().rev() {
        while let [before @ .., last] = rest
            && is_separator(char::from(*last))
        {
            rest = before;
        }
        let [before @ .., last] = rest else {
            return false;
        };
        if last.to_ascii_lowercase() != wanted {
            return false;
        }
        first = *last;
        rest = before;
    }
    name.len() > WORD
        || rest
            .last()
            .is_none_or(|&before| !before.is_ascii_alphabetic() || (before.is_ascii_lowercase() && first.is_ascii_uppercase()))
}

/// What slots are made with: without it nobody can try out which secret a slot stands for.
///
/// The slots of two processes are equal for equal secrets only if they share the key.
#[derive(Clone)]
pub struct RedactionKey([u8; 32]);

impl RedactionKey {
    /// Takes a key that is kept somewhere safe.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Makes a key that only this process knows.
    #[must_use]
    pub fn random() -> Self {
        let mut random = [0; 48];
        for part in random.chunks_exact_mut(16) {
            // 122 random bits each.
            part.copy_from_slice(Uuid::new_v4().as_bytes());
        }
        Self(*Digest::of(&random).as_bytes())
    }

    /// The keyed hash of a value where it stands. Canonical JSON has no NUL, so the last one parts
    /// the two.
    pub(super) fn slot(&self, pointer: &str, value: &str) -> Digest {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(pointer.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        Digest::from_bytes(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for RedactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedactionKey(..)")
    }
}

/// The values that slots stand for. They stay with the waiting call and are in no record.
pub struct Hidden {
    pub(super) values: Vec<HiddenValue>,
}

/// One value and the slot in its place.
pub(super) struct HiddenValue {
    /// Where it stands, as a JSON pointer.
    pub(super) pointer: Box<str>,
    pub(super) slot: Digest,
    /// Canonical JSON.
    pub(super) value: Box<str>,
}

impl Hidden {
    /// Puts the values back where their slots still stand. Another slot is refused: what it stands
    /// for is not known.
    pub(super) fn reveal(this: Option<&Self>, arguments: &mut Value) -> Result<(), Invalid> {
        for hidden in this.into_iter().flat_map(|hidden| &hidden.values) {
            let slot = arguments.pointer_mut(&hidden.pointer);
            if let Some(slot) = slot.filter(|slot| slot_of(slot) == Some(hidden.slot)) {
                *slot = serde_json::from_str(&hidden.value).expect("a hidden value is JSON");
            }
        }
        let mut strange = None;
        each_slot(arguments, &mut Vec::new(), &mut |steps, _| {
            strange.get_or_insert_with(|| Path::of(steps));
        });
        strange.map_or(Ok(()), |path| Err(Invalid::RedactedChanged { path }))
    }

    /// Takes the hidden texts and numbers out of a sentence that was made from the same values.
    pub(crate) fn scrub(&self, sentence: &str) -> Box<str> {
        fn collect(value: &Value, secrets: &mut Vec<String>) {
            match value {
                Value::Null | Value::Bool(_) => {}
                Value::Number(number) => secrets.push(number.to_string()),
                Value::String(text) => {
                    // As `{}` and as `{:?}` write it.
                    secrets.push(text.escape_debug().to_string());
                    secrets.push(text.clone());
                }
                Value::Array(elements) => elements.iter().for_each(|element| collect(element, secrets)),
                Value::Object(fields) => fields.values().for_each(|field| collect(field, secrets)),
            }
        }
        let mut secrets = Vec::new();
        for hidden in &self.values {
            collect(&serde_json::from_str(&hidden.value).expect("a hidden value is JSON"), &mut secrets);
        }
        // The longest first: one secret inside another must not leave the rest of that one.
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let scrub = |sentence: String, secret: &String| sentence.replace(secret.as_str(), HIDDEN);
        secrets.iter().fold(sentence.to_owned(), scrub).into()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hidden({} values)", self.values.len())
    }
}

/// Visits every slot, the outermost where they stand in each other.
pub(super) fn each_slot<'v>(value: &'v Value, steps: &mut Vec<Step<'v>>, visit: &mut impl FnMut(&[Step<'v>], Digest)) {
    if let Some(slot) = slot_of(value) {
        return visit(steps, slot);
    }
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                steps.push(Step::Index(index));
                each_slot(element, steps, visit);
                steps.pop();
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                steps.push(Step::name(name));
                each_slot(field, steps, visit);
                steps.pop();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_names_are_found() {
        let names = SecretNames::default();
        for name in [
            "password",
            "PASSWORD",
            "db_password",
            "dbPassword",
            "pass word",
            "Authorization",
            "Proxy-Authorization",
            "api_key",
            "apikey",
            "X-Api-Key",
            "openai_api_key",
            "accessToken",
            "access_token_",
            "csrftoken",
            "client_secret",
            "set-cookie",
            "credentials",
            "privateKey",
            "pin",
            "PIN",
            "card_pin",
            "cardPin",
            "cardPIN",
            "card.pin",
            "cvv",
            "smtp_pass",
        ] {
            assert!(names.matches(name), "{name}");
        }
    }

    #[test]
    fn other_names_are_shown() {
        let names = SecretNames::default();
        for name in [
            "",
            "_",
            "to",
            "author",
            "max_tokens",
            "token_count",
            "tokenizer",
            "secretary",
            "spin",
            "SPIN",
            "shipping",
            "compass",
            "bypass",
            "key",
            "keyboard",
            "monkey",
            "passenger",
            "cookie_banner",
            "laptop",
            "otpauth",
            "pass\u{E9}",
            "\u{FF54}oken",
        ] {
            assert!(!names.matches(name), "{name}");
        }
    }

    #[test]
    fn other_secret_names_can_be_set() {
        let names = SecretNames::new(["IBAN", "tax-id", ""]);
        assert!(names.matches("iban") && names.matches("customer_tax_id") && !names.matches("password"));
        assert!(!SecretNames::new::<&str>([]).matches("password"));
    }

    #[test]
    fn keys_are_random_and_unseen() {
        let slot = || RedactionKey::random().slot("/a", "1");
        assert_ne!(slot(), slot());
        assert_eq!(format!("{:?}", RedactionKey::new([7; 32])), "RedactionKey(..)");
    }
}
