//! Organizations and projects, and the keys to begin with.

use std::sync::Arc;

use model::fault::Fault;
use model::grants::{Action, parse_grants};
use model::ids::{OrganizationId, ProjectId};
use model::keys::{KeyDraft, KeyKind, KeyLimits, Restrictions};
use model::secrets::Secret;
use model::value::{Object, Value};

use crate::audit::{Author, Subject};
use crate::change::Change;
use crate::control::Control;
use crate::definitions::{Definitions, ProjectRecord};
use crate::error::ControlError;
use crate::grants::ProjectGrants;
use crate::store::Write;

impl Control {
    /// Makes the organization and the project `default` with a master key,
    /// when there is no project yet; answers the master key's token then.
    pub async fn bootstrap(&self) -> Result<Option<Secret>, ControlError> {
        let project = ProjectId::generate(self.0.options.clock.now(), &*self.0.options.random);
        self.change_as(Author::server(), project, |change| {
            if !self.projects().is_empty() {
                return Ok(None);
            }
            self.make_project(change, "default").map(Some)
        })
        .await
    }

    /// Makes a new master key of the first project, for somebody who holds
    /// the machine and has lost every key. Other keys stay as they are.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when there is no project.
    pub async fn recover_master(&self) -> Result<Secret, ControlError> {
        let first = self.projects().first().copied();
        let project = first.ok_or(ControlError::NotFound)?;
        self.change_as(Author::server(), project, |change| {
            let draft = master_key(change, "master (recovered)")?;
            let (_, secret) = change.create_key(self.pepper(), &draft)?;
            Ok(secret)
        })
        .await
    }

    /// Makes an organization and a project, both of this name, with a master key.
    pub(crate) fn make_project(
        &self,
        change: &mut Change,
        name: &str,
    ) -> Result<Secret, ControlError> {
        let organization = OrganizationId::generate(change.now, &*change.random);
        let write = Write::InsertOrganization(organization, name.to_owned(), change.now);
        change.writes.push(write);
        self.make_project_in(change, organization, name)
    }

    /// Makes a project in an organization that is there, with a master key.
    pub(crate) fn make_project_in(
        &self,
        change: &mut Change,
        organization: OrganizationId,
        name: &str,
    ) -> Result<Secret, ControlError> {
        let (now, project) = (change.now, change.project);
        let write = Write::InsertProject(project, organization, name.to_owned(), now);
        change.writes.push(write);
        change.definitions = Definitions::of_project(project);
        change.definitions.put_project(ProjectRecord {
            name: name.to_owned(),
            keen: false,
            scoping: None,
            storage_bytes: None,
            organization: Some(organization),
        });
        change.audit("project.create", Subject::new(project, name), None, None);
        let draft = master_key(change, "master")?;
        let (_, secret) = change.create_key(self.pepper(), &draft)?;
        Ok(secret)
    }
}

/// A key that may do everything in the project.
fn master_key(change: &Change, name: &str) -> Result<KeyDraft, Fault> {
    let grant = |on: &str, actions: &[Action]| {
        let actions: Vec<&str> = actions.iter().map(|action| action.name()).collect();
        Object::new().with("on", on).with("actions", actions)
    };
    let grants = vec![
        grant("project", &[Action::Admin]),
        grant("pool:*", &Action::POOL).with("constraints", "all_rows"),
        grant("view:*", &Action::VIEW).with("constraints", "all_rows"),
        grant("saved:*", &Action::SAVED).with("constraints", "all_rows"),
        grant("cached:*", &Action::CACHED).with("constraints", "all_rows"),
        grant("dataset:*", &Action::DATASET).with("constraints", "all_rows"),
    ];
    let lookup = ProjectGrants {
        definitions: Arc::new(Definitions::default()),
        existing: Vec::new(),
        now: change.now,
        random: Arc::clone(&change.random),
    };
    Ok(KeyDraft {
        name: name.to_owned(),
        description: String::new(),
        kind: KeyKind::Secret,
        grants: parse_grants(&Value::from(grants), &lookup)?,
        expires_at: None,
        restrictions: Restrictions::NONE,
        limits: KeyLimits::NONE,
        rotate_after: None,
        derived_tokens: false,
        issued_by: None,
        dialect: None,
    })
}
