//! New tokens on their way to secret managers, files and commands: none is
//! lost, and none is shown.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::{Desk, Ran, command, ran};
use crate::support::Address;
use crate::support::vault_stand_in::{Fault, VAULT_TOKEN, VaultStandIn};

const ADA: &str = "vault:secret/ada#token";

/// A desk beside a secret manager.
struct Manager {
    desk: Desk,
    vault: VaultStandIn,
}

impl Manager {
    fn new() -> Self {
        Self {
            desk: Desk::new(),
            vault: VaultStandIn::start(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.desk.command(args);
        command
            .env("VAULT_ADDR", &self.vault.url)
            .env("VAULT_TOKEN", VAULT_TOKEN);
        command
    }

    /// Runs a command, which shows no token whatever happens.
    #[track_caller]
    fn run(&self, args: &[&str]) -> Ran {
        let ran = ran(&mut self.command(args));
        for text in [&ran.out, &ran.err] {
            assert!(!shows_a_token(text), "{args:?}: {text}");
        }
        ran
    }

    fn create(&self, to: &str) -> Ran {
        self.run(&["keys", "create", "--name", "Ada", "--to", to])
    }

    /// How many keys there are.
    fn keys(&self) -> usize {
        let list = self.desk.get("/v1/keys");
        list["items"].as_array().expect("a list").len()
    }

    /// The field of the newest version, which is a token that lets in.
    fn live(&self, path: &str, field: &str) -> String {
        let (_, data) = self.vault.newest(path);
        let token = data[field].as_str().expect("a token").to_owned();
        self.desk.server.get(&token, "/v1/whoami").expect(200);
        token
    }

    /// Makes a key whose token is at the path: its id and the token.
    fn ada(&self) -> (String, String) {
        let made = self.run(&["keys", "create", "--name", "Ada", "--to", ADA, "--json"]);
        let id = made.expect(0).json()["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        (id, self.live("secret/ada", "token"))
    }

    fn secrets(&self, id: &str) -> Vec<Value> {
        let key = self.desk.get(&format!("/v1/keys/{id}"));
        key["secrets"].as_array().expect("a list").clone()
    }
}

/// Whether a whole token stands in the text.
fn shows_a_token(text: &str) -> bool {
    let is_one = |rest: &str| {
        let secret: Vec<&str> = rest.splitn(3, '_').collect();
        let [_, id, secret] = secret[..] else {
            return false;
        };
        let letters = secret.chars().take_while(char::is_ascii_alphanumeric);
        id.len() == 12 && letters.count() >= 49
    };
    text.split("tg_").skip(1).any(is_one)
}

#[test]
fn a_token_goes_into_a_secret_manager_and_what_is_there_stays() {
    let manager = Manager::new();
    let (vault, before) = (&manager.vault, manager.keys());
    // A path that is not there yet.
    manager.create(ADA).expect(0);
    let first = manager.live("secret/ada", "token");
    assert_eq!(vault.newest("secret/ada").0, 1);
    // One with other fields, by a patch; by all fields where that is not let in or not known.
    for (patches, may) in [
        (true, &["read", "patch"][..]),
        (true, &["read", "create", "update"]),
        (false, &["read", "patch", "create", "update"]),
    ] {
        vault.state().before_patches = !patches;
        vault.state().may = may.iter().copied().collect();
        let path = format!("secret/team {}/ada", may.len());
        let path_on_the_wire = path.replace(' ', "%20");
        vault.put(
            &path_on_the_wire,
            &json!({ "user": "ada", "n": 7, "token": "old" }),
        );
        manager.create(&format!("vault:{path}#token")).expect(0);
        manager.live(&path_on_the_wire, "token");
        let (version, data) = vault.newest(&path_on_the_wire);
        assert_eq!(
            (version, &data["user"], &data["n"]),
            (2, &json!("ada"), &json!(7))
        );
    }
    vault.state().before_patches = false;
    // One whose newest version was deleted, in an engine of two segments, in a namespace.
    vault.put("team/kv/ada", &json!({ "gone": true }));
    vault.put("team/kv/ada", &Value::Null);
    let args = [
        "keys",
        "create",
        "--name",
        "Ada",
        "--to",
        "vault:team/kv/ada#a.b",
    ];
    ran(manager.command(&args).env("VAULT_NAMESPACE", "admin/")).expect(0);
    manager.live("team/kv/ada", "a.b");
    assert_eq!(
        vault
            .newest("team/kv/ada")
            .1
            .as_object()
            .expect("fields")
            .len(),
        1
    );
    let calls = vault.state().calls.clone();
    let (method, path, namespace) = calls.last().expect("calls");
    assert_eq!(
        (method.as_str(), path.as_str()),
        ("POST", "/v1/team/kv/data/ada")
    );
    assert_eq!(namespace.as_deref(), Some("admin/"));
    assert_eq!(manager.keys(), before + 5);
    // Copies go the same way.
    let (id, _) = manager.ada();
    manager.run(&["keys", "copy", &id, "--to", ADA]).expect(0);
    assert_ne!(manager.live("secret/ada", "token"), first);
}

#[test]
fn a_place_that_will_not_take_a_token_is_found_before_there_is_one() {
    let manager = Manager::new();
    let before = manager.keys();
    let told = |expected: &str, ran: Ran, code: i32| {
        let ran = ran.expect(code);
        assert!(ran.err.contains(expected), "{expected} in {}", ran.err);
        assert_eq!(manager.keys(), before, "no key was made: {expected}");
    };
    for (to, expected) in [
        ("vault:old/ada#token", "no KV engine of version 2"),
        ("vault:secret/data/ada#token", "leave data/ out"),
        ("vault:secret/ada", "vault:PATH#FIELD"),
        ("vaults:secret/ada#token", "file:PATH"),
    ] {
        told(expected, manager.create(to), 2);
    }
    told(
        "policy needs read",
        manager.create("vault:none/ada#token"),
        1,
    );
    manager.vault.state().may.remove("read");
    told("policy needs read", manager.create(ADA), 1);
    manager.vault.state().sealed = true;
    told("sealed", manager.create(ADA), 1);
    let with = |name: &str, value: &str| {
        let args = ["keys", "create", "--name", "Ada", "--to", ADA];
        ran(manager.command(&args).env(name, value))
    };
    told(
        "not https",
        with("VAULT_ADDR", "http://vault.example:8200"),
        2,
    );
    told(
        "nothing listens there",
        with("VAULT_ADDR", "http://127.0.0.1:1"),
        3,
    );
    manager.vault.state().sealed = false;
    told("permission denied", with("VAULT_TOKEN", "hvs.other"), 1);
    let without = |name: &str| {
        let args = ["keys", "create", "--name", "Ada", "--to", ADA];
        ran(manager.command(&args).env_remove(name))
    };
    told("VAULT_ADDR", without("VAULT_ADDR"), 2);
    told("VAULT_TOKEN", without("VAULT_TOKEN"), 2);
    let replace = ["keys", "create", "--name", "x", "--to", ADA, "--replace"];
    told("--replace", manager.run(&replace), 2);
    let writes = manager
        .vault
        .state()
        .calls
        .iter()
        .filter(|c| c.0 != "GET")
        .count();
    assert_eq!(writes, 0);
}

#[test]
fn a_key_whose_token_did_not_arrive_is_deleted_again() {
    let manager = Manager::new();
    manager.vault.put("secret/ada", &json!({ "user": "ada" }));
    let before = manager.keys();
    let refused = |fault: Option<Fault>, code: i32, expected: &str| {
        manager.vault.state().fault = fault;
        let ran = manager.create(ADA).expect(code);
        assert!(ran.err.contains(expected), "{expected} in {}", ran.err);
        assert!(ran.err.contains("deleted again"), "{}", ran.err);
        assert_eq!(manager.keys(), before);
    };
    refused(Some(Fault::ChangedBefore), 1, "changed by somebody else");
    let (version, data) = manager.vault.newest("secret/ada");
    assert_eq!(
        (version, data),
        (2, json!({ "user": "ada", "theirs": true }))
    );
    refused(Some(Fault::SealedBefore), 1, "sealed");
    manager.vault.state().sealed = false;
    manager.vault.state().may = ["read"].into();
    refused(None, 1, "policy needs");
    manager.vault.state().may = ["read", "patch"].into();
    assert_eq!(manager.vault.newest("secret/ada").0, 2);
    // An answer or a request that is lost on its way is asked about.
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        manager.vault.state().fault = Some(fault);
        manager.create(ADA).expect(0);
        manager.live("secret/ada", "token");
    }
    assert_eq!(
        manager.vault.newest("secret/ada").0,
        4,
        "each was written once"
    );
    assert_eq!(manager.keys(), before + 2);
    // Nobody is heard from: the key ends, and the token that arrived is none.
    manager.vault.state().fault = Some(Fault::Silence);
    let ran = manager.create(ADA).expect(3);
    assert!(ran.err.contains("deleted again"), "{}", ran.err);
    assert_eq!(manager.keys(), before + 2);
    let (version, data) = manager.vault.newest("secret/ada");
    assert_eq!(version, 5);
    let arrived = data["token"].as_str().expect("a token");
    manager.desk.server.get(arrived, "/v1/whoami").expect(401);
}

#[test]
fn a_roll_whose_token_did_not_arrive_is_taken_back() {
    let manager = Manager::new();
    let (id, old) = manager.ada();
    let server = &manager.desk.server;
    let roll = |more: &[&str]| {
        let args = [&["keys", "roll", &id, "--to", ADA][..], more].concat();
        manager.run(&args)
    };
    for (fault, grace) in [(Fault::ChangedBefore, "24h"), (Fault::SealedBefore, "0s")] {
        manager.vault.state().fault = Some(fault);
        let ran = roll(&["--grace", grace]).expect(1);
        assert!(ran.err.contains("taken back"), "{}", ran.err);
        manager.vault.state().sealed = false;
        let secrets = manager.secrets(&id);
        assert_eq!(secrets.len(), 1, "{secrets:?}");
        assert_eq!(secrets[0]["expires_at"], Value::Null);
        server.get(&old, "/v1/whoami").expect(200);
    }
    // With a grace both go on; it can be taken back, or ended.
    roll(&["--end-after-silence", "60"]).expect(0);
    let second = manager.live("secret/ada", "token");
    assert_ne!(second, old);
    server.get(&old, "/v1/whoami").expect(200);
    manager.run(&["keys", "undo-roll", &id]).expect(1);
    manager
        .run(&["keys", "undo-roll", &id, "--force"])
        .expect(0);
    server.get(&second, "/v1/whoami").expect(401);
    // Without one the old token ends when the new one is there.
    roll(&["--grace", "0s"]).expect(0);
    let third = manager.live("secret/ada", "token");
    server.get(&old, "/v1/whoami").expect(401);
    assert_eq!(manager.secrets(&id).len(), 1);
    // Nobody knows whether it arrived: both go on until a person has looked.
    manager.vault.state().fault = Some(Fault::Silence);
    let ran = roll(&["--grace", "0s"]).expect(3);
    for words in ["not known", "undo-roll", "both tokens work until"] {
        assert!(ran.err.contains(words), "{words} in {}", ran.err);
    }
    manager.live("secret/ada", "token");
    server.get(&third, "/v1/whoami").expect(200);
    manager
        .run(&["keys", "end-grace", &id, "--force"])
        .expect(0);
    server.get(&third, "/v1/whoami").expect(401);
}

#[test]
fn a_token_goes_to_a_file_as_a_whole_or_not_at_all() {
    let manager = Manager::new();
    let path = manager.desk.home.path().join("ada");
    let read = || {
        std::fs::read_to_string(&path)
            .expect("a file")
            .trim()
            .to_owned()
    };
    let before = manager.keys();
    manager.create("file:ada").expect(0);
    let first = read();
    manager.desk.server.get(&first, "/v1/whoami").expect(200);
    let refused = manager.create("file:ada").expect(4);
    assert!(refused.err.contains("--replace"), "{}", refused.err);
    assert_eq!((read(), manager.keys()), (first.clone(), before + 1));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("mode");
    let list = manager.desk.get("/v1/keys");
    let items = list["items"].as_array().expect("a list");
    let id = items.iter().find(|key| key["name"] == "Ada").expect("Ada")["id"].clone();
    let id = id.as_str().expect("an id");
    manager
        .run(&["keys", "roll", id, "--to", "file:ada", "--replace"])
        .expect(0);
    let second = read();
    assert_ne!(second, first);
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    for token in [&first, &second] {
        manager.desk.server.get(token, "/v1/whoami").expect(200);
    }
    manager.run(&["keys", "end-grace", id, "--force"]).expect(0);
    // A roll to the screen shows its token, once.
    let now = ["keys", "roll", id, "--grace", "0s", "--force"];
    let shown = ran(&mut manager.desk.command(&now)).expect(0);
    assert!(shows_a_token(&shown.out), "{}", shown.out);
    manager.desk.server.get(&second, "/v1/whoami").expect(401);
    // A command that fails did not take it.
    let failed = manager
        .run(&[
            "keys",
            "roll",
            id,
            "--to",
            "command:cat > /dev/null; exit 7",
        ])
        .expect(1);
    assert!(failed.err.contains("taken back"), "{}", failed.err);
    assert_eq!(manager.secrets(id).len(), 1);
}

#[test]
fn a_token_that_is_lost_on_the_way_to_the_command_leaves_no_key() {
    let manager = Manager::new();
    let before = manager.keys();
    let list = |args: &[&str]| {
        let cut = losing_the_first_answer(&manager.desk.server.address, b"");
        let home = manager.desk.home.path();
        let ran = ran(&mut command(&cut, &manager.desk.master, home, args));
        assert!(!shows_a_token(&ran.out) && !shows_a_token(&ran.err));
        let ran = ran.expect(3);
        assert!(ran.err.contains("lost on its way"), "{}", ran.err);
        ran
    };
    for to in ["file:lost", "command:cat > lost"] {
        let ran = list(&["keys", "create", "--name", "Ada", "--to", to]);
        assert!(ran.err.contains("deleted again"), "{}", ran.err);
        assert_eq!(manager.keys(), before);
        assert!(!manager.desk.home.path().join("lost").exists());
    }
    let (id, old) = manager.ada();
    let ran = list(&["keys", "roll", &id, "--to", "file:lost"]);
    assert!(ran.err.contains("taken back"), "{}", ran.err);
    manager.desk.server.get(&old, "/v1/whoami").expect(200);
    assert_eq!(manager.secrets(&id).len(), 1);
}

/// A proxy that hears the server and says something else may stand between.
#[test]
fn a_token_that_a_proxy_loses_leaves_no_key_and_a_refusal_is_one() {
    let manager = Manager::new();
    let before = manager.keys();
    let create = |instead: &'static [u8]| {
        let cut = losing_the_first_answer(&manager.desk.server.address, instead);
        let home = manager.desk.home.path();
        let args = ["keys", "create", "--name", "Ada", "--to", "file:lost"];
        ran(&mut command(&cut, &manager.desk.master, home, &args))
    };
    for instead in [
        &b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"[..],
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\nconnection: close\r\n\r\n<p>",
        b"HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        // A page that says that all is well.
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
        // Half of an answer.
        b"HTTP/1.1 201 Created\r\ncontent-length: 900\r\nconnection: close\r\n\r\n{\"id\":",
    ] {
        let said = String::from_utf8_lossy(instead);
        let ran = create(instead).expect(3);
        assert!(ran.err.contains("lost on its way"), "{said}: {}", ran.err);
        assert!(ran.err.contains("deleted again"), "{said}: {}", ran.err);
        assert!(!shows_a_token(&ran.out) && !shows_a_token(&ran.err));
        assert_eq!(manager.keys(), before, "{said}");
    }
    // Whatever is refused is not asked for again.
    let refused =
        create(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert!(!refused.err.contains("lost on its way"), "{}", refused.err);
    assert_eq!(manager.keys(), before + 1, "this proxy lies");
    assert!(!manager.desk.home.path().join("lost").exists());
}

/// What requests are signed with by HMAC goes the same ways as a token.
#[test]
fn a_signing_secret_arrives_where_it_should_go_or_there_is_none() {
    let manager = Manager::new();
    let (desk, vault) = (&manager.desk, &manager.vault);
    let (id, _) = manager.ada();
    vault.put("secret/signs", &json!({ "user": "ada" }));
    let path = format!("/v1/keys/{id}/signing-secrets");
    let listed = || {
        let list = desk.get(&path);
        let items = list["items"].as_array().expect("a list").iter();
        let ids = items.map(|item| item["id"].as_str().expect("an id").to_owned());
        ids.collect::<Vec<_>>()
    };
    let args = |to| ["keys", "signing-secrets", "create", &id, "--to", to];
    let create = |to| manager.run(&args(to));
    let there = "vault:secret/signs#signing";
    let id_of = |text: &str| {
        let secret = model::secrets::SigningSecret::parse(text.trim());
        secret.expect("a signing secret").id().to_string()
    };
    let newest = || {
        let (version, data) = vault.newest("secret/signs");
        assert_eq!(data["user"], "ada");
        (version, id_of(data["signing"].as_str().expect("a text")))
    };
    // A place that will not take it is found before there is one.
    create("vault:none/signs#signing").expect(1);
    assert_eq!(listed(), [""; 0]);
    create(there).expect(0);
    let first = newest().1;
    assert_eq!(newest().0, 2);
    assert_eq!(listed(), [first.as_str()]);
    for (fault, code) in [
        (Fault::ChangedBefore, 1),
        (Fault::SealedBefore, 1),
        (Fault::Silence, 3),
    ] {
        vault.state().fault = Some(fault);
        let ran = create(there).expect(code);
        assert!(ran.err.contains("deleted again"), "{}", ran.err);
        vault.state().sealed = false;
        assert_eq!(listed(), [first.as_str()]);
    }
    assert_ne!(newest().1, first, "the last one arrived, and has ended");
    // Whether one was made is not known: it is not asked for again.
    let cut = losing_the_first_answer(&desk.server.address, b"");
    let lost = args("file:lost");
    let ran = ran(&mut command(&cut, &desk.master, desk.home.path(), &lost)).expect(3);
    assert!(ran.err.contains("is not known"), "{}", ran.err);
    assert!(!desk.home.path().join("lost").exists());
    let made = listed();
    assert_eq!(made.len(), 2);
    for secret in &made {
        let delete = ["keys", "signing-secrets", "delete", &id, secret, "--yes"];
        manager.run(&delete).expect(0);
    }
    // All of it is in the file, and what is reported as a whole ends.
    create("file:signing").expect(0);
    let text = std::fs::read_to_string(desk.home.path().join("signing")).expect("a file");
    assert_eq!(listed(), [id_of(&text)]);
    let found = json!({ "token": text.trim() });
    let reported = desk.server.post("", "/v1/keys/report", &found);
    assert!(reported.status < 300, "{}", reported.text());
    assert_eq!(listed(), [""; 0]);
    // Without a place it is shown, once.
    let shown = ["keys", "signing-secrets", "create", &id, "--json"];
    let shown = super::ran(&mut desk.command(&shown)).expect(0).json();
    let secret = shown["signing_secret"].as_str().expect("a text");
    assert_eq!(listed(), [id_of(secret)]);
    let list = manager.run(&["keys", "signing-secrets", "list", &id]);
    assert!(list.expect(0).out.contains(&id_of(secret)));
}

/// An address of the server on whose first connection something else is said,
/// or nothing, when the answer comes; all others pass.
fn losing_the_first_answer(server: &Address, instead: &'static [u8]) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let server = server.0.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().flatten().enumerate() {
            let there = TcpStream::connect(&server).expect("the server");
            let (from, to) = (there.try_clone().expect("a clone"), client.try_clone());
            let to = to.expect("a clone");
            std::thread::spawn(move || pass(client, there));
            std::thread::spawn(move || match number {
                0 => lose(from, to, instead),
                _ => pass(from, to),
            });
        }
    });
    Address(address)
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

fn lose(mut from: TcpStream, mut to: TcpStream, instead: &[u8]) {
    let _ = from.read(&mut [0; 4096]);
    let _ = to.write_all(instead);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

#[test]
fn a_command_finds_its_own_token_where_it_is_told_to() {
    let manager = Manager::new();
    let desk = &manager.desk;
    manager
        .vault
        .put("secret/me", &json!({ "token": desk.master, "n": 1 }));
    desk.write("mine", &desk.master);
    let path = desk.home.path().join("mine");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("mode");
    let bare = |args: &[&str], from: &[(&str, &str)]| {
        let mut command = command(&desk.server.address, "", desk.home.path(), args);
        command
            .env("PATH", "/usr/bin:/bin")
            .env("VAULT_ADDR", &manager.vault.url)
            .env("VAULT_TOKEN", VAULT_TOKEN)
            .envs(from.iter().copied());
        ran(&mut command)
    };
    for place in ["vault:secret/me#token", "file:mine", "command:cat mine"] {
        bare(&["whoami", "--token-from", place], &[]).expect(0);
        bare(&["whoami"], &[("TIDEGATE_TOKEN_FROM", place)]).expect(0);
        // What is named on the line comes before the environment.
        bare(
            &["whoami", "--token-from", place],
            &[("TIDEGATE_TOKEN", "other")],
        )
        .expect(0);
    }
    let me = "vault:secret/me#token";
    for (from, expected) in [
        ("vault:secret/me#n", 2),
        ("vault:secret/you#token", 2),
        ("file:none", 4),
        ("mine", 2),
    ] {
        let told = bare(&["whoami", "--token-from", from], &[]).expect(expected);
        assert!(!told.err.contains(&desk.master), "{}", told.err);
    }
    bare(&["whoami", "--token-from", me, "--token-file", "mine"], &[]).expect(2);
    // The names of OpenBao, and files for the manager's own token.
    desk.write(".vault-token", format!("{VAULT_TOKEN}\n"));
    desk.write("sink", VAULT_TOKEN);
    let home = desk.home.path().to_str().expect("a path");
    for more in [
        ("HOME", home),
        ("VAULT_TOKEN_FILE", "sink"),
        ("BAO_TOKEN", VAULT_TOKEN),
    ] {
        let from = [("VAULT_TOKEN", ""), ("TIDEGATE_TOKEN_FROM", me), more];
        bare(&["whoami"], &from).expect(0);
    }
    let bao = [
        ("BAO_ADDR", manager.vault.url.as_str()),
        ("VAULT_ADDR", "http://127.0.0.1:1"),
    ];
    bare(&["whoami", "--token-from", me], &bao).expect(0);
}
