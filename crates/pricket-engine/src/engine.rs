//! The handle: what a program holds of an engine.

mod submission;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{JoinHandle, Thread};

use pricket_core::{
    Capabilities, CompletionChunk, CompletionProvider, CompletionRequest, ModelInfo, SamplingParams,
};
use pricket_models::{Batch, CausalLm, KV_BLOCK_TOKENS, Logits, ModelSpec};
use pricket_stream::AsyncStream;

use crate::event::Event;
use crate::outlet::Outlet;
use crate::prefix::PrefixTree;
use crate::queue::Queue;
use crate::sampler::Sampler;
use crate::schedule::{Plan, StepBudget};
use crate::stats::Stats;
use crate::worker::Worker;
use crate::{EngineError, EngineOptions, EngineStats, TextPipeline, limits};

/// A model, the thread that runs it, and the text pipeline around it.
///
/// Rendering, encoding and checking a request happen on the caller's thread, everything else on the
/// engine's. Dropping the engine stops and joins its thread; a request that still runs or waits
/// then ends with an `Error` chunk of code `engine_stopped`.
pub struct Engine {
    inbox: SyncSender<Event>,
    thread: Option<JoinHandle<()>>,
    /// What wakes the engine's thread.
    waker: Thread,
    stats: Arc<Stats>,
    text: TextPipeline,
    info: ModelInfo,
    spec: ModelSpec,
    /// The model's defaults under the user's settings.
    sampling: SamplingParams,
    end_ids: Arc<[u32]>,
    context: usize,
    queue_len_max: usize,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("info", &self.info)
            .field("context", &self.context)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine around a model that is loaded already. `options.model` is not looked at.
    pub fn new(
        model: Box<dyn CausalLm>,
        text: TextPipeline,
        options: &EngineOptions,
    ) -> Result<Self, EngineError> {
        let spec = model.spec().clone();
        let context = options.check(spec.context_length)?;
        let defaults = text.default_sampling();
        defaults.validate()?;
        let stats = Arc::new(Stats::new());
        // One place more than may wait: for the word that ends the thread.
        let (inbox, outbox) = sync_channel(options.queue_len_max + 1);
        let batch_tokens_max = options.prefill_chunk + options.sequences_max;
        let cache = model.new_cache_of(options.cache_size(&spec, context)?)?;
        let prefixes = (options.prefix_cache && cache.shares_blocks()).then(PrefixTree::new);
        let worker = Worker {
            prefixes,
            blocks: Vec::with_capacity(context.div_ceil(KV_BLOCK_TOKENS)),
            cache,
            model,
            queue: Queue::new(outbox, options.queue_len_max),
            running: Vec::with_capacity(options.sequences_max),
            demands: Vec::with_capacity(options.sequences_max),
            waiting: Vec::with_capacity(options.sequences_max),
            places: Vec::with_capacity(options.sequences_max),
            plan: Plan::with_capacity(options.sequences_max),
            batch: Batch::with_capacity(batch_tokens_max, options.sequences_max),
            logits: Logits::with_capacity(options.sequences_max, spec.vocab_size),
            sampler: Sampler::new(spec.vocab_size),
            stats: Arc::clone(&stats),
            sequences_max: options.sequences_max,
            budget: StepBudget::new(options.prefill_chunk),
        };
        let thread = std::thread::Builder::new()
            .name("pricket-engine".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| EngineError::ThreadStart { source })?;
        Ok(Self {
            inbox,
            waker: thread.thread().clone(),
            thread: Some(thread),
            stats,
            info: model_info(&spec, &text, options, context),
            sampling: defaults.overlaid(&options.sampling),
            end_ids: text.end_ids().into(),
            text,
            spec,
            context,
            queue_len_max: options.queue_len_max,
        })
    }

    /// What turns messages into ids and ids into text.
    pub fn text(&self) -> &TextPipeline {
        &self.text
    }

    /// What the model is.
    pub fn model_spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Tokens that prompt and answer may have together.
    pub fn context(&self) -> usize {
        self.context
    }

    /// The model's sampling defaults under the engine's settings: what a request overlays.
    pub fn sampling(&self) -> &SamplingParams {
        &self.sampling
    }

    /// The counters at this moment.
    pub fn stats(&self) -> EngineStats {
        self.stats.snapshot()
    }

    /// Sets the sums back to 0; what waits and what runs stays counted.
    pub fn reset_stats(&self) {
        self.stats.reset();
    }
}

impl CompletionProvider for Engine {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn complete(&self, request: CompletionRequest) -> AsyncStream<CompletionChunk> {
        let (space, close) = (self.waker.clone(), self.waker.clone());
        let (sender, stream) = AsyncStream::builder()
            .capacity(limits::STREAM_CHUNKS)
            .on_space(move || space.unpark())
            .on_close(move || close.unpark())
            .channel();
        let outlet = Outlet::new(sender, Arc::clone(&self.stats), request.correlation_id);
        self.submit(&request, outlet);
        stream
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // There is a place for it; where the thread is gone, nobody needs to be told.
        let _ = self.inbox.try_send(Event::Shutdown);
        self.waker.unpark();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the thread itself was logged when it happened.
            let _ = thread.join();
        }
    }
}

/// What the provider says of itself.
fn model_info(
    spec: &ModelSpec,
    text: &TextPipeline,
    options: &EngineOptions,
    context: usize,
) -> ModelInfo {
    let name = options.name.clone().or_else(|| spec.name.clone());
    ModelInfo {
        architecture: Some(spec.architecture.clone()),
        context_length: Some(context),
        vocab_size: Some(spec.vocab_size),
        capabilities: Capabilities {
            chat: text.template().is_some(),
            tools: text.shows_tools(),
            ..Capabilities::default()
        },
        ..ModelInfo::new(name.unwrap_or_else(|| spec.architecture.clone()))
    }
}
