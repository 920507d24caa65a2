//! A store of tokens on a simulated disk: a log of tags that is read as a whole
//! when it is opened.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt, ready};
use model::time::Timestamp;
use model::uniqueness::TokenTag;

use crate::disk::{Disk, DiskError, DiskFile};
use crate::simulation::SimulatedDisk;
use crate::uniqueness::{TokenStore, TokenStoreError};

/// Bytes of an entry: tag, end, checksum.
const ENTRY: usize = 16 + 8 + 4;

#[derive(Debug, Default)]
struct State {
    file: Option<Arc<dyn DiskFile>>,
    length: u64,
    ends: HashMap<TokenTag, Timestamp>,
}

type Hook = Box<dyn FnOnce() + Send>;

/// The store; and what goes wrong with it.
pub(super) struct DiskTokens {
    disk: SimulatedDisk,
    state: Mutex<State>,
    broken: AtomicBool,
    silent: AtomicBool,
    /// For mutants: it does not wait for the disk.
    pub(super) lies: AtomicBool,
    after_look: Mutex<Option<Hook>>,
}

impl std::fmt::Debug for DiskTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskTokens").finish_non_exhaustive()
    }
}

fn path() -> PathBuf {
    Path::new(SimulatedDisk::ROOT).join("tokens")
}

fn entry(tag: TokenTag, ends: Timestamp) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..16].copy_from_slice(&tag.to_bytes());
    entry[16..24].copy_from_slice(&ends.as_microsecond().to_le_bytes());
    let sum = crc32fast::hash(&entry[..24]) ^ 1;
    entry[24..].copy_from_slice(&sum.to_le_bytes());
    entry
}

fn read(bytes: &[u8]) -> Option<(TokenTag, Timestamp)> {
    let (tag, rest) = bytes.split_first_chunk::<16>()?;
    let (ends, _) = rest.split_first_chunk::<8>()?;
    let ends = Timestamp::from_microsecond(i64::from_le_bytes(*ends))?;
    let tag = TokenTag::from_bytes(*tag);
    (entry(tag, ends) == bytes).then_some((tag, ends))
}

fn told(error: DiskError) -> TokenStoreError {
    TokenStoreError::Other(error.to_string())
}

impl DiskTokens {
    pub(super) fn open(disk: &SimulatedDisk) -> Result<Self, DiskError> {
        let mut state = State::default();
        match disk.open(&path()) {
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
            Ok(file) => {
                let mut bytes = vec![0; file.length()? as usize];
                file.read_at(0, &mut bytes)?;
                let entries = bytes.chunks(ENTRY).map_while(read);
                state.ends = entries.collect();
                let whole = bytes.chunks(ENTRY).map_while(read).count();
                state.length = (whole * ENTRY) as u64;
                state.file = Some(file);
            }
        }
        Ok(Self {
            disk: disk.clone(),
            state: Mutex::new(state),
            broken: AtomicBool::default(),
            silent: AtomicBool::default(),
            lies: AtomicBool::default(),
            after_look: Mutex::default(),
        })
    }

    /// Whether it takes no tags.
    pub(super) fn is_broken(&self, is_broken: bool) {
        self.broken.store(is_broken, Ordering::Relaxed);
    }

    /// Whether it does not answer.
    pub(super) fn is_silent(&self, is_silent: bool) {
        self.silent.store(is_silent, Ordering::Relaxed);
    }

    /// Has this happen once, when it has looked and not answered yet.
    pub(super) fn after_look(&self, happens: impl FnOnce() + Send + 'static) {
        *self.after_look.lock().unwrap() = Some(Box::new(happens));
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().unwrap().ends.len()
    }

    fn file(&self, state: &mut State) -> Result<Arc<dyn DiskFile>, DiskError> {
        if let Some(file) = &state.file {
            return Ok(file.clone());
        }
        let file = match self.disk.open(&path()) {
            Err(error) if error.is_not_found() => self.disk.create(&path())?,
            file => file?,
        };
        self.disk.sync_directory(Path::new(SimulatedDisk::ROOT))?;
        state.file = Some(file.clone());
        Ok(file)
    }
}

impl TokenStore for DiskTokens {
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn known<'a>(
        &'a self,
        tags: &'a [TokenTag],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<bool>, TokenStoreError>> {
        if self.silent.load(Ordering::Relaxed) {
            let silent = TokenStoreError::Other("it does not answer".to_owned());
            return ready(Err(silent)).boxed();
        }
        let state = self.state.lock().unwrap();
        let known = |tag| state.ends.get(tag).is_some_and(|ends| *ends > now);
        let known = tags.iter().map(known).collect();
        drop(state);
        let happens = self.after_look.lock().unwrap().take();
        if let Some(happens) = happens {
            happens();
        }
        ready(Ok(known)).boxed()
    }

    fn insert(&self, tags: &[(TokenTag, Timestamp)]) -> Result<(), TokenStoreError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(TokenStoreError::Full);
        }
        let mut state = self.state.lock().unwrap();
        let file = self.file(&mut state).map_err(told)?;
        let bytes: Vec<u8> = tags
            .iter()
            .flat_map(|(tag, ends)| entry(*tag, *ends))
            .collect();
        file.write_at(state.length, &bytes).map_err(told)?;
        if !self.lies.load(Ordering::Relaxed) {
            file.sync_data().map_err(told)?;
        }
        state.length += bytes.len() as u64;
        for (tag, ends) in tags {
            let known = state.ends.entry(*tag).or_insert(*ends);
            *known = (*known).max(*ends);
        }
        Ok(())
    }

    /// From memory alone: the log is short.
    fn forget(&self, now: Timestamp, most: usize) -> Result<usize, TokenStoreError> {
        let mut state = self.state.lock().unwrap();
        let ended = state.ends.iter().filter(|(_, ends)| **ends <= now);
        let ended: HashSet<TokenTag> = ended.map(|(tag, _)| *tag).take(most).collect();
        state.ends.retain(|tag, _| !ended.contains(tag));
        Ok(ended.len())
    }
}
