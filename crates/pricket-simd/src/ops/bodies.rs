//! One body per operation, compiled once for each instruction set.

/// Defines, in a level's module, the wrappers that compile the shared bodies with the level's
/// features, and `bodies_table()`, the whole table. The module brings `widen16` and `narrow16`
/// (conversions of 16 halves), `open16` (16 halves into registers), `registers`, and its own matrix
/// kernels and quantisation.
macro_rules! table {
    ($($features:literal)?) => {
        $(#[target_feature(enable = $features)])?
        fn bodies_table() -> $crate::kernels::Table {
            $crate::kernels::Table {
                quantize_single: quantize::<1>,
                quantize_tile: quantize::<{ $crate::activations::TILE }>,
                matvec,
                matmul,
                float_matvec,
                float_matmul,
                fetch,
                dot: wrappers::dot,
                squared_distance: wrappers::squared_distance,
                max: wrappers::max,
                add_assign: wrappers::add_assign,
                axpy: wrappers::axpy,
                scale: wrappers::scale,
                rms_norm: wrappers::rms_norm,
                layer_norm: wrappers::layer_norm,
                gelu: wrappers::gelu,
                gelu_tanh: wrappers::gelu_tanh,
                silu_mul: wrappers::silu_mul,
                gelu_mul: wrappers::gelu_mul,
                bounded_mul: wrappers::bounded_mul,
                soft_cap: wrappers::soft_cap,
                softmax: wrappers::softmax,
                weigh: wrappers::weigh,
                rope: wrappers::rope,
                narrow: wrappers::narrow,
                widen: wrappers::widen,
                attend_f16: wrappers::attend_f16,
                attend_f32: wrappers::attend_f32,
                attend_lines: wrappers::attend_lines,
                within_f16: wrappers::within_f16,
                within_f32: wrappers::within_f32,
                within_lines: wrappers::within_lines,
                merge_attended: wrappers::merge_attended,
                sink_attended: wrappers::sink_attended,
            }
        }

        mod wrappers {
            use std::ops::Range;

            use half::f16;
            use half::slice::HalfFloatSliceExt as _;

            use super::{FEW_ROWS, WIDE_ROWS, narrow16, open16, registers, widen16};
            use $crate::ops::registers::Lanes as _;
            use $crate::ops::{
                Attended, AttentionSpace, AttentionTile, Chunk, KvLine, Merged, RopePairing, Rows,
                Steps, attend_opened, attend_strip, each_chunk, gelu as units, merge, merge_rows,
                open_lines, reductions, rotation, sink, soften_row, transforms, values_of_keys,
                weights,
            };

            $crate::ops::bodies::wrappers! { [$($features)?]
                fn dot(a: &[f32], b: &[f32]) -> f32 {
                    let lanes = registers();
                    reductions::dot(&lanes, a, b, |y| lanes.load(y))
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
                    transforms::rms_norm(&registers(), x, weight, eps, out);
                }
                fn layer_norm(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
                    transforms::layer_norm(x, weight, bias, eps);
                }
                fn gelu(x: &mut [f32]) {
                    units::gelu(x);
                }
                fn gelu_tanh(x: &mut [f32]) {
                    units::gelu_tanh(x);
                }
                fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
                    transforms::silu_mul(gate, up, out);
                }
                fn gelu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
                    units::gelu_mul(gate, up, out);
                }
                fn bounded_mul(
                    gate: &[f32],
                    up: &[f32],
                    bounds: [f32; 2],
                    out: &mut [f32]
                ) {
                    transforms::bounded_mul(gate, up, bounds, out);
                }
                #[inline(never)]
                fn soft_cap(x: &mut [f32], cap: f32) {
                    transforms::soft_cap(x, cap);
                }
                fn softmax(x: &mut [f32], greatest: f32) {
                    transforms::softmax(x, greatest);
                }
                fn weigh(logits: &[f32], max: f32, scale: f32, out: &mut [f32]) -> f32 {
                    weights::weigh(logits, max, scale, out)
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
                fn attend_f16(
                    tile: &AttentionTile<'_, f16>,
                    span: Range<usize>,
                    space: &mut AttentionSpace,
                    state: &mut Attended<'_>
                ) {
                    // One group of rows reads each number once: opening it first gains nothing.
                    if tile.rows() > WIDE_ROWS.0 {
                        attend_opened(tile, &span, space, state, strip, |chunk, keys, values| {
                            let keys = keys.get_mut(..chunk.keys().len()).unwrap_or_default();
                            transforms::widen(chunk.keys(), keys, |bits| widen16(bits));
                            let values = values.0.get_mut(..chunk.values().len());
                            let values = values.unwrap_or_default();
                            transforms::widen(chunk.values(), values, |bits| widen16(bits));
                        });
                        return;
                    }
                    let open = |halves: &[f16; 16]| {
                        let bits: &[u16] = halves.reinterpret_cast();
                        open16(bits.first_chunk().unwrap_or(&[0; 16]))
                    };
                    let (lanes, steps) = (registers(), steps());
                    each_chunk(tile, &span, |rows, range, chunk| attend_strip::<
                        { WIDE_ROWS.0 }, { WIDE_ROWS.1 }, { WIDE_ROWS.2 },
                        { FEW_ROWS.0 }, { FEW_ROWS.1 }, { FEW_ROWS.2 }, _, _
                    >(&lanes, rows, range, &chunk, space, state, steps, open));
                }
                fn attend_f32(
                    tile: &AttentionTile<'_, f32>,
                    span: Range<usize>,
                    space: &mut AttentionSpace,
                    state: &mut Attended<'_>
                ) {
                    each_chunk(tile, &span, |rows, range, chunk| {
                        strip(rows, range, &chunk, space, state);
                    });
                }
                fn attend_lines(
                    tile: &AttentionTile<'_, KvLine>,
                    span: Range<usize>,
                    space: &mut AttentionSpace,
                    state: &mut Attended<'_>
                ) {
                    attend_opened(tile, &span, space, state, strip, |chunk, keys, values| {
                        open_lines(chunk, keys, values);
                    });
                }
                fn within_f16(
                    tile: &AttentionTile<'_, f16>,
                    span: Range<usize>,
                    space: &mut AttentionSpace,
                    state: &mut Attended<'_>
                ) {
                    attend_opened(tile, &span, space, state, strip, |chunk, keys, values| {
                        let opened = keys.get_mut(..chunk.keys().len()).unwrap_or_default();
                        transforms::widen(chunk.keys(), opened, |bits| widen16(bits));
                        values_of_keys(keys, values);
                    });
                }
                fn within_f32(
                    tile: &AttentionTile<'_, f32>,
                    span: Range<usize>,
                    space: &mut AttentionSpace,
                    state: &mut Attended<'_>
                ) {
                    attend_opened(tile, &span, space, state, strip, |chunk, keys, values| {
                        let opened = keys.get_mut(..chunk.keys().len()).unwrap_or_default();
                        opened.copy_from_slice(chunk.keys());
                        values_of_keys(keys, values);
                    });
                }
                fn within_lines(
                    tile: &AttentionTile<'_, KvLine>,
                    span: Range<usize>,
                    space: &mut AttentionSpace,
                    state: &mut Attended<'_>
                ) {
                    attend_opened(tile, &span, space, state, strip, |chunk, keys, values| {
                        open_lines(chunk, keys, (&mut [], 0));
                        values_of_keys(keys, values);
                    });
                }
                #[inline(never)]
                fn strip(
                    rows: &Rows<'_>,
                    range: Range<usize>,
                    chunk: &Chunk<'_, f32>,
                    space: &mut AttentionSpace,
                    state: &mut Attended<'_>
                ) {
                    let (lanes, steps) = (registers(), steps());
                    attend_strip::<
                        { WIDE_ROWS.0 }, { WIDE_ROWS.1 }, { WIDE_ROWS.2 },
                        { FEW_ROWS.0 }, { FEW_ROWS.1 }, { FEW_ROWS.2 }, _, _
                    >(&lanes, rows, range, chunk, space, state, steps, |values| lanes.load(values));
                }
                #[inline]
                fn steps() -> Steps {
                    Steps { soften, merge: merge_row }
                }
                // Calls of their own: with the constants of an exponential among them, the sums of
                // the loops around would not fit the registers.
                #[inline(never)]
                fn soften(
                    row: &mut [f32],
                    own: (usize, usize),
                    softcap: Option<f32>
                ) -> (f32, f32) {
                    soften_row(row, own, softcap)
                }
                #[inline(never)]
                fn merge_row(row: Merged<'_>, more: (&[f32], f32, f32)) {
                    merge_rows(row, more);
                }
                fn merge_attended(state: &mut Attended<'_>, part: &Attended<'_>, width: usize) {
                    merge(state, part, width);
                }
                fn sink_attended(state: &mut Attended<'_>, sinks: &[f32], width: usize) {
                    sink(state, sinks, width);
                }
            }
        }
    };
}

/// Puts a level's features on each function, or none.
macro_rules! wrappers {
    ([$features:literal]
     $($(#[$attribute:meta])* fn $name:ident $arguments:tt $(-> $out:ty)? $body:block)*) => {
        $($(#[$attribute])*
        #[target_feature(enable = $features)]
        pub(super) fn $name $arguments $(-> $out)? $body)*
    };
    ([] $($(#[$attribute:meta])* fn $name:ident $arguments:tt $(-> $out:ty)? $body:block)*) => {
        $($(#[$attribute])*
        pub(super) fn $name $arguments $(-> $out)? $body)*
    };
}

pub(crate) use {table, wrappers};
