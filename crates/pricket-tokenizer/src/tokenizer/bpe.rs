//! Byte-pair encoding models, checked before `tokenizers` builds them: its builder trusts that a
//! merge's parts and product are tokens.

use std::collections::HashMap;

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

/// The merges as ids: left token, right token, product. `what` names the file's part in errors.
pub(crate) fn resolve(
    what: &'static str,
    ids: &HashMap<String, u32>,
    merges: &[(String, String)],
    unk: Option<&str>,
) -> Result<Vec<[u32; 3]>> {
    if let Some(unk) = unk
        && !ids.contains_key(unk)
    {
        return Err(malformed(what, format!("the unknown token `{unk}` is not in it")));
    }
    let mut product = String::new();
    let mut resolved = Vec::with_capacity(merges.len());
    for (rank, (left, right)) in merges.iter().enumerate() {
        if left.is_empty() || right.is_empty() {
            return Err(malformed(what, format!("merge {rank} has an empty part")));
        }
        product.clear();
        product.push_str(left);
        product.push_str(right);
        let id = |part: &str| {
            let needs = || format!("merge {rank} (`{left}` `{right}`) needs the token `{part}`");
            ids.get(part).copied().ok_or_else(|| malformed(what, needs()))
        };
        resolved.push([id(left)?, id(right)?, id(&product)?]);
    }
    Ok(resolved)
}

/// Builds the model of `tokenizers` from merges that were resolved.
pub(crate) fn build(
    what: &'static str,
    ids: &HashMap<String, u32>,
    merges: Vec<(String, String)>,
    options: BpeOptions,
) -> Result<ModelWrapper> {
    let vocab: Vocab = ids.iter().map(|(text, &id)| (text.clone(), id)).collect();
    let mut builder = BPE::builder()
        .vocab_and_merges(vocab, merges)
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
