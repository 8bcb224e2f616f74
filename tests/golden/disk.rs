//! Experts that stay on disk: the bits are those of experts in memory, whatever there is room for,
//! and a file that fails midway is told.

use std::fs::OpenOptions as FileOptions;
use std::path::Path;

use pricket::models::{self, Backend, CausalLm, ModelError, OpenOptions, Quantization};
use pricket_tests::{Pass, Pieces, Reference, Scratch, converted, in_mxfp4, tiny_model};

fn load(path: &Path, options: &OpenOptions) -> Result<Box<dyn CausalLm>, ModelError> {
    models::open(path, options, &mut |_| {}).map(|opened| opened.model)
}

fn options(threads: usize, quantize: Quantization, experts_memory: Option<u64>) -> OpenOptions {
    OpenOptions { threads: Some(threads), quantize, experts_memory, ..OpenOptions::default() }
}

/// Gate, up and down of one of the eight: 40 rows of 64 and 64 rows of 40, in whole groups.
const ONE_EXPERT: u64 = 2 * (2 * 48 * 64 + 64 * 40);

#[test]
fn experts_on_disk_give_the_bits_of_experts_in_memory() {
    let folder = tiny_model("tiny-qwen2-moe");
    let (_scratch, file) = converted("tiny-qwen2-moe").unwrap();
    let ids = &Reference::of(&folder).unwrap().cases[1].input_ids;
    for (path, quantize, expert) in [
        (folder.as_path(), Quantization::None, ONE_EXPERT),
        (file.as_path(), Quantization::None, 2 * ONE_EXPERT),
        (folder.as_path(), Quantization::Q8_0, 2 * ONE_EXPERT),
    ] {
        // Of each of two layers, three of eight are taken.
        hold_to_memory(path, quantize, expert, ids, [3, 8]);
    }
}

/// Holds a model with room for one expert and for five to the bits of the same model in memory. Of
/// each layer with experts a token takes so many of how many.
fn hold_to_memory(path: &Path, quantize: Quantization, one: u64, ids: &[u32], taken: [u64; 2]) {
    let model = load(path, &options(2, quantize, None)).unwrap();
    let in_memory = model.spec().clone();
    assert_eq!(in_memory.experts_on_disk, None);
    let whole = Pass::new(model, 256).unwrap().prompt(ids, Pieces::Whole).unwrap();
    for (threads, room) in [(1, one), (2, one), (2, 5 * one)] {
        let model = load(path, &options(threads, quantize, Some(room))).unwrap();
        let told = model.spec().experts_on_disk.unwrap();
        assert!(told.room_bytes <= room, "{told:?}");
        assert!(told.room_bytes > 0 && told.read_bytes_per_second > 0, "{told:?}");
        assert_eq!(told.token_bytes, told.file_bytes / taken[1] * taken[0]);
        assert_eq!(model.spec().parameters, in_memory.parameters);
        assert!(model.spec().weight_bytes < in_memory.weight_bytes);
        let mut pass = Pass::new(model, 256).unwrap();
        for pieces in [Pieces::Whole, Pieces::Of(7), Pieces::Of(1)] {
            let rows = pass.prompt(ids, pieces).unwrap();
            let what = format!("{}, {quantize:?}", path.display());
            assert!(rows == whole, "{what}, {threads} threads, {room} bytes");
        }
    }
}

/// Biases, which are read with their expert; gate and up in turns, and transposed where they are
/// floats.
#[test]
fn experts_with_biases_on_disk_give_the_bits_of_experts_in_memory() {
    let name = "tiny-gpt-oss";
    let folder = tiny_model(name);
    let (_scratch, file) = converted(name).unwrap();
    let [blocks, _floats] = in_mxfp4(name).unwrap();
    let ids = &Reference::of(&folder).unwrap().cases[1].input_ids;
    for (path, quantize) in [
        (folder.as_path(), Quantization::None),
        (folder.as_path(), Quantization::Q8_0),
        (file.as_path(), Quantization::None),
        (blocks.path(), Quantization::None),
    ] {
        let one = models::inspect(path).unwrap().expert_room_bytes.unwrap();
        hold_to_memory(path, quantize, one, ids, [2, 6]);
    }
}

#[test]
fn room_for_all_experts_loads_them_and_room_for_none_is_refused() {
    let path = tiny_model("tiny-mixtral");
    let model = load(&path, &options(1, Quantization::None, Some(1 << 30))).unwrap();
    assert_eq!(model.spec().experts_on_disk, None);
    let refused = load(&path, &options(1, Quantization::None, Some(1000))).err().unwrap();
    assert!(matches!(refused, ModelError::ExpertsMemory { have, .. } if have.0 == 1000));
    let candle = OpenOptions {
        backend: Backend::Candle,
        experts_memory: Some(1000),
        ..OpenOptions::default()
    };
    assert_eq!(load(&path, &candle).err().unwrap().code(), "model_unsupported");
    // A model without experts has none to leave on disk.
    let path = tiny_model("tiny-llama");
    assert!(load(&path, &options(1, Quantization::None, Some(0))).is_ok());
}

#[test]
fn what_does_not_fit_stays_on_disk_by_itself() {
    let folder = tiny_model("tiny-qwen2-moe");
    let told = models::inspect(&folder).unwrap();
    let (all, one) = (told.expert_bytes.unwrap(), told.expert_room_bytes.unwrap());
    assert_eq!((all, one), (16 * ONE_EXPERT, ONE_EXPERT));
    let need = told.memory_bytes(0).unwrap();
    let of = |memory| {
        let options = OpenOptions { memory: Some(memory), ..OpenOptions::default() };
        load(&folder, &options)
    };
    assert_eq!(of(need).unwrap().spec().experts_on_disk, None);
    // Half of what the experts take: an eighth of that stays with the system.
    let on_disk = of(need - all / 2).unwrap().spec().experts_on_disk.unwrap();
    assert_eq!(on_disk.room_bytes, 7 * ONE_EXPERT);
    let least = need - all + one;
    assert_eq!(told.memory_bytes_on_disk(0, one), Some(least));
    assert_eq!(told.memory_bytes_on_disk(0, one - 1), None);
    assert_eq!(of(least).unwrap().spec().experts_on_disk.unwrap().room_bytes, ONE_EXPERT);
    let refused = of(least - 1).err().unwrap();
    let ModelError::MemoryExceeded { need, have } = refused else { panic!("{refused:?}") };
    assert_eq!((need.0, have.0), (least, least - 1));
}

#[test]
fn a_file_that_shrinks_under_a_model_is_told_and_harms_nothing_else() {
    let scratch = Scratch::of_tiny_model("tiny-qwen2-moe", None).unwrap();
    let file = scratch.path().join("model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    let model = load(scratch.path(), &options(2, Quantization::None, Some(ONE_EXPERT))).unwrap();
    let mut pass = Pass::new(model, 64).unwrap();
    let ids: Vec<u32> = (0..20).map(|id| id * 7).collect();
    let before = pass.prompt(&ids, Pieces::Whole).unwrap();
    let shrinking = FileOptions::new().write(true).open(&file).unwrap();
    shrinking.set_len(4096).unwrap();
    let error = pass.prompt(&ids, Pieces::Whole).unwrap_err();
    assert!(matches!(error, ModelError::Truncated { .. }), "{error:?}");
    std::fs::write(&file, bytes).unwrap();
    assert!(pass.prompt(&ids, Pieces::Whole).unwrap() == before, "it goes on");
}
