//! From a path to an engine.

use std::path::Path;

use pricket_core::ProgressEvent;
use pricket_models::Opened;

use crate::{Engine, EngineError, EngineOptions, TemplateOrigin, TextPipeline};

impl Engine {
    /// Loads the model at `path` (a GGUF file or a Hugging Face folder) and starts an engine around
    /// it. It blocks while the weights are read and packed, and tells `progress` how far it is.
    pub fn load(
        path: impl AsRef<Path>,
        options: &EngineOptions,
        progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<Self, EngineError> {
        let path = path.as_ref();
        let Opened { model, text } = pricket_models::open(path, &options.model, progress)?;
        let mut pipeline = TextPipeline::from_assets(&text)?;
        if let Some(source) = &options.chat_template {
            pipeline = pipeline.with_template(source)?;
        }
        if pipeline.template_origin() == Some(TemplateOrigin::Fallback) {
            let path = path.display();
            tracing::warn!(%path, "no chat template in the model's files: ChatML stands in");
        }
        Self::new(model, pipeline, options)
    }
}
