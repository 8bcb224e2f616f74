//! Rotary position embedding (Su et al. 2021): the frequencies, and how long-context models stretch
//! them.

use std::f32::consts::TAU;

use crate::RopeScaling;

/// Radians per position of each pair: `dim / 2` values, the fastest first.
pub(crate) fn frequencies(theta: f32, dim: usize, scaling: RopeScaling) -> Vec<f32> {
    let plain = (0..dim / 2).map(|pair| {
        let exponent = (2 * pair) as f32 / dim as f32;
        (1.0 / f64::from(theta).powf(f64::from(exponent))) as f32
    });
    match scaling {
        RopeScaling::None => plain.collect(),
        RopeScaling::Linear { factor } => plain.map(|freq| freq / factor).collect(),
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_max_position_embeddings,
        } => {
            let context = original_max_position_embeddings as f32;
            let stretched = move |freq: f32| {
                let wavelength = TAU / freq;
                if wavelength < context / high_freq_factor {
                    freq
                } else if wavelength > context / low_freq_factor {
                    freq / factor
                } else {
                    let smooth = (context / wavelength - low_freq_factor)
                        / (high_freq_factor - low_freq_factor);
                    (1.0 - smooth) * freq / factor + smooth * freq
                }
            };
            plain.map(stretched).collect()
        }
    }
}
