//! The same by what the network counts: a namespace of its own without a route,
//! in which there is loopback alone, and every call of the server. Whatever goes
//! to elsewhere finds no route there, which the kernel counts.

use std::path::Path;
use std::process::{Command, Output};

use model::keys::KeyKind;
use model::random::SeededRandom;
use model::secrets::Secret;
use serde_json::{Value, json};

use super::work;
use crate::support::launch::{Launch, SMALL_LIMITS};
use crate::support::needs::{may_use, own_network};
use crate::support::{BINARY, Server, cases};

/// Every call, and every page, by the tables of who gets which status.
const TABLES: [&str; 3] = [
    include_str!("../../../../../docs/route-by-caller.txt"),
    include_str!("../../../../../docs/keen-by-caller.txt"),
    include_str!("../../../../../docs/page-by-role.txt"),
];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Switches loopback on, runs a command, and writes down what was counted.
const INSIDE: &str = "ip link set lo up || exit 99; \"$@\"; code=$?; \
    for file in dev snmp snmp6; do cat /proc/net/$file >\"$COUNTED/$file\"; done; exit $code";
/// Tests of the binary that run inside; under `prove` all that can.
const TESTS: [&str; 3] = [
    "outbound::packets::k24_every_call_",
    "secrets::k4_whatever_",
    "analyses::",
];
/// Those that make a network of their own.
const MAKE_NETWORKS: &[&str] = &[
    "outbound::packets::k24_no_packet_",
    "outbound::packets::k24_a_packet_",
];
/// Those that mount a file system, which root of a namespace alone may not.
const MOUNT: &[&str] = &["disk_full::", "faults::power::"];

/// What a namespace of network counted.
#[derive(Debug)]
struct Counted {
    devices: String,
    version_4: String,
    version_6: String,
}

impl Counted {
    fn read(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        Self {
            devices: text("dev"),
            version_4: text("snmp"),
            version_6: text("snmp6"),
        }
    }

    /// A counter of a group: one line has the names, the next one the values.
    fn of(&self, group: &str, name: &str) -> u64 {
        let lines = self.version_4.lines();
        let lines: Vec<&str> = lines.filter(|line| line.starts_with(group)).collect();
        assert_eq!(lines.len(), 2, "{group} in {self:?}");
        let at = lines[0].split_whitespace().position(|found| found == name);
        let value = lines[1].split_whitespace().nth(at.expect("a counter"));
        value.expect("a value").parse().expect("a number")
    }

    /// A counter of IPv6; nothing where there is none.
    fn of_6(&self, name: &str) -> u64 {
        let found = self.version_6.lines().find_map(|line| {
            let (found, value) = line.split_once(char::is_whitespace)?;
            (found == name).then(|| value.trim().parse().expect("a number"))
        });
        found.unwrap_or(0)
    }

    /// Attempts to reach an address that is not this machine's.
    fn without_a_route(&self) -> u64 {
        self.of("Ip:", "OutNoRoutes") + self.of_6("Ip6OutNoRoutes")
    }

    /// Datagrams, as who asks for the address of a name sends them, also to a
    /// resolver on this machine.
    fn datagrams(&self) -> u64 {
        self.of("Udp:", "OutDatagrams") + self.of_6("Udp6OutDatagrams")
    }

    /// Packets that left by each device that is not loopback.
    fn left(&self) -> u64 {
        let devices = self.devices.lines().filter_map(|line| line.split_once(':'));
        let others = devices.filter(|(name, _)| name.trim() != "lo");
        let packets = others.map(|(_, counters)| {
            let sent = counters.split_whitespace().nth(9);
            sent.expect("a value").parse::<u64>().expect("a number")
        });
        packets.sum()
    }
}

/// Runs a command in a namespace of its own.
fn inside(command: &[&str]) -> (Output, Counted) {
    let folder = tempfile::tempdir().expect("a directory");
    let mut unshare = Command::new("unshare");
    unshare
        .args(own_network())
        .args(["sh", "-c", INSIDE, "sh"])
        .args(command)
        .env("COUNTED", folder.path())
        // The long proof is a longer list of tests.
        .env_remove("TIDEGATE_PROOF");
    let output = unshare.output().expect("it runs");
    (output, Counted::read(folder.path()))
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// Every call of the tables, those that take something away last.
fn calls() -> Vec<(&'static str, &'static str)> {
    let lines = TABLES.into_iter().flat_map(str::lines);
    let calls = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let method = words.next().filter(|word| METHODS.contains(word))?;
        Some((method, words.next()?))
    });
    let mut calls: Vec<_> = calls.collect();
    calls.sort_by_key(|(method, _)| *method == "DELETE");
    calls
}

/// A pattern with names for what is in braces: those given, else one of nothing.
fn filled(pattern: &str, names: &[(&str, &str)]) -> String {
    let mut path = String::new();
    let mut rest = pattern;
    while let Some((before, (name, after))) = rest
        .split_once('{')
        .and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        let known = names.iter().find(|(known, _)| *known == name);
        path += before;
        path += known.map_or("none", |(_, value)| *value);
        rest = after;
    }
    path + rest
}

/// What is sent where something sensible is to be done by it.
fn body(pattern: &str) -> Value {
    let address = "http://192.0.2.1:9/x";
    match pattern {
        "/v1/pools/{pool}/records" => json!([{"url": address}]),
        "/v1/pools/{pool}/delete" => json!({"all": true}),
        "/v1/query" => json!({"analysis": "count", "pool": "events"}),
        "/3.0/projects/{project}/events/{collection}" => json!({"url": address}),
        "/3.0/projects/{project}/queries/{analysis}" => json!({"event_collection": "events"}),
        _ => json!({}),
    }
}

/// Asks for every call by the master key, and for its own end by another one.
fn ask_all(server: &Server) {
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let view = json!({"name": "list", "pool": "events", "shape": "records",
        "fields": [{"field": "url"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    let spare = server.post(&master, "/v1/keys", &json!({"name": "spare", "grants": []}));
    let spare = spare.expect(201);
    let own = server.key("own", &json!([]));
    let mut names = vec![
        ("pool", "events"),
        ("view", "list"),
        ("id", spare["id"].as_str().expect("an id")),
        ("collection", "events"),
        ("analysis", "count"),
    ];
    let mut answered = 0;
    let calls = calls();
    for (method, pattern) in &calls {
        // The project of the master key is not deleted.
        let project = if *method == "DELETE" {
            "none"
        } else {
            "default"
        };
        names.retain(|(name, _)| *name != "project");
        names.push(("project", project));
        let path = filled(pattern, &names);
        let token = if pattern.contains("/self/") {
            &own
        } else {
            &master
        };
        let sent = body(pattern);
        let sent = (*method != "GET").then_some(&sent);
        let reply = server.call(token, method, &path, sent);
        assert!(reply.status < 500, "{method} {path}: {}", reply.text());
        answered += usize::from(reply.status < 400);
    }
    assert!(calls.len() > 150, "{} calls", calls.len());
    assert!(answered > 40, "{answered} of them did something");
}

/// Every page of the console, by a person who signs in.
fn look_at_all(server: &Server, owner: &Value) {
    let own_page = ("sec-fetch-site", "same-origin");
    let asked = json!({"sign_in": "ada@192.0.2.1", "password": "violet harbour under glass",
        "recovery_code": owner["recovery_codes"][0]});
    let asked = asked.to_string();
    let entered = server.send(
        "",
        "POST",
        "/v1/sessions",
        &[own_page],
        Some(asked.as_bytes()),
    );
    let entered = entered.expect("an answer");
    assert_eq!(entered.status, 201, "{}", entered.text());
    let cookie = entered.header("set-cookie").expect("a session");
    let cookie = cookie.split(';').next().expect("a cookie");
    let mut shown = 0;
    for (method, pattern) in calls() {
        if method != "GET" || !pattern.starts_with("/console") {
            continue;
        }
        let path = filled(pattern, &[("project", "default")]);
        let page = server.send("", "GET", &path, &[("cookie", cookie)], None);
        let page = page.expect("an answer");
        assert!(page.status < 500, "{path}: {}", page.text());
        shown += usize::from(page.status == 200);
    }
    assert!(shown > 10, "{shown} pages");
}

#[test]
fn k24_every_call_is_answered() {
    let home = tempfile::tempdir().expect("a directory");
    let launch = Launch::at(home.path()).options(SMALL_LIMITS);
    let server = launch.start();
    let server = server.unwrap_or_else(|ended| panic!("{}", ended.log));
    ask_all(&server);
    let owner = work(&server);
    look_at_all(&server, &owner);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn k24_no_packet_leaves_and_none_would() {
    if !may_use("netns") {
        return;
    }
    let program = std::env::current_exe().expect("this program");
    let mut command = vec![program.to_str().expect("a path")];
    let is_whole = cases(0, 1) == 1;
    if is_whole {
        let is_mapped = own_network().contains(&"--map-root-user");
        let mounting = if is_mapped { MOUNT } else { &[] };
        for left_out in MAKE_NETWORKS.iter().chain(mounting) {
            command.extend(["--skip", *left_out]);
        }
    } else {
        command.extend(TESTS);
    }
    let (output, counted) = inside(&command);
    let ran = said(&output);
    assert!(output.status.success(), "{ran}");
    let passed = ran.matches(" ... ok\n").count();
    assert!(passed >= if is_whole { 100 } else { 4 }, "{passed} passed");
    assert!(counted.of("Tcp:", "PassiveOpens") > 100, "{counted:?}");
    assert_eq!(counted.left(), 0, "{counted:?}");
    assert_eq!(counted.without_a_route(), 0, "{counted:?}");
    assert_eq!(counted.datagrams(), 0, "{counted:?}");
}

/// What would be found, if there were something: by a command that is told to
/// go to an address.
#[test]
fn k24_a_packet_for_elsewhere_is_counted() {
    if !may_use("netns") {
        return;
    }
    let token = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
    let token = format!("TIDEGATE_TOKEN={}", token.reveal());
    let goes = [
        "env",
        &token,
        BINARY,
        "whoami",
        "--url",
        "https://192.0.2.1",
    ];
    let (output, counted) = inside(&goes);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(
        counted.without_a_route() > 0,
        "{} {counted:?}",
        said(&output)
    );
    let asks = ["bash", "-c", "echo name >/dev/udp/127.0.0.1/53"];
    assert!(inside(&asks).1.datagrams() > 0);
}
