//! The repository's own files: every Rust file lexed once, every other one by name or as text.

use std::fs;
use std::path::Path;

use crate::{Failure, Source};

/// Folders that are not ours to judge: build outputs, git's own, test data.
const SKIPPED: [&str; 3] = ["target", ".git", "fixtures"];

/// No folder of ours is deeper; a loop of links ends here.
const DEPTH_MAX: usize = 16;

/// The repository's own files.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The names of what lies at the root.
    pub root: Vec<String>,
    /// Every Rust file.
    pub sources: Vec<Source>,
    /// Every manifest and table, as (path, text).
    pub tables: Vec<(String, String)>,
}

impl Tree {
    /// Reads the tree below a folder, in the order of the names.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let mut tree = Self::default();
        tree.descend(root, "", 0)?;
        Ok(tree)
    }

    fn descend(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        let fault = |error: &std::io::Error| Failure::File {
            path: folder.to_path_buf(),
            reason: error.to_string(),
        };
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| fault(&error))? {
            let entry = entry.map_err(|error| fault(&error))?;
            let kind = entry.file_type().map_err(|error| fault(&error))?;
            entries.push((entry.file_name().to_string_lossy().into_owned(), kind.is_dir()));
        }
        entries.sort();
        for (name, is_folder) in entries {
            if depth == 0 {
                self.root.push(name.clone());
            }
            let path = format!("{prefix}{name}");
            let here = folder.join(&name);
            if is_folder {
                if depth < DEPTH_MAX && !SKIPPED.contains(&name.as_str()) {
                    self.descend(&here, &format!("{path}/"), depth + 1)?;
                }
                continue;
            }
            let extension = here.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("rs" | "toml")) {
                let text = fs::read_to_string(&here).map_err(|error| Failure::File {
                    path: here.clone(),
                    reason: error.to_string(),
                })?;
                if extension == Some("rs") {
                    self.sources.push(Source::new(path, text));
                } else {
                    self.tables.push((path, text));
                }
            }
        }
        Ok(())
    }
}
