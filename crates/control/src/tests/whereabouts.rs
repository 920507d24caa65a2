//! Where keys are used from: told, kept within bounds, and forgotten.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::UsedFrom;
use model::keys::{Roll, Said, WHEREABOUTS_KEPT};
use model::secrets::SecretId;
use model::time::Span;

const HOUR: Duration = Duration::from_secs(3_600);

fn seen<'r>(address: &str, agent: Option<&'r str>) -> Circumstances<'r> {
    let address: IpAddr = address.parse().expect("an address");
    Circumstances::from_address(Some(address)).by_agent(agent)
}

fn use_it(plane: &Plane, secret: &Secret, seen: &Circumstances<'_>) {
    let access = plane.control.authenticate(secret, seen);
    access.expect("is let in");
}

fn from(plane: &Plane, secret: SecretId) -> Option<(String, String)> {
    let UsedFrom { address, agent } = plane.control.secret_used_from(secret)?;
    Some((address.map_or(String::new(), |a| a.to_string()), agent))
}

fn told(address: &str, agent: &str) -> Option<(String, String)> {
    Some((address.to_owned(), agent.to_owned()))
}

fn networks(plane: &Plane, key: &KeyRecord) -> Vec<String> {
    let known = plane.control.networks_of(key.id());
    known.all().iter().map(|n| n.network.to_string()).collect()
}

#[tokio::test]
async fn each_secret_tells_where_it_was_last_used_from_and_a_restart_forgets_nothing() {
    let plane = Plane::new().await;
    let (key, old) = plane.key("Ada", "[]").await;
    assert_eq!(from(&plane, old.id()), None);
    let roll = Roll::with_grace(Span::parse("24h").expect("a day"));
    let rolled = plane
        .control
        .roll_key(&plane.admin(), key.id(), roll, None)
        .await;
    let crate::Made::Now(_, new) = rolled.expect("rolls") else {
        panic!("it was made before");
    };
    use_it(&plane, &old, &seen("192.0.2.7", Some("cron/1 \u{1b}[2J")));
    use_it(&plane, &new, &seen("2001:db8:1::5", None));
    let is_told = |plane: &Plane| {
        assert_eq!(
            from(plane, old.id()),
            told("192.0.2.7", "cron/1 \u{fffd}[2J")
        );
        assert_eq!(from(plane, new.id()), told("2001:db8:1::5", ""));
        assert_eq!(networks(plane, &key), ["192.0.2.0/24", "2001:db8:1::/48"]);
    };
    is_told(&plane);
    let plane = plane.restarted().await;
    is_told(&plane);
    // A change of the key loses nothing of it.
    let disabled = plane
        .control
        .set_key_disabled(&plane.admin(), key.id(), true)
        .await;
    disabled.expect("disables");
    is_told(&plane);
    let enabled = plane
        .control
        .set_key_disabled(&plane.admin(), key.id(), false)
        .await;
    enabled.expect("enables");
    // The address alone, then the agent alone.
    use_it(&plane, &old, &seen("192.0.2.8", Some("cron/1 \u{1b}[2J")));
    assert_eq!(
        from(&plane, old.id()),
        told("192.0.2.8", "cron/1 \u{fffd}[2J")
    );
    use_it(&plane, &old, &seen("192.0.2.8", Some("cron/2")));
    assert_eq!(from(&plane, old.id()), told("192.0.2.8", "cron/2"));
    let plane = plane.restarted().await;
    assert_eq!(from(&plane, old.id()), told("192.0.2.8", "cron/2"));
    assert_eq!(from(&plane, new.id()), told("2001:db8:1::5", ""));
}

#[tokio::test]
async fn what_does_not_change_is_not_written_again() {
    let plane = Plane::new().await;
    let (_, token) = plane.key("Ada", "[]").await;
    let at = seen("192.0.2.7", Some("curl/8"));
    let unsaved = || {
        let unsaved = plane.control.0.callers.unsaved(plane.now());
        let writes = unsaved
            .into_iter()
            .map(|unsaved| format!("{:?}", unsaved.split().0));
        let of_place =
            |write: &String| write.starts_with("SecretFrom") || write.starts_with("KeyNetworks");
        writes.filter(of_place).count()
    };
    use_it(&plane, &token, &at);
    assert_eq!(unsaved(), 2);
    plane.control.save_last_used().await.expect("saves");
    for _ in 0..3 {
        plane.clock.advance(HOUR / 4);
        use_it(&plane, &token, &at);
        assert_eq!(unsaved(), 0);
    }
    // The last use from a network is noted by the hour.
    plane.clock.advance(HOUR / 4);
    use_it(&plane, &token, &at);
    assert_eq!(unsaved(), 1);
    plane.control.save_last_used().await.expect("saves");
    assert_eq!(unsaved(), 0);
}

#[tokio::test]
async fn of_visitors_of_pages_and_of_refused_requests_nothing_is_kept() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let rows = r#""constraints":[{"field":"customer.id","operator":"eq","value":"x"}]"#;
    let grants = format!(r#"[{{"on":"pool:sales","actions":["query"],{rows}}}]"#);
    let draft = KeyDraft {
        kind: model::keys::KeyKind::Publishable,
        ..plane.key_draft("page", &grants)
    };
    let made = plane.control.create_key(&plane.admin(), draft).await;
    let (page, token) = made.expect("a key");
    let page_of = |origin| seen("192.0.2.7", Some("Mozilla")).of_page(origin, Said::Nothing);
    use_it(&plane, &token, &page_of(Said::Text("https://example.com")));
    use_it(&plane, &token, &seen("192.0.2.7", Some("curl")));
    assert_eq!(
        (from(&plane, token.id()), networks(&plane, &page).len()),
        (None, 0)
    );
    let (key, token) = plane.key("Ada", "[]").await;
    // Refused later for the page that it comes from.
    use_it(&plane, &token, &page_of(Said::Text("https://example.com")));
    assert_eq!(
        (from(&plane, token.id()), networks(&plane, &key).len()),
        (None, 0)
    );
    plane
        .control
        .set_key_disabled(&plane.admin(), key.id(), true)
        .await
        .expect("disables");
    let refused = plane.control.authenticate(&token, &seen("192.0.2.7", None));
    assert!(refused.is_err());
    assert_eq!(
        (from(&plane, token.id()), networks(&plane, &key).len()),
        (None, 0)
    );
}

#[tokio::test]
async fn whereabouts_are_forgotten_in_time_and_with_their_key() {
    let plane = Plane::new().await;
    let (key, token) = plane.key("Ada", "[]").await;
    let (gone, gone_token) = plane.key("Bob", "[]").await;
    use_it(&plane, &token, &seen("192.0.2.7", Some("curl/8")));
    use_it(&plane, &gone_token, &seen("198.51.100.1", Some("wget")));
    plane.control.save_last_used().await.expect("saves");
    plane
        .control
        .delete_key(&plane.admin(), gone.id(), None)
        .await
        .expect("deletes");
    assert_eq!(from(&plane, gone_token.id()), None);
    assert_eq!(networks(&plane, &gone).len(), 0);
    plane.clock.advance(WHEREABOUTS_KEPT);
    plane.control.save_last_used().await.expect("saves");
    assert!(from(&plane, token.id()).is_some());
    assert_eq!(networks(&plane, &key).len(), 1);
    plane.clock.advance(Duration::from_millis(1));
    plane.control.save_last_used().await.expect("saves");
    assert_eq!(
        (from(&plane, token.id()), networks(&plane, &key).len()),
        (None, 0)
    );
    let plane = plane.restarted().await;
    assert_eq!(
        (from(&plane, token.id()), networks(&plane, &key).len()),
        (None, 0)
    );
    let held = std::fs::read(plane.file()).expect("the file");
    for trace in ["192.0.2", "198.51.100", "curl/8", "wget"] {
        let found = held
            .windows(trace.len())
            .any(|part| part == trace.as_bytes());
        assert!(!found, "{trace}");
    }
}
