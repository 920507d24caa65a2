//! The end of the log: groups of records, each written at once and made durable by one sync.

use super::format::{self, Frame, HEADER_BYTES, Kind, Place, RESERVE_BYTES, SegmentHeader};
use super::segments::{Active, SPARE_SYNC_BYTES, Segments, full_or_broken};
use super::{Extent, JournalError};
use crate::disk::DiskLock;

/// The zeros written per group towards the next segment, at least.
const SPARE_STEP_BYTES: u64 = 64 << 10;

/// The records that the next sync will cover.
#[derive(Debug, Default)]
struct Group {
    bytes: Vec<u8>,
    chain: u32,
    next: u64,
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) segments: Segments,
    active: Active,
    /// Where the next record goes: place in the active segment, position, and the checksum of
    /// the record before.
    end: Group,
    offset: u64,
    group: Group,
    /// Segments below are not needed; durable in a header or in a record.
    floor: u64,
    released: u64,
    closed: bool,
    _lock: Box<dyn DiskLock>,
}

/// The place and the history at which a log goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) offset: u64,
    pub(super) next: u64,
    pub(super) chain: u32,
    pub(super) floor: u64,
    pub(super) closed: bool,
}

impl Log {
    pub(super) fn new(
        segments: Segments,
        active: Active,
        tail: Tail,
        lock: Box<dyn DiskLock>,
    ) -> Self {
        let mut log = Self {
            segments,
            active,
            end: Group {
                bytes: Vec::new(),
                chain: tail.chain,
                next: tail.next,
            },
            offset: tail.offset,
            group: Group::default(),
            floor: tail.floor,
            released: 0,
            closed: tail.closed,
            _lock: lock,
        };
        log.begin();
        log
    }

    fn begin(&mut self) {
        self.group.bytes.clear();
        self.group.chain = self.end.chain;
        self.group.next = self.end.next;
    }

    /// How many bytes the group has so far.
    pub(super) fn group_bytes(&self) -> usize {
        self.group.bytes.len()
    }

    fn room(&self, reserve: u64) -> u64 {
        let used = self.offset + self.group.bytes.len() as u64;
        (self.active.header.length - reserve).saturating_sub(used)
    }

    fn push(&mut self, kind: Kind, payload: &[u8]) {
        let SegmentHeader {
            identity, sequence, ..
        } = self.active.header;
        let offset = self.offset + self.group.bytes.len() as u64;
        let frame = Frame {
            previous: self.group.chain,
            position: self.group.next,
            group: self.end.next,
            kind,
        };
        let place = Place {
            identity,
            sequence,
            offset,
        };
        self.group.chain = frame.encode(place, payload, &mut self.group.bytes);
        self.group.next += 1;
    }

    /// Adds an operation to the group; false if the segment has no room for it.
    pub(super) fn push_operation(&mut self, payload: &[u8]) -> bool {
        let fits = format::frame_bytes(payload.len()) as u64 <= self.room(RESERVE_BYTES);
        if fits {
            self.push(Kind::Operation, payload);
        }
        fits
    }

    /// Goes on in a new segment. The group must be empty.
    ///
    /// # Errors
    /// [`JournalError::Full`] leaves the log as it was; it may be called again.
    pub(super) fn roll_over(&mut self) -> Result<(), JournalError> {
        // Few bytes when the segment is full. A segment that is kept long keeps its own alone.
        self.overwrite_stale(u64::MAX)?;
        let old = self.active.header;
        let header = SegmentHeader {
            sequence: old.sequence + 1,
            first: self.end.next,
            chain: self.end.chain,
            floor: self.floor,
            ..old
        };
        let active = self.segments.activate(header)?;
        self.segments.seal(&self.active, self.end.next);
        self.active = active;
        self.offset = HEADER_BYTES;
        self.begin();
        self.recycle()
    }

    /// Overwrites with zeros what an earlier use of the active segment's file left behind its
    /// records, at most so many bytes; answers whether that is all. The group must be empty.
    fn overwrite_stale(&mut self, budget: u64) -> Result<bool, JournalError> {
        let to = self.active.stale_to;
        if to <= self.offset {
            return Ok(true);
        }
        // From the end: records come at the beginning meanwhile.
        let from = to.saturating_sub(budget).max(self.offset);
        let overwritten = self.active.file.zero_fill(from, to);
        overwritten.map_err(full_or_broken)?;
        self.active.file.sync_data()?;
        self.active.stale_to = from;
        Ok(from == self.offset)
    }

    /// Goes on in a new segment, unless the active one is still empty; answers whether it does,
    /// or did a step towards it, for which writers do not wait long. The group must be empty.
    ///
    /// # Errors
    /// As [`Log::roll_over`].
    pub(super) fn turn_over(&mut self) -> Result<bool, JournalError> {
        if self.end.next > self.first() {
            if !self.overwrite_stale(SPARE_SYNC_BYTES)? {
                return Ok(false);
            }
            if !self.segments.has_spare() {
                self.segments.prepare_spare(SPARE_SYNC_BYTES)?;
                return Ok(false);
            }
            self.roll_over()?;
        }
        Ok(true)
    }

    /// Takes from the disk what released segments held; answers whether that is all, or was a
    /// step. The group must be empty.
    ///
    /// # Errors
    /// [`JournalError::Full`]: the disk is too full, and some of it is left.
    pub(super) fn wipe(&mut self) -> Result<bool, JournalError> {
        // A floor may have found no room before.
        self.recycle()?;
        if self.segments.floor(self.released) > self.floor {
            return Err(JournalError::Full);
        }
        self.segments.wipe()?;
        self.overwrite_stale(SPARE_SYNC_BYTES)
    }

    /// Which log it is, and its last segment.
    pub(super) fn extent(&self) -> Extent {
        let SegmentHeader {
            identity, sequence, ..
        } = self.active.header;
        Extent {
            identity,
            last: sequence,
        }
    }

    /// The first position in the active segment.
    pub(super) fn first(&self) -> u64 {
        self.active.header.first
    }

    /// Writes the group and returns the position of its first record; it is on stable storage.
    ///
    /// # Errors
    /// [`JournalError::Full`]: nothing of the group is stored, and the log can go on. After any
    /// other error the log must not be used.
    pub(super) fn commit(&mut self) -> Result<u64, JournalError> {
        let first = self.end.next;
        if let Err(error) = self.active.file.write_at(self.offset, &self.group.bytes) {
            if !error.is_full() {
                return Err(error.into());
            }
            // Parts of the group may be in the file, and must not come back as records.
            self.group.bytes.fill(0);
            self.active.file.write_at(self.offset, &self.group.bytes)?;
            self.active.file.sync_data()?;
            self.begin();
            return Err(JournalError::Full);
        }
        self.active.file.sync_data()?;
        self.offset += self.group.bytes.len() as u64;
        self.end.next = self.group.next;
        self.end.chain = self.group.chain;
        self.closed = false;
        self.begin();
        Ok(first)
    }

    /// Brings the next segment nearer, in proportion to what was written. A full disk is no
    /// error as long as the active segment has room.
    pub(super) fn prepare_ahead(&mut self, written: u64) -> Result<(), JournalError> {
        match self
            .segments
            .prepare_spare(SPARE_STEP_BYTES.max(2 * written))
        {
            Err(JournalError::Full) => Ok(()),
            prepared => prepared,
        }
    }

    /// Gives the room of later segments back to a disk that is full. When the
    /// active segment nears its end, one that is whole stays: what frees the
    /// journal must be written to it first.
    pub(super) fn give_back(&mut self) -> Result<(), JournalError> {
        let nears_its_end = self.room(RESERVE_BYTES) < self.active.header.length / 8;
        self.segments.give_back(usize::from(nears_its_end))
    }

    /// Notes that records before this position are not needed.
    pub(super) fn release(&mut self, before: u64) -> Result<(), JournalError> {
        self.released = self.released.max(before);
        self.recycle()
    }

    /// Makes the floor durable before the segments below it go: a segment that is missing without
    /// a floor above it was lost.
    fn recycle(&mut self) -> Result<(), JournalError> {
        let floor = self.segments.floor(self.released);
        if floor > self.floor && format::frame_bytes(8) as u64 <= self.room(0) {
            self.push(Kind::Floor, &floor.to_le_bytes());
            match self.commit() {
                Ok(_) => self.floor = floor,
                Err(JournalError::Full) => {}
                Err(error) => return Err(error),
            }
        }
        self.segments.recycle(self.floor)
    }

    /// Marks the log as closed in an orderly way: from now on damage to its last group shows.
    pub(super) fn close(&mut self) -> Result<(), JournalError> {
        if self.closed || format::frame_bytes(0) as u64 > self.room(0) {
            return Ok(());
        }
        self.push(Kind::Closed, &[]);
        match self.commit() {
            Err(JournalError::Full) => Ok(()),
            closed => {
                self.closed = closed.is_ok();
                closed.map(drop)
            }
        }
    }
}
