//! What the tests share: a vocabulary of bytes, a model that follows a script, a reader that holds
//! every stream against the laws.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pricket_core::{Completion, CompletionChunk, ErrorReport};
use pricket_engine::{Engine, EngineOptions, TextPipeline};
use pricket_models::{
    Batch, CacheSize, CausalLm, GenerationDefaults, KvCache, KvStorage, Logits, LogitsWanted,
    ModelError, ModelSpec,
};
use pricket_stream::AsyncStream;
use pricket_tokenizer::Tokenizer;
use serde_json::{Map, Value, json};

/// Ends an answer.
pub(crate) const END: u32 = 258;

/// A token with a long text.
pub(crate) const LONG: u32 = 259;

/// The text of [`LONG`]: more than lies in a chunk itself.
pub(crate) const LONG_TEXT: &str = "a text of more than twenty-four bytes";

/// As wide as a row of logits is: some ids have no token, as in padded weights.
pub(crate) const VOCAB_SIZE: usize = 288;

/// The context that the scripted model was trained for.
pub(crate) const CONTEXT: usize = 4_096;

/// A chat template in the manner of `ChatML`.
pub(crate) const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n\
    {{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";

/// A vocabulary in which every byte is the token of the same number.
pub(crate) fn tokenizer() -> Tokenizer {
    let mut vocab = Map::new();
    let mut others = 256u32;
    for byte in 0..=255u8 {
        let printable = matches!(byte, 33..=126 | 161..=172 | 174..=255);
        let symbol = if printable { u32::from(byte) } else { others };
        others += u32::from(!printable);
        let symbol = char::from_u32(symbol).expect("a character of GPT-2's byte alphabet");
        vocab.insert(symbol.to_string(), byte.into());
    }
    vocab.insert(LONG_TEXT.replace(' ', "\u{120}"), LONG.into());
    let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
    for (id, text) in (256u32..).zip(special) {
        vocab.insert(text.to_owned(), id.into());
    }
    let added: Vec<Value> = (256u32..)
        .zip(special)
        .map(|(id, content)| {
            json!({
                "id": id, "content": content, "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect();
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    });
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null, "pre_tokenizer": byte_level, "post_processor": null,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": false, "vocab": vocab, "merges": [],
        },
    });
    let config = json!({"eos_token": "<|im_end|>"}).to_string();
    let tokenizer =
        Tokenizer::from_tokenizer_json(file.to_string().as_bytes(), Some(config.as_bytes()));
    tokenizer.expect("a tokenizer of bytes")
}

/// A pipeline of bytes with the template and these defaults.
pub(crate) fn pipeline(defaults: GenerationDefaults) -> TextPipeline {
    TextPipeline::new(tokenizer(), Some(TEMPLATE), defaults).expect("a pipeline")
}

/// What a script makes of a prompt and the answer so far: it writes a row of logits, or fails, or
/// panics.
pub(crate) type Script =
    Box<dyn FnMut(&[u32], &[u32], &mut [f32]) -> Result<(), ModelError> + Send>;

/// What the scripted model did.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Forward passes.
    pub(crate) passes: AtomicUsize,
    /// The most tokens in one pass.
    pub(crate) widest: AtomicUsize,
    /// No pass begins while as many have run; 0 for no limit.
    pub(crate) passes_max: AtomicUsize,
    /// Sequences given back.
    pub(crate) released: AtomicUsize,
}

/// A model that follows a script. It checks positions as a real one does.
struct Scripted {
    spec: ModelSpec,
    script: Script,
    trace: Arc<Trace>,
    /// By slot: the tokens so far, and how many of them are the prompt.
    sequences: Vec<(Vec<u32>, usize)>,
}

struct Storage(Arc<Trace>);

impl KvStorage for Storage {
    fn bytes(&self) -> u64 {
        64
    }

    fn release(&mut self, _slot: usize) {
        self.0.released.fetch_add(1, Ordering::SeqCst);
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl CausalLm for Scripted {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn new_cache_of(&self, size: CacheSize) -> Result<KvCache, ModelError> {
        KvCache::new(size, Box::new(Storage(Arc::clone(&self.trace))))
    }

    fn forward(
        &mut self,
        batch: &Batch,
        cache: &mut KvCache,
        logits: &mut Logits,
    ) -> Result<(), ModelError> {
        wait_until("a pass is allowed", || {
            let max = self.trace.passes_max.load(Ordering::SeqCst);
            max == 0 || self.trace.passes.load(Ordering::SeqCst) < max
        });
        cache.prepare(batch, self.spec.vocab_size)?;
        self.trace.passes.fetch_add(1, Ordering::SeqCst);
        self.trace.widest.fetch_max(batch.tokens().len(), Ordering::SeqCst);
        let rows = logits.reset(batch.logits_rows(), self.spec.vocab_size);
        let mut rows = rows.chunks_exact_mut(self.spec.vocab_size);
        for entry in batch.entries() {
            let (tokens, prompt) = &mut self.sequences[entry.sequence.slot()];
            if entry.start == 0 {
                *prompt = 0;
            }
            // A pass that failed left its tokens here and is run again.
            tokens.truncate(entry.start);
            tokens.extend_from_slice(&batch.tokens()[entry.offset..entry.offset + entry.len]);
            if entry.logits == LogitsWanted::Last {
                if *prompt == 0 {
                    *prompt = tokens.len();
                }
                let (prompt, answer) = tokens.split_at(*prompt);
                (self.script)(prompt, answer, rows.next().expect("a row"))?;
            }
        }
        cache.commit(batch);
        Ok(())
    }
}

/// An engine around a script.
pub(crate) fn engine(options: &EngineOptions, script: Script) -> (Engine, Arc<Trace>) {
    engine_with(options, GenerationDefaults::default(), script)
}

/// An engine around a script, with the makers' defaults.
pub(crate) fn engine_with(
    options: &EngineOptions,
    defaults: GenerationDefaults,
    script: Script,
) -> (Engine, Arc<Trace>) {
    let trace = Arc::new(Trace::default());
    let spec = ModelSpec {
        architecture: "scripted".to_owned(),
        name: Some("scripted-bytes".to_owned()),
        quantization: "none".to_owned(),
        parameters: 0,
        vocab_size: VOCAB_SIZE,
        context_length: CONTEXT,
        hidden_size: 0,
        layers: 0,
        heads: 0,
        kv_heads: 0,
        head_dim: 0,
        weight_bytes: 0,
        kv_bytes_per_token: 0,
        experts_on_disk: None,
    };
    let sequences = (0..options.sequences_max).map(|_| (Vec::with_capacity(CONTEXT), 0)).collect();
    let model = Scripted { spec, script, trace: Arc::clone(&trace), sequences };
    let engine = Engine::new(Box::new(model), pipeline(defaults), options);
    (engine.expect("an engine"), trace)
}

/// Makes one token certain.
pub(crate) fn choose(row: &mut [f32], id: u32) {
    row.fill(-30.0);
    row[id as usize] = 30.0;
}

/// The script of a model that says a text, byte by byte, and ends its turn.
pub(crate) fn saying(text: &str) -> Script {
    let ids: Vec<u32> = text.bytes().map(u32::from).chain([END]).collect();
    Box::new(move |_, answer, row| {
        choose(row, ids[answer.len() % ids.len()]);
        Ok(())
    })
}

/// The script of a model that says back what it was told, over and over.
pub(crate) fn parroting() -> Script {
    Box::new(|prompt, answer, row| {
        choose(row, prompt[answer.len() % prompt.len()]);
        Ok(())
    })
}

/// The script of a model whose distribution is broad and depends on all tokens before.
pub(crate) fn dreaming() -> Script {
    Box::new(|prompt, answer, row| {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        for &id in prompt.iter().chain(answer) {
            hash = (hash ^ u64::from(id)).wrapping_mul(0x0100_0000_01b3);
        }
        row.fill(-20.0);
        for (byte, logit) in (b'a'..=b'z').zip(&mut row[usize::from(b'a')..]) {
            let bits = hash.rotate_left(u32::from(byte)) & 0xffff;
            *logit = bits as f32 / 16_384.0;
        }
        Ok(())
    })
}

/// Reads a stream to its end and holds it against the laws: exactly one terminal chunk, the last;
/// the text chunks put together are the terminal's text.
pub(crate) fn read(stream: AsyncStream<CompletionChunk>) -> Result<Completion, ErrorReport> {
    let chunks: Vec<CompletionChunk> = stream.collect();
    let terminal = chunks.iter().filter(|chunk| chunk.is_terminal()).count();
    assert_eq!(terminal, 1, "{chunks:?}");
    let text: String = chunks.iter().map(ToString::to_string).collect();
    match chunks.into_iter().next_back() {
        Some(CompletionChunk::Complete(completion)) => {
            assert_eq!(text, completion.text);
            Ok(*completion)
        }
        Some(CompletionChunk::Error(report)) => Err(*report),
        other => panic!("the last chunk is not terminal: {other:?}"),
    }
}

/// Reads a stream that ends well.
pub(crate) fn complete(stream: AsyncStream<CompletionChunk>) -> Completion {
    read(stream).unwrap_or_else(|report| panic!("it failed: {report:?}"))
}

/// Reads a stream that fails.
pub(crate) fn fail(stream: AsyncStream<CompletionChunk>) -> ErrorReport {
    match read(stream) {
        Ok(completion) => panic!("it did not fail: {completion:?}"),
        Err(report) => report,
    }
}

/// Waits until something is so, for ten seconds at most.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed().as_secs() < 10, "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
