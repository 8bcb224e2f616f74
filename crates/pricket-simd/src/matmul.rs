//! Weights times activations.

use std::ops::Range;

use crate::{ActKind, Activations, Kernels, PackedMatrix, SimdError};

/// Where a kernel for many tokens writes: token `t`, row `r` of the panel goes to
/// `data[t * stride + r]`.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    /// The first token's row, and those of the other tokens behind it.
    pub(crate) data: &'a mut [f32],
    /// From one token's row to the next.
    pub(crate) stride: usize,
    /// How many tokens.
    pub(crate) tokens: usize,
}

impl Kernels {
    /// Asks the processor to bring some packed weights into its caches: `bytes` of them, from
    /// `skip` bytes behind the start of the group `group`. It returns at once, and does nothing
    /// where there are no such bytes or the level has no such hint.
    pub fn fetch(&self, w: &PackedMatrix, group: usize, skip: usize, bytes: usize) {
        (self.table().fetch)(w.lines(group, skip, bytes));
    }
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
    let Some(last_token) = act.tokens().checked_sub(1) else {
        return Err(SimdError::Empty { what: "a set of activations" });
    };
    if act.kind() != want {
        let found = act.kind();
        return Err(SimdError::ActivationKindMismatch { format: w.format(), want, found });
    }
    SimdError::check_len("each activation vector", w.cols(), act.cols())?;
    SimdError::check_len("the columns set", act.cols(), act.columns_set())?;
    let panel = w.panel(groups)?;
    if panel.rows == 0 {
        return Ok(());
    }
    SimdError::check_room("a row of the output", panel.rows, out_stride)?;
    let needed = last_token
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
            let product = Product { data: out, stride: out_stride, tokens };
            (table.matmul)(&panel, act.run_tiles(), product);
        }
        (ActKind::F32, tokens) => {
            let product = Product { data: out, stride: out_stride, tokens };
            (table.float_matmul)(&panel, act.float_tiles(), product);
        }
    }
    Ok(())
}
