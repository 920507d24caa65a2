//! Roles, and what each opens: `docs/role-by-action.txt` is written from here.

use std::sync::Arc;

use crate::document::{Document, expected};
use crate::fault::{Fault, FaultCode};
use crate::filters::{Filter, parse_list, to_list};
use crate::grants::{Action, Grant, GrantLookup, parse_grants};
use crate::ids::{DatasetId, GrantId, PoolId, ProjectId, SavedQueryId, ViewId};
use crate::limits::PERSON_ROLES_MAX;
use crate::names::{FieldPath, Name};
use crate::pools::Schema;
use crate::value::{Object, Value};

/// What somebody is in an organization or in one project of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// May do everything, and says who else is an owner.
    Owner,
    /// Runs the organization or project: people, keys, definitions.
    Admin,
    /// Builds with it: definitions and records, no keys and no people.
    Developer,
    /// Asks for rows and for results.
    Analyst,
    /// Sees results that others defined.
    Viewer,
}

/// A part of what can be done. The set is closed, and a role has each part or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// Who is an owner.
    Owners,
    /// People who are no owners, and their roles.
    People,
    /// Which projects there are, and their settings.
    Projects,
    /// Keys of the project.
    Keys,
    /// What was changed, and by whom.
    Audit,
    /// Pools, views, saved queries, datasets.
    Definitions,
    /// Records: writing and deleting them.
    WriteRecords,
    /// Records: asking pools.
    ReadRecords,
    /// Answers of views, saved queries and datasets.
    ReadResults,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 9] = [
        Self::Owners,
        Self::People,
        Self::Projects,
        Self::Keys,
        Self::Audit,
        Self::Definitions,
        Self::WriteRecords,
        Self::ReadRecords,
        Self::ReadResults,
    ];

    /// Whether it can be held to some rows: what is done with rows themselves,
    /// and with keys and people who are held to them, too.
    pub fn is_within_rows(self) -> bool {
        match self {
            Self::Owners | Self::Projects | Self::Audit | Self::Definitions => false,
            Self::People
            | Self::Keys
            | Self::WriteRecords
            | Self::ReadRecords
            | Self::ReadResults => true,
        }
    }

    /// The area's name in the committed table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owners => "owners",
            Self::People => "people",
            Self::Projects => "projects",
            Self::Keys => "keys",
            Self::Audit => "audit",
            Self::Definitions => "definitions",
            Self::WriteRecords => "write records",
            Self::ReadRecords => "read records",
            Self::ReadResults => "read results",
        }
    }
}

impl Role {
    /// Every role, the widest first.
    pub const ALL: [Self; 5] = [
        Self::Owner,
        Self::Admin,
        Self::Developer,
        Self::Analyst,
        Self::Viewer,
    ];

    /// The role's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Analyst => "analyst",
            Self::Viewer => "viewer",
        }
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// The matrix of roles and areas.
    pub fn may(self, area: Area) -> bool {
        use Area::{Definitions, Owners, ReadRecords, ReadResults, WriteRecords};
        match self {
            Self::Owner => true,
            Self::Admin => area != Owners,
            Self::Developer => {
                matches!(area, Definitions | WriteRecords | ReadRecords | ReadResults)
            }
            Self::Analyst => matches!(area, ReadRecords | ReadResults),
            Self::Viewer => area == ReadResults,
        }
    }

    /// Whether it does more than to look.
    fn is_above_rows(self) -> bool {
        use Area::{ReadRecords, ReadResults};
        let reads = [ReadRecords, ReadResults];
        Area::ALL
            .into_iter()
            .any(|area| self.may(area) && !reads.contains(&area))
    }
}

/// A role somewhere, over all rows or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleGrant {
    /// The project; `None` for every project of the organization, later ones included.
    pub project: Option<ProjectId>,
    /// The role.
    pub role: Role,
    /// The rows that it sees; `None` for all.
    pub constraints: Option<Filter>,
}

impl RoleGrant {
    /// Whether it has this. A role that is held to some rows has what can be held to them.
    pub fn may(&self, area: Area) -> bool {
        self.role.may(area) && (self.constraints.is_none() || area.is_within_rows())
    }

    /// Whether it is held to these rows or fewer; each is held to no constraint.
    pub fn is_within(&self, held: Option<&Filter>) -> bool {
        held.is_none_or(|held| {
            let own = self.constraints.as_ref();
            own.is_some_and(|own| own.says_all_of(held))
        })
    }

    /// Reads what is sent and what is stored. The project must be an id.
    ///
    /// # Errors
    /// A fault that names the member: also for a constraint on an owner, and
    /// for one on a role in every project that administers or writes.
    pub fn parse(value: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let project = document.optional_text("project")?;
        let project = project.map(|text| {
            ProjectId::parse(text).map_err(|_| {
                let detail = "project is the id of a project, or null for every one";
                Fault::new(FaultCode::InvalidValue, detail).at("/project")
            })
        });
        let role = Role::parse(document.text("role")?).ok_or_else(|| {
            let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
            let detail = format!("role is one of {}", names.join(", "));
            Fault::new(FaultCode::InvalidValue, detail).at("/role")
        })?;
        let constraints = document.optional("constraints").map(parse_list).transpose();
        let constraints = constraints.map_err(|f| f.under("/constraints"))?;
        document.finish()?;
        let grant = Self {
            project: project.transpose()?,
            role,
            constraints,
        };
        if grant.constraints.is_some() && role == Role::Owner {
            let detail = "an owner has all rows; leave constraints out, or make the role admin";
            return Err(Fault::new(FaultCode::InvalidValue, detail).at("/constraints"));
        }
        if grant.constraints.is_some() && grant.project.is_none() && role.is_above_rows() {
            let detail =
                "rows are those of a project: name the one that the role is held to them in";
            return Err(Fault::new(FaultCode::InvalidValue, detail).at("/project"));
        }
        if role == Role::Owner && grant.project.is_some() {
            let detail = "an owner is one of the organization; leave project out";
            return Err(Fault::new(FaultCode::InvalidValue, detail).at("/project"));
        }
        Ok(grant)
    }

    /// Reads a list of roles, at most one for each project and one for all.
    ///
    /// # Errors
    /// A fault that names the member.
    pub fn parse_all(value: &Value) -> Result<Vec<Self>, Fault> {
        let values = value
            .as_array()
            .ok_or_else(|| expected("a list of roles", value))?;
        if values.is_empty() || values.len() > PERSON_ROLES_MAX {
            let detail = format!("a person has from 1 to {PERSON_ROLES_MAX} roles");
            return Err(Fault::new(FaultCode::LimitExceeded, detail));
        }
        let mut roles: Vec<Self> = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let role = Self::parse(value).map_err(|f| f.under(&format!("/{index}")))?;
            if roles.iter().any(|other| other.project == role.project) {
                let detail = "a person has one role in a project, and one in the organization";
                let fault = Fault::new(FaultCode::InvalidValue, detail);
                return Err(fault.at(format!("/{index}/project")));
            }
            roles.push(role);
        }
        Ok(roles)
    }

    /// The stored form, which is that of the wire.
    pub fn to_value(&self) -> Value {
        let constraints = self.constraints.as_ref().map(to_list);
        let object = Object::new()
            .with("project", self.project.map(|id| id.to_string()))
            .with("role", self.role.name());
        Value::Object(object.with("constraints", constraints.unwrap_or(Value::Null)))
    }

    /// What the role opens in a project, as grants of an ordinary key.
    ///
    /// # Errors
    /// A fault for a constraint that no grant may have.
    pub fn grants(&self) -> Result<Arc<[Grant]>, Fault> {
        let may = |area: Area| self.may(area);
        // What is written is among the rows when it is stamped so; where they
        // cannot be stamped, nothing is written.
        let stamps = self.constraints.as_ref().map(Filter::as_stamps);
        let mut pool: Vec<Action> = Vec::new();
        if may(Area::WriteRecords) {
            pool.push(Action::Delete);
        }
        if may(Area::WriteRecords) && stamps != Some(None) {
            pool.push(Action::Ingest);
        }
        if may(Area::ReadRecords) {
            pool.extend([Action::Query, Action::Extract, Action::Schema]);
        }
        let results = may(Area::ReadResults);
        let of = |actions: &'static [Action]| if results { actions } else { &[] };
        let administers = [Area::Keys, Area::Definitions, Area::People, Area::Projects];
        let project: &[Action] = match administers.into_iter().any(may) {
            true => &[Action::Admin],
            false => &[],
        };
        let rows = self.constraints.as_ref().map(to_list);
        let rows = rows.unwrap_or_else(|| Value::from("all_rows"));
        let all = [
            ("project", project),
            ("pool:*", &pool[..]),
            ("view:*", of(&Action::VIEW)),
            ("saved:*", of(&Action::SAVED)),
            ("cached:*", of(&Action::CACHED)),
            ("dataset:*", of(&Action::DATASET)),
        ];
        let grants = all.into_iter().filter(|(_, actions)| !actions.is_empty());
        let grants = grants.map(|(on, actions)| {
            let names: Vec<&str> = actions.iter().map(|action| action.name()).collect();
            let grant = Object::new().with("on", on).with("actions", names);
            let grant = match actions.iter().any(|action| action.touches_rows()) {
                true => grant.with("constraints", rows.clone()),
                false => grant,
            };
            match &stamps {
                Some(Some(stamps)) if actions.contains(&Action::Ingest) => {
                    grant.with("injections", injected(stamps))
                }
                _ => grant,
            }
        });
        let grants: Vec<Object> = grants.collect();
        let numbered = Numbered(std::cell::Cell::new(0));
        Ok(parse_grants(&Value::from(grants), &numbered)?.into())
    }
}

fn injected(stamps: &[(&FieldPath, &Value)]) -> Object {
    let stamps = stamps.iter();
    stamps.fold(Object::new(), |object, (path, value)| {
        object.with(path.as_str(), (*value).clone())
    })
}

/// What the reader of a role's grants looks up: nothing, since none has a
/// name. The grants are numbered, so that each has the same id every time.
struct Numbered(std::cell::Cell<u8>);

impl GrantLookup for Numbered {
    fn pool(&self, _: &Name) -> Option<(PoolId, Schema)> {
        None
    }

    fn view(&self, _: &Name) -> Option<(ViewId, Schema)> {
        None
    }

    fn saved_query(&self, _: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        None
    }

    fn dataset(&self, _: &Name) -> Option<(DatasetId, Option<Schema>)> {
        None
    }

    fn existing(&self, _: GrantId) -> Option<Grant> {
        None
    }

    fn fresh_id(&self) -> GrantId {
        self.0.set(self.0.get() + 1);
        let mut bytes = [0; 16];
        bytes[15] = self.0.get();
        GrantId::from_bytes(bytes)
    }
}
