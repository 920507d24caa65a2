//! A disk that is full, again and again: refused plainly, nothing
//! acknowledged is lost, keys can be disabled, and everything goes on once
//! there is room.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::launch::SMALL_LIMITS;
use crate::support::needs::{cannot_mount, may_use, note};
use crate::support::upkeep::Upkeep;
use crate::support::{Reply, Server, cases};

/// Records of a batch, and the bytes of each.
const RECORDS: u64 = 30;
const RECORD_BYTES: usize = 100_000;
/// What each round takes for good: the segment of the journal that it fills.
const ROUND_MIB: usize = 33;
/// What there is besides: the segment in use and the next one, the control
/// database, its ballast, the tables of the file system, and what upkeep
/// writes before it frees what it wrote from.
const BESIDES_MIB: usize = 140;
/// Keys that are disabled while the disk is full.
const KEYS: usize = 5;

/// A file system of its own, as small as is asked for.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts ext4 on a file, where a file system may be made of one, else a
    /// tmpfs; an error says why neither is permitted here.
    fn mount(at: &Path, mebibytes: usize) -> Result<Self, String> {
        std::fs::create_dir_all(at).expect("a directory");
        let image = at.with_extension("image");
        let file = std::fs::File::create(&image).expect("a file");
        file.set_len((mebibytes as u64) << 20).expect("a length");
        let ext4 = run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0"])
            .arg(&image))
        .and_then(|()| {
            let options = ["-t", "ext4", "-o", "loop"];
            run(Command::new("mount").args(options).arg(&image).arg(at))
        });
        if let Err(reason) = ext4 {
            note(&format!(
                "no ext4 on a file ({reason}); tmpfs takes its place"
            ));
            let size = format!("size={mebibytes}m,mode=0700");
            let options = ["-t", "tmpfs", "-o", &size, "tmpfs"];
            run(Command::new("mount").args(options).arg(at))
                .map_err(|error| format!("{reason}; {error}"))?;
        }
        Ok(Self(at.to_path_buf()))
    }

    /// Takes all room that is left.
    fn fill(&self) {
        for (number, piece) in [16 << 20, 1 << 20, 4 << 10].into_iter().enumerate() {
            let path = self.0.join(format!("filler-{number}"));
            let mut filler = std::fs::File::create(path).expect("a file");
            let zeros = vec![0_u8; piece];
            while std::io::Write::write_all(&mut filler, &zeros).is_ok() {}
            // Room is promised before it is taken; now it is taken.
            let _ = filler.sync_all();
        }
    }

    fn free(&self) {
        for number in 0..3 {
            let path = self.0.join(format!("filler-{number}"));
            std::fs::remove_file(path).expect("removed");
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// Sends a batch of about 3 MB under an idempotency key of its own.
fn send(server: &Server, batch: u64) -> Reply {
    let text = "x".repeat(RECORD_BYTES);
    let records: Vec<_> = (0..RECORDS)
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

fn disk_full() -> (u16, Option<String>) {
    (507, Some("disk_full".to_owned()))
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

/// A server on a small disk, and what it acknowledged.
struct Scene {
    server: Server,
    master: String,
    acknowledged: Vec<(u64, u64)>,
    disabled: Vec<String>,
}

impl Scene {
    fn new(home: &Path) -> Self {
        let server = Server::start_with(home, SMALL_LIMITS);
        let master = server.master();
        let pool = json!({"name": "p", "schema": "open"});
        server.post(&master, "/v1/pools", &pool).expect(201);
        let view = json!({"name": "batches", "pool": "p", "shape": "aggregated", "fields": [
            {"field": "batch", "group": true}, {"aggregate": "count", "as": "records"}]});
        server.post(&master, "/v1/views", &view).expect(201);
        Self {
            server,
            master,
            acknowledged: Vec::new(),
            disabled: Vec::new(),
        }
    }

    fn next(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    /// Sends one batch, which is taken.
    fn write(&mut self) {
        let batch = self.next();
        send(&self.server, batch).expect(200);
        self.acknowledged.push((batch, RECORDS));
    }

    /// Sends batches until one is refused; it is told how.
    fn write_until_refused(&mut self) -> Reply {
        for _ in 0..100 {
            let batch = self.next();
            let reply = send(&self.server, batch);
            if reply.status != 200 {
                return reply;
            }
            self.acknowledged.push((batch, RECORDS));
        }
        panic!("the disk is full, and 100 batches were taken");
    }

    fn key(&self) -> (String, String) {
        let body = json!({"name": "k", "grants": []});
        let made = self.server.post(&self.master, "/v1/keys", &body);
        let made = made.expect(201);
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        (text("id"), text("token"))
    }

    /// Disables a key; from the answer on it lets nobody in.
    fn disable(&mut self, (id, token): (String, String)) {
        self.server.get(&token, "/v1/whoami").expect(200);
        let path = format!("/v1/keys/{id}/disable");
        self.server
            .post(&self.master, &path, &json!({}))
            .expect(200);
        self.server.get(&token, "/v1/whoami").expect(401);
        self.disabled.push(token);
    }

    fn check(&self) {
        assert_eq!(stored(&self.server), self.acknowledged);
        for token in &self.disabled {
            self.server.get(token, "/v1/whoami").expect(401);
        }
    }

    /// The disk fills up, and is freed again.
    fn round(&mut self, disk: &SmallDisk) {
        let keys: Vec<_> = (0..KEYS).map(|_| self.key()).collect();
        self.write();
        disk.fill();
        let refusal = self.write_until_refused();
        assert_eq!(problem(&refusal), disk_full());
        let again = send(&self.server, self.next());
        assert_eq!(problem(&again), disk_full(), "and still is");
        self.check();
        for key in keys {
            self.disable(key);
        }
        let pool = json!({"name": format!("q{}", self.next()), "schema": "open",
            "description": "d".repeat(4_000)});
        let pool = self.server.post(&self.master, "/v1/pools", &pool);
        if pool.status != 201 {
            assert_eq!(problem(&pool), disk_full());
        }
        disk.free();
        // The very first request is taken.
        for _ in 0..3 {
            self.write();
        }
        self.check();
    }
}

#[test]
fn d7_a_full_disk_refuses_loses_nothing_and_recovers_without_a_restart() {
    if !may_use("mount") {
        return;
    }
    let rounds = cases(3, 20);
    let home = tempfile::tempdir().expect("a directory");
    let size = rounds * ROUND_MIB + BESIDES_MIB;
    let disk = SmallDisk::mount(&home.path().join("data"), size)
        .unwrap_or_else(|reason| cannot_mount("mount", &reason));
    let mut scene = Scene::new(home.path());
    for _ in 0..rounds {
        scene.round(&disk);
    }
    let Scene {
        server,
        acknowledged,
        disabled,
        master,
    } = scene;
    // The disk has room again: what waits in memory goes to files, sooner or later.
    // While a flush is under way, what it writes waits no more.
    let is_written = |upkeep: &Upkeep| upkeep.waiting == 0 && upkeep.flushes > 0;
    let upkeep = Upkeep::wait_for(&server, is_written);
    note(&format!("{upkeep:?}"));
    server.kill();
    let server = Server::start_with(home.path(), SMALL_LIMITS);
    let ballast = home.path().join("data/control.ballast");
    // It is made whole as soon as what is not needed has left the disk.
    let is_whole = |_: &Upkeep| ballast.metadata().expect("a file").len() == 4 << 20;
    Upkeep::wait_for(&server, is_whole);
    let scene = Scene {
        server,
        acknowledged,
        disabled,
        master,
    };
    scene.check();
    // A batch that was refused and one that was not, sent again.
    send(&scene.server, 0).expect(200);
    send(&scene.server, scene.next() - 1).expect(200);
    scene.check();
    let me: Value = scene.server.get(&scene.master, "/v1/whoami").expect(200);
    assert!(me.is_object(), "{me}");
    drop(scene);
    drop(disk);
}
