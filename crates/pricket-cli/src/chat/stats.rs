//! What `/stats` tells: the last answer, the conversation, and everything since the start.

use std::time::{Duration, Instant};

use pricket::core::{ByteSize, Usage, UsageTotal};
use pricket::engine::EngineStats;

use super::Session;
use crate::answer;
use crate::terminal::Terminal;

/// How long the engine may take to notice that an answer is stopped: a step over a prompt of a
/// large model.
const PATIENCE: Duration = Duration::from_secs(10);

impl Session<'_> {
    /// Tells tokens, speed and cost.
    pub(super) fn tell_stats(&self, terminal: &mut Terminal) {
        match self.conversation.last() {
            Some(completion) => terminal.note(answer::stats_line(completion)),
            None => terminal.note("no answer has ended yet"),
        }
        let total = self.ledger.session(&self.session());
        terminal.note(format_args!("this conversation: {}", told(&total)));
        if self.conversations > 1 {
            terminal.note(format_args!("all conversations: {}", told(&self.ledger.total())));
        }
        self.tell_engine(terminal);
    }

    /// What an answer that was stopped has cost: what the engine, which has no other user, counted
    /// since `before`. It notices within a step that nobody reads on.
    pub(super) fn spent_since(&self, before: &EngineStats) -> Usage {
        let patience = Instant::now() + PATIENCE;
        let mut now = self.engine.stats();
        while now.active + now.queued > 0 && Instant::now() < patience {
            std::thread::park_timeout(Duration::from_millis(1));
            now = self.engine.stats();
        }
        let since = |count: fn(&EngineStats) -> u64| {
            usize::try_from(count(&now).saturating_sub(count(before))).unwrap_or(usize::MAX)
        };
        Usage {
            prompt_tokens: since(|stats| stats.prompt_tokens),
            cached_tokens: since(|stats| stats.cached_tokens),
            completion_tokens: since(|stats| stats.completion_tokens),
        }
    }

    /// What the engine has counted, answers that were stopped included.
    fn tell_engine(&self, terminal: &mut Terminal) {
        let stats = self.engine.stats();
        terminal.note(format_args!(
            "since the start: {} ({} failed, {} cancelled), {} tokens in ({} cached), {} tokens \
             out",
            counted(stats.total, "request"),
            stats.failed,
            stats.cancelled,
            stats.prompt_tokens,
            stats.cached_tokens,
            stats.completion_tokens,
        ));
        let first_token = stats.mean_first_token_ms();
        terminal.note(format_args!(
            "  {}: {:.0} ms with a prompt, {:.0} ms without; first token after {} on average",
            counted(stats.steps, "step"),
            stats.prefill_ms,
            stats.decode_ms,
            first_token.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms")),
        ));
        terminal.note(format_args!(
            "  {} of keys and values held, {} a token; {} SIMD matrix operations",
            ByteSize(stats.kv_bytes),
            ByteSize(self.engine.model_spec().kv_bytes_per_token),
            stats.simd_ops,
        ));
    }
}

/// A sum of the ledger. Where no price is known, nothing is said of cost.
fn told(total: &UsageTotal) -> String {
    let cost = match total.cost {
        Some(cost) if total.requests > 0 => format!(", {cost}"),
        _ => String::new(),
    };
    format!(
        "{}, {} tokens in ({} cached), {} tokens out{cost}",
        counted(total.requests, "answer"),
        total.usage.prompt_tokens,
        total.usage.cached_tokens,
        total.usage.completion_tokens,
    )
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
