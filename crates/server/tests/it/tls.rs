//! TLS, and the refusal to serve openly without it.

use std::process::Command;

use crate::support::{BINARY, Server};

fn refused(options: &[&str]) -> String {
    let home = tempfile::tempdir().expect("a directory");
    let output = Command::new(BINARY)
        .args(["serve", "--data-dir"])
        .arg(home.path().join("data"))
        .arg("--admin-token-file")
        .arg(home.path().join("token"))
        .args(options)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{options:?}");
    assert!(!home.path().join("token").exists(), "no key was made");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_open_address_without_tls_is_refused() {
    let text = refused(&["--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"]);
    assert!(
        text.contains("--tls-cert") && text.contains("--behind-proxy"),
        "{text}"
    );
    let text = refused(&["--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"]);
    assert!(text.contains("--admin-listen"), "{text}");
    let text = refused(&["--listen", "0.0.0.0:0", "--behind-proxy", "not a network"]);
    assert!(text.contains("network"), "{text}");
}

#[test]
fn a_server_with_a_certificate_speaks_tls_alone() {
    let home = tempfile::tempdir().expect("a directory");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let (cert, key) = (
        cert.to_str().expect("a path"),
        key.to_str().expect("a path"),
    );
    let server = Server::start_with(home.path(), &["--tls-cert", cert, "--tls-key", key]);
    assert!(
        server.address.0.starts_with("https://"),
        "{:?}",
        server.address
    );
    let port = server.address.0.rsplit_once(':').expect("a port").1;
    let root = ureq::tls::Certificate::from_pem(made.cert.pem().as_bytes()).expect("pem");
    let roots = ureq::tls::RootCerts::new_with_certs(&[root]);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        .build()
        .into();
    let reply = agent
        .get(format!("https://localhost:{port}/v1/whoami"))
        .header("authorization", format!("Bearer {}", server.master()))
        .call()
        .expect("an answer over TLS");
    assert_eq!(reply.status(), 200);
    let plain = crate::support::send(
        &format!("http://localhost:{port}/v1/version"),
        "",
        "GET",
        &[],
        None,
    );
    assert!(plain.is_err(), "nothing is said without TLS");
}
