//! Records that have just the fields of the one before them, in the same
//! order, as most records of a batch have: they are read without making their
//! names and without looking any of them up.
//!
//! Whatever is not quite like that is left to [`Checker::check`], which alone
//! tells what is wrong with a record.

use std::cell::RefCell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};

use super::check::Checker;
use super::shape::Walk;
use super::{Record, undeclared};
use crate::json::ValueSeed;
use crate::value::Value;

/// How often in a row records may differ until nobody tries any more.
const PATIENCE: u8 = 16;

/// Whether it is worth trying.
#[derive(Debug)]
pub(super) struct Luck(u8);

impl Default for Luck {
    fn default() -> Self {
        Self(PATIENCE)
    }
}

impl Checker<'_> {
    /// The stored form of a record in JSON, if it has the fields of the last
    /// record in the same order and all of them are right; as
    /// [`Checker::check`] would answer.
    pub(crate) fn follow(&mut self, index: usize, text: &[u8]) -> Option<Record> {
        if self.shape.came.is_empty() || self.luck.0 == 0 {
            return None;
        }
        let mut walk = self.walk(index);
        let mut reader = serde_json::Deserializer::from_slice(text);
        let members = Members {
            checker: self,
            walk: &mut walk,
        };
        let read = members.deserialize(&mut reader).and_then(|()| reader.end());
        if read.is_err() {
            self.luck.0 -= 1;
            return None;
        }
        self.luck = Luck::default();
        self.finish(walk).ok()
    }
}

/// Reads the members of an object into a walk along the shape.
struct Members<'w, 'c> {
    checker: &'w Checker<'c>,
    walk: &'w mut Walk,
}

impl<'de> DeserializeSeed<'de> for Members<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record like the last one")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let other = || A::Error::custom("another record");
        let shape = &self.checker.shape.came;
        let sent = shape.len() - self.checker.injections.values.len();
        let place = RefCell::default();
        for (path, declared) in &shape[..sent] {
            if map.next_key_seed(Name(path.as_str()))? != Some(true) {
                return Err(other());
            }
            let value = map.next_value_seed(ValueSeed::of_member(&place))?;
            let stored = match declared {
                _ if value.is_null() => return Err(other()),
                Some(declared) => declared.coerce(value).map_err(|_| other())?,
                None if matches!(value, Value::Object(_)) => return Err(other()),
                None => undeclared(value),
            };
            self.walk.count(path, &stored).map_err(|_| other())?;
            self.walk.values.push(stored);
        }
        match map.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(other()),
        }
    }
}

/// Whether a member has this name.
struct Name<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}
