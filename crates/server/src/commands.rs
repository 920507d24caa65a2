//! What each command does, and how it ends.

mod audit;
mod backup;
mod check;
mod clock;
mod compact;
mod definitions;
mod delivery;
mod demo;
mod files;
mod filters;
mod import;
mod keys;
mod migrate;
mod pools;
mod query;
mod scan;
mod views;
mod whoami;

use std::io;

use clap::CommandFactory as _;
use serde_json::Value;

use crate::cli::{Cli, ClientArgs, Command, RecoverArgs, ServeArgs};
use crate::client::{
    Client, ClientError, ClientSettings, Place, TokenError, TokenPlaces, VaultError,
};
use crate::config::{ConfigError, FileSettings, Layers};
use crate::output;
use crate::serve::{self, ServeError};
use files::{NewSecret, Over};

/// Why a command did not do what it was told; each has its exit code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// An argument, a setting or a definition file cannot be used.
    #[error("{0}")]
    Usage(String),
    /// No answer to use came from the server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Records were rejected; they have been listed.
    #[error("not every record was taken; rejected: {rejected}; all others are stored")]
    Rejected {
        /// How many.
        rejected: u64,
    },
    /// The work stopped for another reason than a refusal.
    #[error("{0}")]
    Failed(String),
    /// A local file cannot be read or written.
    #[error("{0}")]
    File(String),
    /// A secret manager cannot be reached, or what it did is not known.
    #[error("{0}")]
    Unreached(String),
    /// Standard output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    /// The server did not start, or ended.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<TokenError> for CommandError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::File { .. } => Self::File(error.to_string()),
            TokenError::Vault(error) => error.into(),
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<VaultError> for CommandError {
    fn from(error: VaultError) -> Self {
        let text = error.to_string();
        match error {
            VaultError::Settings(_) => Self::Usage(text),
            VaultError::Changed(_) | VaultError::Refused(_) => Self::Failed(text),
            VaultError::Absent(_) | VaultError::Unreachable(_) => Self::Unreached(text),
        }
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl CommandError {
    /// Whether the reader of the output has read enough, as `head` does.
    fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Output(error) | Self::Client(ClientError::Output(error)) => {
                error.kind() == io::ErrorKind::BrokenPipe
            }
            _ => false,
        }
    }

    /// What to tell the person; nothing when the reader of the output went away.
    pub(crate) fn text(&self) -> Option<String> {
        (!self.is_closed_pipe()).then(|| self.to_string())
    }

    /// The exit code, as `tidegate --help` lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        const REFUSED: u8 = 1;
        const USAGE: u8 = 2;
        const UNREACHABLE: u8 = 3;
        const FILE: u8 = 4;
        match self {
            closed if closed.is_closed_pipe() => 0,
            Self::Usage(_) | Self::Client(ClientError::Settings(_)) => USAGE,
            Self::Rejected { .. } | Self::Failed(_) => REFUSED,
            Self::Client(ClientError::Refused(problem)) if problem.is_refusal() => REFUSED,
            Self::Client(ClientError::Output(_)) | Self::File(_) | Self::Output(_) => FILE,
            Self::Client(_) | Self::Unreached(_) => UNREACHABLE,
            Self::Serve(error) => error.exit_code(),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When it did not do all that it was told.
pub(crate) fn run(cli: Cli) -> Result<(), CommandError> {
    match cli.command {
        Command::Serve(args) => run_server(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Pools(args) => pools::run(args),
        Command::Views(args) => views::run(args),
        Command::Keys(args) => keys::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Whoami(args) => whoami::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Scan(args) => scan::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Clock(args) => clock::run(args),
        Command::Compact(args) => compact::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tidegate", &mut script);
            Ok(output::raw(&script)?)
        }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn run_server(args: &ServeArgs) -> Result<(), CommandError> {
    let file = FileSettings::load(args.config.as_deref())?;
    let settings = Layers::new(args.flags(), &environment, file).serve()?;
    Ok(serve::run(settings)?)
}

/// Makes a new master key for a data directory that no server uses.
fn recover(args: &RecoverArgs) -> Result<(), CommandError> {
    let file = FileSettings::load(args.config.as_deref())?;
    let layers = Layers::new(args.flags(), &environment, file);
    let token_file = layers.admin_token_file()?;
    if token_file.is_none() && !output::is_terminal() {
        return Err(CommandError::Usage(
            "the new token needs a place: give --admin-token-file FILE, or run this on a terminal"
                .to_owned(),
        ));
    }
    let reserve = |path| NewSecret::reserve(path, Over::Nothing);
    let reserved = token_file.as_deref().map(reserve).transpose()?;
    let (data_dir, pepper) = (layers.data_dir()?, layers.pepper_file()?);
    let token = serve::recover(&data_dir, pepper.as_deref(), args.forget_people)?;
    match reserved {
        Some(file) => {
            let path = file.keep(&token)?;
            output::note(&format!(
                "the new master key's token is in {}",
                path.display()
            ));
        }
        None => {
            output::note("the new master key's token, shown this once:");
            output::line(&token)?;
        }
    }
    Ok(())
}

/// A client for the server and the token that arguments and environment name.
fn connect(args: &ClientArgs) -> Result<Client, CommandError> {
    let file = args.token_file.clone().map(Place::File);
    let named = file.or_else(|| args.token_from.clone());
    let found = TokenPlaces::gather(named, &environment)?.find(&environment)?;
    if let Some(warning) = found.as_ref().and_then(|found| found.warning.as_ref()) {
        output::note(&format!("warning: {warning}"));
    }
    let client = Client::new(&ClientSettings {
        url: args.url.clone(),
        token: found.map(|found| found.token),
        ca_file: args.ca_file.clone(),
        sign: args.sign,
    })?;
    if client.is_exposed() {
        output::note(&format!(
            "warning: {} is not https; the token travels in the clear",
            client.url()
        ));
    }
    Ok(client)
}

/// Reads an answer.
fn parse(client: &Client, answer: &[u8]) -> Result<Value, CommandError> {
    serde_json::from_slice(answer).map_err(|error| {
        CommandError::Client(ClientError::Foreign {
            url: client.url().to_owned(),
            reason: error.to_string(),
        })
    })
}

/// Asks before something is deleted.
fn confirm(question: &str, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    match output::ask(question)? {
        Some(true) => Ok(()),
        Some(false) => Err(CommandError::Failed("nothing was changed".to_owned())),
        None => Err(CommandError::Usage(
            "nobody is there to ask; give --yes".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests;
