//! Keys that make a repeated batch the same batch.

use crate::client::{Digest, Hasher};

/// What an import is recognised by, when it is run again.
#[derive(Debug)]
pub(in crate::commands) struct Identity {
    /// The digest of the file; `None` when the content is not known before
    /// it is sent, as with standard input.
    file: Option<Digest>,
    parameters: Digest,
    sent: Hasher,
}

impl Identity {
    /// The identity of one file sent with these parameters.
    pub(in crate::commands) fn new(file: Option<Digest>, parameters: &[&str]) -> Self {
        let mut hasher = Hasher::new();
        for parameter in parameters {
            hasher.part(parameter.as_bytes());
        }
        Self {
            file,
            parameters: hasher.digest(),
            sent: Hasher::new(),
        }
    }

    /// The idempotency key of the batch at `index`, counted from 0. The same
    /// file, parameters and index give the same key; any other do not.
    /// Batches are asked for in their order.
    pub(super) fn key(&mut self, index: u64, body: &[u8]) -> String {
        let mut hasher = Hasher::new();
        hasher.part(b"tidegate import 1");
        hasher.part(self.parameters.bytes());
        match &self.file {
            Some(file) => hasher.part(file.bytes()),
            None => {
                // A batch stands for everything up to its end.
                self.sent.part(body);
                hasher.part(self.sent.digest().bytes());
            }
        }
        hasher.part(&index.to_le_bytes());
        format!("import-{}", hasher.digest().hex())
    }
}
