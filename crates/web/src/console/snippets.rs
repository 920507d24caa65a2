//! Lines to copy into a program: in a shell, in JavaScript, in Python.

use model::fields::{FieldType, ScalarType};
use model::pools::Schema;
use model::value::{Object, Value};

use super::frame::segment;

/// Lines in one language.
pub(super) struct Snippet {
    pub(super) language: &'static str,
    pub(super) text: String,
}

/// A record that a pool of this schema takes.
pub(super) fn record(schema: &Schema) -> Value {
    let mut record = Object::new();
    for field in schema.declared() {
        let value = match field.field_type {
            FieldType::Scalar(scalar) => example(scalar),
            FieldType::Array(scalar) => Value::Array(vec![example(scalar)]),
        };
        record = nested(record, field.path.as_str(), value);
    }
    match record.is_empty() {
        true => Value::Object(Object::new().with("page", "/").with("seconds", 12)),
        false => Value::Object(record),
    }
}

fn nested(record: Object, path: &str, value: Value) -> Object {
    let Some((first, rest)) = path.split_once('.') else {
        return record.with(path, value);
    };
    let (mut members, mut inner) = (Vec::new(), Object::new());
    for (name, value) in record.into_members() {
        match value {
            Value::Object(object) if name == first => inner = object,
            value => members.push((name, value)),
        }
    }
    let record = members.into_iter();
    let record = record.fold(Object::new(), |all, (name, value)| all.with(name, value));
    record.with(first, nested(inner, rest, value))
}

fn example(scalar: ScalarType) -> Value {
    match scalar {
        ScalarType::String => Value::from("text"),
        ScalarType::Boolean => Value::Boolean(true),
        ScalarType::Date => Value::from("2026-05-31"),
        ScalarType::DateTime => Value::from("2026-05-31T12:00:00Z"),
        ScalarType::Uuid => Value::from("018f6e2a-7c00-7000-8000-000000000000"),
        ScalarType::Float32 | ScalarType::Float64 => Value::Float(1.5),
        _ => Value::from(1_u64),
    }
}

/// A call that sends JSON to this path.
pub(super) fn sending(path: &str, body: &Value) -> Vec<Snippet> {
    let json = model::json::to_text(body);
    // A quote of the shell inside of quotes.
    let quoted = json.replace('\'', "'\\''");
    let shell = format!(
        "curl -sS \"$TIDEGATE_URL{path}\" \\\n  -H \"Authorization: Bearer $TIDEGATE_TOKEN\" \\\n  \
         -H 'Content-Type: application/json' \\\n  -d '{quoted}'"
    );
    let script = format!(
        "const answer = await fetch(`${{process.env.TIDEGATE_URL}}{path}`, {{\n  method: 'POST',\n  \
         headers: {{\n    'Authorization': `Bearer ${{process.env.TIDEGATE_TOKEN}}`,\n    \
         'Content-Type': 'application/json',\n  }},\n  body: JSON.stringify({json}),\n}});\n\
         console.log(answer.status, await answer.json());"
    );
    // A text of JSON is one of Python, too.
    let literal = model::json::to_text(&Value::from(json.as_str()));
    let python = format!(
        "import json, os, urllib.request\n\nrequest = urllib.request.Request(\n    \
         os.environ[\"TIDEGATE_URL\"] + \"{path}\",\n    \
         data=json.dumps(json.loads({literal})).encode(),\n    \
         headers={{\n        \"Authorization\": \"Bearer \" + os.environ[\"TIDEGATE_TOKEN\"],\n        \
         \"Content-Type\": \"application/json\",\n    }},\n)\n\
         print(json.load(urllib.request.urlopen(request)))"
    );
    three(shell, script, python)
}

/// A call that reads this path.
pub(super) fn reading(path: &str) -> Vec<Snippet> {
    let shell = format!(
        "curl -sS \"$TIDEGATE_URL{path}\" \\\n  -H \"Authorization: Bearer $TIDEGATE_TOKEN\""
    );
    let script = format!(
        "const answer = await fetch(`${{process.env.TIDEGATE_URL}}{path}`, {{\n  \
         headers: {{ 'Authorization': `Bearer ${{process.env.TIDEGATE_TOKEN}}` }},\n}});\n\
         console.log(await answer.json());"
    );
    let python = format!(
        "import json, os, urllib.request\n\nrequest = urllib.request.Request(\n    \
         os.environ[\"TIDEGATE_URL\"] + \"{path}\",\n    \
         headers={{\"Authorization\": \"Bearer \" + os.environ[\"TIDEGATE_TOKEN\"]}},\n)\n\
         print(json.load(urllib.request.urlopen(request)))"
    );
    three(shell, script, python)
}

fn three(shell: String, script: String, python: String) -> Vec<Snippet> {
    let all = [("curl", shell), ("JavaScript", script), ("Python", python)];
    let all = all.into_iter();
    all.map(|(language, text)| Snippet { language, text })
        .collect()
}

/// The path of a call about something that has a name.
pub(super) fn path(before: &str, name: &str, behind: &str) -> String {
    format!("/v1/{before}/{}{behind}", segment(name))
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<Snippet> {
    vec![Snippet {
        language: "curl",
        text: text.to_owned(),
    }]
}

#[cfg(test)]
mod tests;
