//! The bytes of segments and records, version 1 (`docs/adr/002-journal-format.md`). All numbers
//! are little-endian.

use std::ops::Range;
use std::path::Path;

use super::JournalError;

/// The version this program writes, and the highest it reads.
pub(super) const VERSION: u32 = 1;

/// Where the records of a segment begin.
pub(super) const HEADER_BYTES: u64 = 4096;

/// Room at the end of each segment that only the journal's own marks may use.
pub(super) const RESERVE_BYTES: u64 = 128;

const MAGIC: [u8; 8] = *b"TIDELOG\0";
const HEADER_FIELDS: usize = 64;
const FRAME_HEAD: usize = 32;
const ALIGNMENT: usize = 8;

/// The largest payload that fits in an empty segment of this size.
pub(super) fn largest_payload(segment_bytes: u64) -> u64 {
    let taken = HEADER_BYTES + RESERVE_BYTES + (FRAME_HEAD + ALIGNMENT) as u64;
    segment_bytes.saturating_sub(taken).min(u64::from(u32::MAX))
}

/// The bytes that a record with this payload takes.
pub(super) fn frame_bytes(payload: usize) -> usize {
    (FRAME_HEAD + payload).next_multiple_of(ALIGNMENT)
}

fn four(bytes: &[u8], at: usize) -> [u8; 4] {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    field
}

fn eight(bytes: &[u8], at: usize) -> [u8; 8] {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    field
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// The random number of the journal.
    pub(super) identity: u64,
    /// The number of the segment; never given twice.
    pub(super) sequence: u64,
    /// The position of its first record.
    pub(super) first: u64,
    /// Segments with lower numbers are not needed.
    pub(super) floor: u64,
    /// The checksum of the last record before it.
    pub(super) chain: u32,
    /// The size of the file.
    pub(super) length: u64,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES as usize);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.chain.to_le_bytes());
        for field in [
            self.identity,
            self.sequence,
            self.first,
            self.floor,
            self.length,
        ] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.resize(HEADER_FIELDS - 4, 0);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.resize(HEADER_BYTES as usize, 0);
        bytes
    }

    /// Reads the header of `file`; `bytes` may be shorter than a header, as the file may be.
    pub(super) fn decode(bytes: &[u8], file: &Path) -> Result<Self, JournalError> {
        if bytes.len() < HEADER_FIELDS || bytes[..8] != MAGIC {
            return Err(JournalError::Foreign {
                file: file.to_owned(),
            });
        }
        let version = u32::from_le_bytes(four(bytes, 8));
        if version > VERSION {
            return Err(JournalError::Newer {
                file: file.to_owned(),
                version,
            });
        }
        let checksum = u32::from_le_bytes(four(bytes, HEADER_FIELDS - 4));
        if version != VERSION || checksum != crc32fast::hash(&bytes[..HEADER_FIELDS - 4]) {
            return Err(JournalError::Damaged {
                file: file.to_owned(),
                offset: 0,
                detail: "the checksum of the segment header does not match".to_owned(),
            });
        }
        let field = |number: usize| u64::from_le_bytes(eight(bytes, 16 + 8 * number));
        Ok(Self {
            identity: field(0),
            sequence: field(1),
            first: field(2),
            floor: field(3),
            length: field(4),
            chain: u32::from_le_bytes(four(bytes, 12)),
        })
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An operation of the state machine.
    Operation,
    /// Segments below the number in the payload are not needed.
    Floor,
    /// The journal was closed in an orderly way.
    Closed,
    /// Written by a later release.
    Unknown(u8),
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Operation => 1,
            Self::Floor => 2,
            Self::Closed => 3,
            Self::Unknown(code) => code,
        }
    }

    fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Operation,
            2 => Self::Floor,
            3 => Self::Closed,
            other => Self::Unknown(other),
        }
    }
}

/// What a record says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The head checksum of the record before this one.
    pub(super) previous: u32,
    /// Its position in the log.
    pub(super) position: u64,
    /// The position of the first record that was synced together with it: all records before
    /// that one were on stable storage when this one was written.
    pub(super) group: u64,
    pub(super) kind: Kind,
}

/// A record head, found in the bytes of a segment. Its payload need not be intact.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) frame: Frame,
    /// The checksum of the head, which covers the checksum of the payload.
    pub(super) checksum: u32,
    payload_checksum: u32,
    payload: Range<usize>,
}

/// The place that the checksum of a record is bound to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) identity: u64,
    pub(super) sequence: u64,
    pub(super) offset: u64,
}

impl Place {
    fn checksum(self, fields: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.identity.to_le_bytes());
        hasher.update(&self.sequence.to_le_bytes());
        hasher.update(&self.offset.to_le_bytes());
        hasher.update(fields);
        hasher.finalize()
    }
}

impl Frame {
    /// Appends the record to `bytes` and returns the checksum of its head.
    pub(super) fn encode(&self, place: Place, payload: &[u8], bytes: &mut Vec<u8>) -> u32 {
        let start = bytes.len();
        let length = u32::try_from(payload.len()).expect("the limit of a payload is below 4 GiB");
        let within = u32::try_from(self.position - self.group).expect("a group is in one segment");
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
        bytes.extend_from_slice(&self.previous.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&self.position.to_le_bytes());
        bytes.extend_from_slice(&within.to_le_bytes());
        bytes.extend_from_slice(&[self.kind.code(), 0, 0, 0]);
        let checksum = place.checksum(&bytes[start + 4..]);
        bytes[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes.resize(start + frame_bytes(payload.len()), 0);
        checksum
    }
}

impl Head {
    /// The head at `offset` of a segment, if it was written there, by this journal, in this use
    /// of the file, with a position in `positions`.
    pub(super) fn find(
        segment: &[u8],
        header: &SegmentHeader,
        offset: usize,
        positions: Range<u64>,
    ) -> Option<Self> {
        let head = segment.get(offset..offset.checked_add(FRAME_HEAD)?)?;
        // The cheap test comes first: this is asked at every place of a torn tail.
        let position = u64::from_le_bytes(eight(head, 16));
        if !positions.contains(&position) {
            return None;
        }
        let place = Place {
            identity: header.identity,
            sequence: header.sequence,
            offset: offset as u64,
        };
        let checksum = u32::from_le_bytes(four(head, 0));
        if checksum != place.checksum(&head[4..]) {
            return None;
        }
        let length = u32::from_le_bytes(four(head, 12)) as usize;
        let within = u64::from(u32::from_le_bytes(four(head, 24)));
        let frame = Frame {
            previous: u32::from_le_bytes(four(head, 8)),
            position,
            group: position.checked_sub(within)?,
            kind: Kind::from_code(head[28]),
        };
        let start = offset + FRAME_HEAD;
        Some(Self {
            frame,
            checksum,
            payload_checksum: u32::from_le_bytes(four(head, 4)),
            payload: start..start.checked_add(length)?,
        })
    }

    /// The payload, if it is intact.
    pub(super) fn payload<'a>(&self, segment: &'a [u8]) -> Option<&'a [u8]> {
        let payload = segment.get(self.payload.clone())?;
        (crc32fast::hash(payload) == self.payload_checksum).then_some(payload)
    }

    /// Where the next record begins.
    pub(super) fn end(&self) -> usize {
        self.payload.end.next_multiple_of(ALIGNMENT)
    }
}
