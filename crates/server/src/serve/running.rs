//! A server in this process.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::threads::Threads;
use super::{HandOver, ServeError, open, runtime, serve};
use crate::config::ServeSettings;

/// A server in this process, for the demo and for tests.
#[derive(Debug)]
pub(crate) struct RunningServer {
    address: SocketAddr,
    /// The master key's token, when this was the first start.
    pub(crate) admin_token: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

/// Starts a server on a thread of its own; it answers when this returns.
pub(crate) fn start(settings: ServeSettings) -> Result<RunningServer, ServeError> {
    let (stop, stopped) = oneshot::channel();
    let (started, start) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("tidegate".to_owned())
        .spawn(move || {
            let threads = Threads::start(settings.query_priority)?;
            let runtime = runtime()?;
            runtime.block_on(async {
                let opened = open(&settings, HandOver::ToCaller, threads.handle());
                let (addresses, house, token) = opened.await?;
                let listeners = addresses.listen()?;
                let token = token.map(|secret| secret.reveal().to_owned());
                let _ = started.send((listeners.address()?, token));
                let stopped = async {
                    let _ = stopped.await;
                };
                serve(listeners, house, &settings, stopped).await
            })
        });
    let thread = thread.map_err(|error| ServeError::other("start a thread", error))?;
    match start.recv() {
        Ok((address, admin_token)) => Ok(RunningServer {
            address,
            admin_token,
            stop: Some(stop),
            thread: Some(thread),
        }),
        Err(_) => match thread.join() {
            Ok(Err(error)) => Err(error),
            _ => Err(ServeError::Other(
                "the server ended at its start".to_owned(),
            )),
        },
    }
}

impl RunningServer {
    /// Where the API answers.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets running requests end and stops the server.
    pub(crate) fn stop(mut self) -> Result<(), ServeError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ServeError> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(done)) => done,
            Some(Err(_)) => Err(ServeError::Other("the server's thread panicked".to_owned())),
            None => Ok(()),
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
