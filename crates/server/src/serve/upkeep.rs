//! The thread that writes records to files, merges files and frees the journal.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, mpsc::Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use control::{Control, Learning};
use lake::Lake;
use model::permit::Permit;

use super::ServeError;
use super::scrub::Scrub;

/// How long there is nothing to do before it is looked again.
const PERIOD: Duration = Duration::from_millis(200);
/// Pieces of work, or pauses, between two looks at the definitions: for what
/// keys tell of their pools, and for records that are too old.
const LOOK_ROUNDS: u64 = 25;
/// How long is waited after work that failed, such as on a full disk.
const PATIENCE: Duration = Duration::from_secs(3);

/// The running thread.
#[derive(Debug)]
pub(super) struct Thread {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Thread {
    pub(super) fn start(
        lake: Arc<Lake>,
        control: Arc<Control>,
        mut scrub: Scrub,
    ) -> Result<Self, ServeError> {
        let (stop, stopped) = mpsc::channel();
        let work = move || {
            let permit = Permit::ours();
            let mut learning = Learning::default();
            for round in 0_u64.. {
                let work = std::panic::AssertUnwindSafe(|| {
                    if round.is_multiple_of(LOOK_ROUNDS) {
                        // The first time before anything is written.
                        lake.learn(&permit, control.learn(&mut learning));
                        if let Err(error) = lake.retain(&permit, &control.pools()) {
                            tracing::error!(%error, "records that are too old are still there");
                        }
                    }
                    // Files are read again while nothing else is to be done, and a little at once.
                    Ok(match lake.upkeep(&permit)? {
                        true => Duration::ZERO,
                        false => scrub.step(&lake, &permit).unwrap_or(PERIOD).min(PERIOD),
                    })
                });
                let wait = match std::panic::catch_unwind(work) {
                    Ok(Ok(wait)) => wait,
                    Ok(Err(error)) => {
                        let error: lake::LakeError = error;
                        tracing::error!(%error, "upkeep failed; it is tried again");
                        PATIENCE
                    }
                    Err(_) => {
                        tracing::error!("upkeep ended in a panic; it is tried again");
                        PATIENCE
                    }
                };
                if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("upkeep".to_owned())
            .spawn(work)
            .map_err(|error| ServeError::other("start a thread", error))?;
        Ok(Self { stop, thread })
    }

    /// Waits until the present work ends; the lake was told to give it up.
    pub(super) fn join(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread of upkeep ended in a panic");
        }
    }
}
