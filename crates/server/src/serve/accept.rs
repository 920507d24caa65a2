//! A data directory that knows a time which the clock does not come up to for
//! long: a server does not start on it, and a person takes the time back.

use std::fs::File;
use std::path::{Path, PathBuf};

use control::{ClockAccepted, Control, is_far_ahead};
use model::time::{Clock as _, Timestamp};
use tokio::runtime::Runtime;

use super::{Offline, ServeError, files, open_control, runtime};
use crate::clock::SystemClock;

/// Refuses to start where the latest time that was known is far ahead of the
/// clock. Nothing was changed then.
///
/// # Errors
/// [`ServeError::ClockBehind`].
pub(super) async fn check_clock(control: &Control, data_dir: &Path) -> Result<(), ServeError> {
    let (known, wall) = control.known_at_start();
    if !is_far_ahead(known, wall) {
        return Ok(());
    }
    control.abandon().await;
    Err(ServeError::ClockBehind {
        wall,
        known,
        data_dir: data_dir.to_owned(),
    })
}

/// A data directory of a server that does not run, whose latest known time is
/// ahead of the clock.
#[derive(Debug)]
pub(crate) struct FalseTime {
    runtime: Runtime,
    control: Control,
    _lock: File,
    known: Timestamp,
    wall: Timestamp,
}

impl FalseTime {
    /// Takes the data directory; `None` where a server would start.
    ///
    /// # Errors
    /// When it is none, or a server uses it.
    pub(crate) fn find(
        data_dir: &Path,
        pepper: Option<PathBuf>,
    ) -> Result<Option<Self>, ServeError> {
        // Looked at first: nothing is made where there is no data directory.
        drop(Offline::to_read(data_dir)?);
        let runtime = runtime()?;
        let lock = files::lock(data_dir)?;
        let pepper = files::existing_pepper(data_dir, pepper.as_deref())?;
        let control = runtime.block_on(open_control(data_dir, pepper))?;
        let (known, wall) = control.known_at_start();
        if !is_far_ahead(known, wall) {
            runtime.block_on(control.abandon());
            return Ok(None);
        }
        Ok(Some(Self {
            runtime,
            control,
            _lock: lock,
            known,
            wall,
        }))
    }

    /// The latest time that is known, and what the clock says.
    pub(crate) fn times(&self) -> (Timestamp, Timestamp) {
        (self.known, self.wall)
    }

    /// What taking it back ends. Nothing is changed.
    pub(crate) fn plan(&self) -> ClockAccepted {
        self.control.clock_plan(self.wall)
    }

    /// Changes nothing.
    pub(crate) fn leave(self) {
        self.runtime.block_on(self.control.abandon());
    }

    /// Takes the time back to what the clock says now.
    ///
    /// # Errors
    /// Of the database; nothing is taken back then.
    pub(crate) fn accept(self) -> Result<ClockAccepted, ServeError> {
        let wall = SystemClock.now();
        Ok(self.runtime.block_on(self.control.accept_clock(wall))?)
    }
}
