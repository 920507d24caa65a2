//! The file of tokens of uniqueness: which are known, and until when.
//!
//! It is a database of its own beside that of the control plane, so that one
//! that grows by the million and may be lost for a month's worth of duplicates
//! at worst is never in the way of the one that says who may do what. It is
//! made when the first tokens come.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use model::time::Timestamp;
use model::uniqueness::TokenTag;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use tokio::sync::Mutex;

use super::failed;
use super::log::{self, Log};
use super::sqlite::{BUSY_TIMEOUT, make_private, sync_name};
use crate::error::{ControlError, InternalError, Refusal};
use crate::fatal::end_by_failed_sync;

/// Rows that one statement writes.
const PART: usize = 1_000;
/// Tags that one statement looks for; between two, others get their turn.
const LOOK_PART: usize = 200;

/// What this version writes into a new file, as `PRAGMA user_version`.
const FORMAT: i64 = 1;

const SCHEMA: &str = "\
    CREATE TABLE IF NOT EXISTS tokens (tag BLOB NOT NULL PRIMARY KEY, ends INTEGER NOT NULL) \
        STRICT, WITHOUT ROWID; \
    CREATE INDEX IF NOT EXISTS tokens_by_end ON tokens (ends); \
    PRAGMA user_version = 1;";

/// The tokens in a file. Nobody else may have it open.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    is_used: AtomicBool,
    /// Whether it is known to be a file of this version's, or is not there.
    is_sound: AtomicBool,
    /// Those who look do not wait for those who write.
    reader: Mutex<Option<SqliteConnection>>,
    writer: Mutex<Option<Writing>>,
}

/// The connection that writes.
#[derive(Debug)]
struct Writing {
    connection: SqliteConnection,
    log: Log,
}

impl TokenFile {
    /// The tokens of this file, which need not be there yet.
    ///
    /// # Errors
    /// When the file is there and cannot be opened, or a newer version wrote it.
    pub async fn open(path: &Path) -> Result<Self, ControlError> {
        let file = Self::at(path)?;
        if file.path.exists() {
            file.is_used.store(true, Ordering::Release);
            *file.writer.lock().await = Some(file.connect_to_write().await?);
        }
        file.is_sound.store(true, Ordering::Release);
        Ok(file)
    }

    /// The tokens of a file that did not open: whoever asks for one tries to
    /// open it again, and is refused as long as that fails.
    ///
    /// # Errors
    /// When nobody can say where the file is.
    pub fn unopened(path: &Path) -> Result<Self, ControlError> {
        let file = Self::at(path)?;
        file.is_used.store(true, Ordering::Release);
        Ok(file)
    }

    fn at(path: &Path) -> Result<Self, ControlError> {
        // An absolute path cannot be taken for a URI.
        let path = std::path::absolute(path)
            .map_err(|error| InternalError::caused("finding the file of tokens", error))?;
        Ok(Self {
            path,
            is_used: AtomicBool::new(false),
            is_sound: AtomicBool::new(false),
            reader: Mutex::new(None),
            writer: Mutex::new(None),
        })
    }

    /// Whether there ever were tokens.
    pub fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Acquire)
    }

    /// Which of the tags are known that end after `now`, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn known(
        &self,
        tags: &[TokenTag],
        now: Timestamp,
    ) -> Result<Vec<bool>, ControlError> {
        let mut found = std::collections::HashSet::new();
        if self.is_used() {
            self.make_sound().await?;
            for part in tags.chunks(LOOK_PART) {
                let mut reader = self.reader.lock().await;
                let mut connection = match reader.take() {
                    Some(connection) => connection,
                    None => self.connect().await?,
                };
                find(&mut connection, part, now, &mut found).await?;
                *reader = Some(connection);
            }
        }
        Ok(tags.iter().map(|tag| found.contains(tag)).collect())
    }

    /// Takes tags, each with the time at which it ends; of those that are
    /// there, the later end holds. When this returns, they are on stable storage.
    ///
    /// # Errors
    /// None of them is there, or all are. A sync that failed ends the process.
    pub async fn insert(&self, tags: &[(TokenTag, Timestamp)]) -> Result<(), ControlError> {
        let mut sorted = tags.to_vec();
        // Neighbours in the file are written together.
        sorted.sort_unstable();
        let mut writer = self.writer.lock().await;
        let mut writing = self.take_writer(&mut writer).await?;
        let written = writing.insert_all(&sorted).await;
        written.inspect_err(end_by_failed_sync)?;
        *writer = Some(writing);
        self.is_used.store(true, Ordering::Release);
        Ok(())
    }

    /// Forgets tags that ended, so many at most; answers how many.
    ///
    /// # Errors
    /// None is forgotten. A sync that failed ends the process.
    pub async fn forget(&self, now: Timestamp, most: usize) -> Result<usize, ControlError> {
        if !self.is_used() {
            return Ok(0);
        }
        let mut writer = self.writer.lock().await;
        let mut writing = self.take_writer(&mut writer).await?;
        let forgotten = writing.forget(now, most).await;
        let forgotten = forgotten.inspect_err(end_by_failed_sync)?;
        *writer = Some(writing);
        Ok(forgotten)
    }

    /// Closes the file: what was written is in it, and nothing beside it.
    pub async fn close(&self) {
        // All that was promised is on disk already; an error here is for nobody.
        if let Some(reader) = self.reader.lock().await.take() {
            let _ = reader.close().await;
        }
        if let Some(writer) = self.writer.lock().await.take() {
            let _ = writer.connection.close().await;
        }
    }

    /// Opens a file that did not open before.
    async fn make_sound(&self) -> Result<(), ControlError> {
        if self.is_sound.load(Ordering::Acquire) {
            return Ok(());
        }
        // One tries; nobody else waits for that.
        let Ok(mut writer) = self.writer.try_lock() else {
            return Err(InternalError::new("the file of tokens is not open yet").into());
        };
        *writer = Some(self.take_writer(&mut writer).await?);
        Ok(())
    }

    /// The connection that writes. One whose work failed was let go of, and a
    /// new one begins with what is on the disk.
    async fn take_writer(&self, writer: &mut Option<Writing>) -> Result<Writing, ControlError> {
        match writer.take() {
            Some(writing) => Ok(writing),
            None => {
                let opened = self.connect_to_write().await;
                opened.inspect_err(end_by_failed_sync)
            }
        }
    }

    async fn connect_to_write(&self) -> Result<Writing, ControlError> {
        let doing = "opening the file of tokens";
        make_private(&self.path)?;
        let mut connection = self.connect().await?;
        let version: i64 = sqlx::query("PRAGMA user_version")
            .fetch_one(&mut connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(failed(doing))?;
        match version {
            0 => {
                let made = sqlx::raw_sql(SCHEMA).execute(&mut connection).await;
                made.map_err(failed(doing))?;
            }
            FORMAT => {}
            found => {
                let known = FORMAT;
                return Err(Refusal::NewerSchema { found, known }.into());
            }
        }
        // What a failed sync left in the log is written anew.
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
        let written = checkpoint.execute(&mut connection).await;
        match written.map_err(failed(doing)) {
            Ok(_) | Err(ControlError::Full) => {}
            Err(error) => return Err(error),
        }
        sync_name(&self.path)?;
        self.is_sound.store(true, Ordering::Release);
        let log = Log::default();
        Ok(Writing { connection, log })
    }

    async fn connect(&self) -> Result<SqliteConnection, ControlError> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma(log::BY_ITSELF.0, log::BY_ITSELF.1)
            .disable_statement_logging();
        let opened = options.connect().await;
        opened.map_err(failed("opening the file of tokens"))
    }
}

async fn find(
    connection: &mut SqliteConnection,
    tags: &[TokenTag],
    now: Timestamp,
    found: &mut std::collections::HashSet<TokenTag>,
) -> Result<(), ControlError> {
    let doing = "looking for tokens";
    let mut query = QueryBuilder::<Sqlite>::new("SELECT tag FROM tokens WHERE ends > ");
    query.push_bind(now.as_microsecond()).push(" AND tag IN (");
    let mut list = query.separated(", ");
    for tag in tags {
        list.push_bind(tag.to_bytes().to_vec());
    }
    query.push(")");
    let rows = query.build().fetch_all(connection).await;
    for row in rows.map_err(failed(doing))? {
        let tag: Vec<u8> = row.try_get(0).map_err(failed(doing))?;
        let tag = <[u8; 16]>::try_from(tag)
            .map_err(|_| InternalError::new("a token in the file has no 16 bytes"))?;
        found.insert(TokenTag::from_bytes(tag));
    }
    Ok(())
}

impl Writing {
    async fn insert_all(&mut self, tags: &[(TokenTag, Timestamp)]) -> Result<(), ControlError> {
        let doing = "writing tokens";
        let begun = self.connection.begin().await;
        let mut transaction = begun.map_err(failed(doing))?;
        for part in tags.chunks(PART) {
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO tokens (tag, ends) ");
            query.push_values(part, |mut row, (tag, ends)| {
                row.push_bind(tag.to_bytes().to_vec())
                    .push_bind(ends.as_microsecond());
            });
            query.push(" ON CONFLICT (tag) DO UPDATE SET ends = max(ends, excluded.ends)");
            let written = query.build().execute(&mut *transaction).await;
            written.map_err(failed(doing))?;
        }
        transaction.commit().await.map_err(failed(doing))?;
        self.log.grew(tags.len(), &mut self.connection).await
    }

    async fn forget(&mut self, now: Timestamp, most: usize) -> Result<usize, ControlError> {
        let deleted = sqlx::query(
            "DELETE FROM tokens WHERE tag IN \
             (SELECT tag FROM tokens WHERE ends <= ? ORDER BY ends LIMIT ?)",
        )
        .bind(now.as_microsecond())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .execute(&mut self.connection)
        .await
        .map_err(failed("forgetting tokens"))?;
        let rows = usize::try_from(deleted.rows_affected()).unwrap_or(usize::MAX);
        self.log.grew(rows, &mut self.connection).await?;
        Ok(rows)
    }
}
