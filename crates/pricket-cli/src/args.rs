//! The command line, as clap reads it.
#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

mod answer;
mod debug;
mod model;
mod store;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use answer::{AnswerArgs, ChatArgs, RunArgs};
pub(crate) use debug::{
    DebugArgs, DebugCommand, DetokenizeArgs, LogitsArgs, RenderArgs, TokenizeArgs,
};
pub(crate) use model::{BackendName, BenchArgs, InspectArgs, ModelArgs, SourceArgs};
pub(crate) use store::{ListArgs, PullArgs, RmArgs};

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
  PRICKET_MODELS   a folder of model files that is looked into first
  PRICKET_CACHE    where files that came out of Python packages are kept
  PRICKET_PIP      the pip command [default: python3 -m pip]
  PRICKET_SIMD     forces the instruction set: scalar, avx2, avx512vnni
  PRICKET_HISTORY  where `chat` keeps its history; empty keeps none
  RUST_LOG         log filter, such as pricket_hub=debug; logs go to stderr
  NO_COLOR         turns colours off";

/// Runs large language models on this machine.
#[derive(Debug, Parser)]
#[command(name = "pricket", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// How to write logs to stderr [default: text where RUST_LOG is set, else none]
    #[arg(long, value_enum, value_name = "FORMAT", global = true)]
    pub(crate) log: Option<LogFormat>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    // Lines for people.
    Text,
    // One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer one prompt
    Run(RunArgs),
    /// Talk with a model
    Chat(ChatArgs),
    /// Download a model
    Pull(PullArgs),
    /// List downloaded models
    List(ListArgs),
    /// Remove a downloaded model
    Rm(RmArgs),
    /// Tell what a model file is, without loading it
    Inspect(InspectArgs),
    /// Measure speed and memory
    Bench(BenchArgs),
    /// Hold this program's numbers against another implementation (JSON out)
    Debug(DebugArgs),
}
