//! Which pages some key in a page is for: asked by browsers before they send
//! the key itself.

use std::collections::HashMap;

use model::keys::{KeyKind, KeyRecord, Page, Site};

/// How many publishable keys are for the pages of each site. A browser's
/// question is answered by few look-ups, however many keys there are.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// Those that are for any page.
    any: usize,
    sites: HashMap<Site, usize>,
}

impl Pages {
    /// Counts a key.
    pub(super) fn add(&mut self, key: &KeyRecord) {
        if key.draft().kind != KeyKind::Publishable {
            return;
        }
        match &key.restrictions().allowed_domains {
            None => self.any += 1,
            Some(domains) => {
                for site in domains.sites() {
                    *self.sites.entry(site.clone()).or_default() += 1;
                }
            }
        }
    }

    /// Counts a key no longer.
    pub(super) fn remove(&mut self, key: &KeyRecord) {
        if key.draft().kind != KeyKind::Publishable {
            return;
        }
        match &key.restrictions().allowed_domains {
            None => self.any = self.any.saturating_sub(1),
            Some(domains) => {
                for site in domains.sites() {
                    if let Some(count) = self.sites.get_mut(site) {
                        *count = count.saturating_sub(1);
                        if *count == 0 {
                            self.sites.remove(site);
                        }
                    }
                }
            }
        }
    }

    /// Whether some key is for the page.
    pub(super) fn have(&self, page: &Page<'_>) -> bool {
        self.any > 0 || page.sites().any(|site| self.sites.contains_key(&site))
    }
}
