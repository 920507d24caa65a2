//! The running server against its own API document: whatever a client sends,
//! no answer is a 5xx, every error is a problem document, and the admin's
//! token stands in no answer, no log and no file of the data directory.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::process::{self, Failure, Outcome};
use crate::python;
use crate::repository::Repository;
use crate::server::Server;
use crate::workplace::Workplace;

const FUZZER: &str = "schemathesis";
const REQUIREMENTS: &str = "xtask/contract/requirements.txt";

/// What the second run works on, as path and body.
const DATA: [(&str, &str); 3] = [
    (
        "/v1/pools",
        r#"{"name":"probe","schema":"open","isolation_field":"customer","time_field":"at",
            "fields":[{"name":"customer","type":"String","required":true},
                      {"name":"at","type":"DateTime"},{"name":"n","type":"Int64"}]}"#,
    ),
    (
        "/v1/pools/probe/records",
        r#"[{"customer":"a","at":"2026-01-01T00:00:00Z","n":1},
            {"customer":"b","at":"2026-01-02T00:00:00Z","n":2,"extra":{"x":[1,"y",null]}}]"#,
    ),
    (
        "/v1/views",
        r#"{"name":"probe","pool":"probe","shape":"records",
            "fields":[{"field":"customer"},{"field":"at"},{"field":"n"}]}"#,
    ),
];

/// Fuzzes the server that the step `build` made, on a fresh data directory.
///
/// # Errors
/// When the tools cannot be installed, the server does not start or dies, or
/// a promise is broken.
pub(crate) fn run(repository: &Repository) -> Outcome {
    let programs = python::environment(repository, FUZZER, REQUIREMENTS, FUZZER)?;
    let fuzzer = programs.join(FUZZER);
    let binary = repository.target()?.join("debug").join("tidegate");
    let folder = Workplace::create("contract")?;
    let mut server = Server::start(&binary, folder.path(), &[])?;
    let run = |configuration, key: &str, arguments: &[&str]| {
        fuzz(repository, &fuzzer, &server, configuration, key, arguments)?;
        server.still_admin()
    };
    run("as_documented.toml", "", &["--exclude-path-regex", OWN])?;
    for (path, body) in DATA {
        server.post(path, body)?;
    }
    let on_data = ["--exclude-method", "DELETE", "--exclude-path-regex", OWN];
    run("on_data.toml", "", &on_data)?;
    let victim = json!({"name": "victim", "grants": []});
    let key = server.call("POST", "/v1/keys", &victim)?;
    let key = key["id"].as_str();
    let key = key.ok_or_else(|| Failure::new("the made key has no id"))?;
    let on_key = [
        "--exclude-method",
        "DELETE",
        "--include-path-regex",
        ONE_KEY,
    ];
    run("on_key.toml", key, &on_key)?;
    server.stop()?;
    folder.nowhere("the admin's token", server.token())
}

/// The calls on one key.
const ONE_KEY: &str = "^/v1/keys/.id.";
/// Those on what the fuzzer calls with. Left to itself it finds its own key or
/// project, ends it, or makes a first owner whose codes it does not have, and
/// proves nothing from then on.
const OWN: &str = "^/v1/(keys/.id.|keys/self/|projects|people/first)";

fn fuzz(
    repository: &Repository,
    fuzzer: &Path,
    server: &Server,
    configuration: &str,
    key: &str,
    arguments: &[&str],
) -> Outcome {
    let home = repository.root().join("xtask").join("contract");
    let document = format!("http://{}/v1/openapi.json", server.address());
    let mut command = Command::new(fuzzer);
    command
        .current_dir(server.folder())
        .arg("--config-file")
        .arg(home.join(configuration))
        .args(["run", &document])
        .args(arguments)
        .env("CONTRACT_TOKEN", server.token())
        .env("CONTRACT_KEY", key)
        .env("CONTRACT_HOOKS", home.join("hooks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    process::run(&mut command).map_err(|failure| {
        Failure::new(format!(
            "{failure}\nthe end of the server's log:\n{}",
            server.log_end()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_the_second_run_is_json() {
        for (path, body) in DATA {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(body);
            assert!(parsed.is_ok(), "{path}: {parsed:?}");
        }
    }
}
