//! Keys: what programs come in by, what each may do, and what becomes of it.

mod actions;
mod asking;
mod grants;
mod limits;
mod list;
mod making;
mod once;
mod one;
mod preview;
mod proofs;
mod review;
mod rolling;
mod settings;
mod words;

pub(super) use actions::{
    copy, copy_form, delete, delete_form, disable, disable_form, enable, enable_form, quarantine,
    quarantine_form, release, release_form,
};
pub(super) use grants::{
    AGAIN_PARAMETERS, GRANT_PARAMETERS, add, add_form, again as grant_again,
    again_form as grant_again_form, change as change_grant, change_form as grant_form,
    remove as remove_grant, remove_form as remove_grant_form,
};
pub(super) use list::{PARAMETERS as LIST_PARAMETERS, list};
pub(super) use making::{
    PARAMETERS as NEW_PARAMETERS, address_for, address_for_page, form as new_form, send as make,
};
pub(super) use one::{PARAMETERS as KEY_PARAMETERS, read};
pub(super) use preview::{Change, preview};
pub(super) use proofs::{end_signing, end_signing_form, revoke_derived, revoke_derived_form};
pub(super) use review::review;
pub(super) use rolling::{
    end_grace, end_grace_form, roll, roll_form, undo as undo_roll, undo_form as undo_roll_form,
};
pub(super) use settings::{change as change_settings, form as settings_form};
pub(super) use words::conditions;

use std::sync::Arc;

use model::keys::{KeyKind, KeyRecord, KeyStatus};
use model::people::Area;
use model::permit::Admin;
use model::time::Timestamp;

use super::visitor::InProject;
use crate::api::keys::KeyPath;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::AppState;

/// A key that a page is about, and who looks at it.
struct Here {
    page: InProject,
    caller: Caller<Admin>,
    key: Arc<KeyRecord>,
}

impl Here {
    /// The key that the path names, for whom the native call tells of it.
    fn find(page: InProject, state: &AppState) -> Result<Self, ApiError> {
        let caller = page.caller(Area::Keys)?;
        let definitions = caller.definitions(state);
        let key = KeyPath::of(page.segment("id")).find(&caller, &definitions)?;
        let key = Arc::clone(key);
        Ok(Self { page, caller, key })
    }

    fn name(&self) -> &str {
        &self.key.draft().name
    }

    /// The address of a page of the key; `below` begins with a slash, or is empty.
    fn address(&self, below: &str) -> String {
        self.page
            .address(&format!("/keys/{}{below}", self.key.id()))
    }

    fn is_of_dialect(&self) -> bool {
        self.key.draft().dialect.is_some()
    }
}

/// A word that says how something is.
struct Tag {
    word: &'static str,
    class: &'static str,
}

fn status(key: &KeyRecord, now: Timestamp) -> Tag {
    let (word, class) = match key.status(now) {
        KeyStatus::Active => ("active", "is-good"),
        KeyStatus::Disabled => ("disabled", ""),
        KeyStatus::Expired => ("expired", "is-bad"),
        KeyStatus::Quarantined => ("quarantined", "is-bad"),
    };
    Tag { word, class }
}

fn kind(key: &KeyRecord) -> &'static str {
    match key.draft().kind {
        KeyKind::Secret => "secret",
        KeyKind::Publishable => "publishable",
        KeyKind::Legacy => "of a dialect",
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let modules = [
        asking::sample,
        grants::sample,
        list::sample,
        making::sample,
        once::sample,
        one::sample,
        preview::sample,
        review::sample,
        rolling::sample,
        settings::sample,
    ];
    modules.iter().flat_map(|sample| sample(text)).collect()
}

/// The definitions of the first project.
#[cfg(test)]
pub(super) async fn definitions_of(world: &crate::testing::World) -> Arc<control::Definitions> {
    let me = world.get("/v1/whoami").await.expect(200).json();
    let project = crate::testing::text(&me, "/project");
    let project = model::ids::ProjectId::parse(project).expect("an id");
    world.state.control.definitions(project)
}
