//! From files to something that runs: an engine, or a bare forward pass.

use std::path::Path;

use pricket::core::ByteSize;
use pricket::engine::{Engine, EngineOptions, TemplateOrigin};
use pricket::models::{
    self, Backend, DeviceChoice, KvFormat, ModelSpec, OpenOptions, Opened, Quantization,
};
use pricket::tokenizer::ChatTemplate;

use crate::config::{
    BACKEND, CONTEXT, Config, DEVICE, EXPERTS_MEMORY, KV, MEMORY, QUANTIZE, TEMPLATE, THREADS,
};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::progress::ProgressDisplay;
use crate::terminal::Terminal;
use crate::{locate, prompt};

/// The name of the one template that needs no file.
const CHATML: &str = "chatml";

/// An engine around a model.
pub(crate) fn engine(
    model: &str,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<Engine, CliError> {
    // Before the model, which may have to be fetched.
    let chat_template = match config.path(&TEMPLATE) {
        Some(path) if path.as_os_str() == CHATML => Some(ChatTemplate::CHATML.to_owned()),
        Some(path) => Some(prompt::read_text(path)?),
        None => None,
    };
    let options = options(config)?;
    let path = locate::locate(model, config, terminal, interrupt)?;
    let options = EngineOptions {
        chat_template,
        name: Some(model.to_owned()),
        context: config.count(&CONTEXT),
        model: options,
        ..EngineOptions::default()
    };
    let mut display = ProgressDisplay::beside(terminal);
    let mut shown = Ok(());
    let engine = Engine::load(&path, &options, &mut |event| {
        if shown.is_ok() {
            shown = display.show(&event, terminal);
        }
    })?;
    note_experts(engine.model_spec(), terminal);
    shown.map(|()| engine)
}

/// Says what experts on disk cost, before anything is asked of the model.
pub(crate) fn note_experts(spec: &ModelSpec, terminal: &mut Terminal) {
    let Some(told) = spec.experts_on_disk else { return };
    terminal.note(format_args!(
        "experts stay on disk: {} of {} are in memory; a token reads {} at most, which by the \
         speed of loading ({} a second) leaves {:.2} tokens a second at worst",
        ByteSize(told.room_bytes),
        ByteSize(told.file_bytes),
        ByteSize(told.token_bytes),
        ByteSize(told.read_bytes_per_second),
        told.tokens_per_second(),
    ));
}

/// Says where a template stands in for one that the model does not have.
pub(crate) fn note_template(engine: &Engine, terminal: &mut Terminal) {
    if engine.text().template_origin() == Some(TemplateOrigin::Fallback) {
        terminal.note(
            "the model has no chat template, but the marks of ChatML, which is used \
             (--template FILE gives another, run --raw uses none)",
        );
    }
}

/// The model itself, for those who measure it.
pub(crate) fn model(
    model: &str,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<Opened, CliError> {
    let options = options(config)?;
    let path = locate::locate(model, config, terminal, interrupt)?;
    let mut display = ProgressDisplay::beside(terminal);
    let mut shown = Ok(());
    let opened = models::open(&path, &options, &mut |event| {
        if shown.is_ok() {
            shown = display.show(&event, terminal);
        }
    })?;
    note_experts(opened.model.spec(), terminal);
    shown.map(|()| opened)
}

/// How the configuration wants a model to be opened.
///
/// # Errors
/// Where the device that is asked for is not there, or this build cannot compute on it.
pub(crate) fn options(config: &Config) -> Result<OpenOptions, CliError> {
    let device: DeviceChoice = config.text(&DEVICE).unwrap_or("auto").parse()?;
    // What is wrong with the processor's instruction set, the kernels say themselves.
    if !matches!(device, DeviceChoice::Auto | DeviceChoice::Cpu) {
        device.pick(Path::new("/"))?;
    }
    let backend = match config.text(&BACKEND) {
        Some("candle") => Backend::Candle,
        Some("candle-f32") => Backend::CandleF32,
        _ => Backend::Cpu,
    };
    let kv = match config.text(&KV) {
        Some("f32") => KvFormat::F32,
        Some("f16") => KvFormat::F16,
        Some("q8_0") => KvFormat::Q8,
        _ => KvFormat::Auto,
    };
    Ok(OpenOptions {
        backend,
        kv,
        threads: config.count(&THREADS),
        memory: config.size(&MEMORY),
        experts_memory: config.size(&EXPERTS_MEMORY),
        quantize: quantization(config),
        ..OpenOptions::default()
    })
}

/// What weights that are floats become.
pub(crate) fn quantization(config: &Config) -> Quantization {
    let wanted = config.text(&QUANTIZE);
    Quantization::ALL.into_iter().find(|what| wanted == Some(what.name())).unwrap_or_default()
}
