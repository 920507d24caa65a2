//! The HTTP client of the command line: one connection pool, one token, and
//! errors that never hold the token.

mod address;
mod digest;
mod problem;
mod stream;
mod token;

use std::fmt;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use model::limits::{DECOMPRESSION_FREE_BYTES, DECOMPRESSION_RATIO_MAX};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use address::{check_url, is_loopback};

pub(crate) use address::segment;
pub(crate) use digest::{Digest, Hasher};
pub(crate) use problem::Problem;
#[cfg(test)]
pub(crate) use problem::ProblemItem;
pub(crate) use token::{Token, TokenError, TokenPlaces};

const USER_AGENT: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);
/// An answer that is read as a whole is not larger than this.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Where a server is and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// The server's URL, without `/v1`.
    pub(crate) url: String,
    /// The key's token.
    pub(crate) token: Option<Token>,
    /// Certificate authorities to trust instead of the public ones, PEM.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// No connection, or it broke before the answer was complete.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// The server.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The server refused, or failed.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The answer is not what the API promises.
    #[error("{url} gave an answer that is not of this API: {reason}")]
    Foreign {
        /// The server.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer could not be written where it should go.
    #[error("the answer cannot be written: {0}")]
    Output(io::Error),
}

impl ClientError {
    /// Whether the same request may succeed later, and the wait that the
    /// server asks for if it does.
    pub(crate) fn retry(&self) -> Option<Option<Duration>> {
        match self {
            Self::Unreachable { .. } => Some(None),
            Self::Refused(problem) if matches!(problem.status, 429 | 502..=504) => {
                Some(problem.retry_after)
            }
            _ => None,
        }
    }
}

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'a> {
    /// The media type.
    pub(crate) media_type: &'static str,
    /// The bytes; sent compressed where that helps.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Body<'a> {
    /// A JSON body.
    pub(crate) fn json(bytes: &'a [u8]) -> Self {
        Self {
            media_type: "application/json",
            bytes,
        }
    }
}

/// A client of one server with one token.
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    token: Option<Token>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client; nothing is sent yet. Redirects are not followed, so that the
    /// token goes to the named server alone.
    ///
    /// # Errors
    /// When the URL is not one of `http` or `https` with a host and without
    /// credentials, or the certificate file cannot be used.
    pub(crate) fn new(settings: &ClientSettings) -> Result<Self, ClientError> {
        let (url, host) = check_url(&settings.url)?;
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(RESPONSE_TIMEOUT));
        if is_loopback(&host) {
            config = config.proxy(None);
        }
        if let Some(path) = &settings.ca_file {
            let tls = TlsConfig::builder().root_certs(read_authorities(path)?);
            config = config.tls_config(tls.build());
        }
        Ok(Self {
            agent: config.build().into(),
            url,
            token: settings.token.clone(),
        })
    }

    /// The same server with another token.
    pub(crate) fn with_token(&self, token: Token) -> Self {
        Self {
            agent: self.agent.clone(),
            url: self.url.clone(),
            token: Some(token),
        }
    }

    /// The server's URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether the token travels in the clear to another machine.
    pub(crate) fn is_exposed(&self) -> bool {
        self.token.is_some() && self.url.starts_with("http://") && !self.is_near()
    }

    /// Whether the server is on this machine, where nothing is gained by short bodies.
    fn is_near(&self) -> bool {
        let host = self.url.parse::<Uri>().ok();
        is_loopback(host.as_ref().and_then(Uri::host).unwrap_or_default())
    }

    /// The whole answer to a `GET`.
    ///
    /// # Errors
    /// When there is no answer of status 2xx.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.whole(self.open(&Method::GET, path, None, HeaderMap::new())?)
    }

    /// The whole answer to a `DELETE`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn delete(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.whole(self.open(&Method::DELETE, path, None, HeaderMap::new())?)
    }

    /// The whole answer to a `POST`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn post(&self, path: &str, body: Body<'_>) -> Result<Vec<u8>, ClientError> {
        self.whole(self.open(&Method::POST, path, Some(body), HeaderMap::new())?)
    }

    /// The whole answer to a `PUT`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn put(&self, path: &str, body: Body<'_>) -> Result<Vec<u8>, ClientError> {
        self.whole(self.open(&Method::PUT, path, Some(body), HeaderMap::new())?)
    }

    /// The whole answer to a `POST` that the server does once for this key,
    /// however often it is sent.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn post_once(
        &self,
        path: &str,
        body: Body<'_>,
        idempotency_key: &str,
    ) -> Result<Vec<u8>, ClientError> {
        let key = HeaderValue::from_str(idempotency_key)
            .map_err(|_| ClientError::Settings("an idempotency key is plain text".to_owned()))?;
        let headers =
            HeaderMap::from_iter([(header::HeaderName::from_static("idempotency-key"), key)]);
        self.whole(self.open(&Method::POST, path, Some(body), headers)?)
    }

    /// Sends a request and answers the response once its status is 2xx.
    fn open(
        &self,
        method: &Method,
        path: &str,
        body: Option<Body<'_>>,
        headers: HeaderMap,
    ) -> Result<http::Response<ureq::Body>, ClientError> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(
                header::ACCEPT,
                "application/json, application/problem+json, */*",
            );
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token.bearer());
        }
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let not_sent =
            |e: http::Error| ClientError::Settings(format!("the request cannot be made: {e}"));
        let answer = match body {
            None => self.agent.run(request.body(()).map_err(not_sent)?),
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, body.media_type);
                let (bytes, compressed) = match self.is_near() {
                    true => (body.bytes.into(), false),
                    false => pack(body.bytes),
                };
                if compressed {
                    request = request.header(header::CONTENT_ENCODING, "gzip");
                }
                self.agent
                    .run(request.body(bytes.as_ref()).map_err(not_sent)?)
            }
        };
        let answer = answer.map_err(|e| self.unreachable(&e))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let wait = retry_after(answer.headers());
        // A refusal whose text is lost is still a refusal.
        let text = self.whole(answer).unwrap_or_default();
        Err(ClientError::Refused(Box::new(Problem::read(
            status, &text, wait, &self.url,
        ))))
    }

    fn whole(&self, answer: http::Response<ureq::Body>) -> Result<Vec<u8>, ClientError> {
        let body = answer.into_body();
        let mut reader = body.into_with_config().limit(ANSWER_BYTES_MAX).reader();
        let mut bytes = Vec::new();
        reader
            .read_to_end(&mut bytes)
            .map_err(|e| self.broken(&e))?;
        Ok(bytes)
    }

    fn unreachable(&self, error: &ureq::Error) -> ClientError {
        let reason = match error {
            ureq::Error::Timeout(_) => "no answer in time".to_owned(),
            ureq::Error::HostNotFound => "there is no host of this name".to_owned(),
            ureq::Error::Io(error) => io_reason(error),
            other => other.to_string(),
        };
        ClientError::Unreachable {
            url: self.url.clone(),
            reason,
        }
    }

    fn broken(&self, error: &io::Error) -> ClientError {
        ClientError::Unreachable {
            url: self.url.clone(),
            reason: format!("the answer ended early: {}", io_reason(error)),
        }
    }
}

fn io_reason(error: &io::Error) -> String {
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

/// The bytes to send, and whether they are compressed. Small bodies are not
/// worth it, and what shrinks further than the server lets bodies grow is sent as it is.
fn pack(bytes: &[u8]) -> (std::borrow::Cow<'_, [u8]>, bool) {
    const WORTH_IT: usize = 1 << 10;
    if bytes.len() < WORTH_IT {
        return (bytes.into(), false);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    let packed = packed.expect("writing to memory does not fail");
    let too_dense = bytes.len() > DECOMPRESSION_FREE_BYTES
        && bytes.len() / DECOMPRESSION_RATIO_MAX >= packed.len();
    if too_dense || packed.len() >= bytes.len() {
        return (bytes.into(), false);
    }
    (packed.into(), true)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
