//! The arguments of `keys derive`.

use clap::Args;

/// Options of `keys derive`.
#[derive(Args, Debug)]
#[command(after_help = "\
Nothing is sent: the token is signed here with the key pair of the key's token (--token-file,
TIDEGATE_TOKEN or TIDEGATE_TOKEN_COMMAND), and printed. It works where the key's owner switched
derived tokens on (derived_tokens), says no more than the key does, and ends with it. The project is
that of `tidegate whoami --json`. What else a derived token can say: docs/derived-tokens.md.

Examples:
  tidegate keys derive --token-file ada.token --project 01M7Y10V0GS6DQE8G7HER2NSG2 --constraint 'region = eu'
  tidegate keys derive --project 01M7Y10V0GS6DQE8G7HER2NSG2 --grant 01M7Y10V0H1C3WZ8QX0M6T4J9K --deny email --for 5m")]
pub(crate) struct DeriveKey {
    /// Id of the key's project
    #[arg(long, value_name = "ID")]
    pub(crate) project: String,
    /// Id of a grant to keep; may be given several times [default: all]
    #[arg(long = "grant", value_name = "ID")]
    pub(crate) grants: Vec<String>,
    /// Condition that every row must meet besides; may be given several times
    #[arg(long = "constraint", value_name = "CONDITION")]
    pub(crate) constraints: Vec<String>,
    /// Field that is not shown; may be given several times
    #[arg(long = "deny", value_name = "FIELD")]
    pub(crate) denied: Vec<String>,
    /// How long the token lives, 24h at most
    #[arg(long = "for", value_name = "SPAN", default_value = "15m")]
    pub(crate) life: String,
    /// Network that requests must come from; may be given several times
    #[arg(long = "ip-range", value_name = "NETWORK")]
    pub(crate) ip_ranges: Vec<String>,
    /// Page that requests must come from, of a publishable key; may be given several times
    #[arg(long = "allowed-domain", value_name = "HOST")]
    pub(crate) allowed_domains: Vec<String>,
    /// Requests that are let in within any one second
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_second: Option<u32>,
    /// Credits of the tier core that the token may use up
    #[arg(long, value_name = "N")]
    pub(crate) core_credits: Option<u64>,
    /// Credits of the tier premium that the token may use up
    #[arg(long, value_name = "N")]
    pub(crate) premium_credits: Option<u64>,
}
