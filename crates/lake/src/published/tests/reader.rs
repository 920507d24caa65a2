//! A small reader of Delta logs, written from the protocol and sharing no code with the writer.

use std::collections::BTreeMap;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;

use crate::disk::Disk;

/// What a reader sees at one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) version: u64,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) schema: String,
    /// Length, modification time and statistics by path.
    pub(super) files: BTreeMap<String, (i64, i64, String)>,
    /// Removed paths that the checkpoint remembers.
    pub(super) tombstones: BTreeMap<String, i64>,
}

pub(super) fn bytes_of(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

/// The versions of the files with this ending.
pub(super) fn versions(disk: &dyn Disk, log: &Path, ending: &str) -> Vec<u64> {
    let names = disk.list(log).unwrap();
    let of = |name: &String| name.strip_suffix(ending)?.parse().ok();
    names.iter().filter_map(of).collect()
}

/// The newest version from the newest checkpoint and the commits after it, or from all commits;
/// `None` when there is no log.
///
/// # Errors
/// What a reader would stumble over.
pub(super) fn newest(disk: &dyn Disk, log: &Path) -> Result<Option<Seen>, String> {
    if disk.list(log).is_err() {
        return Ok(None);
    }
    let commits = versions(disk, log, ".json");
    let checkpoint = versions(disk, log, ".checkpoint.parquet").into_iter().max();
    let Some(last) = commits.into_iter().max() else {
        return match checkpoint {
            None => Ok(None),
            Some(version) => Err(format!("a checkpoint {version} without a commit")),
        };
    };
    let mut seen = Seen::default();
    let mut next = 0;
    if let Some(version) = checkpoint {
        read_checkpoint(disk, log, version, &mut seen)?;
        next = version + 1;
    }
    for version in next..=last {
        let path = log.join(format!("{version:020}.json"));
        if disk.open(&path).is_err() {
            return Err(format!("no version {version}"));
        }
        read_commit(&bytes_of(disk, &path), version, &mut seen)?;
    }
    seen.version = last.max(seen.version);
    Ok(Some(seen))
}

/// Checks that `_last_checkpoint` names the newest checkpoint and is right about it.
pub(super) fn check_last(disk: &dyn Disk, log: &Path) {
    let checkpoints = versions(disk, log, ".checkpoint.parquet");
    let Some(newest) = checkpoints.last() else {
        let names = disk.list(log).unwrap();
        assert!(!names.contains(&"_last_checkpoint".to_owned()), "{names:?}");
        return;
    };
    let last = bytes_of(disk, &log.join("_last_checkpoint"));
    let last: Value = serde_json::from_slice(&last).unwrap();
    let bytes = bytes_of(disk, &log.join(format!("{newest:020}.checkpoint.parquet")));
    assert_eq!(last["version"].as_u64(), Some(*newest));
    assert_eq!(last["sizeInBytes"].as_u64(), Some(bytes.len() as u64));
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let rows = reader.metadata().file_metadata().num_rows();
    assert_eq!(last["size"].as_i64(), Some(rows));
    let adds = reader
        .get_row_iter(None)
        .unwrap()
        .filter(|row| action(row.as_ref().unwrap()).0 == "add")
        .count();
    assert_eq!(last["numOfAddFiles"].as_u64(), Some(adds as u64));
}

/// Applies one commit.
///
/// # Errors
/// What a reader would stumble over.
pub(super) fn read_commit(bytes: &[u8], version: u64, seen: &mut Seen) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("{version}: {e}"))?;
    if !text.ends_with('\n') {
        return Err(format!("{version} is torn"));
    }
    let mut paths = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let action: Value = serde_json::from_str(line).map_err(|e| format!("{version}: {e}"))?;
        let members = action.as_object().unwrap();
        assert_eq!(members.len(), 1, "one action on each line: {line}");
        let (kind, body) = members.iter().next().unwrap();
        assert_eq!(kind == "commitInfo", number == 0, "{line}");
        match kind.as_str() {
            "commitInfo" => assert!(body["timestamp"].is_i64(), "{line}"),
            "protocol" => {
                assert_eq!(body["minReaderVersion"], 1);
                assert_eq!(body["minWriterVersion"], 2);
            }
            "metaData" => {
                assert_eq!(body["partitionColumns"], serde_json::json!([]));
                assert_eq!(body["configuration"], serde_json::json!({}));
                assert_eq!(body["format"]["provider"], "parquet");
                seen.id = body["id"].as_str().unwrap().to_owned();
                seen.name = body["name"].as_str().unwrap().to_owned();
                seen.schema = body["schemaString"].as_str().unwrap().to_owned();
            }
            "add" | "remove" => {
                let path = body["path"].as_str().unwrap().to_owned();
                assert!(!paths.contains(&path), "{path} twice in version {version}");
                assert_eq!(body["dataChange"], true);
                paths.push(path.clone());
                if kind == "add" {
                    let facts = (
                        body["size"].as_i64().unwrap(),
                        body["modificationTime"].as_i64().unwrap(),
                        body["stats"].as_str().unwrap().to_owned(),
                    );
                    assert!(body["partitionValues"].as_object().unwrap().is_empty());
                    seen.tombstones.remove(&path);
                    seen.files.insert(path, facts);
                } else {
                    assert!(seen.files.remove(&path).is_some(), "{path} was not there");
                    let time = body["deletionTimestamp"].as_i64().unwrap();
                    seen.tombstones.insert(path, time);
                }
            }
            other => return Err(format!("{version}: action {other}")),
        }
    }
    seen.version = version;
    Ok(())
}

/// Adds what a checkpoint holds.
///
/// # Errors
/// What a reader would stumble over.
pub(super) fn read_checkpoint(
    disk: &dyn Disk,
    log: &Path,
    version: u64,
    seen: &mut Seen,
) -> Result<(), String> {
    let bytes = bytes_of(disk, &log.join(format!("{version:020}.checkpoint.parquet")));
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(|e| e.to_string())?;
    let rows = reader.get_row_iter(None).map_err(|e| e.to_string())?;
    let mut protocols = 0;
    for row in rows {
        let row = row.map_err(|e| e.to_string())?;
        let (kind, body) = action(&row);
        match kind.as_str() {
            "protocol" => {
                assert_eq!(member(&body, "minReaderVersion"), &Field::Int(1));
                assert_eq!(member(&body, "minWriterVersion"), &Field::Int(2));
                protocols += 1;
            }
            "metaData" => {
                seen.id = text(&body, "id");
                seen.name = text(&body, "name");
                seen.schema = text(&body, "schemaString");
            }
            "add" => {
                let facts = (
                    long(&body, "size"),
                    long(&body, "modificationTime"),
                    text(&body, "stats"),
                );
                let before = seen.files.insert(text(&body, "path"), facts);
                assert_eq!(before, None, "a file twice in a checkpoint");
            }
            "remove" => {
                let time = long(&body, "deletionTimestamp");
                seen.tombstones.insert(text(&body, "path"), time);
            }
            other => return Err(format!("an action {other} in checkpoint {version}")),
        }
    }
    assert_eq!(protocols, 1);
    seen.version = version;
    Ok(())
}

/// The one column of the row that is not null.
fn action(row: &Row) -> (String, Row) {
    let mut found: Vec<(String, Row)> = row
        .get_column_iter()
        .filter_map(|(name, field)| match field {
            Field::Group(group) => Some((name.clone(), group.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(found.len(), 1, "one action in each row: {row:?}");
    found.remove(0)
}

fn member<'a>(row: &'a Row, wanted: &str) -> &'a Field {
    let mut members = row.get_column_iter();
    let found = members.find(|(name, _)| *name == wanted);
    found.map(|(_, field)| field).unwrap()
}

fn text(row: &Row, name: &str) -> String {
    match member(row, name) {
        Field::Str(text) => text.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn long(row: &Row, name: &str) -> i64 {
    match member(row, name) {
        Field::Long(value) => *value,
        other => panic!("{name} is {other:?}"),
    }
}
