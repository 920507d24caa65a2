//! What bounds questions beside their turns: memory of those that wait, and
//! that somebody still wants the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{LakeError, Result};

/// What the questions hold that wait for their readers.
#[derive(Debug)]
pub(super) struct Waiting {
    bytes: AtomicUsize,
    bound: usize,
}

/// The memory of one question while it waits.
pub(super) struct Held<'a>(&'a Waiting, usize);

impl Waiting {
    /// At most so many bytes.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            bound,
        }
    }

    /// # Errors
    /// [`LakeError::Busy`] when those that wait hold too much already.
    pub(super) fn hold(&self, bytes: usize) -> Result<Held<'_>> {
        let held = Held(self, bytes);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        (before + bytes <= self.bound)
            .then_some(held)
            .ok_or(LakeError::Busy)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.bytes.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// Whether somebody still waits for the work on a question.
#[derive(Debug, Default)]
pub(crate) struct Asker(AtomicBool);

impl Asker {
    /// # Errors
    /// [`LakeError::Busy`], which nobody hears, when whoever asked went away
    /// or was told that the time is over.
    pub(crate) fn waits(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(LakeError::Busy);
        }
        Ok(())
    }
}

/// Tells the work when nobody waits for it any more.
#[derive(Debug, Default)]
pub(super) struct Leaves(pub(super) Arc<Asker>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
