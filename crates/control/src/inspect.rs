//! The database of a server that is not running: looked at, and copied.

use std::path::Path;
use std::sync::Arc;

use model::audit::{Checkpoint, Verified, Verifier};
use model::ids::{PoolId, ProjectId};
use model::isolation::Carried;
use model::pools::Pool;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::error::ControlError;
use crate::store::{Store, failed};

/// What a database holds.
#[derive(Debug)]
pub struct Inspected {
    /// Every pool of every project.
    pub pools: Vec<Arc<Pool>>,
    /// What keys carry of each pool that does not name its isolation field.
    pub carried: Vec<(PoolId, Carried)>,
    /// How many keys there are.
    pub keys: u64,
    /// The audit of every project, verified without a checkpoint.
    pub audit: Vec<VerifiedProject>,
}

/// The audit of a project that was verified.
#[derive(Debug)]
pub struct VerifiedProject {
    /// The project's id, or what stands in its place.
    pub project: String,
    /// What was found.
    pub verified: Verified,
}

/// Verifies the audit of every project that is in a database or in one of the
/// checkpoints. An older schema is brought to this version first, so give it a
/// copy.
///
/// # Errors
/// When the database cannot be read at all; what is wrong with the audit is
/// among what is found.
pub async fn verify_audit(
    file: &Path,
    checkpoints: &[Checkpoint],
) -> Result<Vec<VerifiedProject>, ControlError> {
    let mut store = Store::reopen(file).await?;
    let verified = verify(&mut store, checkpoints).await;
    store.close().await;
    verified
}

async fn verify(
    store: &mut Store,
    checkpoints: &[Checkpoint],
) -> Result<Vec<VerifiedProject>, ControlError> {
    let mut projects = store.audited_projects().await?;
    projects.extend(checkpoints.iter().map(|c| c.project.to_string()));
    projects.sort();
    projects.dedup();
    let mut all = Vec::new();
    for project in projects {
        let verified = match ProjectId::parse(&project) {
            Ok(id) => {
                let known = checkpoints.iter().filter(|c| c.project == id);
                store.verify_audit(id, known).await?
            }
            // Whatever stands there belongs to no project.
            Err(_) => {
                let mut verifier = Verifier::new([]);
                verifier.unreadable(None);
                verifier.finish(None)
            }
        };
        all.push(VerifiedProject { project, verified });
    }
    Ok(all)
}

/// What is wrong with the structure of a database, in SQLite's words: nothing,
/// for a sound one.
///
/// # Errors
/// When it cannot be opened as a database at all.
pub async fn integrity(file: &Path) -> Result<Vec<String>, ControlError> {
    const DOING: &str = "checking the control plane's database";
    let mut connection = connect(file, DOING).await?;
    let rows = sqlx::query("PRAGMA integrity_check").fetch_all(&mut connection);
    let rows = rows.await.map_err(failed(DOING))?;
    let mut problems = Vec::new();
    for row in rows {
        let text: String = row.try_get(0).map_err(failed(DOING))?;
        if text != "ok" {
            problems.push(text);
        }
    }
    let rows = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection);
    for row in rows.await.map_err(failed(DOING))? {
        let table: String = row.try_get(0).map_err(failed(DOING))?;
        problems.push(format!("a row of {table} speaks of one that is not there"));
    }
    connection.close().await.map_err(failed(DOING))?;
    Ok(problems)
}

/// Reads everything that a database holds, and every entry of the audit. An
/// older schema is brought to this version first, so give it a copy.
///
/// # Errors
/// Says what cannot be read, and refuses a schema of a newer version.
pub async fn inspect(file: &Path) -> Result<Inspected, ControlError> {
    let mut store = Store::reopen(file).await?;
    let inspected = read(&mut store).await;
    store.close().await;
    inspected
}

async fn read(store: &mut Store) -> Result<Inspected, ControlError> {
    let loaded = store.load().await?;
    let audit = verify(store, &[]).await?;
    let pools = loaded
        .projects
        .iter()
        .flat_map(|(_, project)| project.stored_pools());
    let carried = loaded
        .projects
        .iter()
        .flat_map(|(_, project)| project.all_carried());
    Ok(Inspected {
        pools: pools.cloned().collect(),
        carried: carried.collect(),
        keys: loaded.keys.len() as u64,
        audit,
    })
}

/// Copies a database, of any schema, to a new file as it is after everything
/// that was committed. The copy is one file, not yet on stable storage.
///
/// # Errors
/// When the database is damaged where it is read, or the copy cannot be written.
pub async fn copy(from: &Path, to: &Path) -> Result<(), ControlError> {
    const DOING: &str = "copying the control plane's database";
    let mut connection = connect(from, DOING).await?;
    let target = to.to_string_lossy().into_owned();
    let copied = sqlx::query("VACUUM INTO ?").bind(target);
    copied
        .execute(&mut connection)
        .await
        .map_err(failed(DOING))?;
    connection.close().await.map_err(failed(DOING))
}

async fn connect(file: &Path, doing: &'static str) -> Result<SqliteConnection, ControlError> {
    let file = std::path::absolute(file)
        .map_err(|error| crate::error::InternalError::caused(doing, error))?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .locking_mode(SqliteLockingMode::Exclusive)
        .disable_statement_logging();
    options.connect().await.map_err(failed(doing))
}
