//! What a cache of blocks forgets.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray};
use model::ids::RawId;
use quick_cache::Weighter;

use super::{BlockCache, Bytes, Cached, CellSource, Encoded, Form, Kept, Part};
use crate::tables::FileId;

fn file(number: u16) -> FileId {
    let mut bytes = [7; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    FileId(RawId::from_bytes(bytes))
}

/// A merge of a pool with a file for each customer takes thousands of files away.
#[test]
fn files_that_go_together_are_looked_for_once() {
    let cache = BlockCache::new(1 << 20);
    let cells: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    for number in 0..400 {
        let source = CellSource::Stored(0);
        cache.put(Cached::Yes, file(number), 0, &source, &cells);
    }
    let kept = |number| cache.holds(file(number), 0, &CellSource::Stored(0));
    let before = (0..400).filter(|number| kept(*number)).count();
    assert!(before > 300, "{before}");
    cache.forget(&(100..400).map(file).collect());
    assert!((100..400).all(|number| !kept(number)));
    assert!((0..100).filter(|number| kept(*number)).count() > 50);
    let looks = cache.looked_at.load(Ordering::Relaxed);
    assert!(looks <= 400, "{looks}");
}

/// The values of a column of a row group, and cells over them.
fn texts() -> ArrayRef {
    let texts = (0..500).map(|n| format!("a value of some length {n}"));
    Arc::new(StringArray::from_iter_values(texts))
}

fn cells_of(values: &ArrayRef) -> ArrayRef {
    let codes = Int32Array::from_iter_values(0..500);
    Arc::new(DictionaryArray::new(codes, values.clone()))
}

fn values_of(cells: &ArrayRef) -> &ArrayRef {
    Encoded::of(cells.as_ref()).expect("encoded").values()
}

/// Else a cache would hold a multiple of its bytes: each block its own values.
#[test]
fn what_codes_stand_for_is_counted_and_shared_as_long_as_cells_are_kept() {
    let cache = BlockCache::new(1 << 20);
    let (one, source) = (file(1), CellSource::Stored(3));
    let key = (one, Part::Dictionary(0, 3));
    let values = cache.shared_dictionary(Cached::Yes, one, (0, 3), &texts());
    cache.put(Cached::Yes, one, 0, &source, &cells_of(&values));
    let bytes = cache.bytes();
    assert!(bytes > values.get_array_memory_size() as u64);
    // There was no room for it.
    cache.cache.remove(&key);
    assert!(cache.bytes() < bytes);
    let cells = cache.get(Cached::Yes, one, 0, &source).unwrap();
    assert_eq!(cache.bytes(), bytes, "it is counted again with its cells");
    cache.cache.remove(&key);
    let another = cache.shared_dictionary(Cached::Yes, one, (0, 3), &texts());
    assert!(Arc::ptr_eq(&another, values_of(&cells)), "there is one");
    assert_eq!(cache.bytes(), bytes);
    // That of another column, row group or file is another one.
    for (file, place) in [(one, (0, 4)), (one, (1, 3)), (file(2), (0, 3))] {
        let other = cache.shared_dictionary(Cached::Yes, file, place, &texts());
        assert!(!Arc::ptr_eq(&other, &another));
    }
    let longer: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let other = cache.shared_dictionary(Cached::Yes, one, (0, 3), &longer);
    assert!(
        Arc::ptr_eq(&other, &longer),
        "what is not the same is not shared"
    );
}

/// The cache asks what something weighs under its lock, and again when it goes.
#[test]
fn what_is_kept_is_measured_before_and_not_by_the_cache() {
    let kept = Kept::of(Form::Array(texts()));
    assert!(kept.bytes > texts().get_array_memory_size() as u64);
    let known = Kept { bytes: 7, ..kept };
    let key = (file(1), Part::Cells(0, CellSource::Stored(0)));
    assert_eq!(Bytes.weight(&key, &known), 7);
}

#[test]
fn dictionaries_that_nobody_holds_are_forgotten() {
    let cache = BlockCache::new(1 << 10);
    for number in 0..5_000 {
        let _gone = cache.shared_dictionary(Cached::Yes, file(number), (0, 0), &texts());
    }
    assert!(cache.living.len() <= 512, "{}", cache.living.len());
    cache.forget(&(0..5_000).map(file).collect());
    assert_eq!(cache.living.len(), 0);
}
