//! Two results of attention over neighbouring positions become one.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use super::Attended;
use crate::ops::exponential::exp;

/// Merges each row of `part` into `state`.
#[inline(always)]
pub(crate) fn merge(state: &mut Attended<'_>, part: &Attended<'_>, width: usize) {
    let rows = state.sums.chunks_exact_mut(width).zip(part.sums.chunks_exact(width));
    let peaks = state.peaks.iter_mut().zip(&*part.peaks);
    let totals = state.totals.iter_mut().zip(&*part.totals);
    for (((sums, more), (peak, its_peak)), (total, its_total)) in rows.zip(peaks).zip(totals) {
        merge_rows((sums, peak, total), (more, *its_peak, *its_total));
    }
}

/// One row that is merged into: sums, peak and total.
pub(crate) type Merged<'a> = (&'a mut [f32], &'a mut f32, &'a mut f32);

/// Merges one row into another.
#[inline(always)]
pub(crate) fn merge_rows(
    (sums, peak, total): Merged<'_>,
    (more, its_peak, its_total): (&[f32], f32, f32),
) {
    if its_total == 0.0 {
        return;
    }
    if *total == 0.0 {
        sums.copy_from_slice(more);
        (*peak, *total) = (its_peak, its_total);
        return;
    }
    let greatest = if its_peak > *peak { its_peak } else { *peak };
    let (ours, its) = (exp(*peak - greatest), exp(its_peak - greatest));
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = *sum * ours + *more * its;
    }
    *total = *total * ours + its_total * its;
    *peak = greatest;
}

/// Lets sinks take their share of the weights: of so many rows one each, over and over.
#[inline(always)]
pub(crate) fn sink(state: &mut Attended<'_>, sinks: &[f32], width: usize) {
    let rows = state.sums.chunks_exact_mut(width);
    let ends = state.peaks.iter_mut().zip(state.totals.iter_mut());
    for ((sums, (peak, total)), sink) in rows.zip(ends).zip(sinks.iter().cycle()) {
        if *total == 0.0 {
            continue;
        }
        let greatest = if *sink > *peak { *sink } else { *peak };
        let (ours, its) = (exp(*peak - greatest), exp(*sink - greatest));
        for sum in sums {
            *sum *= ours;
        }
        *total = *total * ours + its;
        *peak = greatest;
    }
}
