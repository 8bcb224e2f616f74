//! From text to ids: cut out added tokens, normalise, split, merge.

use tokenizers::normalizer::Range as Offsets;
use tokenizers::{
    Model, ModelWrapper, NormalizedString, Normalizer, NormalizerWrapper, OffsetType,
    PreTokenizedString, PreTokenizer, PreTokenizerWrapper,
};

use super::added::{AddedTokens, Phase, SpecialPolicy, Stretch};
use super::direct::Direct;
use super::sentencepiece::SentencePiece;
use super::sink::Sink;
use crate::error::{Result, TokenizerError};

/// How a vocabulary turns text into ids.
#[derive(Debug)]
pub(crate) enum Pipeline {
    /// By byte-pair encoding without detours.
    Direct(Box<Direct>),
    /// By the components of Hugging Face's `tokenizers`.
    Components(Box<Components>),
    /// By SentencePiece scores.
    SentencePiece(SentencePiece),
}

/// The components of a `tokenizer.json`.
#[derive(Debug)]
pub(crate) struct Components {
    pub(crate) normalizer: Option<NormalizerWrapper>,
    pub(crate) pre_tokenizer: Option<PreTokenizerWrapper>,
    pub(crate) model: ModelWrapper,
}

impl Pipeline {
    /// Gives out the ids of a text.
    pub(crate) fn encode(
        &self,
        added: &AddedTokens,
        text: &str,
        policy: SpecialPolicy<'_>,
        out: &mut dyn Sink,
    ) -> Result<()> {
        match self {
            Self::Direct(direct) => direct.encode(added, text, policy, out),
            Self::Components(components) => components
                .encode(added, text, policy, out)
                .map_err(|error| TokenizerError::Encode { why: error.to_string() }),
            Self::SentencePiece(model) => {
                for (range, id) in added.find(Phase::Raw, text, 0..text.len(), policy) {
                    match id {
                        Some(id) => out.put(&[id]),
                        None => model.encode(text.get(range).unwrap_or_default(), out)?,
                    }
                }
                Ok(())
            }
        }
    }

    /// The words of a text; `None` where they are not known outside `tokenizers`.
    pub(crate) fn words(&self, added: &AddedTokens, text: &str) -> Result<Option<Vec<String>>> {
        match self {
            Self::Direct(direct) => {
                direct.words(added, text, SpecialPolicy::everywhere(false)).map(Some)
            }
            Self::Components(_) | Self::SentencePiece(_) => Ok(None),
        }
    }

    /// The id of a token of the model itself.
    pub(crate) fn id_of(&self, token: &str) -> Option<u32> {
        match self {
            Self::Direct(direct) => direct.pairs.id_of(token),
            Self::Components(components) => components.model.token_to_id(token),
            Self::SentencePiece(model) => model.id_of(token),
        }
    }
}

impl Components {
    /// The steps of Hugging Face's `TokenizerImpl::encode`, with our own search for added tokens,
    /// which knows where special tokens must stay text.
    fn encode(
        &self,
        added: &AddedTokens,
        text: &str,
        policy: SpecialPolicy<'_>,
        out: &mut dyn Sink,
    ) -> tokenizers::Result<()> {
        let mut pieces = PreTokenizedString::from(text);
        pieces.split(|_, piece| {
            let found = added.find(Phase::Raw, piece.get(), 0..text.len(), policy);
            cut(&piece, found)
        })?;
        pieces.split(|_, mut piece| {
            if let Some(normalizer) = &self.normalizer {
                normalizer.normalize(&mut piece)?;
            }
            let (start, end) = piece.offsets_original();
            let found = added.find(Phase::Normalized, piece.get(), start..end, policy);
            cut(&piece, found)
        })?;
        if let Some(pre_tokenizer) = &self.pre_tokenizer {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        pieces.tokenize(|piece| self.model.tokenize(piece.get()))?;
        let encoding = pieces.into_encoding(None, 0, OffsetType::None)?;
        out.put(encoding.get_ids());
        Ok(())
    }

    /// The form of a text after normalisation.
    pub(crate) fn normalized(normalizer: Option<&NormalizerWrapper>, text: &str) -> Result<String> {
        let mut form = NormalizedString::from(text);
        if let Some(normalizer) = normalizer {
            normalizer
                .normalize(&mut form)
                .map_err(|error| TokenizerError::Encode { why: error.to_string() })?;
        }
        Ok(form.get().to_owned())
    }
}

/// A piece and, where it is an added token, that token.
type Cut = (NormalizedString, Option<Vec<tokenizers::Token>>);

/// Cuts a piece at the stretches found in it.
fn cut(piece: &NormalizedString, stretches: Vec<Stretch>) -> tokenizers::Result<Vec<Cut>> {
    stretches
        .into_iter()
        .map(|(range, id)| {
            let slice = piece
                .slice(Offsets::Normalized(range))
                .ok_or("an added token ends inside a character")?;
            let tokens = id.map(|id| {
                let value = slice.get().to_owned();
                let len = value.len();
                vec![tokenizers::Token::new(id, value, (0, len))]
            });
            Ok((slice, tokens))
        })
        .collect()
}
