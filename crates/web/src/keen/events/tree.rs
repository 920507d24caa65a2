//! Looking into nested objects and changing them by dotted paths.

use model::names::FieldPath;
use model::value::{Object, Value};

/// The value at a dotted path.
pub(crate) fn at<'v>(object: &'v Object, path: &str) -> Option<&'v Value> {
    let (parents, last) = path
        .rsplit_once('.')
        .map_or((None, path), |(parents, last)| (Some(parents), last));
    let mut object = object;
    for name in parents.into_iter().flat_map(|parents| parents.split('.')) {
        object = object.get(name)?.as_object()?;
    }
    object.get(last)
}

/// The object without what is at a dotted path. What is left empty above it
/// goes, too.
pub(crate) fn without(object: Object, path: &str) -> Object {
    let (name, rest) = split(path);
    change(object, name, |found| match (found, rest) {
        (Some(Value::Object(inner)), Some(rest)) => {
            let left = without(inner, rest);
            (!left.is_empty()).then_some(Value::Object(left))
        }
        (_, None) => None,
        (found, Some(_)) => found,
    })
}

/// The object with this value at a dotted path. What stood there or, being no
/// object, above it gives way.
pub(crate) fn with(object: Object, path: &str, value: Value) -> Object {
    let (name, rest) = split(path);
    change(object, name, |found| {
        let Some(rest) = rest else {
            return Some(value);
        };
        let inner = match found {
            Some(Value::Object(inner)) => inner,
            _ => Object::new(),
        };
        Some(Value::Object(with(inner, rest, value)))
    })
}

/// The object with the members of another one at a dotted path; of two values
/// the new one stays, of two objects the members of both. Where something
/// else than an object stands in the way, nothing is added, and neither is
/// what no record could hold under its path.
pub(crate) fn merged(object: Object, path: &str, addition: Object) -> Object {
    let depth = path.split('.').count();
    let is_in_the_way = (1..=depth).any(|depth| {
        let above: Vec<&str> = path.split('.').take(depth).collect();
        let found = at(&object, &above.join("."));
        found.is_some_and(|found| !matches!(found, Value::Object(_) | Value::Null))
    });
    if is_in_the_way {
        return object;
    }
    leaves(addition, path.to_owned())
        .into_iter()
        .filter(|(path, _)| FieldPath::parse(path).is_ok())
        .fold(object, |object, (path, value)| with(object, &path, value))
}

fn leaves(object: Object, path: String) -> Vec<(String, Value)> {
    let members = object.into_members().into_iter();
    let members = members.filter(|(name, _)| !name.contains('.'));
    members
        .flat_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match value {
                Value::Object(inner) => leaves(inner, path),
                value => vec![(path, value)],
            }
        })
        .collect()
}

fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)))
}

/// The object after one member became what `change` makes of it.
fn change(
    object: Object,
    name: &str,
    change: impl FnOnce(Option<Value>) -> Option<Value>,
) -> Object {
    let mut members = object.into_members();
    let place = members.iter().position(|(member, _)| member == name);
    let found = place.map(|place| std::mem::replace(&mut members[place].1, Value::Null));
    match (place, change(found)) {
        (Some(place), Some(value)) => members[place].1 = value,
        (Some(place), None) => {
            members.remove(place);
        }
        (None, Some(value)) => members.push((name.to_owned(), value)),
        (None, None) => {}
    }
    Object::from_members(members).expect("a member is added under a new name alone")
}

#[cfg(test)]
mod tests;
