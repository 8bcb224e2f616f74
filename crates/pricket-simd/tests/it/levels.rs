//! The choice of a level.

use pricket_simd::{Kernels, Level, SimdError};

use crate::material::this_program;

#[test]
fn names_read_back() {
    for level in Level::ALL {
        assert_eq!(level.to_string().parse::<Level>().unwrap(), level);
        assert_eq!(level.name().to_uppercase().parse::<Level>().unwrap(), level);
    }
}

#[test]
fn an_unknown_name_is_told_with_the_known_ones() {
    let error = "avx9".parse::<Level>().unwrap_err();
    assert!(matches!(&error, SimdError::LevelUnknown { name, .. } if name == "avx9"));
    for level in Level::ALL {
        assert!(error.to_string().contains(level.name()), "{error}");
    }
}

#[test]
fn scalar_runs_everywhere_and_the_chosen_level_runs_here() {
    assert_eq!(Kernels::at(Level::Scalar).unwrap().level(), Level::Scalar);
    let chosen = Kernels::detect().unwrap();
    match std::env::var("PRICKET_SIMD") {
        Ok(name) if !name.trim().is_empty() => assert_eq!(chosen.level().name(), name),
        _ => {
            let best = Kernels::available().last().unwrap();
            assert_eq!(chosen.level(), best.level());
        }
    }
    assert!(std::ptr::eq(chosen, Kernels::detect().unwrap()), "the choice is made once");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_level_is_offered_exactly_where_the_processor_has_it() {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq");
    let vnni = avx512 && is_x86_feature_detected!("avx512vnni");
    assert_eq!(Kernels::at(Level::Avx2).is_ok(), avx2);
    let avxvnni = is_x86_feature_detected!("avxvnni");
    assert_eq!(Kernels::at(Level::AvxVnni).is_ok(), avx2 && avxvnni);
    assert_eq!(Kernels::at(Level::Avx512).is_ok(), avx2 && avx512);
    assert_eq!(Kernels::at(Level::Avx512Vnni).is_ok(), avx2 && vnni);
}

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
#[test]
fn a_level_is_offered_exactly_where_the_processor_has_it() {
    use std::arch::is_aarch64_feature_detected as has;
    let others = has!("crc") && has!("rdm") && has!("fp16") && has!("aes") && has!("sha2");
    assert!(Kernels::at(Level::Neon).is_ok());
    assert_eq!(Kernels::at(Level::NeonDot).is_ok(), has!("dotprod") && others);
}

#[test]
fn levels_of_other_architectures_are_refused() {
    let arm = [Level::Neon, Level::NeonDot];
    let foreign = |level: &Level| match level {
        Level::Scalar => false,
        level if arm.contains(level) => cfg!(not(target_arch = "aarch64")),
        _ => cfg!(not(target_arch = "x86_64")),
    };
    for level in Level::ALL.into_iter().filter(foreign) {
        let refused = Kernels::at(level).unwrap_err();
        assert!(matches!(refused, SimdError::LevelUnavailable { level: found } if found == level));
    }
}

/// Runs this test binary again with `PRICKET_SIMD` set, so that a choice is made afresh.
fn chosen_under(name: &str) -> (bool, String) {
    let output = this_program()
        .args(["--exact", "levels::report_the_choice", "--nocapture"])
        .env("PRICKET_SIMD", name)
        .env("PRICKET_SIMD_REPORT", "1")
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn report_the_choice() {
    // Says nothing unless `chosen_under` asks.
    if std::env::var_os("PRICKET_SIMD_REPORT").is_some() {
        match Kernels::detect() {
            Ok(kernels) => eprintln!("chosen: {}", kernels.level()),
            Err(error) => eprintln!("refused: {error}"),
        }
    }
}

#[test]
fn the_environment_forces_a_level() {
    for level in Level::ALL {
        let (_, text) = chosen_under(level.name());
        let expected = match Kernels::at(level) {
            Ok(_) => format!("chosen: {level}"),
            Err(error) => format!("refused: {error}"),
        };
        assert!(text.contains(&expected), "{text}");
    }
    let (_, text) = chosen_under("turbo");
    assert!(text.contains("refused: `turbo` is no SIMD level"), "{text}");
}
