//! What is around every page: title, files, navigation, and who is there.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use model::people::Area;

use super::assets::ASSETS;
use super::visitor::{InProject, Visitor};
use crate::error::ApiError;

/// The media type of pages.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// What the template `frame.html` shows around a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) style: &'static str,
    pub(super) htmx: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
    /// Who is signed in.
    pub(super) who: Option<Who>,
}

/// Who is signed in, and where.
pub(super) struct Who {
    pub(super) name: String,
    /// The token of the form that signs out.
    pub(super) token: String,
    /// The token that forms of this page send.
    pub(super) form_token: String,
    pub(super) is_in_account: bool,
    pub(super) project: Option<Here>,
    /// The projects to choose from.
    pub(super) projects: Vec<Link>,
}

/// The project that a page is about.
pub(super) struct Here {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) entries: Vec<Link>,
}

/// A link of the navigation.
pub(super) struct Link {
    pub(super) label: String,
    pub(super) href: String,
    pub(super) is_here: bool,
}

/// The pages that the navigation leads to, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// What there is in the project.
    Home,
    /// What programs come in by.
    Keys,
    /// What keys did, and what is left of their credits.
    Usage,
    /// Its records, and how they are kept.
    Pools,
    /// Readings of pools with addresses of their own.
    Views,
    /// Questions of analytics.
    Explore,
    /// Those that have a name.
    Saved,
    /// Who works there.
    People,
    /// Who changed what.
    Audit,
    /// The project itself.
    Settings,
}

impl Section {
    const ALL: [Self; 10] = [
        Self::Home,
        Self::Pools,
        Self::Views,
        Self::Explore,
        Self::Saved,
        Self::Keys,
        Self::Usage,
        Self::People,
        Self::Audit,
        Self::Settings,
    ];

    /// Its word, where it is below the project, and what of a role it is for.
    fn parts(self) -> (&'static str, &'static str, Option<Area>) {
        match self {
            Self::Home => ("Home", "", None),
            Self::Pools => ("Pools", "/pools", Some(Area::ReadRecords)),
            Self::Views => ("Views", "/views", Some(Area::ReadResults)),
            Self::Explore => ("Explore", "/explore", Some(Area::ReadRecords)),
            Self::Saved => ("Saved", "/saved", Some(Area::ReadResults)),
            Self::Keys => ("Keys", "/keys", Some(Area::Keys)),
            Self::Usage => ("Usage", "/usage", Some(Area::Keys)),
            Self::People => ("People", "/people", Some(Area::People)),
            Self::Audit => ("Audit", "/audit", Some(Area::Audit)),
            Self::Settings => ("Settings", "/settings", Some(Area::Projects)),
        }
    }
}

/// The address of a page of a project; `below` begins with a slash.
pub(super) fn address(project: &str, below: &str) -> String {
    format!("{}/projects/{}{below}", super::ROOT, segment(project))
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}

/// Names and values as the query of an address, without those that are empty.
pub(super) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let pairs = pairs.map(|(name, value)| format!("{name}={}", segment(value)));
    let pairs: Vec<String> = pairs.collect();
    pairs.join("&")
}

impl Frame {
    /// Around a page for whoever comes.
    pub(super) fn bare(title: impl Into<String>) -> Self {
        let assets = &*ASSETS;
        Self {
            title: title.into(),
            style: &assets.style.address,
            htmx: &assets.htmx.address,
            script: &assets.script.address,
            icon: &assets.icon.address,
            who: None,
        }
    }

    /// Around a page that is about the person alone.
    pub(super) fn personal(title: impl Into<String>, visitor: &Visitor) -> Self {
        let links = visitor.projects.iter().map(|(_, definitions)| {
            let name = definitions.project().name.clone();
            Link {
                href: address(&name, ""),
                label: name,
                is_here: false,
            }
        });
        let who = Who {
            name: visitor.person.parts().draft.name.clone(),
            token: visitor.token.clone(),
            form_token: visitor.token.clone(),
            is_in_account: true,
            project: None,
            projects: links.collect(),
        };
        Self {
            who: Some(who),
            ..Self::bare(title)
        }
    }

    /// Around a page of a project; of a section of it, or of none.
    pub(super) fn of(
        title: impl Into<String>,
        page: &InProject,
        here: impl Into<Option<Section>>,
    ) -> Self {
        let here = here.into();
        let mut frame = Self::personal(title, &page.visitor);
        let Some(who) = &mut frame.who else {
            return frame;
        };
        let name = page.definitions.project().name.clone();
        let sections = Section::ALL.into_iter();
        let entries = sections.filter_map(|section| {
            let (label, below, area) = section.parts();
            area.is_none_or(|area| page.may(area)).then(|| Link {
                label: label.to_owned(),
                href: address(&name, below),
                is_here: Some(section) == here,
            })
        });
        let entries = entries.collect();
        who.is_in_account = false;
        who.form_token.clone_from(&page.token);
        for project in &mut who.projects {
            project.is_here = project.label == name;
        }
        who.project = Some(Here {
            name,
            role: page.role(),
            entries,
        });
        frame
    }

    /// The token that forms of this page send; empty when nobody is signed in.
    pub(super) fn token(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.form_token)
    }
}

/// The page as an answer.
///
/// # Errors
/// A failure of ours when the template could not be written.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Result<Response, ApiError> {
    let html = page.render();
    let html = html.map_err(|error| ApiError::internal(error.to_string()))?;
    let mut response = html.into_response();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    Ok(response)
}
