//! A sorted map that is cheap to copy and to change a copy of.

use std::sync::Arc;

/// Entries of one chunk at most.
const CHUNK_ENTRIES_MAX: usize = 256;

/// A sorted map in chunks that copies share. Copying costs one pointer per
/// chunk; a change to a copy writes one chunk anew. So a snapshot with
/// 100,000 keys is followed by the next one in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct SortedMap<K, V> {
    /// None is empty; sorted within and among themselves.
    chunks: Vec<Arc<Vec<(K, V)>>>,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<K: Ord + Copy, V: Clone> SortedMap<K, V> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let found = chunk.binary_search_by(|(k, _)| k.cmp(key)).ok()?;
        Some(&chunk[found].1)
    }

    /// Sets the value of a key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.chunks.is_empty() {
            self.chunks.push(Arc::default());
        }
        let at = self.chunk_of(&key).min(self.chunks.len() - 1);
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        match chunk.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(found) => chunk[found].1 = value,
            Err(place) => chunk.insert(place, (key, value)),
        }
        if chunk.len() > CHUNK_ENTRIES_MAX {
            let rest = chunk.split_off(CHUNK_ENTRIES_MAX / 2);
            self.chunks.insert(at + 1, Arc::new(rest));
        }
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: &K) {
        let at = self.chunk_of(key);
        let Some(shared) = self.chunks.get_mut(at) else {
            return;
        };
        if let Ok(found) = shared.binary_search_by(|(k, _)| k.cmp(key)) {
            let chunk = Arc::make_mut(shared);
            chunk.remove(found);
            if chunk.is_empty() {
                self.chunks.remove(at);
            }
        }
    }

    /// The values in the order of their keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter().map(|(_, value)| value))
    }

    /// The keys in their order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter().map(|(key, _)| key))
    }

    /// The chunk that holds the key if any does.
    fn chunk_of(&self, key: &K) -> usize {
        self.chunks
            .partition_point(|chunk| chunk.last().is_some_and(|(last, _)| last < key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::random::SeededRandom;

    use super::*;

    #[test]
    fn it_does_what_a_map_does_and_copies_stay_as_they_were() {
        let random = SeededRandom::new(7);
        let mut map = SortedMap::default();
        let mut reference = BTreeMap::new();
        let mut copies = Vec::new();
        for step in 0..20_000_u64 {
            let key = random.next_u64() % 3_000;
            if random.next_u64().is_multiple_of(3) {
                map.remove(&key);
                reference.remove(&key);
            } else {
                map.insert(key, step);
                reference.insert(key, step);
            }
            if step.is_multiple_of(4_000) {
                copies.push((map.clone(), reference.clone()));
            }
        }
        copies.push((map, reference));
        for (map, reference) in copies {
            assert!(map.values().eq(reference.values()));
            for key in 0..3_000 {
                assert_eq!(map.get(&key), reference.get(&key));
            }
            assert!(map.keys().eq(reference.keys()));
        }
    }

    #[test]
    fn it_ends_up_empty_and_can_be_filled_again() {
        let mut map = SortedMap::default();
        for key in 0..1_000 {
            map.insert(key, key);
        }
        for key in 0..1_000 {
            map.remove(&key);
        }
        assert_eq!((map.keys().count(), map.get(&1)), (0, None));
        map.insert(1, 2);
        assert_eq!(map.get(&1), Some(&2));
    }

    #[test]
    fn a_change_of_a_copy_writes_one_chunk_of_many() {
        let mut map = SortedMap::default();
        for key in 0..100_000 {
            map.insert(key, key);
        }
        let mut copy = map.clone();
        copy.insert(50_000, 0);
        let pairs = map.chunks.iter().zip(&copy.chunks);
        let written = pairs.filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert_eq!((map.chunks.len(), written), (copy.chunks.len(), 1));
        assert!(map.chunks.len() < 1_000);
        assert!(map.chunks.iter().all(|c| c.len() <= CHUNK_ENTRIES_MAX));
    }
}
