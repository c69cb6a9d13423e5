//! `/docs/errors`: every `type` of a problem that any function answers with. A test holds the list against the code.

use std::fmt::Write as _;

use contracts::FailureCode;

use super::html;

/// The last part of the type, the statuses that it comes with, and what it means and what to do.
#[rustfmt::skip]
const PROBLEMS: &[(&str, &str, &str)] = &[
    ("account-disabled", "403", "An administrator has locked the account. Ask one."),
    ("address-unproven", "403", "The mail address of the account is not proven yet. Follow the link in the mail, or ask for a new password, which proves it too."),
    ("bad-gateway", "502", "The gateway can't reach a part of the service. Try again after `Retry-After` seconds."),
    ("bad-request", "400", "The request can't be understood: a broken form, JSON that is none, a query that can't be read, an upload that was cut off. The detail says what."),
    ("busy", "503", "Too many log-ins at once. Try again after `Retry-After` seconds."),
    ("checksum-mismatch", "460", "`/uploads`: the bytes of this part are not those that `Upload-Checksum` says, and nothing of it stays. Send it again."),
    ("conflict", "409", "The thing is not in a state in which that can be done. A job that is not done has no audio yet: `state` says how far it is."),
    ("cross-site", "403", "A page of another site has sent this with your cookie. Use the page of this service, or send a token."),
    ("expired", "410", "The audio was removed when its time was over. Upload the video again."),
    ("forbidden", "403", "The credentials are good, but not for this: an API key lacks the scope, or only an administrator may do it."),
    ("full", "507", "The service has no room left. Try again later, or tell the administrator."),
    ("gateway-timeout", "504", "A part of the service did not answer in time. Try again after `Retry-After` seconds."),
    ("idempotency-in-hand", "409", "An earlier request with this `Idempotency-Key` is running. Send the request again after `Retry-After` seconds."),
    ("idempotency-key-reused", "422", "The `Idempotency-Key` was sent with another request. Send a new one."),
    ("idempotency-key-used", "409", "What an earlier request with this `Idempotency-Key` has made can't be shown again: the secret of an API key (`Location` names the key), or what was removed. Send a new one."),
    ("internal", "500", "A fault of ours. If it happens again, tell the administrator the `x-request-id` of the answer."),
    ("link-expired", "410", "A signed link is too old or was used before. Ask for a new one."),
    ("link-failed", "422", "`POST /upload/url`: the link is allowed, but what it names can't be had: its server answered with an error, was too slow, hung up, or leads through too many redirects."),
    ("link-refused", "422", "`POST /upload/url`: such a link is not fetched. Only `https` at public addresses is, without user names and at the usual port, and so is each redirect."),
    ("links-busy", "429, 503", "`POST /upload/url`: too many links are open, yours or altogether. Try again after `Retry-After` seconds."),
    ("links-off", "403", "`POST /upload/url`: the administrator has not switched links on. Send the video itself."),
    ("locked", "423", "Another request is writing to this upload. Try again in a moment."),
    ("method-not-allowed", "405", "This address does not take this method. `/docs` lists what it takes."),
    ("no-guests", "403", "This service takes no guests. Register with `POST /register`."),
    ("not-found", "404", "There is no such thing, or it is somebody else's."),
    ("oidc-away", "502", "The provider to log in at can't be reached. Try again later, or log in with a password."),
    ("oidc-expired", "400", "The log-in at the provider was not begun by this browser at this provider, took longer than ten minutes, or was used before. Begin again."),
    ("oidc-invalid", "502", "What the provider says is not signed by it, not for us or not for this log-in. Tell the administrator."),
    ("oidc-refused", "403", "The provider has not let you in."),
    ("oidc-taken", "409", "There is an account with your mail address that is not proven, or belongs to another log-in. Ask for a new password, which proves the address, or log in as the first time."),
    ("oidc-unproven", "403", "The provider does not say that your mail address is proven. Prove it there."),
    ("range-not-satisfiable", "416", "The range begins behind the end. `Content-Range` has the size."),
    ("registration-closed", "403", "`POST /register`: the administrator lets nobody register, or only mail addresses of some domains."),
    ("retry", "503", "An event can't be handled now. The broker delivers it again."),
    ("session-ended", "401", "The session of the cookie has ended. Log in again with `POST /session` or `POST /login`."),
    ("stalled", "408", "Too little of the body came for too long. Send it again."),
    ("too-large", "413", "Larger than is taken: a video (`max_bytes` says how much), or the body of another request."),
    ("token-expired", "401", "The access token has ended. Get a new one with `POST /token/refresh` or `POST /login`."),
    ("too-many-requests", "429", "A limit is reached: of requests, of an address or an account, or of the account's class. `policy` names it, and `RateLimit` and `Retry-After` say when there is room again."),
    ("too-many-streams", "429", "The account has too many streams of events open. Close one, or poll `GET /jobs`."),
    ("tus-version", "412", "`/uploads`: say which version of tus you speak, `Tus-Resumable: 1.0.0`."),
    ("unauthorized", "401", "No credentials, or wrong ones. Send `Authorization: Bearer` with a token of `POST /login` or an API key."),
    ("unavailable", "503", "A part that is needed is away: the database, the blob store, the broker. Try again after `Retry-After` seconds."),
    ("unprocessable", "422", "Understood, but a value is not allowed. `option` or `field` names it, and the detail says what is allowed."),
    ("unsupported-media-type", "415", "No video or audio file that is read here, whatever its name says; or a body that should be JSON and is not."),
    ("wrong-password", "403", "The old password is wrong, so there is no new one."),
];

pub(super) fn page() -> String {
    let mut menu = String::from("<p><a href=\"/docs\">Tapedeck API</a></p>\n<ul>\n");
    let mut main = String::from(
        "<h1>Errors</h1>\n<p>An error is <code>application/problem+json</code> (RFC 9457). Its <code>type</code> leads \
         to a part of this page and is the stable word for programs; its <code>detail</code> says to people what to do.</p>\n",
    );
    for (kind, statuses, says) in PROBLEMS {
        let _ = writeln!(menu, "<li><a href=\"#{kind}\">{kind}</a></li>");
        let _ = write!(
            main,
            "<section id=\"{kind}\">\n<h3><code>{kind}</code> <small>{statuses}</small></h3>\n<p>{}</p>\n</section>\n",
            html::line(says),
        );
    }
    menu.push_str("<li><a href=\"#failed-jobs\">Failed jobs</a></li>\n</ul>\n");
    failed_jobs(&mut main);
    html::page("Errors of the Tapedeck API", &menu, &main)
}

/// Why jobs fail: not an answer, but what an answer tells.
fn failed_jobs(main: &mut String) {
    main.push_str(
        "<h2 id=\"failed-jobs\">Failed jobs</h2>\n<p>A job that has failed says why in its <code>error</code>: \
         <code>code</code> is for programs, <code>detail</code> for people.</p>\n\
         <table>\n<tr><th>code</th><th>what to do</th><th>the same again</th></tr>\n",
    );
    for code in FailureCode::ALL {
        let again = if code.may_pass() { "may succeed" } else { "fails again" };
        let sentence = html::line(code.sentence());
        let _ = writeln!(main, "<tr><td><code>{code}</code></td><td>{sentence}</td><td>{again}</td></tr>");
    }
    main.push_str("</table>\n");
}
