use super::*;
use crate::error::Problem;

const TF: &str = r#""timeframe":{"start":"2024-03-04T00:00:00Z","end":"2024-03-07T00:00:00Z"}"#;

fn object(text: &str) -> Object {
    match model::json::parse(text.as_bytes()) {
        Ok(Value::Object(object)) => object,
        other => panic!("{other:?}: {text}"),
    }
}

/// The tree of the question over `orders`, as its native form says it.
fn asked(kind: &str, rest: &str) -> String {
    let sent = object(&format!(r#"{{"event_collection":"orders",{TF}{rest}}}"#));
    let question = Question::read(kind, &sent);
    let question = question.unwrap_or_else(|error| panic!("{error:?}: {rest}"));
    let text = model::json::to_text(&question.analysis.to_value());
    let ends = text.replace(
        r#","from":"2024-03-04T00:00:00Z","to":"2024-03-07T00:00:00Z""#,
        "",
    );
    ends.replace(r#","week_start":"sunday","typing":"loose""#, "")
        .replace(r#","pool":"orders""#, "")
}

#[test]
fn questions_become_the_tree_of_the_house() {
    for (kind, rest, expected) in [
        ("count", "", r#"{"analysis":"count"}"#),
        (
            "count",
            r#","target_property":"x""#,
            r#"{"analysis":"count"}"#,
        ),
        (
            "sum",
            r#","target_property":"a.b","timezone":0,"max_age":60,"analysis_type":"sum","nonsense":[]"#,
            r#"{"analysis":"sum","field":"a.b"}"#,
        ),
        (
            "percentile",
            r#","target_property":"x","percentile":"90.5""#,
            r#"{"analysis":"percentile","field":"x","percentile":90.5}"#,
        ),
        (
            "percentile",
            r#","target_property":"x","percentile":50"#,
            r#"{"analysis":"median","field":"x"}"#,
        ),
        (
            "minimum",
            r#","target_property":"x","interval":"every_2_days","timezone":"US/Pacific""#,
            r#"{"analysis":"minimum","field":"x","timezone":"US/Pacific","interval":"every_2_days"}"#,
        ),
        (
            "count",
            r#","filters":[],"group_by":null,"interval":"","timezone":null,"order_by":null,"limit":null"#,
            r#"{"analysis":"count"}"#,
        ),
        (
            "count",
            r#","group_by":"sku","order_by":"sku""#,
            r#"{"analysis":"count","group_by":["sku"],"order_by":[{"field":"sku","direction":"asc"}]}"#,
        ),
        (
            "count",
            r#","group_by":["sku","sku",{"property_name":"n","buckets":{"size":10}}],"order_by":{"property_name":"result","direction":"DESC"},"limit":"2""#,
            r#"{"analysis":"count","group_by":["sku",{"field":"n","bin_size":10}],"order_by":[{"field":"result","direction":"desc"}],"limit":2}"#,
        ),
        (
            "count",
            r#","group_by":{"property_name":"n","ranges":[{"to":0},{"from":0,"to":10},{"from":10,"alias":"many"}]}"#,
            r#"{"analysis":"count","group_by":[{"field":"n","ranges":[{"to":0,"as":"<0"},{"from":0,"to":10,"as":"[0,10)"},{"from":10,"as":"many"}]}]}"#,
        ),
        (
            "count",
            r#","group_by":["result"],"order_by":[{"property_name":"result"}]"#,
            r#"{"analysis":"count","group_by":[{"field":"result","as":"result_"}],"order_by":[{"field":"result","direction":"asc"}]}"#,
        ),
        (
            "multi_analysis",
            r#","analyses":{"my_label":{"analysis_type":"count","target_property":null,"group_by":"x"},"p":{"analysis_type":"percentile","target_property":"x","percentile":95}},"group_by":"result""#,
            r#"{"analysis":"multi_analysis","analyses":{"my_label":{"analysis":"count"},"p":{"analysis":"percentile","field":"x","percentile":95}},"group_by":["result"]}"#,
        ),
        (
            "extraction",
            r#","latest":"3","property_names":"price""#,
            r#"{"analysis":"extraction","fields":["price"],"latest":3}"#,
        ),
        (
            "extraction",
            r#","property_names":["customer.id","keen.timestamp","customer","customer.name"]"#,
            r#"{"analysis":"extraction","fields":["keen.timestamp","customer"]}"#,
        ),
        (
            "extraction",
            r#","property_names":[]"#,
            r#"{"analysis":"extraction"}"#,
        ),
    ] {
        assert_eq!(asked(kind, rest), expected, "{kind} {rest}");
    }
}

/// The period of a question with this timeframe and zone, and whether its
/// weeks are the dialect's.
fn period(timeframe: &str, zone: &str) -> String {
    let sent =
        format!(r#"{{"event_collection":"orders","timeframe":{timeframe},"timezone":{zone}}}"#);
    let question = Question::read("count", &object(&sent));
    let question = question.unwrap_or_else(|error| panic!("{error:?}: {sent}"));
    let text = model::json::to_text(&question.analysis.to_value());
    assert!(text.contains(r#""week_start":"sunday""#), "{text}");
    let text = text.replace(r#"{"analysis":"count","pool":"orders","#, "");
    text.replace(r#","week_start":"sunday","typing":"loose"}"#, "")
}

#[test]
fn timeframes_and_zones_are_read() {
    for (timeframe, zone, expected) in [
        (r#""this_14_days""#, "null", r#""timeframe":"this_14_days""#),
        (
            r#""last_3_weeks""#,
            "null",
            r#""timeframe":"previous_3_weeks""#,
        ),
        (r#""last_month""#, "null", r#""timeframe":"previous_month""#),
        (
            r#""previous_1_years""#,
            "null",
            r#""timeframe":"previous_year""#,
        ),
        (r#""today""#, r#""UTC""#, r#""timeframe":"this_day""#),
        (
            r#""yesterday""#,
            "-28800",
            r#""timeframe":"previous_day","timezone":"-08:00""#,
        ),
        (
            r#""yesterday""#,
            r#""-1200""#,
            r#""timeframe":"previous_day","timezone":"-00:20""#,
        ),
        (
            r#""this_day""#,
            r#""Europe/London""#,
            r#""timeframe":"this_day","timezone":"Europe/London""#,
        ),
        (
            r#"{"start":"2024-03-04T00:00:00.000Z","end":"2024-03-05T00:00:00-08:00"}"#,
            "null",
            r#""from":"2024-03-04T00:00:00Z","to":"2024-03-05T08:00:00Z""#,
        ),
        (
            r#"{"start":"2024-03-04","end":"2024-03-05T12:00:00"}"#,
            r#""US/Pacific""#,
            r#""from":"2024-03-04T08:00:00Z","to":"2024-03-05T20:00:00Z","timezone":"US/Pacific""#,
        ),
    ] {
        assert_eq!(period(timeframe, zone), expected, "{timeframe} {zone}");
    }
}

#[test]
fn steps_have_what_their_funnel_has() {
    let sent = object(
        r#"{"timeframe":"this_2_days","timezone":-28800,"steps":[
            {"event_collection":"visits","actor_property":"user"},
            {"event_collection":"visits","actor_property":"user","timeframe":"last_day","timezone":"UTC","optional":true,"inverted":null,
             "filters":[{"property_name":"a","operator":"eq","property_value":1}],"with_actors":"true"}]}"#,
    );
    let question = Question::read("funnel", &sent).expect("a question");
    let text = model::json::to_text(&question.analysis.to_value());
    let shared = r#""week_start":"sunday","typing":"loose","actor":"user""#;
    assert_eq!(
        text,
        format!(
            r#"{{"analysis":"funnel","steps":[{{"pool":"visits","timeframe":"this_2_days","timezone":"-08:00",{shared}}},{{"pool":"visits","filters":[{{"field":"a","operator":"eq","value":1}}],"timeframe":"previous_day",{shared},"optional":true,"with_actors":true}}]}}"#
        )
    );
}

fn refused(kind: &str, sent: &str) -> (u16, String, String) {
    use axum::response::IntoResponse;
    let error = Question::read(kind, &object(sent)).expect_err(sent);
    let mut response = error.into_response();
    let problem = response
        .extensions_mut()
        .remove::<std::sync::Arc<Problem>>();
    let problem = problem.expect("a problem");
    let body = crate::keen::error::body(&problem, model::ids::RequestId::from_bytes([0; 16]));
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let text = |name: &str| body[name].as_str().expect("text").to_owned();
    let status = crate::keen::error::status(&problem).as_u16();
    (status, text("error_code"), text("message"))
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let time = r#""event_collection":"o","timeframe":"today""#;
    for (kind, sent, code, word) in [
        ("counts", "{}".to_owned(), "ResourceNotFoundError", "analysis"),
        ("saved", "{}".to_owned(), "ResourceNotFoundError", "analysis"),
        ("count", "{}".to_owned(), "MissingParameterError", "event_collection"),
        ("count", r#"{"event_collection":"o"}"#.to_owned(), "TimeframeDefinitionError", "timeframe"),
        ("count", r#"{"event_collection":"o","timeframe":""}"#.to_owned(), "TimeframeDefinitionError", "timeframe"),
        ("count", r#"{"event_collection":"o","timeframe":"this_0_days"}"#.to_owned(), "TimeframeDefinitionError", "timeframe"),
        ("count", r#"{"event_collection":"o","timeframe":"someday"}"#.to_owned(), "TimeframeDefinitionError", "timeframe"),
        ("count", r#"{"event_collection":"o","timeframe":7}"#.to_owned(), "TimeframeDefinitionError", "object"),
        ("count", r#"{"event_collection":"o","timeframe":{"start":"2024-01-01"}}"#.to_owned(), "TimeframeDefinitionError", "end"),
        ("count", r#"{"event_collection":"o","timeframe":{"start":"2024-01-02","end":"2024-01-02"}}"#.to_owned(), "TimeframeDefinitionError", "after"),
        ("count", r#"{"event_collection":"_o","timeframe":"today"}"#.to_owned(), "InvalidCollectionNameError", "name"),
        ("count", format!(r#"{{{time},"timezone":"Mars"}}"#), "InvalidTimezoneError", "Mars"),
        ("count", format!(r#"{{{time},"timezone":61}}"#), "InvalidTimezoneError", "minutes"),
        ("count", format!(r#"{{{time},"interval":"often"}}"#), "InvalidParameterError", "interval"),
        ("count", format!(r#"{{{time},"filters":{{}}}}"#), "InvalidFilterError", "list"),
        ("count", format!(r#"{{{time},"filters":[{{"property_name":"a","operator":"regex","property_value":"("}}]}}"#), "InvalidFilterError", "regular"),
        ("count", format!(r#"{{{time},"filters":[{{"property_name":"a","operator":"within","property_value":{{}}}}]}}"#), "InvalidPropertyNameForGeoFilter", "coordinates"),
        ("sum", format!("{{{time}}}"), "MissingParameterError", "target_property"),
        ("sum", format!(r#"{{{time},"target_property":"a..b"}}"#), "InvalidPropertyNameError", "field"),
        ("percentile", format!(r#"{{{time},"target_property":"a"}}"#), "MissingParameterError", "percentile"),
        ("percentile", format!(r#"{{{time},"target_property":"a","percentile":0}}"#), "InvalidParameterError", "percentile"),
        ("percentile", format!(r#"{{{time},"target_property":"a","percentile":50.001}}"#), "InvalidParameterError", "percentile"),
        ("percentile", format!(r#"{{{time},"target_property":"a","percentile":"many"}}"#), "InvalidParameterError", "percentile"),
        ("count", format!(r#"{{{time},"limit":3,"group_by":"a"}}"#), "MissingParameterError", "order_by"),
        ("count", format!(r#"{{{time},"order_by":"result"}}"#), "InvalidParameterError", "group_by"),
        ("count", format!(r#"{{{time},"group_by":"a","order_by":"b"}}"#), "InvalidParameterError", "result"),
        ("count", format!(r#"{{{time},"group_by":"a","order_by":"a","limit":0}}"#), "InvalidParameterError", "limit"),
        ("count", format!(r#"{{{time},"group_by":"a","order_by":{{"property_name":"a","direction":"up"}}}}"#), "InvalidParameterError", "ASC"),
        ("count", format!(r#"{{{time},"group_by":{{"property_name":"a","buckets":{{"size":0}}}}}}"#), "InvalidParameterError", "size"),
        ("count", format!(r#"{{{time},"group_by":{{"property_name":"a","ranges":[{{"from":2,"to":1}}]}}}}"#), "InvalidParameterError", "range"),
        ("count", format!(r#"{{{time},"include_metadata":"maybe"}}"#), "InvalidParameterError", "include_metadata"),
        ("extraction", format!(r#"{{{time},"latest":-1}}"#), "InvalidParameterError", "latest"),
        ("extraction", format!(r#"{{{time},"email":"a@b.example"}}"#), "InvalidParameterError", "email"),
        ("multi_analysis", format!("{{{time}}}"), "MissingParameterError", "analyses"),
        ("multi_analysis", format!(r#"{{{time},"analyses":{{}}}}"#), "InvalidParameterError", "labels"),
        ("multi_analysis", format!(r#"{{{time},"analyses":{{"a":{{"analysis_type":"funnel"}}}}}}"#), "InvalidParameterError", "funnel"),
        ("multi_analysis", format!(r#"{{{time},"analyses":{{"a":{{"analysis_type":"count"}}}},"group_by":"a"}}"#), "InvalidParameterError", "name"),
        ("funnel", "{}".to_owned(), "MissingParameterError", "steps"),
        ("funnel", r#"{"steps":[]}"#.to_owned(), "InvalidParameterError", "steps"),
        ("funnel", r#"{"steps":"x"}"#.to_owned(), "InvalidParameterError", "list"),
        ("funnel", r#"{"steps":[{}],"timeframe":"today"}"#.to_owned(), "MissingParameterError", "event_collection"),
        ("funnel", r#"{"steps":[{"event_collection":"o"}],"timeframe":"today"}"#.to_owned(), "MissingParameterError", "actor_property"),
        ("funnel", r#"{"steps":[{"event_collection":"o","actor_property":"u"}]}"#.to_owned(), "TimeframeDefinitionError", "timeframe"),
        ("funnel", r#"{"steps":[{"event_collection":"o","actor_property":"u","inverted":true}],"timeframe":"today"}"#.to_owned(), "InvalidParameterError", "inverted"),
        ("funnel", r#"{"steps":[{"event_collection":"o","actor_property":"u","optional":true}],"timeframe":"today"}"#.to_owned(), "InvalidParameterError", "optional"),
    ] {
        let (status, name, message) = refused(kind, &sent);
        let expected = if code == "ResourceNotFoundError" { 404 } else { 400 };
        assert_eq!((status, name.as_str()), (expected, code), "{kind} {sent}: {message}");
        assert!(message.contains(word), "{kind} {sent}: {message}");
    }
}

#[test]
fn the_question_is_repeated_in_the_callers_own_words() {
    let sent = object(&format!(
        r#"{{"event_collection":"orders",{TF},"group_by":"sku","timezone":0,"api_key":"secret","nonsense":1,"interval":null}}"#
    ));
    let question = Question::read("count", &sent).expect("a question");
    assert_eq!(
        model::json::to_text(&question.echo.into()),
        format!(
            r#"{{"analysis_type":"count","event_collection":"orders",{TF},"timezone":0,"group_by":"sku"}}"#
        )
    );
}
