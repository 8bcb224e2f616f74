//! Checkpoints whose matrices are codes and scales in tensors of their own.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::slice::from_ref;

use half::{bf16, f16};
use pricket_models::{Safetensors, SafetensorsTensor, TensorSource};
use pricket_simd::{Format, PackedMatrix, dequantize_row};

use crate::fixtures::outside;

/// A tensor to write: name, type, shape, bytes.
type Tensor = (String, &'static str, Vec<usize>, Vec<u8>);

fn tensor(name: &str, dtype: &'static str, shape: &[usize], bytes: Vec<u8>) -> Tensor {
    (name.to_owned(), dtype, shape.to_vec(), bytes)
}

fn opened(tensors: &[Tensor]) -> Result<Safetensors, pricket_models::ModelError> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, dtype, shape, bytes) in tensors {
        let end = data.len() + bytes.len();
        let told = serde_json::json!({
            "dtype": dtype, "shape": shape, "data_offsets": [data.len(), end]
        });
        header.insert(name.clone(), told);
        data.extend(bytes);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let file = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
    Safetensors::from_bytes("checkpoint", file)
}

/// Bytes in a pattern that shows every value.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|k| (k * 37 + k / 256 * 11 + 5) as u8).collect()
}

/// A number of E4M3, from its parts.
fn e4m3(code: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(code >> 3 & 15), f32::from(code & 7));
    let size = match exponent {
        0 => mantissa * 2f32.powi(-9),
        _ => (8.0 + mantissa) * 2f32.powi(exponent - 10),
    };
    if code < 128 { size } else { -size }
}

fn is_number(code: u8) -> bool {
    code & 0x7f != 0x7f
}

/// All rows of a matrix as the source shows it.
fn values(source: &dyn TensorSource, name: &str) -> Vec<f32> {
    let info = source.info(name).unwrap();
    let [rows, cols] = info.shape[..] else { panic!("{:?}", info.shape) };
    let row_bytes = info.format.row_bytes(cols).unwrap();
    assert_eq!(info.bytes, (rows * row_bytes) as u64);
    let mut bytes = vec![0; rows * row_bytes];
    source.read_range(name, 0, &mut bytes).unwrap();
    // In whatever pieces it is read.
    for (offset, len) in [(0, 1), (1, row_bytes), (row_bytes - 1, 2), (3, 2 * row_bytes + 7)] {
        let mut piece = vec![0; len.min(bytes.len() - offset)];
        source.read_range(name, offset as u64, &mut piece).unwrap();
        assert_eq!(piece, bytes[offset..offset + piece.len()], "{offset} {len}");
    }
    let refused = source.read_range(name, info.bytes, &mut [0]).unwrap_err();
    assert_eq!(refused.code(), "tensor_range");
    let packed = PackedMatrix::pack(info.format, rows, cols, &bytes).unwrap();
    let mut all = vec![0.0; rows * cols];
    for (row, values) in all.chunks_exact_mut(cols).enumerate() {
        dequantize_row(info.format, &bytes[row * row_bytes..(row + 1) * row_bytes], values)
            .unwrap();
        let mut back = vec![0.0; cols];
        packed.row_into(row, &mut back).unwrap();
        assert_eq!(&back, values, "row {row} of the packed matrix");
    }
    all
}

#[test]
fn blocks_of_fp8_are_codes_times_their_blocks_scales() {
    // Whole blocks, and blocks of which the edge is a part.
    for (rows, cols) in [(128, 128), (200, 300), (1, 1), (129, 257), (300, 130)] {
        let codes: Vec<u8> = pattern(rows * cols)
            .into_iter()
            .map(|code| if is_number(code) { code } else { code ^ 1 })
            .collect();
        let across = cols.div_ceil(128);
        let scales: Vec<f32> =
            (0..rows.div_ceil(128) * across).map(|k| 1.1f32.powi(k as i32) * 0.003).collect();
        let scale_bytes = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let shape = [rows.div_ceil(128), across];
        let source = opened(&[
            tensor("a.weight", "F8_E4M3", &[rows, cols], codes.clone()),
            tensor("a.weight_scale_inv", "F32", &shape, scale_bytes),
            tensor("norm", "F32", &[1], vec![0; 4]),
        ])
        .unwrap();
        assert_eq!(source.names().collect::<Vec<_>>(), ["a.weight", "norm"]);
        assert!(source.has("a.weight") && !source.has("a.weight_scale_inv"));
        assert_eq!(source.info("a.weight").unwrap().format, Format::F8E4M3);
        let values = values(&source, "a.weight");
        for (k, (value, code)) in values.iter().zip(&codes).enumerate() {
            let scale = scales[k / cols / 128 * across + k % cols / 128];
            assert_eq!(value.to_bits(), (e4m3(*code) * scale).to_bits(), "{rows} {cols} {k}");
        }
    }
}

/// The tensors of an int4 matrix `a.weight` with scales of one type.
fn int4(rows: usize, cols: usize, group: usize, dtype: &'static str) -> Vec<Tensor> {
    let scales = (0..rows * cols / group).flat_map(|k| {
        let scale = 0.01 + 0.001 * k as f32;
        if dtype == "BF16" {
            bf16::from_f32(scale).to_le_bytes()
        } else {
            f16::from_f32(scale).to_le_bytes()
        }
    });
    let shape = [rows as i32, cols as i32].iter().flat_map(|axis| axis.to_le_bytes()).collect();
    vec![
        tensor("a.weight_packed", "I32", &[rows, cols / 8], pattern(rows * cols / 2)),
        tensor("a.weight_scale", dtype, &[rows, cols / group], scales.collect()),
        tensor("a.weight_shape", "I32", &[2], shape),
    ]
}

/// Nibble `k` of 32-bit words, eight to a word, the first in the lowest bits, 8 more than it means.
fn nibble(bytes: &[u8], k: usize) -> f32 {
    let word = &bytes[k / 8 * 4..][..4];
    let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
    ((word >> (4 * (k % 8))) & 15) as f32 - 8.0
}

#[test]
fn groups_of_int4_are_nibbles_less_eight_times_their_groups_scale() {
    for (rows, cols, group) in [(3, 32, 32), (17, 96, 32), (20, 256, 64), (5, 256, 256)] {
        for (dtype, format) in [("BF16", Format::Int4), ("F16", Format::Q4_0)] {
            let tensors = int4(rows, cols, group, dtype);
            let source = opened(&tensors).unwrap();
            assert_eq!(source.names().collect::<Vec<_>>(), ["a.weight"]);
            let info = source.info("a.weight").unwrap();
            assert_eq!((info.shape, info.format), (vec![rows, cols], format));
            for (k, value) in values(&source, "a.weight").iter().enumerate() {
                let scale = &tensors[1].3[k / group * 2..][..2];
                let scale = [scale[0], scale[1]];
                let scale = match dtype {
                    "BF16" => bf16::from_le_bytes(scale).to_f32(),
                    _ => f16::from_le_bytes(scale).to_f32(),
                };
                let expected = scale * nibble(&tensors[0].3, k);
                assert_eq!(
                    value.to_bits(),
                    expected.to_bits(),
                    "{rows} {cols} {group} {dtype} {k}"
                );
            }
        }
    }
}

/// What codes of MXFP4 stand for.
const MICRO: [f32; 16] =
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

#[test]
fn blocks_of_mxfp4_are_neighbouring_nibbles_times_a_power_of_two() {
    for (axes, rows, cols) in [(vec![17, 3, 16], 17, 96), (vec![3, 5, 1, 16], 15, 32)] {
        let codes = pattern(rows * cols / 2);
        let scales: Vec<u8> = (0..rows * cols / 32).map(|k| 100 + k as u8).collect();
        let blocks = tensor("a_blocks", "U8", &axes, codes.clone());
        let source = opened(&[
            blocks.clone(),
            tensor("a_scales", "U8", &axes[..axes.len() - 1], scales.clone()),
            tensor("b_blocks", "U8", &[2, 1, 16], vec![0; 32]),
        ])
        .unwrap();
        assert_eq!(source.names().collect::<Vec<_>>(), ["a", "b_blocks"]);
        let info = source.info("a").unwrap();
        let shape: Vec<usize> = axes[..axes.len() - 2].iter().copied().chain([cols]).collect();
        assert_eq!((&info.shape, info.format), (&shape, Format::Mxfp4));
        let mut bytes = vec![0; info.bytes as usize];
        source.read_range("a", 0, &mut bytes).unwrap();
        let mut values = vec![0.0; rows * cols];
        dequantize_row(Format::Mxfp4, &bytes, &mut values).unwrap();
        for (k, value) in values.iter().enumerate() {
            let code = codes[k / 2] >> (4 * (k % 2)) & 15;
            let expected = MICRO[usize::from(code)] * 2f32.powi(i32::from(scales[k / 32]) - 127);
            // Of the two zeros one is read.
            let (value, expected) = ((value + 0.0).to_bits(), (expected + 0.0).to_bits());
            assert_eq!(value, expected, "{axes:?} {k}");
        }
        // Alone they are bytes, which nothing reads.
        let alone = opened(from_ref(&blocks)).unwrap();
        assert_eq!(alone.info("a_blocks").unwrap_err().code(), "quantization_unsupported");
    }
}

#[test]
fn mxfp4_of_other_shapes_is_refused_by_name() {
    let scales = |axes: &[usize], dtype| {
        let bytes = axes.iter().product::<usize>() * if dtype == "F32" { 4 } else { 1 };
        tensor("a_scales", dtype, axes, vec![0; bytes])
    };
    let unsupported = "quantization_unsupported";
    for (axes, beside, code, message) in [
        (vec![2, 3, 16], scales(&[2, 2], "U8"), "tensor_shape", "shape [2, 2], but [2, 3] is"),
        (vec![2, 48], scales(&[2], "U8"), "tensor_shape", "but [1, 1, 1, 16] is expected"),
        (vec![2, 3, 8], scales(&[2, 3], "U8"), "tensor_shape", "`a_blocks` has shape [2, 3, 8]"),
        (vec![2, 3, 16], scales(&[2, 3], "F32"), unsupported, "MXFP4 with scales of F32"),
        (vec![2, 0, 16], scales(&[2, 0], "U8"), "simd_columns_unaligned", "the matrix has 0"),
    ] {
        let bytes = axes.iter().product();
        let blocks = tensor("a_blocks", "U8", &axes, vec![0; bytes]);
        let error = opened(&[blocks, beside]).and_then(|source| source.info("a")).unwrap_err();
        assert_eq!(error.code(), code, "{axes:?}: {error}");
        assert!(error.to_string().contains(message), "{axes:?}: {error}");
    }
    // Axes of a tensor without values may be of any size.
    let far = [1 << 40, 1 << 40, 0, 16];
    let source = opened(&[
        tensor("a_blocks", "U8", &far, Vec::new()),
        tensor("a_scales", "U8", &far[..3], Vec::new()),
    ]);
    assert!(source.and_then(|source| source.info("a")).is_err());
}

/// A change to the tensors of an int4 matrix, and how the matrix is refused.
type Case = (&'static str, fn(&mut Vec<Tensor>), &'static str, &'static str);

#[test]
fn what_the_parts_do_not_make_is_refused_by_name() {
    let unsupported = "quantization_unsupported";
    let cases: [Case; 9] = [
        ("f32 scales", |t| (t[1].1, t[1].3) = ("F32", vec![0; 24]), unsupported, "scales of F32"),
        (
            "groups of 16",
            |t| t[1] = tensor("a.weight_scale", "BF16", &[2, 6], vec![0; 24]),
            unsupported,
            "int4 in groups of 16",
        ),
        (
            "eight bits",
            |t| t[0] = tensor("a.weight_packed", "I32", &[2, 24], vec![0; 192]),
            unsupported,
            "packed codes of 8 bits",
        ),
        (
            "zero points",
            |t| t.push(tensor("a.weight_zero_point", "I8", &[2, 3], vec![0; 6])),
            unsupported,
            "asymmetric int4",
        ),
        (
            "an order of its own",
            |t| t.push(tensor("a.weight_g_idx", "I32", &[96], vec![0; 384])),
            unsupported,
            "int4 in an order of its own",
        ),
        (
            "other rows",
            |t| t[2].3[0] = 3,
            "tensor_shape",
            "`a.weight_packed` has shape [2, 12], but [3, 12] is expected",
        ),
        (
            "columns below zero",
            |t| t[2].3[4..].fill(0xff),
            "tensor_shape",
            "`a.weight_packed` has shape",
        ),
        (
            "a shape of three",
            |t| t[2] = tensor("a.weight_shape", "I32", &[3], vec![0; 12]),
            "tensor_shape",
            "`a.weight_shape` has shape [3], but [2] is expected",
        ),
        (
            "scales of other rows",
            |t| t[1] = tensor("a.weight_scale", "BF16", &[3, 2], vec![0; 12]),
            "tensor_shape",
            "`a.weight_scale` has shape [3, 2], but [2, 3] is expected",
        ),
    ];
    for (name, change, code, message) in cases {
        let mut tensors = int4(2, 96, 32, "BF16");
        change(&mut tensors);
        let error = opened(&tensors).and_then(|source| source.info("a.weight")).unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(message), "{name}: {error}");
    }
}

#[test]
fn fp8_without_its_scales_or_with_others_is_refused_by_name() {
    let codes = tensor("a.weight", "F8_E4M3", &[2, 200], vec![0; 400]);
    let error = opened(from_ref(&codes)).unwrap().info("a.weight").unwrap_err();
    assert_eq!(error.to_string(), "tensor `a.weight` is stored as F8_E4M3, which is not supported");
    let halves = tensor("a.weight_scale_inv", "BF16", &[1, 2], vec![0; 4]);
    let error = opened(&[codes.clone(), halves]).unwrap().info("a.weight").unwrap_err();
    assert!(error.to_string().contains("F8_E4M3 with scales of BF16"), "{error}");
    let one = tensor("a.weight_scale_inv", "F32", &[1, 1], vec![0; 4]);
    let error = opened(&[codes, one]).unwrap_err();
    let message = "tensor `a.weight_scale_inv` has shape [1, 1], but [1, 2] is expected";
    assert_eq!(error.to_string(), message);
}

/// The bytes of a tensor as they lie in the file.
fn raw(source: &Safetensors, tensor: &SafetensorsTensor) -> Vec<u8> {
    let path = source.paths().nth(tensor.shard).unwrap();
    let mut file = File::open(path).unwrap();
    file.seek(SeekFrom::Start(tensor.offset)).unwrap();
    let mut bytes = vec![0; tensor.bytes as usize];
    file.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_matrices_of_kimi_checkpoints_have_their_values() {
    for (name, end, least) in
        [("tiny-kimi-k2-fp8", "_scale_inv", 72), ("tiny-kimi-k2-int4", "_packed", 48)]
    {
        let path = format!("models/{name}");
        let Some(folder) = outside("PRICKET_FIXTURES", "shared/fixtures", &path) else { return };
        let source = Safetensors::open(&folder).unwrap();
        let mut seen = 0;
        for marked in source.tensors().iter().filter(|tensor| tensor.name.ends_with(end)) {
            let name = marked.name.strip_suffix(end).unwrap();
            let bytes = |name: String| raw(&source, source.tensor(&name).unwrap());
            let cols = source.info(name).unwrap().shape[1];
            let values = values(&source, name);
            if end == "_packed" {
                let (codes, scales) = (raw(&source, marked), bytes(format!("{name}_scale")));
                for (k, value) in values.iter().enumerate() {
                    let scale = bf16::from_le_bytes([scales[k / 32 * 2], scales[k / 32 * 2 + 1]]);
                    let expected = nibble(&codes, k) * scale.to_f32();
                    assert_eq!(value.to_bits(), expected.to_bits(), "{name} {k}");
                }
            } else {
                let (codes, scales) = (bytes(name.to_owned()), raw(&source, marked));
                let scales = scales.as_chunks::<4>().0;
                for (k, value) in values.iter().enumerate() {
                    let at = k / cols / 128 * cols.div_ceil(128) + k % cols / 128;
                    let scale = f32::from_le_bytes(scales[at]);
                    let expected = e4m3(codes[k]) * scale;
                    assert_eq!(value.to_bits(), expected.to_bits(), "{name} {k}");
                }
            }
            seen += 1;
        }
        assert!(seen >= least, "{name}: {seen} matrices");
    }
}
