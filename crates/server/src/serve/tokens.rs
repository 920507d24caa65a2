//! Tokens of uniqueness, for the lake, in a file of the control plane's.

use std::path::Path;
use std::sync::Arc;

use control::{ControlError, TokenFile};
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
    /// The tokens of a data directory.
    pub(super) async fn open(data_dir: &Path) -> Result<Arc<Self>, ServeError> {
        let path = files::tokens_file(data_dir);
        let opened = TokenFile::open(&path).await;
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

fn told(error: ControlError) -> TokenStoreError {
    match error {
        ControlError::Full => TokenStoreError::Full,
        other => TokenStoreError::Other(super::error::cause(&other)),
    }
}
