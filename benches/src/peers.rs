//! Other engines on the same file: what is measured, how each is run, and the table.
//!
//! 1. [`Task::ALL`] are the columns of the comparison, [`wanted`] is what each file owes in them.
//! 2. [`Pricket`] and [`LlamaCpp`] find or build their side and measure a task in a process of its
//!    own.
//! 3. A [`Measured`] collects the rounds of a task and gives its line of the table.
//! 4. A [`Start`] is one side's way from its start to its first token, for the bench `load`.

mod candle;
mod llama_cpp;
mod pricket;
mod process;
mod report;
mod start;
mod task;

pub use candle::Candle;
pub use llama_cpp::{FlashAttention, LlamaCpp, batched_rate, bench_rate};
pub use pricket::{Pricket, rate as pricket_rate};
pub use report::{HEADER, Measured, Work};
pub use start::{Start, bytes_in};
pub use task::{Task, wanted};
