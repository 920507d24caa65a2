//! What a journal keeps in order: the state that its records change.

use super::{JournalError, Position};

/// What becomes of an operation.
#[derive(Debug)]
pub enum Prepared<Outcome> {
    /// The payload is to be written; the operation is applied when it is durable.
    Write,
    /// Nothing is to be written; this is the answer, given at once. It may rest on what was
    /// applied only, never on what was merely prepared.
    Answer(Outcome),
    /// It depends on an operation of the group being written (the same identity, say); offer it
    /// again when that group was applied.
    Again,
}

/// The state that the log stands for. All calls come from the journal's own thread.
pub trait StateMachine: Send + 'static {
    /// What is submitted.
    type Operation: Send + 'static;
    /// What the submitter is answered.
    type Outcome: Send + 'static;

    /// Decides, in log order, what an operation becomes. For [`Prepared::Write`] it has put the
    /// bytes that [`StateMachine::replay`] will need into `payload`, which is empty before.
    fn prepare(
        &mut self,
        operation: &Self::Operation,
        payload: &mut Vec<u8>,
    ) -> Prepared<Self::Outcome>;

    /// The payloads of at most `limit` bytes that say together what this one says, which is too large for one
    /// record. They follow each other in the log, and the operation takes effect with the last; a crash may leave
    /// the first of them alone. `None`: it is refused.
    fn parts(&self, payload: &[u8], limit: usize) -> Option<Vec<Vec<u8>>> {
        let _ = (payload, limit);
        None
    }

    /// Makes a prepared operation, which is now durable, take effect. It is visible to readers
    /// when this returns, and acknowledged after that.
    fn apply(&mut self, position: Position, operation: Self::Operation) -> Self::Outcome;

    /// Undoes what [`StateMachine::prepare`] noted for an operation that was not written. The
    /// operation may be prepared again later.
    fn abandon(&mut self, operation: &Self::Operation);

    /// Shows a record of the log at start, before any is replayed: all of them, in their order.
    /// So a replay can know what later records make superfluous. An error ends the opening.
    fn survey(&mut self, position: Position, payload: &[u8]) -> Result<(), JournalError> {
        let _ = (position, payload);
        Ok(())
    }

    /// Makes a record of the log take effect at start. An error ends the opening.
    fn replay(&mut self, position: Position, payload: &[u8]) -> Result<(), JournalError>;
}
