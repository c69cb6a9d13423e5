//! Which path is whose.

use std::time::Duration;

use crate::GatewayConfig;

/// A function that the world may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    Auth,
    Upload,
    Jobs,
    Download,
}

/// What each path begins with. Everything below goes the same way, but for [`DOWNLOADS`], [`ARCHIVE`], [`FEEDS`] and [`ADMIN_JOBS`].
pub(super) const PREFIXES: [(&str, Upstream); 19] = [
    ("/register", Upstream::Auth),
    ("/verify", Upstream::Auth),
    ("/login", Upstream::Auth),
    ("/logout", Upstream::Auth),
    ("/session", Upstream::Auth),
    ("/guest", Upstream::Auth),
    ("/auth", Upstream::Auth),
    ("/token", Upstream::Auth),
    ("/password", Upstream::Auth),
    ("/me", Upstream::Auth),
    ("/keys", Upstream::Auth),
    ("/admin", Upstream::Auth),
    ("/.well-known", Upstream::Auth),
    ("/upload", Upstream::Upload),
    ("/uploads", Upstream::Upload),
    ("/jobs", Upstream::Jobs),
    ("/deliveries", Upstream::Jobs),
    ("/download", Upstream::Download),
    ("/feeds", Upstream::Download),
];

/// `/jobs/{id}/...` that is about the audio.
const DOWNLOADS: [&str; 3] = ["audio", "link", "peaks"];
/// `/jobs/...` that is about the audio of many.
const ARCHIVE: &str = "archive";
/// `/me/...` that is about audio.
const FEEDS: &str = "feeds";
/// `/admin/...` that is not about accounts.
const ADMIN_JOBS: [&str; 3] = ["deliveries", "jobs", "overview"];

impl Upstream {
    pub(super) const ALL: [Self; 4] = [Self::Auth, Self::Upload, Self::Jobs, Self::Download];

    pub(super) fn url(self, config: &GatewayConfig) -> &str {
        match self {
            Self::Auth => &config.auth_url,
            Self::Upload => &config.upload_url,
            Self::Jobs => &config.jobs_url,
            Self::Download => &config.download_url,
        }
    }
}

/// Whose path it is.
pub(crate) fn upstream(path: &str) -> Option<Upstream> {
    let mut parts = path.splitn(4, '/').skip(1);
    let first = parts.next()?;
    let (_, owner) = PREFIXES.iter().find(|(prefix, _)| prefix.strip_prefix('/') == Some(first))?;
    let (second, third) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Some(match first {
        "jobs" if second == ARCHIVE || DOWNLOADS.contains(&third) => Upstream::Download,
        "me" if second == FEEDS => Upstream::Download,
        "admin" if ADMIN_JOBS.contains(&second) => Upstream::Jobs,
        _ => *owner,
    })
}

/// How long a function may be silent: one that fetches a video from a link has all of it before it answers, for which it
/// has as long as any request on Knative.
pub(super) fn patience(path: &str, usual: Duration) -> Duration {
    if path == "/upload/url" { usual.max(Duration::from_secs(600)) } else { usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_one_owner() {
        let cases = [
            ("/login", Some(Upstream::Auth)),
            ("/token/refresh", Some(Upstream::Auth)),
            ("/session", Some(Upstream::Auth)),
            ("/guest", Some(Upstream::Auth)),
            ("/auth/oidc/callback", Some(Upstream::Auth)),
            ("/auth/oidc/callback/google", Some(Upstream::Auth)),
            ("/me/sessions", Some(Upstream::Auth)),
            ("/admin/classes/guest", Some(Upstream::Auth)),
            ("/.well-known/jwks.json", Some(Upstream::Auth)),
            ("/upload", Some(Upstream::Upload)),
            ("/upload/url", Some(Upstream::Upload)),
            ("/uploads/1", Some(Upstream::Upload)),
            ("/jobs", Some(Upstream::Jobs)),
            ("/jobs/1", Some(Upstream::Jobs)),
            ("/jobs/audio", Some(Upstream::Jobs)),
            ("/jobs/1/events", Some(Upstream::Jobs)),
            ("/jobs/events", Some(Upstream::Jobs)),
            ("/me", Some(Upstream::Auth)),
            ("/me/destinations/1/test", Some(Upstream::Auth)),
            ("/me/feeds", Some(Upstream::Download)),
            ("/me/feeds/1", Some(Upstream::Download)),
            ("/feeds/1/2.mp3", Some(Upstream::Download)),
            ("/jobs/archive", Some(Upstream::Download)),
            ("/jobs/1/audio", Some(Upstream::Download)),
            ("/jobs/1/link", Some(Upstream::Download)),
            ("/jobs/1/peaks", Some(Upstream::Download)),
            ("/jobs/1/audio/x", Some(Upstream::Jobs)),
            ("/jobs/1/deliveries", Some(Upstream::Jobs)),
            ("/deliveries", Some(Upstream::Jobs)),
            ("/deliveries/1/repeat", Some(Upstream::Jobs)),
            ("/deliveries/1/link", Some(Upstream::Jobs)),
            ("/admin/users", Some(Upstream::Auth)),
            ("/admin/users/1", Some(Upstream::Auth)),
            ("/admin/users/jobs", Some(Upstream::Auth)),
            ("/admin/deliveries", Some(Upstream::Jobs)),
            ("/admin/deliveries/1/drop", Some(Upstream::Jobs)),
            ("/admin/jobs/retry", Some(Upstream::Jobs)),
            ("/download", Some(Upstream::Download)),
            ("/loginx", None),
            ("/", None),
        ];
        for (path, owner) in cases {
            assert_eq!(upstream(path), owner, "{path}");
        }
    }

    #[test]
    fn a_video_may_be_fetched_from_a_link_for_as_long_as_a_request_may_take() {
        let usual = Duration::from_secs(100);
        assert_eq!(patience("/upload/url", usual).as_secs(), 600);
        assert_eq!(patience("/upload/url", Duration::from_secs(900)).as_secs(), 900);
        assert_eq!(patience("/upload", usual), usual);
    }
}
