//! The machine's time, for what is made by it and shown to a running binary:
//! one-time codes, signatures, periods.

/// Whole seconds since 1970.
pub(crate) fn seconds() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the binary under test reads the same clock"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

/// How long something takes.
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the long proof measures a running binary"
        )]
        let now = std::time::Instant::now();
        Self(now)
    }

    pub(crate) fn elapsed(&self) -> std::time::Duration {
        #[expect(clippy::disallowed_methods, reason = "as above")]
        self.0.elapsed()
    }
}
