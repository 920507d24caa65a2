//! The database: the stored forms, the SQL texts, and what one transaction
//! promises. Which database it is, `sqlite` alone knows.

mod ballast;
mod chain;
mod charges;
mod clock;
mod derived;
mod dropped;
mod load;
mod log;
mod networks;
mod notices;
mod people;
mod questions;
mod repeats;
mod rows;
mod sealed;
mod secrets;
mod signing;
mod sqlite;
mod text;
mod tokens;
mod usage;
mod write;

pub(crate) use ballast::{Ballast, Claim};
pub(crate) use charges::BatchWrite;
pub(crate) use clock::TimeWrite;
pub(crate) use derived::DerivedRow;
pub(crate) use load::{Loaded, LoadedKey};
pub(crate) use networks::NetworkWrite;
pub(crate) use people::{LoadedPeople, PeopleWrite};
pub(crate) use questions::{Question, QuestionRow};
pub(crate) use repeats::RepeatRow;
pub(crate) use rows::{KeyRow, PoolRow, ViewRow};
pub(crate) use sqlite::Store;
pub use tokens::TokenFile;
pub(crate) use write::Write;

use sqlx::error::Error as SqlError;

use crate::error::{ControlError, InternalError, Refusal};

/// What became of a transaction that did not succeed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Nothing was written.
    Undone(ControlError),
    /// It may have been written or not: only the database knows, read anew.
    Unknown(ControlError),
}

/// SQLite's words for a full disk and for a file that another process holds.
const SQLITE_FULL: i64 = 13;
const SQLITE_BUSY: i64 = 5;
/// And for one that is too full for what SQLite shares between connections.
const SQLITE_IOERR_SHMSIZE: i64 = 4_874;
/// And for syncs that failed, of a file and of its directory.
const SQLITE_IOERR_FSYNC: i64 = 1_034;
const SQLITE_IOERR_DIR_FSYNC: i64 = 1_290;

/// Turns a failure of the database into what the caller is told.
pub(crate) fn failed(doing: &'static str) -> impl Fn(SqlError) -> ControlError {
    move |error| {
        let code = error
            .as_database_error()
            .and_then(|error| error.code()?.parse::<i64>().ok());
        match code {
            Some(SQLITE_IOERR_SHMSIZE) => return ControlError::Full,
            Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC) => {
                return InternalError::of_sync(doing, error).into();
            }
            _ => {}
        }
        match code.map(|extended| extended & 0xff) {
            Some(SQLITE_FULL) => ControlError::Full,
            Some(SQLITE_BUSY) => Refusal::Locked.into(),
            _ => InternalError::caused(doing, error).into(),
        }
    }
}
