//! Who may do what: everybody at every route that the platform describes. A route that is not in the table fails.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tapedeck_tests::{Platform, Setup, User};

/// What it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing.
    Nothing,
    /// A password by HTTP Basic, which nobody sends here.
    Password,
    /// A log-in: no API key.
    Login,
    /// A log-in, or a key with the scope `read`.
    Read,
    /// A log-in, or a key with the scope `upload`.
    Upload,
    /// An administrator's log-in, or their key with the scope `admin`.
    Admin,
    /// Any credentials: what is not theirs is not there.
    Own,
}
use Needs::{Admin, Login, Nothing, Own, Password, Read, Upload};

/// Each route, what it takes, and a body that is taken. Those that end something come last.
const TABLE: [(&str, Needs, &str); 80] = [
    ("GET /.well-known/jwks.json", Nothing, ""),
    ("POST /register", Nothing, "{}"),
    ("POST /verify", Nothing, "{}"),
    ("POST /login", Password, ""),
    ("POST /session", Nothing, "{}"),
    ("GET /guest", Nothing, ""),
    ("POST /guest", Nothing, ""),
    ("GET /auth/oidc", Nothing, ""),
    ("GET /auth/oidc/login", Nothing, ""),
    ("GET /auth/oidc/callback", Nothing, ""),
    ("GET /auth/oidc/callback/{provider}", Nothing, ""),
    ("POST /token/refresh", Nothing, "{}"),
    ("POST /logout", Nothing, r#"{"refresh_token": "tr_none"}"#),
    ("POST /password/reset", Nothing, "{}"),
    ("POST /password/reset/confirm", Nothing, "{}"),
    ("POST /password", Login, r#"{"old_password": "wrong", "new_password": "wrong"}"#),
    ("GET /me", Read, ""),
    ("GET /me/limits", Read, ""),
    ("GET /me/sessions", Login, ""),
    ("GET /me/webhook-secret", Login, ""),
    ("POST /me/webhook-secret", Login, ""),
    ("PATCH /me", Login, "{}"),
    ("GET /me/destinations", Login, ""),
    ("POST /me/destinations", Login, r#"{"kind": "webhook", "address": "https://hook.example/"}"#),
    ("PATCH /me/destinations/{id}", Login, "{}"),
    ("POST /me/destinations/{id}/secret", Login, ""),
    ("POST /me/destinations/{id}/test", Login, ""),
    ("GET /me/feeds", Login, ""),
    ("POST /me/feeds", Login, "{}"),
    ("GET /keys", Login, ""),
    ("POST /keys", Login, r#"{"name": "one more", "scopes": ["read"]}"#),
    ("GET /admin/users", Admin, ""),
    ("PATCH /admin/users/{id}", Admin, "{}"),
    ("GET /admin/classes", Admin, ""),
    ("PUT /admin/classes/{name}", Admin, "{}"),
    ("GET /admin/overview", Admin, ""),
    ("GET /admin/deliveries", Admin, ""),
    ("POST /admin/deliveries/{id}/drop", Admin, ""),
    ("POST /admin/jobs/retry", Admin, r#"{"failed_since": "2100-01-01T00:00:00Z"}"#),
    ("POST /upload", Upload, ""),
    ("GET /upload/url", Nothing, ""),
    ("POST /upload/url", Upload, r#"{"url": "https://video.example/a.mp4"}"#),
    ("OPTIONS /uploads", Nothing, ""),
    ("POST /uploads", Upload, ""),
    ("HEAD /uploads/{id}", Upload, ""),
    ("PATCH /uploads/{id}", Upload, ""),
    ("POST /uploads/{id}", Upload, ""),
    ("DELETE /uploads/{id}", Upload, ""),
    ("GET /jobs", Read, ""),
    ("GET /jobs/events", Read, ""),
    ("GET /jobs/{id}", Read, ""),
    ("PATCH /jobs/{id}", Upload, "{}"),
    ("GET /jobs/{id}/events", Read, ""),
    ("GET /jobs/{id}/deliveries", Read, ""),
    ("GET /jobs/{id}/audio", Read, ""),
    ("GET /jobs/{id}/peaks", Read, ""),
    ("GET /jobs/archive", Read, ""),
    ("GET /download", Read, ""),
    ("POST /jobs/{id}/link", Read, "{}"),
    ("POST /jobs/{id}/cancel", Upload, ""),
    ("POST /jobs/{id}/retry", Upload, ""),
    ("GET /deliveries", Read, ""),
    ("POST /deliveries/{id}/repeat", Own, ""),
    ("GET /feeds/{feed}", Nothing, ""),
    ("HEAD /feeds/{feed}", Nothing, ""),
    ("GET /feeds/{secret}/{file}", Nothing, ""),
    ("HEAD /feeds/{secret}/{file}", Nothing, ""),
    ("HEAD /download", Read, ""),
    ("HEAD /jobs/{id}/audio", Read, ""),
    ("GET /docs", Nothing, ""),
    ("GET /openapi.json", Nothing, ""),
    ("GET /asyncapi.json", Nothing, ""),
    ("DELETE /jobs/{id}", Upload, ""),
    ("DELETE /keys/{id}", Login, ""),
    ("DELETE /me/destinations/{id}", Login, ""),
    ("DELETE /me/feeds/{id}", Login, ""),
    ("DELETE /me/feeds", Login, ""),
    ("DELETE /me/sessions/{id}", Login, ""),
    ("DELETE /me", Login, ""),
    ("DELETE /session", Nothing, ""),
];

/// Of these, what stands in no description: HEAD beside GET, and what the gateway serves itself.
const BESIDE: [&str; 7] = [
    "HEAD /feeds/{feed}",
    "HEAD /feeds/{secret}/{file}",
    "HEAD /download",
    "HEAD /jobs/{id}/audio",
    "GET /docs",
    "GET /openapi.json",
    "GET /asyncapi.json",
];

/// What somebody has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Nothing,
    /// Of an account that is locked.
    Locked,
    Login,
    Administrator,
    /// A key with this scope.
    Key(&'static str),
    /// An administrator's key with this scope.
    AdministratorsKey(&'static str),
}

impl Shows {
    /// The status of who is refused, if they are.
    fn refused(self, needs: Needs) -> Option<u16> {
        let scope = match needs {
            Nothing => return None,
            Password => return Some(401),
            Login | Own => "",
            Read => "read",
            Upload => "upload",
            Admin => "admin",
        };
        let may = match self {
            Self::Nothing => return Some(401),
            Self::Locked => false,
            Self::Login => needs != Admin,
            Self::Administrator => true,
            Self::Key(has) => needs == Own || (has == scope && needs != Admin),
            Self::AdministratorsKey(has) => needs == Own || has == scope,
        };
        (!may).then_some(403)
    }
}

struct Somebody {
    name: &'static str,
    shows: Shows,
    header: &'static str,
    credentials: String,
    /// Whether the job is theirs.
    owns: bool,
}

impl Somebody {
    fn with_token(name: &'static str, shows: Shows, token: &str) -> Self {
        let credentials = format!("Bearer {token}");
        Self { name, shows, header: "authorization", credentials, owns: false }
    }

    fn owner(self) -> Self {
        Self { owns: true, ..self }
    }

    fn sends(&self, request: RequestBuilder) -> RequestBuilder {
        if self.credentials.is_empty() { request } else { request.header(self.header, &self.credentials) }
    }
}

async fn key(user: &User, scope: &str) -> String {
    let new = json!({"name": scope, "scopes": [scope]});
    let made = user.request(Method::POST, "/keys").json(&new).send().await.unwrap();
    assert_eq!(made.status(), 201);
    made.json::<Value>().await.unwrap()["secret"].as_str().unwrap().to_owned()
}

/// The first account is the administrator's; the one whose job it is comes last, so that nobody else finds it gone.
async fn everybody(platform: &Platform, admin: &User, owner: &User) -> Vec<Somebody> {
    let (other, locked) = (platform.new_user().await, platform.new_user().await);
    let theirs: Value = locked.get("/me").await.json().await.unwrap();
    let path = format!("/admin/users/{}", theirs["id"].as_str().unwrap());
    let lock = admin.request(Method::PATCH, &path).json(&json!({"disabled": true}));
    assert_eq!(lock.send().await.unwrap().status(), 200);
    let guest = Client::new().post(platform.url("/guest")).send().await.unwrap();
    assert_eq!(guest.status(), 201);
    let cookie = guest.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let nobody = |name, header, credentials| Somebody {
        name,
        shows: Shows::Nothing,
        header,
        credentials,
        owns: false,
    };
    let guest = Somebody { shows: Shows::Login, ..nobody("a guest", "cookie", cookie) };
    let mut all = vec![
        nobody("nobody", "", String::new()),
        nobody("a forger", "authorization", format!("Bearer {}x", owner.token)),
        nobody("a forger of cookies", "cookie", "tapedeck=ts_forged".into()),
        guest,
        Somebody::with_token("somebody who is locked", Shows::Locked, &locked.token),
        Somebody::with_token("another user", Shows::Login, &other.token),
    ];
    for scope in ["read", "upload", "admin"] {
        let secret = key(admin, scope).await;
        let shows = Shows::AdministratorsKey(scope);
        all.push(Somebody::with_token("an administrator's key", shows, &secret));
    }
    all.push(Somebody::with_token("an administrator", Shows::Administrator, &admin.token));
    for scope in ["read", "upload"] {
        let secret = key(owner, scope).await;
        all.push(Somebody::with_token("the owner's key", Shows::Key(scope), &secret).owner());
    }
    all.push(Somebody::with_token("the owner", Shows::Login, &owner.token).owner());
    all
}

/// Whether the answer is about who asks, and not about what they ask for.
async fn refusal(answer: Response, is_head: bool) -> Option<u16> {
    let status = answer.status().as_u16();
    match status {
        401 => Some(401),
        403 if is_head => Some(403),
        403 => {
            let problem: Value = answer.json().await.unwrap();
            let kind = problem["type"].as_str().unwrap().rsplit([':', '#']).next().unwrap().to_owned();
            ["forbidden", "account-disabled"].contains(&kind.as_str()).then_some(403)
        }
        _ => None,
    }
}

fn described(openapi: &Value) -> BTreeSet<String> {
    let paths = openapi["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone();
        methods.into_iter().map(|(method, _)| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn everybody_may_do_at_every_route_what_the_table_says_and_nothing_else() {
    let setup = Setup::default().set("AUTH_GUEST_HOURS", 1).set("AUTH_GUESTS_PER_HOUR", 0);
    let platform = setup.start().await;
    let (admin, owner) = (platform.new_user().await, platform.new_user().await);
    let job = owner.upload_fixture("moov-end.mp4", &[]).await;
    assert_eq!(owner.ended(&job).await["state"], "done");
    let everybody = everybody(&platform, &admin, &owner).await;
    let openapi: Value = reqwest::get(platform.url("/openapi.json")).await.unwrap().json().await.unwrap();
    let mut unknown = described(&openapi);
    let client = Client::new();
    let mut wrong = Vec::new();
    for (route, needs, body) in TABLE {
        if !unknown.remove(route) && !BESIDE.contains(&route) {
            continue;
        }
        let (method, path) = route.split_once(' ').unwrap();
        let query = match path {
            "/download" => format!("?fid={job}"),
            "/jobs/archive" => format!("?ids={job}"),
            _ => String::new(),
        };
        let path = path.replace("{id}", &job).replace("{name}", "measured").replace("{feed}", "none.xml");
        let path = path.replace("{secret}", "none").replace("{file}", &format!("{job}.mp3"));
        for somebody in &everybody {
            let request = client.request(method.parse().unwrap(), platform.url(&format!("{path}{query}")));
            let request = request
                .header("tus-resumable", "1.0.0")
                .header("x-http-method-override", "DELETE")
                .header("content-type", "application/json")
                .body(body);
            let answer = somebody.sends(request).send().await.unwrap();
            let (status, expected) = (answer.status().as_u16(), somebody.shows.refused(needs));
            let hidden = expected.is_none()
                && !somebody.owns
                && (path.starts_with(&format!("/jobs/{job}")) || !query.is_empty());
            let found = refusal(answer, method == "HEAD").await;
            if found != expected || (hidden && status != 404) || status >= 500 {
                wrong.push(format!(
                    "{route}, {} ({:?}): {status}, not {expected:?}{}",
                    somebody.name,
                    somebody.shows,
                    if hidden { " but hidden" } else { "" },
                ));
            }
        }
    }
    assert!(unknown.is_empty(), "say in the table who may do this: {unknown:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    platform.finish().await;
}
