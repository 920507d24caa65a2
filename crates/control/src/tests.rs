//! The control plane over real SQLite files.

mod audit;
mod balance;
mod brought;
mod clock;
mod derived;
mod derived_history;
mod durability;
mod held;
mod isolation;
mod issuing;
mod keen;
mod keys;
mod killed_clock;
mod leaks;
mod ledger;
mod lives;
mod meters;
mod networks;
mod opening;
mod organization;
mod people;
mod pools;
mod questions;
mod reading;
mod register;
mod rolling;
mod scoped;
mod secrecy;
mod step_up;
mod tokens;
mod usage;
mod uses;
mod views;
mod whereabouts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::ids::ProjectId;
use model::json;
use model::keys::{Circumstances, KeyDraft, KeyRecord};
use model::permit::{Admin, On, Permit};
use model::pools::{Pool, PoolDraft};
use model::random::SeededRandom;
use model::secrets::{Pepper, Secret};
use model::time::{Clock, ManualClock, Timestamp};
use model::views::{View, ViewDraft};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;

use crate::{Control, ControlError, ControlOptions, Definitions};

/// A control plane on a file of its own, with its master key.
struct Plane {
    folder: TempDir,
    clock: Arc<ManualClock>,
    control: Arc<Control>,
    master: Secret,
}

fn options(clock: &Arc<ManualClock>, seed: u64) -> ControlOptions {
    ControlOptions {
        clock: Arc::clone(clock) as _,
        random: Arc::new(SeededRandom::new(seed)),
        pepper: Pepper::from_bytes([7; 32]),
    }
}

fn clock() -> Arc<ManualClock> {
    let now = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
    Arc::new(ManualClock::new(now))
}

impl Plane {
    /// Lets the next commit succeed and say that it failed.
    async fn loses_an_answer(&self, said: ControlError) {
        let mut writer = self.control.0.writer.lock().await;
        let crate::writer::Link::Open(store) = &mut writer.link else {
            panic!("the database is open");
        };
        store.lost_answer = Some(said);
    }

    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = clock();
        let control = Control::open(&folder.path().join("control.db"), options(&clock, 1))
            .await
            .expect("opens");
        let master = control.bootstrap().await.expect("succeeds");
        Self {
            folder,
            clock,
            control: Arc::new(control),
            master: master.expect("the database is empty"),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("control.db")
    }

    /// The same plane after a clean restart, with `between` run on the closed file.
    async fn restarted_after(self, between: &'static str) -> Self {
        self.control.close().await.expect("closes");
        sql(&self.file(), between).await;
        self.opened_again(2).await
    }

    async fn restarted(self) -> Self {
        self.restarted_after("").await
    }

    async fn opened_again(self, seed: u64) -> Self {
        let control = Control::open(&self.file(), options(&self.clock, seed)).await;
        Self {
            control: Arc::new(control.expect("opens again")),
            ..self
        }
    }

    fn admin(&self) -> Permit<Admin> {
        self.permit(&self.master)
    }

    fn permit(&self, secret: &Secret) -> Permit<Admin> {
        let access = self
            .control
            .authenticate(secret, &Circumstances::unknown())
            .expect("is let in");
        access.permit(On::Project).expect("administers")
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn project(&self) -> ProjectId {
        self.admin().access().project()
    }

    fn definitions(&self) -> Arc<Definitions> {
        self.control.definitions(self.project())
    }

    async fn pool(&self, name: &str) -> Arc<Pool> {
        let created = self.control.create_pool(&self.admin(), pool(name)).await;
        created.expect("a pool")
    }

    async fn view(&self, name: &str, pool: &str) -> Arc<View> {
        let draft = self.view_draft(name, pool);
        let created = self.control.create_view(&self.admin(), draft).await;
        created.expect("a view")
    }

    fn view_draft(&self, name: &str, pool: &str) -> ViewDraft {
        let text = format!(
            r#"{{"name":"{name}","pool":"{pool}","shape":"records","fields":[{{"field":"amount"}}]}}"#
        );
        let definitions = self.definitions();
        let schema = &definitions.pool(pool).expect("a pool").draft.schema;
        ViewDraft::parse(&value(&text), schema).expect("a view")
    }

    /// A draft with these grants, written as a client would.
    fn key_draft(&self, name: &str, grants: &str) -> KeyDraft {
        self.key_draft_over(name, grants, None)
    }

    fn key_draft_over(&self, name: &str, grants: &str, before: Option<&KeyRecord>) -> KeyDraft {
        let existing = before.map(|key| &**key.grants()).unwrap_or_default();
        let lookup = self.control.grant_lookup(self.project(), existing);
        let text = format!(r#"{{"name":"{name}","grants":{grants}}}"#);
        KeyDraft::parse(&value(&text), &lookup).expect("a key")
    }

    async fn key(&self, name: &str, grants: &str) -> (Arc<KeyRecord>, Secret) {
        let draft = self.key_draft(name, grants);
        let created = self.control.create_key(&self.admin(), draft).await;
        created.expect("a key")
    }

    /// A second project with its own master key.
    async fn other_project(&self) -> Permit<Admin> {
        let id = ProjectId::generate(
            Timestamp::EPOCH,
            &SeededRandom::new(u64::from_be_bytes(*b"other!!!")),
        );
        let control = &self.control;
        let made = control.change_as(crate::audit::Author::server(), id, |change| {
            control.make_project(change, "other")
        });
        self.permit(&made.await.expect("a project"))
    }

    /// The actions of the audit, oldest first, each with the subject's name.
    async fn audit(&self) -> Vec<(String, String)> {
        let entries = self.control.audit_entries(&self.admin(), 1_000).await;
        let entries = entries.expect("can be read").into_iter().rev();
        entries.map(|e| (e.action, e.subject_name)).collect()
    }

    /// Everything that the project defines, as text.
    fn picture(&self) -> String {
        let definitions = self.definitions();
        format!(
            "{:#?}\n{:#?}\n{:#?}",
            definitions.pools().collect::<Vec<_>>(),
            definitions.views().collect::<Vec<_>>(),
            definitions.keys().collect::<Vec<_>>(),
        )
    }
}

fn value(text: &str) -> model::value::Value {
    json::parse(text.as_bytes()).expect("JSON")
}

fn pool(name: &str) -> PoolDraft {
    pool_of(
        name,
        r#"[{"name":"amount","type":"Int64"},{"name":"customer.id","type":"String"}]"#,
    )
}

fn pool_of(name: &str, fields: &str) -> PoolDraft {
    let text = format!(
        r#"{{"name":"{name}","schema":"strict","fields":{fields},"isolation_field":"customer.id"}}"#
    );
    PoolDraft::parse(&value(&text)).expect("a pool")
}

/// Runs statements on a file that nobody has open.
async fn sql(file: &Path, statements: &'static str) {
    let mut connection = raw(file).await;
    sqlx::raw_sql(statements)
        .execute(&mut connection)
        .await
        .expect("the statements run");
    connection.close().await.expect("closes");
}

async fn raw(file: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    options.connect().await.expect("opens")
}

async fn count(file: &Path, table: &str) -> i64 {
    let mut connection = raw(file).await;
    let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
        .fetch_one(&mut connection)
        .await
        .expect("counts");
    connection.close().await.expect("closes");
    count
}

fn fault<T: std::fmt::Debug>(result: Result<T, ControlError>) -> (FaultCode, String) {
    match result {
        Err(ControlError::Fault(Fault { code, pointer, .. })) => (code, pointer),
        other => panic!("a fault was expected, not {other:?}"),
    }
}

const ADMIN: &str = r#"{"on":"project","actions":["admin"]}"#;
