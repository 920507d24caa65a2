//! The segment files of a journal: the one written to, the full ones before it, and spares.
//!
//! A file gets the name of a segment only when its header and its whole length are on stable
//! storage, so a segment is never half made; and segments leave one by one, oldest first, each
//! departure durable before the next, so the numbers that are left have no gap.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::JournalError;
use super::format::SegmentHeader;
use crate::disk::{Disk, DiskError, DiskFile};

/// A file is synced after this many bytes of zeros, so that no single sync is long.
pub(super) const SPARE_SYNC_BYTES: u64 = 4 << 20;

/// What the name of a file in the journal's directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Lock,
    Segment(u64),
    Spare,
}

/// The name of the file that is locked while the journal is open.
pub(super) const LOCK: &str = "lock";

impl Name {
    pub(super) fn parse(name: &str) -> Option<Self> {
        if name == LOCK {
            return Some(Self::Lock);
        }
        let digits = |text: &str| {
            let all = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit());
            all.then(|| text.parse().ok()).flatten()
        };
        if let Some(rest) = name.strip_prefix("segment-") {
            return rest
                .strip_suffix(".log")
                .and_then(digits)
                .map(Self::Segment);
        }
        let rest = name.strip_prefix("spare-")?.strip_suffix(".tmp")?;
        digits(rest).map(|_| Self::Spare)
    }
}

/// The path of the segment with this number.
pub(super) fn segment_path(directory: &Path, sequence: u64) -> PathBuf {
    directory.join(format!("segment-{sequence:020}.log"))
}

/// A full disk is an answer; any other refusal is the end of the journal.
pub(super) fn full_or_broken(error: DiskError) -> JournalError {
    if error.is_full() {
        JournalError::Full
    } else {
        JournalError::Disk(error)
    }
}

/// A full segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed {
    pub(super) sequence: u64,
    /// The position after its last record.
    pub(super) end: u64,
    pub(super) length: u64,
}

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) header: SegmentHeader,
    /// Up to where bytes of an earlier use of the file may stand behind its records.
    pub(super) stale_to: u64,
}

#[derive(Debug)]
struct Spare {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    /// Whether it was a segment once, and holds what that held.
    is_used: bool,
}

#[derive(Debug)]
struct Unfinished {
    spare: Spare,
    filled: u64,
    synced: u64,
}

#[derive(Debug)]
pub(super) struct Segments {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    segment_bytes: u64,
    max_spares: usize,
    sealed: VecDeque<Sealed>,
    spares: Vec<Spare>,
    unfinished: Option<Unfinished>,
    next_spare: u64,
}

impl Segments {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        directory: &Path,
        segment_bytes: u64,
        max_spares: usize,
        sealed: VecDeque<Sealed>,
    ) -> Self {
        Self {
            disk,
            directory: directory.to_owned(),
            segment_bytes,
            max_spares,
            sealed,
            spares: Vec::new(),
            unfinished: None,
            next_spare: 0,
        }
    }

    /// How many segments hold records, the active one included.
    pub(super) fn count(&self) -> u64 {
        self.sealed.len() as u64 + 1
    }

    fn spare_path(&mut self) -> PathBuf {
        self.next_spare += 1;
        self.directory
            .join(format!("spare-{:020}.tmp", self.next_spare))
    }

    /// Brings the next spare `budget` bytes nearer to completion, if none is ready.
    ///
    /// # Errors
    /// [`JournalError::Full`] leaves everything as it was; it may be called again.
    pub(super) fn prepare_spare(&mut self, budget: u64) -> Result<(), JournalError> {
        if !self.spares.is_empty() {
            return Ok(());
        }
        if self.unfinished.is_none() {
            let path = self.spare_path();
            let file = self.disk.create(&path).map_err(full_or_broken)?;
            let spare = Spare {
                path,
                file,
                is_used: false,
            };
            self.unfinished = Some(Unfinished {
                spare,
                filled: 0,
                synced: 0,
            });
        }
        let Some(unfinished) = self.unfinished.as_mut() else {
            return Ok(());
        };
        let to = unfinished
            .filled
            .saturating_add(budget)
            .min(self.segment_bytes);
        unfinished
            .spare
            .file
            .zero_fill(unfinished.filled, to)
            .map_err(full_or_broken)?;
        unfinished.filled = to;
        let done = to == self.segment_bytes;
        if done || to - unfinished.synced >= SPARE_SYNC_BYTES {
            // A failed sync is never tried again, also not when the disk said it was full.
            unfinished.spare.file.sync_data()?;
            unfinished.synced = to;
        }
        if done && let Some(finished) = self.unfinished.take() {
            self.spares.push(finished.spare);
        }
        Ok(())
    }

    /// Whether the next segment is at hand, and costs the time of one name.
    pub(super) fn has_spare(&self) -> bool {
        !self.spares.is_empty()
    }

    /// A new active segment, durable under its name.
    ///
    /// # Errors
    /// [`JournalError::Full`] leaves the segments as they were; it may be called again.
    pub(super) fn activate(&mut self, header: SegmentHeader) -> Result<Active, JournalError> {
        self.prepare_spare(u64::MAX)?;
        let Some(spare) = self.spares.last() else {
            return Err(JournalError::Full);
        };
        let header = SegmentHeader {
            length: self.segment_bytes,
            ..header
        };
        spare
            .file
            .write_at(0, &header.encode())
            .map_err(full_or_broken)?;
        spare.file.sync_data()?;
        let path = segment_path(&self.directory, header.sequence);
        self.disk
            .rename(&spare.path, &path)
            .map_err(full_or_broken)?;
        let stale_to = if spare.is_used { header.length } else { 0 };
        self.spares.pop();
        self.disk.sync_directory(&self.directory)?;
        // Opened again, so that errors name the file as it is called now.
        Ok(Active {
            file: self.disk.open(&path)?,
            header,
            stale_to,
        })
    }

    /// Notes that a segment takes no more records.
    pub(super) fn seal(&mut self, active: &Active, end: u64) {
        let SegmentHeader {
            sequence, length, ..
        } = active.header;
        self.sealed.push_back(Sealed {
            sequence,
            end,
            length,
        });
    }

    /// The lowest number of a segment that holds, or follows, the record at `before`.
    pub(super) fn floor(&self, before: u64) -> u64 {
        self.sealed
            .iter()
            .take_while(|sealed| sealed.end <= before)
            .last()
            .map_or(0, |sealed| sealed.sequence + 1)
    }

    /// Takes away the segments below `floor`, which must be on stable storage as the floor.
    pub(super) fn recycle(&mut self, floor: u64) -> Result<(), JournalError> {
        while let Some(oldest) = self.sealed.front().filter(|oldest| oldest.sequence < floor) {
            let path = segment_path(&self.directory, oldest.sequence);
            if oldest.length == self.segment_bytes && self.spares.len() < self.max_spares {
                let spare = self.spare_path();
                self.disk.rename(&path, &spare)?;
                self.disk.sync_directory(&self.directory)?;
                let file = self.disk.open(&spare)?;
                self.spares.push(Spare {
                    path: spare,
                    file,
                    is_used: true,
                });
            } else {
                self.disk.remove(&path)?;
                self.disk.sync_directory(&self.directory)?;
            }
            self.sealed.pop_front();
        }
        Ok(())
    }

    /// Takes the files away that were segments once, with what they held.
    pub(super) fn wipe(&mut self) -> Result<(), JournalError> {
        // One that was none is made only when there is no other, so it is the first.
        let unused = self.spares.iter().take_while(|spare| !spare.is_used);
        self.remove_spares(unused.count())
    }

    /// Gives the disk the room of all spares but `kept`, also of one that is
    /// not whole yet, unless it is the only one where one is to be kept.
    ///
    /// # Errors
    /// [`JournalError::Full`] where the disk is too full to take files away;
    /// it may be called again.
    pub(super) fn give_back(&mut self, kept: usize) -> Result<(), JournalError> {
        if self.spares.len() >= kept
            && let Some(unfinished) = &self.unfinished
        {
            let removed = self.disk.remove(&unfinished.spare.path);
            removed.map_err(full_or_broken)?;
            self.unfinished = None;
        }
        self.remove_spares(kept)
    }

    fn remove_spares(&mut self, kept: usize) -> Result<(), JournalError> {
        if self.spares.len() <= kept {
            return Ok(());
        }
        while self.spares.len() > kept
            && let Some(spare) = self.spares.last()
        {
            self.disk.remove(&spare.path).map_err(full_or_broken)?;
            self.spares.pop();
        }
        Ok(self.disk.sync_directory(&self.directory)?)
    }
}
