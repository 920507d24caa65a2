//! Where a token goes that a command was given: to the screen, to a new file,
//! or to the standard input of a command, such as that of a secret manager.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::CommandError;
use super::files::NewSecret;
use crate::cli::TokenTo;
use crate::output;

/// The variable that holds the caller's own token, which is not for others.
const OWN_TOKEN: &str = "TIDEGATE_TOKEN";

/// Where a token will go. What can be found out before there is one, was.
#[derive(Debug)]
pub(super) enum Delivery {
    /// To standard output.
    Screen,
    /// To a new file, which is made already.
    File(NewSecret),
    /// To a command for `sh`.
    Command(String),
}

impl Delivery {
    /// The place that the arguments name.
    ///
    /// # Errors
    /// When the file is there already or cannot be made.
    pub(super) fn prepare(to: &TokenTo) -> Result<Self, CommandError> {
        Ok(match (&to.save_token, &to.pipe_token) {
            (Some(path), _) => Self::File(NewSecret::reserve(path)?),
            (None, Some(command)) => Self::Command(command.clone()),
            (None, None) => Self::Screen,
        })
    }

    /// Whether the answer that holds the token may be printed as it is.
    pub(super) fn is_screen(&self) -> bool {
        matches!(self, Self::Screen)
    }

    /// Hands the token over, to whatever is not the screen.
    ///
    /// # Errors
    /// When it did not arrive; then it is lost.
    pub(super) fn deliver(self, token: &str) -> Result<(), CommandError> {
        match self {
            Self::Screen => Ok(()),
            Self::File(file) => {
                let path: PathBuf = file.keep(token)?;
                output::note(&format!("the token is in {}", path.display()));
                Ok(())
            }
            Self::Command(command) => {
                pipe(&command, token)?;
                output::note("the token was taken by the command");
                Ok(())
            }
        }
    }
}

/// Gives a line to a command. What the command writes goes to standard error,
/// so that it does not get among what this program answers.
fn pipe(command: &str, token: &str) -> Result<(), CommandError> {
    let failed = |what: String| CommandError::Failed(format!("--pipe-token: {what}"));
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
        .map_or(Ok(()), |stdin| writeln!(stdin, "{token}"));
    // The command reads to the end of it.
    drop(stdin);
    let ended = child
        .wait()
        .map_err(|error| failed(format!("the command did not end: {error}")))?;
    match (given, ended.success()) {
        (Ok(()), true) => Ok(()),
        (Err(error), true) => Err(failed(format!(
            "the command did not read the token: {error}"
        ))),
        (_, false) => Err(failed(format!("the command failed ({ended})"))),
    }
}
