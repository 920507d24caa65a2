//! Reading a log back: what is replayed, what is wiped, and what is refused.
//!
//! A record that is not complete ends the log if nothing shows that it was ever on stable
//! storage. What would show it: a later segment, which is only begun after every record before it
//! was synced; or a record whose group began after it. Then the journal is damaged, and is left
//! untouched.

mod salvage;
mod survey;

pub(super) use salvage::salvage;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::format::{HEADER_BYTES, Head, Kind, SegmentHeader};
use super::log::{Log, Tail};
use super::segments::{Active, LOCK, Sealed, Segments, segment_path};
use super::{Extent, JournalError, Options, Position, Recovered, StateMachine};
use crate::disk::{Disk, DiskLock};
use survey::{Segment, survey};

/// Opens the log in `directory`, or makes one, and replays it into `machine`. On return
/// everything replayed is on stable storage, and nothing else can ever be replayed.
pub(super) fn open<S: StateMachine>(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    options: &Options,
    machine: &mut S,
) -> Result<(Log, Recovered), JournalError> {
    disk.create_directory(directory)?;
    let parent = directory
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    disk.sync_directory(parent.unwrap_or(Path::new(".")))?;
    let lock = disk.lock(&directory.join(LOCK)).map_err(|error| {
        if error.is_locked() {
            JournalError::InUse {
                directory: directory.to_owned(),
            }
        } else {
            error.into()
        }
    })?;
    let (segments, spares) = survey(disk, directory)?;
    check_first(directory, &segments, machine)?;
    let (replay, end, last_bytes) = Replay::all(machine, Pass::Replay, &segments)?;
    // From here on files are changed. Spares that a crash left are of unknown content.
    for spare in &spares {
        disk.remove(spare)?;
    }
    let Some(last) = segments.last() else {
        return create(disk, directory, options, lock);
    };
    let wiped_bytes = settle(last, &last_bytes, &end)?;
    disk.sync_directory(directory)?;
    let tail = Tail {
        offset: end.offset as u64,
        next: replay.next,
        chain: replay.chain,
        floor: replay.floor,
        closed: replay.closed,
    };
    let recovered = Recovered {
        operations: replay.operations,
        next: Position(replay.next),
        clean: replay.closed,
        wiped_bytes,
    };
    let sealed: VecDeque<Sealed> = segments
        .windows(2)
        .map(|pair| Sealed {
            sequence: pair[0].header.sequence,
            end: pair[1].header.first,
            length: pair[0].header.length,
        })
        .collect();
    let active = Active {
        file: Arc::clone(&last.file),
        header: last.header,
        // What stood behind the records was overwritten.
        stale_to: 0,
    };
    let files = new_segments(disk, directory, options, sealed);
    Ok((Log::new(files, active, tail, lock), recovered))
}

/// Reads the headers of a log that may be there, and changes nothing.
pub(super) fn check(
    disk: &Arc<dyn Disk>,
    directory: &Path,
) -> Result<Option<Extent>, JournalError> {
    let (segments, _) = survey(disk, directory)?;
    Ok(segments.last().map(|last| Extent {
        identity: last.header.identity,
        last: last.header.sequence,
    }))
}

/// Shows all records to `machine`, and refuses a log whose beginning is missing.
fn check_first<S: StateMachine>(
    directory: &Path,
    segments: &[Segment],
    machine: &mut S,
) -> Result<(), JournalError> {
    let (surveyed, ..) = Replay::all(machine, Pass::Survey, segments)?;
    match segments.first() {
        Some(first) if first.header.sequence > surveyed.floor => Err(JournalError::Missing {
            file: segment_path(directory, first.header.sequence - 1),
        }),
        _ => Ok(()),
    }
}

/// Replays the log in `directory` into `machine` as [`open`] does, and changes nothing.
pub(super) fn read<S: StateMachine>(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    machine: &mut S,
) -> Result<Recovered, JournalError> {
    let (segments, _) = survey(disk, directory)?;
    check_first(directory, &segments, machine)?;
    let (replay, end, last_bytes) = Replay::all(machine, Pass::Replay, &segments)?;
    let behind = last_bytes.get(end.offset..).unwrap_or_default();
    let used = behind.iter().rposition(|byte| *byte != 0);
    Ok(Recovered {
        operations: replay.operations,
        next: Position(replay.next.max(Position::FIRST.get())),
        clean: replay.closed,
        wiped_bytes: used.map_or(0, |last| last as u64 + 1),
    })
}

fn new_segments(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    options: &Options,
    sealed: VecDeque<Sealed>,
) -> Segments {
    let Options {
        segment_bytes,
        spare_segments,
        ..
    } = *options;
    Segments::new(
        Arc::clone(disk),
        directory,
        segment_bytes,
        spare_segments,
        sealed,
    )
}

/// The first segment of a new journal.
fn create(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    options: &Options,
    lock: Box<dyn DiskLock>,
) -> Result<(Log, Recovered), JournalError> {
    let mut files = new_segments(disk, directory, options, VecDeque::new());
    let next = Position::FIRST.get();
    let active = files.activate(SegmentHeader {
        identity: options.identity,
        sequence: 1,
        first: next,
        floor: 1,
        chain: 0,
        length: options.segment_bytes,
    })?;
    let tail = Tail {
        offset: HEADER_BYTES,
        next,
        chain: 0,
        floor: 1,
        closed: true,
    };
    let recovered = Recovered {
        operations: 0,
        next: Position::FIRST,
        clean: true,
        wiped_bytes: 0,
    };
    Ok((Log::new(files, active, tail, lock), recovered))
}

/// Where the records of a segment end.
#[derive(Debug, Default)]
struct End {
    offset: usize,
    /// Where the last group begins.
    group: usize,
}

/// Which look at the log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Everything is checked and shown.
    Survey,
    /// Everything is made to take effect.
    Replay,
}

struct Replay<'a, S> {
    machine: &'a mut S,
    pass: Pass,
    next: u64,
    chain: u32,
    floor: u64,
    operations: u64,
    closed: bool,
}

impl<'a, S: StateMachine> Replay<'a, S> {
    /// Goes through all segments; answers what it found, where the records end, and the bytes of
    /// the last segment.
    fn all(
        machine: &'a mut S,
        pass: Pass,
        segments: &[Segment],
    ) -> Result<(Self, End, Vec<u8>), JournalError> {
        let mut replay = Self {
            machine,
            pass,
            next: 0,
            chain: 0,
            floor: 0,
            operations: 0,
            closed: false,
        };
        let mut end = End::default();
        // One for all of them: memory that is new each time is cleared by the system each time.
        let mut bytes = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            end = replay.segment(segment, segments.get(index + 1), &mut bytes)?;
        }
        Ok((replay, end, bytes))
    }

    /// Replays one segment, which is read into `bytes`; `after` is the segment behind it, if it
    /// is not the last.
    fn segment(
        &mut self,
        segment: &Segment,
        after: Option<&Segment>,
        bytes: &mut Vec<u8>,
    ) -> Result<End, JournalError> {
        let header = &segment.header;
        let begins = (header.first, header.chain);
        if self.next == 0 {
            (self.next, self.chain) = begins;
        } else if (self.next, self.chain) != begins {
            return Err(segment.damaged(0, "it does not continue the segment before it"));
        }
        self.floor = self.floor.max(header.floor);
        // What stood in it is overwritten whole, or the segment is refused.
        bytes.resize(header.length as usize, 0);
        let count = segment.file.read_at(0, bytes)?;
        if count != bytes.len() {
            return Err(segment.damaged(count as u64, "the file ends here"));
        }
        let start = HEADER_BYTES as usize;
        let mut end = End {
            offset: start,
            group: start,
        };
        let mut group = 0;
        while after.is_none_or(|after| self.next < after.header.first) {
            let offset = end.offset;
            let Some(head) = Head::find(bytes, header, offset, self.next..self.next + 1) else {
                break;
            };
            let Some(payload) = head.payload(bytes) else {
                break;
            };
            if head.frame.previous != self.chain {
                return Err(segment.damaged(
                    offset as u64,
                    "the record does not continue the record before it",
                ));
            }
            self.record(segment, offset, head.frame.kind, payload)?;
            if head.frame.group != group {
                (group, end.group) = (head.frame.group, offset);
            }
            self.chain = head.checksum;
            self.next += 1;
            end.offset = head.end();
        }
        match after {
            Some(after) if self.next < after.header.first => {
                let detail = format!("the record at position {} is not intact", self.next);
                Err(segment.damaged(end.offset as u64, detail))
            }
            Some(_) => Ok(end),
            None => {
                self.check_tail(segment, bytes, end.offset)?;
                Ok(end)
            }
        }
    }

    fn record(
        &mut self,
        segment: &Segment,
        offset: usize,
        kind: Kind,
        payload: &[u8],
    ) -> Result<(), JournalError> {
        self.closed = kind == Kind::Closed;
        match kind {
            Kind::Operation => {
                self.operations += 1;
                let position = Position(self.next);
                let shown = match self.pass {
                    Pass::Survey => self.machine.survey(position, payload),
                    Pass::Replay => self.machine.replay(position, payload),
                };
                shown.map_err(|error| match error {
                    JournalError::Unreadable {
                        position, reason, ..
                    } => JournalError::Unreadable {
                        file: Some(segment.path.clone()),
                        position,
                        reason,
                    },
                    other => other,
                })
            }
            Kind::Floor => {
                let Ok(floor) = payload.try_into().map(u64::from_le_bytes) else {
                    return Err(segment.damaged(offset as u64, "a floor mark is not 8 bytes long"));
                };
                self.floor = self.floor.max(floor);
                Ok(())
            }
            Kind::Closed => Ok(()),
            Kind::Unknown(code) => Err(segment.damaged(
                offset as u64,
                format!("records of kind {code} are unknown to this version"),
            )),
        }
    }

    /// Refuses a last segment in which something shows that the record that should come next
    /// was once on stable storage.
    fn check_tail(
        &self,
        segment: &Segment,
        bytes: &[u8],
        offset: usize,
    ) -> Result<(), JournalError> {
        let positions = self.next + 1..self.next.saturating_add(bytes.len() as u64);
        let later = (offset..bytes.len())
            .step_by(8)
            .filter_map(|at| Head::find(bytes, &segment.header, at, positions.clone()))
            .find(|head| head.frame.group > self.next);
        match later {
            None => Ok(()),
            Some(head) => Err(segment.damaged(
                offset as u64,
                format!(
                    "the record at position {} is not intact, but record {} was written after it \
                     was durable",
                    self.next, head.frame.position
                ),
            )),
        }
    }
}

/// Makes the end of the log final: what was replayed is durable, and what was not is zeros.
///
/// The last group is written once more before the sync. If the process before this one ended
/// because its sync had failed, the system may hold these bytes as clean although they are not
/// on the disk, and a sync alone would do nothing.
fn settle(last: &Segment, bytes: &[u8], end: &End) -> Result<u64, JournalError> {
    let tail = &bytes[end.offset..];
    let used = tail
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last as u64 + 1);
    let offset = end.offset as u64;
    if used > 0 {
        tracing::info!(
            file = %last.path.display(), offset, bytes = used,
            "wiping what follows the last complete record",
        );
    }
    last.file
        .write_at(end.group as u64, &bytes[end.group..end.offset])?;
    last.file.zero_fill(offset, offset + used)?;
    last.file.sync_data()?;
    Ok(used)
}
