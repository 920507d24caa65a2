//! Notices: what the owners of keys are told of them, kept until it is old.
//!
//! News are noted in memory, where each kind of them is counted for its key and
//! what it is about, and written down with the times of last use. What was
//! reported as leaked is written in the transaction of its quarantine.

mod due;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::{KeyId, NoticeId, ProjectId};
use model::keys::KeyRecord;
use model::limits::NEWS_WAITING_MAX;
use model::permit::{Admin, Permit};
use model::time::Timestamp;
use model::value::{Object, Value};

use crate::audit::Subject;
use crate::control::{Control, Inner};
use crate::error::ControlError;
use crate::store::{Claim, Write};
use crate::writer::in_a_task;

/// News that are written in one transaction; between two, changes get their turn.
const NEWS_PER_TRANSACTION: usize = 1_000;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// A token of the key was reported as leaked.
    Leaked,
    /// A secret that must not be in a page came from one.
    UsedFromPage,
    /// The key was used from a network that it was not used from before.
    NewNetwork,
    /// A secret is older than `rotate_after`.
    RotationDue,
    /// So much of the key's credits is used up.
    Credits,
    /// A grace is about to end, and the old secret is still in use, or is the
    /// only one that is left.
    GraceEnding,
    /// Somebody made a signing secret for the key.
    SigningSecret,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Leaked,
        Self::UsedFromPage,
        Self::NewNetwork,
        Self::RotationDue,
        Self::Credits,
        Self::GraceEnding,
        Self::SigningSecret,
    ];

    /// The kind's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leaked => "leaked",
            Self::UsedFromPage => "used_from_page",
            Self::NewNetwork => "new_network",
            Self::RotationDue => "rotation_due",
            Self::Credits => "credits",
            Self::GraceEnding => "grace_ending",
            Self::SigningSecret => "signing_secret",
        }
    }

    /// Whether it tells of a state, once, and not of something that happens
    /// again and again and is counted.
    pub(crate) fn is_of_state(self) -> bool {
        matches!(
            self,
            Self::Leaked
                | Self::RotationDue
                | Self::Credits
                | Self::GraceEnding
                | Self::SigningSecret
        )
    }

    /// The kind of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A notice as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Names it.
    pub id: NoticeId,
    /// What it is about.
    pub kind: NoticeKind,
    /// Of which key, which may be gone by now.
    pub key: KeyId,
    /// What was seen first, in a sentence. Parts of it anybody may have written.
    pub detail: String,
    /// When it was first seen.
    pub first_at: Timestamp,
    /// When it was last seen.
    pub last_at: Timestamp,
    /// How often it was seen.
    pub times: u64,
    /// When somebody said that it is dealt with.
    pub dismissed_at: Option<Timestamp>,
}

/// What makes two news the same notice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NewsOf {
    pub(crate) project: ProjectId,
    pub(crate) key: KeyId,
    pub(crate) kind: NoticeKind,
    /// The day, the secret or the period that it is about.
    pub(crate) about: String,
}

impl NewsOf {
    pub(crate) fn key(key: &KeyRecord, kind: NoticeKind, about: impl ToString) -> Self {
        Self {
            project: key.project(),
            key: key.id(),
            kind,
            about: about.to_string(),
        }
    }

    /// Of what may happen many times, by the day of UTC.
    pub(crate) fn of_day(key: &KeyRecord, kind: NoticeKind, now: Timestamp) -> Self {
        Self::key(key, kind, now.date())
    }
}

/// What was seen, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) detail: String,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) times: u64,
}

impl News {
    pub(crate) fn once(detail: String, at: Timestamp) -> Self {
        Self {
            detail,
            first: at,
            last: at,
            times: 1,
        }
    }
}

/// News that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    news: Mutex<HashMap<NewsOf, News>>,
    /// States that were noted in this run: a timer sees them again and again.
    told: Mutex<HashSet<NewsOf>>,
}

impl Waiting {
    /// Notes something. When too much is waiting, what is not counted already
    /// is left out: news of a day come again, and a state is seen again by the
    /// timer, for only what waits counts as told of.
    pub(crate) fn note(&self, of: NewsOf, at: Timestamp, detail: impl FnOnce() -> String) {
        let is_of_state = of.kind.is_of_state();
        if is_of_state && self.told().contains(&of) {
            return;
        }
        let mut waiting = self.waiting();
        if let Some(known) = waiting.get_mut(&of) {
            // Of a state others may have seen the same at the same moment.
            if !is_of_state {
                known.last = known.last.max(at);
                known.times += 1;
            }
        } else if waiting.len() < NEWS_WAITING_MAX {
            waiting.insert(of.clone(), News::once(detail(), at));
            drop(waiting);
            if is_of_state {
                self.tell(of);
            }
        }
    }

    /// Keeps in mind that a state is told of. What is forgotten here to make
    /// room is written once more, which changes nothing.
    fn tell(&self, of: NewsOf) {
        let mut told = self.told();
        if told.len() >= NEWS_WAITING_MAX {
            told.clear();
        }
        told.insert(of);
    }

    fn told(&self) -> MutexGuard<'_, HashSet<NewsOf>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<NewsOf, News>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<(NewsOf, News)> {
        self.waiting().drain().collect()
    }

    fn put_back(&self, news: impl IntoIterator<Item = (NewsOf, News)>) {
        let mut waiting = self.waiting();
        for (of, before) in news {
            match waiting.get_mut(&of) {
                Some(known) => {
                    known.first = before.first;
                    known.detail = before.detail;
                    known.times += before.times;
                }
                None => {
                    waiting.insert(of, before);
                }
            }
        }
    }
}

impl Control {
    /// The notices of the caller's project, those of the last moment included,
    /// oldest first. At most [`model::limits::NOTICES_MAX`], of the last
    /// [`model::limits::NOTICE_DAYS`] days. Who is held to some rows is told of
    /// the keys alone that they know.
    ///
    /// # Errors
    /// The database failed.
    pub async fn notices(&self, by: &Permit<Admin>) -> Result<Vec<Notice>, ControlError> {
        self.0.save_news_to_read().await?;
        let access = by.access();
        let mut turn = self.0.turn().await?;
        let mut notices = turn.store()?.notices(access.project()).await?;
        drop(turn);
        if access.within().is_some() {
            // Whose a key was that is gone, nobody can say.
            let definitions = self.definitions(access.project());
            let is_known = |id| definitions.key(id).is_some_and(|key| access.knows(key));
            notices.retain(|notice| is_known(notice.key));
        }
        Ok(notices)
    }

    /// Notes that a notice is dealt with. It stays in the list, and tells of
    /// what it is about no more.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when the project has no such notice.
    pub async fn dismiss_notice(
        &self,
        by: &Permit<Admin>,
        id: NoticeId,
    ) -> Result<Notice, ControlError> {
        let known = self.notices(by).await?;
        let found = known.into_iter().find(|notice| notice.id == id);
        let notice = found.ok_or(ControlError::NotFound)?;
        if notice.dismissed_at.is_some() {
            return Ok(notice);
        }
        self.change(by, |change| {
            let at = change.now;
            change.writes.push(Write::DismissNotice(id, at));
            let about = Object::new()
                .with("kind", notice.kind.name())
                .with("key", notice.key.to_string());
            let about = model::json::to_text(&Value::Object(about));
            let subject = Subject::new(id, notice.kind.name());
            change.audit("notice.dismiss", subject, None, Some(about));
            Ok(Notice {
                dismissed_at: Some(at),
                ..notice
            })
        })
        .await
    }
}

impl Inner {
    /// Writes down what was noted. What cannot be written stays noted.
    pub(crate) async fn save_news(self: &Arc<Self>) -> Result<(), ControlError> {
        let inner = Arc::clone(self);
        // Whoever asked may go away; what was taken out of memory must not.
        in_a_task(async move { inner.write_news().await }).await
    }

    async fn write_news(self: &Arc<Self>) -> Result<(), ControlError> {
        let mut unsaved = self.callers.news.take();
        while !unsaved.is_empty() {
            let rest = unsaved.split_off(unsaved.len().min(NEWS_PER_TRANSACTION));
            let written = match self.writer().await {
                Err(error) => Err(error),
                Ok(writer) => {
                    let ordinal = writer.ordinal;
                    let rows = self.notice_rows(&unsaved);
                    self.carry_out(writer, rows, ordinal, Claim::Nothing, |_| {})
                        .await
                }
            };
            if let Err(error) = written {
                self.callers.news.put_back(unsaved.into_iter().chain(rest));
                return Err(error);
            }
            unsaved = rest;
        }
        Ok(())
    }

    fn notice_rows(&self, news: &[(NewsOf, News)]) -> Vec<Write> {
        let (now, random) = (self.options.clock.now(), &*self.options.random);
        let row = |(of, seen): &(NewsOf, News)| {
            let id = NoticeId::generate(now, random);
            Write::Notice(id, of.clone(), seen.clone())
        };
        let mut projects: Vec<ProjectId> = news.iter().map(|(of, _)| of.project).collect();
        projects.sort_unstable();
        projects.dedup();
        let trims = projects.into_iter();
        let trims = trims.map(|project| Write::TrimNotices(project, now));
        news.iter().map(row).chain(trims).collect()
    }
}
