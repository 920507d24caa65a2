//! `tidegate.toml`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use super::{ConfigError, NAMES};

/// The file that is read when none is named and it is there.
const DEFAULT_FILE: &str = "tidegate.toml";

/// The settings of one file, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileSettings {
    origin: String,
    values: BTreeMap<String, Vec<String>>,
}

impl FileSettings {
    /// Reads the named file; without one, `tidegate.toml` in the working
    /// directory if it is there. Paths in a file mean what they would mean on
    /// the command line.
    ///
    /// # Errors
    /// When a named file cannot be read, or a file breaks [`FileSettings::parse`].
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&path.display().to_string(), &text),
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(ConfigError::new(format!(
                "{} cannot be read: {error}",
                path.display()
            ))),
        }
    }

    /// Reads the text of a file; `origin` names it in messages.
    ///
    /// # Errors
    /// When the text is not TOML, a name is not known, or a value is neither
    /// text, a whole number nor a list of texts.
    pub(crate) fn parse(origin: &str, text: &str) -> Result<Self, ConfigError> {
        let refuse = |rule: String| ConfigError::new(format!("{origin}: {rule}"));
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| refuse(error.to_string().trim_end().to_owned()))?;
        let mut values = BTreeMap::new();
        for (name, value) in table {
            if !NAMES.contains(&name.as_str()) {
                let known = NAMES.join(", ");
                return Err(refuse(format!(
                    "`{name}` is not a setting; there are {known}"
                )));
            }
            let texts = texts(&value).ok_or_else(|| {
                refuse(format!(
                    "{name}: a setting is text, a whole number or a list of texts"
                ))
            })?;
            values.insert(name, texts);
        }
        Ok(Self {
            origin: origin.to_owned(),
            values,
        })
    }

    /// What the file is called in messages.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The values of a setting.
    pub(super) fn get(&self, name: &str) -> Option<&[String]> {
        self.values.get(name).map(Vec::as_slice)
    }
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    let text = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        toml::Value::Array(values) => values.iter().map(text).collect(),
        one => text(one).map(|text| vec![text]),
    }
}
