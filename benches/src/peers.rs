//! Other engines on the same file: what is measured, how each is run, and the table.
//!
//! 1. [`Task::ALL`] are the rows of the comparison, [`wanted`] is what each file owes in them.
//! 2. [`Pricket`] is our side. Each [`Peer`] is another: [`LlamaCpp`] and [`Candle`] measure a task
//!    in a process of its own, a [`Python`] package in one that keeps its model.
//! 3. A [`Measured`] collects the rounds of a task and gives its lines of the table.
//! 4. A [`Start`] is one side's way from its start to its first token, for the bench `load`.

mod candle;
mod llama_cpp;
mod peer;
mod pricket;
mod process;
mod python;
mod report;
mod session;
mod start;
mod task;

pub use candle::Candle;
pub use llama_cpp::{FlashAttention, LlamaCpp, batched_rate, bench_rate};
pub use peer::{Peer, Run};
pub use pricket::{Pricket, rate as pricket_rate};
pub use python::Python;
pub use report::{HEADER, Measured, Work};
pub use session::driver_rate;
pub use start::{Start, bytes_in};
pub use task::{Task, wanted};
