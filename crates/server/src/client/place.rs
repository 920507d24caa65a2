//! Places of secrets, as arguments name them: where a command's own token
//! comes from, and where a new one goes.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A place of one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `file:PATH`.
    File(PathBuf),
    /// `command:COMMAND`, a command for `sh`.
    Command(String),
    /// `vault:PATH#FIELD`.
    Vault(VaultPath),
}

/// A field of a secret in a KV engine (version 2) of HashiCorp Vault or
/// OpenBao. Which part of the path is the engine's, the server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VaultPath {
    /// Segments, the first of the engine; at least two.
    segments: Vec<String>,
    field: String,
}

/// What a place looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceError {
    /// No known kind of place.
    #[error("a place is file:PATH, command:COMMAND or vault:PATH#FIELD")]
    Kind,
    /// Nothing after the kind.
    #[error("what the place is stands after the colon")]
    Empty,
    /// No field of a path.
    #[error(
        "vault:PATH#FIELD names the engine, the path in it and the field, such as vault:secret/ada#token"
    )]
    Vault,
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (kind, rest) = text.split_once(':').ok_or(PlaceError::Kind)?;
        match kind {
            "file" | "command" | "vault" if rest.trim().is_empty() => Err(PlaceError::Empty),
            "file" => Ok(Self::File(rest.into())),
            "command" => Ok(Self::Command(rest.to_owned())),
            "vault" => VaultPath::parse(rest).map(Self::Vault),
            _ => Err(PlaceError::Kind),
        }
    }
}

impl VaultPath {
    fn parse(text: &str) -> Result<Self, PlaceError> {
        let (path, field) = text.split_once('#').ok_or(PlaceError::Vault)?;
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        let is_plain = |part: &str| {
            let is_named = !part.is_empty() && part != "." && part != "..";
            is_named && !part.chars().any(char::is_control)
        };
        let is_path = segments.len() >= 2 && segments.iter().all(|part| is_plain(part));
        match is_path && is_plain(field) && !field.contains('#') {
            true => Ok(Self {
                segments,
                field: field.to_owned(),
            }),
            false => Err(PlaceError::Vault),
        }
    }

    /// The segments of the path, that of the engine first.
    pub(super) fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The field.
    pub(super) fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vault:{}#{}", self.segments.join("/"), self.field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_one_form_each() {
        let place = |text: &str| text.parse::<Place>();
        assert_eq!(place("file:a:b"), Ok(Place::File("a:b".into())));
        let command = "vault kv put secret/a token=-";
        assert_eq!(
            place(&format!("command:{command}")),
            Ok(Place::Command(command.to_owned()))
        );
        for text in ["vault:secret/ada#token", "vault:team/kv/a b/c#v.x"] {
            let Ok(Place::Vault(path)) = place(text) else {
                panic!("{text}")
            };
            assert_eq!(path.to_string(), text);
        }
        for (text, error) in [
            ("", PlaceError::Kind),
            ("token", PlaceError::Kind),
            ("http://a", PlaceError::Kind),
            ("tg_sk_abc", PlaceError::Kind),
            ("file:", PlaceError::Empty),
            ("command: ", PlaceError::Empty),
            ("vault:", PlaceError::Empty),
            ("vault:secret/ada", PlaceError::Vault),
            ("vault:secret#token", PlaceError::Vault),
            ("vault:secret/ada#", PlaceError::Vault),
            ("vault:/secret/ada#token", PlaceError::Vault),
            ("vault:secret/ada/#token", PlaceError::Vault),
            ("vault:secret//ada#token", PlaceError::Vault),
            ("vault:secret/../sys#token", PlaceError::Vault),
            ("vault:secret/ada#a#b", PlaceError::Vault),
        ] {
            assert_eq!(place(text), Err(error), "{text}");
        }
    }
}
