//! `pricket inspect`: what a model file is.

use std::path::Path;

use pricket::core::{ByteSize, Capability, MicroDollars, ModelInfo};
use pricket::models::{self, Device, Inspection, ModelFormat};
use serde::Serialize;

use crate::args::InspectArgs;
use crate::config::Config;
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::{locate, table};

/// A context that fits most conversations, told beside the full one.
const USUAL_CONTEXT: u64 = 2048;

/// What there is to tell about a model: its files, what its name means, where it can run.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    inspection: &'a Inspection,
    /// Why this name means these files, in lines.
    resolution: String,
    /// What the model data says of it, where it is in there.
    model_data: Option<&'a ModelInfo>,
    devices: &'a [Device],
}

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
    let resolution = locate::disk(config)?.resolve(model)?;
    let devices = models::devices(Path::new("/"));
    if args.json {
        return terminal.json_pretty(&Told {
            inspection: &inspection,
            resolution: resolution.explain(),
            model_data: resolution.info.as_ref(),
            devices: &devices,
        });
    }
    let mut rows = rows(&inspection);
    rows.extend(data_rows(resolution.info.as_ref()));
    rows.extend(devices.iter().map(device_row));
    rows.push(["name found".to_owned(), resolution.rule.to_string()]);
    terminal.line(table::columns(&rows))
}

/// What the model data says.
fn data_rows(info: Option<&ModelInfo>) -> Vec<[String; 2]> {
    let Some(info) = info else { return Vec::new() };
    let can: Vec<&str> = info.capabilities.iter().map(Capability::as_str).collect();
    let mut rows = vec![["can".to_owned(), can.join(", ")]];
    if let Some(price) = &info.price {
        let dollars = |amount: Option<MicroDollars>| {
            amount.map_or_else(|| "unknown".to_owned(), |amount| amount.to_string())
        };
        let told = format!(
            "{} in, {} out for a million tokens on {}",
            dollars(price.input),
            dollars(price.output),
            price.as_of
        );
        rows.push(["price".to_owned(), told]);
    }
    rows
}

/// `device cpu`, what it is, its memory, and why it cannot be used.
fn device_row(device: &Device) -> [String; 2] {
    let size = |bytes: Option<u64>| {
        bytes.map_or_else(|| "unknown".to_owned(), |bytes| ByteSize(bytes).to_string())
    };
    let mut parts = vec![device.model.clone().unwrap_or_else(|| "unnamed".to_owned())];
    parts.extend(device.threads.map(|threads| format!("{threads} threads")));
    parts.extend(device.instructions.clone());
    parts.push(format!("memory {}, free {}", size(device.total_bytes), size(device.free_bytes)));
    parts.extend(device.refusal.as_ref().map(|why| format!("not usable: {why}")));
    [format!("device {}", device.name), parts.join(", ")]
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
    if let Some(on_disk) = on_disk(i) {
        row("experts on disk", on_disk);
    }
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
        ModelFormat::Torch => "torch",
        ModelFormat::Numpy => "numpy",
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

/// What a mixture needs at least, where its experts stay in the files.
fn on_disk(i: &Inspection) -> Option<String> {
    let one = i.expert_room_bytes?;
    let context = USUAL_CONTEXT.min(i.context_length.unwrap_or(USUAL_CONTEXT));
    let [least, all, one] =
        [i.memory_bytes_on_disk(context, one)?, i.expert_bytes?, one].map(ByteSize);
    Some(format!("{least} and slow, with one expert of {one} in memory; all of them take {all}"))
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
