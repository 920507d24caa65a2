//! The arguments of every client command, and of the one that sends records.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::KeenArgs;
use crate::client::Place;

/// How to reach the server, and how to print.
#[derive(Args, Debug)]
pub(crate) struct ClientArgs {
    /// URL of the server
    #[arg(
        long,
        global = true,
        env = "TIDEGATE_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        help_heading = "Server"
    )]
    pub(crate) url: String,
    /// File that holds the key's token; the same as --token-from file:FILE
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "token_from",
        help_heading = "Server"
    )]
    pub(crate) token_file: Option<PathBuf>,
    /// Where the key's token is: file:PATH, command:COMMAND or vault:PATH#FIELD [else TIDEGATE_TOKEN,
    /// TIDEGATE_TOKEN_FROM or TIDEGATE_TOKEN_COMMAND]
    #[arg(long, global = true, value_name = "PLACE", help_heading = "Server")]
    pub(crate) token_from: Option<Place>,
    /// Sign requests under the token instead of showing it, as keys for signed requests demand
    #[arg(long, global = true, env = "TIDEGATE_SIGN", help_heading = "Server")]
    pub(crate) sign: bool,
    /// Certificate authorities to trust instead of the public ones, PEM
    #[arg(
        long,
        global = true,
        env = "TIDEGATE_CA_FILE",
        value_name = "FILE",
        help_heading = "Server"
    )]
    pub(crate) ca_file: Option<PathBuf>,
    /// Print the server's JSON instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The format of a file of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values with a header
    Csv,
    /// Parquet
    Parquet,
}

/// Whether a new pool takes fields that it does not declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaMode {
    /// A record with another field is rejected
    Strict,
    /// Other fields are stored, each value with its own type
    Open,
}

impl SchemaMode {
    /// The word on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Open => "open",
        }
    }
}

/// Options of `import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Formats: .ndjson .jsonl .csv .parquet; the text formats also compressed with gzip (.gz).

When the pool does not exist, its fields are inferred from the first records, shown, and the pool
is made once you agree. An import that was interrupted is repeated by the same command within
24 hours: what is stored already is not stored twice. Rejected records are listed with their line
and counted; all others are stored, and the exit code is then 1.

Examples:
  tidegate import sales.csv --time-field at --isolation-field customer.id
  tidegate import events-2026.ndjson.gz --pool events --schema open --yes
  tidegate import zips.csv --field zip:String --field lat:Float64!     (! = required)
  generate | tidegate import - --pool events

From Keen (docs/migrating-from-keen.md): a file of events holds an extraction ({\"result\": [event, …]}),
a JSON list or NDJSON. Their collection is made as a first write makes it, without being asked.
  tidegate import --from keen --switch-on --out project-keys.ndjson
  tidegate import --from keen orders.json
  tidegate import --from keen --saved-queries saved.json --datasets datasets.json
  tidegate import --from keen --keys keys.json --out new-keys.ndjson")]
pub(crate) struct ImportArgs {
    /// File to import; - reads NDJSON from standard input
    #[arg(required_unless_present_any = ["keys", "saved_queries", "datasets", "switch_on"])]
    pub(crate) file: Option<PathBuf>,
    /// Pool to send to [default: the file's name without its endings]
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Option<String>,
    /// Format of the file [default: by its name]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormat>,
    /// Field that orders records in time [default: the only DateTime field, if there is just one]
    #[arg(long, value_name = "FIELD", help_heading = "A new pool")]
    pub(crate) time_field: Option<String>,
    /// Field that tells customers apart
    #[arg(long, value_name = "FIELD", help_heading = "A new pool")]
    pub(crate) isolation_field: Option<String>,
    /// Whether other fields are taken [default: strict for CSV and Parquet, open for NDJSON]
    #[arg(long, value_enum, help_heading = "A new pool")]
    pub(crate) schema: Option<SchemaMode>,
    /// Type of a field instead of the inferred one, ! for required; may be given several times
    #[arg(
        long = "field",
        value_name = "NAME:TYPE[!]",
        help_heading = "A new pool"
    )]
    pub(crate) fields: Vec<String>,
    /// Make the pool without asking
    #[arg(long, short, help_heading = "A new pool")]
    pub(crate) yes: bool,
    /// Records of one request
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) batch_size: u32,
    /// Requests on their way at once [default: 6; 1 where a record may replace an earlier one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) connections: Option<u32>,
    /// Any text; another one sends a file again on purpose that was imported in the last 24 hours
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) label: String,
    #[command(flatten)]
    pub(crate) keen: KeenArgs,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
