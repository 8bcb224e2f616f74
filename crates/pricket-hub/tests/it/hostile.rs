//! Answers made to break out, to flood or to confuse.

use std::fs;

use pricket_core::ErrorKind;

use crate::kit::{body, hub_at, refused, temp};
use crate::server::{Manners, Site};

fn malformed(manners: Manners, name: &str, says: &str) {
    let dir = temp();
    let site = Site::start(manners);
    let hub = hub_at(dir.path(), &site).build().unwrap();
    let error = refused(&hub, name);
    assert_eq!(
        (error.kind, error.code.as_str()),
        (ErrorKind::Malformed, "remote_malformed"),
        "{}",
        error.message
    );
    assert!(error.message.contains(says), "{}", error.message);
    // Nothing outside the cache, and in it no file that anybody asked for.
    let outside = fs::read_dir(dir.path()).unwrap().flatten().filter(|e| e.file_name() != "hub");
    assert_eq!(outside.count(), 0);
}

fn weights() -> Manners {
    Site::of(&[("weights.gguf", &body(5000))])
}

#[test]
fn entity_tags_that_are_paths() {
    for tag in ["../../../evil", "/etc/evil", "", ".hidden", "a b", &"a".repeat(129)] {
        let manners = Manners { etag: Some(tag.into()), ..weights() };
        malformed(manners, "hf:org/model/weights.gguf", "entity tag");
    }
}

#[test]
fn lengths_beyond_reason() {
    let manners = Manners { bytes: Some(u64::MAX), ..weights() };
    malformed(manners, "hf:org/model/weights.gguf", "16 TiB");
}

#[test]
fn listings_that_break_out() {
    for (file, says) in [
        ("../../evil.gguf", "../../evil.gguf"),
        ("/etc/evil.gguf", "/etc/evil.gguf"),
        ("a/../../evil.gguf", "evil.gguf"),
        ("c:\\\\evil.gguf", "evil.gguf"),
        ("evil\\u0000.gguf", "evil"),
    ] {
        let listing = format!("{{\"siblings\":[{{\"rfilename\":\"{file}\"}}]}}");
        malformed(Manners { listing: Some(listing), ..weights() }, "hf:org/model", says);
    }
}

#[test]
fn listings_that_are_none() {
    for listing in ["", "nonsense", "[]", "{\"siblings\": 3}", "{}"] {
        malformed(Manners { listing: Some(listing.into()), ..weights() }, "hf:org/model", "");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(200_000));
    malformed(Manners { listing: Some(deep), ..weights() }, "hf:org/model", "");
    let many: Vec<String> = (0..3000).map(|i| format!("{{\"rfilename\":\"{i}.gguf\"}}")).collect();
    let many = format!("{{\"siblings\":[{}]}}", many.join(","));
    malformed(Manners { listing: Some(many), ..weights() }, "hf:org/model", "2048");
    let long = format!("{{\"siblings\":[]{}}}", " ".repeat(17 << 20));
    malformed(Manners { listing: Some(long), ..weights() }, "hf:org/model", "16 MiB");
}

#[test]
fn redirects_without_end_and_to_elsewhere() {
    use std::io::{Read, Write};
    for (to, says) in [
        ("/again", "without end"),
        ("file:///etc/passwd", "redirects to"),
        ("//evil/x", "redirects to"),
        ("relative", "redirects to"),
        ("ftp://me:pw@evil/x?key=pw", "redirects to `ftp://***@evil/x`"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://me:pw@{}", listener.local_addr().unwrap());
        let head = format!(
            "HTTP/1.1 307 X\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let mut request = [0u8; 4096];
                let _ = connection.read(&mut request);
                let _ = connection.write_all(head.as_bytes());
            }
        });
        let dir = temp();
        let site = Site::start(Manners::default());
        let hub = hub_at(dir.path(), &site).endpoint(endpoint).build().unwrap();
        let error = refused(&hub, "hf:org/model/weights.gguf");
        assert_eq!(error.code, "remote_malformed", "{to}: {}", error.message);
        assert!(error.message.contains(says), "{to}: {}", error.message);
        // Neither who asks nor a signature is told.
        assert!(!error.message.contains("pw"), "{to}: {}", error.message);
    }
}

#[test]
fn a_host_that_speaks_no_http() {
    use std::io::Write;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let _ = connection.write_all(b"220 smtp ready\r\n\x00\xff\r\n\r\n");
        }
    });
    let dir = temp();
    let site = Site::start(Manners::default());
    let hub = hub_at(dir.path(), &site).endpoint(endpoint).build().unwrap();
    assert_eq!(refused(&hub, "hf:org/model/weights.gguf").kind, ErrorKind::Network);
}
