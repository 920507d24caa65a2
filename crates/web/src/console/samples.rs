//! Every page with one text wherever it shows a text, for tests.

use askama::Template;

use super::forms::Fields;
use super::frame::{Frame, Here, Link, Who, address};
use super::times::Moment;
use super::{
    account, again, audit, errors, explore, first, handing, home, join, keys, once, people, pools,
    saved, settings, sign_in, usage, views,
};

/// A page: the file of its template, and what it says.
pub(super) type Sample = (&'static str, String);

/// The file of each template, and its page with this text.
pub(super) fn all(text: &str) -> Vec<Sample> {
    let modules = [
        account::sample,
        again::sample,
        audit::sample,
        errors::sample,
        explore::sample,
        first::sample,
        handing::sample,
        home::sample,
        join::sample,
        keys::sample,
        once::sample,
        people::sample,
        pools::sample,
        saved::sample,
        settings::sample,
        sign_in::sample,
        usage::sample,
        views::sample,
    ];
    modules.iter().flat_map(|sample| sample(text)).collect()
}

/// The page of this template.
pub(super) fn sample(file: &'static str, page: &impl Template) -> Sample {
    (file, page.render().expect("a page"))
}

/// Around a page of somebody who is signed in.
pub(super) fn frame(text: &str) -> Frame {
    let link = || Link {
        label: text.to_owned(),
        href: address(text, "/x"),
        is_here: true,
    };
    Frame {
        title: text.to_owned(),
        who: Some(Who {
            name: text.to_owned(),
            token: text.to_owned(),
            form_token: text.to_owned(),
            is_in_account: true,
            project: Some(Here {
                name: text.to_owned(),
                role: "owner",
                entries: vec![link()],
            }),
            projects: vec![link(), link()],
        }),
        ..Frame::bare("")
    }
}

/// A form in which everything is wrong.
pub(super) fn form(text: &str, names: &[&'static str]) -> Fields {
    let mut blank = Fields::blank();
    blank.error = Some(text.to_owned());
    blank.needs_code = true;
    names
        .iter()
        .fold(blank, |form, name| form.with(name, text).broken(name, text))
}

/// A moment that says this.
pub(super) fn moment(text: &str) -> Moment {
    Moment {
        iso: text.to_owned(),
        text: text.to_owned(),
    }
}
