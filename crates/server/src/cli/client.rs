//! The arguments of every client command, and of those that move records.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::KeenArgs;

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
    /// File that holds the key's token [else TIDEGATE_TOKEN or TIDEGATE_TOKEN_COMMAND]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Server")]
    pub(crate) token_file: Option<PathBuf>,
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
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
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

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    Table,
    /// The server's JSON
    Json,
    /// One JSON object a line, all rows
    Ndjson,
    /// Comma-separated values with a header, all rows
    Csv,
    /// Parquet, all rows
    Parquet,
    /// An Arrow stream, all rows
    Arrow,
}

impl OutputFormat {
    /// The word on the wire, for formats in which the server streams all rows.
    pub(crate) fn streamed(self) -> Option<&'static str> {
        match self {
            Self::Table | Self::Json => None,
            Self::Ndjson => Some("ndjson"),
            Self::Csv => Some("csv"),
            Self::Parquet => Some("parquet"),
            Self::Arrow => Some("arrow"),
        }
    }
}

/// Options of `query`.
#[derive(Args, Debug)]
#[command(after_help = "\
Operators of --where: eq ne lt lte gt gte (also = != < <= > >=), in not_in (values with commas),
exists, contains not_contains starts_with ends_with regex, within. A value that reads as JSON is
that value (42, true, \"42\"); anything else is text.

Examples:
  tidegate query flights --where 'dest = SFO' --where 'departure_delay_minutes > 60' --limit 20
  tidegate query flights --where 'carrier in UA,B6' --where 'tailnum exists' --all
  tidegate query flights_by_destination --order-by flights:desc
  tidegate query flights_by_day --interval daily --timezone America/New_York \\
      --from 2013-01-01T00:00:00-05:00 --to 2013-02-01T00:00:00-05:00
  tidegate query flights --format parquet --output flights.parquet")]
pub(crate) struct QueryArgs {
    /// Name of the view
    pub(crate) view: String,
    /// Condition on a field of the view; several must all hold
    #[arg(long = "where", value_name = "'FIELD OPERATOR VALUE'")]
    pub(crate) conditions: Vec<String>,
    /// Length of a time series' intervals: hourly, daily, every_15_minutes, …
    #[arg(long, help_heading = "Time")]
    pub(crate) interval: Option<String>,
    /// First instant, RFC 3339; a plain date is its first instant in --timezone
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub(crate) from: Option<String>,
    /// First instant after the range
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub(crate) to: Option<String>,
    /// Range in words instead of --from and --to: this_14_days, previous_3_months, …
    #[arg(long, conflicts_with_all = ["from", "to"], help_heading = "Time")]
    pub(crate) timeframe: Option<String>,
    /// Zone of intervals and of times in the answer, such as Europe/Zurich [default: UTC]
    #[arg(long, value_name = "ZONE", help_heading = "Time")]
    pub(crate) timezone: Option<String>,
    /// Rows at most
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub(crate) limit: Option<u64>,
    /// Field to order by, descending with :desc; may be given several times
    #[arg(long, value_name = "FIELD[:desc]")]
    pub(crate) order_by: Vec<String>,
    /// Id of the grant that is meant, when several apply
    #[arg(long, value_name = "ID")]
    pub(crate) grant: Option<String>,
    /// How rows are printed
    #[arg(long, value_enum, conflicts_with = "json")]
    pub(crate) format: Option<OutputFormat>,
    /// Every row of a records view, page after page
    #[arg(long)]
    pub(crate) all: bool,
    /// File to write instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
