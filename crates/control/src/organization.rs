//! The projects of an organization: which a caller knows of, and making,
//! renaming and deleting them.

use std::sync::Arc;

use model::fault::{Fault, FaultCode};
use model::ids::{OrganizationId, ProjectId};
use model::names::Name;
use model::people::{Area, PersonParts, Role, RoleGrant};
use model::permit::{Access, Admin, Permit};
use model::secrets::Secret;
use model::usage::usage_pool_id;

use crate::audit::Subject;
use crate::change::Change;
use crate::control::Control;
use crate::definitions::{Definitions, ProjectRecord};
use crate::error::{ControlError, Refusal};
use crate::once::{Carried, Once};
use crate::store::Write;

impl Control {
    /// The projects that the caller knows of, oldest first: those in which a
    /// person's role has projects; of a key its own alone.
    pub fn known_projects(&self, by: &Permit<Admin>) -> Vec<(ProjectId, Arc<Definitions>)> {
        let access = by.access();
        let ids = match access.person() {
            None => vec![access.project()],
            Some(_) => self.managed_by(access),
        };
        let known = ids.into_iter().map(|id| (id, self.definitions(id)));
        known
            .filter(|(_, found)| found.project().organization.is_some())
            .collect()
    }

    /// Makes a project in the caller's organization, with a master key whose
    /// token can be had this time alone. Nothing of any other project is in it.
    ///
    /// A person needs a role that has projects in the organization as a whole.
    /// While there are no people, the master key of a project may, too.
    ///
    /// # Errors
    /// [`ControlError::NameTaken`] in the organization, [`Refusal::NotAllowed`],
    /// [`Refusal::NeedsPerson`], [`Refusal::NeedsMasterKey`].
    pub async fn create_project(
        &self,
        by: &Permit<Admin>,
        name: &Name,
    ) -> Result<(ProjectId, Secret), ControlError> {
        match self.create_project_once(by, name, None).await? {
            Carried::Now(made) => Ok(made),
            Carried::Before(_) => Err(ControlError::OtherRequest),
        }
    }

    /// The same for a request that its sender may repeat.
    ///
    /// # Errors
    /// As [`Control::create_project`], and [`ControlError::OtherRequest`];
    /// [`ControlError::NotFound`] when the project that was made is gone.
    pub async fn create_project_once(
        &self,
        by: &Permit<Admin>,
        name: &Name,
        once: Option<Once>,
    ) -> Result<Carried<(ProjectId, Secret)>, ControlError> {
        let options = &self.0.options;
        let id = ProjectId::generate(options.clock.now(), &*options.random);
        let made = self
            .change_once_in((by.access(), id), once, |change| {
                let organization = self.may_make_projects(by)?;
                self.check_name(organization, name, None)?;
                let secret = self.make_project_in(change, organization, name.as_str())?;
                Ok(((id, secret), id.to_string()))
            })
            .await?;
        if let Carried::Before(id) = &made {
            let id = ProjectId::parse(id).map_err(|_| ControlError::NotFound)?;
            self.check_known(by, id)?;
        }
        Ok(made)
    }

    /// Calls a project something else, sets its quota of storage, or both;
    /// nothing of what is `None`. What is named by its id stays the same. A
    /// quota is set by those alone who may make projects: whoever administers
    /// one project could lift its own.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for one that the caller does not know of,
    /// [`ControlError::NameTaken`]; for a quota as for [`Control::create_project`].
    pub async fn change_project(
        &self,
        by: &Permit<Admin>,
        id: ProjectId,
        name: Option<&Name>,
        storage_bytes: Option<Option<u64>>,
    ) -> Result<(), ControlError> {
        let organization = self.organization_of(by.access().project())?;
        self.change_in(by.access(), id, |change| {
            self.check_known(by, id)?;
            let before = change.definitions.project().clone();
            let mut after = before.clone();
            if let Some(name) = name {
                self.check_name(organization, name, Some(id))?;
                after.name = name.to_string();
            }
            if let Some(bytes) = storage_bytes {
                self.may_make_projects(by)?;
                after.storage_bytes = bytes;
            }
            if after == before {
                return Ok(());
            }
            if after.name != before.name {
                let write = Write::RenameProject(id, after.name.clone());
                change.writes.push(write);
            }
            if after.storage_bytes != before.storage_bytes {
                let write = Write::SetProjectStorage(id, after.storage_bytes);
                change.writes.push(write);
            }
            let subject = Subject::new(id, &after.name);
            let texts = (Some(text(&before)), Some(text(&after)));
            change.definitions.put_project(after);
            change.audit("project.change", subject, texts.0, texts.1);
            Ok(())
        })
        .await
    }

    /// Deletes a project in which there are no pools any more, with its keys,
    /// saved queries, datasets and usage. Its audit stays. What its pool `_usage`
    /// holds is the data plane's to drop.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for one that the caller does not know of;
    /// [`ControlError::InUse`] names its pools, and people who have a role in
    /// it alone; [`Refusal::NeedsPerson`], [`Refusal::LastProject`].
    pub async fn delete_project(
        &self,
        by: &Permit<Admin>,
        id: ProjectId,
    ) -> Result<(), ControlError> {
        by.access().person().ok_or(Refusal::NeedsPerson)?;
        self.change_in(by.access(), id, |change| {
            self.check_known(by, id)?;
            let organization = self.may_make_projects(by)?;
            if self.projects_of(organization).len() < 2 {
                return Err(Refusal::LastProject.into());
            }
            let pools = change.definitions.pools();
            let mut uses: Vec<String> = pools
                .map(|pool| format!("pool {}", pool.draft.name))
                .collect();
            let people = self.people_with_role_in(organization, id);
            let only_there = people.iter().filter(|parts| parts.draft.roles.len() == 1);
            uses.extend(only_there.map(|parts| format!("person {}", parts.sign_in)));
            if !uses.is_empty() {
                return Err(ControlError::InUse(uses));
            }
            for mut parts in people {
                parts.draft.roles.retain(|role| role.project != Some(id));
                parts.revision += 1;
                change.update_person(parts)?;
            }
            change.delete_everything(id);
            Ok(())
        })
        .await
    }

    /// Refuses who may not make and delete projects; answers the organization.
    fn may_make_projects(&self, by: &Permit<Admin>) -> Result<OrganizationId, ControlError> {
        let access = by.access();
        let organization = self.organization_of(access.project())?;
        let Some(person) = access.person() else {
            if !self.is_without_people(organization) {
                return Err(Refusal::NeedsPerson.into());
            }
            if self.home_of(organization)? != access.project() {
                return Err(Refusal::NeedsMasterKey.into());
            }
            let everything = RoleGrant {
                project: None,
                role: Role::Owner,
                constraints: None,
            };
            let grants = everything.grants()?;
            crate::keys::check_unchanged(by, &grants).map_err(|_| Refusal::NeedsMasterKey)?;
            return Ok(organization);
        };
        match self.has_everywhere(person.id, Area::Projects) {
            true => Ok(organization),
            false => Err(Refusal::NotAllowed(Area::Projects).into()),
        }
    }

    fn managed_by(&self, access: &Access) -> Vec<ProjectId> {
        let Ok(organization) = self.organization_of(access.project()) else {
            return Vec::new();
        };
        let mut projects = self.projects_of(organization);
        projects.retain(|id| self.has_there(access, *id, Area::Projects));
        projects
    }

    fn check_known(&self, by: &Permit<Admin>, id: ProjectId) -> Result<(), ControlError> {
        let known = self.known_projects(by);
        match known.iter().any(|(known, _)| *known == id) {
            true => Ok(()),
            false => Err(ControlError::NotFound),
        }
    }

    fn check_name(
        &self,
        organization: OrganizationId,
        name: &Name,
        but: Option<ProjectId>,
    ) -> Result<(), ControlError> {
        if ProjectId::parse(name.as_str()).is_ok() {
            let detail = "a name must not read as the id of a project";
            return Err(Fault::new(FaultCode::InvalidName, detail)
                .at("/name")
                .into());
        }
        let mut others = self.projects_of(organization).into_iter();
        let is_taken = others
            .any(|id| Some(id) != but && self.definitions(id).project().name == name.as_str());
        match is_taken {
            true => Err(ControlError::NameTaken),
            false => Ok(()),
        }
    }

    fn people_with_role_in(&self, organization: OrganizationId, id: ProjectId) -> Vec<PersonParts> {
        let people = self.everybody_of(organization).into_iter();
        let parts = people.map(|person| person.parts().clone());
        let has_role = |parts: &PersonParts| {
            parts
                .draft
                .roles
                .iter()
                .any(|role| role.project == Some(id))
        };
        parts.filter(has_role).collect()
    }
}

impl Change {
    fn delete_everything(&mut self, id: ProjectId) {
        // The pool of usage is no row, and goes with its project.
        self.writes.push(Write::MarkDropped(usage_pool_id(id), id));
        let name = self.definitions.project().name.clone();
        let keys: Vec<_> = self.definitions.keys().cloned().collect();
        for key in keys {
            self.delete_key(&key);
        }
        let saved: Vec<_> = self
            .definitions
            .saved_queries()
            .map(|s| Arc::clone(s.item))
            .collect();
        for saved in saved {
            self.delete_saved(&saved);
        }
        let datasets: Vec<_> = self
            .definitions
            .datasets()
            .map(|d| Arc::clone(d.item))
            .collect();
        for dataset in datasets {
            self.delete_dataset(&dataset);
        }
        // Those of usage: there are no other pools any more.
        let views = self.definitions.views();
        let views: Vec<_> = views.map(|(view, _)| Arc::clone(view)).collect();
        for view in views {
            self.delete_view(&view);
        }
        self.writes.push(Write::DeleteNoticesOf(id));
        self.writes.push(Write::DeleteProject(id));
        self.writes.push(Write::ForgetUsageOf(id));
        self.audit("project.delete", Subject::new(id, name), None, None);
        self.definitions.put_project(ProjectRecord::default());
        self.is_deleted = true;
    }
}

/// What the audit keeps of a project.
fn text(project: &ProjectRecord) -> String {
    let object = model::value::Object::new().with("name", project.name.as_str());
    let object = match project.storage_bytes {
        None => object,
        Some(bytes) => object.with("storage_bytes", bytes),
    };
    model::json::to_text(&model::value::Value::Object(object))
}
