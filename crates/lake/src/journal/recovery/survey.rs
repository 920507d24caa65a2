//! Which segments there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::JournalError;
use super::super::format::{HEADER_BYTES, SegmentHeader};
use super::super::segments::{Name, segment_path};
use crate::disk::{Disk, DiskFile};

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) header: SegmentHeader,
}

impl Segment {
    pub(super) fn damaged(&self, offset: u64, detail: impl Into<String>) -> JournalError {
        JournalError::Damaged {
            file: self.path.clone(),
            offset,
            detail: detail.into(),
        }
    }
}

/// The segments in order, with headers that agree, and the files that hold nothing.
pub(super) fn survey(
    disk: &Arc<dyn Disk>,
    directory: &Path,
) -> Result<(Vec<Segment>, Vec<PathBuf>), JournalError> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut spares = Vec::new();
    for name in disk.list(directory)? {
        let path = directory.join(&name);
        match Name::parse(&name) {
            Some(Name::Lock) => {}
            Some(Name::Spare) => spares.push(path),
            None => return Err(JournalError::Foreign { file: path }),
            Some(Name::Segment(sequence)) => {
                let file = disk.open(&path)?;
                let mut bytes = vec![0; HEADER_BYTES as usize];
                let count = file.read_at(0, &mut bytes)?;
                let header = SegmentHeader::decode(&bytes[..count], &path)?;
                let segment = Segment { path, file, header };
                if header.sequence != sequence {
                    let detail = format!("it says that it is segment {}", header.sequence);
                    return Err(segment.damaged(0, detail));
                }
                let length = segment.file.length()?;
                if length != header.length || length < HEADER_BYTES {
                    let detail = format!("it has {length} bytes instead of {}", header.length);
                    return Err(segment.damaged(length.min(header.length), detail));
                }
                segments.push(segment);
            }
        }
    }
    segments.sort_by_key(|segment| segment.header.sequence);
    for pair in segments.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if before.header.identity != after.header.identity {
            return Err(JournalError::Foreign {
                file: after.path.clone(),
            });
        }
        if before.header.sequence + 1 != after.header.sequence {
            let file = segment_path(directory, before.header.sequence + 1);
            return Err(JournalError::Missing { file });
        }
    }
    Ok((segments, spares))
}
