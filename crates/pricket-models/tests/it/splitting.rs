//! Models split into several GGUF files.

use std::fs;
use std::path::{Path, PathBuf};

use pricket_core::ErrorKind;
use pricket_models::{GgufFile, ModelFiles, TensorSource, inspect};
use tempfile::TempDir;

use crate::gguf_writer::{Entry, File, STRING, U32, entry, string, tensor};

const U16: u32 = 2;
const COUNT: usize = 3;

/// What part `number` (from 1 on) says of itself.
fn says(number: u16, count: u16, tensors: i32) -> Vec<Entry> {
    vec![
        entry("split.no", U16, (number - 1).to_le_bytes()),
        entry("split.count", U16, count.to_le_bytes()),
        entry("split.tensors.count", 5, tensors.to_le_bytes()),
    ]
}

/// Part `number` of three: a tensor of four values each, and of the first the model's metadata.
fn part(number: u16) -> File {
    let name = format!("blk.{}.x", number - 1);
    let mut file = File::of_tensors(vec![tensor(name, &[4], 0, 0)], 16);
    file.data = vec![number as u8; 16];
    if number == 1 {
        file.entries.push(entry("llama.block_count", U32, 3_u32.to_le_bytes()));
        file.entries.push(entry("general.name", STRING, string("tiny")));
    } else {
        file.entries.clear();
    }
    file.entries.extend(says(number, COUNT as u16, COUNT as i32));
    file
}

struct Split {
    folder: TempDir,
}

impl Split {
    fn whole() -> Self {
        let split = Self { folder: tempfile::tempdir().unwrap() };
        (1..=3).for_each(|number| split.write(number, &part(number)));
        split
    }

    fn path(&self, number: u16) -> PathBuf {
        self.folder.path().join(format!("tiny-{number:05}-of-00003.gguf"))
    }

    fn write(&self, number: u16, file: &File) {
        fs::write(self.path(number), file.bytes()).unwrap();
    }

    /// How the model is refused, opened by part `number`: the code and the message.
    fn refused(&self, number: u16) -> (&'static str, String) {
        let error = GgufFile::open(&self.path(number)).unwrap_err();
        (error.code(), error.to_string().replace(&self.folder.path().display().to_string(), ""))
    }
}

#[test]
fn all_parts_are_one_model_by_whichever_it_is_opened() {
    let split = Split::whole();
    for number in 1..=3 {
        let file = GgufFile::open(&split.path(number)).unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["blk.0.x", "blk.1.x", "blk.2.x"]);
        assert_eq!(file.architecture().unwrap(), "llama");
        assert_eq!(file.path(), split.path(1));
        assert_eq!(file.paths().collect::<Vec<_>>(), [1, 2, 3].map(|n| split.path(n)));
        let sizes = (1..=3).map(|n| fs::metadata(split.path(n)).unwrap().len());
        assert_eq!(file.file_bytes(), sizes.sum::<u64>());
        for (name, value) in [("blk.0.x", 1), ("blk.1.x", 2), ("blk.2.x", 3)] {
            let mut bytes = [0; 16];
            file.read_range(name, 0, &mut bytes).unwrap();
            assert_eq!(bytes, [value; 16], "{name}");
            assert_eq!(file.tensor(name).unwrap().part, usize::from(value) - 1);
        }
        let told = inspect(&split.path(number)).unwrap();
        assert_eq!((told.files, told.file_bytes), (3, file.file_bytes()));
    }
}

#[test]
fn a_folder_with_the_parts_of_one_model_holds_one_model() {
    let split = Split::whole();
    assert_eq!(inspect(split.folder.path()).unwrap().files, 3);
    let error = ModelFiles::at(split.folder.path()).unwrap().text_assets().unwrap();
    assert!(error.vocabulary.is_none());
    fs::write(split.folder.path().join("another.gguf"), File::valid().bytes()).unwrap();
    let error = inspect(split.folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("holds 2 GGUF models; name one"), "{error}");
}

#[test]
fn a_part_that_is_missing_is_named() {
    for missing in 1..=3_u16 {
        let split = Split::whole();
        fs::remove_file(split.path(missing)).unwrap();
        let opened = if missing == 1 { 3 } else { 1 };
        let (code, message) = split.refused(opened);
        assert_eq!(code, "model_not_found");
        let expected = format!(
            "no model at /tiny-0000{missing}-of-00003.gguf: part {missing} of 3: there is no such \
             file"
        );
        assert_eq!(message, expected);
        let by_folder = ModelFiles::at(split.folder.path()).unwrap_err();
        assert_eq!((by_folder.code(), by_folder.kind()), (code, ErrorKind::NotFound));
    }
}

#[test]
fn parts_that_do_not_fit_are_refused_by_name() {
    let with = |number, change: &dyn Fn(&mut File)| {
        let split = Split::whole();
        split.write(number, &part(number).with(|file| change(file)));
        split.refused(1)
    };
    let invalid = "model_split_invalid";
    let refusal = |path: &str, why: &str| {
        (invalid, format!("{path} does not make a whole model with the files beside it: {why}"))
    };
    let second = "/tiny-00002-of-00003.gguf";
    let says_other = |number, count| move |file: &mut File| file.entries = says(number, count, 3);
    assert_eq!(with(2, &says_other(3, 3)), refusal(second, "it is part 3 of 3"));
    assert_eq!(with(2, &says_other(2, 4)), refusal(second, "it is part 2 of 4"));
    assert_eq!(with(2, &says_other(5, 4)), refusal(second, "it calls itself part 5 of 4"));
    let alone = |file: &mut File| file.entries.clear();
    assert_eq!(with(2, &alone), refusal(second, "it is a model of its own"));
    let twice = |file: &mut File| file.tensors = vec![tensor("blk.0.x", &[4], 0, 0)];
    let (code, message) = with(2, &twice);
    assert_eq!(code, invalid);
    assert!(
        message.starts_with(second) && message.contains("tensor `blk.0.x` is in "),
        "{message}"
    );
    let fewer = |file: &mut File| (file.tensors, file.data) = (Vec::new(), Vec::new());
    let why = "all parts have 2 tensors, but `split.tensors.count` is 3";
    assert_eq!(with(2, &fewer), refusal("/tiny-00001-of-00003.gguf", why));
    let cut = |file: &mut File| file.data.truncate(9);
    assert_eq!(with(3, &cut).0, "model_truncated");
    let many = |file: &mut File| file.entries = says(2, 513, 3);
    let (code, message) = with(2, &many);
    assert_eq!(code, "model_limit_exceeded");
    assert!(message.ends_with("00002-of-00003.gguf names is 513, but at most 512 is read"));
    let unnumbered = |file: &mut File| drop(file.entries.remove(0));
    assert_eq!(with(2, &unnumbered).0, "model_metadata_invalid");
}

#[test]
fn a_part_under_another_name_is_refused_with_the_name_that_it_should_have() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "tiny.gguf",
        "tiny-00002-of-00003",
        "tiny-2-of-3.gguf",
        "tiny-00001-of-00003.gguf",
        "tiny-00002-of-00004.gguf",
        "tiny-+0002-of-00003.gguf",
        "00002-of-00003.gguf",
    ] {
        let path = folder.path().join(name);
        fs::write(&path, part(2).bytes()).unwrap();
        let error = GgufFile::open(&path).unwrap_err();
        assert_eq!(error.code(), "model_split_invalid", "{name}");
        let why = "it is part 2 of 3, so its name must end in `-00002-of-00003.gguf`";
        assert!(error.to_string().ends_with(why), "{error}");
    }
    let error = GgufFile::from_bytes("part", part(2).bytes()).unwrap_err();
    assert_eq!(error.code(), "model_unsupported");
    assert!(GgufFile::open(Path::new("tiny-00001-of-00003.gguf")).is_err());
}
