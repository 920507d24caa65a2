//! The token that a client command presents, and the places it comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::HeaderValue;

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
    #[error("TIDEGATE_TOKEN_COMMAND {0}")]
    Command(String),
}

/// Where to look, in this order.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenPlaces {
    /// `--token-file`.
    pub(crate) file: Option<PathBuf>,
    /// `TIDEGATE_TOKEN`.
    pub(crate) variable: Option<Token>,
    /// `TIDEGATE_TOKEN_COMMAND`.
    pub(crate) command: Option<String>,
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
    /// When `TIDEGATE_TOKEN` holds no token.
    pub(crate) fn gather(
        file: Option<PathBuf>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, TokenError> {
        let variable = environment("TIDEGATE_TOKEN").filter(|text| !text.is_empty());
        Ok(Self {
            variable: variable
                .filter(|_| file.is_none())
                .map(|text| Token::new(&text, "TIDEGATE_TOKEN"))
                .transpose()?,
            file,
            command: environment("TIDEGATE_TOKEN_COMMAND").filter(|text| !text.is_empty()),
        })
    }

    /// The token of the first place that is named; `None` when none is.
    ///
    /// # Errors
    /// When the first named place gives no token; later places are not tried.
    pub(crate) fn find(&self) -> Result<Option<FoundToken>, TokenError> {
        if let Some(path) = &self.file {
            return read_file(path).map(Some);
        }
        let token = match (&self.variable, &self.command) {
            (Some(token), _) => token.clone(),
            (None, Some(command)) => run_command(command)?,
            (None, None) => return Ok(None),
        };
        Ok(Some(FoundToken {
            token,
            warning: None,
        }))
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

/// The first line that the command writes. Its standard error stays the
/// terminal's, so that a password manager can ask.
fn run_command(command: &str) -> Result<Token, TokenError> {
    let output = Command::new("sh")
        .args(["-c", command])
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
        "the first line of TIDEGATE_TOKEN_COMMAND",
    )
}
