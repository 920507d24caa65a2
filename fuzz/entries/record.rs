//! What must hold for every body of bytes that is sent as a record.

use std::sync::Arc;

use model::grants::{Grant, GrantLookup, parse_grants};
use model::ids::{DatasetId, GrantId, KeyId, PoolId, ProjectId, SavedQueryId, ViewId};
use model::keys::{
    Circumstances, KeyDraft, KeyKind, KeyLimits, KeyParts, KeyRecord, Restrictions, SecretRecord,
};
use model::names::{FieldPath, Name};
use model::permit::{Access, Ingest, On};
use model::pools::{Pool, PoolDraft, Schema};
use model::random::SeededRandom;
use model::records::{Sent, SentRecord};
use model::secrets::{Pepper, Secret};
use model::time::Timestamp;
use model::value::Value;

const INJECTED: &str = "customer.id";
const GRANTS: [&str; 2] = [
    r#"[{"on":"pool:*","actions":["ingest"],"injections":{"customer.id":"93i","n":7}}]"#,
    r#"[{"on":"pool:*","actions":["ingest"],"injections":{"customer.id":"93i","n":7},"on_conflict":"reject"}]"#,
];
const POOLS: [&str; 3] = [
    r#"{"name":"a","schema":"open"}"#,
    r#"{"name":"b","schema":"open","fields":[{"name":"customer.id","type":"String"}]}"#,
    r#"{"name":"c","schema":"strict","fields":[{"name":"customer.id","type":"String"},
        {"name":"customer.name","type":"String"},{"name":"n","type":"Int8"},{"name":"tags","type":"Array(String)"}]}"#,
];

/// Checks the bytes as one body against every kind of pool and grant: every
/// record is stored with the injected values and nothing beside, above or
/// below them, or it is rejected; and as text behind itself it is stored just
/// so. Returns how many were stored.
pub(crate) fn check(bytes: &[u8]) -> usize {
    let Ok(sent) = model::json::parse(bytes) else {
        return 0;
    };
    let mut stored = 0;
    for grants in GRANTS {
        let access = access(grants);
        for pool in POOLS {
            let pool = pool_of(pool);
            stored += check_one(&access, &pool, sent.clone());
            check_text(&access, &pool, bytes, &sent);
        }
    }
    stored
}

fn check_one(access: &Access, pool: &Arc<Pool>, sent: Value) -> usize {
    let now = Timestamp::from_microsecond(1_700_000_000_000_000).expect("an instant of 2023");
    let Ok(permit) = access.permit::<Ingest>(On::Pool(Some(pool))) else {
        return 0;
    };
    let strict = pool.draft.schema.field("n").is_some();
    let batch = permit.admit([SentRecord::Ok(sent)], None, now, &SeededRandom::new(1));
    assert_eq!(batch.records().len() + batch.faults().len(), 1);
    for record in batch.records() {
        assert!(batch.holds_injections(record));
        assert_eq!(record.get(INJECTED), Some(&Value::from("93i")));
        assert_eq!(record.get("n"), Some(&Value::Integer(7)));
        let paths = record.paths().iter();
        let paths: Vec<&FieldPath> = paths.collect();
        assert!(paths.is_sorted(), "fields are in the order of their paths");
        for (index, path) in paths.iter().enumerate() {
            assert!(paths[index + 1..].iter().all(|other| !path.overlaps(other)));
            assert!(
                !strict || path.is_system() || pool.draft.schema.field(path.as_str()).is_some()
            );
        }
        assert!(record.values().iter().all(|value| !value.is_null()));
    }
    batch.records().len()
}

/// A record that is read when it is asked for.
struct Text<'a>(&'a [u8], &'a Value);

impl Sent for Text<'_> {
    fn json(&self) -> Option<&[u8]> {
        Some(self.0)
    }

    fn read(self) -> SentRecord {
        Ok(self.1.clone())
    }
}

/// A text that follows itself has the fields of the record before it.
fn check_text(access: &Access, pool: &Arc<Pool>, text: &[u8], sent: &Value) {
    let Ok(permit) = access.permit::<Ingest>(On::Pool(Some(pool))) else {
        return;
    };
    let now = Timestamp::from_microsecond(1_700_000_000_000_000).expect("an instant of 2023");
    let texts = permit.admit(
        [Text(text, sent), Text(text, sent)],
        None,
        now,
        &SeededRandom::new(1),
    );
    let values = [SentRecord::Ok(sent.clone()), Ok(sent.clone())];
    let values = permit.admit(values, None, now, &SeededRandom::new(1));
    assert_eq!(texts.records(), values.records());
    assert_eq!(texts.faults(), values.faults());
}

fn pool_of(definition: &str) -> Arc<Pool> {
    let definition = model::json::parse(definition.as_bytes()).expect("JSON");
    Arc::new(Pool {
        id: PoolId::from_bytes([1; 16]),
        draft: PoolDraft::parse(&definition).expect("a legal pool"),
        created_at: Timestamp::from_microsecond(0).expect("the epoch"),
        revision: 1,
    })
}

struct NoLookup;

impl GrantLookup for NoLookup {
    fn pool(&self, _: &Name) -> Option<(PoolId, Schema)> {
        None
    }

    fn view(&self, _: &Name) -> Option<(ViewId, Schema)> {
        None
    }

    fn saved_query(&self, _: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        None
    }

    fn dataset(&self, _: &Name) -> Option<(DatasetId, Option<Schema>)> {
        None
    }

    fn existing(&self, _: GrantId) -> Option<Grant> {
        None
    }

    fn fresh_id(&self) -> GrantId {
        GrantId::from_bytes([2; 16])
    }
}

fn access(grants: &str) -> Access {
    let now = Timestamp::from_microsecond(0).expect("the epoch");
    let grants = model::json::parse(grants.as_bytes()).expect("JSON");
    let pepper = Pepper::from_bytes([0; 32]);
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(2));
    let record = KeyRecord::restore(KeyParts {
        id: KeyId::from_bytes([3; 16]),
        project: ProjectId::from_bytes([4; 16]),
        draft: KeyDraft {
            name: "writer".to_owned(),
            description: String::new(),
            kind: KeyKind::Secret,
            grants: parse_grants(&grants, &NoLookup).expect("legal grants"),
            expires_at: None,
            restrictions: Restrictions::NONE,
            limits: KeyLimits::NONE,
            rotate_after: None,
            derived_tokens: false,
            issued_by: None,
            dialect: None,
        },
        disabled: false,
        secrets: vec![SecretRecord::fresh(&secret, &pepper, now)],
        within: None,
        created_by: "server".to_owned(),
        created_at: now,
        revision: 1,
    });
    record
        .verify(&secret, &pepper, &Circumstances::unknown(), now)
        .expect("the right secret")
}
