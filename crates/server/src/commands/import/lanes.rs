//! Several batches on their way at once: while the server stores one, the next
//! is read and sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

use super::super::CommandError;
use super::send::{Job, Road, Sender};
use super::source::{Batch, Batches};

/// What all lanes share.
struct Lanes<'a, 'b> {
    sender: Mutex<&'a mut Sender<'b>>,
    bar: &'a ProgressBar,
    /// The error of the first batch that failed.
    failed: Mutex<Option<(u64, CommandError)>>,
    stop: AtomicBool,
}

/// Sends batches over so many connections at once; with one, each is stored
/// before the next is sent.
///
/// # Errors
/// The first batch in the order of the file that failed says why; batches that
/// were under way beside it may be stored.
pub(super) fn send_all(
    sender: &mut Sender<'_>,
    batches: Batches,
    connections: usize,
    bar: &ProgressBar,
) -> Result<(), CommandError> {
    let road = sender.road();
    let lanes = Lanes {
        sender: Mutex::new(sender),
        bar,
        failed: Mutex::default(),
        stop: AtomicBool::new(false),
    };
    // One connection and nothing ahead: then the order of the file is kept.
    let (jobs, waiting) = sync_channel(connections - 1);
    let waiting = Mutex::new(waiting);
    let read = std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| lanes.work(&road, &waiting));
        }
        let read = lanes.read(batches, |job| {
            // Lanes take jobs until there are no more, also after a failure.
            let _ = jobs.send(job);
        });
        // Whatever was read: the lanes end when nothing more can come.
        drop(jobs);
        read
    });
    let failed = lanes.failed.into_inner();
    match failed.unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => read,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lanes<'_, '_> {
    fn read(
        &self,
        batches: impl Iterator<Item = Result<Batch, CommandError>>,
        pass_on: impl Fn(Job),
    ) -> Result<(), CommandError> {
        for batch in batches {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let job = lock(&self.sender).job(batch?);
            pass_on(job);
        }
        Ok(())
    }

    fn work(&self, road: &Road<'_>, waiting: &Mutex<Receiver<Job>>) {
        loop {
            let job = lock(waiting).recv();
            let Ok(job) = job else { return };
            if self.stop.load(Ordering::Relaxed) {
                continue;
            }
            let (index, position) = (job.index, job.batch.position);
            let sent = road.carry(&job, &|text| self.bar.set_message(text.to_owned()));
            let mut sender = lock(&self.sender);
            let counted = sent.and_then(|receipt| sender.count(job, receipt.as_ref()));
            let accepted = sender.outcome().accepted;
            drop(sender);
            match counted {
                Ok(()) => {
                    self.bar.set_position(position.max(self.bar.position()));
                    self.bar.set_message(format!("{accepted} records"));
                }
                Err(error) => self.fail(index, error),
            }
        }
    }

    fn fail(&self, index: u64, error: CommandError) {
        self.stop.store(true, Ordering::Relaxed);
        let mut failed = lock(&self.failed);
        if failed.as_ref().is_none_or(|(earlier, _)| index < *earlier) {
            *failed = Some((index, error));
        }
    }
}
