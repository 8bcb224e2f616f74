//! The tokenizer: text to ids and back.

pub(crate) mod added;
mod batch;
pub(crate) mod bpe;
pub(crate) mod byte_alphabet;
pub(crate) mod decoding;
pub(crate) mod direct;
mod file;
pub(crate) mod pair;
pub(crate) mod pairs;
pub(crate) mod pipeline;
pub(crate) mod sentencepiece;
pub(crate) mod sink;
pub(crate) mod splitter;
pub(crate) mod vocabulary;

use std::sync::Arc;

use crate::detokenizer::{Detokenizer, SkipSpecial};
use crate::error::{Result, TokenizerError, within};
use crate::gguf::GgufVocab;
use crate::limits::{TEXT_BYTES_MAX, TOKENIZER_JSON_BYTES_MAX};
use crate::special::SpecialTokens;
use crate::template::Rendered;
use crate::{gguf, huggingface, tiktoken};
use added::{AddedTokens, SpecialPolicy};
use pair::PairTemplate;
use pipeline::Pipeline;
use sink::{Count, Sink};
use vocabulary::Vocabulary;

/// What a special token's text in the input stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a text is parsed or it is not")]
pub enum Special {
    /// The special token. Only for text that the program itself wrote.
    Parse,
    /// Its letters. For everything that comes from outside. Added tokens that are not special
    /// (runs of spaces, `<tool_call>`) are found in either case, as Hugging Face does.
    AsText,
}

/// The ids that have a role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NamedIds {
    pub(crate) bos: Option<u32>,
    pub(crate) eos: Option<u32>,
    pub(crate) unk: Option<u32>,
    pub(crate) pad: Option<u32>,
}

/// What a tokenizer is put together from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) pipeline: Pipeline,
    pub(crate) added: AddedTokens,
    pub(crate) vocabulary: Vocabulary,
    /// Ids in front of a prompt.
    pub(crate) prefix: Vec<u32>,
    /// Ids behind a prompt.
    pub(crate) suffix: Vec<u32>,
    /// What goes around two texts, where the tokenizer joins texts.
    pub(crate) pair: Option<PairTemplate>,
    pub(crate) named: NamedIds,
}

/// A vocabulary with its rules. Cheap to clone: clones share everything.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pipeline: Pipeline,
    added: AddedTokens,
    vocabulary: Arc<Vocabulary>,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    pair: Option<PairTemplate>,
    named: NamedIds,
    special: SpecialTokens,
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json`, and of the `tokenizer_config.json` that belongs to
    /// it, which says which tokens begin and end a text.
    ///
    /// # Errors
    /// [`TokenizerError::Malformed`], [`TokenizerError::Unsupported`] and
    /// [`TokenizerError::TooLarge`], each naming the part.
    pub fn from_tokenizer_json(bytes: &[u8], config: Option<&[u8]>) -> Result<Self> {
        within("tokenizer.json in bytes", bytes.len(), TOKENIZER_JSON_BYTES_MAX)?;
        Self::assemble(huggingface::parts(bytes, config)?)
    }

    /// Reads the bytes of a `tiktoken.model`, and of the `tokenizer_config.json` that belongs to
    /// it, which names its special tokens. The model is one of Kimi's: the file does not say how
    /// text is split.
    ///
    /// # Errors
    /// [`TokenizerError::Malformed`] and [`TokenizerError::TooLarge`], each naming the line or
    /// part; [`TokenizerError::Unsupported`] for another class of tokenizer.
    pub fn from_tiktoken(ranks: &[u8], config: Option<&[u8]>) -> Result<Self> {
        Self::assemble(tiktoken::parts(ranks, config)?)
    }

    /// Builds the tokenizer of a GGUF file from its metadata.
    ///
    /// # Errors
    /// [`TokenizerError::PreTokenizerUnknown`] where `tokenizer.ggml.pre` is unknown: never a
    /// silent guess. Else as for [`Tokenizer::from_tokenizer_json`].
    pub fn from_gguf(vocab: &GgufVocab) -> Result<Self> {
        Self::assemble(gguf::parts(vocab)?)
    }

    fn assemble(parts: Parts) -> Result<Self> {
        let Parts { pipeline, added, vocabulary, prefix, suffix, pair, named } = parts;
        let of_pair = pair.iter().flat_map(PairTemplate::ids);
        for id in prefix.iter().chain(&suffix).copied().chain(of_pair) {
            if !vocabulary.is_present(id) {
                return Err(TokenizerError::IdUnknown { id, vocab_size: vocabulary.len() });
            }
        }
        let text = |id: Option<u32>| id.and_then(|id| vocabulary.text(id)).map(str::to_owned);
        let texts = |is_special: bool| -> Arc<[String]> {
            let tokens = added.iter().filter(|token| token.special == is_special);
            let mut texts: Vec<String> = tokens.map(|token| token.text.clone()).collect();
            texts.sort_unstable();
            texts.dedup();
            texts.into()
        };
        let special = SpecialTokens {
            bos: text(named.bos),
            eos: text(named.eos),
            unk: text(named.unk),
            pad: text(named.pad),
            guarded: texts(true),
            added: texts(false),
        };
        let vocabulary = Arc::new(vocabulary);
        let inner = Inner { pipeline, added, vocabulary, prefix, suffix, pair, named, special };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The ids of a text, nothing added.
    ///
    /// # Errors
    /// [`TokenizerError::TooLarge`] past 64 MiB, [`TokenizerError::Encode`] where the vocabulary
    /// has no token for a character or its regular expression gives up.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<u32>> {
        self.encode_with(text, SpecialPolicy::everywhere(special == Special::Parse))
    }

    /// The ids of a whole prompt: as [`Tokenizer::encode`], with the beginning- and end-of-sequence
    /// tokens that the model wants around it. Not for renderings of a chat template, which write
    /// these tokens themselves.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode`].
    pub fn encode_prompt(&self, text: &str, special: Special) -> Result<Vec<u32>> {
        let inner = self.encode(text, special)?;
        Ok([&self.inner.prefix, inner.as_slice(), &self.inner.suffix].concat())
    }

    /// The ids of a rendered conversation: special tokens are parsed in the template's scaffolding
    /// and are text in what messages and tools brought in.
    ///
    /// # Errors
    /// [`TokenizerError::RenderingUnguarded`] where the rendering does not guard one of this
    /// tokenizer's special tokens; else those of [`Tokenizer::encode`].
    pub fn encode_chat(&self, rendered: &Rendered) -> Result<Vec<u32>> {
        let ours = &self.inner.special.guarded;
        let theirs = rendered.guarded();
        if !Arc::ptr_eq(ours, theirs)
            && let Some(token) = ours.iter().find(|token| !theirs.contains(token))
        {
            return Err(TokenizerError::RenderingUnguarded { token: token.clone() });
        }
        let policy =
            SpecialPolicy { parse: true, breaks: rendered.breaks(), barred: rendered.barred() };
        self.encode_with(rendered.text(), policy)
    }

    /// How many ids a text has. With a byte-level vocabulary this takes memory for its longest word
    /// and none for the ids.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode`].
    pub fn count(&self, text: &str, special: Special) -> Result<usize> {
        let mut count = Count::default();
        let policy = SpecialPolicy::everywhere(special == Special::Parse);
        self.encode_into(text, policy, &mut count)?;
        Ok(count.0)
    }

    /// The words into which a text is cut before anything is merged, special tokens read as text;
    /// other added tokens are not among them. `None` for vocabularies that merge whole texts by
    /// scores, and for those whose file only `tokenizers` itself understands.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode`].
    pub fn words(&self, text: &str) -> Result<Option<Vec<String>>> {
        within("the text's length in bytes", text.len(), TEXT_BYTES_MAX)?;
        self.inner.pipeline.words(&self.inner.added, text)
    }

    fn encode_with(&self, text: &str, policy: SpecialPolicy<'_>) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        self.encode_into(text, policy, &mut ids)?;
        Ok(ids)
    }

    fn encode_into(&self, text: &str, policy: SpecialPolicy<'_>, out: &mut dyn Sink) -> Result<()> {
        within("the text's length in bytes", text.len(), TEXT_BYTES_MAX)?;
        self.inner.pipeline.encode(&self.inner.added, text, policy, out)
    }

    /// The text of ids, equal to what Hugging Face's `tokenizers` decodes.
    ///
    /// # Errors
    /// [`TokenizerError::IdUnknown`] for an id that no token has.
    pub fn decode(&self, ids: &[u32], skip: SkipSpecial) -> Result<String> {
        let mut stream = self.detokenizer(skip);
        let mut text = String::with_capacity(ids.len().saturating_mul(4));
        for &id in ids {
            text.push_str(stream.push(id)?);
        }
        text.push_str(stream.finish());
        Ok(text)
    }

    /// A detokeniser for one stream of ids.
    pub fn detokenizer(&self, skip: SkipSpecial) -> Detokenizer {
        Detokenizer::new(Arc::clone(&self.inner.vocabulary), skip)
    }

    /// The bytes that a token adds to a text that has begun. Not always UTF-8: a token may be a
    /// part of a character. `None` where no token has the id.
    pub fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        self.inner.vocabulary.bytes(id, false)
    }

    /// The token's own text, as the vocabulary's file has it (byte alphabet, space marks).
    pub fn token_text(&self, id: u32) -> Option<&str> {
        self.inner.vocabulary.text(id)
    }

    /// The id of a token by its own text.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.added.id_of(token).or_else(|| self.inner.pipeline.id_of(token))
    }

    /// Whether a token is hidden from readers.
    pub fn is_special(&self, id: u32) -> bool {
        self.inner.vocabulary.is_special(id)
    }

    /// One past the largest id.
    pub fn vocab_size(&self) -> usize {
        self.inner.vocabulary.len()
    }

    /// The token that begins a sequence.
    pub fn bos_id(&self) -> Option<u32> {
        self.inner.named.bos
    }

    /// The token that ends a sequence.
    pub fn eos_id(&self) -> Option<u32> {
        self.inner.named.eos
    }

    /// The special tokens: those that a chat template can name, and all that it must guard.
    pub fn special_tokens(&self) -> &SpecialTokens {
        &self.inner.special
    }
}
