//! Who runs how many tokens in the next step, who joins, and who must give way. A pure function: no
//! clock, no thread, no tensor, and no allocation once a plan's buffers are warm.
//!
//! Key types: a [`State`] is what there is, [`Limits`] what may be, a [`Plan`] what is done; a
//! [`Rank`] orders requests; a [`StepBudget`] finds out how many prompt tokens a step bears.
//!
//! 1. Show the state to [`schedule`].
//! 2. Where [`Plan::preempt`] names a sequence, take its blocks, let it wait again with its rank,
//!    and go to 1: a plan makes room or runs, and never does both.
//! 3. Admit the first [`Plan::admit`] of those that wait, behind those that run.
//! 4. Run the shares in one forward pass. Where there are none, nobody can do anything until a
//!    request arrives, a reader reads or leaves, or one has stalled for long enough.

mod budget;
mod plan;
mod rank;
mod room;
mod state;

pub use budget::StepBudget;
pub use plan::{Plan, Share};
pub use rank::Rank;
pub use state::{Limits, Running, State, Waiting};

use room::Room;

/// Plans the next step.
///
/// - Every decoding sequence whose reader has room runs its token in every step; its drafts run as
///   far as there are blocks.
/// - Prompts share `prefill_tokens_max` tokens by rank, so that a long prompt delays an answer by
///   one chunk and no more. One is cut to the budget and to the blocks.
/// - A request is admitted where a place is free, where tokens of the budget are left for it, and
///   where there are blocks for all its tokens and one more, beside those that the running prompts
///   still need and one for each that runs. Where the best-ranked does not fit, none overtakes it.
/// - Where blocks are short, one gives way: first those whose readers are behind, then the lowest
///   in rank, and never the leader, which is the best-ranked whose reader has room. Those that
///   would give nothing back are passed over while others would.
/// - One whose reader has been behind for `stalled_ms_max` gives way to who waits for its place or
///   its blocks.
///
/// # Progress
/// Ranks never change, so neither does the order of two requests. The leader runs in every step, as
/// much as the budget allows, and keeps its blocks; it loses the lead only to one that is ranked
/// better and was admitted or is read again. So no two preempt each other for ever, and a request
/// whose reader keeps up ends within the sum, over the requests that run when it comes, itself, and
/// all that are ranked before it, of the steps that each takes from its first token to its last
/// with the whole budget; counted once more for a leader from which one ranked better takes the
/// lead, and for one that is preempted while its reader is behind. Those ranked before it are those
/// that came before, and of those that come after only the ones that [`Rank::new`] tells of.
///
/// This holds while the pool has blocks for the longest sequence and one token more. One that is
/// longer than the pool gets what there is, and then nothing.
pub fn schedule(state: &State<'_>, limits: &Limits, plan: &mut Plan) {
    plan.begin(state.running);
    let mut room = Room::new(state, limits);
    plan.preempt = room.victim(&plan.order);
    if plan.preempt.is_some() {
        return;
    }
    run_decoding(state, &mut room, plan);
    run_prompts(state, &mut room, plan);
    run_drafts(state, &mut room, plan);
    // A batch is in the order of the running ones, whatever their ranks.
    plan.shares.sort_unstable_by_key(|share| share.index);
}

/// One token for each that decodes.
fn run_decoding(state: &State<'_>, room: &mut Room<'_>, plan: &mut Plan) {
    for &index in &plan.order {
        let running = &state.running[index];
        if running.decoding && running.has_room() {
            let tokens = room.grant(running.blocks, running.computed, running.pending.min(1));
            if tokens > 0 {
                plan.shares.push(Share { index, tokens });
            }
        }
    }
}

/// The prompts by rank, those that begin among them, until the budget is used.
fn run_prompts(state: &State<'_>, room: &mut Room<'_>, plan: &mut Plan) {
    let mut budget = room.budget();
    let mut admitting = true;
    let mut prompts = plan.order.iter().copied().filter(|&index| state.running[index].is_prompt());
    let mut prompt = prompts.next();
    while budget > 0 {
        let head = state.waiting.get(plan.admit).filter(|_| admitting);
        let tokens = match (prompt, head) {
            (Some(index), head)
                if head.is_none_or(|head| state.running[index].rank < head.rank) =>
            {
                let running = &state.running[index];
                let wanted = running.pending.min(budget);
                let tokens = room.grant(running.blocks, running.computed, wanted);
                if tokens > 0 {
                    plan.shares.push(Share { index, tokens });
                }
                prompt = prompts.next();
                tokens
            }
            (_, None) => break,
            (_, Some(head)) => {
                admitting = room.admit(head);
                if !admitting {
                    continue;
                }
                let index = state.running.len() + plan.admit;
                plan.admit += 1;
                let wanted = head.pending().min(budget);
                let tokens = room.grant(room.blocks(head.cached), head.cached, wanted);
                if tokens > 0 {
                    plan.shares.push(Share { index, tokens });
                }
                tokens
            }
        };
        budget -= tokens;
    }
}

/// The drafts of those that decode, as far as there are blocks. They come last, because a draft is
/// a guess, and the blocks of a prompt that leads were made free for it.
fn run_drafts(state: &State<'_>, room: &mut Room<'_>, plan: &mut Plan) {
    for share in &mut plan.shares {
        let running = state.running.get(share.index).filter(|running| running.decoding);
        let Some(running) = running else { continue };
        let drafts = running.pending - share.tokens;
        // The blocks for the first token are granted already.
        let computed = running.computed + share.tokens;
        let blocks = running.blocks.max(room.blocks(computed));
        share.tokens += room.grant(blocks, computed, drafts);
    }
}
