//! A KV engine (version 2) of HashiCorp Vault or OpenBao, over the four calls
//! of its API that reading and writing one field needs. Why no library:
//! docs/adr/029-secret-managers.md.

mod said;

use std::fmt;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Method, header};
use serde_json::{Map, Value, json};

use super::address::{check_url, is_loopback, segment};
use super::agent::{agent, reason};
use super::place::VaultPath;
use super::token::Token;

pub(crate) use said::VaultError;

/// An answer of the API is not larger than this; secrets have at most 1 MiB.
const ANSWER_BYTES_MAX: u64 = 8 << 20;
/// How often a write is tried whose answer does not come.
const WRITES_MAX: usize = 3;

/// A client of one server.
pub(crate) struct Vault {
    agent: ureq::Agent,
    url: String,
    token: HeaderValue,
    namespace: Option<HeaderValue>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A path of an engine that was found to be there, and what it holds.
#[derive(Debug)]
pub(crate) struct VaultPlace {
    vault: Vault,
    path: VaultPath,
    /// `/v1/<engine>/data/<path>`.
    address: String,
    current: Current,
}

/// What a path holds. No value of it is ever shown.
struct Current {
    /// 0 while there never was one.
    version: u64,
    /// `None` when there is none, or it was deleted.
    fields: Option<Map<String, Value>>,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {}", self.version)
    }
}

/// An answer that came.
struct Answer {
    status: u16,
    body: Value,
}

impl Vault {
    /// The server and the token that the environment names, as for the
    /// programs `vault` and `bao`. Nothing is sent yet.
    ///
    /// # Errors
    /// When one is missing, or the token would travel in the clear.
    pub(crate) fn gather(environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, VaultError> {
        let named = |name: &str| {
            let names = [format!("BAO_{name}"), format!("VAULT_{name}")];
            let values = names.iter().filter_map(|name| environment(name));
            values.into_iter().find(|text| !text.is_empty())
        };
        let settings = |rule: String| VaultError::Settings(rule);
        let address = named("ADDR").ok_or_else(|| {
            settings(
                "vault: the server is named in VAULT_ADDR, such as https://vault.example:8200"
                    .to_owned(),
            )
        })?;
        let (url, host) = check_url(&address).map_err(|e| settings(format!("VAULT_ADDR: {e}")))?;
        if url.starts_with("http://") && !is_loopback(&host) {
            let rule = "VAULT_ADDR is not https, and secrets do not travel in the clear to another machine";
            return Err(settings(rule.to_owned()));
        }
        let ca_file = named("CACERT").map(PathBuf::from);
        let agent =
            agent(&host, ca_file.as_deref()).map_err(|e| settings(format!("VAULT_CACERT: {e}")))?;
        let header = |text: &str, what: &str| {
            let value = HeaderValue::from_str(text.trim())
                .ok()
                .filter(|v| !v.is_empty());
            value.ok_or_else(|| settings(format!("{what} does not hold one line of text")))
        };
        let mut token = match named("TOKEN") {
            Some(text) => header(&text, "VAULT_TOKEN")?,
            None => {
                let file = named("TOKEN_FILE").map(PathBuf::from).or_else(|| {
                    environment("HOME").map(|home| Path::new(&home).join(".vault-token"))
                });
                let file = file.ok_or_else(|| {
                    settings("vault: no token in VAULT_TOKEN or VAULT_TOKEN_FILE".to_owned())
                })?;
                let text = std::fs::read_to_string(&file).map_err(|error| {
                    settings(format!(
                        "vault: no token in VAULT_TOKEN, and the file {} cannot be read: {error}",
                        file.display()
                    ))
                })?;
                header(&text, &format!("the file {}", file.display()))?
            }
        };
        token.set_sensitive(true);
        let namespace = named("NAMESPACE").map(|text| header(&text, "VAULT_NAMESPACE"));
        Ok(Self {
            agent,
            url,
            token,
            namespace: namespace.transpose()?,
        })
    }

    /// Finds a place and reads what it holds. Nothing is changed.
    ///
    /// # Errors
    /// When the engine is none of version 2, or the token may not read the path.
    pub(crate) fn find(self, path: VaultPath) -> Result<VaultPlace, VaultError> {
        let whole: Vec<String> = path.segments().iter().map(|s| segment(s)).collect();
        let preflight = format!("/v1/sys/internal/ui/mounts/{}", whole.join("/"));
        let answer = self.call(&Method::GET, &preflight, None)?;
        if answer.status != 200 {
            return Err(answer.refusal(&path, "looking for the engine"));
        }
        let engine = &answer.body["data"];
        let mount = engine["path"]
            .as_str()
            .unwrap_or_default()
            .trim_matches('/');
        // A namespace may stand before it, which is not of the path.
        let depth = (1..path.segments().len()).find(|&depth| {
            let front = path.segments()[..depth].join("/");
            !front.is_empty() && (mount == front || mount.ends_with(&format!("/{front}")))
        });
        let is_kv2 = engine["type"] == "kv" && engine["options"]["version"] == "2";
        let Some(depth) = depth.filter(|_| is_kv2) else {
            return Err(VaultError::Settings(format!(
                "{path}: there is no KV engine of version 2 at this path; the path starts with the engine's, and goes on within it"
            )));
        };
        if path.segments()[depth] == "data" {
            return Err(VaultError::Settings(format!(
                "{path}: leave data/ out, as for `vault kv get`; the path is that of the secret and not of the API"
            )));
        }
        let (engine, rest) = whole.split_at(depth);
        let address = format!("/v1/{}/data/{}", engine.join("/"), rest.join("/"));
        let mut place = VaultPlace {
            vault: self,
            path,
            address,
            current: Current {
                version: 0,
                fields: None,
            },
        };
        place.current = place.read()?;
        Ok(place)
    }

    fn call(
        &self,
        method: &Method,
        path: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Answer, VaultError> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("x-vault-request", "true")
            .header("x-vault-token", &self.token);
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        let not_sent = |e: http::Error| VaultError::Settings(format!("vault: {e}"));
        let answer = match body {
            None => self.agent.run(request.body(()).map_err(not_sent)?),
            Some((media_type, body)) => {
                let request = request.header(header::CONTENT_TYPE, media_type);
                self.agent
                    .run(request.body(body.to_string()).map_err(not_sent)?)
            }
        };
        let lost = |reason: String| VaultError::Unreachable(format!("{}: {reason}", self.url));
        let mut answer = answer.map_err(|error| match is_absent(&error) {
            true => VaultError::Absent(format!("{}: {}", self.url, reason(&error))),
            false => lost(reason(&error)),
        })?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let body = body.read_to_vec().map_err(|error| lost(reason(&error)))?;
        let body = match (body.is_empty(), serde_json::from_slice(&body)) {
            (true, _) => Value::Null,
            (false, Ok(value)) => value,
            // A refusal of whatever stands before the server.
            (false, Err(_)) if !(200..300).contains(&status) => Value::Null,
            (false, Err(_)) => return Err(lost("an answer that is not of this API".to_owned())),
        };
        Ok(Answer { status, body })
    }
}

/// Whether nobody can have heard the request.
fn is_absent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        error => matches!(error, ureq::Error::HostNotFound),
    }
}

impl VaultPlace {
    /// Where it is.
    pub(crate) fn path(&self) -> &VaultPath {
        &self.path
    }

    /// The token that the field holds.
    ///
    /// # Errors
    /// When there is no such field, or it holds none.
    pub(crate) fn token(&self) -> Result<Token, VaultError> {
        let held = self.current.fields.as_ref();
        let held = held.and_then(|fields| fields.get(self.path.field()));
        let Some(text) = held.and_then(Value::as_str) else {
            return Err(VaultError::Settings(format!(
                "{}: there is no such field with a text",
                self.path
            )));
        };
        Token::new(text, &self.path.to_string())
            .map_err(|error| VaultError::Settings(error.to_string()))
    }

    /// Writes the secret into the field; when this returns, the server has it.
    /// The other fields stay, and a change of the path that came meanwhile is
    /// not overwritten: then nothing is written.
    ///
    /// # Errors
    /// Why not, and whether the secret may be there all the same:
    /// [`VaultError::may_have_written`].
    pub(crate) fn write(&self, secret: &str) -> Result<(), VaultError> {
        let mut unheard = None;
        for _ in 0..WRITES_MAX {
            let error = match self.write_once(secret) {
                Ok(()) => return Ok(()),
                Err(error) => error.without(secret),
            };
            if unheard.is_none() && !error.may_have_written() {
                return Err(error);
            }
            // A write whose answer was lost may have been carried out. Once the
            // path has changed, it is there or never will be.
            match self.read() {
                Ok(now) if now.holds(self.path.field(), secret) => return Ok(()),
                Ok(_) if matches!(error, VaultError::Changed(_)) => return Err(error),
                Ok(_) | Err(_) => {}
            }
            unheard.get_or_insert(error);
        }
        Err(unheard.unwrap_or_else(|| VaultError::Unreachable(self.vault.url.clone())))
    }

    fn write_once(&self, secret: &str) -> Result<(), VaultError> {
        const MERGE: &str = "application/merge-patch+json";
        let fresh = json!({ self.path.field(): secret });
        let cas = json!({ "cas": self.current.version });
        let mut answer = match &self.current.fields {
            None => None,
            Some(_) => {
                let body = json!({ "options": cas, "data": fresh });
                let method = Method::PATCH;
                Some(
                    self.vault
                        .call(&method, &self.address, Some((MERGE, &body)))?,
                )
            }
        };
        // Servers and policies from before patches: all fields, as they were
        // read, and still only if nobody changed them since.
        if answer
            .as_ref()
            .is_none_or(|a| matches!(a.status, 403 | 405))
        {
            let mut data = self.current.fields.clone().unwrap_or_default();
            data.insert(self.path.field().to_owned(), secret.into());
            let body = json!({ "options": cas, "data": data });
            let sent = Some(("application/json", &body));
            answer = Some(self.vault.call(&Method::POST, &self.address, sent)?);
        }
        match answer {
            Some(answer) if answer.body["data"]["version"].is_u64() => Ok(()),
            Some(answer) if (200..300).contains(&answer.status) => {
                let told = "an answer to the write that is not of a KV engine of version 2";
                Err(VaultError::Unreachable(format!("{}: {told}", self.path)))
            }
            Some(answer) => Err(answer.refusal(&self.path, "writing")),
            None => unreachable!("one of the two was sent"),
        }
    }

    fn read(&self) -> Result<Current, VaultError> {
        let answer = self.vault.call(&Method::GET, &self.address, None)?;
        let data = &answer.body["data"];
        let version = data["metadata"]["version"].as_u64();
        match (answer.status, version) {
            (200, Some(version)) => Ok(Current {
                version,
                fields: data["data"].as_object().cloned(),
            }),
            // Deleted versions are counted on.
            (404, version) => Ok(Current {
                version: version.unwrap_or(0),
                fields: None,
            }),
            (200, None) => Err(VaultError::Unreachable(format!(
                "{}: an answer that is not of a KV engine of version 2",
                self.path
            ))),
            _ => Err(answer.refusal(&self.path, "reading")),
        }
    }
}

impl Current {
    fn holds(&self, field: &str, secret: &str) -> bool {
        let fields = self.fields.as_ref();
        fields.is_some_and(|fields| fields.get(field).and_then(Value::as_str) == Some(secret))
    }
}
