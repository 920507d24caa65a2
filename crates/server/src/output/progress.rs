//! Progress on standard error; nothing is drawn when it is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `total` bytes, with rate and time left.
pub(crate) fn bytes(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    bar.set_style(
        style("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left, {msg}")
            .progress_chars("=> "),
    );
    bar
}

/// A running count of bytes whose end is not known.
pub(crate) fn open_ended() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(style("{spinner} {bytes} {bytes_per_sec}, {msg}"));
    bar
}

/// A bar over `total` things.
pub(crate) fn count(total: u64, things: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = format!("{{bar:30}} {{human_pos}}/{{human_len}} {things} {{per_sec}}, {{msg}}");
    bar.set_style(style(&template).progress_chars("=> "));
    bar
}

/// A running count of rows whose end is not known.
pub(crate) fn rows() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(style("{spinner} {human_pos} rows {per_sec}"));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant of this file")
}
