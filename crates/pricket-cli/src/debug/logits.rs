//! `pricket debug logits`: what the forward pass computes.

use pricket::models::LogitsWanted;
use serde::Serialize;

use crate::args::LogitsArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::forward::{Forward, check_context, most_likely};
use crate::interrupt::Interrupt;
use crate::load;
use crate::terminal::Terminal;

/// How many logits are told for each position.
const TOP: usize = 10;

#[derive(Debug, Default, Serialize)]
struct Report {
    /// Every logit after the last id.
    last_logits: Vec<f32>,
    /// For every position the largest logits with their ids, largest first.
    top10: Vec<Vec<(u32, f32)>>,
    /// The most likely continuation.
    greedy: Vec<u32>,
}

/// Runs the ids, then continues greedily.
pub(crate) fn logits(
    args: &LogitsArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let model = load::model(&args.source.model, config, terminal, interrupt)?.model;
    let tokens_max = args.ids.len().saturating_add(args.greedy);
    check_context(model.spec(), tokens_max, "--greedy, or fewer --ids")?;
    let mut forward = Forward::new(model, 1, tokens_max)?;
    let mut report = Report::default();
    for chunk in args.ids.chunks(args.chunk.unwrap_or(args.ids.len()).max(1)) {
        let rows = forward.extend(chunk, LogitsWanted::All)?;
        report.top10.extend((0..rows.rows()).map(|index| top(rows.row(index))));
        report.last_logits.clear();
        report.last_logits.extend_from_slice(rows.row(rows.rows().saturating_sub(1)));
    }
    let mut next = most_likely(&report.last_logits);
    for _ in 0..args.greedy {
        report.greedy.push(next);
        if report.greedy.len() < args.greedy {
            next = most_likely(forward.extend(&[next], LogitsWanted::Last)?.row(0));
        }
    }
    terminal.json(&report)
}

/// The largest logits with their ids, largest first, the lower id first among equals.
fn top(row: &[f32]) -> Vec<(u32, f32)> {
    let mut ranked: Vec<(u32, f32)> = (0u32..).zip(row.iter().copied()).collect();
    let by_logit = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if ranked.len() > TOP {
        ranked.select_nth_unstable_by(TOP, by_logit);
        ranked.truncate(TOP);
    }
    ranked.sort_by(by_logit);
    ranked
}
