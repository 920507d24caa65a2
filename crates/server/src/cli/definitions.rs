//! The arguments of the commands that work on pools and views.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::client::{ClientArgs, SchemaMode};

/// Options of `pools`.
#[derive(Args, Debug)]
pub(crate) struct PoolsArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(subcommand)]
    pub(crate) command: PoolCommand,
}

/// What to do with pools.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// List the pools
    List,
    /// Show a pool's definition
    Get {
        /// Name of the pool
        name: String,
    },
    /// Make a pool
    Create(CreatePool),
    /// Delete a pool with all its records
    Delete {
        /// Name of the pool
        name: String,
        /// Delete without asking
        #[arg(long, short)]
        yes: bool,
    },
    /// Show the fields that the key sees in a pool
    Schema {
        /// Name of the pool
        name: String,
    },
}

/// Options of `pools create`.
#[derive(Args, Debug)]
#[command(after_help = "\
Types: Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64 String Boolean Date
DateTime UUID and Array(T) of each.

Examples:
  tidegate pools create sales.json
  tidegate pools create --name sales --field at:DateTime! --field customer.id:String! \\
      --field amount:Float64 --isolation-field customer.id --time-field at")]
pub(crate) struct CreatePool {
    /// File with the definition in JSON; - reads standard input
    #[arg(required_unless_present = "name", conflicts_with = "name")]
    pub(crate) file: Option<PathBuf>,
    /// Name of the pool
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What the pool is for
    #[arg(long, conflicts_with = "file", value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Whether other fields are taken
    #[arg(long, value_enum, conflicts_with = "file", default_value = "strict")]
    pub(crate) schema: SchemaMode,
    /// Field and its type, ! for required; may be given several times
    #[arg(long = "field", conflicts_with = "file", value_name = "NAME:TYPE[!]")]
    pub(crate) fields: Vec<String>,
    /// Field that tells customers apart
    #[arg(long, conflicts_with = "file", value_name = "FIELD")]
    pub(crate) isolation_field: Option<String>,
    /// Field that orders records in time
    #[arg(long, conflicts_with = "file", value_name = "FIELD")]
    pub(crate) time_field: Option<String>,
}

/// Options of `views`.
#[derive(Args, Debug)]
pub(crate) struct ViewsArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(subcommand)]
    pub(crate) command: ViewCommand,
}

/// What to do with views.
#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// List the views
    List,
    /// Show a view's definition
    Get {
        /// Name of the view
        name: String,
    },
    /// Make a view
    #[command(after_help = "Example of a definition:
  {\"name\": \"sales_by_day\", \"pool\": \"sales\", \"shape\": \"time_series\", \"interval_field\": \"at\",
   \"fields\": [{\"field\": \"amount\", \"aggregate\": \"sum\"}]}")]
    Create {
        /// File with the definition in JSON; - reads standard input
        file: PathBuf,
    },
    /// Show which keys read a view, and what they would gain and lose by a change, of the rows that you see
    #[command(after_help = "Example:\n  tidegate views simulate sales_by_day --change change.json")]
    Simulate {
        /// Name of the view
        name: String,
        /// File with the change in JSON, as for PATCH; - reads standard input. Nothing is saved
        #[arg(long, value_name = "FILE")]
        change: Option<PathBuf>,
    },
    /// Delete a view; the pool's records stay
    Delete {
        /// Name of the view
        name: String,
        /// Delete without asking
        #[arg(long, short)]
        yes: bool,
    },
}
