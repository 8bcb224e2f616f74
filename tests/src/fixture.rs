//! Where fixtures and models lie.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A tiny checkpoint that travels with the repository.
pub fn tiny_model(name: &str) -> PathBuf {
    home().join("fixtures").join("models").join(name)
}

/// A file of the fixtures outside the repository: below `PRICKET_FIXTURES`, else beside the
/// checkout. Where it is absent, stderr says so aloud and the caller has nothing to test.
pub fn fixtures(relative: &str) -> Option<PathBuf> {
    let beside = home().join("../../shared/fixtures");
    found("PRICKET_FIXTURES", &beside, relative)
}

/// A real model's file: below `PRICKET_MODELS`, else beside the checkout. Where it is absent,
/// stderr says so aloud and the caller has nothing to test.
pub fn real_model(file: &str) -> Option<PathBuf> {
    let beside = home().join("../../models");
    found("PRICKET_MODELS", &beside, file)
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn found(variable: &str, beside: &Path, relative: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map_or_else(|| beside.to_owned(), PathBuf::from);
    let path = folder.join(relative);
    if path.exists() {
        return Some(path);
    }
    let _nobody_listens = writeln!(
        std::io::stderr(),
        "SKIPPED: {} is not there; set {variable} to the folder that holds {relative}",
        path.display()
    );
    None
}

/// A folder of its own for one test, gone when dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// A copy of a tiny checkpoint, with a chat template of our own where one is given.
    ///
    /// # Errors
    /// The file system's.
    pub fn of_tiny_model(name: &str, template: Option<&str>) -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for entry in std::fs::read_dir(tiny_model(name))? {
            let entry = entry?;
            std::fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
        }
        if let Some(template) = template {
            std::fs::write(folder.path().join("chat_template.jinja"), template)?;
        }
        Ok(Self { folder })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
