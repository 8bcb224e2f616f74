//! Weights times activations.

use std::ops::Range;

use crate::activations::TILE;
use crate::packed::{GROUP_ROWS, Panel};
use crate::{ActKind, Activations, Kernels, PackedMatrix, SimdError};

/// Where a tile kernel writes: token `t`, row `r` of the panel goes to `data[t * stride + r]`.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    /// The first token's row, and those of the other tokens behind it.
    pub(crate) data: &'a mut [f32],
    /// From one token's row to the next.
    pub(crate) stride: usize,
    /// Tokens of the tile that count, 1 to 16.
    pub(crate) tokens: usize,
}

/// Multiplies the rows of `groups` (16 rows each) of `w` with every token of `act`.
///
/// `out[t * out_stride + (row - 16 * groups.start)]` receives token `t` and row `row`; rows that
/// the matrix does not have are not written, nor is anything between the rows of a token.
///
/// Each value depends only on its row's weights and its token's activations: it has the same bits
/// however many tokens are multiplied at once, however the groups are split, and at every
/// [`crate::Level`].
pub fn matmul(
    kernels: &Kernels,
    w: &PackedMatrix,
    groups: Range<usize>,
    act: &Activations,
    out: &mut [f32],
    out_stride: usize,
) -> Result<(), SimdError> {
    let want = w.activation_kind();
    if act.kind() != want && act.tokens() > 0 {
        let found = act.kind();
        return Err(SimdError::ActivationKindMismatch { format: w.format(), want, found });
    }
    SimdError::check_len("each activation vector", w.cols(), act.cols())?;
    let panel = w.panel(groups)?;
    if panel.rows == 0 {
        return Ok(());
    }
    SimdError::check_room("a row of the output", panel.rows, out_stride)?;
    let needed = (act.tokens() - 1)
        .checked_mul(out_stride)
        .and_then(|start| start.checked_add(panel.rows))
        .ok_or(SimdError::SizeOverflow { rows: act.tokens(), cols: out_stride })?;
    SimdError::check_room("the output", needed, out.len())?;
    kernels.count_matmul();
    let table = kernels.table();
    match (want, act.tokens()) {
        (ActKind::Q8, 1) => (table.matvec)(&panel, act.single_runs(), &mut out[..panel.rows]),
        (ActKind::F32, 1) => {
            (table.float_matvec)(&panel, act.single_floats(), &mut out[..panel.rows]);
        }
        (ActKind::Q8, tokens) => {
            tiles(&panel, &act.run_tiles(), tokens, out, out_stride, table.matmul);
        }
        (ActKind::F32, tokens) => {
            tiles(&panel, &act.float_tiles(), tokens, out, out_stride, table.float_matmul);
        }
    }
    Ok(())
}

/// Packed weights that stay in the second-level cache while every tile passes over them: half of
/// the smallest one in use (512 KiB on Zen), which leaves room for a tile's activations.
const BLOCK_BYTES: usize = 256 * 1024;

/// Runs a tile kernel over blocks of groups and, within each, over every tile of tokens.
fn tiles<'a, A: 'a>(
    panel: &Panel<'_>,
    tiles: &(impl Iterator<Item = &'a [A]> + Clone),
    tokens: usize,
    out: &mut [f32],
    stride: usize,
    kernel: fn(&Panel<'_>, &[A], Product<'_>),
) {
    let groups = (BLOCK_BYTES / (64 * panel.group_lines.max(1))).max(1);
    for (block, lines) in panel.lines.chunks(groups * panel.group_lines).enumerate() {
        let first_row = block * groups * GROUP_ROWS;
        let rows = panel.rows.saturating_sub(first_row).min(groups * GROUP_ROWS);
        let part = Panel { lines, rows, ..*panel };
        for (tile, activations) in tiles.clone().enumerate() {
            let data = out.get_mut(tile * TILE * stride + first_row..).unwrap_or_default();
            let tokens = (tokens - tile * TILE).min(TILE);
            kernel(&part, activations, Product { data, stride, tokens });
        }
    }
}
