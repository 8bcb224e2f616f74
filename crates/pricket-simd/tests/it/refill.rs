//! Memory that one matrix after the other is packed into.

use pricket_simd::{Format, PackedMatrix, SimdError, quantize_row};

/// Rows as a file stores them, each value another.
fn stored(format: Format, rows: usize, cols: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in 0..rows {
        let values: Vec<f32> = (0..cols).map(|at| ((row * cols + at) % 97) as f32 - 40.0).collect();
        let mut row = vec![0; format.row_bytes(cols).unwrap()];
        match format {
            Format::F32 => row = values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            _ => quantize_row(format, &values, &mut row).unwrap(),
        }
        bytes.extend(row);
    }
    bytes
}

fn values(matrix: &PackedMatrix) -> Vec<Vec<f32>> {
    let row = |at| {
        let mut row = vec![0.0; matrix.cols()];
        matrix.row_into(at, &mut row).unwrap();
        row
    };
    (0..matrix.rows()).map(row).collect()
}

#[test]
fn memory_that_is_packed_into_again_holds_what_a_new_matrix_holds() {
    let mut matrix = PackedMatrix::zeros(Format::F32, 48, 64).unwrap();
    assert!(values(&matrix).iter().flatten().all(|value| *value == 0.0));
    // From the largest down and up again, with a last group that is not full.
    for (format, rows, cols) in [
        (Format::F32, 48, 64),
        (Format::Q4_0, 21, 96),
        (Format::Q8_0, 37, 128),
        (Format::Q4_0, 40, 32),
        (Format::F32, 33, 60),
    ] {
        let bytes = stored(format, rows, cols);
        let whole = PackedMatrix::pack(format, rows, cols, &bytes).unwrap();
        matrix.refill(format, rows, cols).unwrap();
        let row = format.row_bytes(cols).unwrap();
        for (index, rows) in bytes.chunks(16 * row).enumerate() {
            matrix.pack_rows(16 * index, rows).unwrap();
        }
        assert_eq!((matrix.format(), matrix.rows(), matrix.cols()), (format, rows, cols));
        assert_eq!((matrix.bytes(), matrix.groups()), (whole.bytes(), whole.groups()));
        assert!(values(&matrix) == values(&whole), "{format} of {rows} x {cols}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut matrix = PackedMatrix::zeros(Format::Q8_0, 32, 64).unwrap();
    let larger = matrix.refill(Format::F32, 32, 64).unwrap_err();
    assert!(matches!(larger, SimdError::LengthMismatch { .. }), "{larger:?}");
    assert_eq!((matrix.format(), matrix.rows()), (Format::Q8_0, 32), "it is as it was");
    let bytes = stored(Format::Q8_0, 32, 64);
    assert!(matrix.pack_rows(0, &bytes).is_ok());
    assert!(matrix.pack_rows(16, &bytes).is_err(), "more rows than there are");
    assert!(matrix.pack_rows(8, &bytes[..68]).is_err(), "from the middle of a group");
    assert!(matrix.pack_rows(0, &bytes[..68]).is_err(), "a part of a group");
    assert!(matrix.pack_rows(0, &bytes[..67]).is_err(), "a part of a row");
}
