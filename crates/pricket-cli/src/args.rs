//! The command line, as clap reads it.
#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

mod answer;
mod config;
mod debug;
mod embed;
mod model;
mod models;
mod store;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use answer::{ChatArgs, RunArgs};
pub(crate) use config::{ConfigArgs, ConfigCommand, ConfigShowArgs};
pub(crate) use debug::{
    DebugArgs, DebugCommand, DetokenizeArgs, LogitsArgs, PerplexityArgs, RenderArgs, TokenizeArgs,
};
pub(crate) use embed::{EmbedArgs, RerankArgs, TextArgs};
pub(crate) use model::{BenchArgs, InspectArgs, SourceArgs};
pub(crate) use models::ModelsArgs;
pub(crate) use store::{ListArgs, PullArgs, RmArgs};

use crate::config::{Flags, Logging};

const AFTER_HELP: &str = "\
MODEL is an alias (smollm2:135m), a file on the Hugging Face hub (hf:ORG/REPO[@REV]/FILE), or a path
to a .gguf file or to a folder with config.json and safetensors.

Exit codes:
    0  done
    1  failed
    2  wrong usage
    3  model or file not found
    4  network failed
    5  model file malformed or not supported
  130  interrupted by Ctrl-C

Environment:
  HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE
                   as the Hugging Face tools read them
  PRICKET_CONFIG   the configuration file; empty reads none
  PRICKET_MODELS   a folder of model files that is looked into first
  PRICKET_CACHE    where files that came out of Python packages are kept
  PRICKET_PIP      the pip command [default: python3 -m pip]
  PRICKET_SIMD     forces the instruction set: scalar, avx2, avxvnni, avx512, avx512vnni, neon,
                   neondot
  PRICKET_HISTORY  where `chat` keeps its history; empty keeps none
  PRICKET_...      any other setting: `pricket config example` names its variable
  RUST_LOG         log filter, such as pricket_hub=debug; logs go to stderr
  NO_COLOR         turns colours off";

/// Runs large language models on this machine.
#[derive(Debug, Parser)]
#[command(name = "pricket", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file [default: what `pricket config path` tells]
    #[arg(long, value_name = "FILE", global = true, display_order = 900)]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    _logging: Flags<Logging>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    // What needs a configuration without mistakes.
    #[command(flatten)]
    Task(Task),
    /// Tell what is configured, and where
    Config(ConfigArgs),
}

/// The work of this program.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Answer one prompt
    Run(RunArgs),
    /// Talk with a model
    Chat(ChatArgs),
    /// Turn texts into vectors (JSON lines out)
    Embed(EmbedArgs),
    /// Score documents against a query (JSON lines out)
    Rerank(RerankArgs),
    /// Download a model
    Pull(PullArgs),
    /// List downloaded models
    List(ListArgs),
    /// Remove a downloaded model
    Rm(RmArgs),
    /// Tell what a model file is, without loading it
    Inspect(InspectArgs),
    /// Tell what models are known, or what a name means
    Models(ModelsArgs),
    /// Measure speed and memory
    Bench(BenchArgs),
    /// Hold this program's numbers against another implementation (JSON out)
    Debug(DebugArgs),
}
