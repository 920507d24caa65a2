//! For how long what is handed over lies in memory: whether or not another form
//! comes, a timer lets it go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::time::Timestamp;

use super::{Handing, KEPT_MAX, TOLD, WAITS, lock};

pub(super) fn is_within(since: Timestamp, period: Duration, now: Timestamp) -> bool {
    now < since.checked_add(period).unwrap_or(Timestamp::MAX)
}

/// Makes room for one more, and lets those go that are too old.
pub(super) fn make_room<K: Clone + Eq + std::hash::Hash, V>(
    kept: &mut HashMap<K, V>,
    since: impl Fn(&V) -> Timestamp,
    (period, now): (Duration, Timestamp),
) {
    kept.retain(|_, one| is_within(since(one), period, now));
    if kept.len() >= KEPT_MAX {
        let oldest = kept.iter().min_by_key(|(_, one)| since(one));
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            kept.remove(&oldest);
        }
    }
}

impl Handing {
    /// Lets go of pages that nobody fetched within their minute, and of answers
    /// with the cookies in them. For a timer.
    pub(crate) fn let_go(&self, now: Timestamp) {
        lock(&self.forms).retain(|_, form| {
            // Another one like the form that is being carried out waits for it.
            let is_under_way = Arc::strong_count(&form.answer) > 1;
            is_under_way || is_within(form.came_at, WAITS, now)
        });
        let mut pages = lock(&self.pages);
        pages.retain(|_, page| is_within(page.made_at, TOLD, now));
        for page in pages.values_mut() {
            if !is_within(page.made_at, WAITS, now) {
                page.first = None;
            }
        }
    }

    /// How many answers with a cookie are kept, and pages that nobody has seen.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        let forms = lock(&self.forms);
        let with_cookie = forms.values().filter(|form| {
            let answer = form.answer.try_lock();
            answer.is_ok_and(|answer| answer.as_ref().is_some_and(|one| one.cookie.is_some()))
        });
        let pages = lock(&self.pages);
        let unseen = pages.values().filter(|page| page.first.is_some());
        (with_cookie.count(), unseen.count())
    }
}
