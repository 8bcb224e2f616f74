//! Runs the binary in an environment of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// `[role] content` on a line each, then `[assistant] `.
const TEMPLATE: &str = "{% for message in messages %}[{{ message.role }}] {{ message.content }}\n\
    {% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}";

/// The binary with an empty home, so that no cache and no setting of the machine takes part.
pub(crate) struct Pricket {
    home: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Pricket {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// A folder that is gone after the test.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The command, not started yet; standard input is empty.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pricket"));
        command.args(args).env_clear().current_dir(self.home());
        for kept in ["PATH", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE", "PRICKET_SIMD", "SYSTEMROOT"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.env("HOME", self.home()).env("HF_HOME", self.home().join("hf"));
        command.env("PRICKET_CACHE", self.home().join("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        finish(self.command(args).spawn().unwrap())
    }

    /// Runs with a text piped into standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Outcome {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        finish(child)
    }

    /// A copy of tiny-llama with a chat template.
    pub(crate) fn chat_model(&self) -> String {
        let folder = self.home().join("tiny-chat");
        std::fs::create_dir_all(&folder).unwrap();
        for entry in std::fs::read_dir(tiny("tiny-llama")).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        std::fs::write(folder.join("chat_template.jinja"), TEMPLATE).unwrap();
        folder.to_str().unwrap().to_owned()
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.home().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Outcome {
    /// The outcome of a run that must have ended well.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Stdout as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Stdout as one JSON value a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Holds a failed pull against its exit code and a word of its sentence; its last event is on
    /// stdout.
    pub(crate) fn is_error_of_pull(&self, code: i32, part: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.starts_with("error: ") && self.stderr.contains(part), "{self:?}");
    }

    /// Holds an error against the house's form: the exit code, one sentence on the first line of
    /// stderr that begins with `error:` and has every one of `parts`, and nothing on stdout.
    pub(crate) fn is_error(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let first = self.stderr.lines().next().unwrap_or_default();
        assert!(first.starts_with("error: "), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing: {self:?}");
        }
        assert_eq!(self.stdout, "", "{self:?}");
    }
}

pub(crate) fn finish(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The path of a tiny checkpoint.
pub(crate) fn tiny(name: &str) -> String {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models").join(name);
    folder.to_str().unwrap().to_owned()
}

/// What the reference of a tiny checkpoint says.
pub(crate) fn reference(name: &str) -> Value {
    let path = PathBuf::from(tiny(name)).join("reference.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Ids as the command line takes them.
pub(crate) fn comma(ids: &Value) -> String {
    let ids = ids.as_array().unwrap().iter().map(Value::to_string);
    ids.collect::<Vec<_>>().join(",")
}
