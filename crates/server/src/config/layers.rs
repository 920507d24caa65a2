//! The places that settings come from, and which of them wins.

use std::fmt;
use std::path::PathBuf;

use lake::UpkeepOptions;

use super::values::{self, address, byte_count, cidr, duration};
use super::{
    ConfigError, DEFAULT_ADMIN_LISTEN, DEFAULT_BUFFER_BYTES, DEFAULT_CACHE_BYTES,
    DEFAULT_JOURNAL_SEGMENT_BYTES, DEFAULT_LISTEN, DEFAULT_QUERY_DEADLINE,
    DEFAULT_QUERY_MEMORY_BYTES, FileSettings, LogFormat, LogLevel, MIB, QueryPriority,
    ScrubSettings, ServeSettings, TlsFiles,
};

/// Bytes that upkeep may hold in memory for one thing, at least: some blocks of each file.
const UPKEEP_BYTES_LEAST: usize = 8 << 20;

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
        let buffer_bytes = self.bytes("buffer_bytes", DEFAULT_BUFFER_BYTES, 16 * MIB)?;
        let settings = ServeSettings {
            data_dir: self.data_dir()?,
            listen: listen.unwrap_or(DEFAULT_LISTEN),
            admin_listen: admin_listen.unwrap_or(DEFAULT_ADMIN_LISTEN),
            admin_token_file: self.admin_token_file()?,
            tls: self.tls()?,
            behind_proxy: self.networks("behind_proxy")?,
            pepper_file: self.pepper_file()?,
            places_file: self.path("places_file")?,
            audit_checkpoint_dir: self.path("audit_checkpoint_dir")?,
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
            buffer_bytes,
            cache_bytes: self.bytes("cache_bytes", DEFAULT_CACHE_BYTES, MIB)?,
            upkeep: self.upkeep(buffer_bytes)?,
            scrub: self.scrub()?,
            query_memory_bytes: self.bytes(
                "query_memory_bytes",
                DEFAULT_QUERY_MEMORY_BYTES,
                16 * MIB,
            )?,
            query_deadline: self
                .one("query_deadline", duration)?
                .unwrap_or(DEFAULT_QUERY_DEADLINE),
            query_priority: self
                .one("query_priority", values::query_priority)?
                .unwrap_or(QueryPriority::Behind),
            rate_limit_headers: self
                .one("rate_limit_headers", values::switch)?
                .unwrap_or(false),
            core_dumps: self.one("core_dumps", values::switch)?.unwrap_or(false),
            hsts: self.one("hsts", values::period)?.flatten(),
        };
        settings.check()?;
        Ok(settings)
    }

    fn scrub(&self) -> Result<ScrubSettings, ConfigError> {
        let usual = ScrubSettings::default();
        let every = self.one("scrub_every", values::period)?;
        Ok(ScrubSettings {
            every: every.unwrap_or(usual.every),
            bytes_per_second: self.bytes("scrub_bytes_per_second", usual.bytes_per_second, MIB)?,
        })
    }

    fn upkeep(&self, buffer: u64) -> Result<UpkeepOptions, ConfigError> {
        let usual = UpkeepOptions::default();
        // What upkeep holds in memory is in proportion to what records may.
        let share = |usual: usize, part: u64| {
            let part = usize::try_from(buffer / part).unwrap_or(usize::MAX);
            usual.min(part.max(UPKEEP_BYTES_LEAST))
        };
        let time = |name, usual| Ok(self.one(name, duration)?.unwrap_or(usual));
        Ok(UpkeepOptions {
            flush_bytes: self.bytes("flush_bytes", usual.flush_bytes, 16 << 10)?,
            flush_after: time("flush_after", usual.flush_after)?,
            purge_after: time("purge_after", usual.purge_after)?,
            merge_bytes_per_second: self.bytes(
                "merge_bytes_per_second",
                usual.merge_bytes_per_second,
                MIB,
            )?,
            merge_bytes: share(usual.merge_bytes, 4),
            sort_bytes: share(usual.sort_bytes, 16),
            ..usual
        })
    }
}
