//! The settings of `tidegate serve`, from flags, the environment and
//! `tidegate.toml`, in this order of precedence.

mod file;
mod values;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use file::FileSettings;

use lake::UpkeepOptions;
use values::{address, byte_count, cidr, duration};

/// Where clients look for a server and where a server listens when nothing
/// else is said.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Where health and metrics are answered when nothing else is said.
pub(crate) const DEFAULT_ADMIN_LISTEN: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

const MIB: u64 = 1 << 20;
const DEFAULT_JOURNAL_SEGMENT_BYTES: u64 = 64 * MIB;
const DEFAULT_BUFFER_BYTES: u64 = 1_024 * MIB;
const DEFAULT_CACHE_BYTES: u64 = 1_024 * MIB;
const DEFAULT_QUERY_MEMORY_BYTES: u64 = 512 * MIB;
const DEFAULT_QUERY_DEADLINE: Duration = Duration::from_secs(30);

/// The name of every setting: with dashes the flag, in capitals behind
/// `TIDEGATE_` the environment variable, as it stands the line of the file.
pub(crate) const NAMES: [&str; 18] = [
    "data_dir",
    "listen",
    "admin_listen",
    "admin_token_file",
    "tls_cert",
    "tls_key",
    "behind_proxy",
    "pepper_file",
    "log_format",
    "log_level",
    "journal_segment_bytes",
    "buffer_bytes",
    "cache_bytes",
    "flush_bytes",
    "flush_after",
    "purge_after",
    "query_memory_bytes",
    "query_deadline",
];

/// The files of the server's own TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate chain, PEM.
    pub(crate) cert: PathBuf,
    /// The private key, PEM.
    pub(crate) key: PathBuf,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What may need a person.
    Warn,
    /// What happened, in few lines.
    Info,
    /// Each request.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Every level.
    pub(crate) const ALL: [Self; 6] = [
        Self::Off,
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// The level's name, which is also a directive of the log's filter.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Everything that a server is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServeSettings {
    /// The directory that holds all data.
    pub(crate) data_dir: PathBuf,
    /// Where the API is answered.
    pub(crate) listen: SocketAddr,
    /// Where health and metrics are answered.
    pub(crate) admin_listen: SocketAddr,
    /// Where the master key's token goes at the first start.
    pub(crate) admin_token_file: Option<PathBuf>,
    /// The server's own TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// The networks of the proxies that end TLS, as `address/prefix length`.
    pub(crate) behind_proxy: Vec<String>,
    /// The file of the secret that tokens are hashed under.
    pub(crate) pepper_file: Option<PathBuf>,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
    /// Which log lines are written.
    pub(crate) log_level: LogLevel,
    /// Bytes of one journal segment.
    pub(crate) journal_segment_bytes: u64,
    /// Bytes of records held in memory before writers are asked to wait.
    pub(crate) buffer_bytes: u64,
    /// Bytes of columns kept in memory as they were read from files.
    pub(crate) cache_bytes: u64,
    /// When records go to files, and how files are merged.
    pub(crate) upkeep: UpkeepOptions,
    /// Bytes that all running queries may hold together.
    pub(crate) query_memory_bytes: u64,
    /// How long one query may take.
    pub(crate) query_deadline: Duration,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// The environment, passed in.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The values of one setting given on the command line; none when it was not.
pub(crate) type FlagValues = Vec<(&'static str, Vec<String>)>;

/// The three places that settings come from.
pub(crate) struct Layers<'a> {
    flags: FlagValues,
    environment: Environment<'a>,
    file: FileSettings,
}

/// The values of one setting and where they were found.
struct Found {
    values: Vec<String>,
    place: String,
}

impl Found {
    fn refuse(&self, rule: impl fmt::Display) -> ConfigError {
        ConfigError::new(format!("{}: {rule}", self.place))
    }

    fn single(&self) -> Result<&str, ConfigError> {
        match self.values.as_slice() {
            [one] if !one.is_empty() => Ok(one),
            [_] => Err(self.refuse("the value is empty; leave the setting out instead")),
            _ => Err(self.refuse("the setting takes one value, not several")),
        }
    }
}

impl<'a> Layers<'a> {
    /// The layers of settings.
    pub(crate) fn new(flags: FlagValues, environment: Environment<'a>, file: FileSettings) -> Self {
        Self {
            flags,
            environment,
            file,
        }
    }

    fn find(&self, name: &str) -> Option<Found> {
        let flag = self.flags.iter().find(|(known, _)| *known == name);
        if let Some((_, values)) = flag.filter(|(_, values)| !values.is_empty()) {
            let place = format!("--{}", name.replace('_', "-"));
            return Some(Found {
                values: values.clone(),
                place,
            });
        }
        let variable = format!("TIDEGATE_{}", name.to_ascii_uppercase());
        if let Some(value) = (self.environment)(&variable) {
            return Some(Found {
                values: vec![value],
                place: variable,
            });
        }
        let values = self.file.get(name)?;
        Some(Found {
            values: values.to_vec(),
            place: format!("{}: {name}", self.file.origin()),
        })
    }

    fn one<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(found) = self.find(name) else {
            return Ok(None);
        };
        parse(found.single()?)
            .map(Some)
            .map_err(|rule| found.refuse(rule))
    }

    fn path(&self, name: &str) -> Result<Option<PathBuf>, ConfigError> {
        self.one(name, |text| Ok(PathBuf::from(text)))
    }

    fn bytes(&self, name: &str, default: u64, least: u64) -> Result<u64, ConfigError> {
        let parsed = self.one(name, |text| {
            let bytes = byte_count(text)?;
            if bytes < least {
                return Err(format!("at least {} MiB are needed", least / MIB));
            }
            Ok(bytes)
        })?;
        Ok(parsed.unwrap_or(default))
    }

    fn networks(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        let Some(found) = self.find(name) else {
            return Ok(Vec::new());
        };
        let parts = found.values.iter().flat_map(|value| value.split(','));
        parts
            .map(|part| cidr(part.trim()).map_err(|rule| found.refuse(rule)))
            .collect()
    }

    fn tls(&self) -> Result<Option<TlsFiles>, ConfigError> {
        match (self.path("tls_cert")?, self.path("tls_key")?) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
            _ => Err(ConfigError::new(
                "tls-cert and tls-key go together; give both or neither",
            )),
        }
    }

    /// The directory of the data, which has no default.
    ///
    /// # Errors
    /// When no layer names it.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        self.path("data_dir")?.ok_or_else(|| {
            ConfigError::new(
                "no data directory is named; give --data-dir DIR, TIDEGATE_DATA_DIR or data_dir in tidegate.toml",
            )
        })
    }

    /// The file of the pepper, when one is named.
    ///
    /// # Errors
    /// When the value is empty.
    pub(crate) fn pepper_file(&self) -> Result<Option<PathBuf>, ConfigError> {
        self.path("pepper_file")
    }

    /// The file for the master key's token, when one is named.
    ///
    /// # Errors
    /// When the value is empty.
    pub(crate) fn admin_token_file(&self) -> Result<Option<PathBuf>, ConfigError> {
        self.path("admin_token_file")
    }

    /// The settings of a server. They never let it answer in the clear on an
    /// address that other machines reach, unless a proxy is named that ends TLS.
    ///
    /// # Errors
    /// When a value breaks its rule, or the values do not go together.
    pub(crate) fn serve(&self) -> Result<ServeSettings, ConfigError> {
        let listen = self.one("listen", address)?;
        let admin_listen = self.one("admin_listen", address)?;
        let settings = ServeSettings {
            data_dir: self.data_dir()?,
            listen: listen.unwrap_or(DEFAULT_LISTEN),
            admin_listen: admin_listen.unwrap_or(DEFAULT_ADMIN_LISTEN),
            admin_token_file: self.admin_token_file()?,
            tls: self.tls()?,
            behind_proxy: self.networks("behind_proxy")?,
            pepper_file: self.pepper_file()?,
            log_format: self
                .one("log_format", values::log_format)?
                .unwrap_or(LogFormat::Text),
            log_level: self
                .one("log_level", values::log_level)?
                .unwrap_or(LogLevel::Info),
            journal_segment_bytes: self.bytes(
                "journal_segment_bytes",
                DEFAULT_JOURNAL_SEGMENT_BYTES,
                32 * MIB,
            )?,
            buffer_bytes: self.bytes("buffer_bytes", DEFAULT_BUFFER_BYTES, 16 * MIB)?,
            cache_bytes: self.bytes("cache_bytes", DEFAULT_CACHE_BYTES, MIB)?,
            upkeep: self.upkeep()?,
            query_memory_bytes: self.bytes(
                "query_memory_bytes",
                DEFAULT_QUERY_MEMORY_BYTES,
                16 * MIB,
            )?,
            query_deadline: self
                .one("query_deadline", duration)?
                .unwrap_or(DEFAULT_QUERY_DEADLINE),
        };
        settings.check()?;
        Ok(settings)
    }

    fn upkeep(&self) -> Result<UpkeepOptions, ConfigError> {
        let usual = UpkeepOptions::default();
        let time = |name, usual| Ok(self.one(name, duration)?.unwrap_or(usual));
        Ok(UpkeepOptions {
            flush_bytes: self.bytes("flush_bytes", usual.flush_bytes, 16 << 10)?,
            flush_after: time("flush_after", usual.flush_after)?,
            purge_after: time("purge_after", usual.purge_after)?,
            ..usual
        })
    }
}

/// Reads the address of `--listen`.
///
/// # Errors
/// When the text is not an address and port.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, ConfigError> {
    address(text).map_err(|rule| ConfigError::new(format!("--listen: {rule}")))
}

impl ServeSettings {
    /// The settings of a short-lived server that keeps everything in `folder`
    /// and listens on `listen`; its health is answered on a free loopback port.
    pub(crate) fn temporary(folder: &Path, listen: SocketAddr) -> Self {
        Self {
            pepper_file: Some(folder.join("pepper")),
            admin_token_file: None,
            data_dir: folder.join("data"),
            listen,
            admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            tls: None,
            behind_proxy: Vec::new(),
            log_format: LogFormat::Text,
            log_level: LogLevel::Warn,
            journal_segment_bytes: DEFAULT_JOURNAL_SEGMENT_BYTES,
            buffer_bytes: DEFAULT_BUFFER_BYTES,
            cache_bytes: DEFAULT_CACHE_BYTES,
            upkeep: UpkeepOptions::default(),
            query_memory_bytes: DEFAULT_QUERY_MEMORY_BYTES,
            query_deadline: DEFAULT_QUERY_DEADLINE,
        }
    }

    /// Refuses settings that would answer in the clear to other machines.
    ///
    /// # Errors
    /// When the address is not a loopback address and neither TLS nor a proxy
    /// is named, or both are.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.tls.is_some() && !self.behind_proxy.is_empty() {
            return Err(ConfigError::new(
                "tls-cert and behind-proxy exclude each other: either the server ends TLS or the proxy does",
            ));
        }
        let open = !self.listen.ip().is_loopback();
        if open && self.tls.is_none() && self.behind_proxy.is_empty() {
            return Err(ConfigError::new(format!(
                "{} is reached from other machines, and tokens would travel in the clear; give --tls-cert and --tls-key, or --behind-proxy with the network of the proxy that ends TLS",
                self.listen
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
