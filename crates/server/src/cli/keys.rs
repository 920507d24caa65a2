//! The arguments of the commands that work on keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::client::ClientArgs;
use super::derive::DeriveKey;
use super::serve::RecoverArgs;
use crate::client::Place;

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
        #[command(flatten)]
        proof: Proof,
    },
    /// Make a new token for a key; the old one goes on for a grace
    #[command(after_help = "\
The key stays what it is, and both tokens work until the grace is over. When the new token does not
arrive where it should go (--to), the roll is taken back. With --to, a grace of 0s ends the old token
once the new one has arrived.

Examples:
  tidegate keys roll 01M7Y10V0GS6DQE8G7HER2NSG2 --grace 24h --to vault:secret/ada#token
  tidegate keys roll 01M7Y10V0GS6DQE8G7HER2NSG2 --grace 7d --end-after-silence 60 --to file:ada-token --replace")]
    Roll {
        /// Id of the key
        id: String,
        /// How long the old token goes on, from 0s to 7d
        #[arg(long, default_value = "24h", value_name = "TIME")]
        grace: String,
        /// End the old token sooner, when nobody used it for so many minutes
        #[arg(long, value_name = "MINUTES")]
        end_after_silence: Option<u32>,
        /// With a grace of 0s: end the old token although it was used a short while ago
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        proof: Proof,
        #[command(flatten)]
        token_to: TokenTo,
    },
    /// End the old token of a key that was rolled, at once
    EndGrace {
        /// Id of the key
        id: String,
        /// End it although it was used a short while ago
        #[arg(long)]
        force: bool,
    },
    /// Take a roll back while the old token goes on; the new one ends at once
    UndoRoll {
        /// Id of the key
        id: String,
        /// End the new token although it was used a short while ago
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        proof: Proof,
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
        /// When the new key ends, or never; without it, when the key does
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// Be told to roll the new key at this age, from 1d, or never; without it, as for the key
        #[arg(long, value_name = "TIME")]
        rotate_after: Option<String>,
        #[command(flatten)]
        proof: Proof,
        #[command(flatten)]
        token_to: TokenTo,
    },
    /// List what good practice would change about the keys
    #[command(after_help = "Example:\n  tidegate keys review --rule unused")]
    Review {
        /// Advice of this rule alone: unused, never_rolled, old_secret_in_use, writes_and_reads,
        /// field_writable_by_others, many_admins, issuer_ended or, of people, shared_account
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
    /// Make and end keys within the calling key's own grants, by its action issue
    #[command(subcommand)]
    Issued(IssuedCommand),
    /// Make, list and end the secrets that requests of a key are signed with by HMAC
    #[command(subcommand)]
    SigningSecrets(SigningCommand),
    /// Sign a narrower token for a short time, without the server
    Derive(DeriveKey),
    /// Make a new master key for a data directory, while no server runs on it
    #[command(
        after_help = "Example:\n  tidegate keys recover --data-dir /var/lib/tidegate --admin-token-file ./new-token"
    )]
    Recover(RecoverArgs),
}

/// What a key does with the keys that it issued (docs/issued-keys.md).
#[derive(Debug, Subcommand)]
pub(crate) enum IssuedCommand {
    /// List the keys that the calling key issued
    List,
    /// Show one of them and its grants
    Get {
        /// Id of the key
        id: String,
    },
    /// Issue a key and show its token, once
    #[command(
        after_help = "Example:\n  tidegate keys issued create --name 'Ada dashboard' --grant 'view:sales_by_day read all_rows' --to file:dashboard-token"
    )]
    Create(NewKey),
    /// Make a new token for one of them; the old one goes on for a grace
    #[command(
        after_help = "Example:\n  tidegate keys issued roll 01M7Y10V0GS6DQE8G7HER2NSG2 --grace 1h --to file:dashboard-token --replace"
    )]
    Roll {
        /// Id of the key
        id: String,
        /// How long the old token goes on, from 0s to 7d
        #[arg(long, default_value = "24h", value_name = "TIME")]
        grace: String,
        /// End the old token sooner, when nobody used it for so many minutes
        #[arg(long, value_name = "MINUTES")]
        end_after_silence: Option<u32>,
        /// With a grace of 0s: end the old token although it was used a short while ago
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        token_to: TokenTo,
    },
    /// End the old token of one that was rolled, at once
    EndGrace {
        /// Id of the key
        id: String,
        /// End it although it was used a short while ago
        #[arg(long)]
        force: bool,
    },
    /// Take a roll back while the old token goes on; the new one ends at once
    UndoRoll {
        /// Id of the key
        id: String,
        /// End the new token although it was used a short while ago
        #[arg(long)]
        force: bool,
    },
    /// Switch one of them off; an administrator switches it on again
    Disable {
        /// Id of the key
        id: String,
    },
    /// Delete one of them for ever
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
}

/// What to do with the signing secrets of a key (docs/restrictions.md).
#[derive(Debug, Subcommand)]
pub(crate) enum SigningCommand {
    /// List the signing secrets of a key
    List {
        /// Id of the key
        id: String,
    },
    /// Make a signing secret for a key and show it, once; a key has two at most
    #[command(after_help = "\
When it does not arrive where it should go (--to), it is deleted again.

Example:
  tidegate keys signing-secrets create 01M7Y10V0GS6DQE8G7HER2NSG2 --to vault:secret/ada#signing")]
    Create {
        /// Id of the key
        id: String,
        #[command(flatten)]
        proof: Proof,
        #[command(flatten)]
        token_to: TokenTo,
    },
    /// End a signing secret, at once and for good
    Delete {
        /// Id of the key
        id: String,
        /// Id of the signing secret
        secret_id: String,
        /// End it without asking
        #[arg(long, short)]
        yes: bool,
        /// End it although it was used a short while ago
        #[arg(long)]
        force: bool,
    },
}

/// Where a new token, or a new signing secret, goes instead of the terminal.
#[derive(Args, Debug)]
#[group(multiple = true)]
pub(crate) struct TokenTo {
    /// Where the new token goes instead of the terminal: vault:PATH#FIELD, file:PATH or
    /// command:COMMAND (docs/secret-managers.md)
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["save_token", "pipe_token"])]
    pub(crate) to: Option<Place>,
    /// Write over the file when it is there already
    #[arg(long)]
    pub(crate) replace: bool,
    /// New file, readable by you alone, for the token; the same as --to file:FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) save_token: Option<PathBuf>,
    /// Command for sh that reads the token from its standard input, such as that of a secret
    /// manager; the same as --to command:COMMAND
    #[arg(long, value_name = "COMMAND", conflicts_with = "save_token")]
    pub(crate) pipe_token: Option<String>,
}

/// That a person stands behind a change that widens something.
#[derive(Args, Debug)]
pub(crate) struct Proof {
    /// Sign-in name of the person whose code is sent
    #[arg(long, value_name = "NAME", requires = "code")]
    pub(crate) person: Option<String>,
    /// The person's one-time code, where there are people who manage keys
    #[arg(long, value_name = "CODE", requires = "person")]
    pub(crate) code: Option<String>,
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
  tidegate keys create key.json --to file:ada-token
  tidegate keys create key.json --to vault:secret/ada#token
  tidegate keys create key.json --to 'command:pass insert -e ada'

When the token does not arrive there, the new key is deleted again.")]
pub(crate) struct CreateKey {
    #[command(flatten)]
    pub(crate) new: NewKey,
    #[command(flatten)]
    pub(crate) proof: Proof,
}

/// What a new key is to be.
#[derive(Args, Debug)]
pub(crate) struct NewKey {
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
