//! Room that is kept for the control plane on a disk that fills up: a file
//! of zeros, given up piece by piece when the database needs more room than
//! the disk has, and taken back when there is room again.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes that are given up at a time. One piece takes some twenty changes,
/// and what else writes to the disk cannot take all pieces at once.
const PIECE_BYTES: u64 = 1 << 20;
/// Bytes of the whole file.
const BALLAST_BYTES: u64 = 4 * PIECE_BYTES;

/// Written at a time.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// How much of the ballast a change may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing: it can wait until there is room.
    Nothing,
    /// All but the last piece.
    Shared,
    /// Everything: it may be what takes a right away.
    Everything,
}

impl Claim {
    /// The bytes that it must leave.
    fn leaves(self) -> u64 {
        match self {
            Self::Nothing => BALLAST_BYTES,
            Self::Shared => PIECE_BYTES,
            Self::Everything => 0,
        }
    }
}

/// The file, and what it holds.
#[derive(Debug)]
pub(crate) struct Ballast {
    file: PathBuf,
    bytes: u64,
}

impl Ballast {
    /// The ballast of a database, beside it; it may be empty until
    /// [`Ballast::refill`].
    pub(crate) fn beside(database: &Path) -> Self {
        let file = database.with_extension("ballast");
        let bytes = std::fs::metadata(&file).map_or(0, |found| found.len());
        Self { file, bytes }
    }

    /// Gives one piece of room back to the disk. False when there is nothing
    /// left that this claim may use: then nothing was changed.
    pub(crate) async fn release(&mut self, claim: Claim) -> bool {
        let rest = self.bytes.saturating_sub(1) / PIECE_BYTES * PIECE_BYTES;
        if self.bytes == 0 || rest < claim.leaves() {
            return false;
        }
        let released = self.work(move |file| {
            file.set_len(rest)?;
            // Some file systems hand blocks out again only after this.
            file.sync_all()
        });
        match released.await {
            Ok(()) => {
                tracing::warn!(bytes = rest, "the disk is full; ballast was released");
                self.bytes = rest;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the disk is full, and the ballast cannot be released");
                false
            }
        }
    }

    /// Makes the ballast whole as far as there is room. It is no failure
    /// when there is none: the next call tries again.
    pub(crate) async fn refill(&mut self) {
        if self.bytes == BALLAST_BYTES {
            return;
        }
        let from = self.bytes;
        let filled = self.work(move |file| fill(file, from)).await;
        match filled {
            Ok(bytes) => self.bytes = bytes,
            Err(error) => tracing::warn!(%error, "the ballast cannot be made whole"),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let path = self.file.clone();
        let done = tokio::task::spawn_blocking(move || {
            let opened = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(super::sqlite::MODE)
                .open(path);
            work(&opened?)
        });
        done.await.map_err(io::Error::other)?
    }
}

/// Writes zeros from `from` on until the file is whole or the disk is full;
/// answers the length that the file has then.
fn fill(file: &File, from: u64) -> io::Result<u64> {
    let mut end = from.min(BALLAST_BYTES);
    file.set_len(end)?;
    while end < BALLAST_BYTES {
        let count = (BALLAST_BYTES - end).min(ZEROS.len() as u64);
        match file.write_all_at(&ZEROS[..usize::try_from(count).unwrap_or_default()], end) {
            Ok(()) => end += count,
            Err(error) if is_full(&error) => {
                file.set_len(end)?;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    match file.sync_all() {
        Err(error) if !is_full(&error) => Err(error),
        _ => Ok(end),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_claim_leaves_what_it_must() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("control.db");
        let mut ballast = Ballast::beside(&database);
        assert!(!ballast.release(Claim::Everything).await, "it is empty");
        ballast.refill().await;
        let length = || {
            let file = folder.path().join("control.ballast");
            file.metadata().expect("a file").len()
        };
        assert_eq!(length(), BALLAST_BYTES);
        assert!(!ballast.release(Claim::Nothing).await);
        assert_eq!(length(), BALLAST_BYTES);
        let mut released = 0;
        while ballast.release(Claim::Shared).await {
            released += 1;
            assert_eq!(length(), BALLAST_BYTES - released * PIECE_BYTES);
        }
        assert_eq!(length(), PIECE_BYTES);
        assert!(ballast.release(Claim::Everything).await);
        assert!(!ballast.release(Claim::Everything).await);
        assert_eq!(length(), 0);
        let mut again = Ballast::beside(&database);
        again.refill().await;
        assert_eq!(length(), BALLAST_BYTES);
    }

    #[tokio::test]
    async fn a_torn_ballast_is_made_whole_and_released_in_whole_pieces() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("control.db");
        let file = folder.path().join("control.ballast");
        std::fs::write(&file, vec![0; 2 * PIECE_BYTES as usize + 5]).expect("written");
        let mut ballast = Ballast::beside(&database);
        assert!(ballast.release(Claim::Shared).await);
        let length = || file.metadata().expect("a file").len();
        assert_eq!(length(), 2 * PIECE_BYTES);
        ballast.refill().await;
        assert_eq!(length(), BALLAST_BYTES);
    }
}
