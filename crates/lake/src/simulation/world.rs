//! The state of a simulated disk: what programs see, what is on stable storage, and what is
//! between the two.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Random;

/// The unit in which a power cut tears a write.
const SECTOR: usize = 512;

/// A write that no sync has covered yet.
#[derive(Clone, Debug)]
struct Span {
    offset: usize,
    bytes: Vec<u8>,
}

impl Span {
    fn end(&self) -> usize {
        self.offset + self.bytes.len()
    }

    /// Copies the part that lies in `from..to` into `target`, which grows if it must.
    fn copy_into(&self, target: &mut Vec<u8>, from: usize, to: usize) {
        let (from, to) = (from.max(self.offset), to.min(self.end()));
        if from < to {
            if target.len() < to {
                target.resize(to, 0);
            }
            target[from..to].copy_from_slice(&self.bytes[from - self.offset..to - self.offset]);
        }
    }
}

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Span>,
}

impl Inode {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let span = Span {
            offset,
            bytes: bytes.to_vec(),
        };
        span.copy_into(&mut self.live, 0, usize::MAX);
        self.pending.push(span);
    }

    pub(super) fn sync(&mut self) {
        for span in self.pending.drain(..) {
            span.copy_into(&mut self.durable, 0, usize::MAX);
        }
    }

    /// A sync that failed: some sectors will never reach the disk although every reader, and
    /// every later sync, behaves as if they had.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        let mut kept = Vec::new();
        for span in self.pending.drain(..) {
            let mut from = span.offset;
            while from < span.end() {
                let to = span.end().min((from / SECTOR + 1) * SECTOR);
                if random.one_in(2) {
                    let bytes = span.bytes[from - span.offset..to - span.offset].to_vec();
                    kept.push(Span {
                        offset: from,
                        bytes,
                    });
                }
                from = to;
            }
        }
        self.pending = kept;
    }

    /// What a power cut leaves. A sector holds its durable content, or what it was after any of
    /// the writes to it; sectors of one write and writes to one file are independent.
    fn after_power_cut(&self, random: &mut Random) -> Vec<u8> {
        #[derive(Clone, Copy)]
        enum Fate {
            Lost,
            Kept,
            EachWrite,
            EachSector,
        }
        let fate =
            [Fate::Lost, Fate::Kept, Fate::EachWrite, Fate::EachSector][random.below(4) as usize];
        let kept_writes: Vec<bool> = self.pending.iter().map(|_| random.one_in(2)).collect();
        let sectors: BTreeSet<usize> = self
            .pending
            .iter()
            .flat_map(|span| span.offset / SECTOR..span.end().div_ceil(SECTOR))
            .collect();
        let mut found = self.durable.clone();
        for sector in sectors {
            let (from, to) = (sector * SECTOR, (sector + 1) * SECTOR);
            let writes: Vec<usize> = (0..self.pending.len())
                .filter(|&at| self.pending[at].offset < to && self.pending[at].end() > from)
                .collect();
            let count = match fate {
                Fate::Lost => 0,
                Fate::Kept => writes.len(),
                Fate::EachWrite => writes
                    .iter()
                    .rposition(|&at| kept_writes[at])
                    .map_or(0, |last| last + 1),
                Fate::EachSector => random.below(writes.len() as u64 + 1) as usize,
            };
            for &at in &writes[..count] {
                self.pending[at].copy_into(&mut found, from, to);
            }
        }
        if random.one_in(4) && found.len() < self.live.len() {
            found.resize(self.live.len(), 0);
        }
        found
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(u64),
    Directory,
}

/// A change of names that no directory sync has covered yet. Each is atomic.
#[derive(Clone, Debug)]
struct NameChange {
    removed: Option<PathBuf>,
    added: Option<(PathBuf, Entry)>,
}

impl NameChange {
    fn touches(&self, directory: &Path) -> bool {
        let within = |path: &Path| path.parent() == Some(directory);
        self.removed.as_deref().is_some_and(within)
            || self.added.as_ref().is_some_and(|(path, _)| within(path))
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
        if let Some(path) = &self.removed {
            names.remove(path);
        }
        if let Some((path, entry)) = &self.added {
            names.insert(path.clone(), *entry);
        }
    }
}

/// Names and files of a simulated disk. Clones share what neither has changed.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    inodes: BTreeMap<u64, Arc<Inode>>,
    next_inode: u64,
    names: Arc<BTreeMap<PathBuf, Entry>>,
    durable_names: Arc<BTreeMap<PathBuf, Entry>>,
    pending_names: Vec<NameChange>,
    pub(super) capacity: Option<u64>,
}

impl World {
    /// A disk with these directories, durable.
    pub(super) fn with_directories(directories: &[&str]) -> Self {
        let names: BTreeMap<_, _> = directories
            .iter()
            .map(|path| (PathBuf::from(path), Entry::Directory))
            .collect();
        let names = Arc::new(names);
        Self {
            durable_names: names.clone(),
            names,
            ..Self::default()
        }
    }

    /// A file that is to change.
    pub(super) fn inode(&mut self, id: u64) -> io::Result<&mut Inode> {
        let inode = self.inodes.get_mut(&id).map(Arc::make_mut);
        inode.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What programs see in a file.
    pub(super) fn live(&self, id: u64) -> io::Result<&[u8]> {
        let inode = self.inodes.get(&id).map(|inode| &*inode.live);
        inode.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn entry(&self, path: &Path) -> io::Result<Entry> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<u64> {
        match self.entry(path)? {
            Entry::File(id) => Ok(id),
            Entry::Directory => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn require_directory(&self, path: Option<&Path>) -> io::Result<()> {
        let path = path.ok_or(io::ErrorKind::NotFound)?;
        match self.entry(path)? {
            Entry::Directory => Ok(()),
            Entry::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn change(&mut self, change: NameChange) {
        change.apply(Arc::make_mut(&mut self.names));
        self.pending_names.push(change);
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<u64> {
        self.require_directory(path.parent())?;
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(id, Arc::default());
        self.change(NameChange {
            removed: None,
            added: Some((path.to_owned(), Entry::File(id))),
        });
        Ok(id)
    }

    pub(super) fn create_directory(&mut self, path: &Path) -> io::Result<()> {
        self.require_directory(path.parent())?;
        match self.names.get(path) {
            Some(Entry::Directory) => return Ok(()),
            Some(Entry::File(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => {}
        }
        let added = Some((path.to_owned(), Entry::Directory));
        self.change(NameChange {
            removed: None,
            added,
        });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.file(from)?;
        self.require_directory(to.parent())?;
        if self.names.get(to) == Some(&Entry::Directory) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.change(NameChange {
            removed: Some(from.to_owned()),
            added: Some((to.to_owned(), Entry::File(id))),
        });
        Ok(())
    }

    /// The second name and the end of the first are two changes: a power cut may keep either.
    pub(super) fn rename_new(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.file(from)?;
        self.require_directory(to.parent())?;
        if self.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(NameChange {
            removed: None,
            added: Some((to.to_owned(), Entry::File(id))),
        });
        self.remove(from)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.change(NameChange {
            removed: Some(path.to_owned()),
            added: None,
        });
        Ok(())
    }

    pub(super) fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.require_directory(Some(directory))?;
        Ok(self
            .names
            .keys()
            .filter(|path| path.parent() == Some(directory))
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }

    pub(super) fn sync_directory(&mut self, directory: &Path) -> io::Result<()> {
        self.require_directory(Some(directory))?;
        let (synced, rest) = std::mem::take(&mut self.pending_names)
            .into_iter()
            .partition(|change| change.touches(directory));
        self.pending_names = rest;
        let synced: Vec<NameChange> = synced;
        for change in synced {
            change.apply(Arc::make_mut(&mut self.durable_names));
        }
        Ok(())
    }

    /// How many of `wanted` bytes more there is room for.
    pub(super) fn room(&self, wanted: u64) -> u64 {
        let Some(capacity) = self.capacity else {
            return wanted;
        };
        wanted.min(capacity.saturating_sub(self.used()))
    }

    /// The bytes of all files.
    pub(super) fn used(&self) -> u64 {
        let inodes = self.names.values().filter_map(|entry| match entry {
            Entry::File(id) => self.inodes.get(id),
            Entry::Directory => None,
        });
        inodes.map(|inode| inode.live.len() as u64).sum()
    }

    /// The disk as it is found after a power cut. Each unsynced change of a name is there or not.
    pub(super) fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut names = BTreeMap::clone(&self.durable_names);
        for change in &self.pending_names {
            if random.one_in(2) {
                change.apply(&mut names);
            }
        }
        let directories: BTreeSet<PathBuf> = names
            .iter()
            .filter(|(_, entry)| **entry == Entry::Directory)
            .map(|(path, _)| path.clone())
            .collect();
        names.retain(|path, _| {
            path.ancestors()
                .skip(1)
                .all(|ancestor| directories.contains(ancestor))
        });
        let mut inodes = BTreeMap::new();
        for entry in names.values() {
            if let Entry::File(id) = entry
                && let Some(inode) = self.inodes.get(id)
            {
                let found = inode.after_power_cut(random);
                let inode = Inode {
                    live: found.clone(),
                    durable: found,
                    pending: Vec::new(),
                };
                inodes.insert(*id, Arc::new(inode));
            }
        }
        let names = Arc::new(names);
        Self {
            inodes,
            next_inode: self.next_inode,
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
            capacity: self.capacity,
        }
    }

    /// The disk as programs see it now, all of it durable.
    pub(super) fn all_synced(&self) -> Self {
        let mut copy = self.clone();
        for inode in copy.inodes.values_mut().map(Arc::make_mut) {
            inode.durable = inode.live.clone();
            inode.pending.clear();
        }
        copy.durable_names = copy.names.clone();
        copy.pending_names.clear();
        copy
    }

    /// A checksum over every name and every byte that programs see.
    pub(super) fn digest(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        for (path, entry) in self.names.iter() {
            hasher.update(path.as_os_str().as_encoded_bytes());
            if let Entry::File(id) = entry
                && let Some(inode) = self.inodes.get(id)
            {
                hasher.update(&(inode.live.len() as u64).to_le_bytes());
                hasher.update(&inode.live);
            }
        }
        hasher.finalize()
    }
}
