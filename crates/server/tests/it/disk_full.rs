//! A disk that is full: refused plainly, nothing acknowledged is lost, and
//! everything goes on once there is room.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::{Reply, Server};

/// A file system of its own, as small as is asked for.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; an error says why that is not permitted here.
    fn mount(at: &Path, size: &str) -> Result<Self, String> {
        std::fs::create_dir_all(at).expect("a directory");
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .output()
            .map_err(|error| error.to_string())?;
        if mounted.status.success() {
            Ok(Self(at.to_path_buf()))
        } else {
            Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned())
        }
    }

    /// Takes all room that is left.
    fn fill(&self) {
        let mut filler = std::fs::File::create(self.0.join("filler")).expect("a file");
        for piece in [1 << 20, 4 << 10] {
            let zeros = vec![0_u8; piece];
            while std::io::Write::write_all(&mut filler, &zeros).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// One batch of about 1 MB, under an idempotency key of its own.
fn send(server: &Server, batch: u64) -> Reply {
    let text = "x".repeat(1_000);
    let records: Vec<_> = (0..1_000)
        .map(|n| json!({"batch": batch, "n": n, "text": text}))
        .collect();
    let key = format!("batch-{batch}");
    let headers = [("idempotency-key", key.as_str())];
    let body = json!(records).to_string();
    let reply = server.send(
        &server.master(),
        "POST",
        "/v1/pools/p/records",
        &headers,
        Some(body.as_bytes()),
    );
    reply.expect("an answer")
}

fn problem(reply: &Reply) -> (u16, Option<String>) {
    let code = reply.json()["code"].as_str().map(str::to_owned);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    (reply.status, code)
}

/// The records of each batch.
fn stored(server: &Server) -> Vec<(u64, u64)> {
    let data = server.post(
        &server.master(),
        "/v1/views/batches/data",
        &json!({"limit": 1_000}),
    );
    let data = data.expect(200);
    let rows = data["data"].as_array().expect("rows").iter();
    rows.map(|row| {
        let number = |name: &str| row[name].as_u64().expect("a number");
        (number("batch"), number("records"))
    })
    .collect()
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_recovers_without_a_restart() {
    let home = tempfile::tempdir().expect("a directory");
    let disk = match SmallDisk::mount(&home.path().join("data"), "160m") {
        Ok(disk) => disk,
        Err(reason) => {
            println!(
                "FALLBACK: no file system can be mounted here ({reason}); \
                 only the simulated full disks of the crate lake were proven"
            );
            assert!(!reason.is_empty());
            return;
        }
    };
    let server = Server::start(home.path());
    let master = server.master();
    server
        .post(
            &master,
            "/v1/pools",
            &json!({"name": "p", "schema": "open"}),
        )
        .expect(201);
    let view = json!({"name": "batches", "pool": "p", "shape": "aggregated", "fields": [
        {"field": "batch", "group": true}, {"aggregate": "count", "as": "records"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    let made = server
        .post(&master, "/v1/keys", &json!({"name": "k", "grants": []}))
        .expect(201);
    let (id, token) = (
        made["id"].as_str().expect("an id"),
        made["token"].as_str().expect("a token"),
    );
    let mut acknowledged = Vec::new();
    for batch in 0..3 {
        send(&server, batch).expect(200);
        acknowledged.push((batch, 1_000));
    }
    disk.fill();
    let mut batch = 3;
    let refusal = loop {
        let reply = send(&server, batch);
        if reply.status != 200 {
            break reply;
        }
        acknowledged.push((batch, 1_000));
        batch += 1;
        assert!(batch < 200, "the disk is full");
    };
    assert_eq!(problem(&refusal), (507, Some("disk_full".to_owned())));
    assert_eq!(problem(&send(&server, batch)).0, 507, "and still is");
    assert_eq!(stored(&server), acknowledged, "what is there can be read");
    server.get(token, "/v1/whoami").expect(200);
    let disabled = server.post(&master, &format!("/v1/keys/{id}/disable"), &json!({}));
    println!("disabling a key on a full disk: {}", disabled.status);
    match disabled.status {
        200 => server.get(token, "/v1/whoami").expect(401),
        _ => {
            assert_eq!(problem(&disabled), (507, Some("disk_full".to_owned())));
            server.get(token, "/v1/whoami").expect(200)
        }
    };
    let pool = server.post(
        &master,
        "/v1/pools",
        &json!({"name": "q", "schema": "open",
        "description": "d".repeat(4_000)}),
    );
    println!("making a pool on a full disk: {}", pool.status);
    if pool.status != 201 {
        assert_eq!(problem(&pool), (507, Some("disk_full".to_owned())));
    }
    disk.free();
    for batch in batch..batch + 3 {
        send(&server, batch).expect(200);
        acknowledged.push((batch, 1_000));
    }
    server
        .post(&master, &format!("/v1/keys/{id}/disable"), &json!({}))
        .expect(200);
    server.get(token, "/v1/whoami").expect(401);
    assert_eq!(stored(&server), acknowledged);
    server.kill();
    let server = Server::start(home.path());
    assert_eq!(stored(&server), acknowledged, "after a restart too");
    server.get(token, "/v1/whoami").expect(401);
    // A batch that was refused and one that was not, sent again.
    send(&server, 0).expect(200);
    send(&server, batch).expect(200);
    assert_eq!(stored(&server), acknowledged);
    drop(server);
    drop(disk);
}
