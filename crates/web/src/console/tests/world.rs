//! A browser in front of the router.

use axum::body::Body;
use html5gum::{Token, Tokenizer};
use http::{Request, header};
use model::ids::ProjectId;
use model::people::SessionToken;

use crate::console::visitor::token_of;
use crate::testing::people::SignedIn;
use crate::testing::{Reply, World};

/// What a browser sends of where a request comes from.
pub(super) const OWN: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];

/// A request as a browser makes it, which goes on to the page of an answer that
/// is shown once.
pub(super) async fn browse(
    world: &World,
    call: &str,
    cookie: &str,
    said: &[(&str, &str)],
    form: Option<&[(&str, &str)]>,
) -> Reply {
    let reply = browse_plainly(world, call, cookie, said, form).await;
    let place = reply.header("location").to_owned();
    if reply.status != 303 || !place.starts_with("/console/shown-once/") {
        return reply;
    }
    let call = format!("GET {place}");
    let mut page = browse_plainly(world, &call, &after(&reply, cookie), said, None).await;
    for given in reply.headers.get_all(header::SET_COOKIE) {
        page.headers.append(header::SET_COOKIE, given.clone());
    }
    page
}

/// The console's cookies: the session's, and that of a page that is shown once.
pub(super) const COOKIES: [&str; 2] = ["__Host-tidegate", "__Host-tidegate-once"];

/// The cookie of this name that an answer gives, as a browser sends it back.
pub(super) fn given(reply: &Reply, name: &str) -> Option<String> {
    let all = reply.headers.get_all(header::SET_COOKIE).iter();
    let mut pairs = all.filter_map(|given| given.to_str().ok()?.split(';').next());
    let found = pairs.find(|pair| is_of(pair, name));
    found.map(str::to_owned)
}

/// What a browser that sent this cookie sends after the answer.
pub(super) fn after(reply: &Reply, cookie: &str) -> String {
    let all = COOKIES.iter().filter_map(|name| {
        let mut had = cookie.split("; ");
        let had = had.find(|pair| is_of(pair, name)).map(str::to_owned);
        given(reply, name).or(had)
    });
    all.collect::<Vec<_>>().join("; ")
}

fn is_of(pair: &str, name: &str) -> bool {
    let rest = pair.strip_prefix(name);
    rest.is_some_and(|rest| rest.starts_with('='))
}

/// A request as a browser makes it: with a cookie unless it is empty, and with a
/// form unless it is `None`.
pub(super) async fn browse_plainly(
    world: &World,
    call: &str,
    cookie: &str,
    said: &[(&str, &str)],
    form: Option<&[(&str, &str)]>,
) -> Reply {
    let (method, path) = call.split_once(' ').expect("METHOD /path");
    let mut request = Request::builder().method(method).uri(path);
    request = request.header(header::HOST, "tide.example");
    if !cookie.is_empty() {
        request = request.header(header::COOKIE, cookie);
    }
    for (name, value) in said {
        request = request.header(*name, *value);
    }
    let body = form.map(|pairs| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(pairs);
        form.finish()
    });
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let request = request.body(Body::from(body.unwrap_or_default()));
    world.send(request.expect("a request")).await
}

/// Opens a page.
pub(super) async fn open(world: &World, by: &SignedIn, path: &str) -> Reply {
    browse(world, &format!("GET {path}"), &by.cookie(), OWN, None).await
}

/// Sends a form with the token of the session, and keeps the cookie that the
/// answer gives.
pub(super) async fn send(world: &World, by: &SignedIn, path: &str, form: &[(&str, &str)]) -> Reply {
    let token = token(world, by).await;
    let mut pairs = vec![("_token", token.as_str())];
    pairs.extend(form);
    let call = format!("POST {path}");
    let reply = browse(world, &call, &by.cookie(), OWN, Some(&pairs)).await;
    keep_cookie(by, &reply);
    reply
}

/// The same with the token of forms about a project.
pub(super) async fn send_to(
    world: &World,
    by: &SignedIn,
    (path, project): (&str, ProjectId),
    form: &[(&str, &str)],
) -> Reply {
    let token = form_token(world, by, project);
    let mut pairs = vec![("_token", token.as_str())];
    pairs.extend(form);
    let call = format!("POST {path}");
    let reply = browse(world, &call, &by.cookie(), OWN, Some(&pairs)).await;
    keep_cookie(by, &reply);
    reply
}

/// Keeps the cookie that an answer gives.
pub(super) fn keep_cookie(by: &SignedIn, reply: &Reply) {
    let given = given(reply, COOKIES[0]);
    if let Some(given) = given.filter(|given| given.len() > "__Host-tidegate=".len()) {
        *by.cookie.lock().expect("nobody panicked") = given;
    }
}

/// The token that pages of this session give their forms.
pub(super) async fn token(world: &World, by: &SignedIn) -> String {
    let page = open(world, by, "/console/account").await.expect(200).text();
    between(&page, "name=\"_token\" value=\"", "\"").to_owned()
}

/// The text between two others, where it stands first.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {text}"));
    rest.split(after).next().unwrap_or_default()
}

/// The token of forms about the project, whether or not a page would show it.
pub(super) fn form_token(world: &World, by: &SignedIn, project: ProjectId) -> String {
    let cookie = by.cookie();
    let (_, value) = cookie.split_once('=').expect("a value");
    let token = SessionToken::parse(value).expect("a token");
    let (_, session) = world.state.control.session(&token).expect("a session");
    token_of(&world.state, &session, Some(project))
}

/// What the form of a page that is sent by this method would send as it stands,
/// without the buttons; the first such form within the page's main part.
pub(super) fn filled(html: &str, method: &str) -> Vec<(String, String)> {
    let (_, main) = html.split_once("<main").expect("a page");
    let open = format!("method=\"{method}\"");
    let (_, form) = main.split_once(&open).expect("a form");
    let form = form.split("</form>").next().unwrap_or_default();
    let form = format!("<form {form}");
    let mut sent: Vec<(String, String)> = Vec::new();
    let (mut select, mut area, mut is_said) = (None, None, true);
    for token in Tokenizer::new(&form).flatten() {
        match token {
            Token::StartTag(tag) => {
                let text = |name: &str| {
                    let value = tag.attributes.get(name.as_bytes())?;
                    Some(String::from_utf8_lossy(value).into_owned())
                };
                match (tag.name.as_slice(), text("name")) {
                    (b"input", Some(name)) => {
                        let ticks = ["checkbox", "radio"].map(|kind| Some(kind.to_owned()));
                        if !ticks.contains(&text("type")) || text("checked").is_some() {
                            sent.push((name, text("value").unwrap_or_default()));
                        }
                    }
                    (b"select", Some(name)) => select = Some((name, None)),
                    (b"option", None) => {
                        if let Some((_, chosen)) = &mut select
                            && (chosen.is_none() || text("selected").is_some())
                        {
                            *chosen = text("value");
                            is_said = chosen.is_some();
                        }
                    }
                    (b"textarea", Some(name)) => area = Some((name, String::new())),
                    _ => {}
                }
            }
            Token::String(text) => {
                // What has no value of its own is sent as it is read.
                if let Some((_, chosen)) = &mut select
                    && !is_said
                {
                    *chosen = Some(String::from_utf8_lossy(&text).into_owned());
                    is_said = true;
                }
                if let Some((_, typed)) = &mut area {
                    typed.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Token::EndTag(tag) if tag.name.as_slice() == b"select" => {
                sent.extend(
                    select
                        .take()
                        .map(|(name, chosen)| (name, chosen.unwrap_or_default())),
                );
            }
            Token::EndTag(tag) if tag.name.as_slice() == b"textarea" => sent.extend(area.take()),
            _ => {}
        }
    }
    sent
}

/// The fields of a form, in which these have another value.
pub(super) fn with<'f>(
    form: &'f [(String, String)],
    changes: &[(&'f str, &'f str)],
) -> Vec<(&'f str, &'f str)> {
    let kept = form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let mut all: Vec<(&str, &str)> = kept
        .filter(|(name, _)| changes.iter().all(|(other, _)| other != name))
        .collect();
    all.extend(changes);
    all
}
