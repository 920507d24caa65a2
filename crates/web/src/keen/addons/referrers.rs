//! What sort of page somebody came from.

use model::value::Object;

use super::urls::Url;

const SEARCH: &str = "SEARCH";
const SOCIAL: &str = "SOCIAL";
const EMAIL: &str = "EMAIL";

/// A site that many come from.
struct Site {
    /// The end of its host's name; one that ends with a dot is followed by the domain of a country.
    host: &'static str,
    medium: &'static str,
    source: &'static str,
    /// The parameters that hold what was searched for.
    terms: &'static [&'static str],
}

macro_rules! sites {
    ($($medium:ident $source:literal [$($host:literal)+] $terms:expr;)+) => {
        const SITES: &[Site] = &[$($(Site {
            host: $host,
            medium: $medium,
            source: $source,
            terms: &$terms,
        },)+)+];
    };
}

// The first that fits counts: mail stands before the search of the same company.
sites! {
    EMAIL "Gmail" ["mail.google.com"] [];
    EMAIL "Outlook.com" ["outlook.live.com" "mail.live.com" "outlook.office.com" "outlook.office365.com"] [];
    EMAIL "Yahoo! Mail" ["mail.yahoo.com" "mail.yahoo.co.jp"] [];
    EMAIL "iCloud Mail" ["icloud.com"] [];
    EMAIL "AOL Mail" ["mail.aol.com"] [];
    EMAIL "Mail.ru" ["e.mail.ru"] [];
    EMAIL "GMX" ["gmx.net" "gmx.com" "gmx.de"] [];
    EMAIL "Zoho" ["mail.zoho.com"] [];
    EMAIL "Proton Mail" ["mail.proton.me" "mail.protonmail.com"] [];
    EMAIL "Fastmail" ["fastmail.com"] [];
    SOCIAL "Google+" ["plus.google.com"] [];
    SOCIAL "YouTube" ["youtube.com" "youtu.be"] [];
    SEARCH "Google" ["google."] ["q", "query"];
    SEARCH "Bing" ["bing.com"] ["q"];
    SEARCH "Yahoo!" ["search.yahoo.com" "search.yahoo.co.jp"] ["p", "q"];
    SEARCH "DuckDuckGo" ["duckduckgo.com"] ["q"];
    SEARCH "Baidu" ["baidu.com"] ["wd", "word", "kw"];
    SEARCH "Yandex" ["yandex."] ["text"];
    SEARCH "Ecosia" ["ecosia.org"] ["q"];
    SEARCH "Qwant" ["qwant.com"] ["q"];
    SEARCH "Startpage" ["startpage.com"] ["query", "q"];
    SEARCH "Brave" ["search.brave.com"] ["q"];
    SEARCH "Ask" ["ask.com"] ["q"];
    SEARCH "AOL" ["search.aol.com"] ["q", "query"];
    SEARCH "Naver" ["search.naver.com"] ["query"];
    SEARCH "Seznam" ["search.seznam.cz"] ["q"];
    SEARCH "Sogou" ["sogou.com"] ["query"];
    SOCIAL "Facebook" ["facebook.com" "fb.com" "fb.me"] [];
    SOCIAL "Instagram" ["instagram.com"] [];
    SOCIAL "Twitter" ["twitter.com" "t.co" "x.com"] [];
    SOCIAL "LinkedIn" ["linkedin.com" "lnkd.in"] [];
    SOCIAL "Pinterest" ["pinterest."] [];
    SOCIAL "Reddit" ["reddit.com" "redd.it"] [];
    SOCIAL "Tumblr" ["tumblr.com"] [];
    SOCIAL "TikTok" ["tiktok.com"] [];
    SOCIAL "Quora" ["quora.com"] [];
    SOCIAL "Hacker News" ["news.ycombinator.com"] [];
    SOCIAL "GitHub" ["github.com"] [];
    SOCIAL "Stack Overflow" ["stackoverflow.com"] [];
    SOCIAL "Vkontakte" ["vk.com"] [];
    SOCIAL "Odnoklassniki" ["ok.ru"] [];
    SOCIAL "Weibo" ["weibo.com"] [];
    SOCIAL "Mastodon" ["mastodon.social"] [];
    SOCIAL "Bluesky" ["bsky.app"] [];
    SOCIAL "WhatsApp" ["whatsapp.com"] [];
    SOCIAL "Telegram" ["t.me" "telegram.org"] [];
    SOCIAL "Slack" ["slack.com"] [];
    SOCIAL "XING" ["xing.com"] [];
}

/// Medium, source and term of the page that somebody came from; `None` when
/// it is no URL with a host.
pub(crate) fn parts(referrer: &str, page: Option<&str>) -> Option<Object> {
    let referrer = Url::parse(referrer)?;
    let host = referrer.domain.as_deref()?;
    let page = page.and_then(Url::parse).and_then(|page| page.domain);
    if page.is_some_and(|page| bare(&page) == bare(host)) {
        return Some(Object::new().with("medium", "INTERNAL"));
    }
    let Some(site) = SITES.iter().find(|site| site.has(host)) else {
        return Some(Object::new().with("medium", "UNKNOWN"));
    };
    let parts = Object::new()
        .with("medium", site.medium)
        .with("source", site.source);
    let is_term = |name: &str| site.terms.contains(&name);
    let term = referrer
        .parameters()
        .find(|(name, term)| is_term(name) && !term.is_empty());
    Some(match term {
        None => parts,
        Some((_, term)) => parts.with("term", term),
    })
}

fn bare(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

impl Site {
    fn has(&self, host: &str) -> bool {
        let begins = |at: usize| at == 0 || host.as_bytes()[at - 1] == b'.';
        let ends = |behind: &str| match self.host.ends_with('.') {
            false => behind.is_empty(),
            // `com`, `de`, `co.uk`: no longer name follows.
            true => {
                behind.len() <= "com.xx".len()
                    && !behind.is_empty()
                    && behind.split('.').all(|part| (2..=3).contains(&part.len()))
            }
        };
        let mut places = host.match_indices(self.host);
        places.any(|(at, found)| begins(at) && ends(&host[at + found.len()..]))
    }
}

#[cfg(test)]
mod tests;
