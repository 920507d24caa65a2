//! Whether every file of a log is what was written, those included that nobody needs for the newest
//! version: other readers look at older ones, too.
//!
//! A commit holds its own digest, and `_last_checkpoint` that of the newest checkpoint. Of the one
//! before nothing holds a digest, and none is needed: with the versions that came after it, it must
//! lead to the next one.

use serde_json::Value;

use super::PublishError;
use super::log::{LAST, Log, checkpoint_name, commit_name, pointer};
use super::state::{Checkpoint, State};

impl Log<'_> {
    /// Reads every file.
    ///
    /// # Errors
    /// [`PublishError::Damaged`] for a log that is not wholly ours or not of the table `id`.
    pub(super) fn verify(&self, id: &str) -> Result<(), PublishError> {
        let found = self.load(id)?;
        self.verify_last(found.checkpoint.as_ref())?;
        let Some(newest) = found.state.map(|state| state.version) else {
            return Ok(());
        };
        // Cleaning keeps the last two checkpoints and what came after them; of what
        // it had no time for, files may be missing.
        let kept = self.checkpoints.iter().rev().nth(1).copied();
        let first = kept.unwrap_or(0);
        for version in self.commits.range(..first) {
            self.read_commit(*version)?;
        }
        self.replay(first, newest)
    }

    /// Whether `_last_checkpoint` says of a checkpoint what it is. It may be an older one: the
    /// newest is named when it is whole.
    fn verify_last(&self, newest: Option<&Checkpoint>) -> Result<(), PublishError> {
        if !self.has_last {
            return Ok(());
        }
        let damaged = |what: String| Err(self.damaged(LAST, what));
        let said: Value = match serde_json::from_slice(&self.read(LAST)?) {
            Ok(said) => said,
            Err(error) => return damaged(format!("is torn: it is not JSON ({error})")),
        };
        let version = said["version"].as_u64();
        let Some(version) = version.filter(|version| self.checkpoints.contains(version)) else {
            return damaged("names a checkpoint that is not there".to_owned());
        };
        let wanted = match newest {
            Some(newest) if newest.version == version => pointer(newest),
            _ => pointer(&self.read_checkpoint(version)?.1),
        };
        if said != wanted {
            let name = checkpoint_name(version);
            return damaged(format!("was changed: it does not say what {name} is"));
        }
        Ok(())
    }

    /// Follows the versions, and compares each checkpoint with what they lead to.
    fn replay(&self, first: u64, newest: u64) -> Result<(), PublishError> {
        let mut state: Option<State> = None;
        for version in first..=newest {
            let commit = self.read_commit(version)?;
            let is_checkpoint = self.checkpoints.contains(&version);
            let Some(state) = &mut state else {
                state = match is_checkpoint {
                    true => Some(self.read_checkpoint(version)?.0),
                    false => State::begin(commit),
                };
                continue;
            };
            state.apply(commit);
            if is_checkpoint && !self.read_checkpoint(version)?.0.is_of(state) {
                let begun = match self.checkpoints.contains(&first) {
                    true => checkpoint_name(first),
                    false => commit_name(first),
                };
                let what = format!("does not hold what {begun} and the versions after it lead to");
                return Err(self.damaged(&checkpoint_name(version), what));
            }
        }
        Ok(())
    }
}

impl State {
    /// Whether this is what a checkpoint holds of `state`: it may have forgotten old removals.
    fn is_of(&self, state: &Self) -> bool {
        let mut removed = self.tombstones.iter();
        self.version == state.version
            && self.metadata == state.metadata
            && self.files == state.files
            && removed.all(|(name, time)| state.tombstones.get(name) == Some(time))
    }
}
