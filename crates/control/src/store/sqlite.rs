//! SQLite: opening the file, and transactions.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};

use super::log::{self, Log};
use super::{Failed, Write, chain, failed};
use crate::error::{ControlError, InternalError, Refusal};

/// Only the owner may read or write the file and what SQLite puts beside it.
pub(super) const MODE: u32 = 0o600;

/// How long an opening waits for a process that is just ending.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// The migrations, in order; rules in `migrations/sqlite/README.md`.
const MIGRATIONS: [(&str, &str); 22] = [
    (
        "first",
        include_str!("../../migrations/sqlite/0001_first.sql"),
    ),
    (
        "analytics",
        include_str!("../../migrations/sqlite/0002_analytics.sql"),
    ),
    (
        "scoping",
        include_str!("../../migrations/sqlite/0003_scoping.sql"),
    ),
    (
        "audit chain",
        include_str!("../../migrations/sqlite/0004_audit_chain.sql"),
    ),
    (
        "people",
        include_str!("../../migrations/sqlite/0005_people.sql"),
    ),
    (
        "credits",
        include_str!("../../migrations/sqlite/0006_credits.sql"),
    ),
    (
        "usage",
        include_str!("../../migrations/sqlite/0007_usage.sql"),
    ),
    (
        "rolling",
        include_str!("../../migrations/sqlite/0008_rolling.sql"),
    ),
    (
        "lives",
        include_str!("../../migrations/sqlite/0009_lives.sql"),
    ),
    (
        "storage",
        include_str!("../../migrations/sqlite/0010_storage.sql"),
    ),
    (
        "whereabouts",
        include_str!("../../migrations/sqlite/0011_whereabouts.sql"),
    ),
    (
        "quarantine",
        include_str!("../../migrations/sqlite/0012_quarantine.sql"),
    ),
    (
        "derived",
        include_str!("../../migrations/sqlite/0013_derived.sql"),
    ),
    (
        "false_times",
        include_str!("../../migrations/sqlite/0014_false_times.sql"),
    ),
    (
        "usage_pool",
        include_str!("../../migrations/sqlite/0015_usage_pool.sql"),
    ),
    (
        "signing_secrets",
        include_str!("../../migrations/sqlite/0016_signing_secrets.sql"),
    ),
    (
        "stretches_and_drops",
        include_str!("../../migrations/sqlite/0017_stretches_and_drops.sql"),
    ),
    (
        "codes_by_keys",
        include_str!("../../migrations/sqlite/0018_codes_by_keys.sql"),
    ),
    (
        "charged_batches",
        include_str!("../../migrations/sqlite/0019_charged_batches.sql"),
    ),
    (
        "sealed_credits",
        include_str!("../../migrations/sqlite/0020_sealed_credits.sql"),
    ),
    (
        "replaced_by",
        include_str!("../../migrations/sqlite/0021_replaced_by.sql"),
    ),
    (
        "usage_by_network",
        include_str!("../../migrations/sqlite/0022_usage_by_network.sql"),
    ),
];

/// The one connection to the file. While it is open, no other process can
/// read or write the file.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) connection: SqliteConnection,
    log: Log,
    /// What the next commit says, of an outcome that is unknown, although it
    /// succeeds.
    #[cfg(test)]
    pub(crate) lost_answer: Option<ControlError>,
}

impl Store {
    /// Opens the file, which is made when there is none, and brings its
    /// schema to this version.
    pub(crate) async fn open(file: &Path) -> Result<Self, ControlError> {
        make_private(file)?;
        Self::reopen(file).await
    }

    /// Opens the file, which exists.
    pub(crate) async fn reopen(file: &Path) -> Result<Self, ControlError> {
        let doing = "opening the control plane's database";
        // An absolute path cannot be taken for a URI.
        let file =
            std::path::absolute(file).map_err(|error| InternalError::caused(doing, error))?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(false)
            .locking_mode(SqliteLockingMode::Exclusive)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is deleted is overwritten: something sealed may be among it.
            .pragma("secure_delete", "ON")
            .pragma(log::BY_ITSELF.0, log::BY_ITSELF.1)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed(doing))?;
        let prepared = prepare(&mut connection).await;
        if let Err(error) = prepared.and_then(|()| sync_name(&file)) {
            // Nothing of this opening stays beside the file.
            let _ = connection.close().await;
            return Err(error);
        }
        Ok(Self {
            connection,
            log: Log::default(),
            #[cfg(test)]
            lost_answer: None,
        })
    }

    /// Writes the rows in one transaction. When it succeeds, they are on
    /// stable storage.
    pub(crate) async fn commit(&mut self, writes: &[Write]) -> Result<(), Failed> {
        let doing = "committing to the control plane's database";
        let begun = self.connection.begin().await;
        let mut transaction = begun.map_err(|error| Failed::Unknown(failed(doing)(error)))?;
        for write in writes {
            if let Err(error) = write.execute(&mut transaction).await {
                return match transaction.rollback().await {
                    Ok(()) => Err(Failed::Undone(error)),
                    Err(_) => Err(Failed::Unknown(error)),
                };
            }
        }
        let committed = transaction.commit().await;
        #[cfg(test)]
        if let Some(error) = self.lost_answer.take() {
            return Err(Failed::Unknown(error));
        }
        committed.map_err(|error| Failed::Unknown(failed(doing)(error)))?;
        self.tend_log(writes).await.map_err(Failed::Unknown)
    }

    /// Writes the log to the file where that is due, after a commit.
    async fn tend_log(&mut self, writes: &[Write]) -> Result<(), ControlError> {
        if !writes.iter().any(Write::erases) {
            return self.log.grew(writes.len(), &mut self.connection).await;
        }
        // What was erased is in the log, too, until its pages are written anew.
        // The next opening does it where there is no room now.
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut self.connection)
            .await;
        match emptied.map_err(failed("emptying the log of the control plane's database")) {
            Ok(_) => self.log = Log::default(),
            Err(error) if error.is_failed_sync() => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }

    /// Closes the file, also in the eyes of other processes. Whatever is not
    /// committed is undone.
    pub(crate) async fn close(self) {
        // All that was promised is on disk already; an error here is for
        // nobody, and the file is released all the same.
        let _ = self.connection.close().await;
    }
}

/// Brings the schema to this version, and the log into the file: what a crash
/// or a failed sync left in the log is written anew, so that it rests on no
/// page that the disk never took.
async fn prepare(connection: &mut SqliteConnection) -> Result<(), ControlError> {
    migrate(connection).await?;
    chain::take_in(connection).await?;
    let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
    let doing = "writing the log of the control plane's database to its file";
    match checkpoint.execute(connection).await.map_err(failed(doing)) {
        // A full disk keeps nobody from being let in.
        Ok(_) | Err(ControlError::Full) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), ControlError> {
    let migrations = MIGRATIONS.iter().zip(1..).map(|((name, sql), version)| {
        let sql = sql.into_sql_str();
        Migration::new(version, (*name).into(), MigrationType::Simple, sql, false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    let doing = "bringing the control plane's schema to this version";
    match migrator.run_direct(None, connection, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found)) => {
            let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
            Err(Refusal::NewerSchema { found, known }.into())
        }
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(failed(doing)(error))
        }
        Err(error) => Err(InternalError::caused(doing, error).into()),
    }
}

/// Makes the file when there is none, on stable storage with its name, and
/// takes it from everybody but its owner.
pub(super) fn make_private(file: &Path) -> Result<(), ControlError> {
    let doing = || format!("making the file {}", file.display());
    let failed = |error| ControlError::from(InternalError::caused(doing(), error));
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(file);
    match made {
        Ok(made) => {
            let synced = made.sync_all();
            synced.map_err(|error| InternalError::of_sync(doing(), error))?;
            sync_name(file)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    std::fs::set_permissions(file, Permissions::from_mode(MODE)).map_err(failed)
}

/// Brings the names of a file and of what lies beside it to stable storage.
/// SQLite does it for its log, and tells nobody when it fails.
pub(super) fn sync_name(file: &Path) -> Result<(), ControlError> {
    let doing = || format!("syncing the directory of {}", file.display());
    let caused = |error| InternalError::caused(doing(), error);
    let file = std::path::absolute(file).map_err(caused)?;
    let Some(folder) = file.parent() else {
        return Ok(());
    };
    let synced = File::open(folder).map_err(caused)?.sync_all();
    Ok(synced.map_err(|error| InternalError::of_sync(doing(), error))?)
}

#[cfg(test)]
impl Store {
    /// The version of the schema that this program knows.
    pub(crate) const VERSION: usize = MIGRATIONS.len();

    /// The file that each migration is expected in, with its text.
    pub(crate) fn migrations() -> impl Iterator<Item = (String, &'static str)> {
        let numbered = MIGRATIONS.iter().zip(1..);
        numbered.map(|((name, sql), version)| {
            let name = name.replace(' ', "_");
            (format!("{version:04}_{name}.sql"), *sql)
        })
    }

    /// Runs a statement beside all promises.
    pub(crate) async fn run(&mut self, statement: &'static str) {
        let ran = sqlx::query(statement).execute(&mut self.connection).await;
        ran.expect("the statement runs");
    }
}
