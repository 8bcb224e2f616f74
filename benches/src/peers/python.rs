//! Engines that are Python packages, each behind a driver of ours (`benches/peers/*.py`).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::session::Session;
use super::{Peer, Run, process};
use crate::Failure;

/// Names the interpreter that has the packages.
const VARIABLE: &str = "PRICKET_PEER_PYTHON";
/// Where it is looked for without that, from the workspace.
const BESIDE: &str = "../peers/venv/bin/python";

#[derive(Debug)]
struct Setting {
    name: &'static str,
    /// What the driver gives to the engine.
    options: &'static str,
    variables: &'static [(&'static str, &'static str)],
}

#[derive(Debug)]
struct Engine {
    name: &'static str,
    package: &'static str,
    driver: &'static str,
    settings: &'static [Setting],
}

/// Settings that were never the best on this project's machines are left out; LOG.md tells of them.
const ENGINES: [Engine; 3] = [
    Engine {
        name: "mistral.rs",
        package: "mistralrs",
        driver: "drive_mistralrs.py",
        settings: &[
            Setting { name: "as filed", options: "{}", variables: &[] },
            // Weights of formats that it has no kernels for are fewer bits but slower.
            Setting {
                name: "requantised to Q8_0",
                options: r#"{"in_situ_quant": "q8_0"}"#,
                variables: &[],
            },
        ],
    },
    Engine {
        name: "openvino",
        package: "openvino-genai",
        driver: "drive_openvino.py",
        settings: &[
            // bf16 where the processor has it, in AMX tiles where it has those.
            Setting { name: "default", options: "{}", variables: &[] },
            Setting {
                name: "f32",
                options: r#"{"INFERENCE_PRECISION_HINT": "f32"}"#,
                variables: &[],
            },
        ],
    },
    // The instructions that our own kernels may use too.
    Engine {
        name: "openvino-without-amx",
        package: "openvino-genai",
        driver: "drive_openvino.py",
        settings: &[Setting {
            name: "f32",
            options: r#"{"INFERENCE_PRECISION_HINT": "f32"}"#,
            variables: &[("ONEDNN_MAX_CPU_ISA", "AVX10_1_512")],
        }],
    },
];

/// An engine that is a Python package. A setting's process keeps its model until another file comes
/// or the setting is not kept: some take a minute to load.
#[derive(Debug)]
pub struct Python {
    engine: &'static Engine,
    interpreter: PathBuf,
    driver: PathBuf,
    version: String,
    model: PathBuf,
    /// `None` for a setting whose process did not load the file or ended.
    sessions: Vec<(&'static str, Option<Session>)>,
}

impl Python {
    /// The engines that there are.
    pub const NAMES: [&'static str; 3] = [ENGINES[0].name, ENGINES[1].name, ENGINES[2].name];

    /// Asks the interpreter that `PRICKET_PEER_PYTHON` names, without it the one of a virtual
    /// environment in `../peers/venv` beside the workspace, whether it has the package.
    ///
    /// # Errors
    /// Where there is no such engine, interpreter or package; the message says what to do.
    pub fn find(name: &str, workspace: &Path) -> Result<Self, Failure> {
        let engine = ENGINES
            .iter()
            .find(|engine| engine.name == name)
            .ok_or_else(|| format!("`{name}` is none of {}", Self::NAMES.join(", ")))?;
        let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        let interpreter = named.map_or_else(|| workspace.join(BESIDE), PathBuf::from);
        let package = engine.package;
        let asked = format!("import importlib.metadata as m; print(m.version('{package}'))");
        let version = process::output(Command::new(&interpreter).args(["-c", &asked]))
            .map_err(|error| {
                format!(
                    "{error}; install `{package}` into a virtual environment and name its \
                     interpreter in {VARIABLE} (default {BESIDE})"
                )
            })?
            .trim()
            .to_owned();
        let driver = workspace.join("benches/peers").join(engine.driver);
        let (model, sessions) = (PathBuf::new(), Vec::new());
        Ok(Self { engine, interpreter, driver, version, model, sessions })
    }

    fn start(&self, setting: &Setting, threads: usize) -> Result<Session, Failure> {
        let mut command = Command::new(&self.interpreter);
        command.arg(&self.driver).arg(&self.model).arg(threads.to_string()).arg(setting.options);
        command.env("RAYON_NUM_THREADS", threads.to_string());
        command.envs(setting.variables.iter().copied());
        Session::start(&mut command)
    }
}

impl Peer for Python {
    fn name(&self) -> &'static str {
        self.engine.name
    }

    fn origin(&self) -> String {
        format!("{} {}", self.engine.package, self.version)
    }

    fn settings(&self) -> Vec<&'static str> {
        self.engine.settings.iter().map(|setting| setting.name).collect()
    }

    fn rate(&mut self, run: &Run, setting: &str) -> Result<f64, Failure> {
        if self.model != run.model {
            self.sessions.clear();
            run.model.clone_into(&mut self.model);
        }
        let known = self.engine.settings.iter().find(|known| known.name == setting);
        let known = known.ok_or_else(|| format!("`{setting}` is no setting"))?;
        if !self.sessions.iter().any(|(name, _)| *name == setting) {
            let started = self.start(known, run.threads);
            let (session, failure) = match started {
                Ok(session) => (Some(session), None),
                Err(failure) => (None, Some(failure)),
            };
            self.sessions.push((known.name, session));
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        let place = self.sessions.iter_mut().find(|(name, _)| *name == setting);
        let (_, place) = place.ok_or("it was not started")?;
        let session = place.as_mut().ok_or("it did not load or ended before")?;
        let rate = session.rate(run.task);
        if !session.is_alive() {
            *place = None;
        }
        rate
    }

    fn keep(&mut self, settings: &[String]) {
        self.sessions.retain(|(name, session)| {
            session.is_none() || settings.iter().any(|setting| setting == name)
        });
    }
}
