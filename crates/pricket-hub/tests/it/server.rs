//! A small hub on the loopback that can cut, drip, stall, lie and refuse.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha1::Digest as _;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How the site behaves.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// Files of the one repository `org/model`.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Every storage answer sends at most so many bytes of its body, then hangs up.
    pub(crate) cut_after: Option<usize>,
    /// Storage sends so many bytes at a time, then waits.
    pub(crate) drip: Option<(usize, Duration)>,
    /// The first storage answer sends so many bytes, then is silent.
    pub(crate) stall_after: Option<usize>,
    /// Storage knows no `Range`.
    pub(crate) rangeless: bool,
    /// Every answer has this status.
    pub(crate) status: Option<u16>,
    /// Storage answers have this status.
    pub(crate) storage_status: Option<u16>,
    /// The entity tag that is told instead of the SHA-256.
    pub(crate) etag: Option<String>,
    /// The length that is told instead of the real one.
    pub(crate) bytes: Option<u64>,
    /// The listing that is given instead of the real one.
    pub(crate) listing: Option<String>,
    /// Storage is at another address than the hub.
    pub(crate) storage_elsewhere: bool,
    /// Small files: no redirect to storage, and git's hash as the tag.
    pub(crate) small: bool,
    /// Who has no such token gets 401.
    pub(crate) token: Option<String>,
}

/// A running site; it ends with its process.
pub(crate) struct Site {
    pub(crate) endpoint: String,
    log: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
}

impl Site {
    #[expect(clippy::needless_pass_by_value, reason = "a site keeps its manners")]
    pub(crate) fn start(manners: Manners) -> Self {
        let hub = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", hub.local_addr().unwrap());
        let storage = format!("http://{}", other.local_addr().unwrap());
        let (log, sent) = (Arc::default(), Arc::default());
        for listener in [hub, other] {
            let shop = Shop {
                manners: manners.clone(),
                storage: storage.clone(),
                log: Arc::clone(&log),
                sent: Arc::clone(&sent),
                stalls: Arc::new(AtomicU64::new(0)),
            };
            thread::spawn(move || {
                for connection in listener.incoming().flatten() {
                    let shop = shop.clone();
                    thread::spawn(move || shop.serve(connection));
                }
            });
        }
        Self { endpoint, log, sent }
    }

    pub(crate) fn of(files: &[(&str, &[u8])]) -> Manners {
        let files = files.iter().map(|(name, body)| ((*name).to_owned(), body.to_vec()));
        Manners { files: files.collect(), ..Manners::default() }
    }

    /// One line per request: `METHOD PATH`, then the range and the authorization if any.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn storage_requests(&self) -> Vec<String> {
        self.log().into_iter().filter(|line| line.starts_with("GET /storage/")).collect()
    }

    /// Bytes of bodies that storage has sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
struct Shop {
    manners: Manners,
    storage: String,
    log: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
    stalls: Arc<AtomicU64>,
}

struct Request {
    head: bool,
    path: String,
    range: Option<usize>,
    authorization: Option<String>,
}

impl Shop {
    fn serve(&self, mut connection: TcpStream) {
        while let Some(request) = read_request(&mut connection) {
            let range = request.range.map(|from| format!(" range={from}")).unwrap_or_default();
            let token = request.authorization.as_deref().unwrap_or_default();
            let method = if request.head { "HEAD" } else { "GET" };
            let line = format!("{method} {}{range} {token}", request.path);
            self.log.lock().unwrap().push(line.trim_end().to_owned());
            if !self.answer(&mut connection, &request) {
                let _ = connection.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// Whether the connection may be used again.
    fn answer(&self, to: &mut TcpStream, request: &Request) -> bool {
        if let Some(status) = self.manners.status {
            return reply(to, status, &[], b"no", request.head);
        }
        let wanted = self.manners.token.as_ref().map(|token| format!("Bearer {token}"));
        if wanted.is_some()
            && !request.path.starts_with("/storage/")
            && request.authorization != wanted
        {
            return reply(to, 401, &[], b"who are you", request.head);
        }
        if let Some(file) = request.path.strip_prefix("/storage/") {
            return self.store(to, request, file);
        }
        if request.path.starts_with("/api/models/org/model/revision/") {
            let names: Vec<String> =
                self.manners.files.keys().map(|f| format!("{{\"rfilename\":\"{f}\"}}")).collect();
            let listing = format!("{{\"sha\":\"{COMMIT}\",\"siblings\":[{}]}}", names.join(","));
            let listing = self.manners.listing.clone().unwrap_or(listing);
            return reply(to, 200, &[], listing.as_bytes(), request.head);
        }
        let file = request.path.strip_prefix("/org/model/resolve/").and_then(|p| p.split_once('/'));
        match file.and_then(|(_, file)| Some((file, self.manners.files.get(file)?))) {
            None => reply(to, 404, &[], b"not here", request.head),
            Some((file, body)) => self.describe(to, request, file, body),
        }
    }

    fn describe(&self, to: &mut TcpStream, request: &Request, file: &str, body: &[u8]) -> bool {
        let commit = ("X-Repo-Commit", COMMIT.to_owned());
        if self.manners.small {
            let tag = ("ETag", format!("\"{}\"", git_hash(body)));
            return reply(to, 200, &[commit, tag], body, request.head);
        }
        let tag = self.manners.etag.clone().unwrap_or_else(|| sha256(body));
        let bytes = self.manners.bytes.unwrap_or(body.len() as u64);
        let base = if self.manners.storage_elsewhere { &self.storage } else { "" };
        let headers = [
            commit,
            ("X-Linked-Etag", format!("\"{tag}\"")),
            ("X-Linked-Size", bytes.to_string()),
            ("Location", format!("{base}/storage/{file}")),
        ];
        reply(to, 302, &headers, b"", request.head)
    }

    fn store(&self, to: &mut TcpStream, request: &Request, file: &str) -> bool {
        if let Some(status) = self.manners.storage_status {
            return reply(to, status, &[], b"no", request.head);
        }
        let Some(body) = self.manners.files.get(file) else {
            return reply(to, 404, &[], b"", false);
        };
        let from = request.range.filter(|_| !self.manners.rangeless);
        if from.is_some_and(|from| from >= body.len()) {
            return reply(to, 416, &[], b"", false);
        }
        let rest = &body[from.unwrap_or(0)..];
        let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", rest.len());
        if let Some(from) = from {
            let (last, total) = (body.len() - 1, body.len());
            write!(head, "Content-Range: bytes {from}-{last}/{total}\r\n").unwrap();
        }
        if to.write_all(format!("{head}\r\n").as_bytes()).is_err() {
            return false;
        }
        let mut limit = self.manners.cut_after.unwrap_or(rest.len()).min(rest.len());
        if let Some(stall) = self.manners.stall_after
            && self.stalls.fetch_add(1, Ordering::SeqCst) == 0
        {
            limit = stall.min(limit);
            self.send(to, &rest[..limit]);
            thread::sleep(Duration::from_secs(30));
            return false;
        }
        self.send(to, &rest[..limit]) && limit == rest.len()
    }

    fn send(&self, to: &mut TcpStream, bytes: &[u8]) -> bool {
        let (step, wait) = self.manners.drip.unwrap_or((64 << 10, Duration::ZERO));
        for piece in bytes.chunks(step) {
            if to.write_all(piece).and_then(|()| to.flush()).is_err() {
                return false;
            }
            self.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
            thread::sleep(wait);
        }
        true
    }
}

fn read_request(from: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if from.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut words = head.lines().next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let range = header("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    Some(Request { head: method == "HEAD", path, range, authorization: header("authorization") })
}

fn reply(
    to: &mut TcpStream,
    status: u16,
    headers: &[(&str, String)],
    body: &[u8],
    head: bool,
) -> bool {
    let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    let body = if head { b"" } else { body };
    to.write_all(format!("{text}\r\n").as_bytes()).and_then(|()| to.write_all(body)).is_ok()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

pub(crate) fn git_hash(bytes: &[u8]) -> String {
    let mut hash = sha1::Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}
