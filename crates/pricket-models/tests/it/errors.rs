//! What an error is called and of what kind it is.

use pricket_core::ErrorKind;
use pricket_models::ModelError;
use pricket_simd::SimdError;

/// Where the kernels refuse, their own code tells which of many things it was; what is short of
/// memory or of threads is no defect of ours.
#[test]
fn a_refusal_of_the_kernels_keeps_its_code_and_tells_its_kind() {
    let no_thread = std::io::Error::from(std::io::ErrorKind::WouldBlock);
    for (error, kind, code) in [
        (SimdError::OutOfMemory { bytes: 7 }, ErrorKind::TooLarge, "simd_out_of_memory"),
        (SimdError::SizeOverflow { rows: 7, cols: 7 }, ErrorKind::TooLarge, "simd_size_overflow"),
        (
            SimdError::ThreadStart { source: no_thread },
            ErrorKind::InvalidRequest,
            "simd_thread_start",
        ),
        (
            SimdError::LevelUnknown { name: "turbo".to_owned(), known: "scalar" },
            ErrorKind::InvalidRequest,
            "simd_level_unknown",
        ),
        (SimdError::JobPanicked, ErrorKind::Internal, "simd_job_panicked"),
    ] {
        let error = ModelError::from(error);
        assert_eq!((error.kind(), error.code()), (kind, code), "{error}");
    }
}
