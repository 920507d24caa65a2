//! What a file is recognised by when it is imported again: a digest of its
//! pieces, which are read side by side.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use indicatif::ProgressBar;

use super::super::CommandError;
use super::is_stdin;
use super::lines::BUFFER_BYTES;
use super::source::unreadable;
use crate::client::{Digest, Hasher};
use crate::output::progress;

/// A piece of a file has a digest of its own.
const PIECE_BYTES: u64 = 16 << 20;
/// More threads would wait for the disk.
const READERS_MAX: u64 = 4;

/// The digest of a file's content; `None` for what can be read only once.
/// Files of other bytes have another one.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn digest_of(path: &Path) -> Result<Option<Digest>, CommandError> {
    let name = path.display().to_string();
    let told = |error: io::Error| unreadable(&name, &error);
    if is_stdin(path) || !std::fs::metadata(path).map_err(told)?.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::metadata(path).map_err(told)?.len();
    let bar = progress::bytes(bytes);
    bar.set_message("reading the file once, to recognise it later");
    let pieces = Pieces {
        path,
        bytes,
        next: AtomicU64::new(0),
        bar: &bar,
    };
    let digests = pieces.digests().map_err(told)?;
    bar.finish_and_clear();
    let mut whole = Hasher::new();
    whole.part(&bytes.to_le_bytes());
    for digest in digests {
        whole.part(digest.bytes());
    }
    Ok(Some(whole.digest()))
}

/// The pieces of a file, each of which is taken by one reader.
struct Pieces<'a> {
    path: &'a Path,
    bytes: u64,
    next: AtomicU64,
    bar: &'a ProgressBar,
}

impl Pieces<'_> {
    /// The digest of each piece, in the order of the file.
    fn digests(&self) -> io::Result<Vec<Digest>> {
        let cores = available_parallelism().map_or(1, |cores| cores.get() as u64);
        let readers = cores.min(READERS_MAX).min(self.count()).max(1);
        let mut found = std::thread::scope(|scope| {
            let readers: Vec<_> = (0..readers).map(|_| scope.spawn(|| self.read())).collect();
            let mut found = Vec::new();
            for reader in readers {
                found.extend(reader.join().expect("a reader does not panic")?);
            }
            Ok::<_, io::Error>(found)
        })?;
        found.sort_unstable_by_key(|(piece, _)| *piece);
        Ok(found.into_iter().map(|(_, digest)| digest).collect())
    }

    fn count(&self) -> u64 {
        self.bytes.div_ceil(PIECE_BYTES)
    }

    /// The digests of the pieces that one reader takes.
    fn read(&self) -> io::Result<Vec<(u64, Digest)>> {
        let mut file = File::open(self.path)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut found = Vec::new();
        loop {
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            if piece >= self.count() {
                return Ok(found);
            }
            file.seek(SeekFrom::Start(piece * PIECE_BYTES))?;
            let mut rest = (&mut file).take(PIECE_BYTES);
            let mut hasher = Hasher::new();
            loop {
                let read = rest.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                hasher.update(&buffer[..read]);
                self.bar.inc(read as u64);
            }
            found.push((piece, hasher.digest()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> Digest {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("records.ndjson");
        std::fs::write(&path, bytes).expect("written");
        let found = digest_of(&path).expect("read");
        found.expect("a file has one")
    }

    #[test]
    fn a_byte_a_length_and_the_order_of_pieces_make_another_file() {
        let piece = PIECE_BYTES as usize;
        let mut bytes = vec![b'a'; 3 * piece + 5];
        bytes[piece] = b'b';
        let whole = digest(&bytes);
        assert_eq!(whole, digest(&bytes), "the same file is the same");
        let mut others = Vec::new();
        for at in [0, piece - 1, piece, 3 * piece, 3 * piece + 4] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            others.push(digest(&other));
        }
        // The piece with the one other byte is the third instead of the second.
        let mut moved = bytes.clone();
        moved[piece] = b'a';
        moved[2 * piece] = b'b';
        others.push(digest(&moved));
        others.push(digest(&bytes[..bytes.len() - 1]));
        others.push(digest(&bytes[..3 * piece]));
        others.push(digest(b""));
        assert!(!others.contains(&whole), "{others:?}");
    }

    #[test]
    fn what_can_be_read_only_once_has_none() {
        assert_eq!(digest_of(Path::new("-")).expect("nothing is read"), None);
        let missing = digest_of(Path::new("/nowhere/records.ndjson"));
        assert!(missing.is_err(), "{missing:?}");
    }
}
