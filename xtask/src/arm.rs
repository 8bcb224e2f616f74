//! The kernels of another architecture: clippy reads them, an emulator runs their tests.
//!
//! Both need what a machine need not have. What is missing is told, and the step passes.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell::Cargo;
use crate::{Failure, terminal};

/// What is built.
const TARGET: &str = "aarch64-unknown-linux-gnu";
/// The linker, the emulator, and where Debian and its like put the libraries of that architecture.
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// Lints pricket-simd for aarch64, and runs its tests there.
pub fn run(root: &Path) -> Result<(), Failure> {
    if cfg!(target_arch = "aarch64") {
        terminal::say("nothing to do: this machine runs these tests in the step `test`");
        return Ok(());
    }
    if !target_is_installed(root) {
        terminal::say(&format!("SKIPPED: `rustup target add {TARGET}` is what it needs"));
        return Ok(());
    }
    let words = ["clippy", "-p", "pricket-simd", "--lib", "--target", TARGET, "--", "-D"];
    Cargo::new(words.into_iter().chain(["warnings"])).run(root)?;
    for program in [LINKER, EMULATOR] {
        if !answers(program) {
            terminal::say(&format!("SKIPPED: the tests want {program}, which is not in PATH"));
            return Ok(());
        }
    }
    Cargo::new(["test", "-p", "pricket-simd", "--tests", "--target", TARGET])
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{EMULATOR} -L {LIBRARIES}"))
        .run(root)
}

/// Whether the compiler has the target's standard library.
fn target_is_installed(root: &Path) -> bool {
    let compiler = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    let output = Command::new(compiler).args(arguments).current_dir(root).output();
    output.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists()
    })
}

/// Whether a program is there and says its version.
fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
