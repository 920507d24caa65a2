//! The settings of `tidegate serve`, from flags, the environment and
//! `tidegate.toml`, in this order of precedence.

mod file;
mod layers;
mod values;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use file::FileSettings;
pub(crate) use layers::{FlagValues, Layers};

use lake::UpkeepOptions;
use values::address;

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
pub(crate) const NAMES: [&str; 27] = [
    "data_dir",
    "listen",
    "admin_listen",
    "admin_token_file",
    "tls_cert",
    "tls_key",
    "behind_proxy",
    "hsts",
    "pepper_file",
    "places_file",
    "audit_checkpoint_dir",
    "log_format",
    "log_level",
    "journal_segment_bytes",
    "buffer_bytes",
    "cache_bytes",
    "flush_bytes",
    "flush_after",
    "purge_after",
    "merge_bytes_per_second",
    "scrub_every",
    "scrub_bytes_per_second",
    "query_memory_bytes",
    "query_deadline",
    "query_priority",
    "rate_limit_headers",
    "core_dumps",
];

/// How often all files of records are read again, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScrubSettings {
    /// From the beginning of one time to that of the next; never, when there is none.
    pub(crate) every: Option<Duration>,
    /// How many bytes are read in a second at most.
    pub(crate) bytes_per_second: u64,
}

impl Default for ScrubSettings {
    fn default() -> Self {
        Self {
            every: Some(Duration::from_secs(7 * 24 * 60 * 60)),
            bytes_per_second: 16 * MIB,
        }
    }
}

/// The files of the server's own TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate chain, PEM.
    pub(crate) cert: PathBuf,
    /// The private key, PEM.
    pub(crate) key: PathBuf,
}

/// What queries that take long get of the processors beside other work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryPriority {
    /// A tenth.
    Behind,
    /// What is left.
    Idle,
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
    /// The database of places by address.
    pub(crate) places_file: Option<PathBuf>,
    /// Where signed checkpoints of the audit go.
    pub(crate) audit_checkpoint_dir: Option<PathBuf>,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
    /// Which log lines are written.
    pub(crate) log_level: LogLevel,
    /// Bytes of one journal segment.
    pub(crate) journal_segment_bytes: u64,
    /// Bytes of records held in memory before writers are asked to wait.
    pub(crate) buffer_bytes: u64,
    /// Bytes of columns kept in memory as they were read from files, and of how files are built.
    pub(crate) cache_bytes: u64,
    /// When records go to files, and how files are merged.
    pub(crate) upkeep: UpkeepOptions,
    /// How files are read again.
    pub(crate) scrub: ScrubSettings,
    /// Bytes that all running queries may hold together.
    pub(crate) query_memory_bytes: u64,
    /// How long one query may take.
    pub(crate) query_deadline: Duration,
    /// How far queries that take long stand behind what is answered at once.
    pub(crate) query_priority: QueryPriority,
    /// Whether answers say where their key stands with its rate.
    pub(crate) rate_limit_headers: bool,
    /// Whether the system may write the memory of the process to a file, and
    /// other programs of its user may read it.
    pub(crate) core_dumps: bool,
    /// How long browsers are to come by TLS alone.
    pub(crate) hsts: Option<Duration>,
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
            places_file: None,
            audit_checkpoint_dir: None,
            log_format: LogFormat::Text,
            log_level: LogLevel::Warn,
            journal_segment_bytes: DEFAULT_JOURNAL_SEGMENT_BYTES,
            buffer_bytes: DEFAULT_BUFFER_BYTES,
            cache_bytes: DEFAULT_CACHE_BYTES,
            upkeep: UpkeepOptions::default(),
            scrub: ScrubSettings::default(),
            query_memory_bytes: DEFAULT_QUERY_MEMORY_BYTES,
            query_deadline: DEFAULT_QUERY_DEADLINE,
            query_priority: QueryPriority::Behind,
            rate_limit_headers: false,
            core_dumps: false,
            hsts: None,
        }
    }

    /// Refuses settings that would answer in the clear to other machines.
    ///
    /// # Errors
    /// When the address is not a loopback address and neither TLS nor a proxy
    /// is named, or both are; and browsers that are told to come by TLS alone
    /// where there is none.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.tls.is_some() && !self.behind_proxy.is_empty() {
            return Err(ConfigError::new(
                "tls-cert and behind-proxy exclude each other: either the server ends TLS or the proxy does",
            ));
        }
        if self.hsts.is_some() && self.tls.is_none() && self.behind_proxy.is_empty() {
            return Err(ConfigError::new(
                "hsts tells browsers to come by TLS alone, and nothing here ends TLS; give --tls-cert and --tls-key, or --behind-proxy, or leave hsts off",
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
