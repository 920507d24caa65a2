//! The token that a client command presents, and the places it comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::HeaderValue;
use model::secrets::Secret;

use super::place::Place;
use super::vault::{Vault, VaultError};

/// The variable that holds a command's own token, which no program that it
/// starts is given.
pub(crate) const OWN_TOKEN: &str = "TIDEGATE_TOKEN";

/// The token of a key. It shows itself nowhere but in the request's header.
#[derive(Clone)]
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Why there is no token to use. No message repeats what was found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The text cannot be a token.
    #[error("{0} does not hold a token: a token is one line of printable ASCII without spaces")]
    NotAToken(String),
    /// The file cannot be read.
    #[error("the token file {} cannot be read: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// The command did not give a token.
    #[error("the command for the token {0}")]
    Command(String),
    /// A setting names no place.
    #[error("{0}")]
    Setting(String),
    /// The secret manager did not give a token.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Where to look: what is named by an argument, the variable with the token
/// itself, and what other variables name.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenPlaces {
    /// `--token-file` or `--token-from`.
    pub(crate) argument: Option<Place>,
    /// `TIDEGATE_TOKEN`.
    pub(crate) variable: Option<Token>,
    /// `TIDEGATE_TOKEN_FROM`, else `TIDEGATE_TOKEN_COMMAND`.
    pub(crate) named: Option<Place>,
}

/// A token, and what its owner should be warned of.
#[derive(Debug)]
pub(crate) struct FoundToken {
    /// The token.
    pub(crate) token: Token,
    /// A warning to print.
    pub(crate) warning: Option<String>,
}

impl Token {
    /// Takes a token's text; `place` names its origin in a refusal.
    ///
    /// # Errors
    /// When the text is empty or holds anything but printable ASCII without spaces.
    pub(crate) fn new(text: &str, place: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TokenError::NotAToken(place.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret, when this is the token of one.
    pub(crate) fn secret(&self) -> Option<Secret> {
        Secret::parse(&self.0)
    }

    /// The value of the `Authorization` header.
    pub(super) fn bearer(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))
            .expect("a token is printable ASCII");
        value.set_sensitive(true);
        value
    }
}

impl TokenPlaces {
    /// The places that flags and environment name.
    ///
    /// # Errors
    /// When `TIDEGATE_TOKEN` holds no token, or `TIDEGATE_TOKEN_FROM` names no place.
    pub(crate) fn gather(
        argument: Option<Place>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, TokenError> {
        let named = |name: &str| environment(name).filter(|text| !text.is_empty());
        if argument.is_some() {
            return Ok(Self {
                argument,
                ..Self::default()
            });
        }
        let from = named("TIDEGATE_TOKEN_FROM").map(|text| {
            let place = text.parse::<Place>();
            place.map_err(|error| TokenError::Setting(format!("TIDEGATE_TOKEN_FROM: {error}")))
        });
        let command = named("TIDEGATE_TOKEN_COMMAND").map(Place::Command);
        Ok(Self {
            argument: None,
            variable: named(OWN_TOKEN)
                .map(|text| Token::new(&text, OWN_TOKEN))
                .transpose()?,
            named: from.transpose()?.or(command),
        })
    }

    /// The token of the first place that is named; `None` when none is.
    ///
    /// # Errors
    /// When the first named place gives no token; later places are not tried.
    pub(crate) fn find(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<FoundToken>, TokenError> {
        let plain = |token: Token| FoundToken {
            token,
            warning: None,
        };
        if let (None, Some(token)) = (&self.argument, &self.variable) {
            return Ok(Some(plain(token.clone())));
        }
        match self.argument.as_ref().or(self.named.as_ref()) {
            None => Ok(None),
            Some(Place::File(path)) => read_file(path).map(Some),
            Some(Place::Command(command)) => run_command(command).map(plain).map(Some),
            Some(Place::Vault(path)) => {
                let place = Vault::gather(environment)?.find(path.clone())?;
                Ok(Some(plain(place.token()?)))
            }
        }
    }
}

fn read_file(path: &Path) -> Result<FoundToken, TokenError> {
    let told = |error| TokenError::File {
        path: path.to_owned(),
        error,
    };
    let text = std::fs::read_to_string(path).map_err(told)?;
    let mode = mode(&std::fs::metadata(path).map_err(told)?);
    let warning = (mode & 0o077 != 0).then(|| {
        format!(
            "others on this machine can read the token file {0} (mode {mode:03o}); run: chmod 600 {0}",
            path.display()
        )
    });
    let token = Token::new(&text, &format!("the token file {}", path.display()))?;
    Ok(FoundToken { token, warning })
}

fn mode(metadata: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

/// The first line that a command writes. Its standard error stays the
/// terminal's, so that a password manager can ask.
fn run_command(command: &str) -> Result<Token, TokenError> {
    let output = Command::new("sh")
        .args(["-c", command])
        .env_remove(OWN_TOKEN)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| TokenError::Command(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(TokenError::Command(format!("failed ({})", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Token::new(
        text.lines().next().unwrap_or_default(),
        "the first line of the command for the token",
    )
}
