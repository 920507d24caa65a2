//! Photographs of a disk at work: one run of a program shows what a power cut leaves at each of
//! its operations, without a run for each.

use std::fmt::{self, Debug};
use std::path::{Path, PathBuf};

use super::disk::State;
use super::world::World;
use super::{Random, SimulatedDisk};
use crate::disk::DiskOperation;

/// What a disk holds, on stable storage and beside it, in the midst of an operation.
///
/// Photographs share with each other and with the disk what is alike in them.
#[derive(Clone)]
pub struct Photograph {
    /// What was being done.
    pub operation: DiskOperation,
    /// The file or directory it was done to.
    pub path: PathBuf,
    /// The number of this operation among those that change the disk.
    pub change: u64,
    /// What [`SimulatedDisk::caption`] said last.
    pub caption: usize,
    world: World,
}

impl Debug for Photograph {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Photograph")
            .field("operation", &self.operation)
            .field("path", &self.path)
            .field("change", &self.change)
            .field("caption", &self.caption)
            .finish_non_exhaustive()
    }
}

impl Photograph {
    /// The disk as it is found after the power went in this moment. Every seed
    /// is another misfortune.
    #[must_use]
    pub fn develop(&self, seed: u64) -> SimulatedDisk {
        let mut random = Random::new(seed);
        let found = self.world.after_power_cut(&mut random);
        SimulatedDisk::from_world(found, random)
    }
}

#[derive(Debug, Default)]
pub(super) struct Camera {
    caption: usize,
    taken: Vec<Photograph>,
}

impl State {
    /// Counts an operation that changes the disk, and takes a photograph of it
    /// if somebody wants one.
    pub(super) fn photograph(&mut self, operation: DiskOperation, path: &Path) {
        use DiskOperation as Is;
        if matches!(operation, Is::Open | Is::Read | Is::List | Is::Lock) {
            return;
        }
        self.changes += 1;
        if let Some(camera) = &mut self.camera {
            camera.taken.push(Photograph {
                operation,
                path: path.to_owned(),
                change: self.changes,
                caption: camera.caption,
                world: self.world.clone(),
            });
        }
    }
}

impl SimulatedDisk {
    /// From now on every operation that changes the disk is photographed; one
    /// that only reads leaves what the one before it left.
    pub fn watch(&self) {
        self.state().camera = Some(Camera::default());
    }

    /// What photographs are of from now on.
    pub fn caption(&self, caption: usize) {
        if let Some(camera) = &mut self.state().camera {
            camera.caption = caption;
        }
    }

    /// Ends the watching and hands over what was photographed.
    #[must_use]
    pub fn photographs(&self) -> Vec<Photograph> {
        let camera = self.state().camera.take();
        camera.unwrap_or_default().taken
    }

    /// How many operations changed the disk.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }
}
