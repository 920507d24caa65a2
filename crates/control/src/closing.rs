//! What is only in memory goes to the file, and the file is closed.

use model::time::Clock as _;

use crate::control::Control;
use crate::error::ControlError;
use crate::store::{Claim, TimeWrite, Write};
use crate::writer::Link;

impl Control {
    /// Saves the last uses and closes the file. Afterwards nobody is let in
    /// and nothing can be changed.
    pub async fn close(&self) -> Result<(), ControlError> {
        let saved = async {
            self.save_last_used().await?;
            self.end_time().await
        };
        let saved = saved.await;
        self.abandon().await;
        saved
    }

    /// Notes how late it was at the end, once nobody is let in any more: the
    /// next start knows then that no later time was acted on.
    async fn end_time(&self) -> Result<(), ControlError> {
        let writer = self.0.writer().await?;
        self.0.forget_everything();
        let (told, ordinal) = (self.0.options.clock.now(), writer.ordinal);
        let writes = vec![
            Write::Time(TimeWrite::Mark(self.0.clock.to_mark())),
            Write::Time(TimeWrite::End(told)),
        ];
        let done = self
            .0
            .carry_out(writer, writes, ordinal, Claim::Nothing, |_| ());
        done.await
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
