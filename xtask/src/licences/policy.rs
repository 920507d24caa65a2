//! The keys of `deny.toml` that the gate obeys; cargo-deny reads the others.

use toml::{Table, Value};

/// What `deny.toml` allows.
#[derive(Debug)]
pub(crate) struct Policy {
    targets: Vec<String>,
    allowed: Vec<String>,
    /// Licences allowed for one crate only.
    exceptions: Vec<(String, String)>,
    /// Banned crates with the reason.
    bans: Vec<(String, String)>,
    /// Names and versions that do not count as duplicates.
    skips: Vec<(String, String)>,
    registries: Vec<String>,
}

impl Policy {
    /// Reads the text of `deny.toml`.
    ///
    /// # Errors
    /// When it is no TOML, lacks a list that the gate needs, or grants an
    /// exception without a reason.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error| format!("{error}"))?;
        let strings = |section: &str, key: &str| -> Result<Vec<String>, String> {
            let found: Vec<String> = items(&table, section, key)
                .filter_map(|item| name(item).map(str::to_owned))
                .collect();
            if found.is_empty() {
                return Err(format!("[{section}] has no list `{key}`"));
            }
            Ok(found)
        };
        let mut exceptions = Vec::new();
        for item in items(&table, "licenses", "exceptions") {
            let owner = name(item).ok_or("an exception in [licenses] names no `crate`")?;
            let allowed = item.get("allow").and_then(Value::as_array);
            for id in allowed.into_iter().flatten().filter_map(Value::as_str) {
                exceptions.push((owner.to_owned(), id.to_owned()));
            }
        }
        let mut skips = Vec::new();
        for item in items(&table, "bans", "skip") {
            let (skipped, _) = reasoned(item, "skip")?;
            let (owner, version) = skipped.split_once('@').ok_or_else(|| {
                format!("`{skipped}` under `skip` names no version: write NAME@VERSION")
            })?;
            skips.push((owner.to_owned(), version.trim_start_matches('=').to_owned()));
        }
        let bans = items(&table, "bans", "deny").map(|item| reasoned(item, "deny"));
        Ok(Self {
            targets: strings("graph", "targets")?,
            allowed: strings("licenses", "allow")?,
            exceptions,
            bans: bans.collect::<Result<_, _>>()?,
            skips,
            registries: strings("sources", "allow-registry")?,
        })
    }

    /// The platforms whose dependencies count.
    pub(crate) fn targets(&self) -> &[String] {
        &self.targets
    }

    /// Whether the crate `owner` may have the licence `id`.
    pub(crate) fn allows(&self, owner: &str, id: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == id)
            || self
                .exceptions
                .iter()
                .any(|(name, allowed)| name == owner && allowed == id)
    }

    /// Why the crate `name` is banned, when it is.
    pub(crate) fn ban(&self, name: &str) -> Option<&str> {
        self.bans
            .iter()
            .find(|(banned, _)| banned == name)
            .map(|(_, reason)| reason.as_str())
    }

    /// Whether this version does not count as a duplicate.
    pub(crate) fn skips(&self, name: &str, version: &str) -> bool {
        self.skipped().any(|skipped| skipped == (name, version))
    }

    /// The versions that do not count as duplicates.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = (&str, &str)> {
        self.skips
            .iter()
            .map(|(name, version)| (name.as_str(), version.as_str()))
    }

    /// Whether packages may come from `source`, as the lock file writes it.
    pub(crate) fn trusts(&self, source: &str) -> bool {
        source
            .strip_prefix("registry+")
            .is_some_and(|address| self.registries.iter().any(|allowed| allowed == address))
    }
}

fn items<'a>(table: &'a Table, section: &str, key: &str) -> impl Iterator<Item = &'a Value> {
    let list = table
        .get(section)
        .and_then(|section| section.get(key))
        .and_then(Value::as_array);
    list.into_iter().flatten()
}

/// The name of an item, which stands alone or as a member.
fn name(item: &Value) -> Option<&str> {
    item.as_str().or_else(|| {
        ["crate", "name", "triple"]
            .iter()
            .find_map(|key| item.get(key).and_then(Value::as_str))
    })
}

fn reasoned(item: &Value, list: &str) -> Result<(String, String), String> {
    let name = name(item).ok_or_else(|| format!("an entry under `{list}` names no crate"))?;
    match item.get("reason").and_then(Value::as_str) {
        Some(reason) => Ok((name.to_owned(), reason.to_owned())),
        None => Err(format!("`{name}` under `{list}` gives no reason")),
    }
}
