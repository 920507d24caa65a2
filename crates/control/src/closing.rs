//! What is only in memory goes to the file, and the file is closed.

use crate::control::Control;
use crate::error::ControlError;
use crate::writer::Link;

impl Control {
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
