//! Ids to text, one id at a time.
//!
//! The pieces of a stream, put together, are exactly what [`Tokenizer::decode`] gives for all ids
//! at once. A piece ends on a character: bytes that do not yet form one wait for the next token.
//!
//! [`Tokenizer::decode`]: crate::Tokenizer::decode

use std::sync::Arc;

use crate::error::{Result, TokenizerError};
use crate::tokenizer::decoding::Joining;
use crate::tokenizer::vocabulary::Vocabulary;

/// Bytes that the buffers hold from the start, so that tokens of usual length never grow them.
const BUFFER_BYTES: usize = 1 << 10;

/// Whether a reader sees special tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way to see a token")]
pub enum SkipSpecial {
    /// Special tokens give no text.
    Yes,
    /// Special tokens give their own text.
    No,
}

/// A streaming detokeniser of one sequence. Made by [`Tokenizer::detokenizer`]; it allocates only
/// when a buffer has to grow.
///
/// With a byte-level vocabulary an incomplete character waits, at most three bytes. With a
/// SentencePiece vocabulary a run of byte tokens waits until it ends: whether its first byte is a
/// character or U+FFFD depends on the last.
///
/// [`Tokenizer::detokenizer`]: crate::Tokenizer::detokenizer
#[derive(Debug)]
pub struct Detokenizer {
    vocabulary: Arc<Vocabulary>,
    skip: SkipSpecial,
    /// Bytes that wait for more.
    held: Vec<u8>,
    /// The piece that was last given out.
    piece: String,
    /// No token has been decoded yet.
    is_first: bool,
    /// Characters that may still be cut from the front of the text.
    strip_left: usize,
}

impl Detokenizer {
    pub(crate) fn new(vocabulary: Arc<Vocabulary>, skip: SkipSpecial) -> Self {
        let strip_left = vocabulary.rule().strip_front.map_or(0, |(_, count)| count);
        Self {
            vocabulary,
            skip,
            held: Vec::with_capacity(BUFFER_BYTES),
            piece: String::with_capacity(BUFFER_BYTES),
            is_first: true,
            strip_left,
        }
    }

    /// Takes the next id and gives the text that is now certain, which may be empty.
    ///
    /// # Errors
    /// [`TokenizerError::IdUnknown`] for an id that no token has; the stream stays as it was.
    pub fn push(&mut self, id: u32) -> Result<&str> {
        self.piece.clear();
        let vocabulary = Arc::clone(&self.vocabulary);
        let bytes = vocabulary
            .bytes(id, self.is_first)
            .ok_or_else(|| TokenizerError::IdUnknown { id, vocab_size: vocabulary.len() })?;
        if self.skip == SkipSpecial::Yes && vocabulary.is_special(id) {
            return Ok("");
        }
        self.is_first = false;
        match vocabulary.rule().joining {
            Joining::ByteStream => {
                self.held.extend_from_slice(bytes);
                self.release_characters();
            }
            Joining::Texts | Joining::SpacedTexts => {
                if vocabulary.is_byte(id) {
                    self.held.extend_from_slice(bytes);
                } else {
                    self.release_run();
                    // Tokens of these vocabularies are texts, so nothing is lost here.
                    if let Ok(text) = std::str::from_utf8(bytes) {
                        self.piece.push_str(text);
                    }
                }
            }
        }
        self.strip_front();
        Ok(&self.piece)
    }

    /// Ends the sequence and gives what was held back. The detokeniser is then as new.
    pub fn finish(&mut self) -> &str {
        self.piece.clear();
        match self.vocabulary.rule().joining {
            // What is held is the beginning of one character.
            Joining::ByteStream if !self.held.is_empty() => {
                self.piece.push(char::REPLACEMENT_CHARACTER);
            }
            Joining::ByteStream => {}
            Joining::Texts | Joining::SpacedTexts => self.release_run(),
        }
        self.strip_front();
        self.held.clear();
        self.is_first = true;
        self.strip_left = self.vocabulary.rule().strip_front.map_or(0, |(_, count)| count);
        &self.piece
    }

    /// Moves whole characters from `held` to the piece, and U+FFFD for each maximal part of a
    /// character that cannot be completed, as `String::from_utf8_lossy` does on the whole stream.
    fn release_characters(&mut self) {
        let mut done = 0;
        loop {
            let rest = self.held.get(done..).unwrap_or_default();
            let error = match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.piece.push_str(text);
                    self.held.clear();
                    return;
                }
                Err(error) => error,
            };
            let (good, _) = rest.split_at(error.valid_up_to());
            if let Ok(text) = std::str::from_utf8(good) {
                self.piece.push_str(text);
            }
            done += error.valid_up_to();
            match error.error_len() {
                Some(bad) => {
                    self.piece.push(char::REPLACEMENT_CHARACTER);
                    done += bad;
                }
                None => break,
            }
        }
        self.held.drain(..done);
    }

    /// Moves a run of byte tokens to the piece: its text, or one U+FFFD per byte.
    fn release_run(&mut self) {
        match std::str::from_utf8(&self.held) {
            Ok(text) => self.piece.push_str(text),
            Err(_) => {
                self.piece.extend(self.held.iter().map(|_| char::REPLACEMENT_CHARACTER));
            }
        }
        self.held.clear();
    }

    /// Cuts what is to be cut from the front of the whole text.
    fn strip_front(&mut self) {
        let Some((mark, _)) = self.vocabulary.rule().strip_front else { return };
        let mut cut = 0;
        for c in self.piece.chars() {
            if self.strip_left == 0 {
                break;
            }
            if c != mark {
                self.strip_left = 0;
                break;
            }
            cut += c.len_utf8();
            self.strip_left -= 1;
        }
        self.piece.drain(..cut);
    }
}
