//! The threads that work on questions, and how many of them read at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Where questions are worked on, and the budget of their readers.
///
/// Each question that runs has one reader, whatever the others do. More than
/// one it has only while a core has none: beside other questions they would
/// make this one no faster, and those slower.
#[derive(Debug)]
pub(crate) struct Workers {
    /// None: the threads of whoever asks.
    threads: Option<Handle>,
    cores: usize,
    /// Rows to look at for which another reader is worth its start.
    rows_each: usize,
    busy: AtomicUsize,
    /// The most that were at work at once.
    #[cfg(test)]
    most: AtomicUsize,
}

/// One of the readers at work, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reader(Arc<Workers>);

impl Workers {
    /// Works on these threads, as many at once as there are cores.
    pub(super) fn new(threads: Option<Handle>) -> Arc<Self> {
        // Asked for once: the system reads several files for it.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with(threads, cores, 128 * 1_024)
    }

    pub(super) fn with(threads: Option<Handle>, cores: usize, rows_each: usize) -> Arc<Self> {
        Arc::new(Self {
            threads,
            cores,
            rows_each,
            busy: AtomicUsize::new(0),
            #[cfg(test)]
            most: AtomicUsize::new(0),
        })
    }

    /// How many readers are worth it for so many rows, cores permitting.
    pub(crate) fn worth_it(&self, rows: usize) -> usize {
        (rows / self.rows_each).clamp(1, self.cores)
    }

    /// Whether a question with so many readers may be given another one, at this moment.
    pub(crate) fn may_have_another(&self, readers: usize) -> bool {
        readers < self.cores && self.busy.load(Ordering::Relaxed) < self.cores
    }

    /// The reader that each question has that runs.
    pub(crate) fn first(self: &Arc<Self>) -> Reader {
        let _before = self.busy.fetch_add(1, Ordering::Relaxed);
        #[cfg(test)]
        self.most.fetch_max(_before + 1, Ordering::Relaxed);
        Reader(self.clone())
    }

    /// Another reader for a question, if a core has none.
    pub(crate) fn another(self: &Arc<Self>) -> Option<Reader> {
        let more = |busy| (busy < self.cores).then_some(busy + 1);
        let given = self
            .busy
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        let _before = given.ok()?;
        #[cfg(test)]
        self.most.fetch_max(_before + 1, Ordering::Relaxed);
        Some(Reader(self.clone()))
    }

    /// Does work that may take long on a thread that answers no requests.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle().spawn_blocking(work)
    }

    /// The same for work that waits now and then.
    pub(crate) fn spawn_waiting<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let handle = self.handle();
        self.spawn(move || handle.block_on(work))
    }

    fn handle(&self) -> Handle {
        self.threads.clone().unwrap_or_else(Handle::current)
    }

    /// How many are at work, and the most that were at once.
    #[cfg(test)]
    pub(super) fn counts(&self) -> [usize; 2] {
        [&self.busy, &self.most].map(|count| count.load(Ordering::Relaxed))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
