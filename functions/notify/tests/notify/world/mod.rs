//! A real database file, a folder of mails, and just enough of a mail reader.

use std::{fs, path::PathBuf, time::Duration};

use contracts::{
    AudioReady, ConversionFailed, Envelope, Event, FailureCode, JobId, Options, UserId, VideoId, WebhookDue,
};
use db::{Audio, Claimed, Db, Finished, NewJob, NewUser, Source};
use identity::{Links, Proofs};
use notify::{MailConfig, Mailer, Notify, WebhookConfig, Webhooks};
use runtime::{Failure, Function};

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) links: Links,
    pub(crate) proofs: Proofs,
    pub(crate) anna: UserId,
    function: Function,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_address("anna@example.org").await
    }

    pub(crate) async fn with_address(address: &str) -> Self {
        let webhook = WebhookConfig { unsafe_targets_for_tests: true, ..WebhookConfig::default() };
        Self::with(address, &MailConfig::default(), &webhook).await
    }

    /// Mails go to a folder if `mail` says nothing else.
    pub(crate) async fn with(address: &str, mail: &MailConfig, webhook: &WebhookConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        db.migrate().await.unwrap();
        let links = Links::load_or_create(&folder.path().join("links")).unwrap();
        let proofs = Proofs::load_or_create(&folder.path().join("proofs")).unwrap();
        let files = format!("file:{}", folder.path().join("mail").display());
        let url = if mail.url.is_empty() { files } else { mail.url.clone() };
        let config = MailConfig { url, from: "Tapedeck <deck@example.org>".into(), ..mail.clone() };
        let deps = Notify {
            db: db.clone(),
            mailer: Mailer::open(&config).unwrap(),
            links: links.clone(),
            proofs: proofs.clone(),
            webhooks: Webhooks::new(webhook).unwrap(),
            public_url: "https://tapedeck.example.org/".into(),
            link_days: config.link_days,
        };
        let anna = user(&db, address, true).await;
        Self { db, links, proofs, anna, function: notify::function(deps), folder }
    }

    pub(crate) async fn user(&self, email: &str, verified: bool) -> UserId {
        user(&self.db, email, verified).await
    }

    /// As the broker does.
    pub(crate) async fn deliver<E: Event>(&self, event: &E) -> Result<(), Failure> {
        self.deliver_and_reply(event).await.map(|replies| assert!(replies.is_empty()))
    }

    /// The same, for a handler that passes something on.
    pub(crate) async fn deliver_and_reply<E: Event>(&self, event: &E) -> Result<Vec<Envelope>, Failure> {
        self.function.deliver(Envelope::of(event).unwrap()).await
    }

    /// Attempts to call webhooks that are due now.
    pub(crate) async fn webhooks_due(&self) -> Vec<WebhookDue> {
        let due = self.db.due_events(WebhookDue::TYPE, 100, &[]).await.unwrap();
        due.into_iter().map(|pending| serde_json::from_value(pending.envelope.data).unwrap()).collect()
    }

    async fn converting(&self, name: &str, options: &Options) -> Claimed {
        let id = JobId::generate();
        let new = NewJob { id, user_id: self.anna, video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        let source = Source { name: name.into(), bytes: 10, container: "mp4".into(), ..Source::default() };
        self.db.jobs().queue(id, &source, options).await.unwrap().unwrap();
        self.db.jobs().claim_next(Duration::from_secs(60)).await.unwrap().unwrap()
    }

    /// A finished job of Anna's.
    pub(crate) async fn done(&self, name: &str, options: Options, warning: Option<&str>) -> AudioReady {
        let claimed = self.converting(name, &options).await;
        let (id, duration) = (claimed.lease.audio_id, Duration::from_millis(187_400));
        let audio = Audio { id, bytes: 4_200_000, duration, codec: "mp3".into(), bitrate: 128_000 };
        let finished = Finished {
            audio,
            source_codec: None,
            source_duration: None,
            warning: warning.map(str::to_owned),
            keep: Duration::from_secs(86_400),
        };
        self.db.jobs().finish(&claimed.lease, &finished, "1").await.unwrap().unwrap().event
    }

    /// A failed job of Anna's.
    pub(crate) async fn failed(&self, name: &str, code: FailureCode, detail: &str) -> ConversionFailed {
        self.failed_with(name, &Options::default(), code, detail).await
    }

    pub(crate) async fn failed_with(
        &self,
        name: &str,
        options: &Options,
        code: FailureCode,
        detail: &str,
    ) -> ConversionFailed {
        let claimed = self.converting(name, options).await;
        self.db.jobs().fail(&claimed.lease, code, detail).await.unwrap().unwrap().event
    }

    fn mail_folder(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    pub(crate) fn mails(&self) -> Vec<PathBuf> {
        fs::read_dir(self.mail_folder()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    pub(crate) fn mail(&self, job: JobId, kind: &str) -> Option<String> {
        fs::read_to_string(self.mail_folder().join(format!("{job}-{kind}.eml"))).ok()
    }

    /// The folder of mails goes away.
    pub(crate) fn break_mailer(&self) {
        fs::remove_dir(self.mail_folder()).unwrap();
    }

    pub(crate) fn mend_mailer(&self) {
        fs::create_dir(self.mail_folder()).unwrap();
    }
}

async fn user(db: &Db, email: &str, verified: bool) -> UserId {
    let new = NewUser { email: email.into(), password_hash: "x".into(), admin_if_first: false, verified };
    db.create_user(new).await.unwrap().0.id
}

/// The header lines, unfolded.
fn headers(mail: &str) -> Vec<String> {
    let head = mail.split("\r\n\r\n").next().unwrap();
    head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
}

pub(crate) fn header_names(mail: &str) -> Vec<&str> {
    let head = mail.split("\r\n\r\n").next().unwrap();
    let lines = head.split("\r\n").filter(|line| !line.starts_with(' '));
    lines.map(|line| line.split(':').next().unwrap()).collect()
}

pub(crate) fn header(mail: &str, name: &str) -> String {
    let start = format!("{name}: ");
    headers(mail).iter().find_map(|line| line.strip_prefix(&start).map(str::to_owned)).unwrap()
}

/// The text and the HTML.
pub(crate) fn parts(mail: &str) -> (String, String) {
    let boundary = mail.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    let parts: Vec<&str> = mail.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "two parts");
    (body(parts[1], "text/plain"), body(parts[2], "text/html"))
}

fn body(part: &str, kind: &str) -> String {
    let (head, body) = part.trim_start().split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Type: {kind}; charset=utf-8")), "{head}");
    if head.contains("quoted-printable") {
        quoted_printable(&body.replace("=\r\n", "")).replace("\r\n", "\n")
    } else if head.contains("base64") {
        String::from_utf8(base64(body)).unwrap().replace("\r\n", "\n")
    } else {
        body.replace("\r\n", "\n")
    }
}

/// A header with encoded words (RFC 2047, `b` only: the one that lettre writes).
pub(crate) fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    for (place, word) in value.split(' ').enumerate() {
        match word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?=")) {
            Some(word) => {
                let before = place > 0 && !value.split(' ').nth(place - 1).unwrap().starts_with("=?");
                bytes.extend(before.then_some(b' '));
                bytes.extend(base64(word));
            }
            None => {
                bytes.extend((place > 0).then_some(b' '));
                bytes.extend(word.as_bytes());
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let place = |byte: u8| alphabet.iter().position(|known| *known == byte);
    let (mut bits, mut count, mut out) = (0usize, 0, Vec::new());
    for value in text.bytes().filter_map(place) {
        (bits, count) = ((bits << 6 | value) & 0xffff, count + 6);
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    out
}
