//! People in the world of the tests.

use std::sync::Mutex;
use std::time::Duration;

use model::people::Totp;
use serde_json::{Value as Json, json};

use super::{Reply, World, request, text};

pub(crate) const PASSWORD: &str = "violet harbour under glass";
/// What the first owner signs in with.
pub(crate) const FIRST: &str = "ada@example.com";

/// Somebody with a browser.
#[derive(Debug)]
pub(crate) struct SignedIn {
    /// What the browser sends back.
    pub(crate) cookie: Mutex<String>,
    /// What it says of the page that the request comes from.
    pub(crate) site: &'static str,
    pub(crate) app: Totp,
    pub(crate) id: String,
}

/// The body that sets up the first owner.
pub(crate) fn first_owner() -> Json {
    json!({ "sign_in": FIRST, "name": "Ada", "password": PASSWORD })
}

/// The first owner's id; the owner is made when there is none.
pub(crate) async fn first_person(world: &World) -> String {
    let made = world.post("/v1/people/first", &first_owner()).await;
    assert!([201, 409].contains(&made.status), "{}", made.text());
    let people = world.get("/v1/people").await.expect(200).json();
    text(&people, "/items/0/id").to_owned()
}

/// The first owner, who is made for it, and signed in.
pub(crate) async fn first_signed_in(world: &World) -> SignedIn {
    let made = world.post("/v1/people/first", &first_owner()).await;
    signed_in(world, FIRST, &made.expect(201).json()).await
}

/// Somebody with these roles, invited by one who is signed in, and signed in.
pub(crate) async fn joined(world: &World, by: &SignedIn, name: &str, roles: Json) -> SignedIn {
    let sign_in = format!("{name}@example.com");
    let mut draft = json!({ "sign_in": sign_in, "roles": roles });
    draft["code"] = json!(by.code(world));
    let invited = by
        .call(world, "POST /v1/invitations", &draft)
        .await
        .expect(201)
        .json();
    let body = json!({ "token": text(&invited, "/token"), "name": name, "password": PASSWORD });
    let made = world.call("", "POST /v1/invitations/accept", &body).await;
    signed_in(world, &sign_in, &made.expect(201).json()).await
}

/// Signs in with what the answer showed once.
async fn signed_in(world: &World, name: &str, shown: &Json) -> SignedIn {
    let app = Totp::parse(text(shown, "/app/secret")).expect("a secret");
    let code = app.shown_at(world.state.clock.now());
    let body = json!({ "sign_in": name, "password": PASSWORD, "code": code.as_str() });
    let entered = world.call("", "POST /v1/sessions", &body).await.expect(201);
    let cookie = entered.header("set-cookie");
    let cookie = cookie.split(';').next().expect("a value").to_owned();
    let cookie = Mutex::new(cookie);
    let id = text(shown, "/person/id").to_owned();
    SignedIn {
        cookie,
        site: "same-origin",
        app,
        id,
    }
}

/// Signs the first owner in once more, when the session has ended.
pub(crate) async fn sign_in_again(world: &World, first: &SignedIn) {
    let code = first.code(world);
    let body = json!({ "sign_in": FIRST, "password": PASSWORD, "code": code });
    let entered = world.call("", "POST /v1/sessions", &body).await.expect(201);
    let cookie = entered.header("set-cookie");
    let cookie = cookie.split(';').next().expect("a value");
    cookie.clone_into(&mut first.cookie.lock().expect("nobody panicked"));
}

impl SignedIn {
    /// What the browser sends back now.
    pub(crate) fn cookie(&self) -> String {
        self.cookie.lock().expect("nobody panicked").clone()
    }

    /// Sends a request from a page of the server itself, and keeps the cookie
    /// that the answer gives.
    pub(crate) async fn call(&self, world: &World, call: &str, body: &Json) -> Reply {
        let mut request = request("", call, body);
        let headers = request.headers_mut();
        if !self.cookie().is_empty() {
            headers.insert("cookie", self.cookie().parse().expect("a header"));
        }
        headers.insert("sec-fetch-site", self.site.parse().expect("a header"));
        let reply = world.send(request).await;
        let given = reply.header("set-cookie").split(';').next();
        if let Some(given) = given.filter(|given| !given.ends_with('=') && !given.is_empty()) {
            given.clone_into(&mut self.cookie.lock().expect("nobody panicked"));
        }
        reply
    }

    /// The next code that the app shows.
    pub(crate) fn code(&self, world: &World) -> String {
        world.clock.advance(Duration::from_secs(30));
        let code = self.app.shown_at(world.state.clock.now());
        code.as_str().to_owned()
    }

    /// A body with the password and with the next code.
    pub(crate) fn proving(&self, world: &World, mut members: Json) -> Json {
        members["password"] = json!(PASSWORD);
        members["code"] = json!(self.code(world));
        members
    }
}
