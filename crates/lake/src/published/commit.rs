//! One version of the log: what changed, as lines of JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::state::State;
use super::table::{FileFacts, Metadata, milliseconds};

/// The member of `commitInfo` by which we know our own commits.
const OURS: &str = "tidegate";

/// The member of that which holds the digest of `commitInfo` itself.
const OF_INFO: &str = "sha256_of_info";

/// What one version changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// The version.
    pub(super) version: u64,
    /// When it was made, in milliseconds.
    pub(super) time: i64,
    /// The table as a whole, when it is new or changed.
    pub(super) metadata: Option<Metadata>,
    /// The files that are gone, with the time in milliseconds.
    pub(super) removed: BTreeMap<String, i64>,
    /// The files that are new or of which something new is known.
    pub(super) added: BTreeMap<String, FileFacts>,
}

impl Commit {
    /// What leads from `state` to a table of these files; `None` when nothing does.
    pub(super) fn between(
        state: Option<&State>,
        metadata: Metadata,
        mut files: BTreeMap<String, FileFacts>,
        now: Timestamp,
    ) -> Option<Self> {
        let time = milliseconds(now);
        let Some(state) = state else {
            return Some(Self {
                version: 0,
                time,
                metadata: Some(metadata),
                removed: BTreeMap::new(),
                added: files,
            });
        };
        let gone = state.files.keys().filter(|name| !files.contains_key(*name));
        let removed: BTreeMap<_, _> = gone.map(|name| (name.clone(), time)).collect();
        files.retain(|name, facts| state.files.get(name) != Some(facts));
        let metadata = (metadata != state.metadata).then_some(metadata);
        if metadata.is_none() && removed.is_empty() && files.is_empty() {
            return None;
        }
        Some(Self {
            version: state.version + 1,
            time,
            metadata,
            removed,
            added: files,
        })
    }

    /// The bytes of its file: `commitInfo` with the digest of all other lines and that of itself,
    /// then those.
    pub(super) fn encode(&self) -> String {
        let mut lines = String::new();
        let mut line = |action: Value| {
            let _infallible = writeln!(lines, "{action}");
        };
        if self.version == 0 {
            line(json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}));
        }
        if let Some(metadata) = &self.metadata {
            line(metadata_action(metadata));
        }
        for (name, time) in &self.removed {
            line(json!({"remove":
                {"path": name, "deletionTimestamp": time, "dataChange": true}}));
        }
        for (name, facts) in &self.added {
            line(json!({"add": {
                "path": name, "partitionValues": {}, "size": facts.size,
                "modificationTime": facts.modified, "dataChange": true, "stats": facts.stats}}));
        }
        let operation = if self.version == 0 {
            "CREATE TABLE"
        } else {
            "WRITE"
        };
        let mut info = json!({
            "timestamp": self.time, "operation": operation, "operationParameters": {},
            "engineInfo": engine(), "isBlindAppend": false,
            OURS: {"version": self.version, "bytes": lines.len(), "sha256": digest(lines.as_bytes())}});
        info[OURS][OF_INFO] = digest_of_info(&info).into();
        format!("{}\n{lines}", json!({ "commitInfo": info }))
    }

    /// Reads the file of `version`.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence that begins with its name.
    pub(super) fn decode(version: u64, bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("is empty".to_owned());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "is torn: it is not text")?;
        let (first, rest) = text
            .split_once('\n')
            .ok_or("is torn: it ends within its first line")?;
        let info: Value = serde_json::from_str(first)
            .map_err(|error| format!("is torn: its first line is not JSON ({error})"))?;
        let info = &info["commitInfo"];
        let ours = &info[OURS];
        if !ours.is_object() {
            return Err("was written by another program".to_owned());
        }
        // Versions before 0.1 wrote none.
        if let Some(expected) = ours[OF_INFO].as_str()
            && expected != digest_of_info(info)
        {
            return Err("was changed: the digest of its first line does not match".to_owned());
        }
        if ours["version"].as_u64() != Some(version) {
            return Err("holds another version than its name says".to_owned());
        }
        if ours["sha256"].as_str() != Some(&digest(rest.as_bytes())) {
            return Err("is torn or was changed: its digest does not match".to_owned());
        }
        let mut commit = Self {
            version,
            time: whole(info, "timestamp")?,
            metadata: None,
            removed: BTreeMap::new(),
            added: BTreeMap::new(),
        };
        for line in rest.lines() {
            commit.take(line)?;
        }
        Ok(commit)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let action: Value =
            serde_json::from_str(line).map_err(|error| format!("is not JSON ({error})"))?;
        let members = action.as_object().ok_or("has a line that is no action")?;
        for (kind, body) in members {
            match kind.as_str() {
                "protocol" => check_protocol(
                    body["minReaderVersion"].as_i64(),
                    body["minWriterVersion"].as_i64(),
                )?,
                "metaData" => {
                    self.metadata = Some(Metadata {
                        id: text(body, "id")?,
                        name: text(body, "name")?,
                        schema: text(body, "schemaString")?,
                        created: whole(body, "createdTime")?,
                    });
                }
                "remove" => {
                    let time = whole(body, "deletionTimestamp")?;
                    self.removed.insert(text(body, "path")?, time);
                }
                "add" => {
                    let facts = FileFacts {
                        size: whole(body, "size")?,
                        modified: whole(body, "modificationTime")?,
                        stats: text(body, "stats")?,
                    };
                    self.added.insert(text(body, "path")?, facts);
                }
                other => return Err(format!("has an action that we never write, {other:?}")),
            }
        }
        Ok(())
    }
}

fn metadata_action(metadata: &Metadata) -> Value {
    json!({"metaData": {
        "id": metadata.id, "name": metadata.name,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": metadata.schema, "partitionColumns": [],
        "createdTime": metadata.created, "configuration": {}}})
}

/// The digest of what `commitInfo` says beside it.
fn digest_of_info(info: &Value) -> String {
    let mut info = info.clone();
    if let Some(ours) = info[OURS].as_object_mut() {
        ours.remove(OF_INFO);
    }
    digest(info.to_string().as_bytes())
}

/// Refuses a table of another protocol than ours.
///
/// # Errors
/// The rest of a sentence that begins with the file's name.
pub(super) fn check_protocol(reader: Option<i64>, writer: Option<i64>) -> Result<(), String> {
    match (reader, writer) {
        (Some(1), Some(2)) => Ok(()),
        _ => Err("asks for another protocol than reader 1 and writer 2".to_owned()),
    }
}

/// How we name ourselves to readers.
pub(super) fn engine() -> String {
    format!("{OURS} version {}", env!("CARGO_PKG_VERSION"))
}

/// The SHA-256 in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

fn text(body: &Value, member: &str) -> Result<String, String> {
    let found = body[member].as_str();
    found
        .map(str::to_owned)
        .ok_or_else(|| format!("has an action without the text {member:?}"))
}

fn whole(body: &Value, member: &str) -> Result<i64, String> {
    body[member]
        .as_i64()
        .ok_or_else(|| format!("has an action without the number {member:?}"))
}
