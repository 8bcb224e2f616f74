//! What the peers print is read rightly, and the table says who is short of what.

use pricket_benches::peers::{
    Measured, Python, Start, Task, batched_rate, bench_rate, bytes_in, driver_rate, pricket_rate,
    wanted,
};

fn task(name: &str) -> Task {
    Task::named(name).unwrap()
}

#[test]
fn the_rate_of_llama_bench_is_that_of_the_task() {
    let json = r#"[
      {"model_filename": "m", "n_prompt": 512, "n_gen": 0, "n_depth": 0, "avg_ts": 156.25},
      {"model_filename": "m", "n_prompt": 0, "n_gen": 128, "n_depth": 2048, "avg_ts": 41.5}
    ]"#;
    assert!((bench_rate(json, &task("prefill-512")).unwrap() - 156.25).abs() < 1e-9);
    assert!((bench_rate(json, &task("decode-128-at-2048")).unwrap() - 41.5).abs() < 1e-9);
    let absent = bench_rate(json, &task("decode-128")).unwrap_err().to_string();
    assert!(absent.contains("decode-128"), "{absent}");
    assert!(bench_rate("", &task("decode-128")).is_err());
}

#[test]
fn the_rate_of_sequences_side_by_side_is_found_among_the_log() {
    let lines = "main: n_kv_max = 768\n\n\
        {\"pp\": 32, \"tg\": 64, \"pl\": 8, \"speed_tg\": 96.5, \"speed\": 95.0}\n";
    assert!((batched_rate(lines).unwrap() - 96.5).abs() < 1e-9);
    assert!(batched_rate("{\"speed\": 95.0}\n").is_err());
}

#[test]
fn our_rate_is_that_of_prefill_or_of_decode() {
    let json = r#"{"prefill_tokens_per_second": 1800.5, "decode_tokens_per_second": null}"#;
    assert!((pricket_rate(json, &task("prefill-32")).unwrap() - 1800.5).abs() < 1e-9);
    assert!(pricket_rate(json, &task("decode-128")).is_err());
}

#[test]
fn the_rate_of_a_driver_is_tokens_over_seconds() {
    let rate = |json: &str, name: &str| driver_rate(json, &task(name)).map_err(|e| e.to_string());
    let found = rate(r#"{"tokens": 512, "seconds": 0.4}"#, "prefill-512").unwrap();
    assert!((found - 1280.0).abs() < 1e-9, "{found}");
    // All sequences together; a mark at a text's beginning is one token more.
    let found = rate(r#"{"tokens": 512, "seconds": 2}"#, "decode-64-x8").unwrap();
    assert!((found - 256.0).abs() < 1e-9, "{found}");
    assert!(rate(r#"{"tokens": 33, "seconds": 1}"#, "prefill-32").is_ok());

    let other = rate(r#"{"tokens": 64, "seconds": 1}"#, "decode-64-x8").unwrap_err();
    assert!(other.contains("512") && other.contains("64"), "{other}");
    let failed = rate(r#"{"failed": "ValueError: not contiguous\n   0: bt"}"#, "prefill-32");
    assert_eq!(failed.unwrap_err(), "ValueError: not contiguous");
    let unsupported = rate(r#"{"unsupported": "one at a time"}"#, "decode-64-x8");
    assert_eq!(unsupported.unwrap_err(), "one at a time");
    for nothing in [r#"{"tokens": 128, "seconds": 0}"#, r#"{"tokens": 128}"#, "[]", "Traceback"] {
        assert!(rate(nothing, "decode-128").is_err(), "{nothing}");
    }
}

#[test]
fn what_is_wanted_depends_on_peer_file_and_task() {
    let is = |peer: &str, file: &str, name: &str, ratio: f64| {
        let found = wanted(peer, file, &task(name)).unwrap();
        assert!((found - ratio).abs() < 1e-9, "{peer} {file} {name}: {found}");
    };
    is("llama.cpp", "SmolLM2-135M-Instruct.Q4_1.gguf", "prefill-512", 8.0);
    is("llama.cpp", "SmolLM2-135M-Instruct.Q4_1.gguf", "decode-64-x8", 5.0);
    is("llama.cpp", "synth-1b-q4_k_m.gguf", "prefill-32", 2.5);
    is("llama.cpp", "synth-1b-q8_0.gguf", "decode-128-at-2048", 1.2);
    assert_eq!(wanted("llama.cpp", "other.gguf", &task("prefill-32")), None);
    is("openvino", "SmolLM2-135M-Instruct.Q4_1.gguf", "prefill-512", 1.6);
    is("openvino", "SmolLM2-135M-Instruct.Q4_1.gguf", "decode-128", 1.0);
    is("openvino", "synth-1b-q4_0.gguf", "prefill-512", 1.0);
    is("mistral.rs", "other.gguf", "prefill-512", 1.0);
}

#[test]
fn the_table_compares_medians_with_the_better_setting() {
    let mut measured = Measured::new(task("decode-128"));
    assert_eq!((measured.setting("llama.cpp"), measured.ratio("llama.cpp")), (None, None));
    measured.add_ours(200.0);
    measured.add_theirs("llama.cpp", "fa off", 80.0);
    measured.add_theirs("llama.cpp", "fa on", 100.0);
    measured.add_theirs("candle", "", 300.0);
    assert_eq!(measured.setting("llama.cpp"), Some("fa on"));
    for (ours, theirs) in [(220.0, 90.0), (210.0, 110.0)] {
        measured.add_ours(ours);
        measured.add_theirs("llama.cpp", "fa on", theirs);
    }
    // Ours 200, 220, 210 and theirs 100, 90, 110: 2.1, by round 2.0, 2.44, 1.91.
    let want = "\
| decode-128 | pricket | 210.0 | | | | 82 % |
| decode-128 | llama.cpp (fa on) | 100.0 | 2.10 (1.91 to 2.44) | 2.1 | met | |
| decode-128 | candle | 300.0 | 0.70 (0.67 to 0.67) | 1 | SHORT | |";
    assert_eq!(measured.lines("SmolLM2-135M.Q4_1.gguf", Some(0.815)), want);
    let lines = measured.lines("other.gguf", None);
    assert!(lines.contains("| 2.10 (1.91 to 2.44) | - |  | |"), "{lines}");
}

#[test]
fn an_engine_of_no_name_is_refused_with_the_names() {
    let refused = Python::find("vllm", std::path::Path::new(".")).unwrap_err().to_string();
    assert!(Python::NAMES.iter().all(|name| refused.contains(name)), "{refused}");
}

#[test]
fn the_peak_of_a_process_is_read_in_bytes() {
    let status = "Name:\tpricket\nVmHWM:\t   12345 kB\nRssAnon:\t 7 kB\nThreads:\t4\n";
    assert_eq!(bytes_in(status, "VmHWM:"), Some(12_345 << 10));
    assert_eq!(bytes_in(status, "RssAnon:"), Some(7 << 10));
    assert_eq!(bytes_in(status, "Threads:"), None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_start_is_timed_to_the_first_word_and_its_memory_is_seen() {
    let shell = |script: &str| Start::of(std::process::Command::new("sh").args(["-c", script]));
    let begun = std::time::Instant::now();
    let start = shell("sleep 0.1; echo word; sleep 0.2").unwrap();
    let rest = begun.elapsed().as_secs_f64() - start.seconds;
    assert!(start.seconds >= 0.1 && rest >= 0.2, "{start:?} and {rest} more");
    assert!(start.own_bytes > 0 && start.peak_bytes > start.own_bytes, "{start:?}");
    assert!(shell("exit 3").unwrap_err().to_string().contains("exit status: 3"));
    assert!(shell("true").unwrap_err().to_string().contains("said nothing"));
}
