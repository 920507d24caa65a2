//! How much may run, and for how long.

use std::time::Duration;

use tokio::runtime::Handle;

use crate::tables::OPEN_MAX;

/// Bounds of the execution.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Questions that run at once; others wait, and a free place goes to the
    /// key that has the fewest running. One key has half of them at most, and
    /// a quarter is kept for keys that have none running.
    pub concurrent: usize,
    /// Questions of one key that wait to begin; more are refused as busy at once.
    pub waiting_per_key: usize,
    /// How long a question may wait before it is refused as busy.
    pub wait: Duration,
    /// How long a question may run until its first rows are there, and how
    /// long its reader may pause.
    pub deadline: Duration,
    /// Bytes that all running questions may hold together: each has a share of
    /// its own, whatever its neighbours do. Those that wait for their readers
    /// may hold as much once more.
    pub memory_bytes: usize,
    /// Files of records that stay open at once, at most; others are opened again.
    pub open_files: usize,
    /// The threads that work on what takes long, such as those of a lower
    /// priority; none: threads beside those that ask.
    pub threads: Option<Handle>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            concurrent: 8,
            waiting_per_key: 256,
            wait: Duration::from_secs(10),
            deadline: Duration::from_secs(30),
            memory_bytes: 1 << 30,
            open_files: OPEN_MAX,
            threads: None,
        }
    }
}
