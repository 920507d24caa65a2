//! The log goes to standard error, in lines.
//!
//! The line of a request that was answered is not worth that its answer waits
//! for a file: such lines are gathered and written by a thread of their own, a
//! moment later. Every other line is written at once, behind those gathered
//! before it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::ServeError;
use crate::config::{LogFormat, ServeSettings};

/// What the lines of answered requests are known by.
const ACCESS: &str = "access";
/// How long a gathered line may wait.
const PATIENCE: Duration = Duration::from_millis(100);
/// Gathered bytes from which a request writes them itself: whoever reads the
/// log is slower than the requests are.
const GATHERED_MAX: usize = 1 << 20;

/// Starts the log as the settings say; a second start changes nothing. What is
/// gathered is written until the answer is dropped, and then.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start(settings: &ServeSettings) -> Result<Gathering, ServeError> {
    let lines = Lines::to(io::stderr());
    let filter = EnvFilter::new(settings.log_level.name());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines.clone())
        .with_ansi(false);
    let _ = match settings.log_format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    Gathering::start(lines).map_err(|error| ServeError::other("start the log", error))
}

/// Lines on their way to one place.
#[derive(Debug)]
struct Lines<W> {
    inner: Arc<Inner<W>>,
}

#[derive(Debug)]
struct Inner<W> {
    gathered: Mutex<Vec<u8>>,
    /// Held while something is written, so that lines stay in order.
    place: Mutex<W>,
}

impl<W> Clone for Lines<W> {
    fn clone(&self) -> Self {
        let inner = self.inner.clone();
        Self { inner }
    }
}

impl<W: Write> Lines<W> {
    fn to(place: W) -> Self {
        let inner = Arc::new(Inner {
            gathered: Mutex::default(),
            place: Mutex::new(place),
        });
        Self { inner }
    }

    /// Keeps a line for later.
    fn gather(&self, line: &[u8]) -> io::Result<()> {
        let mut gathered = held(&self.inner.gathered);
        gathered.extend_from_slice(line);
        let is_full = gathered.len() >= GATHERED_MAX;
        drop(gathered);
        match is_full {
            true => self.write(&[]),
            false => Ok(()),
        }
    }

    /// Writes what was gathered, then a line.
    fn write(&self, line: &[u8]) -> io::Result<()> {
        let mut place = held(&self.inner.place);
        let gathered = std::mem::take(&mut *held(&self.inner.gathered));
        place.write_all(&gathered)?;
        place.write_all(line)?;
        place.flush()
    }
}

/// What a thread that panicked has left is as good as ever: bytes.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line, which comes in one piece.
#[derive(Debug)]
struct Line<'a, W> {
    lines: &'a Lines<W>,
    may_wait: bool,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.may_wait {
            true => self.lines.gather(line)?,
            false => self.lines.write(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            lines: self,
            may_wait: false,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        Line {
            lines: self,
            may_wait: metadata.target() == ACCESS,
        }
    }
}

/// The thread that writes what was gathered; dropping it writes the rest.
#[derive(Debug)]
pub(super) struct Gathering {
    /// Its end is what the thread waits for.
    running: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gathering {
    fn start(lines: Lines<impl Write + Send + 'static>) -> io::Result<Self> {
        let (running, ended) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                let mut goes_on = true;
                while goes_on {
                    goes_on = ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
                    // There is nowhere to say that the log cannot be written.
                    let _ = lines.write(&[]);
                }
            })?;
        Ok(Self {
            running: Some(running),
            thread: Some(thread),
        })
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
