//! What is shown once: the secret for the app, as a picture and as text, and
//! the recovery codes.

use askama::Template;
use axum::response::Response;
use control::Shown;
use http::StatusCode;
use model::people::PersonRecord;
use qrcode::{Color, EcLevel, QrCode};

use super::forms::Fields;
use super::frame::{Frame, page};
use crate::error::ApiError;

/// What the page is called.
pub(super) const TITLE: &str = "Keep your secret and your codes";

/// Empty modules around a code, as its readers ask for.
const QUIET: usize = 4;

#[derive(Template)]
#[template(path = "console/once.html")]
pub(super) struct Page {
    pub(super) frame: Frame,
    pub(super) sign_in: String,
    pub(super) address: String,
    pub(super) secret: Vec<String>,
    pub(super) picture: Picture,
    pub(super) codes: Vec<Vec<String>>,
    /// Whether it is a step of setting the server up.
    pub(super) is_first: bool,
    /// For somebody who signed in already: what confirms them.
    pub(super) confirm: Option<Fields>,
}

/// A QR code as the path of a picture.
pub(super) struct Picture {
    pub(super) size: usize,
    pub(super) path: String,
}

impl Picture {
    /// The picture of this text; `None` for one that is too long for any.
    pub(super) fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let colors = code.to_colors();
        let mut path = String::new();
        for (y, row) in colors.chunks(width).enumerate() {
            let mut x = 0;
            while x < width {
                let run = row[x..].iter().take_while(|color| **color == Color::Dark);
                let run = run.count();
                if run > 0 {
                    let (left, top) = (x + QUIET, y + QUIET);
                    path.push_str(&format!("M{left} {top}h{run}v1h-{run}z"));
                }
                x += run.max(1);
            }
        }
        Some(Self {
            size: width + 2 * QUIET,
            path,
        })
    }
}

/// The page that shows them.
///
/// # Errors
/// A failure of ours.
pub(super) fn show(
    frame: Frame,
    person: &PersonRecord,
    shown: &Shown,
) -> Result<Response, ApiError> {
    show_in(frame, (person, shown), false)
}

/// The same to the first owner, for whom it is a step of setting the server up.
///
/// # Errors
/// As [`show`].
pub(super) fn show_first(person: &PersonRecord, shown: &Shown) -> Result<Response, ApiError> {
    show_in(Frame::bare(TITLE), (person, shown), true)
}

fn show_in(
    frame: Frame,
    (person, shown): (&PersonRecord, &Shown),
    is_first: bool,
) -> Result<Response, ApiError> {
    let sign_in = &person.parts().sign_in;
    let address = shown.totp.address(sign_in);
    let picture = Picture::of(&address).ok_or_else(|| ApiError::internal("a long address"))?;
    let secret = shown.totp.reveal();
    let codes = shown.recovery.iter().map(|code| in_groups(code.reveal()));
    let confirm = frame.who.is_some().then(Fields::blank);
    let shown = Page {
        is_first,
        frame,
        sign_in: sign_in.to_string(),
        address: address.to_string(),
        secret: in_groups(&secret),
        picture,
        codes: codes.collect(),
        confirm,
    };
    page(StatusCode::OK, &shown)
}

/// A long text in groups of four, which people can type.
fn in_groups(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect()
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    let page = Page {
        frame: super::samples::frame(text),
        sign_in: text.to_owned(),
        address: format!("otpauth://totp/{text}"),
        secret: vec![text.to_owned()],
        picture: Picture {
            size: 1,
            path: text.to_owned(),
        },
        codes: vec![vec![text.to_owned()]],
        is_first: true,
        confirm: Some(super::samples::form(text, &["code"])),
    };
    vec![super::samples::sample("once.html", &page)]
}
