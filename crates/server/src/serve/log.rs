//! The log goes to standard error, in lines.

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, ServeSettings};

/// Starts the log as the settings say; a second start changes nothing.
pub(super) fn start(settings: &ServeSettings) {
    let filter = EnvFilter::new(settings.log_level.name());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let _ = match settings.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
