//! What a damaged journal still tells of files that it tells of in parts.

use super::*;
use crate::journal::Position;
use crate::lake::tests::fixtures::open_pool;
use crate::manifest::ManifestChange;
use crate::operation::{encode_commit, encode_parts};
use crate::tables::FileId;

/// A commit of a pool that takes so many files away, in parts and as it is read.
fn commit(pool: u32, removed: u8) -> (Vec<Vec<u8>>, Stored) {
    let pool = open_pool(pool).id;
    let removed = (0..removed).map(|n| FileId(model::ids::RawId::from_bytes([n; 16])));
    let change = ManifestChange {
        mark: Some(Position::new(77)),
        removed: removed.collect(),
        added: Vec::new(),
    };
    let mut payload = Vec::new();
    encode_commit(pool, &change, &mut payload);
    let parts = encode_parts(&payload, payload.len() / 2);
    (parts.expect("parts"), Stored::Commit { pool, change })
}

fn read(shown: &[&[u8]]) -> Vec<Stored> {
    let mut parts = SalvagedParts::default();
    shown.iter().filter_map(|one| parts.read(one)).collect()
}

#[test]
fn parts_count_where_all_of_one_operation_are_left() {
    let ((one, first), (two, second)) = (commit(1, 9), commit(2, 9));
    let (one, two): (Vec<&[u8]>, Vec<&[u8]>) = (
        one.iter().map(Vec::as_slice).collect(),
        two.iter().map(Vec::as_slice).collect(),
    );
    assert!(one.len() == two.len() && one.len() > 2);
    assert_eq!(
        read(&[&one[..], &two[..]].concat()),
        [first, second.clone()]
    );
    // The last of the one and the first of the other are lost, and something stands between.
    let end = one.len() - 1;
    let between: &[u8] = b"no operation";
    let broken = [&one[..1], &[between][..], &two[1..]].concat();
    assert_eq!(read(&broken), []);
    assert_eq!(read(&[&one[..end], &two[..]].concat()), [second]);
    assert_eq!(read(&two[1..]), []);
}
