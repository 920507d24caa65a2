//! A small state machine: the set of tokens written, once each, with checkpoints.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::disk::Disk;
use crate::journal::{Journal, JournalError, Options, Position, Prepared, Recovered, StateMachine};
use crate::simulation::SimulatedDisk;
use crate::simulation::workload::{Answer, Store, Token};

pub(super) const IDENTITY: u64 = 0x7469_6465_6761_7465;

/// What readers see.
pub(super) type Visible = Arc<Mutex<Vec<Token>>>;

#[derive(Debug)]
pub(super) enum Operation {
    Write(Token),
    /// Carries everything visible, so that what is before it can be released.
    Checkpoint,
}

#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) visible: Visible,
    pending: BTreeSet<Token>,
}

impl Tokens {
    pub(super) fn new(visible: &Visible) -> Self {
        Self {
            visible: Arc::clone(visible),
            pending: BTreeSet::new(),
        }
    }
}

pub(super) fn token(client: u32, number: u32) -> Token {
    Token { client, number }
}

fn put(token: Token, payload: &mut Vec<u8>) {
    payload.extend_from_slice(&token.client.to_le_bytes());
    payload.extend_from_slice(&token.number.to_le_bytes());
}

fn get(bytes: &[u8]) -> Token {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    Token {
        client: number(0),
        number: number(4),
    }
}

/// Bytes that make the records of different tokens cross sectors in different ways.
fn filler(token: Token) -> impl Iterator<Item = u8> {
    let count = (token.client * 131 + token.number * 97) % 700;
    (0..count).map(move |at| (at * 7 + token.number) as u8)
}

impl StateMachine for Tokens {
    type Operation = Operation;
    type Outcome = Position;

    fn prepare(&mut self, operation: &Operation, payload: &mut Vec<u8>) -> Prepared<Position> {
        assert!(
            payload.is_empty(),
            "the payload of another operation is offered"
        );
        match operation {
            Operation::Write(token) if self.visible.lock().unwrap().contains(token) => {
                Prepared::Answer(Position::new(0))
            }
            Operation::Write(token) if self.pending.contains(token) => Prepared::Again,
            Operation::Write(token) => {
                payload.push(b'w');
                put(*token, payload);
                payload.extend(filler(*token));
                self.pending.insert(*token);
                Prepared::Write
            }
            Operation::Checkpoint if !self.pending.is_empty() => Prepared::Again,
            Operation::Checkpoint => {
                payload.push(b'c');
                self.visible
                    .lock()
                    .unwrap()
                    .iter()
                    .for_each(|token| put(*token, payload));
                Prepared::Write
            }
        }
    }

    fn apply(&mut self, position: Position, operation: Operation) -> Position {
        if let Operation::Write(token) = operation {
            assert!(
                self.pending.remove(&token),
                "applied without being prepared"
            );
            self.visible.lock().unwrap().push(token);
        }
        position
    }

    fn abandon(&mut self, operation: &Operation) {
        if let Operation::Write(token) = operation {
            assert!(
                self.pending.remove(token),
                "abandoned without being prepared"
            );
        }
    }

    fn replay(&mut self, position: Position, payload: &[u8]) -> Result<(), JournalError> {
        let unreadable = |reason: &str| {
            Err(JournalError::Unreadable {
                file: None,
                position,
                reason: reason.to_owned(),
            })
        };
        match payload.split_first() {
            Some((b'w', rest)) => {
                let token = get(rest);
                if !rest[8..].iter().copied().eq(filler(token)) {
                    return unreadable("the filler is wrong");
                }
                self.visible.lock().unwrap().push(token);
                Ok(())
            }
            Some((b'c', rest)) => {
                *self.visible.lock().unwrap() = rest.chunks(8).map(get).collect();
                Ok(())
            }
            _ => unreadable("no such operation"),
        }
    }
}

/// Small segments, so that a short run fills and reuses several.
pub(super) fn options() -> Options {
    Options {
        segment_bytes: 12 * 1024,
        max_record_bytes: 7 * 1024,
        max_group_records: 6,
        max_group_bytes: 4 * 1024,
        queue_operations: 64,
        spare_segments: 2,
        fatal: Arc::new(|_| {}),
        ..Options::new(IDENTITY)
    }
}

pub(super) fn directory() -> PathBuf {
    Path::new(SimulatedDisk::ROOT).join("journal")
}

/// A journal of tokens on any disk.
#[derive(Debug)]
pub(super) struct TokenStore {
    pub(super) journal: Journal<Tokens>,
    pub(super) visible: Visible,
}

impl TokenStore {
    pub(super) fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self, JournalError> {
        let visible = Visible::default();
        let machine = Tokens::new(&visible);
        let journal = Journal::open(disk, &directory(), options, machine)?;
        Ok(Self { journal, visible })
    }

    pub(super) fn recovered(&self) -> Recovered {
        self.journal.recovered()
    }

    pub(super) fn try_write(&self, tokens: &[Token]) -> Vec<Result<Position, JournalError>> {
        self.journal
            .submit_all_blocking(tokens.iter().copied().map(Operation::Write))
    }

    pub(super) fn write_tokens(&self, tokens: &[Token]) -> Vec<Answer> {
        self.try_write(tokens)
            .into_iter()
            .map(|answer| match answer {
                Ok(_) => Answer::Acknowledged,
                Err(JournalError::Stopped) => Answer::Unknown,
                Err(_) => Answer::Refused,
            })
            .collect()
    }

    pub(super) fn checkpoint(&self) {
        if let Some(Ok(position)) = self
            .journal
            .submit_all_blocking([Operation::Checkpoint])
            .pop()
        {
            self.journal.release(position);
        }
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        self.visible.lock().unwrap().clone()
    }
}

impl Store for TokenStore {
    fn open(disk: &SimulatedDisk) -> Result<Self, String> {
        Self::open(Arc::new(disk.clone()), options()).map_err(|error| error.to_string())
    }

    fn write(&self, tokens: &[Token]) -> Vec<Answer> {
        self.write_tokens(tokens)
    }

    fn contents(&self) -> Option<Vec<Token>> {
        Some(self.tokens())
    }

    fn upkeep(&self) {
        self.checkpoint();
        // Often enough, and not so often that no file of a segment is used again.
        if self.tokens().len().is_multiple_of(3) && self.journal.turn_over().is_ok() {
            self.checkpoint();
            // A disk that is full or gone: what is stored is what it was.
            drop(self.journal.wipe());
        }
    }

    fn close(self) {
        self.journal.close();
    }
}
