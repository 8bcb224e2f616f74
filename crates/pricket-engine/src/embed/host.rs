//! The thread that owns an encoder, and the threads that feed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use pricket_core::{CorrelationId, EmbeddingUsage};
use pricket_models::{EncoderBatch, EncoderRows, TextEncoder};
use pricket_stream::{AsyncStream, AsyncStreamSender};

use super::EmbeddingOptions;
use super::answer::{Answer, Note};
use super::feed::Feed;
use crate::containment::contained;
use crate::{EngineError, limits};

/// What the model's thread is told.
enum Event {
    /// Compute a batch, and give it back with its rows.
    Encode(EncoderBatch, SyncSender<Computed>),
    /// No more.
    Shutdown,
}

/// A batch and what the model made of it.
type Computed = (EncoderBatch, Result<EncoderRows, EngineError>);

/// The handle of the model's thread.
#[derive(Debug)]
pub(super) struct Host {
    inbox: SyncSender<Event>,
    thread: Option<JoinHandle<()>>,
    batch_tokens: usize,
    requests_max: usize,
    running: Arc<AtomicUsize>,
}

impl Host {
    /// Starts the thread.
    pub(super) fn start(
        mut encoder: Box<dyn TextEncoder>,
        options: &EmbeddingOptions,
    ) -> Result<Self, EngineError> {
        let (requests_max, most) = (options.requests_max, limits::EMBED_REQUESTS_MAX);
        if requests_max == 0 || requests_max > most {
            let (name, value, max) = ("requests_max", requests_max, most);
            return Err(EngineError::OptionOutOfRange { name, value, max });
        }
        let batch_tokens = encoder.spec().batch_tokens;
        // A request has at most two batches under way, and the last place is for the word that ends
        // the thread: nobody waits to put something in.
        let (inbox, outbox) = sync_channel(2 * requests_max + 1);
        let thread = std::thread::Builder::new()
            .name("pricket-encoder".to_owned())
            .spawn(move || serve(&mut *encoder, &outbox))
            .map_err(|source| EngineError::ThreadStart { source })?;
        let running = Arc::new(AtomicUsize::new(0));
        Ok(Self { inbox, thread: Some(thread), batch_tokens, requests_max, running })
    }

    /// Answers a request from a thread of its own, or tells why not.
    pub(super) fn answer<F: Feed>(
        &self,
        thread: &str,
        id: CorrelationId,
        feed: Result<F, EngineError>,
    ) -> AsyncStream<F::Chunk> {
        let started = Instant::now();
        let admitted = feed.and_then(|feed| Ok((feed, self.admit()?)));
        let (inbox, batch_tokens) = (self.inbox.clone(), self.batch_tokens);
        let stream = AsyncStream::builder().capacity(limits::EMBED_CHUNKS);
        match admitted {
            Ok((feed, place)) => stream.thread(thread).with_channel(move |sender| {
                let request =
                    Request { feed, inbox, batch_tokens, sender, usage: EmbeddingUsage::default() };
                request.run(started, id);
                drop(place);
            }),
            Err(error) => {
                let (sender, stream) = stream.channel();
                // The stream is new, so there is room.
                let _ = sender.try_send(failed(&error, id));
                stream
            }
        }
    }

    fn admit(&self) -> Result<Place, EngineError> {
        let place = Place(Arc::clone(&self.running));
        // The place counts at once, and no more where it is dropped.
        if self.running.fetch_add(1, Ordering::Relaxed) < self.requests_max {
            return Ok(place);
        }
        Err(EngineError::Busy { queue_len_max: self.requests_max })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Where the thread is gone, nobody needs to be told.
        let _ = self.inbox.send(Event::Shutdown);
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic of the thread itself was logged when it happened.
            let _ = thread.join();
        }
    }
}

/// A place among the requests that run.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The life of the model's thread.
fn serve(encoder: &mut dyn TextEncoder, outbox: &Receiver<Event>) {
    while let Ok(Event::Encode(batch, reply)) = outbox.recv() {
        let computed = contained(|| {
            let mut rows = EncoderRows::default();
            encoder.encode(&batch, &mut rows).map(|()| rows)
        });
        // A request that has ended does not want to know.
        let _ = reply.try_send((batch, computed));
    }
}

fn failed<C: Answer>(error: &EngineError, id: CorrelationId) -> C {
    let code = error.code();
    tracing::warn!(correlation_id = %id, code, %error, "request failed");
    C::failed(error.report(id))
}

/// A request on its own thread.
struct Request<F: Feed> {
    feed: F,
    inbox: SyncSender<Event>,
    batch_tokens: usize,
    sender: AsyncStreamSender<F::Chunk>,
    usage: EmbeddingUsage,
}

/// Some texts that the model has.
struct UnderWay {
    notes: Vec<Note>,
    reply: Receiver<Computed>,
}

/// Why a request ends early.
enum Ended {
    /// It failed.
    Failed(EngineError),
    /// Nobody reads any more.
    Abandoned,
}

impl<F: Feed> Request<F> {
    fn run(mut self, started: Instant, id: CorrelationId) {
        let last = match self.feed_all() {
            Ok(()) => {
                self.usage.total_ms = started.elapsed().as_secs_f64() * 1e3;
                F::Chunk::complete(self.usage)
            }
            Err(Ended::Failed(error)) => failed(&error, id),
            Err(Ended::Abandoned) => return,
        };
        // A reader that is gone does not want to know.
        let _ = self.sender.send(last);
    }

    /// While the model computes some texts, the next are encoded and given to it.
    fn feed_all(&mut self) -> Result<(), Ended> {
        let mut next = 0;
        let mut before: Option<UnderWay> = None;
        let mut spare = EncoderBatch::default();
        loop {
            // What was encoded before an error is answered before it is told.
            let (filled, wrong) = self.fill(&mut next, spare);
            let after = filled.map(|(notes, batch)| self.submit(notes, batch)).transpose()?;
            let is_last = after.is_none();
            spare = match before.take() {
                Some(under_way) => self.hand_out(&under_way)?,
                None => EncoderBatch::default(),
            };
            before = after;
            if let Some(error) = wrong {
                if let Some(under_way) = before {
                    self.hand_out(&under_way)?;
                }
                return Err(Ended::Failed(error));
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Encodes texts until the batch is long enough for the model.
    fn fill(
        &mut self,
        next: &mut usize,
        mut batch: EncoderBatch,
    ) -> (Option<(Vec<Note>, EncoderBatch)>, Option<EngineError>) {
        batch.clear();
        let (mut notes, mut wrong) = (Vec::new(), None);
        while batch.tokens().len() < self.batch_tokens && !self.sender.is_closed() {
            match self.feed.push(*next, &mut batch) {
                Ok(Some(note)) => {
                    notes.push(note);
                    *next += 1;
                }
                Ok(None) => break,
                Err(error) => {
                    wrong = Some(error);
                    break;
                }
            }
        }
        ((!notes.is_empty()).then_some((notes, batch)), wrong)
    }

    fn submit(&self, notes: Vec<Note>, batch: EncoderBatch) -> Result<UnderWay, Ended> {
        let (reply, receiver) = sync_channel(1);
        let sent = self.inbox.send(Event::Encode(batch, reply));
        sent.map_err(|_| Ended::Failed(EngineError::Stopped))?;
        Ok(UnderWay { notes, reply: receiver })
    }

    /// Waits for some texts' rows and sends them; gives the batch back to be filled again.
    fn hand_out(&mut self, under_way: &UnderWay) -> Result<EncoderBatch, Ended> {
        let computed = under_way.reply.recv();
        let (batch, rows) = computed.map_err(|_| Ended::Failed(EngineError::Stopped))?;
        let rows = rows.map_err(Ended::Failed)?;
        for (&note, row) in under_way.notes.iter().zip(rows.iter()) {
            let sent = self.sender.send(F::Chunk::result(note, row));
            sent.map_err(|_| Ended::Abandoned)?;
            self.usage.texts += 1;
            self.usage.tokens += note.tokens;
        }
        Ok(batch)
    }
}
