//! The calls of the dialect that carrying over takes.

use serde_json::{Value, json};

use super::super::{CommandError, parse};
use super::lists::{Item, Kind};
use super::tokens::Tokens;
use crate::client::{Body, Client, ClientError, segment};

/// The project of a server; it has this one alone.
const PROJECT: &str = "default";
/// The keys that switching the dialect on makes.
const MADE: [&str; 3] = ["master_key", "write_key", "read_key"];

/// A project that speaks the dialect.
pub(super) struct Dialect<'a> {
    client: &'a Client,
    /// The path that everything of the project is under.
    base: String,
}

impl<'a> Dialect<'a> {
    /// The project of the caller's key; `None` when the dialect is not on.
    ///
    /// # Errors
    /// When the key is not one that administers the project.
    pub(super) fn find(client: &'a Client) -> Result<Option<Self>, CommandError> {
        let answer = match client.get("/3.0/projects") {
            Ok(answer) => answer,
            Err(ClientError::Refused(problem)) if problem.status == 404 => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let projects = parse(client, &answer)?;
        let id = projects.get(0).and_then(|project| project.get("id"));
        Self::at(client, id).map(Some)
    }

    /// Switches the dialect on, and keeps the keys that this makes.
    ///
    /// # Errors
    /// When the server refuses, or the keys cannot be kept.
    pub(super) fn switch_on(client: &'a Client, tokens: &mut Tokens) -> Result<Self, CommandError> {
        let path = format!("/v1/projects/{PROJECT}/keen");
        let answer = client.post(&path, Body::json(b"{}"))?;
        let keys = parse(client, &answer)?;
        let id = keys.get("project_id");
        for name in MADE {
            let line = json!({ "name": name, "project_id": id, "key": keys.get(name) });
            tokens.keep(&line, name)?;
        }
        Self::at(client, id)
    }

    fn at(client: &'a Client, id: Option<&Value>) -> Result<Self, CommandError> {
        let id = id.and_then(Value::as_str).ok_or_else(|| {
            CommandError::Client(ClientError::Foreign {
                url: client.url().to_owned(),
                reason: "it names no project".to_owned(),
            })
        })?;
        let base = format!("/3.0/projects/{}", segment(id));
        Ok(Self { client, base })
    }

    /// What there is of a kind.
    ///
    /// # Errors
    /// When the server does not tell.
    pub(super) fn list(&self, kind: Kind) -> Result<Vec<Item>, CommandError> {
        let first = format!("{}/{}", self.base, kind.path());
        let mut items: Vec<Item> = Vec::new();
        let mut next = Some(first.clone());
        while let Some(path) = next.take() {
            let answer = parse(self.client, &self.client.get(&path)?)?;
            let has_more = answer.get("next_page_url").is_some_and(Value::is_string);
            let page = kind.items(answer).map_err(|rule| {
                CommandError::Client(ClientError::Foreign {
                    url: self.client.url().to_owned(),
                    reason: rule,
                })
            })?;
            if let Some(last) = page.last().filter(|_| has_more) {
                next = Some(format!("{first}?after_name={}", segment(&last.name)));
            }
            items.extend(page);
        }
        Ok(items)
    }

    /// Makes a key; the answer holds its text.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) fn make_key(&self, item: &Item) -> Result<Value, CommandError> {
        let path = format!("{}/{}", self.base, Kind::Keys.path());
        let body = Value::Object(item.sent.clone()).to_string();
        let answer = self.client.post(&path, Body::json(body.as_bytes()))?;
        parse(self.client, &answer)
    }

    /// Makes what is known by its name.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) fn put(&self, kind: Kind, item: &Item) -> Result<(), CommandError> {
        let path = format!("{}/{}/{}", self.base, kind.path(), segment(&item.name));
        let body = Value::Object(item.sent.clone()).to_string();
        self.client.put(&path, Body::json(body.as_bytes()))?;
        Ok(())
    }
}
