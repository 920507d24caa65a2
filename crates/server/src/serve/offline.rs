//! The files of a server that is not running.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control::{Inspected, TokenFile, VerifiedProject};
use lake::disk::{Disk, ReadOnlyDisk};
use lake::{Environment, Inspection, Lake, MemoryTokens};
use model::audit::{Checkpoint, CheckpointKey, VerifierKey};
use model::permit::Permit;
use tokio::runtime::Runtime;

use super::error::cause;
use super::tokens::{Tokens, is_newer};
use super::{ServeError, files, lake_of, runtime};
use crate::clock::SystemClock;
use crate::config::ServeSettings;
use crate::random::SystemRandom;

/// What to do with a file of tokens that is damaged.
const TOKENS_ADVICE: &str = "put it back from a backup, or take it away: then events that are \
    sent again may be stored again, and nothing else is lost";

/// What to do with a file of nonces that is damaged.
const NONCES_ADVICE: &str = "take it away, with the server stopped for six minutes: signed \
    requests of before are too old by then, and nothing else is lost";

/// The data directory of a server that is not running. None starts on it as
/// long as this is held.
#[derive(Debug)]
pub(crate) struct Offline {
    data_dir: PathBuf,
    runtime: Runtime,
    _lock: Option<File>,
}

/// A control database that was looked at.
#[derive(Debug)]
pub(crate) struct ControlFound {
    /// What it holds; nothing, when that cannot be read.
    pub(crate) inspected: Option<Inspected>,
    /// What is wrong with it.
    pub(crate) problems: Vec<String>,
}

impl Offline {
    /// Takes a data directory to read it. Nothing in it is changed, so it may
    /// be a backup, or on a disk that cannot be written.
    ///
    /// # Errors
    /// When it is none, or a server uses it.
    pub(crate) fn to_read(data_dir: &Path) -> Result<Self, ServeError> {
        Self::take(data_dir, files::lock_to_read(data_dir)?)
    }

    /// Takes a data directory to change it.
    ///
    /// # Errors
    /// When it is none, or a server uses it.
    pub(crate) fn to_write(data_dir: &Path) -> Result<Self, ServeError> {
        // Looked at first: nothing is made where there is no data directory.
        drop(Self::to_read(data_dir)?);
        Self::take(data_dir, Some(files::lock(data_dir)?))
    }

    fn take(data_dir: &Path, lock: Option<File>) -> Result<Self, ServeError> {
        let control = files::control_file(data_dir);
        if !control.is_file() {
            return Err(ServeError::Setting(format!(
                "{} is no data directory: there is no {}",
                data_dir.display(),
                control.display()
            )));
        }
        Ok(Self {
            data_dir: data_dir.to_owned(),
            runtime: runtime()?,
            _lock: lock,
        })
    }

    /// Looks at the control database, by a copy.
    ///
    /// # Errors
    /// When no copy can be made.
    pub(crate) fn control(&self) -> Result<ControlFound, ServeError> {
        let (folder, copy) = self.control_copy()?;
        let mut problems = Vec::new();
        let named =
            |text: String| format!("{}: {text}", files::control_file(&self.data_dir).display());
        match self.runtime.block_on(control::integrity(&copy)) {
            Ok(found) => problems.extend(found.into_iter().map(named)),
            Err(error) => problems.push(named(cause(&error))),
        }
        let inspected = match self.runtime.block_on(control::inspect(&copy)) {
            Ok(inspected) => Some(inspected),
            Err(error) => {
                problems.push(named(cause(&error)));
                None
            }
        };
        drop(folder);
        Ok(ControlFound {
            inspected,
            problems,
        })
    }

    /// Verifies the audit, by a copy of the control database.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn verify_audit(
        &self,
        checkpoints: &[Checkpoint],
    ) -> Result<Vec<VerifiedProject>, ServeError> {
        let (folder, copy) = self.control_copy()?;
        let verified = control::verify_audit(&copy, checkpoints);
        let verified = self.runtime.block_on(verified);
        drop(folder);
        verified.map_err(|source| ServeError::Opening {
            path: files::control_file(&self.data_dir),
            source,
        })
    }

    /// What verifies the checkpoints of this server; `None` where its pepper is
    /// not at hand.
    ///
    /// # Errors
    /// When the pepper is there and cannot be read.
    pub(crate) fn audit_verifier(
        &self,
        pepper: Option<&Path>,
    ) -> Result<Option<VerifierKey>, ServeError> {
        let found = files::pepper_at_hand(&self.data_dir, pepper)?;
        Ok(found.map(|pepper| CheckpointKey::new(&pepper).verifier()))
    }

    /// What is wrong with the files of the tokens of uniqueness and of nonces,
    /// by copies.
    pub(crate) fn token_problems(&self) -> Vec<String> {
        let files = [
            (files::tokens_file(&self.data_dir), TOKENS_ADVICE),
            (files::nonces_file(&self.data_dir), NONCES_ADVICE),
        ];
        let there = files.into_iter().filter(|(file, _)| file.exists());
        let problems = there.flat_map(|(file, advice)| {
            let found = self.look_at_tokens(&file, advice);
            let found = found.unwrap_or_else(|error| vec![cause(&error)]);
            let named = found.into_iter();
            named.map(move |text| format!("{}: {text}", file.display()))
        });
        problems.collect()
    }

    fn look_at_tokens(&self, file: &Path, advice: &str) -> Result<Vec<String>, ServeError> {
        let folder = tempfile::tempdir();
        let folder = folder.map_err(|error| ServeError::other("make a temporary folder", error))?;
        for (path, name) in with_log(file) {
            copy(&path, &folder.path().join(name))?;
        }
        let path = folder.path().join(file.file_name().unwrap_or_default());
        let looked = self.runtime.block_on(async {
            TokenFile::open(&path).await?.close().await;
            control::integrity(&path).await
        });
        let with_advice = |text: &str| format!("{text}; {advice}");
        Ok(match looked {
            Ok(found) => found.iter().map(|text| with_advice(text)).collect(),
            Err(error) if is_newer(&error) => vec![error.to_string()],
            Err(error) => vec![with_advice(&cause(&error))],
        })
    }

    /// What the control database defines.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn defined(&self) -> Result<Inspected, ServeError> {
        let (folder, copy) = self.control_copy()?;
        let inspected = self.runtime.block_on(control::inspect(&copy));
        drop(folder);
        inspected.map_err(|source| ServeError::Opening {
            path: files::control_file(&self.data_dir),
            source,
        })
    }

    /// The database and its log in a folder of their own, that goes with the
    /// first of what is answered.
    fn control_copy(&self) -> Result<(tempfile::TempDir, PathBuf), ServeError> {
        let folder = tempfile::tempdir();
        let folder = folder.map_err(|error| ServeError::other("make a temporary folder", error))?;
        let from = files::control_file(&self.data_dir);
        let to = files::control_file(folder.path());
        copy(&from, &to)?;
        let log = |path: &Path| path.with_extension("sqlite-wal");
        if log(&from).exists() {
            copy(&log(&from), &log(&to))?;
        }
        Ok((folder, to))
    }

    /// Copies the control database, as one file, to a new one.
    ///
    /// # Errors
    /// When it cannot be read, or the copy not be written.
    pub(crate) fn copy_control(&self, to: &Path) -> Result<(), ServeError> {
        let (folder, copy) = self.control_copy()?;
        // SQLite takes an empty file for a new one, and would make one for all to read.
        let mut options = std::fs::OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(to);
        made.map_err(|error| ServeError::file("make", to, error))?;
        let copied = self.runtime.block_on(control::copy(&copy, to));
        drop(folder);
        copied.map_err(|source| ServeError::Opening {
            path: files::control_file(&self.data_dir),
            source,
        })
    }

    /// The files of the tokens of uniqueness, each with its name in the data
    /// directory; none, where none was ever used.
    pub(crate) fn tokens(&self) -> Vec<(PathBuf, String)> {
        with_log(&files::tokens_file(&self.data_dir))
    }

    /// What is missing of the data directory, or is another's.
    pub(crate) fn identity_problem(&self) -> Option<String> {
        let found = super::identity::check(&self.data_dir, None);
        found.err().map(|error| error.to_string())
    }

    /// Looks at journal and files, with what is defined as far as it is known.
    ///
    /// # Errors
    /// When that is not possible at all; damage is among what is found.
    pub(crate) fn lake(&self, defined: Option<&Inspected>) -> Result<Inspection, ServeError> {
        let known = defined.map(|found| (found.pools.clone(), found.carried.clone()));
        let (pools, carried) = known.unwrap_or_default();
        let environment = self.environment(Arc::new(ReadOnlyDisk));
        Ok(Inspection::open(environment, pools, carried)?)
    }

    fn environment(&self, disk: Arc<dyn Disk>) -> Environment {
        Environment {
            disk,
            journal: files::journal_directory(&self.data_dir),
            tables: files::tables_directory(&self.data_dir),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            // Nothing is asked for that would need them.
            tokens: Arc::new(MemoryTokens::default()),
        }
    }

    /// Opens journal and files to change them.
    ///
    /// # Errors
    /// As at the start of a server.
    pub(crate) fn open_lake(
        &self,
        settings: &ServeSettings,
        defined: Inspected,
    ) -> Result<Arc<Lake>, ServeError> {
        let lake = self.runtime.block_on(async {
            let tokens = Tokens::open(&self.data_dir).await?;
            lake_of(settings, defined.pools, tokens, None).await
        })?;
        lake.learn(&Permit::ours(), defined.carried);
        Ok(lake)
    }
}

/// A file of SQLite and its log, as far as they are there, with their names.
fn with_log(file: &Path) -> Vec<(PathBuf, String)> {
    let log = file.with_extension("sqlite-wal");
    let there = [file.to_owned(), log].into_iter();
    let there = there.filter(|path| path.exists());
    let named = there.filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some((path, name))
    });
    named.collect()
}

fn copy(from: &Path, to: &Path) -> Result<(), ServeError> {
    let copied = std::fs::copy(from, to);
    copied.map_err(|error| ServeError::file("copy", from, error))?;
    Ok(())
}
