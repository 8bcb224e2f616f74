//! Malformed archives of torch's and numpy's, and pickles that would do more than tell of tensors.

use pricket_models::{TensorSource, ZippedTensors};

use crate::allocation::Alone;
use crate::archive_writer::{dictionary, npy, tensor, text, torch, zip};

const MALFORMED: &str = "model_malformed";
const TRUNCATED: &str = "model_truncated";
const LIMIT: &str = "model_limit_exceeded";
const UNSUPPORTED: &str = "model_unsupported";

/// What is allowed for a pickle that is refused late, for each of its bytes: what it makes is
/// written down before it is refused.
const BYTES_PER_BYTE: usize = 48;

type Case = (&'static str, Vec<u8>, &'static str, &'static str);

/// A file whose tensor `w` is so.
fn one(class: &str, key: &str, offset: u8, axes: [&[usize]; 2]) -> Vec<u8> {
    torch(&dictionary(&tensor("w", class, key, offset, axes)), 16)
}

/// A file with so many bytes of zeros instead of four at `at`, counted from the end.
fn with(mut file: Vec<u8>, at: usize, number: u32) -> Vec<u8> {
    let at = file.len() - at;
    file[at..at + 4].copy_from_slice(&number.to_le_bytes());
    file
}

fn archives() -> Vec<Case> {
    let valid = || one("FloatStorage", "0", 0, [&[4], &[1]]);
    let twice = zip(&[("a/data.pkl", vec![]), ("a/data.pkl", vec![])]);
    let order = zip(&[
        ("a/data.pkl", dictionary(&tensor("w", "FloatStorage", "0", 0, [&[4], &[1]]))),
        ("a/data/0", vec![0; 16]),
        ("a/byteorder", b"big".to_vec()),
    ]);
    vec![
        ("nothing", vec![], TRUNCATED, "4 bytes are needed"),
        ("another file", b"GGUF and more".to_vec(), "model_format", "begins with `GGUF`"),
        ("an archive's beginning", b"PK\x03\x04".to_vec(), TRUNCATED, "ends early"),
        ("a directory past the end", with(valid(), 6, 4_000), MALFORMED, "lie in the file"),
        ("a directory of 4 GB", with(valid(), 10, u32::MAX), LIMIT, "at most 16777216"),
        ("a directory that is shorter", with(valid(), 10, 50), MALFORMED, "within an entry"),
        ("a directory elsewhere", with(valid(), 6, 2), MALFORMED, "no entry"),
        ("a name twice", twice, MALFORMED, "`a/data.pkl` is in the archive twice"),
        ("nothing of torch's", zip(&[("readme", vec![])]), MALFORMED, "neither a pickle"),
        ("the other byte order", order, UNSUPPORTED, "another byte order"),
    ]
}

fn pickles() -> Vec<Case> {
    let foreign = |class: &str| {
        torch(&[b"\x80\x02c", class.as_bytes(), b"\n", &text("ls"), b"\x85R."].concat(), 0)
    };
    let deep = [b"\x80\x02N".to_vec(), vec![0x85; 200_000], b".".to_vec()].concat();
    let marks = [b"\x80\x02".to_vec(), vec![b'('; 200_000], b".".to_vec()].concat();
    let high = [b"\x80\x02".to_vec(), vec![b'N'; 200_000], b".".to_vec()].concat();
    let long = [b"\x80\x02X\xff\xff\xff\xff".to_vec(), vec![b'a'; 9]].concat();
    let memo = b"\x80\x02}r\xff\xff\xff\xff.".to_vec();
    let row = |ops: &[u8]| torch(&[b"\x80\x02", ops].concat(), 0);
    vec![
        ("a function of the system", foreign("os\nsystem"), UNSUPPORTED, "`os.system` in hostile"),
        ("a builtin", foreign("__builtin__\neval"), UNSUPPORTED, "nothing in it is run"),
        ("another function of torch", foreign("torch\nload"), UNSUPPORTED, "`torch.load`"),
        ("a class with a long name", foreign(&"x".repeat(5_000)), TRUNCATED, "ends early"),
        ("an instruction of others", row(b"i."), MALFORMED, "no instruction 0x69"),
        ("protocol 77", torch(b"\x80\x4d.", 0), MALFORMED, "protocol 77"),
        ("no end", row(b"}"), TRUNCATED, "1 bytes are needed"),
        ("an empty stack", row(b"."), MALFORMED, "stack is empty"),
        ("a pop through a mark", row(b"N(\x85."), MALFORMED, "stack is empty"),
        ("no mark", row(b"t."), MALFORMED, "no mark"),
        ("a number", row(b"K\x01."), MALFORMED, "no dictionary of tensors"),
        ("no tensor", row(b"}."), MALFORMED, "holds no tensor"),
        ("a key without a value", row(b"}(Nu."), MALFORMED, "no value"),
        ("a key for a list", row(b"]NNs."), MALFORMED, "no dictionary"),
        ("an item for a dictionary", row(b"}Na."), MALFORMED, "takes nothing"),
        ("a call of a number", row(b"K\x01)R."), MALFORMED, "no class"),
        ("a call without a tuple", row(b"ccollections\nOrderedDict\nNR."), MALFORMED, "a tuple"),
        ("a call with little", row(b"ctorch._utils\n_rebuild_tensor_v2\n)R."), MALFORMED, "parts"),
        (
            "a parameter of nothing",
            row(b"ctorch._utils\n_rebuild_parameter\n)R."),
            MALFORMED,
            "arg",
        ),
        ("a storage of nothing", row(b")Q."), MALFORMED, "storage has wrong parts"),
        ("a place that was not kept", row(b"h\x07."), MALFORMED, "no 7"),
        ("a number of 9 bytes", row(b"\x8a\x09123456789."), MALFORMED, "64 bits"),
        ("a text of 4 GB", torch(&long, 0), TRUNCATED, "bytes are needed"),
        ("a place of 4 billion", torch(&memo, 0), MALFORMED, "no room for 4294967295"),
        ("tuples in tuples", torch(&deep, 0), MALFORMED, "more values than its length"),
        ("marks", torch(&marks, 0), MALFORMED, "marks"),
        ("a high stack", torch(&high, 0), MALFORMED, "stack is higher"),
        ("a text that is none", row(b"X\x01\0\0\0\xff."), MALFORMED, "UTF-8"),
    ]
}

fn tensors() -> Vec<Case> {
    let float = |key, offset, axes| one("FloatStorage", key, offset, axes);
    let twice = [
        tensor("w", "FloatStorage", "0", 0, [&[4], &[1]]),
        tensor("w", "FloatStorage", "0", 0, [&[4], &[1]]),
    ];
    let long = tensor(&"w".repeat(1_025), "FloatStorage", "0", 0, [&[4], &[1]]);
    let huge: &[usize] = &[0x7fff_ffff; 3];
    let nine: &[usize] = &[1; 9];
    vec![
        ("no such storage", float("1", 0, [&[4], &[1]]), MALFORMED, "no `a/data/1`"),
        ("a storage above", float("../data.pkl", 0, [&[1], &[1]]), MALFORMED, "no `a/data/../"),
        ("more than is stored", float("0", 0, [&[5], &[1]]), MALFORMED, "not in its storage"),
        ("behind what is stored", float("0", 1, [&[4], &[1]]), MALFORMED, "not in its storage"),
        ("larger values", one("LongStorage", "0", 0, [&[4], &[1]]), MALFORMED, "not in its"),
        ("2^93 values", float("0", 0, [huge, huge]), MALFORMED, "not in its storage"),
        ("a stride too few", float("0", 0, [&[2, 2], &[1]]), MALFORMED, "too many or too few"),
        ("nine axes", float("0", 0, [nine, nine]), MALFORMED, "a shape that is none"),
        ("an axis of -1", float("0", 0, [&[0xffff_ffff], &[1]]), MALFORMED, "shape that is none"),
        ("a storage of another kind", one("Tensor", "0", 0, [&[4], &[1]]), UNSUPPORTED, "Tensor`"),
        ("a name twice", torch(&dictionary(&twice.concat()), 16), MALFORMED, "is there twice"),
        ("a name of 1,025 bytes", torch(&dictionary(&long), 16), MALFORMED, "is too long"),
    ]
}

fn arrays() -> Vec<Case> {
    let header = |text: &str| zip(&[("w.npy", npy(text))]);
    let with_shape = |shape: &str| {
        header(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"))
    };
    let raw = |bytes: &[u8]| zip(&[("w.npy", bytes.to_vec())]);
    vec![
        ("no header", raw(b""), MALFORMED, "no header of numpy's"),
        ("version 9", raw(b"\x93NUMPY\x09\0\0\0\0\0"), MALFORMED, "no header of numpy's"),
        ("a header of 4 GB", raw(b"\x93NUMPY\x02\0\xff\xff\xff\xff"), LIMIT, "at most 10000"),
        ("a header past the end", raw(b"\x93NUMPY\x01\0\x10\0\0\0"), MALFORMED, "ends within"),
        ("no dictionary", header("[]"), MALFORMED, "header that is not read"),
        ("a call", header("{'descr': exit(), }"), MALFORMED, "header that is not read"),
        ("another key", header("{'what': '<f4', }"), MALFORMED, "header that is not read"),
        ("no shape", header("{'descr': '<f4', }"), MALFORMED, "header that is not read"),
        ("nine axes", with_shape("(1, 1, 1, 1, 1, 1, 1, 1, 1)"), MALFORMED, "not read"),
        ("an axis of 2^64", with_shape("(18446744073709551616,)"), MALFORMED, "not read"),
        ("2^64 values", with_shape("(4294967296, 4294967296)"), MALFORMED, "another length"),
        ("no values", with_shape("(1,)"), MALFORMED, "another length"),
    ]
}

#[test]
fn every_malformed_archive_gives_its_error_and_allocates_little() {
    let alone = Alone::begin();
    let cases = [archives(), pickles(), tensors(), arrays()].concat();
    for (name, bytes, code, message) in cases {
        let len = bytes.len();
        // What 64 KiB of a file's end take is not the fault of a small one.
        let input = if len < 4_096 { len + (64 << 10) } else { BYTES_PER_BYTE / 16 * len };
        alone.check_refused(name, input, (code, message), || {
            ZippedTensors::from_bytes("hostile.bin", bytes)
        });
    }
}

#[test]
fn the_files_that_are_spoilt_are_valid() {
    let _alone = Alone::begin();
    let file = one("FloatStorage", "0", 1, [&[3], &[1]]);
    let file = ZippedTensors::from_bytes("valid", file).unwrap();
    assert_eq!(file.info("w").unwrap().shape, [3]);
    let array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n");
    let file = zip(&[("w.npy", [array, vec![0; 4]].concat())]);
    assert_eq!(ZippedTensors::from_bytes("valid", file).unwrap().info("w").unwrap().shape, [1]);
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let _alone = Alone::begin();
    let bytes = one("FloatStorage", "0", 0, [&[4], &[1]]);
    for end in 0..bytes.len() {
        let cut = bytes.get(..end).unwrap().to_vec();
        let error = ZippedTensors::from_bytes("cut", cut).unwrap_err();
        assert_eq!(error.code(), TRUNCATED, "cut at {end}: {error}");
    }
}

/// A text of a megabyte is kept once and named ten thousand times: what is named is not copied.
#[test]
fn what_a_pickle_repeats_is_not_copied() {
    let alone = Alone::begin();
    let ops = [
        b"\x80\x02}".to_vec(),
        text(&"x".repeat(1 << 20)),
        b"q\x01".to_vec(),
        b"h\x01h\x01\x86q\x01".repeat(10_000),
        b".".to_vec(),
    ];
    let bytes = torch(&ops.concat(), 0);
    let len = bytes.len();
    alone.check_refused("repeats", len, (MALFORMED, "no dictionary of tensors"), || {
        ZippedTensors::from_bytes("hostile.bin", bytes)
    });
}
