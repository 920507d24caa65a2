//! Where the text of new keys goes: it is in one answer, and nowhere again.

use serde_json::Value;

use super::super::CommandError;
use super::super::files::SecretLines;
use crate::cli::KeenArgs;
use crate::output;

/// A place for the text of new keys.
#[derive(Debug)]
pub(super) enum Tokens {
    /// A file of its owner's.
    File(SecretLines),
    /// Somebody who looks on.
    Terminal,
    /// No key is made.
    Nowhere,
}

impl Tokens {
    /// The place that the arguments name, made before any key is.
    ///
    /// # Errors
    /// When keys are to be made and there is no place, or it cannot be used.
    pub(super) fn open(args: &KeenArgs, as_json: bool) -> Result<Self, CommandError> {
        match (&args.out, args.makes_keys()) {
            (Some(path), true) => Ok(Self::File(SecretLines::reserve(path)?)),
            (Some(_), false) => Err(CommandError::Usage(
                "--out is for new keys, and none are made; give --keys or --switch-on, or leave it out"
                    .to_owned(),
            )),
            (None, false) => Ok(Self::Nowhere),
            (None, true) if output::is_terminal() && !as_json => Ok(Self::Terminal),
            (None, true) => Err(CommandError::Usage(
                "the text of new keys needs a place: give --out FILE, or run this on a terminal without --json"
                    .to_owned(),
            )),
        }
    }

    /// Keeps one line; in a file it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written; then the text of the key is lost.
    pub(super) fn keep(&mut self, line: &Value, name: &str) -> Result<(), CommandError> {
        match self {
            Self::File(file) => file.add(&line.to_string(), name),
            Self::Terminal => Ok(output::line(&line.to_string())?),
            Self::Nowhere => Err(CommandError::Failed(format!(
                "there is no place for the text of key {}",
                output::printable(name)
            ))),
        }
    }

    /// Says where the text of new keys is.
    pub(super) fn finish(&self) {
        match self {
            Self::File(file) if file.lines() > 0 => output::note(&format!(
                "the text of new keys is in {}; keys in it: {}",
                file.path().display(),
                file.lines()
            )),
            Self::File(file) => output::note(&format!(
                "no key was made, so {} is not there",
                file.path().display()
            )),
            Self::Terminal | Self::Nowhere => {}
        }
    }
}
