//! Rotary position embedding.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

/// Which two values of a head make a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RopePairing {
    /// Value `i` and value `i + pairs`: GPT-NeoX, Hugging Face.
    Half,
    /// Values `2i` and `2i + 1`: the original paper, GGUF files of Llama.
    Interleaved,
}

/// Rotates each pair.
#[inline(always)]
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: RopePairing) {
    match pairing {
        RopePairing::Half => {
            let (first, second) = head.split_at_mut(cos.len().min(head.len()));
            for (((a, b), c), s) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                (*a, *b) = (*a * *c - *b * *s, *a * *s + *b * *c);
            }
        }
        RopePairing::Interleaved => {
            for (([a, b], c), s) in head.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
                (*a, *b) = (*a * *c - *b * *s, *a * *s + *b * *c);
            }
        }
    }
}
