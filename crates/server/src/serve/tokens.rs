//! Tokens of uniqueness, for the lake, in a file of the control plane's.

use std::path::Path;
use std::sync::Arc;

use control::{ControlError, Refusal, TokenFile};
use futures::future::{BoxFuture, FutureExt};
use lake::{TokenStore, TokenStoreError};
use model::time::Timestamp;
use model::uniqueness::TokenTag;
use tokio::runtime::Handle;

use super::{ServeError, files};

/// The file, and the runtime by which threads that may block wait for it.
#[derive(Debug)]
pub(super) struct Tokens {
    file: TokenFile,
    runtime: Handle,
}

impl Tokens {
    /// The tokens of a data directory. A file that does not open is told of,
    /// and keeps only events with tokens out.
    ///
    /// # Errors
    /// When a newer version wrote the file: then it may not be written to.
    pub(super) async fn open(data_dir: &Path) -> Result<Arc<Self>, ServeError> {
        let path = files::tokens_file(data_dir);
        let opened = match TokenFile::open(&path).await {
            Err(error) if !is_newer(&error) && !error.is_failed_sync() => {
                tracing::error!(
                    file = %path.display(),
                    error = super::error::cause(&error),
                    "the file of tokens of uniqueness does not open; events with a token are \
                     refused until it does; if it is damaged, stop the server, and put the file \
                     back from a backup or take it away"
                );
                TokenFile::unopened(&path)
            }
            opened => opened,
        };
        let file = opened.map_err(|source| ServeError::OpeningTokens { path, source })?;
        Ok(Arc::new(Self {
            file,
            runtime: Handle::current(),
        }))
    }

    pub(super) async fn close(&self) {
        self.file.close().await;
    }
}

impl TokenStore for Tokens {
    fn is_empty(&self) -> bool {
        !self.file.is_used()
    }

    fn known<'a>(
        &'a self,
        tags: &'a [TokenTag],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<bool>, TokenStoreError>> {
        async move { self.file.known(tags, now).await.map_err(told) }.boxed()
    }

    fn insert(&self, tags: &[(TokenTag, Timestamp)]) -> Result<(), TokenStoreError> {
        self.runtime.block_on(self.file.insert(tags)).map_err(told)
    }

    fn forget(&self, now: Timestamp, most: usize) -> Result<usize, TokenStoreError> {
        let forgotten = self.runtime.block_on(self.file.forget(now, most));
        forgotten.map_err(told)
    }
}

/// Whether a newer version wrote the file.
pub(super) fn is_newer(error: &ControlError) -> bool {
    matches!(error, ControlError::Refused(Refusal::NewerSchema { .. }))
}

fn told(error: ControlError) -> TokenStoreError {
    match error {
        ControlError::Full => TokenStoreError::Full,
        other => TokenStoreError::Other(super::error::cause(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_damaged_file_keeps_no_server_from_starting_and_is_not_taken_for_an_empty_one() {
        let home = tempfile::tempdir().expect("a folder");
        let file = files::tokens_file(home.path());
        std::fs::write(&file, [0x55; 4_096]).expect("written");
        let tokens = Tokens::open(home.path()).await.expect("it starts");
        assert!(!tokens.is_empty());
        let tags = [TokenTag::from_bytes([1; 16])];
        let asked = tokens.known(&tags, Timestamp::MIN).await;
        assert!(matches!(asked, Err(TokenStoreError::Other(_))), "{asked:?}");
        tokens.close().await;
    }
}
