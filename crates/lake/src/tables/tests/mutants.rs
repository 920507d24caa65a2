//! Files whose index is wrong in the way of a writer or a reader that is.

use std::path::Path;

use model::ids::{PoolId, RawId};

use super::super::index::Index;
use super::super::names::{Part, path_of};
use super::super::{FileEntry, FileId, IndexEntry, Lease, Tables};
use crate::disk::Disk;
use sha2::{Digest, Sha256};

fn bytes(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; file.length().unwrap() as usize];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

/// What an index says wrong of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The first customer of each block is not in it.
    Begin,
    /// Each block is of its first customer alone.
    Constant,
    /// Only the first time of each block is in it.
    Time,
}

/// A copy of a file with an index that is wrong, and what a manifest would say of it.
pub(crate) fn with_wrong_index(
    tables: &Tables,
    pool: PoolId,
    entry: &FileEntry,
    wrong: Wrong,
) -> FileEntry {
    let (disk, directory) = (tables.disk().as_ref(), tables.directory(pool));
    let mut name = entry.id.0.to_bytes();
    name[0] ^= 0x40;
    let id = FileId(RawId::from_bytes(name));
    let read = |part| bytes(disk, &path_of(&directory, entry.id, part));
    let write = |part, bytes: &[u8]| {
        let file = disk.create(&path_of(&directory, id, part)).unwrap();
        file.write_at(0, bytes).unwrap();
    };
    write(Part::Records, &read(Part::Records));
    let mut index = Index::decode(&read(Part::Index), Path::new("index")).unwrap();
    for block in &mut index.blocks {
        match wrong {
            Wrong::Begin if !block.min.is_empty() => {
                block.min = [&*block.min, &[0]].concat().into();
            }
            Wrong::Constant => block.max = block.min.clone(),
            Wrong::Time => {
                if let Some(time) = &mut block.time {
                    time.max = time.min;
                }
            }
            Wrong::Begin => {}
        }
    }
    let index = index.encode();
    write(Part::Index, &index);
    FileEntry {
        id,
        index: IndexEntry {
            bytes: index.len() as u64,
            digest: Sha256::digest(&index).into(),
        },
        lease: Lease::default(),
        ..entry.clone()
    }
}

/// Takes the copy away.
pub(crate) fn take_away(tables: &Tables, pool: PoolId, entry: &FileEntry) {
    let directory = tables.directory(pool);
    super::super::discard(tables.disk().as_ref(), &directory, entry.id).unwrap();
}
