//! `pricket bench`.

use crate::command::{Pricket, tiny};

#[test]
fn json_tells_rates_threads_and_memory() {
    let model = tiny("tiny-llama");
    let args = [
        "bench",
        &model,
        "--json",
        "--prompt",
        "64",
        "--generate",
        "16",
        "--repeat",
        "3",
        "--threads",
        "2",
    ];
    let told = Pricket::new().run(&args).ok().json();
    for rate in ["prefill_tokens_per_second", "decode_tokens_per_second", "load_seconds"] {
        let value = told[rate].as_f64().unwrap();
        assert!(value.is_finite() && value > 0.0, "{rate}: {told}");
    }
    let decode = &told["decode_spread"];
    let median = told["decode_tokens_per_second"].as_f64().unwrap();
    assert!(decode["min"].as_f64().unwrap() <= median && median <= decode["max"].as_f64().unwrap());
    assert_eq!((&told["threads"], &told["repeat"]), (&2.into(), &3.into()));
    assert_eq!((&told["prompt_tokens"], &told["generated_tokens"]), (&64.into(), &16.into()));
    assert!(!told["simd"].as_str().unwrap().is_empty());
    if cfg!(target_os = "linux") {
        // The checkpoint alone is 400 kB; a process of a gigabyte would be a leak.
        let peak = told["peak_memory_bytes"].as_u64().unwrap();
        assert!((400_000..1 << 30).contains(&peak), "{peak}");
    }
}

#[test]
fn the_forced_instruction_set_is_the_one_that_is_told() {
    let model = tiny("tiny-llama");
    let args = ["bench", &model, "--json", "--prompt", "8", "--generate", "2", "--repeat", "1"];
    let output = Pricket::new().command(&args).env("PRICKET_SIMD", "scalar").output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["simd"], "scalar");
}

#[test]
fn a_bench_past_the_context_is_refused_with_the_numbers() {
    let model = tiny("tiny-llama");
    let outcome = Pricket::new().run(&["bench", &model, "--prompt", "513", "--repeat", "1"]);
    outcome.is_error(2, &["513", "512"]);
}

#[test]
fn sequences_side_by_side_decode_at_a_depth() {
    let model = tiny("tiny-llama");
    let args = ["bench", &model, "--json", "--prompt", "8", "--generate", "16", "--repeat", "2"];
    let several = [&args[..], &["--batch", "4", "--depth", "100"]].concat();
    let told = Pricket::new().run(&several).ok().json();
    assert_eq!((&told["batch"], &told["depth"]), (&4.into(), &100.into()));
    for rate in ["prefill_tokens_per_second", "decode_tokens_per_second"] {
        assert!(told[rate].as_f64().is_some_and(|rate| rate > 0.0), "{rate}: {told}");
    }
    let shown =
        Pricket::new().run(&several.into_iter().filter(|a| *a != "--json").collect::<Vec<_>>());
    assert!(shown.ok().stdout.contains("decode 16 x4 at 100"));
    let past = [&args[..], &["--depth", "500"]].concat();
    Pricket::new().run(&past).is_error(2, &["516", "512"]);
    let crowd = [&args[..], &["--batch", "1000000000000"]].concat();
    Pricket::new().run(&crowd).is_error(2, &["1000000000000", "1024"]);
}

#[test]
fn what_has_no_tokens_is_left_out() {
    let model = tiny("tiny-llama");
    let bench = |prompt: &str, generate: &str| {
        let args = ["bench", &model, "--json", "--repeat", "1"];
        let args = [&args[..], &["--prompt", prompt, "--generate", generate]].concat();
        Pricket::new().run(&args)
    };
    let told = bench("0", "4").ok().json();
    assert!(told["prefill_tokens_per_second"].is_null(), "{told}");
    assert!(told["decode_tokens_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{told}");
    let told = bench("4", "0").ok().json();
    assert!(told["decode_spread"].is_null(), "{told}");
    assert!(told["prefill_tokens_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{told}");
    bench("0", "0").is_error(2, &["--prompt 0", "--generate 0"]);
}

#[test]
fn experts_on_disk_are_told_before_anything_runs() {
    let model = tiny("tiny-qwen2-moe");
    let args = ["bench", &model, "--prompt", "8", "--generate", "4", "--repeat", "1"];
    let told = Pricket::new().run(&[&args[..], &["--experts-memory", "60000"]].concat()).ok();
    assert!(told.stderr.contains("experts stay on disk: 51.0 KiB of"), "{told:?}");
    assert!(told.stderr.contains("tokens a second at worst"), "{told:?}");
    let all = Pricket::new().run(&args).ok();
    assert!(!all.stderr.contains("experts"), "{all:?}");
    let none = Pricket::new().run(&[&args[..], &["--experts-memory", "100"]].concat());
    none.is_error(1, &["an expert needs 17.0 KiB", "given 100 B", "--experts-memory"]);
    let inspected = Pricket::new().run(&["inspect", &model]).ok();
    assert!(inspected.stdout.contains("with one expert of 17.0 KiB in memory"), "{inspected:?}");
}

#[test]
fn a_device_that_cannot_be_used_is_refused_with_the_reason() {
    let model = tiny("tiny-llama");
    let run = |device: &str| {
        Pricket::new().run(&["bench", &model, "--repeat", "1", "--prompt", "4", "--device", device])
    };
    run("cpu").ok();
    run("auto").ok();
    for (device, reason) in [
        ("cuda:7", "`cuda:7`"),
        ("metal", "`metal`"),
        ("toaster", "known are auto, cpu, cuda:N and metal"),
    ] {
        run(device).is_error(5, &["the device", reason]);
    }
}
