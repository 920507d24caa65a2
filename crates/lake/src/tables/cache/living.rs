//! Dictionaries that cells still refer to, whether or not they are kept for themselves.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arrow_array::{Array, ArrayRef};

use super::FileId;

/// The row group and the column of a dictionary.
type Place = (usize, usize);

/// Dictionaries by where they come from. That they are found here keeps none of them alive.
#[derive(Debug, Default)]
pub(super) struct Living(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    dictionaries: HashMap<(FileId, Place), Weak<dyn Array>>,
    /// How many there may be before those are looked for that are gone.
    bound: usize,
}

impl Living {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A dictionary, if somebody holds it.
    pub(super) fn find(&self, file: FileId, place: Place) -> Option<ArrayRef> {
        self.known().dictionaries.get(&(file, place))?.upgrade()
    }

    /// Notes the dictionary that cells refer to from now on.
    pub(super) fn note(&self, file: FileId, place: Place, dictionary: &ArrayRef) {
        const BOUND_MIN: usize = 256;
        let mut known = self.known();
        if known.dictionaries.len() >= known.bound {
            known.dictionaries.retain(|_, held| held.strong_count() > 0);
            known.bound = BOUND_MIN.max(2 * known.dictionaries.len());
        }
        let dictionary = Arc::downgrade(dictionary);
        known.dictionaries.insert((file, place), dictionary);
    }

    /// Forgets files that are gone.
    pub(super) fn forget(&self, files: &HashSet<FileId>) {
        let mut known = self.known();
        known
            .dictionaries
            .retain(|(file, _), _| !files.contains(file));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known().dictionaries.len()
    }
}
