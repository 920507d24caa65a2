//! What the clients know, and whether what is visible agrees with it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Token};

/// What the clients know.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The number of acknowledged tokens of each client, which is also the last of them.
    acknowledged: BTreeMap<u32, u32>,
    /// Tokens without an answer: they may be stored or not.
    unknown: BTreeSet<Token>,
    /// What was visible when last looked at.
    seen: Vec<Token>,
}

impl Ledger {
    fn is_acknowledged(&self, token: Token) -> bool {
        self.acknowledged
            .get(&token.client)
            .is_some_and(|last| token.number <= *last)
    }

    /// What this client writes next.
    pub(super) fn next(&self, client: u32) -> Token {
        Token {
            client,
            number: self.acknowledged.get(&client).map_or(1, |last| last + 1),
        }
    }

    /// Notes what a client was told.
    pub(super) fn note(&mut self, token: Token, answer: Answer) {
        match answer {
            Answer::Acknowledged => {
                self.acknowledged.insert(token.client, token.number);
                self.unknown.remove(&token);
            }
            Answer::Unknown if !self.is_acknowledged(token) => {
                self.unknown.insert(token);
            }
            Answer::Unknown | Answer::Refused => {}
        }
    }

    /// Compares what is visible with what was promised.
    pub(super) fn check(&mut self, contents: Vec<Token>, keeps_order: bool) -> Result<(), String> {
        let is_there = if keeps_order {
            contents.starts_with(&self.seen)
        } else {
            self.seen.iter().all(|token| contents.contains(token))
        };
        if !is_there {
            return Err(format!(
                "what was visible is gone or in another order: {:?} became {contents:?}",
                self.seen
            ));
        }
        let mut last: BTreeMap<u32, u32> = BTreeMap::new();
        for &token in &contents {
            let before = last.insert(token.client, token.number).unwrap_or(0);
            if token.number <= before {
                return Err(format!("{token:?} is there twice or in the wrong order"));
            }
            if token.number > before + 1 {
                return Err(format!("a token before {token:?} is lost"));
            }
            if !self.is_acknowledged(token) && !self.unknown.contains(&token) {
                return Err(format!(
                    "{token:?} is there although it was refused or never written"
                ));
            }
        }
        for (client, number) in &self.acknowledged {
            if last.get(client) < Some(number) {
                return Err(format!(
                    "token {number} of client {client} was acknowledged and lost"
                ));
            }
        }
        self.seen = contents;
        Ok(())
    }

    /// What was visible when last looked at.
    pub(super) fn seen(&self) -> &[Token] {
        &self.seen
    }

    /// How many tokens were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.values().copied().map(u64::from).sum()
    }
}
