//! The threads that write records to files and free the journal, and that
//! merge files: writers wait for the one, and the other may take long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, mpsc::Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use control::{Control, Learning};
use lake::{Lake, LakeError};
use model::permit::Permit;

use super::ServeError;
use super::identity::Note;
use super::scrub::Scrub;
use super::threads::Nice;

/// How long there is nothing to do before it is looked again.
const PERIOD: Duration = Duration::from_millis(200);
/// Pieces of work, or pauses, between two looks at the definitions: for what
/// keys tell of their pools, for pools that have changed, and for records that are too old.
const LOOK_ROUNDS: u64 = 25;
/// How long is waited after work that failed, such as on a full disk.
const PATIENCE: Duration = Duration::from_secs(3);

/// The running threads.
#[derive(Debug)]
pub(super) struct Threads {
    stop: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn start(
        lake: Arc<Lake>,
        control: Arc<Control>,
        mut scrub: Scrub,
        mut note: Note,
    ) -> Result<Self, ServeError> {
        let mut learning = Learning::default();
        // Before anything is written.
        lake.learn(&Permit::ours(), control.learn(&mut learning));
        let mut threads = Self {
            stop: Vec::new(),
            threads: Vec::new(),
        };
        let freed = lake.clone();
        threads.spawn("free", move || {
            note.keep(&freed);
            Ok(match freed.free(&Permit::ours())? {
                true => Duration::ZERO,
                false => PERIOD,
            })
        })?;
        let mut round = 0_u64;
        let here = Nice::of_this_thread();
        threads.spawn("tend", move || {
            if round == 0 {
                // Not so the other: while memory is full writers are put off.
                here.tending_behind();
            }
            let permit = Permit::ours();
            let now = round;
            round += 1;
            if now.is_multiple_of(LOOK_ROUNDS) {
                lake.learn(&permit, control.learn(&mut learning));
                let pools = control.stored_pools();
                lake.follow(&permit, &pools);
                if let Err(error) = lake.retain(&permit, &pools) {
                    tracing::error!(%error, "records that are too old are still there");
                }
            }
            // Files are read again while nothing else is to be done, and a little at once.
            Ok(match lake.tend(&permit)? {
                true => Duration::ZERO,
                false => scrub.step(&lake, &permit).unwrap_or(PERIOD).min(PERIOD),
            })
        })?;
        Ok(threads)
    }

    /// Does this again and again, with the pause that it answers in between.
    fn spawn(
        &mut self,
        name: &str,
        mut work: impl FnMut() -> Result<Duration, LakeError> + Send + 'static,
    ) -> Result<(), ServeError> {
        let (stop, stopped) = mpsc::channel();
        let repeat = move || {
            while !is_told(&stopped, done(catch_unwind(AssertUnwindSafe(&mut work)))) {}
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(repeat)
            .map_err(|error| ServeError::other("start a thread", error))?;
        self.stop.push(stop);
        self.threads.push(thread);
        Ok(())
    }

    /// Waits until the present work ends; the lake was told to give it up.
    pub(super) fn join(self) {
        drop(self.stop);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of upkeep ended in a panic");
            }
        }
    }
}

/// How long to wait after a piece of work.
fn done(done: std::thread::Result<Result<Duration, LakeError>>) -> Duration {
    match done {
        Ok(Ok(wait)) => wait,
        Ok(Err(error)) => {
            tracing::error!(%error, "upkeep failed; it is tried again");
            PATIENCE
        }
        Err(_) => {
            tracing::error!("upkeep ended in a panic; it is tried again");
            PATIENCE
        }
    }
}

/// Waits; answers whether it is time to end.
fn is_told(stopped: &Receiver<()>, wait: Duration) -> bool {
    stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
}
