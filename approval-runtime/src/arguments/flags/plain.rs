//! Text that can be seen to raise nothing: most of most calls. It is passed over quickly, with the result that [`Scan`] comes
//! to piece by piece.
//!
//! [`Scan`]: super::scan::Scan

use unicode_script::Script;

use crate::arguments::look::{Looks, Trait};

/// What one block of a notification holds.
pub(super) const SHORT: usize = 3000;

/// Says whether a whole text is printable ASCII without what flags are made of.
pub(super) fn is_unremarkable(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() > SHORT && text.split('"').any(|part| part.len() > SHORT) {
        return false;
    }
    // Blocks, so that the look at a text that is remarkable ends soon.
    let (mut at_sign, mut slash, mut hyphen) = (false, false, false);
    for block in bytes.chunks(256) {
        if has(block, |byte| !(b' '..=b'~').contains(&byte) | (byte == b'\\')) || has_blanks(block) {
            return false;
        }
        at_sign |= has(block, |byte| byte == b'@');
        slash |= has(block, |byte| byte == b'/');
        hyphen |= has(block, |byte| byte == b'-');
    }
    // A user before a URL's host, and Punycode.
    !((at_sign && slash) || (hyphen && text.contains("--")))
}

/// Says whether a byte is there, without a branch for each: the compiler looks at many at a time.
#[inline(never)]
fn has(block: &[u8], is: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(false, |any, byte| any | is(*byte))
}

/// Says whether four blanks stand together at a multiple of four: any nine have these among them.
#[inline(never)]
fn has_blanks(block: &[u8]) -> bool {
    let blanks = u32::from_ne_bytes(*b"    ");
    block.as_chunks().0.iter().fold(false, |any, four| any | (u32::from_ne_bytes(*four) == blanks))
}

/// Chunks of a text (what stands between white space) that raise nothing, each with the one space behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    /// How many bytes.
    pub(super) len: usize,
    /// How many chunks have Latin letters, up to what matters.
    pub(super) latin: u8,
    /// The script of other letters. Some of them look like nothing in ASCII.
    pub(super) script: Script,
}

impl Passage {
    /// Reads what the text begins with, behind white space. `ends` says that white space follows the text, or nothing.
    pub(super) fn read(text: &[u8], looks: &mut Option<Looks>, ends: bool) -> Self {
        let mut passage = Self { len: 0, latin: 0, script: Script::Common };
        while let Some(chunk) = Chunk::read(&text[passage.len..], looks, ends) {
            if chunk.script != Script::Common && chunk.script != passage.script {
                if passage.script != Script::Common {
                    break;
                }
                passage.script = chunk.script;
            }
            passage.latin = passage.latin.saturating_add(chunk.latin.into());
            passage.len += chunk.len;
            if let [b' ', next, ..] = text[passage.len..]
                && PARTS[usize::from(next)] != WHITE
            {
                passage.len += 1;
            } else {
                break;
            }
        }
        passage
    }
}

struct Chunk {
    len: usize,
    latin: bool,
    script: Script,
}

impl Chunk {
    /// Reads a chunk of ASCII without what flags are made of, and of letters of one other script that are not all look-alikes.
    #[inline]
    fn read(text: &[u8], looks: &mut Option<Looks>, ends: bool) -> Option<Self> {
        let mut parts = 0;
        let mut traits = Trait::NONE;
        let mut script = Script::Common;
        let mut rest = text;
        loop {
            let part = match rest {
                [byte, ..] => PARTS[usize::from(*byte)],
                [] if ends => WHITE,
                [] => return None,
            };
            if part & END == 0 {
                parts |= part;
                rest = &rest[1..];
            } else if part == LEAD {
                let looks = *looks.get_or_insert_with(Looks::get);
                let first = looks.of_two([rest[0], rest[1]]);
                let other = script != Script::Common && script != first.script;
                if other || first.script == Script::Common || !first.traits.is_letter_only() {
                    return None;
                }
                script = first.script;
                while let [lead @ 0xC2..=0xDF, next, behind @ ..] = rest {
                    let look = looks.of_two([*lead, *next]);
                    if !look.continues(first) {
                        return None;
                    }
                    traits = traits.or(look.traits);
                    rest = behind;
                }
            } else if part == WHITE && rest.len() < text.len() {
                break;
            } else {
                return None;
            }
        }
        let len = text.len() - rest.len();
        let has = |part: u8| parts & part == part;
        let latin = has(LETTER) || script == Script::Latin;
        let alike = traits.has(Trait::ANY_ALIKE);
        let words = match script {
            Script::Common | Script::Latin => !alike,
            // The words that are all look-alikes stand beside one that is not.
            _ => !latin && traits.has(Trait::UNLIKE) && !(alike && (has(DIGIT) || joins(&text[..len - 1]))),
        };
        let hyphens = has(HYPHEN) && text[..len].windows(2).any(|two| two == b"--");
        if !words || hyphens || (has(AT_SIGN) && has(SLASH)) {
            return None;
        }
        Some(Self { len, latin, script: if latin { Script::Common } else { script } })
    }
}

fn joins(text: &[u8]) -> bool {
    text.iter().any(|byte| byte.is_ascii() && PARTS[usize::from(*byte)] & (JOIN | AT_SIGN | SLASH) != 0)
}

// What a byte may be part of.
const LETTER: u8 = 1;
const DIGIT: u8 = 1 << 1;
const HYPHEN: u8 = 1 << 2;
/// Addresses, paths, identifiers.
const JOIN: u8 = 1 << 3;
const AT_SIGN: u8 = 1 << 4;
const SLASH: u8 = 1 << 5;
/// Nothing that can be passed over.
const END: u8 = 1 << 7;
const WHITE: u8 = 1 << 6 | END;
/// It begins a character of two bytes.
const LEAD: u8 = 1 | END;

const PARTS: [u8; 256] = {
    let mut parts = [END; 256];
    let mut byte = 0;
    while byte < parts.len() {
        parts[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'-' => HYPHEN,
            b'@' => AT_SIGN,
            b'/' | b'\\' => SLASH,
            b'.' | b':' | b'=' | b'_' => JOIN,
            b' ' | b'\n' => WHITE,
            b'!'..=b'~' => 0,
            0xC2..=0xDF => LEAD,
            _ => END,
        };
        byte += 1;
    }
    parts
};
