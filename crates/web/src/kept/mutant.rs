//! Wrong versions of what is kept, which the proofs must find out.

use std::sync::{Mutex, PoisonError};

use model::permit::{KeptPart, KeptUnder};

/// What is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wrong {
    #[default]
    Nothing,
    /// Answers are found without a look at this part.
    Lacks(KeptPart),
    /// Due answers are made again for keys that may not ask any more.
    TrustsEveryKey,
}

/// A cache that is wrong, or is not.
#[derive(Debug, Default)]
pub(crate) struct Mutant(Mutex<(Wrong, Vec<KeptUnder>)>);

impl Mutant {
    pub(crate) fn set(&self, wrong: Wrong) {
        self.0.lock().expect("not poisoned").0 = wrong;
    }

    /// The first that differed from it in nothing that is looked at.
    pub(crate) fn confused(&self, under: KeptUnder) -> KeptUnder {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Wrong::Lacks(part), seen) = &mut *held else {
            return under;
        };
        let like = |other: &&KeptUnder| other.differs_in(&under).iter().all(|d| d == part);
        if let Some(other) = seen.iter().find(like) {
            return *other;
        }
        seen.push(under);
        under
    }

    pub(crate) fn trusts_every_key(&self) -> bool {
        self.0.lock().expect("not poisoned").0 == Wrong::TrustsEveryKey
    }
}
