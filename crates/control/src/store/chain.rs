//! The audit's rows: each at the end of its project's chain, in the
//! transaction of its change; read by page, from some entry on, or whole.

use futures::TryStreamExt as _;
use model::audit::{AuditEntry, ChainedEntry, Checkpoint, Digest, Log, Tree, Verified, Verifier};
use model::ids::{AuditId, ProjectId};
use model::secrets::SecretId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, SqliteConnection};

use super::load::{column, id, time};
use super::{Store, failed, text};
use crate::audit::{AuditPage, AuditSearch};
use crate::error::{ControlError, InternalError};
use crate::reading::ROWS_IN_A_TURN;

const READING: &str = "reading the audit";
const WRITING: &str = "writing the audit";
const TAKING_IN: &str = "taking the audit of an older version into its chain";

/// Entries of an older version that are taken in between two questions.
const TAKEN_AT_ONCE: i64 = 1_000;

/// Writes an entry at the end of its project's chain.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    entry: &AuditEntry,
    ordinal: i64,
) -> Result<(), ControlError> {
    let found = log_of(connection, entry.project).await?;
    let mut log = found.clone().unwrap_or_default();
    let sequence = log.tree().size();
    let link = log.append(entry.leaf(sequence));
    let inserted = sqlx::query(text::INSERT_AUDIT)
        .bind(entry.id.to_string())
        .bind(entry.project.to_string())
        .bind(ordinal)
        .bind(entry.at.as_microsecond())
        .bind(&entry.actor)
        .bind(&entry.action)
        .bind(&entry.subject_id)
        .bind(&entry.subject_name)
        .bind(&entry.before)
        .bind(&entry.after)
        .bind(stored(sequence))
        .bind(link.as_bytes().as_slice())
        .bind(entry.secret.map(|secret| secret.to_string()))
        .bind(entry.address.map(|address| address.to_string()))
        .execute(&mut *connection);
    inserted.await.map_err(failed(WRITING))?;
    write_log(connection, entry.project, &log, found.is_none()).await
}

/// The end of a project's log, which is nothing before its first entry.
async fn log_of(
    connection: &mut SqliteConnection,
    project: ProjectId,
) -> Result<Option<Log>, ControlError> {
    let row = sqlx::query(text::SELECT_CHAIN)
        .bind(project.to_string())
        .fetch_optional(connection);
    let row = row.await.map_err(failed(READING))?;
    row.map(|row| read_log(&row)).transpose()
}

fn read_log(row: &SqliteRow) -> Result<Log, ControlError> {
    let size: i64 = column(row, 1)?;
    let peaks: Vec<u8> = column(row, 3)?;
    let tree = u64::try_from(size).ok();
    let tree = tree.and_then(|size| Tree::restore(size, &peaks));
    let tree = tree.ok_or_else(|| {
        InternalError::new("the stored end of an audit log is damaged: see tidegate audit verify")
    })?;
    Ok(Log::restore(digest(row, 2)?, tree))
}

async fn write_log(
    connection: &mut SqliteConnection,
    project: ProjectId,
    log: &Log,
    is_new: bool,
) -> Result<(), ControlError> {
    let written = sqlx::query(if is_new {
        text::INSERT_CHAIN
    } else {
        text::UPDATE_CHAIN
    })
    .bind(project.to_string())
    .bind(stored(log.tree().size()))
    .bind(log.link().as_bytes().as_slice())
    .bind(log.tree().peaks())
    .execute(connection);
    match written.await.map_err(failed(WRITING))?.rows_affected() {
        1 => Ok(()),
        _ => Err(InternalError::new("the end of an audit log is not there").into()),
    }
}

/// Takes the entries of older versions into the chains of their projects, in
/// the order in which they were written. An entry that has its link keeps it,
/// right or wrong.
pub(super) async fn take_in(connection: &mut SqliteConnection) -> Result<(), ControlError> {
    let rows = sqlx::query(text::SELECT_UNCHAINED).fetch_all(&mut *connection);
    for row in rows.await.map_err(failed(TAKING_IN))? {
        // What names no project was not written by a server; the verifier says so.
        let Ok(project) = id(&row, 0, ProjectId::parse) else {
            continue;
        };
        let begun = connection.begin().await;
        let mut transaction = begun.map_err(failed(TAKING_IN))?;
        take_in_project(&mut transaction, project).await?;
        let committed = transaction.commit().await;
        committed.map_err(failed(TAKING_IN))?;
    }
    Ok(())
}

async fn take_in_project(
    connection: &mut SqliteConnection,
    project: ProjectId,
) -> Result<(), ControlError> {
    let (mut log, mut last) = (Log::default(), i64::MIN);
    loop {
        let rows = sqlx::query(text::SELECT_AUDIT_TO_CHAIN)
            .bind(project.to_string())
            .bind(last)
            .bind(TAKEN_AT_ONCE)
            .fetch_all(&mut *connection);
        let rows = rows.await.map_err(failed(TAKING_IN))?;
        let Some(latest) = rows.last() else {
            return write_log(connection, project, &log, true).await;
        };
        last = column(latest, ORDINAL)?;
        for row in &rows {
            let entry = entry(row, project)?;
            let sequence = log.tree().size();
            let leaf = entry.leaf(sequence);
            if column::<Option<Vec<u8>>>(row, LINK)?.is_some() {
                log.push(leaf, digest(row, LINK)?);
                continue;
            }
            let link = log.append(leaf);
            let written = sqlx::query(text::CHAIN_AUDIT)
                .bind(entry.id.to_string())
                .bind(stored(sequence))
                .bind(link.as_bytes().as_slice())
                .execute(&mut *connection);
            written.await.map_err(failed(TAKING_IN))?;
        }
    }
}

// The columns of every query for entries.
const SEQUENCE: usize = 8;
const LINK: usize = 9;
const ORDINAL: usize = 12;

fn entry(row: &SqliteRow, project: ProjectId) -> Result<AuditEntry, ControlError> {
    let unreadable = |what: &str| InternalError::new(format!("{READING}: {what} is none"));
    let secret: Option<String> = column(row, 10)?;
    let secret = secret.map(|text| SecretId::parse(&text).ok_or_else(|| unreadable("a secret id")));
    let address: Option<String> = column(row, 11)?;
    let address = address.map(|text| {
        let read = text.parse::<std::net::IpAddr>().ok();
        // One address has one text.
        let read = read.filter(|address| address.to_string() == text);
        read.ok_or_else(|| unreadable("an address"))
    });
    Ok(AuditEntry {
        id: id(row, 0, AuditId::parse)?,
        project,
        at: time(row, 1)?,
        actor: column(row, 2)?,
        secret: secret.transpose()?,
        address: address.transpose()?,
        action: column(row, 3)?,
        subject_id: column(row, 4)?,
        subject_name: column(row, 5)?,
        before: column(row, 6)?,
        after: column(row, 7)?,
    })
}

fn chained(row: &SqliteRow, project: ProjectId) -> Result<ChainedEntry, ControlError> {
    let sequence: i64 = column(row, SEQUENCE)?;
    Ok(ChainedEntry {
        sequence: u64::try_from(sequence)
            .map_err(|_| InternalError::new("an audit entry has no number"))?,
        link: digest(row, LINK)?,
        entry: entry(row, project)?,
    })
}

fn digest(row: &SqliteRow, index: usize) -> Result<Digest, ControlError> {
    super::load::bytes(row, index).map(Digest::from_bytes)
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Store {
    /// Entries of a project before one with a number, the newest first.
    pub(crate) async fn audit_page(
        &mut self,
        project: ProjectId,
        search: &AuditSearch,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage, ControlError> {
        let log = log_of(&mut self.connection, project).await?;
        let size = log.map_or(0, |log| log.tree().size());
        let end = before.map_or(size, |before| before.min(size));
        let floor = end.saturating_sub(ROWS_IN_A_TURN);
        let micros = |at: Option<model::time::Timestamp>, without| {
            at.map_or(without, model::time::Timestamp::as_microsecond)
        };
        let rows = sqlx::query(text::SELECT_AUDIT_PAGE)
            .bind(project.to_string())
            .bind(stored(end))
            .bind(stored(floor))
            .bind(&search.actor)
            .bind(&search.subject)
            .bind(&search.action)
            .bind(micros(search.from, i64::MIN))
            .bind(micros(search.to, i64::MAX))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut self.connection);
        let rows = rows.await.map_err(failed(READING))?;
        let entries: Result<Vec<_>, _> = rows.iter().map(|row| chained(row, project)).collect();
        let entries = entries?;
        let rest = match entries.last() {
            Some(last) if entries.len() == limit => last.sequence,
            _ => floor,
        };
        Ok(AuditPage {
            entries,
            next: (rest > 0).then_some(rest),
        })
    }

    /// Entries of a project from one with a number on, in their order.
    pub(crate) async fn audit_from(
        &mut self,
        project: ProjectId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<ChainedEntry>, ControlError> {
        let rows = sqlx::query(text::SELECT_AUDIT_FROM)
            .bind(project.to_string())
            .bind(stored(from))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut self.connection);
        let rows = rows.await.map_err(failed(READING))?;
        rows.iter().map(|row| chained(row, project)).collect()
    }

    /// The end of every log.
    pub(crate) async fn audit_logs(&mut self) -> Result<Vec<(ProjectId, Log)>, ControlError> {
        let rows = sqlx::query(text::SELECT_CHAINS).fetch_all(&mut self.connection);
        let rows = rows.await.map_err(failed(READING))?;
        let log = |row| Ok((id(row, 0, ProjectId::parse)?, read_log(row)?));
        rows.iter().map(log).collect()
    }

    /// The end of a project's log.
    pub(crate) async fn audit_log(&mut self, project: ProjectId) -> Result<Log, ControlError> {
        let log = log_of(&mut self.connection, project).await?;
        Ok(log.unwrap_or_default())
    }

    /// The texts that stand where the ids of projects with a log do.
    pub(crate) async fn audited_projects(&mut self) -> Result<Vec<String>, ControlError> {
        let found = sqlx::query_scalar(text::SELECT_AUDITED).fetch_all(&mut self.connection);
        found.await.map_err(failed(READING))
    }

    /// Reads the log of a project from its beginning and says what is wrong
    /// with it. What cannot be read as an entry is among that.
    pub(crate) async fn verify_audit<'a>(
        &mut self,
        project: ProjectId,
        checkpoints: impl Iterator<Item = &'a Checkpoint>,
    ) -> Result<Verified, ControlError> {
        let mut verifier = Verifier::new(checkpoints);
        let mut rows = sqlx::query(text::SELECT_AUDIT_IN_ORDER)
            .bind(project.to_string())
            .fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await.map_err(failed(READING))? {
            match chained(&row, project) {
                Ok(entry) => verifier.entry(&entry),
                Err(_) => {
                    let sequence = column::<i64>(&row, SEQUENCE).ok();
                    verifier.unreadable(sequence.and_then(|number| u64::try_from(number).ok()));
                }
            }
        }
        drop(rows);
        // A note that cannot be read is none, which is found just as well.
        let said = log_of(&mut self.connection, project).await;
        let said = said.ok().flatten().unwrap_or_default().head();
        Ok(verifier.finish(Some(said)))
    }
}
