//! One body per operation, compiled once for each instruction set.

/// Defines, in a level's module, the wrappers that compile the shared bodies with the level's
/// features, and `bodies_table()`, the whole table. The module brings `widen16` and `narrow16`
/// (conversions of 16 halves) and its own matrix kernels.
macro_rules! table {
    ($($features:literal)?) => {
        $(#[target_feature(enable = $features)])?
        fn bodies_table() -> $crate::kernels::Table {
            $crate::kernels::Table {
                quantize_single: wrappers::quantize_single,
                quantize_tile: wrappers::quantize_tile,
                matvec,
                matmul,
                float_matvec,
                float_matmul,
                dot: wrappers::dot,
                squared_distance: wrappers::squared_distance,
                max: wrappers::max,
                add_assign: wrappers::add_assign,
                axpy: wrappers::axpy,
                scale: wrappers::scale,
                rms_norm: wrappers::rms_norm,
                silu_mul: wrappers::silu_mul,
                softmax: wrappers::softmax,
                rope: wrappers::rope,
                narrow: wrappers::narrow,
                widen: wrappers::widen,
                attend_f16: wrappers::attend_f16,
                attend_f32: wrappers::attend_f32,
            }
        }

        mod wrappers {
            use half::f16;

            use super::{narrow16, widen16};
            use $crate::activations::{Run, TILE};
            use $crate::ops::{Head, RopePairing, attend, quantization, reductions, rotation};
            use $crate::ops::transforms;

            $crate::ops::bodies::wrappers! { [$($features)?]
                fn quantize_single(x: &[f32], runs: &mut [Run<1>], token: usize) {
                    quantization::quantize(x, runs, token);
                }
                fn quantize_tile(x: &[f32], runs: &mut [Run<TILE>], token: usize) {
                    quantization::quantize(x, runs, token);
                }
                fn dot(a: &[f32], b: &[f32]) -> f32 {
                    reductions::dot(a, b, |y| *y)
                }
                fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
                    reductions::squared_distance(a, b)
                }
                fn max(x: &[f32]) -> f32 {
                    reductions::max(x)
                }
                fn add_assign(out: &mut [f32], x: &[f32]) {
                    transforms::add_assign(out, x);
                }
                fn axpy(out: &mut [f32], a: f32, x: &[f32]) {
                    transforms::axpy(out, a, x);
                }
                fn scale(x: &mut [f32], a: f32) {
                    transforms::scale(x, a);
                }
                fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
                    transforms::rms_norm(x, weight, eps, out);
                }
                fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
                    transforms::silu_mul(gate, up, out);
                }
                fn softmax(x: &mut [f32], greatest: f32) {
                    transforms::softmax(x, greatest);
                }
                fn rope(head: &mut [f32], cos: &[f32], sin: &[f32], pairing: RopePairing) {
                    rotation::rotate(head, cos, sin, pairing);
                }
                fn narrow(x: &[f32], out: &mut [f16]) {
                    transforms::narrow(x, out, |values| narrow16(values));
                }
                fn widen(x: &[f16], out: &mut [f32]) {
                    transforms::widen(x, out, |bits| widen16(bits));
                }
                fn attend_f16(head: &Head<'_, f16>, scores: &mut [f32], out: &mut [f32]) {
                    attend(head, scores, out, |halves| widen16(&halves.map(f16::to_bits)));
                }
                fn attend_f32(head: &Head<'_, f32>, scores: &mut [f32], out: &mut [f32]) {
                    attend(head, scores, out, |values| *values);
                }
            }
        }
    };
}

/// Puts a level's features on each function.
macro_rules! wrappers {
    ([$($features:literal)?] $(fn $name:ident($($arg:ident: $kind:ty),*) $(-> $out:ty)? $body:block)*) => {
        $crate::ops::bodies::featured! { [$($features)?] $([$name ($($arg: $kind),*) ($($out)?) $body])* }
    };
}

/// The two forms of a wrapper: with features, and plain.
macro_rules! featured {
    ([$features:literal] $([$name:ident ($($arg:ident: $kind:ty),*) ($($out:ty)?) $body:block])*) => {
        $(#[target_feature(enable = $features)]
        pub(super) fn $name($($arg: $kind),*) $(-> $out)? $body)*
    };
    ([] $([$name:ident ($($arg:ident: $kind:ty),*) ($($out:ty)?) $body:block])*) => {
        $(pub(super) fn $name($($arg: $kind),*) $(-> $out)? $body)*
    };
}

pub(crate) use {featured, table, wrappers};
