//! Long lists, a page at a time.

use super::frame::address;
use super::visitor::InProject;
use crate::input::Parameters;

/// The parameter that says which page.
pub(super) const PAGE: &str = "page";
/// Items of a page.
const ITEMS: usize = 50;

/// A page of a list.
pub(super) struct Paged<T> {
    pub(super) items: Vec<T>,
    pub(super) ways: Ways,
}

/// Where the pages beside this one are.
#[derive(Default)]
pub(super) struct Ways {
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// `51 to 100 of 120`; empty where one page holds all.
    pub(super) place: String,
}

/// The page of a list that a request asks for; `below` is the address of the
/// list below the project's.
pub(super) fn page<T>(
    all: Vec<T>,
    (here, below): (&InProject, &str),
    parameters: &Parameters,
) -> Paged<T> {
    let project = &here.definitions.project().name;
    let number = parameters.get(PAGE).and_then(|number| number.parse().ok());
    cut(all, number.unwrap_or(1), &address(project, below))
}

fn cut<T>(all: Vec<T>, number: usize, own: &str) -> Paged<T> {
    let count = all.len();
    let last = count.div_ceil(ITEMS).max(1);
    let number = number.clamp(1, last);
    let first = (number - 1) * ITEMS;
    let items: Vec<T> = all.into_iter().skip(first).take(ITEMS).collect();
    let to = |number: usize| format!("{own}?{PAGE}={number}");
    let place = match last {
        1 => String::new(),
        _ => format!("{} to {} of {count}", first + 1, first + items.len()),
    };
    Paged {
        items,
        ways: Ways {
            before: (number > 1).then(|| to(number - 1)),
            after: (number < last).then(|| to(number + 1)),
            place,
        },
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Ways {
    Ways {
        before: Some(address(text, "/x")),
        after: Some(address(text, "/x")),
        place: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(count: usize, number: usize) -> (usize, Option<String>, Option<String>, String) {
        let Paged { items, ways } = cut((0..count).collect(), number, "/own");
        (items.len(), ways.before, ways.after, ways.place)
    }

    #[test]
    fn every_item_is_on_one_page_and_no_page_is_empty() {
        assert_eq!(told(0, 1), (0, None, None, String::new()));
        assert_eq!(told(50, 7), (50, None, None, String::new()));
        let to = |number: usize| Some(format!("/own?page={number}"));
        assert_eq!(told(51, 1), (50, None, to(2), "1 to 50 of 51".to_owned()));
        assert_eq!(told(51, 2), (1, to(1), None, "51 to 51 of 51".to_owned()));
        assert_eq!(told(51, usize::MAX), told(51, 2));
        for count in 0..300_usize {
            let pages = count.div_ceil(ITEMS).max(1);
            let seen: usize = (1..=pages).map(|number| told(count, number).0).sum();
            assert_eq!(seen, count);
        }
    }
}
