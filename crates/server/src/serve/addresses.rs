//! The addresses of a server: taken first, answered on when all is in place.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::{ServeError, listen};
use crate::config::ServeSettings;

/// Addresses that are taken and not answered on yet.
pub(super) struct Addresses {
    pub(super) api: TcpSocket,
    pub(super) operations: TcpSocket,
    pub(super) lock: std::fs::File,
}

impl Addresses {
    /// Lets clients connect. Whoever can connect finds everything in place:
    /// the token is handed over and every durable record is visible.
    pub(super) fn listen(self) -> Result<Listeners, ServeError> {
        Ok(Listeners {
            api: listen::listen(self.api)?,
            operations: listen::listen(self.operations)?,
            _lock: self.lock,
        })
    }
}

/// Addresses that are answered on.
pub(super) struct Listeners {
    pub(super) api: TcpListener,
    pub(super) operations: TcpListener,
    _lock: std::fs::File,
}

impl Listeners {
    /// Where requests come in.
    pub(super) fn address(&self) -> Result<SocketAddr, ServeError> {
        self.api
            .local_addr()
            .map_err(|error| ServeError::other("read the address", error))
    }

    /// Where operators ask.
    pub(super) fn operations_address(&self) -> Result<SocketAddr, ServeError> {
        self.operations
            .local_addr()
            .map_err(|error| ServeError::other("read the address", error))
    }

    /// Where requests come in, as people write it.
    pub(super) fn describe(&self, settings: &ServeSettings) -> String {
        let scheme = if settings.tls.is_some() {
            "https"
        } else {
            "http"
        };
        self.address()
            .map_or_else(|_| scheme.to_owned(), |at| format!("{scheme}://{at}"))
    }
}
