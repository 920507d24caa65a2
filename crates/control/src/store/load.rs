//! Everything that the database holds, read at the start.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use model::fault::Fault;
use model::ids::{IdError, KeyId, OrganizationId, PoolId, ProjectId, ViewId};
use model::json;
use model::keys::{KeyRecord, SecretRecord, SeenNetworks};
use model::secrets::{SealedSecret, SecretId};
use model::time::Timestamp;
use model::value::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::questions::{Question, QuestionRow};
use super::rows::{KeyRow, PoolRow, ViewRow};
use super::sealed::SealedRow as _;
use super::secrets::{secret, secret_id, used_from};
use super::signing::Signing;
use super::{DerivedRow, LoadedPeople, Store, failed, text};
use crate::callers::UsedFrom;
use crate::definitions::{Definitions, ProjectRecord};
use crate::error::{ControlError, InternalError};
use crate::scoped::Scoping;

const LOADING: &str = "reading the control plane's database";

/// What the database holds.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Each project with its definitions, oldest first.
    pub(crate) projects: Vec<(ProjectId, Definitions)>,
    /// Every key of every project, with what is known of its use.
    pub(crate) keys: Vec<LoadedKey>,
    /// Everybody, with sessions and invitations.
    pub(crate) people: LoadedPeople,
    /// The next ordinal that is free.
    pub(crate) ordinal: i64,
    /// The latest time that was known.
    pub(crate) high: Timestamp,
    /// What is known of derived tokens.
    pub(crate) derived: Vec<DerivedRow>,
}

/// A key with what is known of its use.
#[derive(Debug)]
pub(crate) struct LoadedKey {
    pub(crate) key: Arc<KeyRecord>,
    pub(crate) last_used: Option<Timestamp>,
    pub(crate) networks: SeenNetworks,
    pub(crate) secrets: Vec<LoadedSecret>,
}

/// What is known of a secret's use.
#[derive(Debug)]
pub(crate) struct LoadedSecret {
    pub(crate) id: SecretId,
    pub(crate) last_used: Option<Timestamp>,
    pub(crate) used_from: Option<UsedFrom>,
    /// When it came from a page, where it must not be.
    pub(crate) on_page: Option<Timestamp>,
    /// Whether it is a signing secret.
    pub(crate) signs: bool,
}

/// The secrets and signing secrets of keys.
#[derive(Default)]
struct Secrets {
    secrets: HashMap<KeyId, Vec<(SecretRecord, LoadedSecret)>>,
    signing: Signing,
}

impl Store {
    /// Reads everything.
    pub(crate) async fn load(&mut self) -> Result<Loaded, ControlError> {
        let last_audit: i64 = sqlx::query_scalar(text::SELECT_LAST_AUDIT)
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed(LOADING))?;
        let high: i64 = sqlx::query_scalar(text::SELECT_TIME)
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed(LOADING))?;
        let mut loading = Loading {
            loaded: Loaded {
                projects: Vec::new(),
                keys: Vec::new(),
                people: LoadedPeople::default(),
                ordinal: last_audit + 1,
                high: Timestamp::from_microsecond(high).unwrap_or(Timestamp::EPOCH),
                derived: self.load_derived().await?,
            },
            places: HashMap::new(),
        };
        for row in self.rows(text::SELECT_PROJECTS).await? {
            let project = ProjectRecord {
                name: column(&row, 1)?,
                keen: column(&row, 2)?,
                scoping: None,
                storage_bytes: column::<Option<i64>>(&row, 4)?
                    .and_then(|bytes| u64::try_from(bytes).ok()),
                organization: Some(id(&row, 3, OrganizationId::parse)?),
            };
            loading.project(id(&row, 0, ProjectId::parse)?, project);
        }
        for row in self.rows(text::SELECT_SCOPING).await? {
            loading.scoping(&row)?;
        }
        for row in self.rows(text::SELECT_POOLS).await? {
            loading.pool(&row)?;
        }
        for row in self.rows(text::SELECT_VIEWS).await? {
            loading.view(&row)?;
        }
        for (noun, sql) in [
            (Question::Saved, text::SELECT_SAVED),
            (Question::Dataset, text::SELECT_DATASET),
        ] {
            for row in self.rows(sql).await? {
                loading.question(noun, &row)?;
            }
        }
        let mut secrets = Secrets {
            signing: self.load_signing().await?,
            ..Secrets::default()
        };
        for row in self.rows(text::SELECT_SECRETS).await? {
            let key = id(&row, 1, KeyId::parse)?;
            let record = secret(&row)?;
            let loaded = LoadedSecret {
                id: record.id,
                last_used: optional_time(&row, 7)?,
                used_from: used_from(&row)?,
                on_page: optional_time(&row, 10)?,
                signs: false,
            };
            secrets
                .secrets
                .entry(key)
                .or_default()
                .push((record, loaded));
        }
        for row in self.rows(text::SELECT_KEYS).await? {
            loading.key(&row, &mut secrets)?;
        }
        let people = self.load_people(|ordinal| loading.takes_ordinal(ordinal));
        let people = people.await?;
        loading.loaded.people = people;
        Ok(loading.loaded)
    }

    pub(super) async fn rows(&mut self, sql: &'static str) -> Result<Vec<SqliteRow>, ControlError> {
        sqlx::query(sql)
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed(LOADING))
    }
}

struct Loading {
    loaded: Loaded,
    places: HashMap<ProjectId, usize>,
}

impl Loading {
    fn project(&mut self, project: ProjectId, record: ProjectRecord) {
        self.places.insert(project, self.loaded.projects.len());
        let mut definitions = Definitions::of_project(project);
        definitions.put_project(record);
        self.loaded.projects.push((project, definitions));
    }

    fn scoping(&mut self, row: &SqliteRow) -> Result<(), ControlError> {
        let scoping = Scoping {
            key: id(row, 2, KeyId::parse)?,
            secret: secret_id(column(row, 1)?)?,
            sealed: SealedSecret::from_bytes(column(row, 3)?),
        };
        let definitions = self.definitions(id(row, 0, ProjectId::parse)?)?;
        definitions.put_project(ProjectRecord {
            scoping: Some(scoping),
            ..definitions.project().clone()
        });
        Ok(())
    }

    fn definitions(&mut self, project: ProjectId) -> Result<&mut Definitions, ControlError> {
        let place = self.places.get(&project).copied();
        let place = place.ok_or_else(|| damaged("project", project, "it is not there"))?;
        Ok(&mut self.loaded.projects[place].1)
    }

    fn takes_ordinal(&mut self, ordinal: i64) {
        self.loaded.ordinal = self.loaded.ordinal.max(ordinal + 1);
    }

    fn pool(&mut self, row: &SqliteRow) -> Result<(), ControlError> {
        let stored = PoolRow {
            id: id(row, 0, PoolId::parse)?,
            project: id(row, 1, ProjectId::parse)?,
            definition: column(row, 4)?,
            created_at: time(row, 5)?,
            revision: column(row, 6)?,
        };
        let stored = stored.unsealed()?;
        let pool = stored
            .read()
            .map_err(|f| unreadable("pool", stored.id, f))?;
        self.takes_ordinal(column(row, 2)?);
        self.definitions(stored.project)?.put_pool(Arc::new(pool));
        Ok(())
    }

    fn view(&mut self, row: &SqliteRow) -> Result<(), ControlError> {
        let stored = ViewRow {
            id: id(row, 0, ViewId::parse)?,
            project: id(row, 1, ProjectId::parse)?,
            pool: id(row, 2, PoolId::parse)?,
            definition: column(row, 5)?,
            created_at: time(row, 6)?,
            revision: column(row, 7)?,
        };
        let stored = stored.unsealed()?;
        self.takes_ordinal(column(row, 3)?);
        let definitions = self.definitions(stored.project)?;
        let pool = definitions
            .pool_by_id(stored.pool)
            .ok_or_else(|| damaged("view", stored.id, "its pool is not there"))?;
        let view = stored
            .read(&pool.draft.schema)
            .map_err(|f| unreadable("view", stored.id, f))?;
        definitions.put_view(Arc::new(view));
        Ok(())
    }

    fn question(&mut self, noun: Question, row: &SqliteRow) -> Result<(), ControlError> {
        let stored = QuestionRow {
            noun,
            id: column(row, 0)?,
            project: id(row, 1, ProjectId::parse)?,
            definition: column(row, 3)?,
            created_at: time(row, 4)?,
            changed_at: time(row, 5)?,
            revision: column(row, 6)?,
        };
        let stored = stored.unsealed()?;
        self.takes_ordinal(column(row, 2)?);
        let definitions = self.definitions(stored.project)?;
        let unreadable = |fault| unreadable("question", &stored.id, fault);
        match noun {
            Question::Saved => {
                definitions.put_saved(Arc::new(stored.read_saved().map_err(unreadable)?));
            }
            Question::Dataset => {
                definitions.put_dataset(Arc::new(stored.read_dataset().map_err(unreadable)?));
            }
        }
        Ok(())
    }

    fn key(&mut self, row: &SqliteRow, secrets: &mut Secrets) -> Result<(), ControlError> {
        let stored = KeyRow {
            id: id(row, 0, KeyId::parse)?,
            project: id(row, 1, ProjectId::parse)?,
            definition: column(row, 3)?,
            disabled: column(row, 4)?,
            created_by: column(row, 5)?,
            created_at: time(row, 6)?,
            revision: column(row, 8)?,
        };
        let stored = stored.unsealed()?;
        let ordinal = column(row, 2)?;
        let signing = secrets.signing.remove(&stored.id).unwrap_or_default();
        let secrets = secrets.secrets.remove(&stored.id).unwrap_or_default();
        let (secrets, mut loaded_secrets): (_, Vec<LoadedSecret>) = secrets.into_iter().unzip();
        let (signing, loaded_signing): (_, Vec<LoadedSecret>) = signing.into_iter().unzip();
        loaded_secrets.extend(loaded_signing);
        let key = stored
            .read(secrets, signing)
            .map_err(|f| unreadable("key", stored.id, f))?;
        let key = Arc::new(key);
        self.takes_ordinal(ordinal);
        self.definitions(stored.project)?
            .put_key(ordinal, Arc::clone(&key));
        self.loaded.keys.push(LoadedKey {
            key,
            last_used: optional_time(row, 7)?,
            networks: networks(row)?,
            secrets: loaded_secrets,
        });
        Ok(())
    }
}

fn networks(row: &SqliteRow) -> Result<SeenNetworks, ControlError> {
    let stored: Option<String> = column(row, 9)?;
    let stored = stored.and_then(|stored| json::parse(stored.as_bytes()).ok());
    Ok(SeenNetworks::restore(&stored.unwrap_or(Value::Null)))
}

pub(super) fn column<'r, T>(row: &'r SqliteRow, index: usize) -> Result<T, ControlError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(index).map_err(failed(LOADING))
}

pub(super) fn id<T>(
    row: &SqliteRow,
    index: usize,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Result<T, ControlError> {
    let text: String = column(row, index)?;
    parse(&text).map_err(|error| InternalError::caused(LOADING, error).into())
}

pub(super) fn bytes(row: &SqliteRow, index: usize) -> Result<[u8; 32], ControlError> {
    let bytes: Vec<u8> = column(row, index)?;
    bytes
        .try_into()
        .map_err(|_| InternalError::new("a stored digest has not 32 bytes").into())
}

pub(super) fn time(row: &SqliteRow, index: usize) -> Result<Timestamp, ControlError> {
    Timestamp::from_microsecond(column(row, index)?)
        .ok_or_else(|| InternalError::new("a stored time is out of range").into())
}

pub(super) fn optional_time(
    row: &SqliteRow,
    index: usize,
) -> Result<Option<Timestamp>, ControlError> {
    Ok(match column::<Option<i64>>(row, index)? {
        None => None,
        Some(_) => Some(time(row, index)?),
    })
}

pub(super) fn unreadable(kind: &str, id: impl Display, fault: Fault) -> ControlError {
    let place = format!("{kind} {id} cannot be read, at {:?}", fault.pointer);
    InternalError::caused(place, fault).into()
}

pub(super) fn damaged(kind: &str, id: impl Display, what: &str) -> ControlError {
    InternalError::new(format!("the stored {kind} {id} is damaged: {what}")).into()
}
