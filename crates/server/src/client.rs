//! The HTTP client of the command line: one connection pool, one token, and
//! errors that never hold the token.

mod address;
mod agent;
mod digest;
mod place;
mod problem;
mod signing;
mod stream;
mod token;
mod vault;

use std::fmt;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use model::limits::{DECOMPRESSION_FREE_BYTES, DECOMPRESSION_RATIO_MAX};

use address::{check_url, is_loopback};
use agent::{agent, io_reason, reason};
use signing::Signing;

pub(crate) use address::segment;
pub(crate) use digest::{Digest, Hasher};
pub(crate) use place::Place;
pub(crate) use problem::Problem;
#[cfg(test)]
pub(crate) use problem::ProblemItem;
pub(crate) use token::{OWN_TOKEN, Token, TokenError, TokenPlaces};
pub(crate) use vault::{Vault, VaultError, VaultPlace};

/// An answer that is read as a whole is not larger than this.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// How often a request is sent again that came too soon, and how long it waits
/// for that at most; what asks for more is for a person to decide.
const TOO_SOON_MAX: usize = 5;
const TOO_SOON_WAIT: Duration = Duration::from_secs(5);

/// Where a server is and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// The server's URL, without `/v1`.
    pub(crate) url: String,
    /// The key's token.
    pub(crate) token: Option<Token>,
    /// Certificate authorities to trust instead of the public ones, PEM.
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether requests are signed under the token, which then stays here.
    pub(crate) sign: bool,
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
    signs: Option<Signing>,
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
        let agent = agent(&host, settings.ca_file.as_deref())?;
        let signs = match (&settings.token, settings.sign) {
            (Some(token), true) => Some(Signing::by(token)?),
            _ => None,
        };
        Ok(Self {
            agent,
            url,
            token: settings.token.clone(),
            signs,
        })
    }

    /// The same server with another token, which is shown and signs nothing.
    pub(crate) fn with_token(&self, token: Token) -> Self {
        Self {
            agent: self.agent.clone(),
            url: self.url.clone(),
            token: Some(token),
            signs: None,
        }
    }

    /// The server's URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether the token travels in the clear to another machine.
    pub(crate) fn is_exposed(&self) -> bool {
        let shows = self.token.is_some() && self.signs.is_none();
        shows && self.is_in_the_clear()
    }

    /// Whether what is sent travels in the clear to another machine.
    pub(crate) fn is_in_the_clear(&self) -> bool {
        self.url.starts_with("http://") && !self.is_near()
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

    /// Sends a request and answers the response once its status is 2xx. Where it
    /// came too soon and is to wait for a moment, it waits and is sent again:
    /// nothing was done.
    fn open(
        &self,
        method: &Method,
        path: &str,
        body: Option<Body<'_>>,
        headers: HeaderMap,
    ) -> Result<http::Response<ureq::Body>, ClientError> {
        for _ in 0..TOO_SOON_MAX {
            match self.open_once(method, path, body, &headers) {
                Err(ClientError::Refused(problem)) if problem.status == 429 => {
                    let wait = problem.retry_after.filter(|wait| *wait <= TOO_SOON_WAIT);
                    let Some(wait) = wait else {
                        return Err(ClientError::Refused(problem));
                    };
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "the server names the time, and there is nothing else to wait for"
                    )]
                    std::thread::sleep(wait);
                }
                answered => return answered,
            }
        }
        self.open_once(method, path, body, &headers)
    }

    fn open_once(
        &self,
        method: &Method,
        path: &str,
        body: Option<Body<'_>>,
        headers: &HeaderMap,
    ) -> Result<http::Response<ureq::Body>, ClientError> {
        let target = format!("{}{path}", self.url);
        let mut request = http::Request::builder().method(method).uri(&target).header(
            header::ACCEPT,
            "application/json, application/problem+json, */*",
        );
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let (mut bytes, mut media_type) = (None, None);
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, body.media_type);
            media_type = Some(body.media_type);
            let (packed, compressed) = match self.is_near() {
                true => (body.bytes.into(), false),
                false => pack(body.bytes),
            };
            if compressed {
                request = request.header(header::CONTENT_ENCODING, "gzip");
            }
            bytes = Some(packed);
        }
        if let Some(signs) = &self.signs {
            let sent = bytes.as_deref().unwrap_or_default();
            for (name, value) in signs.headers(method, &target, media_type, sent)? {
                request = request.header(name, value);
            }
        } else if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token.bearer());
        }
        let not_sent =
            |e: http::Error| ClientError::Settings(format!("the request cannot be made: {e}"));
        let answer = match bytes {
            None => self.agent.run(request.body(()).map_err(not_sent)?),
            Some(bytes) => self
                .agent
                .run(request.body(bytes.as_ref()).map_err(not_sent)?),
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
        ClientError::Unreachable {
            url: self.url.clone(),
            reason: reason(error),
        }
    }

    fn broken(&self, error: &io::Error) -> ClientError {
        ClientError::Unreachable {
            url: self.url.clone(),
            reason: format!("the answer ended early: {}", io_reason(error)),
        }
    }
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
