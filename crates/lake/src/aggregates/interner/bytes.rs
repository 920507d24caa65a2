//! Byte strings, each kept once and known by a number.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Byte strings numbered from 0 in the order in which they came.
#[derive(Debug, Default)]
pub(in crate::aggregates) struct ByteStrings {
    /// For each string its hash and its number.
    table: HashTable<(u64, u32)>,
    hasher: DefaultHashBuilder,
    bytes: Vec<u8>,
    /// Where each string ends.
    ends: Vec<usize>,
}

impl ByteStrings {
    /// The number of a string, and whether it is new.
    pub(in crate::aggregates) fn number(&mut self, string: &[u8]) -> (u32, bool) {
        let hash = self.hasher.hash_one(string);
        let (bytes, ends) = (&self.bytes, &self.ends);
        let found = self.table.find(hash, |(other, number)| {
            *other == hash && string_at(bytes, ends, *number) == string
        });
        if let Some((_, number)) = found {
            return (*number, false);
        }
        let number = self.len() as u32;
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
        self.table
            .insert_unique(hash, (hash, number), |(hash, _)| *hash);
        (number, true)
    }

    /// How many there are.
    pub(in crate::aggregates) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The string of a number.
    pub(in crate::aggregates) fn get(&self, number: u32) -> &[u8] {
        string_at(&self.bytes, &self.ends, number)
    }

    /// All strings in the order of their numbers.
    pub(in crate::aggregates) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len() as u32).map(|number| self.get(number))
    }

    /// The memory held beside the value itself, in bytes.
    pub(in crate::aggregates) fn heap(&self) -> usize {
        self.table.allocation_size()
            + self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }
}

fn string_at<'a>(bytes: &'a [u8], ends: &[usize], number: u32) -> &'a [u8] {
    let at = number as usize;
    let start = at.checked_sub(1).map_or(0, |before| ends[before]);
    &bytes[start..ends[at]]
}
