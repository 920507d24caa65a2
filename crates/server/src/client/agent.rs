//! How connections are made, to our servers and to secret managers alike:
//! no redirects, so that a secret goes to the named host alone.

use std::io;
use std::path::Path;
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use super::ClientError;
use super::address::is_loopback;

const USER_AGENT: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);

/// A pool of connections to one host. A host on this machine is reached past
/// any proxy.
///
/// # Errors
/// When the file of certificate authorities cannot be used.
pub(super) fn agent(host: &str, ca_file: Option<&Path>) -> Result<ureq::Agent, ClientError> {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .allow_non_standard_methods(true)
        .user_agent(USER_AGENT)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(RESPONSE_TIMEOUT));
    if is_loopback(host) {
        config = config.proxy(None);
    }
    if let Some(path) = ca_file {
        let tls = TlsConfig::builder().root_certs(read_authorities(path)?);
        config = config.tls_config(tls.build());
    }
    Ok(config.build().into())
}

/// Why there is no answer, in words.
pub(super) fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "there is no host of this name".to_owned(),
        ureq::Error::Io(error) => io_reason(error),
        other => other.to_string(),
    }
}

/// The same of a connection that broke.
pub(super) fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
            "the connection was closed".to_owned()
        }
        _ => error.to_string(),
    }
}

fn read_authorities(path: &Path) -> Result<RootCerts, ClientError> {
    let refuse = |rule: String| ClientError::Settings(format!("{}: {rule}", path.display()));
    let pem = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
    let certificates: Vec<Certificate<'static>> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(refuse(
            "the file holds no certificate in PEM form".to_owned(),
        ));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
