//! Which rows in memory a delete will take, found out by whoever asks for it: the journal's thread, for which all
//! writers wait, looks at the rows alone that came meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_buffer::BooleanBuffer;
use model::filters::Predicate;
use model::pools::Schema;

use super::Segment;
use super::segment::Identity;
use crate::error::Result;

/// Bytes of records that a delete may look at while writers wait.
const UNFORESEEN_BYTES: u64 = 4 << 20;

/// What was found out of a delete. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Foreseen {
    /// By the names of columns.
    predicate: Arc<Predicate>,
    /// The columns for which the predicate was made.
    schema: Schema,
    /// The rows that it admits of each segment that was looked at.
    admitted: HashMap<Identity, BooleanBuffer>,
    /// Whether the rest may be found out while writers wait, however much it is.
    is_enough: bool,
}

impl Foreseen {
    /// Nothing, of a delete of these rows by the names of the columns of a schema.
    pub(crate) fn new(predicate: Predicate, schema: Schema) -> Self {
        Self {
            predicate: Arc::new(predicate),
            schema,
            admitted: HashMap::new(),
            is_enough: false,
        }
    }

    /// The same, where the rest is found out in any case while writers wait.
    pub(crate) fn enough(self) -> Self {
        Self {
            is_enough: true,
            ..self
        }
    }

    /// Looks at the segments that were not looked at. What it holds of others, which are gone, goes.
    pub(crate) fn look(
        &mut self,
        segments: &[Arc<Segment>],
        goes_on: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let mut known = std::mem::take(&mut self.admitted);
        for segment in segments {
            goes_on()?;
            let admitted = match known.remove(segment.identity()) {
                Some(admitted) => admitted,
                None => segment.admitted(&self.predicate)?,
            };
            self.admitted.insert(segment.identity().clone(), admitted);
        }
        Ok(())
    }

    /// The rows of a segment that the predicate admits, if that is known.
    pub(super) fn of(&self, segment: &Segment) -> Option<&BooleanBuffer> {
        self.admitted.get(segment.identity())
    }

    /// The predicate, if it is one for these columns.
    pub(crate) fn predicate_for(&self, schema: &Schema) -> Option<Arc<Predicate>> {
        self.is_for(schema).then(|| self.predicate.clone())
    }

    /// Whether it is of the predicate that a delete has among these columns.
    pub(crate) fn is_for(&self, schema: &Schema) -> bool {
        self.schema == *schema
    }

    /// Whether so much is unknown of these segments that they are to be looked at once more.
    pub(super) fn lacks_much<'a>(
        &self,
        schema: &Schema,
        segments: impl Iterator<Item = &'a Arc<Segment>>,
    ) -> bool {
        let is_unknown =
            |segment: &&Arc<Segment>| !self.is_for(schema) || self.of(segment).is_none();
        let bytes: u64 = segments
            .filter(is_unknown)
            .map(|segment| segment.bytes())
            .sum();
        !self.is_enough && bytes > UNFORESEEN_BYTES
    }
}
