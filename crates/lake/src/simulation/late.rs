//! Changes that a disk said had failed, and that take effect all the same.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::disk::State;
use crate::disk::DiskOperation;

/// Operations after which a change takes effect that was said to have failed, at most.
const LATE_MAX: u64 = 12;

#[derive(Clone, Debug)]
enum Change {
    Rename(PathBuf, PathBuf),
    /// Only to a name that no file has by then.
    RenameNew(PathBuf, PathBuf),
    Remove(PathBuf),
    Write(PathBuf, usize, Vec<u8>),
}

/// A change that is still to take effect.
#[derive(Clone, Debug)]
pub(super) struct Late {
    /// When: at this operation.
    due: u64,
    change: Change,
}

/// Whether an operation is one of those whose outcome may be unknown.
pub(super) fn may_be_late(operation: DiskOperation) -> bool {
    use DiskOperation as Is;
    matches!(operation, Is::Rename | Is::Remove | Is::Write)
}

impl State {
    /// Has an operation that fails take effect later.
    pub(super) fn put_off(&mut self, operation: DiskOperation, path: &Path, detail: (u64, &[u8])) {
        let change = match operation {
            DiskOperation::Rename => {
                let target = PathBuf::from(OsStr::from_bytes(detail.1));
                match detail.0 {
                    0 => Change::Rename(path.to_owned(), target),
                    _ => Change::RenameNew(path.to_owned(), target),
                }
            }
            DiskOperation::Remove => Change::Remove(path.to_owned()),
            DiskOperation::Write => {
                let offset = usize::try_from(detail.0).unwrap_or(usize::MAX);
                Change::Write(path.to_owned(), offset, detail.1.to_vec())
            }
            _ => return,
        };
        let due = self.operations + 1 + self.random.below(LATE_MAX);
        self.late = Some(Late { due, change });
    }

    /// Has what was put off take effect when its time has come. Where it is
    /// about something that is not there any more, it has none.
    pub(super) fn catch_up(&mut self, operation: u64) {
        if self.late.as_ref().is_some_and(|late| late.due <= operation)
            && let Some(Late { change, .. }) = self.late.take()
        {
            let done = match &change {
                Change::Rename(from, to) => self.world.rename(from, to),
                Change::RenameNew(from, to) => self.world.rename_new(from, to),
                Change::Remove(path) => self.world.remove(path),
                Change::Write(path, offset, bytes) => self.world.file(path).and_then(|inode| {
                    self.world.inode(inode)?.write(*offset, bytes);
                    Ok(())
                }),
            };
            if done.is_ok() {
                let (operation, path) = match change {
                    Change::Rename(from, _) | Change::RenameNew(from, _) => {
                        (DiskOperation::Rename, from)
                    }
                    Change::Remove(path) => (DiskOperation::Remove, path),
                    Change::Write(path, ..) => (DiskOperation::Write, path),
                };
                self.photograph(operation, &path);
            }
        }
    }
}
