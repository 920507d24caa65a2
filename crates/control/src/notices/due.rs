//! What a timer notes of keys, and what is told at once of their secrets.

use std::time::Duration;

use model::ids::NoticeId;
use model::keys::KeyRecord;
use model::time::Timestamp;

use super::{News, NewsOf, NoticeKind};
use crate::change::Change;
use crate::control::Control;
use crate::store::Write;

/// How long before the end of a grace its owner is told that the old secret is in use.
const GRACE_ENDS: Duration = Duration::from_secs(24 * 60 * 60);

impl Control {
    /// Notes what the clock brings: graces that are about to end while the old
    /// secret is in use, and credits that are used up. For a timer.
    pub fn note_what_is_due(&self) {
        let now = self.0.options.clock.now();
        for project in self.projects() {
            let definitions = self.definitions(project);
            for key in definitions.keys().filter(|key| !key.is_disabled()) {
                self.note_ending_grace(key, now);
                self.note_credits(key);
            }
        }
    }

    /// Tells at once that a key has no secret but one that ends.
    pub(crate) fn tell_of_last_secret(&self, change: &mut Change, key: &KeyRecord) {
        let Some((of, told)) = self.last_secret(key, change.now) else {
            return;
        };
        let notice = NoticeId::generate(change.now, &*change.random);
        let news = News::once(told, change.now);
        change.writes.push(Write::Notice(notice, of, news));
        let trim = Write::TrimNotices(change.project, change.now);
        change.writes.push(trim);
    }

    /// What is told of a key whose newest secret is gone, while one that was
    /// replaced goes on to its end.
    fn last_secret(&self, key: &KeyRecord, now: Timestamp) -> Option<(NewsOf, String)> {
        let old = key.replaced_secret()?;
        if key.current_secret().is_some() {
            return None;
        }
        let ends_at = self.secret_ends_at(old).filter(|end| *end > now)?;
        let of = NewsOf::key(key, NoticeKind::GraceEnding, format!("{} alone", old.id));
        let told = format!(
            "the secret {} is the only one left and ends at {ends_at}: the newer one was revoked by whoever had it; \
             roll the key, and ask how the newer one came into other hands",
            old.id
        );
        Some((of, told))
    }

    fn note_ending_grace(&self, key: &KeyRecord, now: Timestamp) {
        if let Some((of, told)) = self.last_secret(key, now) {
            return self.0.callers.news.note(of, now, || told);
        }
        let (Some(old), Some(new)) = (key.replaced_secret(), key.current_secret()) else {
            return;
        };
        let ends_at = self.secret_ends_at(old);
        let ends_at = ends_at.filter(|end| *end > now && end.since(now) <= GRACE_ENDS);
        let used = self.secret_last_used(old.id);
        let used = used.filter(|used| *used > new.created_at && now.since(*used) <= GRACE_ENDS);
        let (Some(ends_at), Some(used)) = (ends_at, used) else {
            return;
        };
        let of = NewsOf::key(key, NoticeKind::GraceEnding, old.id);
        self.0.callers.news.note(of, now, || {
            format!(
                "the secret {} ends at {ends_at} and was used at {used}; whoever has it must go over to the newer one",
                old.id
            )
        });
    }

    fn note_credits(&self, key: &KeyRecord) {
        for credits in self.credits_left(key) {
            // What was never to be used is not used up.
            let percent = credits.alert().filter(|_| credits.allowance.amount > 0);
            let Some(percent) = percent else {
                continue;
            };
            let (tier, resets_at) = (credits.tier.name(), credits.resets_at);
            let about = format!("{tier} {percent} {resets_at}");
            let of = NewsOf::key(key, NoticeKind::Credits, about);
            let now = self.0.options.clock.now();
            self.0.callers.news.note(of, now, || {
                let more = if percent < 100 { " or more" } else { "" };
                format!(
                    "{percent} %{more} of the {} {tier} credits are used; the next period begins at {resets_at}",
                    credits.allowance.amount
                )
            });
        }
    }
}
