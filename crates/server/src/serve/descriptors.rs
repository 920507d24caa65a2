//! How many files the process may have open, and who has how many of them.
//! Connections are files, too; the journal would fail without its own.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::ServeError;

/// Connections that are open at once; more wait.
const CONNECTIONS_MAX: usize = 8_192;
/// Files of records that are open at once.
const RECORDS_MAX: usize = 512;
/// Files that the house keeps for itself: the journal's and the database's,
/// those that are being written, and the connections of operators.
const HOUSE: usize = 256;

/// Who has how many files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Connections of the API.
    pub(super) connections: usize,
    /// Files of records that stay open.
    pub(super) records: usize,
}

impl Shares {
    /// Of as many files as the system lets this process have: that is more than
    /// it has by itself.
    ///
    /// # Errors
    /// They are so few that none is left for a connection.
    pub(super) fn of_this_process() -> Result<Self, ServeError> {
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum {
            let raised = rustix::process::Rlimit {
                current: limit.maximum,
                ..limit
            };
            match setrlimit(Resource::Nofile, raised) {
                Ok(()) => limit = raised,
                Err(error) => {
                    tracing::warn!(%error, "the process may open no more files than it was given");
                }
            }
        }
        let files = limit.current.map_or(usize::MAX, |files| {
            usize::try_from(files).unwrap_or(usize::MAX)
        });
        Self::of(files).ok_or_else(|| {
            ServeError::Setting(format!(
                "the process may open too few files; allow it at least {}, with ulimit -n or LimitNOFILE",
                4 * HOUSE
            ))
        })
    }

    fn of(files: usize) -> Option<Self> {
        let left = files.checked_sub(HOUSE).filter(|left| *left > 1)?;
        let records = (left / 2).min(RECORDS_MAX);
        let connections = (left - records).min(CONNECTIONS_MAX);
        Some(Self {
            connections,
            records,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_files_of_records_leave_files_for_the_journal() {
        let shares = |connections, records| {
            Some(Shares {
                connections,
                records,
            })
        };
        assert_eq!(Shares::of(usize::MAX), shares(CONNECTIONS_MAX, RECORDS_MAX));
        assert_eq!(Shares::of(4_096), shares(3_328, RECORDS_MAX));
        assert_eq!(Shares::of(1_024), shares(384, 384));
        assert_eq!(Shares::of(HOUSE + 1), None);
        assert_eq!(Shares::of(10), None);
        for files in HOUSE + 2..10_000 {
            let shares = Shares::of(files).unwrap();
            assert!(shares.connections > 0 && shares.records > 0);
            assert!(shares.connections + shares.records + HOUSE <= files);
        }
    }
}
