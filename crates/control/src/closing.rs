//! What is only in memory goes to the file, and the file is closed.

use crate::control::Control;
use crate::error::ControlError;
use crate::store::{Claim, Write};
use crate::writer::Link;

/// Uses that are written in one transaction; between two, changes get their turn.
const USES_PER_TRANSACTION: usize = 1_000;

impl Control {
    /// Writes down the uses noted so far, and what was counted. For a timer, and for the end: uses
    /// that were not saved are forgotten with the process.
    pub async fn save_last_used(&self) -> Result<(), ControlError> {
        self.0.save_usage().await?;
        let mut unsaved = self.0.callers.unsaved();
        loop {
            // The writer is asked for even when there is nothing to save: so
            // a timer heals a database that was lost.
            let mut writer = self.0.writer().await?;
            writer.ballast.refill().await;
            let rest = unsaved.split_off(unsaved.len().min(USES_PER_TRANSACTION));
            let (mut writes, uses): (Vec<Write>, Vec<_>) =
                unsaved.into_iter().map(|unsaved| unsaved.split()).unzip();
            writes.push(Write::MarkTime(self.0.options.clock.now()));
            let ordinal = writer.ordinal;
            self.0
                .carry_out(writer, writes, ordinal, Claim::Nothing, move |_| {
                    uses.iter().for_each(|saved| saved.is_saved());
                })
                .await?;
            if rest.is_empty() {
                return Ok(());
            }
            unsaved = rest;
        }
    }

    /// Saves the last uses and closes the file. Afterwards nobody is let in
    /// and nothing can be changed.
    pub async fn close(&self) -> Result<(), ControlError> {
        let saved = self.save_last_used().await;
        self.abandon().await;
        saved
    }

    /// Closes the file and writes nothing more, not even the time.
    pub async fn abandon(&self) {
        let mut writer = self.0.writer.lock().await;
        self.0.forget_everything();
        if let Link::Open(store) = std::mem::replace(&mut writer.link, Link::Closed) {
            store.close().await;
        }
        self.0.nonces.close().await;
    }
}
