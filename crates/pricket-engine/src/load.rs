//! From a path to an engine.

use std::path::Path;
use std::thread;

use pricket_core::ProgressEvent;
use pricket_models::{ModelFiles, TextAssets};

use crate::{Engine, EngineError, EngineOptions, TemplateOrigin, TextPipeline};

impl Engine {
    /// Loads the model at `path` (a GGUF file or a Hugging Face folder) and starts an engine around
    /// it. It blocks while the weights are read and packed, and tells `progress` how far it is; a
    /// thread of its own makes the tokenizer meanwhile.
    ///
    /// # Errors
    /// Whatever is wrong with the files, and a model that needs more memory than there is: see
    /// [`ModelFiles::load`]. The context counts where the options name one.
    pub fn load(
        path: impl AsRef<Path>,
        options: &EngineOptions,
        progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<Self, EngineError> {
        let path = path.as_ref();
        let files = ModelFiles::at(path)?;
        let text = files.text_assets()?;
        let mut model_options = options.model.clone();
        model_options.context = model_options.context.or(options.context);
        let (model, pipeline) = thread::scope(|scope| {
            let pipeline = thread::Builder::new()
                .name("pricket-text".to_owned())
                .spawn_scoped(scope, move || pipeline(text, options.chat_template.as_deref()))
                .map_err(|source| EngineError::ThreadStart { source })?;
            let model = files.load(&model_options, progress)?;
            Ok::<_, EngineError>((
                model,
                pipeline.join().unwrap_or(Err(EngineError::LoadPanicked))?,
            ))
        })?;
        if pipeline.template_origin() == Some(TemplateOrigin::Fallback) {
            let path = path.display();
            tracing::warn!(%path, "no chat template in the model's files: ChatML stands in");
        }
        Self::new(model, pipeline, options)
    }
}

fn pipeline(text: TextAssets, chat_template: Option<&str>) -> Result<TextPipeline, EngineError> {
    let pipeline = TextPipeline::from_assets(text)?;
    match chat_template {
        Some(source) => pipeline.with_template(source),
        None => Ok(pipeline),
    }
}
