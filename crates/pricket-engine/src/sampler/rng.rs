//! The random numbers of sampling.

/// xoshiro256++ (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS
/// 2021), its state filled from a seed by SplitMix64 (Steele, Lea and Flood, "Fast Splittable
/// Pseudorandom Number Generators", OOPSLA 2014), as the authors advise. The seed alone decides the
/// numbers, on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator of a seed. Every seed is good, 0 too.
    pub fn new(seed: u64) -> Self {
        let mut weyl = seed;
        Self { state: std::array::from_fn(|_| split_mix(&mut weyl)) }
    }

    /// The generator in a given state, which must not be all zeros: that one yields zeros for ever.
    pub fn from_state(state: [u64; 4]) -> Self {
        Self { state }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in [0, 1): the upper 53 bits, as many as an `f64` holds.
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

/// The next number of SplitMix64.
fn split_mix(weyl: &mut u64) -> u64 {
    *weyl = weyl.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *weyl;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
