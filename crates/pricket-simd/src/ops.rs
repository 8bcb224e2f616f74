//! Operations on vectors of singles, as methods of [`Kernels`].

pub(crate) mod attention;
pub(crate) mod bodies;
mod exponential;
pub(crate) mod gelu;
pub(crate) mod quantization;
pub(crate) mod reductions;
pub(crate) mod registers;
pub(crate) mod rotation;
pub(crate) mod transforms;
pub(crate) mod weights;

use half::f16;

pub use attention::{
    ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile, KEY_BLOCK, KvElement, KvLine,
    kv_lines, write_key_lines, write_value_lines,
};
pub(crate) use attention::{
    Chunk, Merged, Rows, Steps, attend_opened, attend_strip, each_chunk, merge, merge_rows,
    open_lines, sink, soften_row, values_of_keys,
};
pub use rotation::RopePairing;

use crate::{Kernels, SimdError};

impl Kernels {
    /// The inner product of two vectors of one length.
    pub fn dot(&self, a: &[f32], b: &[f32]) -> Result<f32, SimdError> {
        SimdError::check_len("the second vector", a.len(), b.len())?;
        Ok((self.table().dot)(a, b))
    }

    /// The greatest value. NaN is an error.
    pub fn max(&self, x: &[f32]) -> Result<f32, SimdError> {
        if x.is_empty() {
            return Err(SimdError::Empty { what: "a maximum" });
        }
        let greatest = (self.table().max)(x);
        if greatest.is_nan() {
            return Err(SimdError::NotFinite { what: "a maximum", value: greatest });
        }
        Ok(greatest)
    }

    /// The index of the greatest value, the first one among equals. NaN is an error.
    pub fn argmax(&self, x: &[f32]) -> Result<usize, SimdError> {
        let greatest = self.max(x)?;
        // NaN was refused above, so the greatest value is found.
        Ok(x.iter().position(|v| *v >= greatest).unwrap_or_default())
    }

    /// `out[i] += x[i]`.
    pub fn add_assign(&self, out: &mut [f32], x: &[f32]) -> Result<(), SimdError> {
        SimdError::check_len("the addend", out.len(), x.len())?;
        (self.table().add_assign)(out, x);
        Ok(())
    }

    /// `out[i] += a * x[i]`.
    pub fn axpy(&self, out: &mut [f32], a: f32, x: &[f32]) -> Result<(), SimdError> {
        SimdError::check_len("the addend", out.len(), x.len())?;
        (self.table().axpy)(out, a, x);
        Ok(())
    }

    /// `x[i] *= a`.
    pub fn scale(&self, x: &mut [f32], a: f32) {
        (self.table().scale)(x, a);
    }

    /// `out[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i]` (Zhang and Sennrich, 2019).
    pub fn rms_norm(
        &self,
        x: &[f32],
        weight: &[f32],
        eps: f32,
        out: &mut [f32],
    ) -> Result<(), SimdError> {
        if x.is_empty() {
            return Err(SimdError::Empty { what: "a norm" });
        }
        SimdError::check_len("the norm's weights", x.len(), weight.len())?;
        SimdError::check_len("the output", x.len(), out.len())?;
        (self.table().rms_norm)(x, weight, eps, out);
        Ok(())
    }

    /// `x[i] = (x[i] - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight[i] + bias[i]` (Ba,
    /// Kiros and Hinton, 2016).
    pub fn layer_norm(
        &self,
        x: &mut [f32],
        weight: &[f32],
        bias: &[f32],
        eps: f32,
    ) -> Result<(), SimdError> {
        if x.is_empty() {
            return Err(SimdError::Empty { what: "a norm" });
        }
        SimdError::check_len("the norm's weights", x.len(), weight.len())?;
        SimdError::check_len("the norm's biases", x.len(), bias.len())?;
        (self.table().layer_norm)(x, weight, bias, eps);
        Ok(())
    }

    /// `x[i] = x[i] / 2 * (1 + erf(x[i] / sqrt(2)))` (Hendrycks and Gimpel, 2016), within 2e-7 of
    /// it and of its size.
    pub fn gelu(&self, x: &mut [f32]) {
        (self.table().gelu)(x);
    }

    /// `x[i] = x[i] / 2 * (1 + tanh(sqrt(2 / pi) * (x[i] + 0.044715 x[i]^3)))`: the form that the
    /// same authors give for machines without an error function.
    pub fn gelu_tanh(&self, x: &mut [f32]) {
        (self.table().gelu_tanh)(x);
    }

    /// `out[i] = gate[i] / (1 + exp(-gate[i])) * up[i]` (`SwiGLU`: Shazeer, 2020).
    pub fn silu_mul(&self, gate: &[f32], up: &[f32], out: &mut [f32]) -> Result<(), SimdError> {
        SimdError::check_len("the up projection", gate.len(), up.len())?;
        SimdError::check_len("the output", gate.len(), out.len())?;
        (self.table().silu_mul)(gate, up, out);
        Ok(())
    }

    /// `out[i] = gelu(gate[i]) * up[i]` with the tanh form of the Gaussian error linear unit
    /// (Hendrycks and Gimpel, 2016; `GEGLU`: Shazeer, 2020):
    /// `gelu(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`.
    pub fn gelu_mul(&self, gate: &[f32], up: &[f32], out: &mut [f32]) -> Result<(), SimdError> {
        SimdError::check_len("the up projection", gate.len(), up.len())?;
        SimdError::check_len("the output", gate.len(), out.len())?;
        (self.table().gelu_mul)(gate, up, out);
        Ok(())
    }

    /// `out[i] = (up + 1) * gate / (1 + exp(-alpha * gate))` of gates of at most `limit` and ups
    /// between `-limit` and it: the gate of gpt-oss (`OpenAI`, 2025).
    pub fn bounded_mul(
        &self,
        gate: &[f32],
        up: &[f32],
        [alpha, limit]: [f32; 2],
        out: &mut [f32],
    ) -> Result<(), SimdError> {
        SimdError::check_len("the up projection", gate.len(), up.len())?;
        SimdError::check_len("the output", gate.len(), out.len())?;
        (self.table().bounded_mul)(gate, up, [alpha, limit], out);
        Ok(())
    }

    /// `x[i] = cap * tanh(x[i] / cap)`: values stay between `-cap` and `cap` (Gemma 2, 2024).
    pub fn soft_cap(&self, x: &mut [f32], cap: f32) -> Result<(), SimdError> {
        check_cap(cap)?;
        (self.table().soft_cap)(x, cap);
        Ok(())
    }

    /// Replaces scores by probabilities. Negative infinity becomes 0; NaN, positive infinity and
    /// a vector of nothing but negative infinities have no probabilities and are errors.
    pub fn softmax(&self, x: &mut [f32]) -> Result<(), SimdError> {
        let greatest = self.max(x)?;
        if !greatest.is_finite() {
            return Err(SimdError::NotFinite { what: "a softmax", value: greatest });
        }
        (self.table().softmax)(x, greatest);
        Ok(())
    }

    /// Rotates one head in place by its position (Su et al., 2021). `cos` and `sin` hold one value
    /// per pair; values beyond the pairs (`head.len() > 2 * cos.len()`) are left as they are.
    pub fn rope(
        &self,
        head: &mut [f32],
        cos: &[f32],
        sin: &[f32],
        pairing: RopePairing,
    ) -> Result<(), SimdError> {
        SimdError::check_len("the sines", cos.len(), sin.len())?;
        SimdError::check_room("the head", 2 * cos.len(), head.len())?;
        (self.table().rope)(head, cos, sin, pairing);
        Ok(())
    }

    /// Singles to halves, to the nearest, ties to even; too large ones become infinite.
    pub fn narrow(&self, x: &[f32], out: &mut [f16]) -> Result<(), SimdError> {
        SimdError::check_len("the output", x.len(), out.len())?;
        (self.table().narrow)(x, out);
        Ok(())
    }

    /// Halves to singles, exactly.
    pub fn widen(&self, x: &[f16], out: &mut [f32]) -> Result<(), SimdError> {
        SimdError::check_len("the output", x.len(), out.len())?;
        (self.table().widen)(x, out);
        Ok(())
    }
}

/// A cap is a number above 0.
fn check_cap(cap: f32) -> Result<(), SimdError> {
    if cap.is_finite() && cap > 0.0 {
        return Ok(());
    }
    Err(SimdError::ParameterOutOfRange {
        what: "the cap of scores",
        want: "a number above 0",
        value: cap,
    })
}
