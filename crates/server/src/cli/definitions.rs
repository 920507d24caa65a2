//! The arguments of the commands that work on pools, views and keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::client::{ClientArgs, SchemaMode};
use super::serve::RecoverArgs;

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
    /// Delete a view; the pool's records stay
    Delete {
        /// Name of the view
        name: String,
        /// Delete without asking
        #[arg(long, short)]
        yes: bool,
    },
}

/// Options of `keys`.
#[derive(Args, Debug)]
pub(crate) struct KeysArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the keys
    List,
    /// Show a key and its grants
    Get {
        /// Id of the key
        id: String,
    },
    /// Make a key and show its token, once
    Create(CreateKey),
    /// Switch a key off; its tokens are refused from then on
    Disable {
        /// Id of the key
        id: String,
    },
    /// Switch a key on again
    Enable {
        /// Id of the key
        id: String,
    },
    /// Delete a key for ever
    Delete {
        /// Id of the key
        id: String,
        /// Delete without asking
        #[arg(long, short)]
        yes: bool,
        /// Delete it although it was used a short while ago
        #[arg(long)]
        force: bool,
    },
    /// Make a key with the same grants and a token of its own
    Copy {
        /// Id of the key
        id: String,
        /// Name of the new key
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        token_to: TokenTo,
    },
    /// List what good practice would change about the keys
    #[command(after_help = "Example:\n  tidegate keys review --rule unused")]
    Review {
        /// Advice of this rule alone: unused, never_rolled, old_secret_in_use, writes_and_reads,
        /// field_writable_by_others or many_admins
        #[arg(long)]
        rule: Option<String>,
    },
    /// Show what a key sees, and what it would gain and lose by a change, of the rows that you see
    #[command(
        after_help = "Example:\n  tidegate keys simulate 01M7Y10V0GS6DQE8G7HER2NSG2 --change change.json"
    )]
    Simulate {
        /// Id of the key
        id: String,
        /// File with the change in JSON, as for PATCH; - reads standard input. Nothing is saved
        #[arg(long, value_name = "FILE")]
        change: Option<PathBuf>,
    },
    /// Make a new master key for a data directory, while no server runs on it
    #[command(
        after_help = "Example:\n  tidegate keys recover --data-dir /var/lib/tidegate --admin-token-file ./new-token"
    )]
    Recover(RecoverArgs),
}

/// Where a new token goes instead of the terminal.
#[derive(Args, Debug)]
pub(crate) struct TokenTo {
    /// New file, readable by you alone, for the token instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) save_token: Option<PathBuf>,
    /// Command for sh that reads the token from its standard input, such as that of a secret
    /// manager; when it fails, the new key is deleted again
    #[arg(long, value_name = "COMMAND", conflicts_with = "save_token")]
    pub(crate) pipe_token: Option<String>,
}

/// Options of `keys create`.
#[derive(Args, Debug)]
#[command(after_help = "\
A grant in short: RESOURCE ACTIONS, then for actions that touch rows either `where` and conditions
joined by `and`, or the word all_rows; for ingest `inject FIELD=VALUE`, several with commas.

Examples:
  tidegate keys create --name 'Ada dashboard' --grant 'view:sales_by_day read where customer.id = 93i'
  tidegate keys create --name 'Ada writer' --grant 'pool:sales ingest inject customer.id=93i'
  tidegate keys create --name 'reports' --grant 'view:* read all_rows' --expires-at 2027-01-31T00:00:00Z
  tidegate keys create key.json --save-token ada-token
  tidegate keys create key.json --pipe-token 'vault kv put secret/ada token=-'")]
pub(crate) struct CreateKey {
    /// File with the definition in JSON; - reads standard input
    #[arg(required_unless_present = "name", conflicts_with = "name")]
    pub(crate) file: Option<PathBuf>,
    /// Name of the key
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What the key is for
    #[arg(long, conflicts_with = "file", value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// What the key may do; may be given several times
    #[arg(long = "grant", conflicts_with = "file", value_name = "GRANT")]
    pub(crate) grants: Vec<String>,
    /// From this instant on the key is refused
    #[arg(long, conflicts_with = "file", value_name = "TIME")]
    pub(crate) expires_at: Option<String>,
    #[command(flatten)]
    pub(crate) token_to: TokenTo,
}
