//! Where a token or a signing secret goes that a command was given: to the screen,
//! to a file, to the standard input of a command, or into a secret manager.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::files::{NewSecret, Over};
use super::{CommandError, environment};
use crate::cli::TokenTo;
use crate::client::{OWN_TOKEN, Place, Vault, VaultPlace};
use crate::output;

/// Where a token will go. What can be found out before there is one, was.
#[derive(Debug)]
pub(super) enum Delivery {
    /// To standard output.
    Screen,
    /// To a file, which is made already under another name.
    File(NewSecret),
    /// To a command for `sh`.
    Command(String),
    /// Into a secret manager, which was asked what the path holds.
    Vault(Box<VaultPlace>),
}

/// A token did not arrive, as far as is known. It is shown nowhere else.
#[derive(Debug)]
pub(super) struct Undelivered {
    /// What happened.
    pub(super) error: Box<CommandError>,
    /// Whether it may be there all the same.
    pub(super) may_be_there: bool,
}

impl Delivery {
    /// The place that the arguments name.
    ///
    /// # Errors
    /// When a file is there already or cannot be made, or a secret manager
    /// says that it will not take the token.
    pub(super) fn prepare(to: &TokenTo) -> Result<Self, CommandError> {
        let file = to.save_token.clone().map(Place::File);
        let command = to.pipe_token.clone().map(Place::Command);
        let place = to.to.clone().or(file).or(command);
        if to.replace && !matches!(place, Some(Place::File(_))) {
            let rule = "--replace is for --to file:PATH alone";
            return Err(CommandError::Usage(rule.to_owned()));
        }
        let over = match to.replace {
            true => Over::AFile,
            false => Over::Nothing,
        };
        Ok(match place {
            None => Self::Screen,
            Some(Place::File(path)) => Self::File(NewSecret::reserve(&path, over)?),
            Some(Place::Command(command)) => Self::Command(command),
            Some(Place::Vault(path)) => {
                let place = Vault::gather(&environment)?.find(path)?;
                Self::Vault(Box::new(place))
            }
        })
    }

    /// Whether the answer that holds the token may be printed as it is.
    pub(super) fn is_screen(&self) -> bool {
        matches!(self, Self::Screen)
    }

    /// Hands a secret over, to whatever is not the screen. When this returns
    /// well, it is there to stay. `what` it is, is told.
    ///
    /// # Errors
    /// When it did not arrive, or nobody knows.
    pub(super) fn deliver(self, what: &str, secret: &str) -> Result<(), Undelivered> {
        match self {
            Self::Screen => Ok(()),
            Self::File(file) => {
                let kept = file.keep(secret).map_err(|lost| Undelivered {
                    error: lost.error,
                    may_be_there: lost.may_be_there,
                })?;
                output::note(&format!("{what} is in {}", kept.display()));
                Ok(())
            }
            Self::Command(command) => {
                // What fails says that it did not take the token.
                pipe(&command, (what, secret)).map_err(|error| Undelivered {
                    error: Box::new(error),
                    may_be_there: false,
                })?;
                output::note(&format!("{what} was taken by the command"));
                Ok(())
            }
            Self::Vault(place) => {
                place.write(secret).map_err(|error| Undelivered {
                    may_be_there: error.may_have_written(),
                    error: Box::new(error.into()),
                })?;
                output::note(&format!("{what} is in {}", place.path()));
                Ok(())
            }
        }
    }
}

/// Gives a line to a command. What the command writes goes to standard error,
/// so that it does not get among what this program answers.
fn pipe(command: &str, (what, secret): (&str, &str)) -> Result<(), CommandError> {
    let failed = |why: String| CommandError::Failed(format!("{what} did not arrive: {why}"));
    let mut child = Command::new("sh")
        .args([Path::new("-c"), Path::new(command)])
        .env_remove(OWN_TOKEN)
        .stdin(Stdio::piped())
        .stdout(std::io::stderr())
        .spawn()
        .map_err(|error| failed(format!("the command cannot be started: {error}")))?;
    let mut stdin = child.stdin.take();
    let given = stdin
        .as_mut()
        .map_or(Ok(()), |stdin| writeln!(stdin, "{secret}"));
    // The command reads to the end of it.
    drop(stdin);
    let ended = child
        .wait()
        .map_err(|error| failed(format!("the command did not end: {error}")))?;
    match (given, ended.success()) {
        (Ok(()), true) => Ok(()),
        (Err(error), true) => Err(failed(format!("the command did not read it: {error}"))),
        (_, false) => Err(failed(format!("the command failed ({ended})"))),
    }
}
