//! The arguments of the commands that run a server or work on its files.

use std::path::PathBuf;

use clap::Args;

use crate::config::FlagValues;

const SERVE_HELP: &str = "\
Every option is also an environment variable, TIDEGATE_ and its name in capitals
(TIDEGATE_DATA_DIR), and a line in tidegate.toml (data_dir = \"/var/lib/tidegate\").
A flag wins over the environment, the environment over the file.

The first start on an empty directory makes the master key. Its token goes to
--admin-token-file (mode 0600), or to the terminal.

Examples:
  tidegate serve --data-dir ./data
  tidegate serve --data-dir /var/lib/tidegate --listen 0.0.0.0:443 \\
      --tls-cert /etc/tidegate/chain.pem --tls-key /etc/tidegate/key.pem \\
      --admin-token-file /etc/tidegate/admin-token
  tidegate serve --data-dir /var/lib/tidegate --listen 0.0.0.0:8080 --behind-proxy 10.0.0.0/8";

/// Options of `serve`. All are text here: flags, environment and file are
/// read by one parser.
#[derive(Args, Debug)]
#[command(after_help = SERVE_HELP)]
pub(crate) struct ServeArgs {
    /// Settings file [default: tidegate.toml in the working directory, if it is there]
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory that holds all data; made when it does not exist
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address of the API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address of /healthz, /readyz and /metrics [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Where the master key's token goes at the first start; needed when there is no terminal
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<String>,
    /// Certificate chain, PEM; with --tls-key the server speaks TLS itself
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Network of the proxies that end TLS in front of this server; may be given several times
    #[arg(long, value_name = "CIDR")]
    behind_proxy: Vec<String>,
    /// How long browsers that came by TLS come by nothing else (Strict-Transport-Security): days such as 30d, or off [default: off]
    #[arg(long, value_name = "PERIOD")]
    hsts: Option<String>,
    /// File of the secret that tokens are hashed under; keep it out of the data directory's backup
    #[arg(long, value_name = "FILE")]
    pepper_file: Option<String>,
    /// Database of places by address in MaxMind's format, for the add-on keen:ip_to_geo
    #[arg(long, value_name = "FILE")]
    places_file: Option<String>,
    /// Directory that signed checkpoints of the audit are appended to, every hour; best one that
    /// this server can append to and not change, on another machine
    #[arg(long, value_name = "DIR")]
    audit_checkpoint_dir: Option<String>,
    /// How log lines are written: text or json [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Log")]
    log_format: Option<String>,
    /// Which log lines are written: off, error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "Log")]
    log_level: Option<String>,
    /// Size of one journal segment [default: 64MiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    journal_segment_bytes: Option<String>,
    /// Records held in memory before writers are asked to wait [default: 1GiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    buffer_bytes: Option<String>,
    /// Columns kept in memory as they were read from files, and how files are built [default: 1GiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    cache_bytes: Option<String>,
    /// Records of one pool in memory that go to files at once [default: 256MiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    flush_bytes: Option<String>,
    /// How long records stay in memory and the journal alone [default: 15m]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    flush_after: Option<String>,
    /// How long a deleted record may stay on the disk [default: 24h]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    purge_after: Option<String>,
    /// How fast files are merged, unless merging falls behind [default: 64MiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    merge_bytes_per_second: Option<String>,
    /// How often all files are read again and compared with their digests, or off [default: 7d]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    scrub_every: Option<String>,
    /// How fast they are read for that [default: 16MiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    scrub_bytes_per_second: Option<String>,
    /// Memory of all running queries together [default: 512MiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    query_memory_bytes: Option<String>,
    /// How long one query may take [default: 30s]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    query_deadline: Option<String>,
    /// What queries that take long get of the processors beside other work: behind (a tenth), or idle (what is left) [default: behind]
    #[arg(long, value_name = "PRIORITY", help_heading = "Limits")]
    query_priority: Option<String>,
    /// Whether answers say in the fields RateLimit and RateLimit-Policy (an IETF draft) what of the key's rate is left: on or off [default: off]
    #[arg(long, value_name = "SWITCH", help_heading = "Limits")]
    rate_limit_headers: Option<String>,
    /// Whether the server's memory, with the pepper and tokens in it, may be written to a core file and read by other programs of the same user: on or off [default: off]
    #[arg(long, value_name = "SWITCH")]
    core_dumps: Option<String>,
}

impl ServeArgs {
    /// The settings that were given as flags.
    pub(crate) fn flags(&self) -> FlagValues {
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        vec![
            ("data_dir", one(&self.data_dir)),
            ("listen", one(&self.listen)),
            ("admin_listen", one(&self.admin_listen)),
            ("admin_token_file", one(&self.admin_token_file)),
            ("tls_cert", one(&self.tls_cert)),
            ("tls_key", one(&self.tls_key)),
            ("behind_proxy", self.behind_proxy.clone()),
            ("hsts", one(&self.hsts)),
            ("pepper_file", one(&self.pepper_file)),
            ("places_file", one(&self.places_file)),
            ("audit_checkpoint_dir", one(&self.audit_checkpoint_dir)),
            ("log_format", one(&self.log_format)),
            ("log_level", one(&self.log_level)),
            ("journal_segment_bytes", one(&self.journal_segment_bytes)),
            ("buffer_bytes", one(&self.buffer_bytes)),
            ("cache_bytes", one(&self.cache_bytes)),
            ("flush_bytes", one(&self.flush_bytes)),
            ("flush_after", one(&self.flush_after)),
            ("purge_after", one(&self.purge_after)),
            ("merge_bytes_per_second", one(&self.merge_bytes_per_second)),
            ("scrub_every", one(&self.scrub_every)),
            ("scrub_bytes_per_second", one(&self.scrub_bytes_per_second)),
            ("query_memory_bytes", one(&self.query_memory_bytes)),
            ("query_deadline", one(&self.query_deadline)),
            ("query_priority", one(&self.query_priority)),
            ("rate_limit_headers", one(&self.rate_limit_headers)),
            ("core_dumps", one(&self.core_dumps)),
        ]
    }
}

/// Options of `keys recover`.
#[derive(Args, Debug)]
pub(crate) struct RecoverArgs {
    /// Settings file [default: tidegate.toml in the working directory, if it is there]
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// File of the secret that tokens are hashed under
    #[arg(long, value_name = "FILE")]
    pepper_file: Option<String>,
    /// Where the new token goes; needed when there is no terminal
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<String>,
    /// Remove everybody who signs in, too, for when no owner can any more: a first owner is made anew
    #[arg(long)]
    pub(crate) forget_people: bool,
}

impl RecoverArgs {
    /// The settings that were given as flags.
    pub(crate) fn flags(&self) -> FlagValues {
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        vec![
            ("data_dir", one(&self.data_dir)),
            ("pepper_file", one(&self.pepper_file)),
            ("admin_token_file", one(&self.admin_token_file)),
        ]
    }
}

/// Options of `demo`.
#[derive(Args, Debug)]
#[command(after_help = "\
The data are the 27,004 flights that left New York in January 2013; the 16 airlines play the
customers. Everything is done through the public API, and everything is gone when the command ends.

Examples:
  tidegate demo
  tidegate demo --listen 127.0.0.1:8080
  tidegate demo --exit --json")]
pub(crate) struct DemoArgs {
    /// Address of the API [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Print and stop, instead of serving until Ctrl-C
    #[arg(long)]
    pub(crate) exit: bool,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}
