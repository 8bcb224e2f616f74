//! Byte-pair encoding models, checked before `tokenizers` builds them: its builder trusts that a
//! merge's parts and product are tokens.

use tokenizers::ModelWrapper;
use tokenizers::models::bpe::{BPE, Vocab};

use crate::error::{Result, malformed};

/// The switches of a BPE model.
#[derive(Debug, Clone, Default)]
pub(crate) struct BpeOptions {
    /// The token for what has none.
    pub(crate) unk: Option<String>,
    /// A mark at the end of each word.
    pub(crate) end_of_word_suffix: Option<String>,
    /// Neighbouring unknown tokens are one.
    pub(crate) fuse_unk: bool,
    /// Unknown characters become `<0xAB>` tokens.
    pub(crate) byte_fallback: bool,
    /// A word that is a token is not merged.
    pub(crate) ignore_merges: bool,
}

/// Builds the model. `what` names the file's part in errors.
pub(crate) fn build(
    what: &'static str,
    ids: Vocab,
    merges: Vec<(String, String)>,
    options: BpeOptions,
) -> Result<ModelWrapper> {
    let mut product = String::new();
    for (rank, (left, right)) in merges.iter().enumerate() {
        product.clear();
        product.push_str(left);
        product.push_str(right);
        for part in [left.as_str(), right.as_str(), product.as_str()] {
            if !ids.contains_key(part) {
                return Err(malformed(
                    what,
                    format!("merge {rank} (`{left}` `{right}`) needs the token `{part}`"),
                ));
            }
        }
        if left.is_empty() || right.is_empty() {
            return Err(malformed(what, format!("merge {rank} has an empty part")));
        }
    }
    if let Some(unk) = &options.unk
        && !ids.contains_key(unk)
    {
        return Err(malformed(what, format!("the unknown token `{unk}` is not in it")));
    }
    let mut builder = BPE::builder()
        .vocab_and_merges(ids, merges)
        .fuse_unk(options.fuse_unk)
        .byte_fallback(options.byte_fallback)
        .ignore_merges(options.ignore_merges);
    if let Some(unk) = options.unk {
        builder = builder.unk_token(unk);
    }
    if let Some(suffix) = options.end_of_word_suffix {
        builder = builder.end_of_word_suffix(suffix);
    }
    let model = builder.build().map_err(|error| malformed(what, error.to_string()))?;
    Ok(ModelWrapper::BPE(model))
}
