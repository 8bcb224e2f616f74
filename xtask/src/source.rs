//! A Rust file in the two ways in which checks look at it: as written, and as code alone.
//!
//! The lexer knows comments, strings, raw strings and characters, and nothing else of the language.
//! What it takes away becomes spaces, so that offsets and line numbers stay.

/// What a file is for, by its path; bans differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// What ships, and the gates themselves: `crates/*/src`, build scripts, `xtask/src`.
    Product,
    /// Tests, benches, examples, fuzz targets and their kits.
    Proof,
}

/// A Rust file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Relative to the root, with forward slashes.
    pub path: String,
    /// As written.
    pub text: String,
    /// The same length, with comments and what quotes enclose as spaces.
    pub code: String,
}

impl Source {
    /// Lexes a file.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { path: path.into(), code: code_of(&text), text }
    }

    /// What the file is for.
    pub fn place(&self) -> Place {
        let mut parts = self.path.split('/');
        let product = match (parts.next(), parts.next(), parts.next()) {
            (Some("crates"), Some(_), Some(third)) => third == "src" || third == "build.rs",
            (Some("xtask"), Some(second), _) => second == "src",
            _ => false,
        };
        if product { Place::Product } else { Place::Proof }
    }

    /// The line of a byte, counted from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        self.code.get(..offset).unwrap_or_default().matches('\n').count() + 1
    }

    /// Where a word stands in the code, whole words only.
    pub fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        whole_words(&self.code, word)
    }

    /// The last byte of code before an offset that is no space.
    pub fn before(&self, offset: usize) -> Option<u8> {
        let head = self.code.as_bytes().get(..offset)?;
        head.iter().rev().copied().find(|byte| !byte.is_ascii_whitespace())
    }

    /// The code from an offset on, without leading spaces.
    pub fn after(&self, offset: usize) -> &str {
        self.code.get(offset..).unwrap_or_default().trim_start()
    }
}

/// Where a word stands in a text, whole words only.
pub(crate) fn whole_words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let bytes = text.as_bytes();
        let before = at.checked_sub(1).and_then(|before| bytes.get(before).copied());
        let after = bytes.get(at + word.len()).copied();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The code of a text: comments and the insides of literals as spaces, line ends kept.
fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let word_before =
            at.checked_sub(1).and_then(|before| bytes.get(before).copied()).is_some_and(is_word);
        let (blank, kept) = if rest.starts_with(b"//") {
            (rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()), 0)
        } else if rest.starts_with(b"/*") {
            (block_comment(rest), 0)
        } else if *byte == b'"' {
            (quoted(rest, b'"'), 1)
        } else if *byte == b'\'' {
            (character(rest), 1)
        } else if !word_before && matches!(byte, b'r' | b'b' | b'c') {
            (raw_string(rest), 0)
        } else {
            (0, 0)
        };
        if blank == 0 {
            code.push(if byte.is_ascii() { char::from(*byte) } else { ' ' });
            at += 1;
            continue;
        }
        let end = (at + blank).min(bytes.len());
        for (index, byte) in bytes.get(at..end).unwrap_or_default().iter().enumerate() {
            let edge = index < kept || index + kept >= end - at;
            code.push(match byte {
                b'\n' => '\n',
                b'"' | b'\'' if edge => char::from(*byte),
                _ => ' ',
            });
        }
        at = end;
    }
    code
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The length of a block comment; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        let here = rest.get(at..).unwrap_or_default();
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a literal between two such quotes.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if *byte == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal, or 0 where the quote begins a lifetime.
fn character(rest: &[u8]) -> usize {
    match rest.get(1) {
        Some(b'\\') => quoted(rest, b'\''),
        Some(first) => {
            // One character, whatever its length in bytes, and then the closing quote.
            let width = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        None => 0,
    }
}

/// The length of `r".."`, `r#".."#`, `br".."` and `cr".."`, or 0 where none begins.
fn raw_string(rest: &[u8]) -> usize {
    let prefix = match rest {
        [b'r', ..] => 1,
        [b'b' | b'c', b'r', ..] => 2,
        _ => return 0,
    };
    let tail = rest.get(prefix..).unwrap_or_default();
    let hashes = tail.iter().take_while(|byte| **byte == b'#').count();
    if tail.get(hashes) != Some(&b'"') {
        return 0;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = tail.get(hashes + 1..).unwrap_or_default();
    match body.windows(close.len()).position(|window| window == close) {
        Some(end) => prefix + hashes + 1 + end + close.len(),
        None => rest.len(),
    }
}
