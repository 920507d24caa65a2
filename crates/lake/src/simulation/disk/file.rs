//! A file of the simulated disk.

use std::io;
use std::path::PathBuf;

use super::SimulatedDisk;
use crate::disk::{DiskError, DiskFile, DiskOperation};

#[derive(Debug)]
pub(super) struct SimulatedFile {
    pub(super) disk: SimulatedDisk,
    pub(super) path: PathBuf,
    pub(super) inode: u64,
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let wanted = buffer.len() as u64;
        self.disk.perform(
            DiskOperation::Read,
            &self.path,
            (offset, &wanted.to_le_bytes()),
            |state| {
                if state.refused == Some(self.inode) {
                    const INPUT_OUTPUT: i32 = 5;
                    return Err(io::Error::from_raw_os_error(INPUT_OUTPUT));
                }
                let live = state.world.live(self.inode)?;
                let from = live
                    .len()
                    .min(usize::try_from(offset).unwrap_or(usize::MAX));
                let count = buffer.len().min(live.len() - from);
                buffer[..count].copy_from_slice(&live[from..from + count]);
                Ok(count)
            },
        )
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk
            .perform(DiskOperation::Write, &self.path, (offset, bytes), |state| {
                let length = state.world.live(self.inode)?.len() as u64;
                let growth = (offset + bytes.len() as u64).saturating_sub(length);
                let missing = growth - state.world.room(growth);
                let fitting = bytes.len() - (missing as usize).min(bytes.len());
                if fitting > 0 {
                    state
                        .world
                        .inode(self.inode)?
                        .write(offset as usize, &bytes[..fitting]);
                }
                if missing > 0 {
                    Err(io::ErrorKind::StorageFull.into())
                } else {
                    Ok(())
                }
            })
    }

    fn length(&self) -> Result<u64, DiskError> {
        self.disk
            .perform(DiskOperation::Read, &self.path, (0, &[]), |state| {
                Ok(state.world.live(self.inode)?.len() as u64)
            })
    }

    fn sync_data(&self) -> Result<(), DiskError> {
        self.disk.perform(
            DiskOperation::Sync,
            &self.path,
            (self.inode, &[]),
            |state| {
                state.world.inode(self.inode)?.sync();
                Ok(())
            },
        )
    }

    fn sync_all(&self) -> Result<(), DiskError> {
        self.sync_data()
    }
}
