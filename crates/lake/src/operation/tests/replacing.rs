//! What replaces what, as bytes.

use model::ids::RawId;
use model::names::FieldPath;
use roaring::RoaringBitmap;

use super::*;
use crate::journal::Position;
use crate::tables::{FileEntry, FileId, IndexEntry, Lease, Replaced, SortedBy};

const UNIQUE: &str = r#"{"name":"u","schema":"open","isolation_field":"c","unique":["id"],
    "fields":[{"name":"c","type":"String"},{"name":"id","type":"Int64"}]}"#;

fn injected(values: &[(&str, &str)]) -> Stored {
    let pool = pool(1, UNIQUE);
    let values = values
        .iter()
        .map(|(name, value)| (path(name), Value::from(*value)));
    let caller = injecting(1, values.collect());
    let batch = admit(
        &caller,
        &pool,
        &json(r#"[{"c":"a","id":1,"x":2}]"#),
        None,
        noon(),
    );
    assert_eq!(batch.records().len(), 1, "{:?}", batch.faults());
    let payload = bytes_of(&batch);
    check_flips(&payload, 1);
    assert!(is_of_records(&payload));
    decode(&payload).unwrap()
}

#[test]
fn what_a_key_injects_beside_the_unique_fields_is_read_back() {
    let paths = |stored| match stored {
        Stored::Append { injected, .. } => injected,
        other => panic!("{other:?}"),
    };
    assert_eq!(paths(injected(&[])), []);
    assert_eq!(paths(injected(&[("c", "b")])), []);
    let two = paths(injected(&[("z", "1"), ("c", "b"), ("r", "2")]));
    assert_eq!(two, [path("r"), path("z")]);
}

fn entry(replaced: Option<Replaced>) -> FileEntry {
    FileEntry {
        id: FileId(RawId::from_bytes([7; 16])),
        level: 1,
        run: 2,
        rows: 300_000,
        bytes: 4,
        digest: [5; 32],
        index: IndexEntry {
            bytes: 6,
            digest: [7; 32],
        },
        sorted_by: SortedBy {
            isolation: Some(path("c")),
            time: FieldPath::ingested_at(),
        },
        isolation: None,
        time: None,
        cleaned: Position::new(8),
        replaced,
        lease: Lease::default(),
    }
}

#[test]
fn replaced_rows_are_read_back_and_files_without_some_are_written_as_before() {
    let rows: RoaringBitmap = [0, 7, 65_536, 299_999].into_iter().collect();
    let replaced = Replaced {
        rows: Arc::new(rows),
        since: noon(),
    };
    for (added, version) in [
        (vec![entry(None)], manifest::VERSION),
        (
            vec![entry(None), entry(Some(replaced))],
            manifest::WITH_REPLACED,
        ),
    ] {
        let change = ManifestChange {
            mark: Some(Position::new(9)),
            removed: Vec::new(),
            added: added.clone(),
        };
        let mut payload = Vec::new();
        encode_commit(TYPED.id, &change, &mut payload);
        assert_eq!(payload[0], version);
        assert!(!is_of_records(&payload));
        let pool = TYPED.id;
        assert_eq!(decode(&payload), Ok(Stored::Commit { pool, change }));
        let manifest = Manifest {
            files: Arc::new(added.into_iter().map(Arc::new).collect()),
            ..Manifest::default()
        };
        payload.clear();
        encode_state(TYPED.id, &manifest, &mut payload);
        assert_eq!(payload[0], version);
        assert_eq!(decode(&payload), Ok(Stored::State { pool, manifest }));
        for end in 0..payload.len() {
            assert!(decode(&payload[..end]).is_err(), "{end} bytes");
        }
    }
}
