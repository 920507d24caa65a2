//! Tokens of uniqueness as bytes.

use model::permit::{Access, Ingest, On, Permit};
use model::random::SeededRandom;
use model::uniqueness::{UniquenessToken, WithToken};

use super::*;

const UNIQUE: &str = r#"{"name":"u","schema":"open","isolation_field":"c","unique":["id"],
    "fields":[{"name":"c","type":"String"},{"name":"id","type":"Int64"}]}"#;

/// Records, each with this token or none.
fn sent(
    by: &Access,
    pool: &Arc<Pool>,
    records: &[(&str, Option<&str>)],
    key: Option<&str>,
) -> AdmittedBatch {
    let permit: Permit<Ingest> = by.permit(On::Pool(Some(pool))).unwrap();
    let sent = records.iter().map(|(record, token)| WithToken {
        record: json(record),
        token: token.map(|text| UniquenessToken::parse(text).unwrap()),
    });
    let idempotency = key.map(|key| Idempotency {
        key: key.to_owned(),
        fingerprint: [0xab; 32],
    });
    permit.admit(sent, idempotency, noon(), &SeededRandom::new(9))
}

/// The payload of what is left of a batch that is answered as a whole.
fn left_of(batch: &AdmittedBatch, gone: &[usize]) -> (AdmittedBatch, Vec<u8>) {
    let left = batch.clone().without(gone);
    let mut payload = Vec::new();
    encode_append(&left, &whole_receipt(batch), &mut payload).unwrap();
    (left, payload)
}

fn check(payload: &[u8], batch: &AdmittedBatch, left: &AdmittedBatch) {
    let Stored::Append {
        records,
        saved,
        tokens,
        at,
        ..
    } = decode(payload).unwrap()
    else {
        panic!("no batch");
    };
    let tags: Vec<TokenTag> = left.tokens().iter().map(|(_, tag)| *tag).collect();
    assert_eq!(
        (tokens, at, records.len()),
        (tags, batch.at(), left.records().len())
    );
    let accepted = saved.map(|(_, answer)| answer.accepted);
    let expected = batch.idempotency().map(|_| batch.records().len() as u64);
    assert_eq!(accepted, expected);
}

fn batches() -> Vec<(AdmittedBatch, Vec<usize>)> {
    let records = [
        (r#"{"n":1}"#, Some("t")),
        (r#"{"n":2}"#, None),
        (r#"{"n":3}"#, Some("u")),
        (r#"{"n":4}"#, Some("v")),
    ];
    let unique = pool(1, UNIQUE);
    let stamping = injecting(1, vec![(path("z"), Value::from("1"))]);
    let replacing = [(r#"{"c":"a","id":1,"x":2}"#, Some("t"))];
    vec![
        (
            sent(&access(1), &open_pool(2), &records, Some("k")),
            vec![0, 3],
        ),
        (sent(&access(1), &open_pool(2), &records, None), vec![]),
        (sent(&stamping, &unique, &replacing, None), vec![]),
        (
            sent(&access(1), &open_pool(2), &records, Some("k")),
            vec![0, 1, 2, 3],
        ),
    ]
}

fn carried() -> Vec<(TokenTag, Timestamp)> {
    let tag = |number| TokenTag::from_bytes([number; 16]);
    vec![(tag(1), noon()), (tag(2), Timestamp::MAX)]
}

#[test]
fn tokens_and_the_whole_answer_are_read_back() {
    for (batch, gone) in batches() {
        let (left, payload) = left_of(&batch, &gone);
        assert_eq!(payload[0], WITH_TOKENS);
        check(&payload, &batch, &left);
        check_flips(&payload, 1);
        assert!(is_of_records(&payload));
        for end in 0..payload.len() {
            assert!(decode(&payload[..end]).is_err(), "{end}");
        }
    }
    let payload = encode_tokens(&carried());
    assert_eq!(decode(&payload), Ok(Stored::Tokens(carried())));
    check_flips(&payload, 1);
    for end in 0..payload.len() {
        assert!(decode(&payload[..end]).is_err(), "{end}");
    }
}

#[test]
fn what_comes_without_a_token_is_written_as_before() {
    let batch = sent(
        &access(1),
        &open_pool(2),
        &[(r#"{"n":1}"#, None)],
        Some("k"),
    );
    assert_eq!(bytes_of(&batch)[0], VERSION);
    // Nor is it, when all that had one are gone and nobody asks for the answer again.
    let records = [(r#"{"n":1}"#, None), (r#"{"n":2}"#, Some("t"))];
    let batch = sent(&access(1), &open_pool(2), &records, None);
    let (left, payload) = left_of(&batch, &[1]);
    assert_eq!(payload, bytes_of(&left));
    assert_eq!(payload[0], VERSION);
}

#[test]
fn what_version_4_wrote_is_read_for_ever() {
    let file = include_str!("../../../golden/operations-v4.txt");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let mut written: Vec<Vec<u8>> = Vec::new();
    let mut whole = Vec::new();
    for (batch, gone) in batches() {
        let (left, payload) = left_of(&batch, &gone);
        written.push(payload);
        whole.push((batch, left));
    }
    written.push(encode_tokens(&carried()));
    let hex = |payload: &Vec<u8>| -> String {
        payload.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let written: Vec<String> = written.iter().map(hex).collect();
    let golden: Vec<&str> = lines.collect();
    // While version 4 is the one that is written, it is written so.
    assert_eq!(golden, written, "{}", written.join("\n"));
    let bytes = |line: &str| -> Vec<u8> {
        let digits = line.as_bytes().chunks(2);
        let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16);
        digits.map(|two| byte(two).unwrap()).collect()
    };
    for (line, (batch, left)) in golden.iter().zip(&whole) {
        check(&bytes(line), batch, left);
    }
    assert_eq!(decode(&bytes(golden[4])), Ok(Stored::Tokens(carried())));
}
