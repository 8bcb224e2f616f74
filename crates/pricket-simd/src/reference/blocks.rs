//! One block of each format, as ggml's `dequantize_row_*` reads it.

mod i_quants;

use half::{bf16, f16};

use crate::Format;

fn half(block: &[u8], at: usize) -> f64 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f64()
}

/// Reads one whole block into as many values as it holds.
pub(super) fn read(format: Format, block: &[u8], y: &mut [f64]) {
    match format {
        Format::F32 => {
            y[0] = f64::from(f32::from_le_bytes([block[0], block[1], block[2], block[3]]));
        }
        Format::F16 => y[0] = half(block, 0),
        Format::Bf16 => y[0] = bf16::from_le_bytes([block[0], block[1]]).to_f64(),
        Format::Q4_0 => small(&block[2..], None, |q| half(block, 0) * (q - 8.0), y),
        Format::Q4_1 => {
            small(&block[4..], None, |q| half(block, 0) * q + half(block, 2), y);
        }
        Format::Q5_0 => {
            small(&block[6..], Some(&block[2..6]), |q| half(block, 0) * (q - 16.0), y);
        }
        Format::Q5_1 => {
            small(&block[8..], Some(&block[4..8]), |q| half(block, 0) * q + half(block, 2), y);
        }
        Format::Q8_0 => {
            for (y, q) in y.iter_mut().zip(&block[2..]) {
                *y = half(block, 0) * f64::from(q.cast_signed());
            }
        }
        Format::Q2K => q2(block, y),
        Format::Q3K => q3(block, y),
        Format::Q4K => q45(block, &block[16..], None, y),
        Format::Q5K => q45(block, &block[48..], Some(&block[16..48]), y),
        Format::Q6K => q6(block, y),
        Format::Int4 => {
            let d = bf16::from_le_bytes([block[0], block[1]]).to_f64();
            for (k, y) in y.iter_mut().enumerate() {
                let nibble = block[2 + k / 2] >> (4 * (k % 2)) & 0x0f;
                *y = d * (f64::from(nibble) - 8.0);
            }
        }
        Format::Iq4Nl => curve(&block[2..], half(block, 0), y),
        Format::Iq4Xs => curve_super(block, y),
        Format::Tq1_0 => base_three(block, y),
        Format::Tq2_0 => two_bits(block, y),
        Format::Mxfp4 => micro(block, y),
        _ => i_quants::read(format, block, y),
    }
}

/// 32 nibbles, low ones first, with an optional fifth bit each.
fn small(codes: &[u8], fifth: Option<&[u8]>, value: impl Fn(f64) -> f64, y: &mut [f64]) {
    let bits = fifth.map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    for j in 0..16 {
        let low = u32::from(codes[j] & 0x0f) | ((bits >> j) << 4 & 0x10);
        let high = u32::from(codes[j] >> 4) | ((bits >> (j + 12)) & 0x10);
        y[j] = value(f64::from(low));
        y[j + 16] = value(f64::from(high));
    }
}

fn q2(block: &[u8], y: &mut [f64]) {
    let (scales, codes) = (&block[..16], &block[16..80]);
    let (d, dmin) = (half(block, 80), half(block, 82));
    let (mut is, mut at) = (0, 0);
    for q in [&codes[..32], &codes[32..]] {
        for shift in [0, 2, 4, 6] {
            for part in [0, 16] {
                let (scale, min) = (scales[is] & 0x0f, scales[is] >> 4);
                is += 1;
                for l in 0..16 {
                    let code = (q[part + l] >> shift) & 3;
                    y[at] = d * f64::from(scale) * f64::from(code) - dmin * f64::from(min);
                    at += 1;
                }
            }
        }
    }
}

fn q3(block: &[u8], y: &mut [f64]) {
    let (mask, codes, packed) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half(block, 108);
    // The 16 scales of 6 bits, word by word as ggml unpacks them.
    let word = |i: usize| {
        u32::from_le_bytes([packed[4 * i], packed[4 * i + 1], packed[4 * i + 2], packed[4 * i + 3]])
    };
    let (low, two) = (0x0f0f_0f0f_u32, 0x0303_0303_u32);
    let high = word(2);
    let words = [
        (word(0) & low) | ((high & two) << 4),
        (word(1) & low) | (((high >> 2) & two) << 4),
        ((word(0) >> 4) & low) | (((high >> 4) & two) << 4),
        ((word(1) >> 4) & low) | (((high >> 6) & two) << 4),
    ];
    let scales: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let (mut is, mut at, mut bit) = (0, 0, 1u8);
    for q in [&codes[..32], &codes[32..]] {
        for shift in [0, 2, 4, 6] {
            for part in [0, 16] {
                let scale = d * (f64::from(scales[is]) - 32.0);
                is += 1;
                for l in part..part + 16 {
                    let less = if mask[l] & bit == 0 { 4.0 } else { 0.0 };
                    y[at] = scale * (f64::from((q[l] >> shift) & 3) - less);
                    at += 1;
                }
            }
            bit = bit.wrapping_shl(1);
        }
    }
}

/// `Q4_K` and `Q5_K` differ in the fifth bits only.
fn q45(block: &[u8], codes: &[u8], fifth: Option<&[u8]>, y: &mut [f64]) {
    let (d, dmin) = (half(block, 0), half(block, 2));
    let s = &block[4..16];
    let pair = |j: usize| {
        if j < 4 {
            (s[j] & 63, s[j + 4] & 63)
        } else {
            ((s[j + 4] & 0x0f) | ((s[j - 4] >> 6) << 4), (s[j + 4] >> 4) | ((s[j] >> 6) << 4))
        }
    };
    for (j, y) in y.chunks_exact_mut(32).enumerate() {
        let (scale, min) = pair(j);
        for (l, y) in y.iter_mut().enumerate() {
            let byte = codes[32 * (j / 2) + l];
            let low = if j % 2 == 0 { byte & 0x0f } else { byte >> 4 };
            let high = fifth.map_or(0, |bits| if bits[l] & (1 << j) == 0 { 0 } else { 16 });
            *y = d * f64::from(scale) * f64::from(low + high) - dmin * f64::from(min);
        }
    }
}

fn q6(block: &[u8], y: &mut [f64]) {
    let d = half(block, 208);
    for (n, y) in y.chunks_exact_mut(128).enumerate() {
        let ql = &block[64 * n..];
        let qh = &block[128 + 32 * n..];
        let sc = &block[192 + 8 * n..];
        for l in 0..32 {
            let codes = [
                (ql[l] & 0x0f) | ((qh[l] & 3) << 4),
                (ql[l + 32] & 0x0f) | (((qh[l] >> 2) & 3) << 4),
                (ql[l] >> 4) | (((qh[l] >> 4) & 3) << 4),
                (ql[l + 32] >> 4) | (((qh[l] >> 6) & 3) << 4),
            ];
            for (part, code) in codes.into_iter().enumerate() {
                let scale = d * f64::from(sc[l / 16 + 2 * part].cast_signed());
                y[l + 32 * part] = scale * (f64::from(code) - 32.0);
            }
        }
    }
}

/// The steps of `IQ4_NL`.
const CURVE: [f64; 16] = [
    -127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0,
    89.0, 113.0,
];

fn curve(codes: &[u8], scale: f64, y: &mut [f64]) {
    for j in 0..16 {
        y[j] = scale * CURVE[usize::from(codes[j] & 0x0f)];
        y[j + 16] = scale * CURVE[usize::from(codes[j] >> 4)];
    }
}

fn curve_super(block: &[u8], y: &mut [f64]) {
    let high = u16::from_le_bytes([block[2], block[3]]);
    for (ib, y) in y.chunks_exact_mut(32).enumerate() {
        let low = (block[4 + ib / 2] >> (4 * (ib % 2))) & 0x0f;
        let scale = f64::from(low) + 16.0 * f64::from((high >> (2 * ib)) & 3) - 32.0;
        curve(&block[8 + 16 * ib..], half(block, 0) * scale, y);
    }
}

/// Byte after byte and digit after digit, as `TQ1_0` is written.
fn base_three(block: &[u8], y: &mut [f64]) {
    let d = half(block, 52);
    let digit = |byte: u8, n: u32| {
        // The byte times 3^n, kept to 8 bits, is a fraction whose first digit is asked for.
        let fraction = u32::from(byte) * 3u32.pow(n) % 256;
        d * (f64::from(fraction * 3 / 256) - 1.0)
    };
    let mut y = y.iter_mut();
    for (bytes, digits) in [(&block[..32], 5), (&block[32..48], 5), (&block[48..52], 4)] {
        for n in 0..digits {
            for (byte, y) in bytes.iter().zip(&mut y) {
                *y = digit(*byte, n);
            }
        }
    }
}

fn two_bits(block: &[u8], y: &mut [f64]) {
    let d = half(block, 64);
    for (n, y) in y.chunks_exact_mut(128).enumerate() {
        for (k, y) in y.iter_mut().enumerate() {
            let code = (block[32 * n + k % 32] >> (2 * (k / 32))) & 3;
            *y = d * (f64::from(code) - 1.0);
        }
    }
}

/// OCP Microscaling Formats 1.0: E2M1 times two to the power E8M0.
fn micro(block: &[u8], y: &mut [f64]) {
    let scale = (f64::from(block[0]) - 127.0).exp2();
    let e2m1 = |code: u8| {
        let (exponent, mantissa) = (i32::from(code >> 1 & 3), f64::from(code & 1));
        let size = if exponent == 0 {
            mantissa / 2.0
        } else {
            (1.0 + mantissa / 2.0) * f64::from(1 << (exponent - 1))
        };
        if code & 8 == 0 { size } else { -size }
    };
    for j in 0..16 {
        y[j] = scale * e2m1(block[1 + j] & 0x0f);
        y[j + 16] = scale * e2m1(block[1 + j] >> 4);
    }
}

/// A row of E4M3: sign, four bits of exponent, three of mantissa; behind the codes the scales.
pub(super) fn small_floats(row: &[u8], y: &mut [f64]) {
    let e4m3 = |code: u8| {
        let (exponent, mantissa) = (i32::from(code >> 3 & 15), f64::from(code & 7) / 8.0);
        let size = match (exponent, code & 7) {
            (0, _) => mantissa * 2f64.powi(-6),
            (15, 7) => f64::NAN,
            _ => (1.0 + mantissa) * 2f64.powi(exponent - 7),
        };
        if code & 0x80 == 0 { size } else { -size }
    };
    let cols = y.len();
    for (k, y) in y.iter_mut().enumerate() {
        let at = cols + 4 * (k / 128);
        let scale = f32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        *y = e4m3(row[k]) * f64::from(scale);
    }
}
