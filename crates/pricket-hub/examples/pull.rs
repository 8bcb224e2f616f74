//! Pulls a model and prints each event: `cargo run -p pricket-hub --example pull -- smollm2:135m`.

use std::process::ExitCode;
use std::time::Instant;

use pricket_core::ProgressEvent;
use pricket_hub::Hub;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to a person")]
fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "smollm2:135m".into());
    let hub = match Hub::from_env() {
        Ok(hub) => hub,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    match hub.resolve(&name) {
        Ok(resolution) => println!("{}", resolution.explain()),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    let start = Instant::now();
    for event in hub.pull(&name) {
        println!("{:>8.3} s  {event:?}", start.elapsed().as_secs_f64());
        if matches!(event, ProgressEvent::Failed { .. }) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
