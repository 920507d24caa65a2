//! What became of everything that was to be carried over.

use serde_json::{Map, Value, json};

use super::super::CommandError;
use super::lists::{Item, Kind};
use crate::output::{self, table, table::Cell};

/// Characters that are shown of a key of Keen.
const OLD_SHOWN: usize = 8;
/// Characters that are shown of a new key: its public part.
const NEW_SHOWN: usize = 24;

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was made.
    Made,
    /// It was there in the same words; what else there is to say.
    There(&'static str),
    /// There is another one of its name.
    Differs,
    /// The server refused it, and why.
    Refused(String),
}

/// One item with its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    name: String,
    old: Option<String>,
    new: Option<String>,
    fate: Fate,
}

fn shortened(key: &str, shown: usize) -> String {
    let mut short: String = key.chars().take(shown).collect();
    short.push('…');
    short
}

impl Row {
    /// The row of an item.
    pub(super) fn of(item: &Item) -> Self {
        Self {
            name: item.name.clone(),
            old: item.key.as_deref().map(|key| shortened(key, OLD_SHOWN)),
            new: None,
            fate: Fate::Made,
        }
    }

    /// With the key that stands for it here, as much as is no secret.
    pub(super) fn with_new(self, key: Option<&str>) -> Self {
        let new = key.map(|key| shortened(key, NEW_SHOWN));
        Self { new, ..self }
    }

    /// With what became of it.
    pub(super) fn ending(self, fate: Fate) -> Self {
        Self { fate, ..self }
    }

    /// The word for a program, and more for a person.
    fn told(&self) -> (&'static str, String) {
        match &self.fate {
            Fate::Made => ("made", String::new()),
            Fate::There(more) => ("there_already", (*more).to_owned()),
            Fate::Differs => (
                "differs",
                "another one of this name is here; delete it, and run the command again".to_owned(),
            ),
            Fate::Refused(rule) => ("refused", rule.clone()),
        }
    }

    fn json(&self, kind: Kind) -> Value {
        let (word, reason) = self.told();
        let mut row = json!({ "name": self.name, "outcome": word });
        if kind == Kind::Keys {
            row["old_key"] = json!(self.old);
            row["new_key"] = json!(self.new);
        }
        if !reason.is_empty() {
            row["reason"] = json!(reason);
        }
        row
    }

    fn cells(&self, kind: Kind) -> Vec<Cell> {
        let (word, reason) = self.told();
        let cell = |text: &Option<String>| text.as_ref().map_or(Cell::Empty, Cell::text);
        let told = match reason.is_empty() {
            true => word.replace('_', " "),
            false => format!("{}: {reason}", word.replace('_', " ")),
        };
        vec![
            Cell::text(kind.noun()),
            Cell::text(&*self.name),
            cell(&self.old),
            cell(&self.new),
            Cell::text(told),
        ]
    }
}

/// All rows.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Whether the dialect was switched on.
    pub(super) switched_on: bool,
    rows: Vec<(Kind, Row)>,
}

impl Report {
    /// Adds a row.
    pub(super) fn add(&mut self, kind: Kind, row: Row) {
        self.rows.push((kind, row));
    }

    /// Whether nothing was done.
    pub(super) fn is_empty(&self) -> bool {
        !self.switched_on && self.rows.is_empty()
    }

    /// Prints what was done. No text of a key is in it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(super) fn print(&self, as_json: bool) -> Result<(), CommandError> {
        if as_json {
            return Ok(output::line(&self.json().to_string())?);
        }
        if self.switched_on {
            output::note("the Keen dialect is on for this project");
        }
        if !self.rows.is_empty() {
            let rows: Vec<_> = self
                .rows
                .iter()
                .map(|(kind, row)| row.cells(*kind))
                .collect();
            let headers = ["what", "name", "old key", "new key", "outcome"];
            output::line(&table::shown(&headers, &rows))?;
        }
        if self.rows.iter().any(|(kind, _)| *kind == Kind::Keys) {
            output::note(
                "the text of a key of Keen cannot be carried over: whoever holds an old key needs the new one",
            );
        }
        Ok(())
    }

    /// What a program reads.
    pub(super) fn json(&self) -> Value {
        let mut report = Map::new();
        report.insert("switched_on".to_owned(), json!(self.switched_on));
        for kind in Kind::ALL {
            let rows = self.rows.iter().filter(|(of, _)| *of == kind);
            let rows: Vec<Value> = rows.map(|(_, row)| row.json(kind)).collect();
            report.insert(kind.plural().to_owned(), Value::Array(rows));
        }
        Value::Object(report)
    }

    /// Whether everything is there now.
    ///
    /// # Errors
    /// When something is not.
    pub(super) fn judge(&self) -> Result<(), CommandError> {
        let is_missing = |row: &Row| matches!(row.fate, Fate::Differs | Fate::Refused(_));
        let missing = self.rows.iter().filter(|(_, row)| is_missing(row)).count();
        match missing {
            0 => Ok(()),
            missing => Err(CommandError::Failed(format!(
                "not everything was carried over; left out: {missing} of {}",
                self.rows.len()
            ))),
        }
    }
}
