//! Values that repeat.

use hashbrown::HashMap;

use super::list::List;
use crate::aggregates::keys::Key;

/// How often a value must be met, at least and on the average, for counting to take no more
/// memory than listing: of 8 bytes each, a table that has just grown takes up to 39 for one.
const REPEATED: u64 = 4;

/// Different values, each with how often it came.
#[derive(Debug)]
pub(crate) struct Counts<K> {
    times: HashMap<K, u64>,
    /// How many values came.
    values: u64,
    /// What the keys hold beside themselves, in bytes.
    held: usize,
}

impl<K: Key> Counts<K> {
    /// The values of a list, when they repeat; otherwise the list.
    pub(super) fn of(list: List<K>) -> Result<Self, List<K>> {
        let mut counts = Self {
            times: HashMap::new(),
            values: 0,
            held: 0,
        };
        let few = list.len() as u64 / REPEATED;
        let repeat = list.iter().all(|key| {
            counts.add(key.borrow());
            counts.times.len() as u64 <= few
        });
        if repeat {
            Ok(counts)
        } else {
            Err(list.diverse())
        }
    }

    /// Adds a value; says how much memory that took.
    pub(super) fn add(&mut self, seen: &K::Seen) -> isize {
        self.values += 1;
        if let Some(known) = self.times.get_mut(seen) {
            *known += 1;
            return 0;
        }
        self.insert(K::of(seen), 1)
    }

    /// Adds a value that came so many times.
    pub(super) fn add_key(&mut self, key: K, times: u64) {
        self.values += times;
        match self.times.get_mut::<K>(&key) {
            Some(known) => *known += times,
            None => {
                self.insert(key, times);
            }
        }
    }

    fn insert(&mut self, key: K, times: u64) -> isize {
        let held = key.heap();
        self.held += held;
        let is_full = self.times.len() == self.times.capacity();
        let before = is_full.then(|| self.times.allocation_size());
        self.times.insert(key, times);
        let growth = before.map_or(0, |before| self.times.allocation_size() - before);
        (held + growth) as isize
    }

    /// Whether values repeat often enough to be counted.
    pub(super) fn repeat(&self) -> bool {
        self.times.len() as u64 * REPEATED <= self.values
    }

    /// How many values came.
    pub(super) fn values(&self) -> u64 {
        self.values
    }

    /// These and others.
    pub(super) fn absorb(mut self: Box<Self>, mut other: Self) -> Box<Self> {
        if self.times.len() < other.times.len() {
            std::mem::swap(&mut *self, &mut other);
        }
        for (key, times) in other.times {
            self.add_key(key, times);
        }
        self
    }

    /// Each value as often as it came.
    pub(super) fn into_list(self) -> List<K> {
        let mut list = List::default();
        for (key, times) in self.times {
            for _ in 1..times {
                list.push(key.clone());
            }
            list.push(key);
        }
        list.diverse()
    }

    /// The value at `rank`, counted from 0, in the order of all that came.
    pub(super) fn nth(self, rank: u64) -> Option<K> {
        let mut all: Vec<(K, u64)> = self.times.into_iter().collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut passed = 0;
        let mut all = all.into_iter();
        all.find(|(_, times)| {
            passed += times;
            passed > rank
        })
        .map(|(key, _)| key)
    }

    /// The memory held beside itself, in bytes.
    pub(super) fn heap(&self) -> usize {
        self.times.allocation_size() + self.held
    }
}
