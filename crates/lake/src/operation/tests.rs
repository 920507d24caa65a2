//! The payloads of the journal: what is written is read back, what is damaged does no harm, and
//! what was written once is read for ever.

mod files;
mod parts;
mod replacing;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use model::answers::AppendReceipt;
use model::filters::{Comparison, Operator};
use model::permit::{AdmittedBatch, ConstrainedDelete, Idempotency};
use model::pools::Pool;
use model::records::RecordFaultCode;
use model::value::Object;
use proptest::prelude::*;

use super::*;
use crate::error::LakeError;
use crate::lake::tests::fixtures::{
    access, admit, cases, constrained, deleting, filter, injecting, json, noon, open_pool, path,
    pool,
};
use crate::manifest::by_columns;

const EVERY_TYPE: &str = r#"{"name":"typed","schema":"open","fields":[
    {"name":"i8","type":"Int8"},{"name":"i16","type":"Int16"},{"name":"i32","type":"Int32"},
    {"name":"i64","type":"Int64"},{"name":"u8","type":"UInt8"},{"name":"u16","type":"UInt16"},
    {"name":"u32","type":"UInt32"},{"name":"u64","type":"UInt64"},{"name":"f32","type":"Float32"},
    {"name":"f64","type":"Float64"},{"name":"text.of","type":"String"},
    {"name":"truth","type":"Boolean"},{"name":"day","type":"Date"},{"name":"at","type":"DateTime"},
    {"name":"uuid","type":"UUID"},{"name":"list","type":"Array(Int64)"},
    {"name":"days","type":"Array(Date)"}]}"#;

static TYPED: LazyLock<Arc<Pool>> = LazyLock::new(|| pool(1, EVERY_TYPE));

/// The answer to a batch, with all its faults.
fn whole_receipt(batch: &AdmittedBatch) -> AppendReceipt {
    AppendReceipt {
        accepted: batch.records().len() as u64,
        rejected: batch.faults().len() as u64,
        faults: batch.faults().to_vec(),
        repeated: false,
        saved_at: None,
    }
}

fn bytes_of(batch: &AdmittedBatch) -> Vec<u8> {
    let mut payload = Vec::new();
    encode_append(batch, &whole_receipt(batch), &mut payload).unwrap();
    payload
}

fn delete_bytes(delete: &ConstrainedDelete) -> Vec<u8> {
    let mut payload = Vec::new();
    encode_delete(delete, &mut payload);
    payload
}

/// A value that JSON can say.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(|n| Value::Integer(n.into())),
        any::<u64>().prop_map(|n| Value::Integer(n.into())),
        (-300_i32..300).prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", Value::float),
        "\\PC{0,12}".prop_map(Value::from),
        Just(Value::from("2026-03-01")),
        Just(Value::from("2026-03-01T12:00:00.000001Z")),
        Just(Value::from("018f3c5e-7b7a-7cc2-9d5b-1f2a3b4c5d6e")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-c]{1,2}", inner, 0..4).prop_map(|members| {
                Value::Object(Object::from_members(members.into_iter().collect()).unwrap())
            }),
        ]
    })
}

/// A record, whose fields may fit the pool's or not.
fn any_record() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "text.of", "truth",
        "day", "at", "uuid", "list", "days", "x", "x.y", "größe", "z",
    ]);
    prop::collection::btree_map(names, any_value(), 0..6).prop_map(|members| {
        let members = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(Object::from_members(members.collect()).unwrap())
    })
}

fn any_batch() -> impl Strategy<Value = AdmittedBatch> {
    let records = prop::collection::vec(any_record(), 0..6);
    let idempotency = prop::option::of(("\\PC{1,9}", any::<[u8; 32]>()));
    (records, idempotency, any::<bool>()).prop_map(|(records, idempotency, injects)| {
        let caller = if injects {
            injecting(
                7,
                vec![
                    (path("who.is"), Value::from("them")),
                    (path("x"), Value::from(1)),
                ],
            )
        } else {
            access(3)
        };
        let idempotency = idempotency.map(|(key, fingerprint)| Idempotency { key, fingerprint });
        admit(&caller, &TYPED, &Value::Array(records), idempotency, noon())
    })
}

/// Any tree, also such as no request can bring.
fn any_filter() -> impl Strategy<Value = Filter> {
    let field = prop::sample::select(vec!["i64", "text.of", "x.y", "_id", "_key", "größe"]);
    let operator = prop::sample::select(Operator::ALL.to_vec());
    let leaf = (field, operator, any_value()).prop_map(|(field, operator, value)| {
        Filter::Compare(Comparison::restore(path(field), operator, value))
    });
    leaf.prop_recursive(40, 60, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

fn any_delete() -> impl Strategy<Value = ConstrainedDelete> {
    let asked = prop_oneof![
        Just(None),
        Just(Some(filter(
            r#"{"any":[{"field":"i8","operator":"in","value":[1,2]},
            {"not":{"field":"x","operator":"regex","value":"^a"}}]}"#
        ))),
    ];
    let rows = prop_oneof![
        Just(vec![Constraint::AllRows]),
        prop::collection::vec(any_filter().prop_map(Constraint::Rows), 1..4),
    ];
    (rows, asked).prop_map(|(rows, asked)| deleting(&constrained(1, rows), &TYPED, asked))
}

/// The fields of a record with each value in the form that has one spelling for one meaning.
fn meaning(record: &Record) -> BTreeMap<FieldPath, Vec<u8>> {
    let fields = record.fields();
    fields
        .map(|(path, value)| (path.clone(), model::canonical::to_bytes(value)))
        .collect()
}

/// What the payload of a batch is read back as is what was admitted.
fn check_append(stored: &Stored, batch: &AdmittedBatch) {
    let Stored::Append {
        pool,
        records,
        injected,
        saved,
        at,
        tokens,
    } = stored
    else {
        panic!("{stored:?}")
    };
    assert_eq!(*pool, batch.pool().id);
    assert!(injected.is_empty(), "the pool has no unique fields");
    assert_eq!(*at, batch.at());
    let tags: Vec<TokenTag> = batch.tokens().iter().map(|(_, tag)| *tag).collect();
    assert_eq!(*tokens, tags);
    let meanings = |records: &[Record]| records.iter().map(meaning).collect::<Vec<_>>();
    assert_eq!(meanings(records), meanings(batch.records()));
    let expected = batch.idempotency().map(|idempotency| {
        let tag = IdempotencyTag {
            pool: batch.pool().id,
            key: batch.key(),
            text: idempotency.key.clone(),
        };
        let answer = SavedAnswer {
            fingerprint: idempotency.fingerprint,
            at: batch.at(),
            accepted: batch.records().len() as u64,
            rejected: batch.faults().len() as u64,
            faults: batch.faults().to_vec(),
        };
        (tag, answer)
    });
    assert_eq!(*saved, expected);
}

fn check_delete(stored: &Stored, delete: &ConstrainedDelete) {
    let Stored::Delete { pool, rows, filter } = stored else {
        panic!("{stored:?}")
    };
    assert_eq!(*pool, delete.pool().id);
    let (meant, asked) = by_columns(delete);
    assert_eq!(rows.digest(), meant.digest());
    let digest = |filter: &Filter| Constraint::Rows(filter.clone()).digest();
    assert_eq!(filter.as_ref().map(digest), asked.as_ref().map(digest));
}

/// Every payload that differs in one bit is refused or means something else.
fn check_flips(payload: &[u8], step: usize) {
    let whole = decode(payload).unwrap();
    let mut flipped = payload.to_vec();
    for bit in (0..payload.len() * 8).step_by(step) {
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = decode(&flipped) {
            assert_ne!(other, whole, "bit {bit} means nothing");
        }
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
}

fn config(short: u64, long: u64) -> ProptestConfig {
    ProptestConfig {
        cases: u32::try_from(cases(short, long)).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(300, 20_000))]

    #[test]
    fn a_batch_is_read_back_as_it_was(batch in any_batch()) {
        let payload = bytes_of(&batch);
        check_append(&decode(&payload).unwrap(), &batch);
        for end in 0..payload.len() {
            prop_assert!(decode(&payload[..end]).is_err());
        }
    }

    #[test]
    fn a_delete_is_read_back_as_it_was(delete in any_delete()) {
        let payload = delete_bytes(&delete);
        check_delete(&decode(&payload).unwrap(), &delete);
        for end in 0..payload.len() {
            prop_assert!(decode(&payload[..end]).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        kind in 0_u8..5, saved in 0_u8..3, tail in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut payload = vec![VERSION, kind];
        payload.extend([3; 16 + 16 + 8]);
        payload.push(saved);
        payload.extend(&tail);
        // Whatever is read is something that can be held, compared and shown.
        if let Ok(stored) = decode(&payload) {
            let shown = format!("{stored:?}").len();
            prop_assert!(shown < 400 * payload.len());
        }
        let _ = decode(&tail);
    }
}

proptest! {
    #![proptest_config(config(25, 1_000))]

    #[test]
    fn a_flipped_bit_is_refused_or_means_something_else(
        batch in any_batch(), delete in any_delete(), step in 1_usize..7,
    ) {
        // A batch that would leave nothing behind is never written.
        if !batch.records().is_empty() || batch.idempotency().is_some() {
            check_flips(&bytes_of(&batch), step);
        }
        check_flips(&delete_bytes(&delete), step);
    }
}

#[test]
fn a_flipped_bit_in_a_drop_means_another_pool_or_nothing() {
    let mut payload = Vec::new();
    encode_drop(TYPED.id, &mut payload);
    assert_eq!(decode(&payload), Ok(Stored::Drop { pool: TYPED.id }));
    check_flips(&payload, 1);
}

#[test]
fn every_version_but_this_one_is_refused() {
    let mut payload = Vec::new();
    encode_drop(TYPED.id, &mut payload);
    for version in crate::operation::parts::VERSION + 1..=255 {
        payload[0] = version;
        let error = decode(&payload).unwrap_err();
        assert_eq!(error, DecodeError::Newer(version));
        assert!(
            error.to_string().contains(&format!("version {version} ")),
            "{error}"
        );
    }
    for version in [0, manifest::VERSION, REPLACING, WITH_TOKENS] {
        payload[0] = version;
        assert!(matches!(decode(&payload), Err(DecodeError::Malformed(_))));
    }
}

/// The head of an append: version, kind, pool, key, time.
fn head() -> Vec<u8> {
    [&[VERSION, 1][..], &[0; 16], &[0; 16], &[0; 8]].concat()
}

#[test]
fn a_count_of_four_billion_reserves_no_memory() {
    let many = [0xff; 4];
    let none = [0; 4];
    let one = 1_u32.to_le_bytes();
    let tails: [Vec<&[u8]>; 7] = [
        vec![&[0], &many],                                                // names
        vec![&[0], &none, &many],                                         // records
        vec![&[0], &none, &one, &[0; 16], &many],                         // fields of a record
        vec![&[1], &many],                           // bytes of an idempotency key
        vec![&[1], &none, &[0; 32], &[0; 8], &many], // faults
        vec![&[0], &one, &many],                     // bytes of a name
        vec![&[0], &one, &one, b"a", &one, &[0; 16], &one, &none, &many], // bytes of a value
    ];
    for tail in tails {
        let payload = [head(), tail.concat()].concat();
        assert!(decode(&payload).is_err(), "{tail:?}");
    }
    for kind in [1, 2] {
        let payload = [&[VERSION, 2][..], &[0; 16], &[1, kind], &many].concat();
        assert!(decode(&payload).is_err());
    }
}

#[test]
fn nesting_without_end_is_refused_and_does_not_end_the_thread() {
    for kind in [&[3][..], &[1, 1, 0, 0, 0], &[2, 1, 0, 0, 0]] {
        let payload = [&[VERSION, 2][..], &[0; 16], &[1], &kind.repeat(200_000)].concat();
        assert_eq!(
            decode(&payload),
            Err(DecodeError::Malformed("a filter is nested too deep"))
        );
    }
    // Arrays in arrays, each with the length of all that follows.
    let mut value = Vec::new();
    for left in (0..100_000_u32).rev() {
        value.push(0x70);
        value.extend((left * 5).to_be_bytes());
    }
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    let record: [&[u8]; 9] = [
        &[0],
        &1_u32.to_le_bytes(),
        &1_u32.to_le_bytes(),
        b"a",
        &1_u32.to_le_bytes(),
        &[0; 16],
        &1_u32.to_le_bytes(),
        &[0; 4],
        &length,
    ];
    let payload = [head(), record.concat(), value].concat();
    assert_eq!(
        decode(&payload),
        Err(DecodeError::Malformed("a value is not one"))
    );
}

/// On a thread with the stack that the journal's has, in a build without optimisation.
#[test]
fn everything_that_can_be_written_can_be_read_however_deep() {
    let deepest = (0..190).fold(
        filter(r#"{"field":"x","operator":"eq","value":1}"#),
        |inner, at| match at % 3 {
            0 => Filter::All(vec![inner]),
            1 => Filter::Any(vec![inner]),
            _ => Filter::Not(Box::new(inner)),
        },
    );
    let rows = Constraint::Rows(deepest.clone()).and(&Constraint::Rows(filter(
        r#"{"field":"x","operator":"ne","value":2}"#,
    )));
    let delete = deleting(
        &constrained(1, vec![rows, Constraint::Rows(deepest)]),
        &TYPED,
        None,
    );
    check_delete(&decode(&delete_bytes(&delete)).unwrap(), &delete);

    let nested = |depth| (0..depth).fold(Value::from(1), |inner, _| Value::Array(vec![inner]));
    let batch = |depth| {
        let record = Object::new().with("x", nested(depth));
        admit(
            &access(1),
            &open_pool(1),
            &Value::from(vec![record]),
            None,
            noon(),
        )
    };
    check_append(&decode(&bytes_of(&batch(256))).unwrap(), &batch(256));
    let refused = encode_append(&batch(257), &whole_receipt(&batch(257)), &mut Vec::new());
    let Err(LakeError::LimitExceeded(text)) = refused else {
        panic!("{refused:?}")
    };
    assert!(text.contains("nested deeper"), "{text}");
}

#[test]
fn a_record_with_a_null_or_a_field_twice_is_refused() {
    let value = |bytes: &[u8]| [&[0; 4][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat();
    let payload = |values: &[&[u8]]| {
        let fields: Vec<u8> = values.iter().flat_map(|bytes| value(bytes)).collect();
        let one = 1_u32.to_le_bytes();
        let count = (values.len() as u32).to_le_bytes();
        [
            &head()[..],
            &[0],
            &one,
            &one,
            b"a",
            &one,
            &[0; 16],
            &count,
            &fields,
        ]
        .concat()
    };
    assert!(decode(&payload(&[b"\x30text"])).is_ok());
    assert!(decode(&payload(&[b"\x00"])).is_err());
    assert!(decode(&payload(&[b"\x30text", b"\x30text"])).is_err());
}

/// The operations of `golden/operations-v1.txt`, in its order.
fn golden() -> (Vec<AdmittedBatch>, Vec<ConstrainedDelete>) {
    let records = r#"[{"i8":-8,"i16":-16,"i32":-32,"i64":"-9007199254740993","u8":8,"u16":16,"u32":32,
        "u64":"18446744073709551615","f32":0.5,"f64":-1.25e300,"text":{"of":"größe"},"truth":true,
        "day":"2026-02-28","at":"2026-03-01T12:00:00.000001Z",
        "uuid":"018f3c5e-7b7a-7cc2-9d5b-1f2a3b4c5d6e","list":[1,-2,3],"days":["1969-12-31"]},
        {"x":{"y":[1,"a",null,{"b":[true]}],"z":1.5},"w":{}},{"i8":300},"no record",{"_id":"x"}]"#;
    let who = vec![(path("who.is"), Value::from("them"))];
    let idempotency = Idempotency {
        key: "a key".to_owned(),
        fingerprint: [0xab; 32],
    };
    let all = admit(
        &injecting(7, who),
        &TYPED,
        &json(records),
        Some(idempotency),
        noon(),
    );
    let plain = admit(
        &access(1),
        &open_pool(2),
        &json(r#"[{"n":1}]"#),
        None,
        noon(),
    );
    let rows = Operator::ALL.map(|operator| {
        let value = match operator {
            Operator::In | Operator::NotIn => json(r#"[1,"b",true]"#),
            Operator::Exists => Value::from(true),
            Operator::Within => json(r#"{"center":[8.5,47.25],"radius_meters":1000}"#),
            _ => Value::from("text"),
        };
        Filter::Compare(Comparison::restore(path("x.y"), operator, value))
    });
    let rows = Filter::Any(vec![
        Filter::All(rows.to_vec()),
        Filter::Not(Box::new(Filter::equals(path("_key"), Value::from("k")))),
    ]);
    let asked = filter(r#"{"field":"at","operator":"lt","value":"2026-01-01T00:00:00Z"}"#);
    let some = deleting(
        &constrained(1, vec![Constraint::Rows(rows)]),
        &TYPED,
        Some(asked),
    );
    let every = deleting(&access(1), &TYPED, None);
    (vec![all, plain], vec![some, every])
}

#[test]
fn what_version_1_wrote_is_read_for_ever() {
    let file = include_str!("../../golden/operations-v1.txt");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let payloads: Vec<Vec<u8>> = lines
        .map(|line| {
            let digits = line.as_bytes().chunks(2);
            let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16);
            digits.map(|two| byte(two).unwrap()).collect()
        })
        .collect();
    use RecordFaultCode::{InvalidName, NotAnObject, WrongType};
    let (batches, deletes) = golden();
    assert_eq!(payloads.len(), batches.len() + deletes.len() + 1);
    for (payload, batch) in payloads.iter().zip(&batches) {
        check_append(&decode(payload).unwrap(), batch);
    }
    for (payload, delete) in payloads[2..].iter().zip(&deletes) {
        check_delete(&decode(payload).unwrap(), delete);
    }
    assert_eq!(decode(&payloads[4]), Ok(Stored::Drop { pool: TYPED.id }));
    let codes: Vec<_> = batches[0].faults().iter().map(|fault| fault.code).collect();
    assert_eq!(codes, [WrongType, NotAnObject, InvalidName]);
    // While version 1 is the one that is written, it is written so.
    if VERSION == 1 {
        let written = batches
            .iter()
            .map(bytes_of)
            .chain(deletes.iter().map(delete_bytes));
        assert_eq!(written.collect::<Vec<_>>(), payloads[..4]);
    }
}
