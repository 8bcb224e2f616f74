//! What travels to a worker and back: a task, `Arc`s of what it reads, and buffers of its own.

use std::sync::Arc;

use pricket_simd::{Ahead, Job, Lookahead};

use super::coming::Coming;
use super::kv::KvRead;
use super::rows::{Queries, Stage};
use super::shelf::{Fetch, StoredExperts};
use super::space::{Acts, Space};
use super::weights::{DecoderWeights, GatedWeights};
use crate::ModelError;

/// What a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Nothing; a worker without a share of this pass.
    Rest,
    /// Embed the tile and project it for the first layer's attention.
    TileStart,
    /// Take the tile through a layer, from attention to the next layer's projections.
    TileLayer(usize),
    /// Compute a share of the rows of a layer's weights (the layer counts for nothing in
    /// [`Stage::Head`]).
    Rows(usize, Stage),
    /// Take a share of the heads of a layer into the latent's space, before they attend.
    Absorb(usize),
    /// Attend with a share of the heads.
    Heads,
    /// Take a share of the heads of a layer out of the latent's space.
    Expand(usize),
    /// Read experts from their files.
    Fetch,
}

/// One thread's work.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) weights: Arc<DecoderWeights>,
    pub(crate) task: Task,
    /// Which of how many shares this is.
    pub(crate) index: usize,
    pub(crate) of: usize,
    /// What the rows are multiplied with.
    pub(crate) acts: Option<Arc<Acts>>,
    /// Whose rows the stages of an expert read.
    pub(crate) expert: Option<Arc<GatedWeights>>,
    pub(crate) queries: Option<Arc<Queries>>,
    pub(crate) kv: Option<KvRead>,
    /// The experts that this thread is to read, and where they are.
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) stored: Option<Arc<StoredExperts>>,
    /// A piece of a file.
    pub(crate) piece: Vec<u8>,
    pub(crate) space: Space,
    /// The share's result: (tokens, width of the share).
    pub(crate) out: Vec<f32>,
    pub(crate) result: Result<(), ModelError>,
    coming: Arc<Coming>,
}

impl Work {
    pub(crate) fn new(weights: Arc<DecoderWeights>, index: usize, of: usize) -> Self {
        let coming = Arc::new(Coming { weights: Arc::clone(&weights), index, of });
        let space = Space::new(&weights.blueprint);
        Self {
            coming,
            weights,
            task: Task::Rest,
            index,
            of,
            acts: None,
            expert: None,
            queries: None,
            kv: None,
            fetches: Vec::new(),
            stored: None,
            piece: Vec::new(),
            space,
            out: Vec::new(),
            result: Ok(()),
        }
    }

    /// Forgets what a pass that failed may have left behind.
    pub(crate) fn reset(&mut self) {
        self.task = Task::Rest;
        self.give_back();
        self.space.places.clear();
        self.result = Ok(());
    }

    /// Drops every `Arc` of what the caller will write again.
    fn give_back(&mut self) {
        self.acts = None;
        self.expert = None;
        self.queries = None;
        self.kv = None;
        self.stored = None;
    }
}

impl Job for Work {
    fn run(&mut self) {
        self.result = match self.task {
            Task::Rest => Ok(()),
            Task::TileStart => self.tile_start(),
            Task::TileLayer(layer) => self.tile_layer(layer),
            Task::Rows(layer, stage) => self.rows(layer, stage),
            Task::Heads => self.heads(),
            Task::Absorb(layer) | Task::Expand(layer) => self.latent_heads(layer),
            Task::Fetch => self.fetch(),
        };
        self.give_back();
    }

    fn ahead(&self) -> Option<Lookahead> {
        let place = match self.task {
            Task::Rows(layer, stage) => Coming::place(layer, stage)?,
            _ => return None,
        };
        Some(Lookahead::new(Arc::clone(&self.coming) as Arc<dyn Ahead>, place))
    }
}
