//! Operations on files: what is written is read back, and damage does no harm.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::{KeyId, RawId};
use model::names::ColumnName;
use proptest::strategy::ValueTree as _;
use roaring::RoaringBitmap;

use super::*;
use crate::journal::Position;
use crate::manifest::Removal;
use crate::operation::manifest::WITH_REPLACED;
use crate::tables::{
    FileEntry, FileId, IndexEntry, KeyRange, Lease, Leased, Replaced, SortedBy, TimeRange,
};

fn any_time() -> impl Strategy<Value = Timestamp> {
    // From year 1 to year 9999.
    let range = -62_135_596_800_000_000_i64..=253_402_300_799_999_999;
    prop_oneof![
        Just(noon()),
        range.prop_filter_map("a time", Timestamp::from_microsecond)
    ]
}

fn any_position() -> impl Strategy<Value = Position> {
    prop_oneof![0_u64..1_000, any::<u64>()].prop_map(Position::new)
}

/// A mark is never that of no operation.
fn any_mark() -> impl Strategy<Value = Option<Position>> {
    prop::option::of(1_u64..).prop_map(|mark| mark.map(Position::new))
}

fn any_id() -> impl Strategy<Value = FileId> {
    any::<[u8; 16]>().prop_map(|bytes| FileId(RawId::from_bytes(bytes)))
}

fn any_column() -> impl Strategy<Value = FieldPath> {
    let names = vec![
        "customer",
        "customer.id",
        "größe",
        "at._2",
        "_ingested_at",
        "_id",
    ];
    prop::sample::select(names).prop_map(|name| ColumnName::parse(name).unwrap().to_path())
}

fn any_bytes() -> impl Strategy<Value = Box<[u8]>> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Into::into)
}

/// Rows as few, as runs and as many of one part: each is written otherwise.
fn any_rows() -> impl Strategy<Value = RoaringBitmap> {
    let run =
        (0..200_000_u32, 1..70_000_u32).prop_map(|(from, count)| (from..from + count).collect());
    let some = prop::collection::vec(prop_oneof![0..300_u32, any::<u32>()], 0..40);
    let each = (1..7_usize).prop_map(|step| (0..60_000_u32).step_by(step).collect());
    prop_oneof![4 => some.prop_map(|rows| rows.into_iter().collect()), 1 => run, 1 => each]
}

fn any_replaced() -> impl Strategy<Value = Replaced> {
    (any_rows(), any_time()).prop_map(|(rows, since)| Replaced {
        rows: Arc::new(rows),
        since,
    })
}

fn any_file() -> impl Strategy<Value = FileEntry> {
    let numbers = (any_id(), any::<u8>(), any::<[u64; 3]>(), any::<[u8; 32]>());
    let index = (any::<u64>(), any::<[u8; 32]>());
    let index = index.prop_map(|(bytes, digest)| IndexEntry { bytes, digest });
    let sorted_by = (prop::option::of(any_column()), any_column());
    let sorted_by = sorted_by.prop_map(|(isolation, time)| SortedBy { isolation, time });
    let isolation = (any_bytes(), any_bytes()).prop_map(|(min, max)| KeyRange { min, max });
    let time = (any::<i64>(), any::<i64>(), any::<bool>());
    let time = time.prop_map(|(min, max, missing)| TimeRange { min, max, missing });
    let ranges = (prop::option::of(isolation), prop::option::of(time));
    let state = (any_position(), prop::option::weighted(0.3, any_replaced()));
    (numbers, index, sorted_by, ranges, state).prop_map(
        |((id, level, [run, rows, bytes], digest), index, sorted_by, (isolation, time), state)| {
            FileEntry {
                id,
                level,
                run,
                rows,
                bytes,
                digest,
                index,
                sorted_by,
                isolation,
                time,
                cleaned: state.0,
                replaced: state.1,
                lease: Lease::default(),
            }
        },
    )
}

fn any_change() -> impl Strategy<Value = ManifestChange> {
    let removed = prop::collection::vec(any_id(), 0..4);
    let added = prop::collection::vec(any_file(), 0..4);
    (any_mark(), removed, added).prop_map(|(mark, removed, added)| ManifestChange {
        mark,
        removed,
        added,
    })
}

/// The filter as it is read back: whole numbers are whole, however they were written.
fn plain(filter: Filter) -> Filter {
    let all = |parts: Vec<Filter>| parts.into_iter().map(plain).collect();
    match filter {
        Filter::All(parts) => Filter::All(all(parts)),
        Filter::Any(parts) => Filter::Any(all(parts)),
        Filter::Not(part) => Filter::Not(Box::new(plain(*part))),
        Filter::Compare(one) => {
            let value = model::canonical::decode(&model::canonical::to_bytes(one.value()));
            let (field, operator) = (one.field().clone(), one.operator());
            Filter::Compare(Comparison::restore(field, operator, value.unwrap()))
        }
    }
}

fn any_removal() -> impl Strategy<Value = Removal> {
    let any_filter = || any_filter().prop_map(plain);
    let rows = prop::option::of(any_filter());
    let rows = rows.prop_map(|rows| rows.map_or(Constraint::AllRows, Constraint::Rows));
    let filter = prop::option::of(any_filter());
    (any_position(), any_time(), rows, filter)
        .prop_map(|(position, at, rows, filter)| Removal::new(position, at, rows, filter))
}

fn any_manifest() -> impl Strategy<Value = Manifest> {
    let obsolete = prop::collection::btree_set(any_id(), 0..4);
    let files = prop::collection::vec(any_file(), 0..4);
    let removals = prop::collection::vec(any_removal(), 0..3);
    (any_mark(), obsolete, files, removals).prop_map(
        |(mark, obsolete, files, removals): (_, BTreeSet<FileId>, Vec<_>, Vec<_>)| Manifest {
            mark,
            obsolete: obsolete
                .into_iter()
                .map(|id| (id, Leased::default()))
                .collect::<BTreeMap<_, _>>(),
            files: Arc::new(files.into_iter().map(Arc::new).collect()),
            removals: Arc::new(removals.into_iter().map(Arc::new).collect()),
        },
    )
}

fn any_fault() -> impl Strategy<Value = RecordFault> {
    use RecordFaultCode as Code;
    let code = prop::sample::select(vec![
        Code::MalformedRecord,
        Code::NotAnObject,
        Code::DuplicateMember,
        Code::InvalidName,
        Code::UnknownField,
        Code::WrongType,
        Code::MissingField,
        Code::InjectionConflict,
        Code::TooLarge,
    ]);
    let field = prop::option::of("\\PC{0,9}");
    (0..100_000_usize, code, field, "\\PC{0,20}").prop_map(|(index, code, field, message)| {
        RecordFault {
            index,
            code,
            field,
            message,
        }
    })
}

fn any_answer() -> impl Strategy<Value = (IdempotencyTag, SavedAnswer)> {
    let tag = (any::<[u8; 16]>(), any::<[u8; 16]>(), "\\PC{0,20}");
    let tag = tag.prop_map(|(pool, key, text)| IdempotencyTag {
        pool: PoolId::from_bytes(pool),
        key: KeyId::from_bytes(key),
        text,
    });
    let faults = prop::collection::vec(any_fault(), 0..4);
    let answer = (any::<[u8; 32]>(), any_time(), any::<[u64; 2]>(), faults);
    let answer = answer.prop_map(
        |(fingerprint, at, [accepted, rejected], faults)| SavedAnswer {
            fingerprint,
            at,
            accepted,
            rejected,
            faults,
        },
    );
    (tag, answer)
}

/// An operation on files.
fn any_stored() -> impl Strategy<Value = Stored> {
    let pool = || any::<[u8; 16]>().prop_map(PoolId::from_bytes);
    prop_oneof![
        (pool(), any_change()).prop_map(|(pool, change)| Stored::Commit { pool, change }),
        (pool(), any_manifest()).prop_map(|(pool, manifest)| Stored::State { pool, manifest }),
        prop::collection::vec(any_answer(), 0..5).prop_map(Stored::Answers),
        prop::collection::vec(pool(), 0..20).prop_map(Stored::Dropped),
    ]
}

fn payload_of(stored: &Stored) -> Vec<u8> {
    let mut out = Vec::new();
    match stored {
        Stored::Commit { pool, change } => encode_commit(*pool, change, &mut out),
        Stored::State { pool, manifest } => encode_state(*pool, manifest, &mut out),
        Stored::Answers(answers) => {
            let answers: Vec<_> = answers.iter().map(|(tag, answer)| (tag, answer)).collect();
            encode_answers(&answers, &mut out);
        }
        Stored::Dropped(pools) => encode_dropped(pools, &mut out),
        other => panic!("{other:?} is of records"),
    }
    out
}

proptest! {
    #![proptest_config(config(300, 20_000))]

    #[test]
    fn an_operation_on_files_is_read_back_as_it_was(stored in any_stored()) {
        let payload = payload_of(&stored);
        prop_assert!(!is_of_records(&payload));
        prop_assert_eq!(&decode(&payload).unwrap(), &stored);
        // Of long ones some ends.
        for end in (0..payload.len()).step_by(payload.len() / 500 + 1) {
            prop_assert!(decode(&payload[..end]).is_err());
        }
        prop_assert!(decode(&[&payload[..], &[0]].concat()).is_err());
    }

    #[test]
    fn damaged_bytes_of_files_do_no_harm(
        stored in any_stored(), hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut payload = payload_of(&stored);
        for (at, byte) in hits {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        // What can still be read is an operation, and can be written again.
        if let Ok(read) = decode(&payload) && !is_of_records(&payload) {
            prop_assert_eq!(decode(&payload_of(&read)).unwrap(), read);
        }
    }

    #[test]
    fn arbitrary_bytes_of_files_do_no_harm(
        kind in 4_u8..=8, replaced in any::<bool>(), rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let version = if replaced { WITH_REPLACED } else { 2 };
        let _any = decode(&[&[version, kind], &rest[..]].concat());
    }
}

/// The proofs above have teeth: a form without one of the members is found out.
#[test]
fn a_mutant_that_forgets_a_member_is_not_read_back() {
    type Forget = (&'static str, fn(&mut FileEntry));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let forgets: [Forget; 6] = [
        ("the level", |file| file.level = 0),
        ("the index", |file| file.index.digest = [0; 32]),
        ("the isolation range", |file| file.isolation = None),
        ("that times are missing", |file| {
            file.time = file.time.map(|time| TimeRange {
                missing: false,
                ..time
            })
        }),
        ("what is carried out", |file| file.cleaned = Position::FIRST),
        ("what was replaced", |file| file.replaced = None),
    ];
    for (what, forget) in forgets {
        let mut is_found = false;
        for _ in 0..100 {
            let file = any_file().new_tree(&mut runner).unwrap().current();
            let mut mutant = file.clone();
            forget(&mut mutant);
            let written = |file: &FileEntry| ManifestChange {
                added: vec![file.clone()],
                ..ManifestChange::default()
            };
            let mut payload = Vec::new();
            encode_commit(TYPED.id, &written(&mutant), &mut payload);
            let change = written(&file);
            is_found |= decode(&payload)
                != Ok(Stored::Commit {
                    pool: TYPED.id,
                    change,
                });
        }
        assert!(is_found, "{what} can be forgotten");
    }
}
