//! The arguments of `scan`.

use std::path::PathBuf;

use clap::Args;

/// Options of `scan`.
#[derive(Args, Debug)]
#[command(after_help = "\
Finds secret and publishable tokens by their form and their checksum: other text is never taken for
one. Prints file, line, kind and the public id of the secret, never the token. No server is asked,
unless --report names one: then each token that is found is sent there once, and the server puts
those that are its own into quarantine at once.
Files that .gitignore and its like leave out are passed over, and so is .git; hidden files are read.
Keys of the Keen dialect look like any digest and are not found.

To a token that was found: it is exposed. Make another key, then disable this one; the id is that of
a secret in `tidegate keys get`.

Exit code 0: no token was found. 1: at least one was. 4: something could not be read.

Examples:
  tidegate scan .
  git diff --cached | tidegate scan
  tidegate scan --json /var/log/nginx
  tidegate scan --report https://data.example.com .")]
pub(crate) struct ScanArgs {
    /// Files and directories; without one, or for -, standard input
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Report what is found to this server, which puts its own tokens into quarantine
    #[arg(long, value_name = "URL")]
    pub(crate) report: Option<String>,
    /// Certificate authorities to trust instead of the public ones, PEM
    #[arg(long, value_name = "FILE", requires = "report")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Read what .gitignore and its like leave out, too
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Print one JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}
