//! Looking whether a log is what was written.

use std::fmt;

use super::{ChainedEntry, Checkpoint, Head, Log};
use crate::ids::AuditId;
use crate::time::Timestamp;

/// Something about a log that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An entry does not follow from what it says and the one before it.
    Altered {
        /// Its number.
        sequence: u64,
        /// Its id.
        id: AuditId,
    },
    /// An entry cannot be read.
    Unreadable {
        /// Its number.
        sequence: u64,
    },
    /// Entries are not there.
    Missing {
        /// The number of the first of them.
        from: u64,
        /// The number of the last of them.
        to: u64,
    },
    /// An entry has a number that another one before it has.
    Inserted {
        /// The number.
        sequence: u64,
        /// Its id.
        id: AuditId,
    },
    /// The log is shorter than it was at a checkpoint.
    CutOff {
        /// How many entries are there.
        size: u64,
        /// How many there were.
        was: u64,
        /// When.
        at: Timestamp,
    },
    /// The links hold, and yet the log is another one than at a checkpoint.
    Rewritten {
        /// The number of the first entry that may be another one: those before
        /// it agree with an older checkpoint.
        from: u64,
        /// The number of the last one.
        to: u64,
        /// When the log was otherwise.
        at: Timestamp,
    },
    /// The database says of the log that it ends otherwise than it does.
    OtherEnd {
        /// How many entries there are.
        size: u64,
        /// How many the database says there are; the same number when only the
        /// hashes differ.
        said: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { sequence, id } => write!(
                f,
                "entry {sequence} ({id}) is not what was written: it, or its link, or the link of \
                 the one before it was changed"
            ),
            Self::Unreadable { sequence } => write!(
                f,
                "entry {sequence} cannot be read: what stands there is nothing that the server writes"
            ),
            Self::Missing { from, to } if from == to => write!(
                f,
                "entry {from} is missing: it was deleted, or the numbers were changed"
            ),
            Self::Missing { from, to } => write!(
                f,
                "entries {from} to {to} are missing: they were deleted, or the numbers were changed"
            ),
            Self::Inserted { sequence, id } => write!(
                f,
                "entry {sequence} ({id}) stands where another one stands: it was inserted, or the \
                 numbers were changed"
            ),
            Self::CutOff { size, was, at } => write!(
                f,
                "entries {size} to {} are missing: at {at} there were {was} and now there are \
                 {size}; the end was cut off, or an older copy of the database was put back",
                was.saturating_sub(1)
            ),
            Self::Rewritten { from, to, at } => write!(
                f,
                "at least one of the entries {from} to {to} is not what it was at {at}, although \
                 the links fit: the log was written anew from there on"
            ),
            Self::OtherEnd { size, said } if size == said => f.write_str(
                "the database's note of the end of the log does not fit the last entry: one of \
                 the two was changed",
            ),
            Self::OtherEnd { size, said } => write!(
                f,
                "there are {size} entries, and the database's note of the end speaks of {said}: \
                 entries were cut off or added past the server"
            ),
        }
    }
}

/// What was found in a whole log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries were looked at.
    pub entries: u64,
    /// What the log is.
    pub head: Head,
    /// How many checkpoints it was compared with.
    pub checkpoints: usize,
    /// What is wrong, in the order of the entries; nothing, for a log that is
    /// as it was written.
    pub findings: Vec<Finding>,
}

/// Findings that are kept: a log that was written anew by halves has one for
/// each entry, of which the first say enough.
const FINDINGS_MAX: usize = 100;

/// Looks at the entries of one log, in their order.
#[derive(Debug)]
pub struct Verifier<'a> {
    /// Those that were not reached yet, the shortest last.
    waiting: Vec<&'a Checkpoint>,
    compared: usize,
    /// Up to here the log agrees with a checkpoint.
    agreed: u64,
    log: Log,
    entries: u64,
    /// The number that the next entry must have.
    next: u64,
    findings: Vec<Finding>,
}

impl<'a> Verifier<'a> {
    /// Looks at a log of which these checkpoints tell, all of its project.
    pub fn new(checkpoints: impl IntoIterator<Item = &'a Checkpoint>) -> Self {
        let mut waiting: Vec<&Checkpoint> = checkpoints.into_iter().collect();
        waiting.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.head.size));
        Self {
            waiting,
            compared: 0,
            agreed: 0,
            log: Log::default(),
            entries: 0,
            next: 0,
            findings: Vec::new(),
        }
    }

    /// Takes the next entry, in the order of their numbers.
    pub fn entry(&mut self, chained: &ChainedEntry) {
        self.compare();
        let (sequence, id) = (chained.sequence, chained.entry.id);
        self.place(sequence, Some(id));
        let leaf = chained.entry.leaf(sequence);
        if self.log.next_link(leaf) != chained.link {
            self.find(Finding::Altered { sequence, id });
        }
        self.log.push(leaf, chained.link);
    }

    /// Takes something that stands where the next entry should, and of which
    /// nothing but a number can be read, if that.
    pub fn unreadable(&mut self, sequence: Option<u64>) {
        self.compare();
        let found = sequence.unwrap_or(self.next);
        match sequence {
            Some(sequence) => self.place(sequence, None),
            None => self.entries += 1,
        }
        self.find(Finding::Unreadable { sequence: found });
    }

    fn place(&mut self, sequence: u64, id: Option<AuditId>) {
        self.entries += 1;
        if sequence > self.next {
            self.find(Finding::Missing {
                from: self.next,
                to: sequence - 1,
            });
        } else if let (true, Some(id)) = (sequence < self.next, id) {
            self.find(Finding::Inserted { sequence, id });
        }
        self.next = self.next.max(sequence.saturating_add(1));
    }

    /// Compares with the checkpoints that tell of exactly what was read.
    fn compare(&mut self) {
        while let Some(checkpoint) = self.waiting.pop() {
            if checkpoint.head.size > self.next {
                self.waiting.push(checkpoint);
                return;
            }
            self.compared += 1;
            if checkpoint.head == self.log.head() {
                self.agreed = checkpoint.head.size;
                continue;
            }
            self.find(Finding::Rewritten {
                from: self.agreed,
                to: checkpoint.head.size.saturating_sub(1),
                at: checkpoint.at,
            });
        }
    }

    fn find(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Says what was found. `said` is what the database notes of the end of
    /// the log, where there is such a note.
    pub fn finish(mut self, said: Option<Head>) -> Verified {
        self.compare();
        for checkpoint in std::mem::take(&mut self.waiting).into_iter().rev() {
            self.compared += 1;
            self.find(Finding::CutOff {
                size: self.next,
                was: checkpoint.head.size,
                at: checkpoint.at,
            });
        }
        let head = self.log.head();
        if let Some(said) = said.filter(|said| *said != head) {
            self.find(Finding::OtherEnd {
                size: self.next,
                said: said.size,
            });
        }
        Verified {
            entries: self.entries,
            head,
            checkpoints: self.compared,
            findings: self.findings,
        }
    }
}
