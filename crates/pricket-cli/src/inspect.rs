//! `pricket inspect`: what a model file is.

use pricket::core::ByteSize;
use pricket::models::{self, Inspection, ModelFormat};

use crate::args::InspectArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::{locate, table};

/// A context that fits most conversations, told beside the full one.
const USUAL_CONTEXT: u64 = 2048;

/// Tells what a model file is, without loading it.
pub(crate) fn inspect(
    args: &InspectArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let model = config.model(args.model.as_deref())?;
    let path = locate::locate(model, config, terminal, interrupt)?;
    let inspection = models::inspect(&path)?;
    if args.json {
        terminal.json_pretty(&inspection)
    } else {
        terminal.line(table::columns(&rows(&inspection)))
    }
}

fn rows(i: &Inspection) -> Vec<[String; 2]> {
    let number = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push([name.to_owned(), value]);
    row("path", i.path.clone());
    row("format", format(i));
    row("size", ByteSize(i.file_bytes).to_string());
    row("name", i.name.clone().unwrap_or_else(|| "unnamed".to_owned()));
    let refused = if i.architecture_supported { "" } else { " (not supported)" };
    row("architecture", format!("{}{refused}", i.architecture));
    row("parameters", parameters(i.parameters));
    row("quantisation", quantisation(i));
    row("context", format!("{} tokens", number(i.context_length)));
    row("vocabulary", format!("{} tokens", number(i.vocab_size)));
    row("layers", number(i.layers));
    row("tokenizer", i.tokenizer.clone().unwrap_or_else(|| "none".to_owned()));
    row("chat template", if i.has_chat_template { "yes" } else { "no" }.to_owned());
    for (name, tensors) in
        [("missing tensors", &i.missing_tensors), ("unused tensors", &i.unused_tensors)]
    {
        if let Some(first) = tensors.first() {
            row(name, format!("{} ({first}{})", tensors.len(), more(tensors.len())));
        }
    }
    row("memory needed", memory(i));
    if let Some((packed, buffers)) = i.packed_bytes.zip(i.buffer_bytes) {
        let [packed, buffers] = [packed, buffers].map(ByteSize);
        row("without context", format!("{packed} packed weights, about {buffers} buffers"));
    }
    rows
}

/// What stands behind the first name of a list.
fn more(count: usize) -> &'static str {
    if count > 1 { ", ..." } else { "" }
}

fn format(i: &Inspection) -> String {
    let name = match i.format {
        ModelFormat::Gguf => "GGUF",
        ModelFormat::Safetensors => "safetensors",
        _ => "other",
    };
    let version = i.format_version.map(|version| format!(" {version}")).unwrap_or_default();
    let files = if i.files == 1 { String::new() } else { format!(", {} files", i.files) };
    format!("{name}{version}{files}")
}

fn parameters(count: u64) -> String {
    let count_f = count as f64;
    match count {
        1_000_000_000.. => format!("{:.2} billion", count_f / 1e9),
        1_000_000.. => format!("{:.1} million", count_f / 1e6),
        _ => count.to_string(),
    }
}

/// The type of most weights, then all types with their shares.
fn quantisation(i: &Inspection) -> String {
    let all = i.tensor_types.iter().map(|entry| {
        let refused = if entry.supported { "" } else { ", not supported" };
        format!("{} {} ({}{refused})", entry.tensors, entry.name, ByteSize(entry.bytes))
    });
    format!("{}: {}", i.quantization, all.collect::<Vec<_>>().join(", "))
}

fn memory(i: &Inspection) -> String {
    let at = |context: u64| {
        let bytes = i.memory_bytes(context)?;
        Some(format!("{} with a context of {context}", ByteSize(bytes)))
    };
    let usual = USUAL_CONTEXT.min(i.context_length.unwrap_or(USUAL_CONTEXT));
    let full = i.context_length.filter(|&full| full > usual);
    let told: Vec<String> = [Some(usual), full].into_iter().flatten().filter_map(at).collect();
    if told.is_empty() {
        return format!("{} for the weights", ByteSize(i.weight_bytes));
    }
    told.join(", ")
}
