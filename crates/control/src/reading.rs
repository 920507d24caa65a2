//! Reading the database beside the writer. What lets callers in is asked of
//! memory; the audit, usage and notices are asked of the database, which has one
//! connection: the file is locked, so that no other process reads or writes it,
//! and a second connection would be another one to it. A snapshot that is held
//! for long would also keep the log from being emptied, and in it what was erased.
//!
//! So whoever reads takes turns. A turn looks at a bounded number of rows, and of
//! all readers one alone stands in the line for the writer: a change waits for
//! one turn of reading, however many readers there are and however much they read.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::control::Inner;
use crate::error::{ControlError, InternalError};
use crate::store::Store;
use crate::writer::{Link, Writer};

/// Rows that a turn looks at. Of usage these are whole days, one at least.
pub(crate) const ROWS_IN_A_TURN: u64 = 1_000;

/// Where readers wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    lane: Arc<Mutex<()>>,
    /// How many turns were taken.
    #[cfg(test)]
    pub(crate) turns: std::sync::atomic::AtomicUsize,
}

/// The right to read of the database; it is to be given back after
/// [`ROWS_IN_A_TURN`].
pub(crate) struct Turn {
    writer: OwnedMutexGuard<Writer>,
    _lane: OwnedMutexGuard<()>,
}

impl Turn {
    pub(crate) fn store(&mut self) -> Result<&mut Store, ControlError> {
        match &mut self.writer.link {
            Link::Open(store) => Ok(store),
            Link::Lost | Link::Closed => {
                Err(InternalError::new("the writer was given without a database").into())
            }
        }
    }
}

impl Inner {
    /// The next turn to read. Others may change what is read between two turns.
    pub(crate) async fn turn(self: &Arc<Self>) -> Result<Turn, ControlError> {
        let lane = Arc::clone(&self.readers.lane).lock_owned().await;
        let writer = self.writer().await?;
        #[cfg(test)]
        let _ = &self
            .readers
            .turns
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Turn {
            writer,
            _lane: lane,
        })
    }

    /// Writes down what was counted, for whoever is about to read it: readers
    /// that come at once write one after another, too.
    pub(crate) async fn save_usage_to_read(self: &Arc<Self>) -> Result<(), ControlError> {
        let _lane = Arc::clone(&self.readers.lane).lock_owned().await;
        self.save_usage().await
    }

    /// The same of news.
    pub(crate) async fn save_news_to_read(self: &Arc<Self>) -> Result<(), ControlError> {
        let _lane = Arc::clone(&self.readers.lane).lock_owned().await;
        self.save_news().await
    }
}
