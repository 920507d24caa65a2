//! What somebody took away a moment ago, on its way back through an address and
//! a form. It is sealed for the session that took it away and for the place
//! where it was: nobody else's link, and none of another place, gives anything.

use model::sealed::Seal;
use model::value::Value;

use super::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;

const VERSION: u8 = 1;

/// What was taken away, and where.
#[derive(Clone, Copy)]
pub(super) struct Taken<'a> {
    /// Which kind of thing is sealed.
    pub(super) purpose: &'static str,
    /// Where it was within the project.
    pub(super) place: &'a [u8],
}

impl Taken<'_> {
    /// The sealed text of it, for the address and the form of a page.
    pub(super) fn seal(self, by: &InProject, state: &AppState, what: &Value) -> String {
        let text = model::json::to_text(what);
        let binding = self.binding(by);
        self.key(state)
            .seal(VERSION, &binding, text.as_bytes(), &*state.random)
    }

    /// What was taken away.
    ///
    /// # Errors
    /// [`ApiError::not_found`] for every text that this session was not given
    /// for this place.
    pub(super) fn open(
        self,
        by: &InProject,
        state: &AppState,
        sealed: &str,
    ) -> Result<Value, ApiError> {
        let binding = self.binding(by);
        let opened = self.key(state).open(VERSION, &binding, sealed);
        let what = opened.and_then(|bytes| model::json::parse(&bytes).ok());
        what.ok_or_else(ApiError::not_found)
    }

    fn key(self, state: &AppState) -> Seal {
        Seal::new(state.control.pepper(), self.purpose)
    }

    /// The ids are of one length each, so that no two places have one binding.
    fn binding(self, by: &InProject) -> Vec<u8> {
        let session = by.visitor.session.id.to_bytes();
        let project = by.access.project().to_bytes();
        [&session[..], &project[..], self.place].concat()
    }
}
