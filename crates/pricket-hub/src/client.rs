//! Requests to the hub: one place that knows headers, redirects and who may see the token.

use std::io::Read;

use pricket_core::without_userinfo;
use serde::Deserialize;
use ureq::http::HeaderMap;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::HubError;
use crate::address::{escape, host, origin, shown};
use crate::digest::{Hash, Promise, is_hex};
use crate::limits::{
    CA_BUNDLE_BYTES_MAX, FILE_BYTES_MAX, FILES_MAX, LISTING_BYTES_MAX, REDIRECTS_MAX,
};
use crate::reference::check_file;
use crate::settings::Settings;

pub(crate) type Response = ureq::http::Response<Body>;

/// A client of one hub.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    agent: Agent,
    settings: &'a Settings,
}

/// A file as the hub describes it.
#[derive(Debug, Clone)]
pub(crate) struct RemoteFile {
    /// Its path in the repository.
    pub(crate) file: String,
    /// Where its bytes are asked for.
    pub(crate) url: String,
    /// The commit that the revision stands for: 40 hex digits.
    pub(crate) commit: String,
    /// The name of its blob in the cache.
    pub(crate) etag: String,
    /// What its bytes have to be.
    pub(crate) promise: Promise,
}

#[derive(Deserialize)]
struct Listing {
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl<'a> Client<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Result<Self, HubError> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(settings.connect_timeout))
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_recv_response(Some(settings.silence_timeout))
            .timeout_per_read(Some(settings.silence_timeout))
            .user_agent(concat!("pricket/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &settings.ca_bundle {
            config = config.tls_config(trusting(path)?);
        }
        Ok(Self { agent: config.build().new_agent(), settings })
    }

    /// Asks what a file is, without its bytes.
    pub(crate) fn describe(
        &self,
        repo: &str,
        revision: &str,
        file: &str,
    ) -> Result<RemoteFile, HubError> {
        let endpoint = &self.settings.endpoint;
        let url =
            format!("{endpoint}/{repo}/resolve/{}/{}", escape(revision, ""), escape(file, "/"));
        let what = format!("{repo}/{file}");
        let mut at = url.clone();
        let mut facts = Facts::default();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.send(true, &at, None)?;
            let status = answer.status().as_u16();
            facts.learn(answer.headers());
            // The redirect that names the linked file leads away to a storage host, which knows
            // nothing more; other redirects on the same host only correct the address.
            let next = location(&at, &answer)?.filter(|_| facts.linked_etag.is_none());
            match next {
                Some(next) => at = next,
                None if status < 400 => return self.remote_file(facts, url, revision, file, &what),
                None => return Err(refusal(&at, &what, status)),
            }
        }
        Err(unusable(&at, &what, "it redirects without end"))
    }

    fn remote_file(
        &self,
        facts: Facts,
        url: String,
        revision: &str,
        file: &str,
        what: &str,
    ) -> Result<RemoteFile, HubError> {
        let wrong = |reason: &str| unusable(&self.settings.endpoint, what, reason);
        let is_commit = |text: &String| text.len() == 40 && is_hex(text);
        let commit = facts.commit.or_else(|| Some(revision.to_owned())).filter(is_commit);
        let commit = commit.ok_or_else(|| wrong("it names no commit of 40 hex digits"))?;
        let etag = facts.linked_etag.or(facts.etag).unwrap_or_default();
        if !is_file_name(&etag) {
            return Err(wrong("its entity tag is missing or could not be a file name"));
        }
        let bytes = facts.linked_bytes.or(facts.bytes);
        if bytes.is_some_and(|bytes| bytes > FILE_BYTES_MAX) {
            return Err(wrong("it claims a length beyond 16 TiB"));
        }
        let hash = Hash::of_etag(&etag);
        Ok(RemoteFile { file: file.into(), url, commit, etag, promise: Promise { bytes, hash } })
    }

    /// The files of a repository. Names that would leave their folder are refused.
    pub(crate) fn list(&self, repo: &str, revision: &str) -> Result<Vec<String>, HubError> {
        let endpoint = &self.settings.endpoint;
        let url = format!("{endpoint}/api/models/{repo}/revision/{}", escape(revision, ""));
        let answer = self.get(&url, None)?;
        if !answer.status().is_success() {
            return Err(refusal(&url, repo, answer.status().as_u16()));
        }
        let mut body = Vec::new();
        let mut reader = answer.into_body().into_reader().take(LISTING_BYTES_MAX + 1);
        reader.read_to_end(&mut body).map_err(|e| unusable(&url, repo, &e.to_string()))?;
        if body.len() as u64 > LISTING_BYTES_MAX {
            return Err(unusable(&url, repo, "its listing is longer than 16 MiB"));
        }
        let listing: Listing =
            serde_json::from_slice(&body).map_err(|e| unusable(&url, repo, &e.to_string()))?;
        let files: Vec<String> = listing.siblings.into_iter().map(|s| s.rfilename).collect();
        if files.len() > FILES_MAX {
            return Err(unusable(&url, repo, "it lists more than 2048 files; name one of them"));
        }
        if let Some(bad) = files.iter().find(|file| check_file(file).is_err()) {
            return Err(unusable(&url, repo, &format!("it lists the file name {bad:?}")));
        }
        Ok(files)
    }

    /// Asks for bytes from `from` on, wherever redirects lead.
    pub(crate) fn get(&self, url: &str, from: Option<u64>) -> Result<Response, HubError> {
        let mut at = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.send(false, &at, from)?;
            match location(&at, &answer)? {
                Some(next) => at = next,
                None => return Ok(answer),
            }
        }
        Err(unusable(url, &shown(url), "it redirects without end"))
    }

    /// One request, no redirect. The token goes to the endpoint alone.
    fn send(&self, head: bool, url: &str, from: Option<u64>) -> Result<Response, HubError> {
        let mut request = if head { self.agent.head(url) } else { self.agent.get(url) };
        // A length must be that of the file, not of a packed form of it.
        request = request.header("Accept-Encoding", "identity");
        if let Some(from) = from {
            request = request.header("Range", format!("bytes={from}-"));
        }
        if let Some(token) = &self.settings.token
            && origin(url) == origin(&self.settings.endpoint)
        {
            request = request.header("Authorization", format!("Bearer {}", token.0));
        }
        request
            .call()
            .map_err(|error| HubError::Unreachable { host: host(url), cause: told(&error) })
    }
}

/// What headers say about a file, gathered over redirects.
#[derive(Default)]
struct Facts {
    commit: Option<String>,
    linked_etag: Option<String>,
    linked_bytes: Option<u64>,
    etag: Option<String>,
    bytes: Option<u64>,
}

impl Facts {
    fn learn(&mut self, headers: &HeaderMap) {
        let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim().to_owned());
        let tag = |name: &str| {
            let tag = text(name)?;
            Some(tag.strip_prefix("W/").unwrap_or(&tag).trim_matches('"').to_owned())
        };
        self.commit = self.commit.take().or_else(|| text("x-repo-commit"));
        self.linked_etag = self.linked_etag.take().or_else(|| tag("x-linked-etag"));
        self.linked_bytes = self.linked_bytes.or_else(|| text("x-linked-size")?.parse().ok());
        // Those of a redirect describe the redirect; the last answer's count.
        self.etag = tag("etag").or_else(|| self.etag.take());
        self.bytes = text("content-length").and_then(|bytes| bytes.parse().ok());
    }
}

fn trusting(path: &std::path::Path) -> Result<TlsConfig, HubError> {
    let fail = |source| HubError::CertificatesUnread { path: path.to_path_buf(), source };
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(CA_BUNDLE_BYTES_MAX).read_to_end(&mut pem).map_err(fail)?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    Ok(TlsConfig::builder().root_certs(RootCerts::from(certificates.collect::<Vec<_>>())).build())
}

/// Where a redirect leads. `https` never leads to `http`.
fn location(url: &str, answer: &Response) -> Result<Option<String>, HubError> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
    if to.starts_with("https://") || (to.starts_with("http://") && url.starts_with("http://")) {
        return Ok(Some(to.to_owned()));
    }
    match origin(url) {
        Some(origin) if to.starts_with('/') && !to.starts_with("//") => {
            Ok(Some(format!("{origin}{to}")))
        }
        _ => Err(unusable(url, &shown(url), &format!("it redirects to `{}`", shown(to)))),
    }
}

/// The error of a status.
pub(crate) fn refusal(url: &str, what: &str, status: u16) -> HubError {
    let (host, what) = (host(url), what.to_owned());
    match status {
        401 | 403 => HubError::AccessDenied { host, what, status },
        404 | 410 => HubError::RemoteMissing { host, what },
        _ => HubError::RemoteStatus { host, what, status },
    }
}

/// The error of an answer that makes no sense.
pub(crate) fn unusable(url: &str, what: &str, reason: &str) -> HubError {
    HubError::RemoteMalformed { host: host(url), what: what.into(), reason: reason.into() }
}

fn told(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(what) => format!("no answer in time ({what})"),
        ureq::Error::HostNotFound => "its name cannot be resolved".into(),
        other => without_userinfo(&other.to_string()).into_owned(),
    }
}

fn is_file_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=128).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain)
}
