//! Sequences side by side: in one batch each gives the bits that it gives alone, whoever else is in
//! it, however its prompt is cut, and whichever of its logits are wanted.

use std::path::Path;

use pricket::models::{Batch, CausalLm, KvCache, Logits, LogitsWanted, SequenceId};
use pricket_tests::{Pieces, tiny_model};

use crate::variant::{KV, Variant};

const TOKENS_MAX: usize = 256;

/// How long the sequences become: several chunks of attention, more than a kernel's tile of tokens,
/// and hardly anything.
const LENGTHS: [usize; 3] = [204, 28, 5];

/// A step: which sequences get how many of their next tokens, in the order of the batch, and which
/// logits are wanted.
type Step = Vec<(usize, usize, LogitsWanted)>;

use LogitsWanted::{All, Last, None as Nothing};

/// Every prompt in one batch, then all decode.
fn whole() -> Vec<Step> {
    let mut steps = vec![vec![(0, 200, All), (1, 24, Last), (2, 1, Nothing)]];
    steps.extend((0..4).map(|_| vec![(2, 1, Last), (0, 1, Last), (1, 1, All)]));
    steps
}

/// Every prompt in parts of its own length, each batch in another order.
fn chunks() -> Vec<Step> {
    let mut steps = vec![vec![(1, 7, Nothing), (0, 50, All), (2, 1, Last)]];
    steps.push(vec![(0, 33, Last), (1, 7, All)]);
    steps.push(vec![(2, 1, Last), (1, 10, Last), (0, 17, Nothing)]);
    steps.push(vec![(0, 100, Last)]);
    steps.extend((0..3).map(|_| vec![(0, 1, Last), (2, 1, All), (1, 1, Nothing)]));
    steps
}

/// Two decode while the third's prompt comes in, by few tokens and by many.
fn joining() -> Vec<Step> {
    let mut steps = vec![vec![(1, 24, Last), (2, 1, All)]];
    for part in [20, 60, 116] {
        steps.push(vec![(1, 1, Last), (0, part, Nothing), (2, 1, Last)]);
    }
    steps.push(vec![(0, 4, All), (2, 1, Last), (1, 1, Last)]);
    steps.push(vec![(0, 4, Last)]);
    steps
}

fn ids(sequence: usize) -> Vec<u32> {
    (0..LENGTHS[sequence] as u32)
        .map(|at| (at * 37 + at * at + sequence as u32 * 101) % 512)
        .collect()
}

/// Three sequences of one cache.
struct Company {
    model: Box<dyn CausalLm>,
    cache: KvCache,
    sequences: Vec<SequenceId>,
    lengths: [usize; 3],
}

impl Company {
    fn new(variant: Variant, path: &Path) -> Self {
        let model = variant.load(path);
        let mut cache = model.new_cache(3, TOKENS_MAX).unwrap();
        let sequences = (0..3).map(|_| cache.open_sequence().unwrap()).collect();
        Self { model, cache, sequences, lengths: [0; 3] }
    }

    /// Runs a step and gives the rows: whose they are, of which position, and the logits.
    fn step(&mut self, step: &Step) -> Vec<(usize, usize, Vec<f32>)> {
        let (mut batch, mut logits) = (Batch::default(), Logits::default());
        let mut wanted = Vec::new();
        for &(sequence, tokens, which) in step {
            let start = self.lengths[sequence];
            let end = start + tokens;
            batch.push(self.sequences[sequence], start, &ids(sequence)[start..end], which);
            let first = match which {
                All => start,
                Last => end - 1,
                _ => end,
            };
            wanted.extend((first..end).map(|position| (sequence, position)));
            self.lengths[sequence] = end;
        }
        self.model.forward(&batch, &mut self.cache, &mut logits).unwrap();
        assert_eq!(logits.rows(), wanted.len());
        let rows = wanted.into_iter().enumerate();
        rows.map(|(row, (sequence, at))| (sequence, at, logits.row(row).to_vec())).collect()
    }

    /// Forgets all, so that the next steps find slots that were used.
    fn restart(&mut self) {
        for sequence in &mut self.sequences {
            self.cache.close_sequence(*sequence);
        }
        self.sequences = (0..3).map(|_| self.cache.open_sequence().unwrap()).collect();
        self.lengths = [0; 3];
    }
}

#[test]
fn sequences_side_by_side_give_the_bits_that_each_gives_alone() {
    give_the_same_bits("tiny-llama");
}

/// Windows end in the middle of chunks, norms stand behind products, and layers turn by two ropes.
#[test]
fn sequences_with_windows_side_by_side_give_the_bits_that_each_gives_alone() {
    give_the_same_bits("tiny-gemma3");
}

/// Rows of several sequences go through an expert at once.
#[test]
fn sequences_with_experts_side_by_side_give_the_bits_that_each_gives_alone() {
    give_the_same_bits("tiny-qwen2-moe");
}

/// Beside windows, each head has a sink, and experts have biases.
#[test]
fn sequences_with_sinks_side_by_side_give_the_bits_that_each_gives_alone() {
    give_the_same_bits("tiny-gpt-oss");
}

/// All heads attend to one line of a token.
#[test]
fn sequences_with_latents_side_by_side_give_the_bits_that_each_gives_alone() {
    give_the_same_bits("tiny-kimi-k2");
}

fn give_the_same_bits(name: &str) {
    let path = tiny_model(name);
    for kv in KV {
        // What lies between the plainest and the best level is the decoder's all the same.
        let ours = Variant::ours(kv, &[1, 2, 5]);
        let ends = [ours[0].level, ours[ours.len() - 1].level];
        let variants: Vec<_> = ours.into_iter().filter(|v| ends.contains(&v.level)).collect();
        let alone = [0, 1, 2].map(|sequence| {
            variants[0].open(&path, TOKENS_MAX).prompt(&ids(sequence), Pieces::Whole).unwrap()
        });
        for variant in variants {
            let mut company = Company::new(variant, &path);
            for (name, steps) in [("whole", whole()), ("chunks", chunks()), ("joining", joining())]
            {
                for (index, step) in steps.iter().enumerate() {
                    for (sequence, position, row) in company.step(step) {
                        assert!(
                            row == alone[sequence][position],
                            "{name}, step {index}, sequence {sequence} at {position}: {variant:?}"
                        );
                    }
                }
                company.restart();
            }
        }
    }
}
