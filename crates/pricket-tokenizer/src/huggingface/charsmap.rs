//! SentencePiece's normalisation, `precompiled_charsmap`: a double-array trie (Aoe, 1989) over the
//! bytes of what is replaced, and the texts that its leaves point to. The library that walks it
//! takes it at its word, so every way through it is walked here first.

use crate::error::{Result, malformed, within};
use crate::limits::{CHARSMAP_BYTES_MAX, CHARSMAP_TEXT_BYTES_MAX};
use crate::tiktoken::base64;

const WHAT: &str = "tokenizer.json normalizer precompiled_charsmap";

/// Marks a unit that is no place to go to, or a value.
const VALUE: u32 = 1 << 31;

/// The base of a unit's children, relative to its own place.
fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize
}

/// Whether a leaf hangs on a unit.
fn has_leaf(unit: u32) -> bool {
    unit & (1 << 8) != 0
}

/// Refuses a map, given in base64, whose walk would leave its tables or whose texts are long.
pub(super) fn check(map: &str) -> Result<()> {
    within("precompiled_charsmap in bytes", map.len(), CHARSMAP_BYTES_MAX)?;
    let bytes = base64::decode(map.as_bytes());
    let bytes = bytes.ok_or_else(|| malformed(WHAT, "it is no base64"))?;
    let cut = bytes.split_first_chunk::<4>().and_then(|(size, rest)| {
        let size = u32::from_le_bytes(*size) as usize;
        rest.split_at_checked(size).filter(|_| size.is_multiple_of(4) && size > 0)
    });
    let Some((trie, texts)) = cut else {
        return Err(malformed(WHAT, "it ends inside its table"));
    };
    let units: Vec<u32> =
        trie.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
    let texts = std::str::from_utf8(texts)
        .map_err(|_| malformed(WHAT, "what it puts in is no UTF-8 text"))?;
    walk(&units, texts)
}

/// Goes every way through the trie: each place once.
fn walk(units: &[u32], texts: &str) -> Result<()> {
    let outside = || malformed(WHAT, "a way through its table leaves it");
    let mut seen = vec![false; units.len()];
    let mut bases: Vec<usize> = units.first().map(|&unit| offset(unit)).into_iter().collect();
    while let Some(base) = bases.pop() {
        // Whatever byte comes next, its place is looked at.
        let block = base & !255;
        let block = units.get(block..block + 256).ok_or_else(outside)?;
        for (byte, place) in (1_u8..=255).map(|byte| (byte, base ^ usize::from(byte))) {
            let unit = block.get(place & 255).copied().unwrap_or_default();
            let is_child = unit & (VALUE | 255) == u32::from(byte);
            if !is_child || std::mem::replace(&mut seen[place], true) {
                continue;
            }
            let next = place ^ offset(unit);
            if has_leaf(unit) {
                let value = units.get(next).ok_or_else(outside)? & !VALUE;
                check_text(texts, value as usize)?;
            }
            bases.push(next);
        }
    }
    Ok(())
}

/// A text begins where a leaf says, ends with a zero or the table, and is not long.
fn check_text(texts: &str, start: usize) -> Result<()> {
    let Some(text) = texts.get(start..) else {
        return Err(malformed(WHAT, "a leaf points beside its texts"));
    };
    let len = text.bytes().take(CHARSMAP_TEXT_BYTES_MAX + 1).take_while(|&byte| byte != 0).count();
    within("the length of what a charsmap puts in", len, CHARSMAP_TEXT_BYTES_MAX)
}
