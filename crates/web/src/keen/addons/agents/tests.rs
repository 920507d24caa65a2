use super::*;

fn text(agent: &str) -> String {
    model::json::to_text(&Value::Object(parts(agent).expect("an agent")))
}

#[test]
fn well_known_agents_are_told_apart() {
    assert_eq!(
        text(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Version/17.1 Mobile/15E148 Safari/604.1"
        ),
        "{\"device\":{\"type\":\"mobile\",\"family\":\"iPhone\"},\
         \"browser\":{\"family\":\"Mobile Safari\",\"major\":\"17\",\"minor\":\"1\"},\
         \"os\":{\"family\":\"iOS\",\"major\":\"17\",\"minor\":\"1\"}}"
    );
    assert_eq!(
        text(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/120.0.6099.71 Safari/537.36"
        ),
        "{\"device\":{\"type\":\"desktop\",\"family\":\"Other\"},\
         \"browser\":{\"family\":\"Chrome\",\"major\":\"120\",\"minor\":\"0\",\"patch\":\"6099\"},\
         \"os\":{\"family\":\"Windows\",\"major\":\"10\"}}"
    );
}

#[test]
fn kinds_of_devices_are_told_apart() {
    for (agent, kind) in [
        (
            "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 Chrome/112.0.0.0 Safari/537.36",
            "tablet",
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-S901B) AppleWebKit/537.36 Chrome/112.0.0.0 Mobile Safari/537.36",
            "mobile",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
            "tablet",
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "spider",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/16.0 Safari/605.1.15",
            "desktop",
        ),
        ("curl/8.0", "other"),
    ] {
        let shown = text(agent);
        assert!(
            shown.contains(&format!("\"type\":\"{kind}\"")),
            "{agent}: {shown}"
        );
    }
}

#[test]
fn every_rule_compiles_and_nothing_is_made_of_nothing() {
    assert!(RULES.is_some());
    assert_eq!(parts(" "), None);
    assert!(text("no such thing").contains("\"browser\":{\"family\":\"Other\"}"));
}
