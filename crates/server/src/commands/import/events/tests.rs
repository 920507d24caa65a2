use std::collections::VecDeque;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::lines::BUFFER_BYTES;
use super::*;

/// A reader of a text that comes in pieces of one byte.
struct Drops(VecDeque<u8>);

impl Read for Drops {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let byte = self.0.pop_front();
        if let (Some(byte), Some(place)) = (byte, buffer.first_mut()) {
            *place = byte;
        }
        Ok(usize::from(byte.is_some()))
    }
}

fn reader(input: Box<dyn Read>, are_lines: bool) -> EventReader {
    EventReader::new(input, Arc::default(), are_lines).expect("a reader")
}

fn read(mut reader: EventReader) -> (Vec<RawRecord>, Option<String>) {
    let mut records = Vec::new();
    loop {
        match reader.next_event() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error.to_string())),
        }
    }
}

fn events(text: &str) -> (Vec<RawRecord>, Option<String>) {
    let whole = read(reader(Box::new(io::Cursor::new(text.to_owned())), false));
    let drops = Drops(text.bytes().collect());
    assert_eq!(whole, read(reader(Box::new(drops), false)), "{text}");
    whole
}

fn event(n: u64) -> Value {
    let text = "] } , \" \\ \u{1f600} {[ \n";
    json!({ "n": n, text: [text, { "deep": [[], {}, null, -1.5e-7, true] }],
        "keen": { "timestamp": "2024-03-04T09:00:00.000Z", "id": "a" } })
}

/// The events as they were sent, numbered.
#[track_caller]
fn assert_events(text: &str, count: u64) {
    let (records, error) = events(text);
    assert_eq!(error, None, "{text}");
    assert_eq!(records.len() as u64, count, "{text}");
    for (record, n) in records.iter().zip(1..) {
        let sent = record.text.as_ref().expect("an event");
        assert!(!sent.contains(&b'\n'), "one line");
        assert_eq!(
            serde_json::from_slice::<Value>(sent).expect("JSON"),
            event(n)
        );
        assert_eq!(record.line, n);
    }
}

#[test]
fn every_form_of_an_export_is_read() {
    let list = json!([event(1), event(2), event(3)]);
    let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("text");
    let extraction = json!({ "query": { "analysis_type": "extraction", "steps": [{}] }, "result": list,
        "execution_metadata": { "events_scanned": 3 } });
    let lines = format!("{}\r\n\n{}\n{}", event(1), event(2), event(3));
    for text in [
        list.to_string(),
        pretty(&list),
        extraction.to_string(),
        pretty(&extraction).replace('\n', "\r\n"),
        json!({ "result": list }).to_string(),
        format!("\u{feff} \n{lines}\n"),
        lines.clone(),
        format!(
            "[]{}\n{{\"result\":[]}}[{},{}]",
            json!([event(1)]),
            event(2),
            event(3)
        ),
        format!("[{}]\n{}\n{}", event(1), event(2), event(3)),
    ] {
        assert_events(&text, 3);
    }
    for empty in ["", " \n", "[]", "[ ]", "{\"result\": []}"] {
        assert_eq!(events(empty), (Vec::new(), None), "{empty}");
    }
}

#[test]
fn what_is_no_event_is_named_and_the_others_are_read() {
    let good = event(1);
    let no_time = "has no keen.timestamp";
    let cases = [
        ("{}", no_time),
        ("{\"keen\":{}}", no_time),
        ("{\"keen\":{\"timestamp\":null}}", no_time),
        (
            "{\"keen\":5}",
            "no event in JSON: invalid type: integer `5`",
        ),
        ("5", "no event in JSON"),
        ("\"text\"", "no event in JSON"),
        (
            "{\"keen\":{\"timestamp\":1},}",
            "no event in JSON: trailing comma",
        ),
        (
            "{\"a\":\"tab\tin it\",\"keen\":{\"timestamp\":1}}",
            "no event in JSON: control character",
        ),
        (
            "{\"keen\":{\"timestamp\":1},\"keen\":{\"timestamp\":2}}",
            "duplicate field",
        ),
        ("nul", "no event in JSON"),
    ];
    for (bad, rule) in cases {
        let forms = [
            (format!("[\n{good},\n {bad},{good}]"), 3),
            (format!("{{\"result\":[{good},{bad} , {good}]}}"), 1),
            (format!("{good}\n{bad}\n{good}\n"), 2),
        ];
        for (text, line) in forms {
            let (records, error) = events(&text);
            assert_eq!((records.len(), error), (3, None), "{text}");
            assert_eq!(
                [records[0].line, records[1].line, records[2].line],
                [1, 2, 3]
            );
            assert!(records[0].text.is_ok() && records[2].text.is_ok(), "{text}");
            let told = records[1].text.as_ref().expect_err("no event");
            assert!(told.contains(rule), "{told} for {bad}");
            assert!(
                told.starts_with(&format!("line {line}: ")),
                "{told} in {text}"
            );
        }
    }
    // A line end within a text would make two records of one.
    let (records, _) = events("[{\"a\":\"x\ny\",\"keen\":{\"timestamp\":1}}]");
    assert!(records[0].text.is_err(), "{records:?}");
}

#[test]
fn broken_lists_name_the_place_and_nothing_is_read_beyond_it() {
    let good = event(1);
    let cases = [
        (
            format!("[{good}"),
            1,
            "line 1, after event 1: neither a comma",
        ),
        (
            format!("[{good},"),
            1,
            "event 2, from line 1 on: nothing stands",
        ),
        (format!("[{good},]"), 1, "nothing stands"),
        (format!("[{good},,{good}]"), 1, "nothing stands"),
        (
            format!("[,{good}]"),
            0,
            "event 1, from line 1 on: nothing stands",
        ),
        (
            format!("[\n{good}\n{good}]"),
            1,
            "line 3, after event 1: neither a comma",
        ),
        (
            format!("[\n{good},\n{{\"a\":[1}}]"),
            1,
            "event 2, from line 3 on: } stands where ] is missing",
        ),
        (
            format!("[\n{good},\n{{\"a\":\"1}}]"),
            1,
            "the text ends within it",
        ),
        (format!("[{good}}}"), 1, "neither a comma"),
        (
            format!("{{\"result\":[{good}]"),
            1,
            "line 1, after event 1: the extraction does not end behind its list",
        ),
        (
            format!("{{\"result\":[{good}],\"keen\":{{\"timestamp\":1}}}}"),
            1,
            "give --format ndjson",
        ),
        (format!("[{good}] what"), 1, "line 1: neither an extraction"),
        ("a,b\n1,2\n".to_owned(), 0, "line 1: neither an extraction"),
        (
            format!("[\"{}\"]", "x".repeat(17 << 20)),
            0,
            "more than 16777216 bytes",
        ),
    ];
    for (text, count, rule) in cases {
        let (records, error) = read(reader(Box::new(io::Cursor::new(text.clone())), false));
        let shown = &text[..text.len().min(200)];
        assert_eq!(records.len(), count, "{shown}");
        let error = error.unwrap_or_else(|| panic!("an error in {shown}"));
        assert!(error.contains(rule), "{error} for {shown}");
    }
    // Told to be lines, an event may begin with a list called result.
    let line = "{\"result\":[{\"keen\":{\"timestamp\":2}}],\"keen\":{\"timestamp\":1}}\n";
    let (records, error) = read(reader(Box::new(io::Cursor::new(line)), true));
    assert_eq!((records.len(), error), (1, None));
    assert!(records[0].text.is_ok(), "{records:?}");
}

#[test]
fn an_export_that_was_cut_off_is_never_taken_for_a_whole_one() {
    let list = json!([event(1), event(2)]);
    for text in [
        list.to_string(),
        json!({ "result": list, "query": { "a": [1] } }).to_string(),
    ] {
        for end in (1..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let (records, error) = events(&text[..end]);
            let has_fault = records.iter().any(|record| record.text.is_err());
            assert!(error.is_some() || has_fault, "{}", &text[..end]);
        }
    }
}

/// A list without end, which counts what is read of it.
struct Endless {
    ahead: VecDeque<u8>,
    count: Arc<AtomicU64>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ahead.len() < buffer.len() {
            let mut text = String::new();
            writeln!(text, "{},", event(1)).expect("in memory");
            self.ahead.extend(text.as_bytes());
        }
        let read = self.ahead.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[test]
fn a_list_is_read_no_further_than_its_next_event() {
    for start in ["[", "{\"result\":[", "{\"query\":{},\"result\":[ "] {
        let count = Arc::new(AtomicU64::new(0));
        let endless = Endless {
            ahead: start.bytes().collect(),
            count: Arc::clone(&count),
        };
        let mut reader = reader(Box::new(endless), false);
        let mut taken = 0;
        while taken < 4 << 20 {
            let record = reader.next_event().expect("read").expect("an event");
            taken += record.text.expect("an event").len() as u64;
            let ahead = count.load(Ordering::Relaxed) - taken.min(count.load(Ordering::Relaxed));
            // Spaces and commas are not taken, so the count runs ahead by them.
            let most = 2 * BUFFER_BYTES as u64 + taken / 50;
            assert!(ahead < most, "{ahead} bytes ahead of {taken}");
        }
    }
}
