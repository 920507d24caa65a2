//! What a change writes, row by row.

use model::audit::AuditEntry;
use model::credits::Tier;
use model::ids::{KeyId, NoticeId, OrganizationId, PoolId, ProjectId, ViewId};
use model::json;
use model::keys::{Quarantine, SecretRecord, SeenNetworks, SigningRecord};
use model::limits::DERIVED_MAX;
use model::secrets::SecretId;
use model::time::Timestamp;
use sqlx::{Sqlite, SqliteConnection};

use super::charges::BatchWrite;
use super::clock::TimeWrite;
use super::derived::DerivedRow;
use super::networks::NetworkWrite;
use super::questions::{Question, QuestionRow};
use super::repeats::RepeatRow;
use super::rows::{KeyRow, PoolRow, ViewRow};
use super::sealed::SealedRow as _;
use super::usage::of_total;
use super::{PeopleWrite, chain, dropped, notices, secrets, signing, text};
use crate::callers::UsedFrom;
use crate::error::{ControlError, InternalError};
use crate::ledger::DayRow;
use crate::notices::{News, NewsOf};
use crate::scoped::Scoping;
use crate::usage::{UsageCounts, UsageOf};

pub(super) type Query<'q> = sqlx::query::Query<'q, Sqlite, <Sqlite as sqlx::Database>::Arguments>;

/// One row to write. Each but the deletion of secrets touches exactly one row,
/// or the whole change is undone.
#[derive(Debug)]
pub(crate) enum Write {
    InsertOrganization(OrganizationId, String, Timestamp),
    InsertProject(ProjectId, OrganizationId, String, Timestamp),
    RenameProject(ProjectId, String),
    /// Sets from how many stored bytes on nothing more is stored.
    SetProjectStorage(ProjectId, Option<u64>),
    DeleteProject(ProjectId),
    /// Switches the Keen dialect on or off.
    SwitchKeen(ProjectId, bool),
    InsertScoping(ProjectId, Scoping),
    DeleteScoping(ProjectId),
    /// With its ordinal and name.
    InsertPool(PoolRow, i64, String),
    UpdatePool(PoolRow, String),
    DeletePool(PoolId),
    /// A pool of the project whose records are to be dropped.
    MarkDropped(PoolId, ProjectId),
    /// That they are.
    ForgetDropped(PoolId),
    /// With its ordinal and name.
    InsertView(ViewRow, i64, String),
    UpdateView(ViewRow, String),
    DeleteView(ViewId),
    /// With its ordinal and name.
    InsertQuestion(QuestionRow, i64, String),
    UpdateQuestion(QuestionRow, String),
    DeleteQuestion(Question, String),
    /// With its ordinal.
    InsertKey(KeyRow, i64),
    UpdateKey(KeyRow),
    DeleteKey(KeyId),
    InsertSecret(KeyId, SecretRecord),
    DeleteSecret(SecretId),
    /// Writes down when it ends, and by which roll.
    EndSecret(SecretRecord),
    /// Writes down what it is held to, or that it is not any more.
    Quarantine(SecretId, Option<Quarantine>),
    DeleteSecretsOf(KeyId),
    InsertSigning(KeyId, SigningRecord),
    DeleteSigning(SecretId),
    DeleteSigningOf(KeyId),
    InsertRepeat(RepeatRow),
    /// Those from before this time.
    ForgetRepeats(Timestamp),
    /// With its ordinal; it goes to the end of its project's chain.
    InsertAudit(AuditEntry, i64),
    UseKey(KeyId, Timestamp),
    UseSecret(SecretId, Timestamp),
    UseSigning(SecretId, Timestamp),
    SigningOnPage(SecretId, Timestamp),
    SecretOnPage(SecretId, Timestamp),
    /// From where it was last used; `None` to forget it.
    SecretFrom(SecretId, Option<UsedFrom>),
    KeyNetworks(KeyId, SeenNetworks),
    /// With its id, where there is none of the same.
    Notice(NoticeId, NewsOf, News),
    /// Those of the project that are too old or too many.
    TrimNotices(ProjectId, Timestamp),
    DismissNotice(NoticeId, Timestamp),
    DeleteNoticesOf(ProjectId),
    Time(TimeWrite),
    Batch(BatchWrite),
    Network(NetworkWrite),
    People(PeopleWrite),
    /// What a key used up on a day, as a total.
    Charge(DayRow),
    /// Adds to what is counted.
    Use(UsageOf, UsageCounts),
    /// That the pool of usage holds this total.
    UsagePublished(UsageOf, UsageCounts),
    /// Takes usage of days before this one away.
    ForgetUsage(i32),
    /// Takes the usage of a project away that is gone from the database; of one
    /// that is there nothing. So it comes after [`Write::DeleteProject`].
    ForgetUsageOf(ProjectId),
    /// Takes charges of days before this one away.
    ForgetCharges(i32),
    /// When a derived token was used and how often, as totals.
    UseDerived(DerivedRow),
    /// What a derived token used up of a tier, as a total.
    ChargeDerived(DerivedRow, Tier),
    RevokeDerived(DerivedRow),
    /// Those that ended at this time.
    ForgetDerived(Timestamp),
    /// Of those that may be forgotten, all but [`DERIVED_MAX`].
    TrimDerived,
}

impl Write {
    /// Whether something sealed is to be gone with it.
    pub(super) fn erases(&self) -> bool {
        match self {
            Self::DeleteScoping(_) | Self::DeleteSigning(_) | Self::DeleteSigningOf(_) => true,
            Self::People(write) => write.erases(),
            _ => false,
        }
    }

    /// Writes the row within the open transaction.
    pub(super) async fn execute(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), ControlError> {
        match self {
            Self::InsertAudit(entry, ordinal) => {
                return chain::append(connection, entry, *ordinal).await;
            }
            Self::Time(write) => return write.execute(connection).await,
            Self::Batch(write) => return write.execute(connection).await,
            Self::Network(write) => return write.execute(connection).await,
            _ => {}
        }
        let done = self
            .query()
            .execute(connection)
            .await
            .map_err(super::failed("writing to the control plane's database"))?;
        let touched = done.rows_affected();
        match self {
            // A key that was used may be gone before that is noted.
            Self::UseKey(..)
            | Self::UseSecret(..)
            | Self::UseSigning(..)
            | Self::SigningOnPage(..)
            | Self::SecretOnPage(..)
            | Self::SecretFrom(..)
            | Self::KeyNetworks(..)
            | Self::Notice(..)
            | Self::TrimNotices(..)
            | Self::DismissNotice(..)
            | Self::DeleteNoticesOf(_)
            | Self::ForgetDerived(_)
            | Self::TrimDerived
            | Self::DeleteSecretsOf(_)
            | Self::DeleteSigningOf(_)
            | Self::ForgetDropped(_)
            | Self::ForgetRepeats(_)
            | Self::UsagePublished(..)
            | Self::ForgetUsage(_)
            | Self::ForgetUsageOf(_)
            | Self::ForgetCharges(_) => Ok(()),
            Self::People(write) if !write.touches_one() => Ok(()),
            _ if touched == 1 => Ok(()),
            _ => Err(InternalError::new(format!(
                "a row of the control plane is not what memory says ({touched} rows touched)"
            ))
            .into()),
        }
    }

    fn query(&self) -> Query<'_> {
        match self {
            Self::InsertOrganization(id, name, at) => sqlx::query(text::INSERT_ORGANIZATION)
                .bind(id.to_string())
                .bind(name)
                .bind(at.as_microsecond()),
            Self::InsertProject(id, organization, name, at) => sqlx::query(text::INSERT_PROJECT)
                .bind(id.to_string())
                .bind(organization.to_string())
                .bind(name)
                .bind(at.as_microsecond()),
            Self::RenameProject(id, name) => sqlx::query(text::RENAME_PROJECT)
                .bind(id.to_string())
                .bind(name),
            Self::SetProjectStorage(id, bytes) => sqlx::query(text::SET_PROJECT_STORAGE)
                .bind(id.to_string())
                .bind(bytes.and_then(|bytes| i64::try_from(bytes).ok())),
            Self::DeleteProject(id) => sqlx::query(text::DELETE_PROJECT).bind(id.to_string()),
            Self::SwitchKeen(id, on) => {
                sqlx::query(text::SWITCH_KEEN).bind(id.to_string()).bind(on)
            }
            Self::InsertScoping(id, scoping) => sqlx::query(text::INSERT_SCOPING)
                .bind(id.to_string())
                .bind(scoping.secret.to_string())
                .bind(scoping.sealed.as_bytes()),
            Self::DeleteScoping(id) => sqlx::query(text::DELETE_SCOPING).bind(id.to_string()),
            Self::InsertPool(row, ordinal, name) => insert_pool(row, *ordinal, name),
            Self::UpdatePool(row, name) => sqlx::query(text::UPDATE_POOL)
                .bind(row.id.to_string())
                .bind(name)
                .bind(row.sealed())
                .bind(row.revision),
            Self::DeletePool(id) => sqlx::query(text::DELETE_POOL).bind(id.to_string()),
            Self::InsertView(row, ordinal, name) => insert_view(row, *ordinal, name),
            Self::UpdateView(row, name) => sqlx::query(text::UPDATE_VIEW)
                .bind(row.id.to_string())
                .bind(name)
                .bind(row.sealed())
                .bind(row.revision),
            Self::DeleteView(id) => sqlx::query(text::DELETE_VIEW).bind(id.to_string()),
            Self::InsertQuestion(row, ordinal, name) => insert_question(row, *ordinal, name),
            Self::UpdateQuestion(row, name) => sqlx::query(match row.noun {
                Question::Saved => text::UPDATE_SAVED,
                Question::Dataset => text::UPDATE_DATASET,
            })
            .bind(&row.id)
            .bind(name)
            .bind(row.sealed())
            .bind(row.changed_at.as_microsecond())
            .bind(row.revision),
            Self::DeleteQuestion(noun, id) => sqlx::query(match noun {
                Question::Saved => text::DELETE_SAVED,
                Question::Dataset => text::DELETE_DATASET,
            })
            .bind(id),
            Self::InsertKey(row, ordinal) => insert_key(row, *ordinal),
            Self::UpdateKey(row) => sqlx::query(text::UPDATE_KEY)
                .bind(row.id.to_string())
                .bind(row.sealed())
                .bind(row.disabled)
                .bind(row.revision),
            Self::DeleteKey(id) => sqlx::query(text::DELETE_KEY).bind(id.to_string()),
            Self::InsertSecret(key, secret) => secrets::insert(*key, secret),
            Self::DeleteSecretsOf(key) => sqlx::query(text::DELETE_SECRETS).bind(key.to_string()),
            Self::MarkDropped(pool, project) => dropped::insert(*pool, *project),
            Self::ForgetDropped(pool) => dropped::delete(*pool),
            Self::InsertSigning(key, known) => signing::insert(*key, known),
            Self::DeleteSigning(id) => signing::delete(*id),
            Self::DeleteSigningOf(key) => signing::delete_of(*key),
            Self::UseSigning(id, at) => signing::used(*id, *at),
            Self::SigningOnPage(id, at) => signing::on_page(*id, *at),
            Self::DeleteSecret(id) => sqlx::query(text::DELETE_SECRET).bind(id.to_string()),
            Self::EndSecret(secret) => secrets::end(secret),
            Self::Quarantine(id, held) => {
                let held = held.as_ref().map(|held| json::to_text(&held.to_value()));
                sqlx::query(text::QUARANTINE)
                    .bind(id.to_string())
                    .bind(held)
            }
            Self::InsertRepeat(row) => row.insert(),
            Self::ForgetRepeats(before) => {
                sqlx::query(text::FORGET_REPEATS).bind(before.as_microsecond())
            }
            Self::InsertAudit(..) | Self::Time(_) | Self::Batch(_) | Self::Network(_) => {
                unreachable!("written by several statements")
            }
            Self::UseKey(id, at) => sqlx::query(text::USE_KEY)
                .bind(id.to_string())
                .bind(at.as_microsecond()),
            Self::People(write) => write.query(),
            Self::UseSecret(id, at) => sqlx::query(text::USE_SECRET)
                .bind(id.to_string())
                .bind(at.as_microsecond()),
            Self::Charge(row) => sqlx::query(text::CHARGE)
                .bind(row.key.to_string())
                .bind(row.tier.name())
                .bind(row.day)
                .bind(row.spent)
                .bind(super::charges::seal_of(row)),
            Self::ForgetUsage(day) => sqlx::query(text::FORGET_USAGE).bind(*day),
            Self::ForgetCharges(day) => sqlx::query(text::FORGET_CHARGES).bind(*day),
            Self::Use(of, counts) => of_total(text::USE, of, *counts),
            Self::UsagePublished(of, counts) => of_total(text::USAGE_PUBLISHED, of, *counts),
            Self::ForgetUsageOf(id) => sqlx::query(text::FORGET_USAGE_OF).bind(id.to_string()),
            Self::UseDerived(row) => row.used(),
            Self::ChargeDerived(row, tier) => row.charged(*tier),
            Self::RevokeDerived(row) => row.revoked(),
            Self::TrimDerived => {
                let kept = i64::try_from(DERIVED_MAX).unwrap_or(i64::MAX);
                sqlx::query(text::TRIM_DERIVED).bind(kept)
            }
            Self::ForgetDerived(now) => {
                sqlx::query(text::FORGET_DERIVED).bind(now.as_microsecond())
            }
            Self::SecretOnPage(id, at) => sqlx::query(text::SECRET_ON_PAGE)
                .bind(id.to_string())
                .bind(at.as_microsecond()),
            Self::SecretFrom(id, from) => {
                let address = from.as_ref().and_then(|from| from.address);
                sqlx::query(text::SECRET_FROM)
                    .bind(id.to_string())
                    .bind(address.map(|address| address.to_string()))
                    .bind(from.as_ref().map(|from| from.agent.as_str()))
            }
            Self::KeyNetworks(id, networks) => sqlx::query(text::KEY_NETWORKS)
                .bind(id.to_string())
                .bind(json::to_text(&networks.to_value())),
            Self::Notice(id, of, seen) => notices::put(*id, of, seen),
            Self::TrimNotices(project, now) => notices::trim(*project, *now),
            Self::DismissNotice(id, at) => sqlx::query(text::DISMISS_NOTICE)
                .bind(id.to_string())
                .bind(at.as_microsecond()),
            Self::DeleteNoticesOf(id) => sqlx::query(text::DELETE_NOTICES).bind(id.to_string()),
        }
    }
}

fn insert_pool<'a>(row: &'a PoolRow, ordinal: i64, name: &'a str) -> Query<'a> {
    sqlx::query(text::INSERT_POOL)
        .bind(row.id.to_string())
        .bind(row.project.to_string())
        .bind(ordinal)
        .bind(name)
        .bind(row.sealed())
        .bind(row.created_at.as_microsecond())
        .bind(row.revision)
}

fn insert_view<'a>(row: &'a ViewRow, ordinal: i64, name: &'a str) -> Query<'a> {
    sqlx::query(text::INSERT_VIEW)
        .bind(row.id.to_string())
        .bind(row.project.to_string())
        .bind(row.pool.to_string())
        .bind(ordinal)
        .bind(name)
        .bind(row.sealed())
        .bind(row.created_at.as_microsecond())
        .bind(row.revision)
}

fn insert_question<'a>(row: &'a QuestionRow, ordinal: i64, name: &'a str) -> Query<'a> {
    sqlx::query(match row.noun {
        Question::Saved => text::INSERT_SAVED,
        Question::Dataset => text::INSERT_DATASET,
    })
    .bind(&row.id)
    .bind(row.project.to_string())
    .bind(ordinal)
    .bind(name)
    .bind(row.sealed())
    .bind(row.created_at.as_microsecond())
    .bind(row.changed_at.as_microsecond())
    .bind(row.revision)
}

fn insert_key(row: &KeyRow, ordinal: i64) -> Query<'_> {
    sqlx::query(text::INSERT_KEY)
        .bind(row.id.to_string())
        .bind(row.project.to_string())
        .bind(ordinal)
        .bind(row.sealed())
        .bind(row.disabled)
        .bind(&row.created_by)
        .bind(row.created_at.as_microsecond())
        .bind(row.revision)
}
