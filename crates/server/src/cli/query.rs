//! The arguments of `query`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ClientArgs;

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

const AFTER_HELP: &str = "\
Operators of --where: eq ne lt lte gt gte (also = != < <= > >=), in not_in (values with commas),
exists, contains not_contains starts_with ends_with regex, within. A value that reads as JSON is
that value (42, true, \"42\"); anything else is text.

Views:
  tidegate query flights --where 'dest = SFO' --where 'departure_delay_minutes > 60' --limit 20
  tidegate query flights --where 'carrier in UA,B6' --where 'tailnum exists' --all
  tidegate query flights_by_destination --order-by flights:desc
  tidegate query flights_by_day --interval daily --timezone America/New_York \\
      --from 2013-01-01T00:00:00-05:00 --to 2013-02-01T00:00:00-05:00
  tidegate query flights --format parquet --output flights.parquet

Analyses, of a pool that the key may query: count [FIELD], count_unique, sum, average, minimum,
maximum, median, percentile, standard_deviation, select_unique FIELD; extraction (the rows
themselves). Results are called `result` in --order-by.
  tidegate query --pool orders count
  tidegate query --pool orders sum total --group-by sku --order-by result:desc --limit 5 --plot
  tidegate query --pool orders count --timeframe this_14_days --interval daily --plot
  tidegate query --pool orders percentile total --percentile 95 --group-by customer.country
  tidegate query --pool orders count --group-by total:100         (in steps of 100)
  tidegate query --pool orders extraction --fields at,total --latest 20

Funnels, several analyses at once and all else stand in JSON, as for POST /v1/query:
  tidegate query --file funnel.json --plot
  echo '{\"analysis\":\"funnel\",\"steps\":[{\"pool\":\"visits\",\"actor\":\"user\"},
         {\"pool\":\"orders\",\"actor\":\"user\"}]}' | tidegate query -";

/// Options of `query`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct QueryArgs {
    /// Name of the view; with --pool the analysis, such as count; - reads a question in JSON from standard input
    #[arg(value_name = "VIEW|ANALYSIS|-", required_unless_present = "file")]
    pub(crate) what: Option<String>,
    /// Field whose values the analysis goes over
    #[arg(requires = "pool")]
    pub(crate) field: Option<String>,
    /// Pool to analyse
    #[arg(long, value_name = "NAME", help_heading = "Analyses")]
    pub(crate) pool: Option<String>,
    /// File with a question in JSON, as for POST /v1/query
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "what",
        help_heading = "Analyses"
    )]
    pub(crate) file: Option<PathBuf>,
    /// Field that makes groups, of numbers in steps with :SIZE; may be given several times
    #[arg(
        long,
        value_name = "FIELD[:SIZE]",
        requires = "pool",
        help_heading = "Analyses"
    )]
    pub(crate) group_by: Vec<String>,
    /// Which percentile, above 0 and up to 100
    #[arg(long, value_name = "P", requires = "pool", help_heading = "Analyses")]
    pub(crate) percentile: Option<f64>,
    /// Fields of an extraction [default: all that the key sees]
    #[arg(
        long,
        value_name = "FIELD,…",
        value_delimiter = ',',
        requires = "pool",
        help_heading = "Analyses"
    )]
    pub(crate) fields: Vec<String>,
    /// So many rows of an extraction, the newest first
    #[arg(
        long,
        value_name = "N",
        requires = "pool",
        conflicts_with_all = ["limit", "order_by", "all"],
        help_heading = "Analyses"
    )]
    pub(crate) latest: Option<u64>,
    /// Day that weeks start on: monday or sunday
    #[arg(long, value_name = "DAY", requires = "pool", help_heading = "Analyses")]
    pub(crate) week_start: Option<String>,
    /// Draw the intervals, groups or steps of the answer
    #[arg(long, conflicts_with_all = ["json", "format", "all"], help_heading = "Analyses")]
    pub(crate) plot: bool,
    /// Condition on a field; several must all hold
    #[arg(long = "where", value_name = "'FIELD OPERATOR VALUE'")]
    pub(crate) conditions: Vec<String>,
    /// Length of intervals: hourly, daily, every_15_minutes, …
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
    /// Rows or groups at most
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
    /// Every row of a records view or an extraction, page after page
    #[arg(long)]
    pub(crate) all: bool,
    /// File to write instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
