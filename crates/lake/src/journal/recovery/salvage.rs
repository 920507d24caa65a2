//! What is left of a damaged log.

use std::path::Path;

use super::super::format::{HEADER_BYTES, Head, Kind, SegmentHeader};
use super::super::segments::Name;
use crate::disk::{Disk, DiskError};

/// Records are written at multiples of this.
const ALIGNMENT: usize = 8;

/// Shows every operation that is intact, in the order of the log, whatever lies
/// between them. Segments that cannot be read are passed over.
pub(in crate::journal) fn salvage(
    disk: &dyn Disk,
    directory: &Path,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), DiskError> {
    for name in disk.list(directory)? {
        let Some(Name::Segment(_)) = Name::parse(&name) else {
            continue;
        };
        let path = directory.join(&name);
        let Ok(bytes) = read(disk, &path) else {
            continue;
        };
        let Ok(header) = SegmentHeader::decode(&bytes, &path) else {
            continue;
        };
        let mut offset = HEADER_BYTES as usize;
        while offset < bytes.len() {
            let head = Head::find(&bytes, &header, offset, 1..u64::MAX);
            let intact = head
                .as_ref()
                .and_then(|head| Some((head, head.payload(&bytes)?)));
            offset = match intact {
                Some((head, payload)) => {
                    if head.frame.kind == Kind::Operation {
                        show(payload);
                    }
                    head.end()
                }
                None => offset + ALIGNMENT,
            };
        }
    }
    Ok(())
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, DiskError> {
    let file = disk.open(path)?;
    let mut bytes = vec![0; usize::try_from(file.length()?).unwrap_or(usize::MAX)];
    let count = file.read_at(0, &mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}
