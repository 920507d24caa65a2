//! The threads that do what takes long, and how much they yield to those that answer.
//!
//! All cores are theirs while nothing else is to be done. A request that is answered at once need not wait for them:
//! the system gives its thread a core the moment that it has something to do.

use tokio::runtime::{Builder, Handle, Runtime};

use super::ServeError;
use crate::config::QueryPriority;

/// How far the threads of questions and of large bodies stand behind: their weight is a tenth.
const BEHIND: i32 = 10;
/// The same of the thread that tends files, which must not fall behind for ever: a third, and three times that of the
/// others.
const TENDING_BEHIND: i32 = 5;

/// The threads of questions and of large bodies.
#[derive(Debug)]
pub(super) struct Threads(Runtime);

impl Threads {
    /// Starts them, behind the thread that calls this.
    pub(super) fn start(priority: QueryPriority) -> Result<Self, ServeError> {
        let here = Nice::of_this_thread();
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .thread_name("work")
            .on_thread_start(move || {
                if priority == QueryPriority::Idle {
                    warn_once(system::be_idle());
                }
                here.stand_behind(BEHIND);
            })
            .build();
        let runtime = runtime.map_err(|error| ServeError::other("start the threads", error))?;
        Ok(Self(runtime))
    }

    /// Where they are given work.
    pub(super) fn handle(&self) -> &Handle {
        self.0.handle()
    }
}

/// A thread's nice value, as far as the system tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nice(Option<i32>);

impl Nice {
    /// That of the thread that asks.
    pub(super) fn of_this_thread() -> Self {
        Self(system::nice())
    }

    /// Makes the thread that calls this one that tends files, behind one of this value.
    pub(super) fn tending_behind(self) {
        self.stand_behind(TENDING_BEHIND);
    }

    /// Puts the thread that calls this behind one of this value. A new thread has the value of the one that started
    /// it, which may be behind already.
    fn stand_behind(self, by: i32) {
        const LAST: i32 = 19;
        if let Some(front) = self.0 {
            warn_once(system::be_nice(LAST.min(front.saturating_add(by))));
        }
    }
}

fn warn_once(done: std::io::Result<()>) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    if let Err(error) = done {
        ONCE.call_once(|| {
            tracing::warn!(%error, "long questions have the priority of short ones");
        });
    }
}

/// On Linux a thread has a value of its own.
#[cfg(target_os = "linux")]
mod system {
    use rustix::process::{getpriority_process, setpriority_process};
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };

    pub(super) fn nice() -> Option<i32> {
        getpriority_process(None).ok()
    }

    pub(super) fn be_nice(value: i32) -> std::io::Result<()> {
        Ok(setpriority_process(None, value)?)
    }

    /// For good: a thread that runs only when no other wants to may not become another one again.
    pub(super) fn be_idle() -> std::io::Result<()> {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
            .map_err(|error| std::io::Error::other(error.to_string()))
    }
}

/// Elsewhere it would be that of the whole process.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn nice() -> Option<i32> {
        None
    }

    pub(super) fn be_nice(_: i32) -> std::io::Result<()> {
        Ok(())
    }

    pub(super) fn be_idle() -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};

    use super::*;

    #[test]
    fn every_thread_of_long_work_stands_behind_also_one_that_another_starts() {
        let front = system::nice().expect("a nice value");
        let threads = Threads::start(QueryPriority::Behind).expect("threads");
        let handle = threads.handle().clone();
        let wanted = Some((front + BEHIND).min(19));
        // A task, a thread for one long work, and one that this starts.
        let (task, first, second) = threads.0.block_on(async {
            let task = handle.spawn(async { system::nice() });
            let inner = handle.clone();
            let nested = handle.spawn_blocking(move || {
                let second = inner.spawn_blocking(system::nice);
                (system::nice(), inner.block_on(second))
            });
            let (first, second) = nested.await.expect("it ends");
            (
                task.await.expect("it ends"),
                first,
                second.expect("it ends"),
            )
        });
        assert_eq!([task, first, second], [wanted; 3]);
        assert_eq!(system::nice(), Some(front), "whoever started them does not");
        let upkeep = std::thread::spawn(move || {
            Nice(Some(front)).tending_behind();
            system::nice()
        });
        let upkeep = upkeep.join().expect("it ends");
        assert_eq!(upkeep, Some((front + TENDING_BEHIND).min(19)));
    }
    #[test]
    fn idle_threads_leave_the_processors_to_all_others() {
        let threads = Threads::start(QueryPriority::Idle).expect("threads");
        let handle = threads.handle().clone();
        let policy = || thread_priority::thread_schedule_policy().expect("a policy");
        let (first, second) = threads.0.block_on(async {
            let inner = handle.clone();
            let nested = handle.spawn_blocking(move || {
                let second = inner.spawn_blocking(policy);
                (policy(), inner.block_on(second))
            });
            let (first, second) = nested.await.expect("it ends");
            (first, second.expect("it ends"))
        });
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        assert_eq!([first, second], [idle; 2]);
        assert_ne!(policy(), idle, "whoever started them is not");
    }
}
