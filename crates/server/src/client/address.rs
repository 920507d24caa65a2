//! The server's URL, and the paths below it.

use std::net::IpAddr;

use http::Uri;

use super::ClientError;

/// The URL without a slash at its end, and its host.
///
/// # Errors
/// When it is not one of `http` or `https` with a host and without credentials.
pub(super) fn check_url(url: &str) -> Result<(String, String), ClientError> {
    let refuse = |rule: &str| Err(ClientError::Settings(format!("the server's URL {rule}")));
    let Ok(uri) = url.parse::<Uri>() else {
        return refuse("is not a URL such as http://127.0.0.1:8080");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return refuse("starts with http:// or https:// and names a host");
    };
    if !["http", "https"].contains(&scheme) {
        return refuse("starts with http:// or https://");
    }
    if authority.as_str().contains('@') {
        return refuse("holds no credentials; give the token in TIDEGATE_TOKEN");
    }
    if uri.query().is_some() {
        return refuse("has no query");
    }
    let path = uri.path().trim_end_matches('/');
    Ok((
        format!("{scheme}://{authority}{path}"),
        authority.host().to_owned(),
    ))
}

/// Whether the host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// One segment of a path, percent-encoded.
pub(crate) fn segment(name: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to memory does not fail");
        }
    }
    encoded
}
