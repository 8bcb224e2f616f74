//! Addresses: their parts, and what may be told of them.

use pricket_core::without_userinfo;
use ureq::http::Uri;

use crate::reference::clip;

/// Scheme and authority, for what must not leave a host; `None` of what is no address.
pub(crate) fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// Host, for sentences.
pub(crate) fn host(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    uri.and_then(|uri| uri.authority().map(|a| a.host().to_owned())).unwrap_or_else(|| shown(url))
}

/// What may be told of an address: neither who reads it, nor its query, which may hold a signature.
pub(crate) fn shown(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    clip(&without_userinfo(url.get(..end).unwrap_or_default()))
}

/// Percent-encodes (RFC 3986, section 2.1) all but the unreserved characters and `keep`.
pub(crate) fn escape(text: &str, keep: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(c) || keep.contains(c) {
            escaped.push(c);
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
