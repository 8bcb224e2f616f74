//! `Q4_K`: 256 numbers as eight runs of 32, each with six bits of scale and six of offset.
//!
//! A number is `d * scale * code - offset_step * offset`. The format says how that is read and not
//! how it is found. Here a run first looks for its own best scale and offset as reals: codes are
//! drawn from several first guesses, and for given codes the best pair is that of a regression.
//! The greatest of both give the block its two steps; then each run takes the best of the nine
//! pairs of whole numbers around its own. The steps are a regression again, and the pairs are
//! chosen once more. All sums are of squares, none is weighted.

use half::f16;

/// A run.
type Run = [f32; 32];

/// The largest code, and the largest scale or offset.
const CODE_MAX: f32 = 15.0;
const SIXTH_BIT_MAX: f32 = 63.0;

/// First guesses: by how many codes the range of a run is cut (or, below zero, stretched), and
/// which share of that is cut at its lower end. With 21 guesses that are all anchored at the lower
/// end even numbers lost 1.1 % more.
const GUESSES: [(f32, f32); 16] = [
    (0.0, 0.0),
    (-1.0, 0.0),
    (-0.5, 0.0),
    (0.5, 0.0),
    (1.0, 0.0),
    (2.0, 0.0),
    (-1.0, 0.5),
    (-0.5, 0.5),
    (0.5, 0.5),
    (1.0, 0.5),
    (2.0, 0.5),
    (-1.0, 1.0),
    (-0.5, 1.0),
    (0.5, 1.0),
    (1.0, 1.0),
    (2.0, 1.0),
];

/// How often the block's steps are found and the runs' numbers for them. A third time won 0.1 %.
const ROUNDS: usize = 2;

/// What 2^23 and a half of it are added for: the sum has no bits behind the point, so that taking
/// it away again leaves the nearest whole number.
const WHOLE: f32 = 12_582_912.0;

/// Sums of a run, in eight parts that are added at the end: the same sum on every machine, and one
/// that needs no order between neighbours.
fn sum(of: impl Fn(usize) -> f32) -> f32 {
    let mut parts = [0.0_f32; 8];
    for first in (0..32).step_by(8) {
        for (lane, part) in parts.iter_mut().enumerate() {
            *part += of(first + lane);
        }
    }
    let [a, b, c, d, e, f, g, h] = parts;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

/// The nearest codes of a run's numbers.
fn codes(run: &Run, scale: f32, lowest: f32) -> Run {
    let inverse = super::inverse(scale);
    run.map(|value| {
        let code = ((value - lowest) * inverse).clamp(0.0, CODE_MAX);
        (code + WHOLE) - WHOLE
    })
}

/// The scale and the lowest value, 0 or below, that fit codes best, and by how much they make the
/// sum of squares smaller. `total` is the sum of the run's numbers.
fn regression(run: &Run, total: f32, codes: &Run) -> (f32, f32, f32) {
    let crossed = sum(|at| run[at] * codes[at]);
    // Whole numbers that are exact.
    let (count, squares) = (sum(|at| codes[at]), sum(|at| codes[at] * codes[at]));
    let spread = 32.0 * squares - count * count;
    let free = if spread > 0.0 {
        let scale = (32.0 * crossed - count * total) / spread;
        (scale, (squares * total - count * crossed) / spread)
    } else {
        (0.0, total / 32.0)
    };
    let (scale, lowest) =
        if free.1 <= 0.0 { free } else { (crossed * super::inverse(squares), 0.0) };
    (scale, lowest, scale * crossed + lowest * total)
}

/// The best scale and lowest value that are found for a run alone.
fn alone(run: &Run) -> (f32, f32) {
    let low = run.iter().copied().fold(0.0, f32::min);
    let high = run.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total = sum(|at| run[at]);
    let mut best = (0.0, 0.0, 0.0);
    for (more, share) in GUESSES {
        let scale = (high - low) / (CODE_MAX + more);
        let found = regression(run, total, &codes(run, scale, low + scale * more * share));
        if found.2 > best.2 && found.0 >= 0.0 {
            best = found;
        }
    }
    (best.0, best.1)
}

/// A run in whole numbers.
#[derive(Clone, Copy)]
struct Whole {
    scale: f32,
    offset: f32,
    codes: Run,
    /// The sum of the squares of what is lost.
    lost: f32,
}

/// The best of the whole numbers around a run's own scale and lowest value.
fn whole(run: &Run, own: (f32, f32), steps: (f32, f32)) -> Whole {
    let nearest = |value: f32, step: f32| {
        ((value * super::inverse(step)).clamp(0.0, SIXTH_BIT_MAX) + WHOLE) - WHOLE
    };
    let (scale, offset) = (nearest(own.0, steps.0), nearest(-own.1, steps.1));
    let mut best = Whole { scale: 0.0, offset: 0.0, codes: [0.0; 32], lost: f32::INFINITY };
    for scale in [scale, scale - 1.0, scale + 1.0] {
        for offset in [offset, offset - 1.0, offset + 1.0] {
            let held = 0.0..=SIXTH_BIT_MAX;
            if held.contains(&scale) && held.contains(&offset) {
                let (step, lowest) = (steps.0 * scale, -(steps.1 * offset));
                let codes = codes(run, step, lowest);
                let lost = sum(|at| {
                    let difference = step * codes[at] + lowest - run[at];
                    difference * difference
                });
                if lost < best.lost {
                    best = Whole { scale, offset, codes, lost };
                }
            }
        }
    }
    best
}

/// The steps that fit whole numbers best.
fn steps(runs: &[Run], wholes: &[Whole; 8]) -> Option<(f32, f32)> {
    let [mut aa, mut bb, mut ab, mut xa, mut xb] = [0.0_f32; 5];
    for (run, whole) in runs.iter().zip(wholes) {
        let Whole { scale, offset, codes, .. } = whole;
        let count = sum(|at| codes[at]);
        aa += scale * scale * sum(|at| codes[at] * codes[at]);
        bb += 32.0 * offset * offset;
        ab -= scale * offset * count;
        xa += scale * sum(|at| run[at] * codes[at]);
        xb -= offset * sum(|at| run[at]);
    }
    let spread = aa * bb - ab * ab;
    let found = ((xa * bb - xb * ab) / spread, (xb * aa - xa * ab) / spread);
    (spread > 0.0 && found.0 >= 0.0 && found.1 >= 0.0).then_some(found)
}

/// A step as the block holds it: a half that is a number.
fn held(step: f32) -> f16 {
    f16::from_f32(step.min(f16::MAX.to_f32()))
}

/// A block of 256 finite numbers.
pub(super) fn block(values: &[f32; 256]) -> [u8; 144] {
    let runs = values.as_chunks::<32>().0;
    let mut own = [(0.0_f32, 0.0_f32); 8];
    own.iter_mut().zip(runs).for_each(|(own, run)| *own = alone(run));
    let mut next = Some((
        own.iter().fold(0.0_f32, |most, own| most.max(own.0)) / SIXTH_BIT_MAX,
        own.iter().fold(0.0_f32, |most, own| most.max(-own.1)) / SIXTH_BIT_MAX,
    ));
    let nothing = Whole { scale: 0.0, offset: 0.0, codes: [0.0; 32], lost: f32::INFINITY };
    let mut best = ([f16::ZERO; 2], [nothing; 8], f32::INFINITY);
    for _ in 0..ROUNDS {
        let Some((scale, offset)) = next else { break };
        let halves = [held(scale), held(offset)];
        let [scale, offset] = halves.map(f16::to_f32);
        let mut wholes = [nothing; 8];
        for ((to, run), own) in wholes.iter_mut().zip(runs).zip(own) {
            *to = whole(run, own, (scale, offset));
        }
        let lost = wholes.iter().map(|whole| whole.lost).sum();
        next = steps(runs, &wholes);
        if lost < best.2 {
            best = (halves, wholes, lost);
        }
    }
    packed(best.0, &best.1)
}

/// The bytes: two halves, twelve bytes of scales and offsets, 128 of codes.
fn packed([scale, offset]: [f16; 2], wholes: &[Whole; 8]) -> [u8; 144] {
    let numbers = wholes.map(|whole| (whole.scale as u8, whole.offset as u8));
    let (lower, upper) = numbers.split_at(4);
    let lower_bytes = lower.iter().zip(upper).map(|(own, other)| own.0 | (other.0 >> 4) << 6);
    let offset_bytes = lower.iter().zip(upper).map(|(own, other)| own.1 | (other.1 >> 4) << 6);
    let nibbles = upper.iter().map(|(scale, offset)| (scale & 15) | (offset & 15) << 4);
    let codes = wholes.as_chunks::<2>().0.iter().flat_map(|[low, high]| {
        low.codes.iter().zip(&high.codes).map(|(low, high)| *low as u8 | (*high as u8) << 4)
    });
    let halves = scale.to_le_bytes().into_iter().chain(offset.to_le_bytes());
    let bytes = halves.chain(lower_bytes).chain(offset_bytes).chain(nibbles).chain(codes);
    let mut block = [0; 144];
    block.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    block
}
