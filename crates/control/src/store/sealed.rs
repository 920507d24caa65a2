//! Checksums of what is stored of rights: SQLite has none of its own, and a
//! bit that rots in a constraint would show a key the rows of somebody else.
//!
//! A definition stands in its row with the checksum behind it, on a line of its
//! own; no definition has two lines. It is over the definition and what else of
//! the row says who may do what. Rows that were written before there were
//! checksums have one line, and get the second when they change.

use std::fmt::Display;

use sha2::{Digest, Sha256};

use crate::error::ControlError;

use super::load::damaged;

/// Bytes of a checksum.
const BYTES: usize = 8;

/// What is said of a row whose checksum is not that of what it holds.
pub(super) const ROTTEN: &str =
    "its row in the database is not what was written; restore a backup of the data directory";

/// A row whose definition is stored with a checksum.
pub(super) trait SealedRow: Sized {
    /// What it is called, for whoever is told that it rots.
    fn kind(&self) -> &'static str;

    fn id(&self) -> &dyn Display;

    /// What else of it says who may do what.
    fn about(&self) -> Vec<&dyn Display>;

    fn definition(&self) -> &str;

    fn with_definition(self, definition: String) -> Self;

    /// The definition as it is stored.
    fn sealed(&self) -> String {
        seal(self.kind(), self.id(), &self.about(), self.definition())
    }

    /// The row with its definition as it was before it was stored.
    ///
    /// # Errors
    /// As for [`unseal`].
    fn unsealed(self) -> Result<Self, ControlError> {
        let stored = self.definition().to_owned();
        let definition = unseal(self.kind(), self.id(), &self.about(), stored)?;
        Ok(self.with_definition(definition))
    }
}

/// The text as it is stored in the row of this kind and id, with what else the
/// checksum is over.
pub(super) fn seal(kind: &str, id: &dyn Display, about: &[&dyn Display], text: &str) -> String {
    format!("{text}\n{}", checksum(kind, id, about, text))
}

/// The text that was stored so.
///
/// # Errors
/// It, or what the checksum is over, is not what was written.
pub(super) fn unseal(
    kind: &str,
    id: &dyn Display,
    about: &[&dyn Display],
    stored: String,
) -> Result<String, ControlError> {
    unseal_any(kind, id, &[about], stored)
}

/// The same of a row whose checksum was over less of it in earlier versions:
/// `abouts` are what it is over now, and what it was over then.
///
/// # Errors
/// As for [`unseal`].
pub(super) fn unseal_any(
    kind: &str,
    id: &dyn Display,
    abouts: &[&[&dyn Display]],
    stored: String,
) -> Result<String, ControlError> {
    let Some((text, found)) = stored.split_once('\n') else {
        return Ok(stored);
    };
    let is_of = |about: &&[&dyn Display]| found == checksum(kind, id, about, text);
    match abouts.iter().any(is_of) {
        true => Ok(text.to_owned()),
        false => Err(damaged(kind, id, ROTTEN)),
    }
}

/// The checksum of a row of this kind and id, over this text and what else it is about.
pub(super) fn checksum(kind: &str, id: &dyn Display, about: &[&dyn Display], text: &str) -> String {
    let mut digest = Sha256::new();
    let ahead: [&dyn Display; 2] = [&kind, id];
    for part in ahead
        .into_iter()
        .chain(about.iter().copied())
        .chain([&text as &dyn Display])
    {
        let part = part.to_string();
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let digest = digest.finalize();
    digest[..BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"grants":[{"constraints":[{"field":"customer","value":"a"}]}]}"#;

    fn stored() -> String {
        seal("key", &"k", &[&true, &7], TEXT)
    }

    fn read(about: &[&dyn Display], stored: String) -> Option<String> {
        unseal("key", &"k", about, stored).ok()
    }

    #[test]
    fn what_is_stored_comes_back_and_what_had_no_checksum_too() {
        assert_eq!(read(&[&true, &7], stored()).as_deref(), Some(TEXT));
        assert_eq!(read(&[&true, &7], TEXT.to_owned()).as_deref(), Some(TEXT));
    }

    #[test]
    fn no_bit_of_it_changes_unseen() {
        let whole = stored();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // What is no text any more the database does not give out as one.
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let found = read(&[&true, &7], changed);
            let is_read = found.and_then(|text| model::json::parse(text.as_bytes()).ok());
            assert_eq!(is_read, None, "bit {bit}");
        }
    }

    #[test]
    fn a_row_of_before_is_read_by_what_its_checksum_was_over_then() {
        let now: &[&dyn Display] = &[&true, &7, &"a proof"];
        let then: &[&dyn Display] = &[&true, &7];
        let changed: &[&dyn Display] = &[&true, &7, &"a proog"];
        let sealed = || seal("key", &"k", now, TEXT);
        let reads = |abouts: &[&[&dyn Display]], stored: String| {
            unseal_any("key", &"k", abouts, stored).is_ok_and(|text| text == TEXT)
        };
        assert!(reads(&[now, then], stored()) && !reads(&[now], stored()));
        // One of now is not read by less of it.
        assert!(reads(&[now, then], sealed()) && !reads(&[changed, then], sealed()));
    }

    #[test]
    fn nothing_beside_it_changes_unseen() {
        assert_eq!(read(&[&false, &7], stored()), None);
        assert_eq!(read(&[&true, &6], stored()), None);
        assert_eq!(unseal("key", &"l", &[&true, &7], stored()).ok(), None);
        assert_eq!(unseal("pool", &"k", &[&true, &7], stored()).ok(), None);
        let shifted = seal("key", &"k", &[&"ab", &"c"], "{}");
        assert_eq!(
            read(&[&"a", &"bc"], shifted),
            None,
            "parts do not run together"
        );
    }
}
