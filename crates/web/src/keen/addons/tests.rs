use super::*;

fn object(json: &str) -> Object {
    let value = model::json::parse(json.as_bytes()).expect("JSON");
    value.as_object().expect("an object").clone()
}

fn entries(json: &str) -> Result<Vec<Entry>, EventFault> {
    read(Some(&model::json::parse(json.as_bytes()).expect("JSON")))
}

fn ran(addons: &str, event: &str) -> String {
    let places = Places::read(places::tests::database()).expect("a database");
    let entries = entries(addons).expect("legal");
    model::json::to_text(&Value::Object(run(&entries, object(event), Some(&places))))
}

const IP: &str = "{\"name\":\"keen:ip_to_geo\",\"input\":{\"ip\":\"ip\"},\"output\":\"geo\"}";

#[test]
fn entries_run_in_order_and_read_what_earlier_ones_wrote() {
    let url = "{\"name\":\"keen:url_parser\",\"input\":{\"url\":\"page\"},\"output\":\"parsed\"}";
    let second = "{\"name\":\"keen:url_parser\",\"input\":{\"url\":\"parsed.query_string.next\"},\"output\":\"next\"}";
    let event = "{\"page\":\"https://a.example/?next=https://b.example/x\"}";
    let both = ran(&format!("[{url},{second}]"), event);
    assert!(
        both.contains("\"next\":{\"protocol\":\"https\",\"domain\":\"b.example\",\"path\":\"/x\"}"),
        "{both}"
    );
    let reversed = ran(&format!("[{second},{url}]"), event);
    assert!(!reversed.contains("\"domain\":\"b.example\""), "{reversed}");
}

#[test]
fn an_address_becomes_a_place_and_goes_when_it_is_to_go() {
    let event = "{\"ip\":\"192.0.2.7\",\"geo\":{\"city\":\"?\",\"kept\":1}}";
    let kept = ran(&format!("[{IP}]"), event);
    assert!(
        kept.starts_with("{\"ip\":\"192.0.2.7\",\"geo\":{\"city\":\"Berlin\",\"kept\":1,"),
        "{kept}"
    );
    let removing = IP.replace("\"ip\":\"ip\"", "\"ip\":\"ip\",\"remove_ip_property\":true");
    let both = ran(
        &format!("[{removing},{}]", IP.replace("geo\"}", "again\"}")),
        event,
    );
    assert!(!both.contains("192.0.2.7"), "{both}");
    assert_eq!(
        both.matches("\"city\":\"Berlin\"").count(),
        2,
        "a later entry may read it, too: {both}"
    );
    for unknown in [
        "{\"ip\":\"10.0.0.1\"}",
        "{\"ip\":\"no address\"}",
        "{\"ip\":7}",
        "{}",
    ] {
        assert_eq!(ran(&format!("[{IP}]"), unknown), unknown);
        assert_eq!(ran(&format!("[{removing}]"), unknown), "{}", "{unknown}");
    }
    let without_file = run(
        &entries(&format!("[{removing}]")).expect("legal"),
        object(event),
        None,
    );
    assert_eq!(
        model::json::to_text(&Value::Object(without_file)),
        "{\"geo\":{\"city\":\"?\",\"kept\":1}}"
    );
}

#[test]
fn nothing_to_read_gives_no_output_and_nothing_in_the_way_is_lost() {
    for (entry, event) in [
        (
            "keen:url_parser\",\"input\":{\"url\":\"nowhere\"}",
            "{\"a\":1}",
        ),
        (
            "keen:url_parser\",\"input\":{\"link\":\"a\"}",
            "{\"a\":\"https://x.example/\"}",
        ),
        (
            "keen:url_parser\",\"input\":{\"url\":7}",
            "{\"a\":\"https://x.example/\"}",
        ),
        (
            "keen:date_time_parser\",\"input\":{\"date_time\":\"a\"}",
            "{\"a\":\"soon\"}",
        ),
        (
            "keen:ua_parser\",\"input\":{\"ua_string\":\"a\"}",
            "{\"a\":\"\"}",
        ),
        (
            "keen:referrer_parser\",\"input\":{\"page_url\":\"a\"}",
            "{\"a\":\"https://x.example/\"}",
        ),
        (
            "keen:url_parser\",\"input\":{\"url\":\"a\"}",
            "{\"a\":\"https://x.example/\",\"out\":5}",
        ),
    ] {
        let addons = format!("[{{\"name\":\"{entry},\"output\":\"out\"}}]");
        assert_eq!(ran(&addons, event), event, "{entry}");
    }
}

#[test]
fn what_is_no_list_of_known_entries_is_refused() {
    let entry = |name: &str, output: &str| {
        format!("[{{\"name\":\"{name}\",\"input\":{{}},\"output\":\"{output}\"}}]")
    };
    let many = format!("[{}]", vec![IP; 17].join(","));
    for (bad, word) in [
        ("{}".to_owned(), "list"),
        ("\"keen:url_parser\"".to_owned(), "list"),
        ("[5]".to_owned(), "entries"),
        (
            "[{\"name\":\"keen:url_parser\",\"output\":\"a\"}]".to_owned(),
            "entries",
        ),
        (entry("keen:no_such_thing", "a"), "keen:url_parser"),
        (entry("keen:url_parser", "keen.id"), "keen.id"),
        (entry("keen:url_parser", "keen"), "outside keen"),
        (entry("keen:url_parser", ""), "output"),
        (entry("keen:url_parser", "a..b"), "output"),
        (entry("keen:url_parser", "_id"), "output"),
        (entry("keen:url_parser", "a.$b"), "output"),
        (many, "at most 16"),
    ] {
        let fault = entries(&bad).expect_err(&bad);
        assert_eq!(fault.rule, EventRule::NamespaceProperty, "{bad}");
        assert!(fault.message.contains(word), "{}", fault.message);
    }
    assert_eq!(read(None).expect("none").len(), 0);
}
