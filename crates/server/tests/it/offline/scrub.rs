//! The scrub of a running server.

use super::*;

/// The value of a metric.
fn metric(server: &Server, name: &str) -> f64 {
    let url = format!("{}/metrics", server.operations);
    let text = crate::support::send(&url, "", "GET", &[], None)
        .expect("an answer")
        .text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
    line.rsplit(' ')
        .next()
        .expect("a value")
        .parse()
        .expect("a number")
}

/// Asks until the metric has a value; a server that answers has time to scrub.
fn wait_for(server: &Server, name: &str, least: f64) {
    let reached = (0..100_000).any(|_| metric(server, name) >= least);
    assert!(reached, "{name} stays below {least}");
}

#[test]
fn d6_rot_is_found_by_a_running_server_that_goes_on() {
    let (home, asked) = stopped();
    run(home.path(), &["compact", "--data-dir", "data", "--flush"]).expect(0);
    let often = ["--scrub-every", "1ms"];
    let server = Server::start_with(home.path(), &often);
    wait_for(&server, "tidegate_scrubs_total", 1.0);
    assert_eq!(metric(&server, "tidegate_damaged_files"), 0.0);
    assert_eq!(server.terminate(), Some(0));
    let kept = std::fs::read_to_string(home.path().join("data/scrub.json")).expect("a note");
    assert!(kept.contains("\"begun\":"), "{kept}");
    std::fs::remove_file(home.path().join("data/scrub.json")).expect("removed");
    let server = Server::start(home.path());
    wait_for(&server, "tidegate_scrubs_total", 1.0);
    assert_eq!(server.terminate(), Some(0));
    let mut files = tables(home.path());
    files.retain(|file| file.extension().is_some_and(|e| e == "parquet"));
    let bytes = std::fs::read(&files[0]).expect("a file");
    let mut rotten = bytes.clone();
    rotten[bytes.len() / 2] ^= 1;
    std::fs::write(&files[0], rotten).expect("written");
    // It was done a moment ago, so it is not begun again before its time.
    let server = Server::start(home.path());
    assert_eq!(metric(&server, "tidegate_scrubs_total"), 0.0);
    assert_eq!(server.terminate(), Some(0));
    let server = Server::start_with(home.path(), &often);
    wait_for(&server, "tidegate_scrubs_total", 2.0);
    assert_eq!(metric(&server, "tidegate_damaged_files"), 1.0);
    let ready = format!("{}/readyz", server.operations);
    let ready = crate::support::send(&ready, "", "GET", &[], None).expect("an answer");
    assert_eq!(ready.status, 200);
    let log = std::fs::read_to_string(home.path().join("log")).expect("a log");
    let name = files[0]
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(log.contains(&name), "{log}");
    let answers: Vec<_> = asked.iter().map(|asked| asked.again(&server)).collect();
    for (before, now) in asked.iter().zip(&answers) {
        assert!(now == before || now.is_refused(), "{now:?}");
    }
    assert!(
        answers.iter().any(|now| now.is_refused()),
        "nothing needs the file"
    );
    let fine = asked
        .iter()
        .zip(&answers)
        .filter(|(before, now)| before == now);
    assert!(fine.count() > 3, "the other pool goes on");
}
