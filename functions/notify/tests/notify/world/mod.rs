//! A real database file whose clock the test turns, and a folder of mails.

use std::{fs, path::PathBuf, time::Duration};

use contracts::{
    AudioReady, Clock, ConversionFailed, DeliveryDue, DeliveryId, Ended, Envelope, FailureCode, JobId,
    NotifyBy, Options, Outcome, Recorded, Timestamp, UserId, VideoId,
};
use db::{Audio, Claimed, Db, Delivery, Finished, NewJob, NewUser, Source};
use identity::{Links, Proofs};
use notify::{MailConfig, Notify, WebhookConfig};
use runtime::{Call, Function};

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) links: Links,
    pub(crate) proofs: Proofs,
    pub(crate) anna: UserId,
    pub(crate) notify: Function,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_address("anna@example.org").await
    }

    pub(crate) async fn with_address(address: &str) -> Self {
        Self::with(address, &MailConfig::default(), &webhooks_anywhere()).await
    }

    /// Whose mails go to the mail server on this port.
    pub(crate) async fn with_server(port: u16) -> Self {
        Self::with("anna@example.org", &mail_server(port), &webhooks_anywhere()).await
    }

    /// Mails go to a folder if `mail` says nothing else.
    pub(crate) async fn with(address: &str, mail: &MailConfig, webhook: &WebhookConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::now());
        let db = Db::open(&format!("sqlite:{}", folder.path().join("db").display()), 4).unwrap();
        let db = db.with_clock(clock.clone());
        db.migrate().await.unwrap();
        let links = Links::load_or_create(&folder.path().join("links")).unwrap();
        let proofs = Proofs::load_or_create(&folder.path().join("proofs")).unwrap();
        let files = format!("file:{}", folder.path().join("mail").display());
        let url = if mail.url.is_empty() { files } else { mail.url.clone() };
        let mail = MailConfig { url, from: "Tapedeck <deck@example.org>".into(), ..mail.clone() };
        let keys = (links.clone(), proofs.clone());
        let notify =
            Notify::new(db.clone(), keys, (&mail, webhook), "https://tapedeck.example.org/").unwrap();
        let anna = user(&db, address, true).await.0;
        Self { db, clock, links, proofs, anna, notify: notify::function(notify), folder }
    }

    /// Another process over the same database, whose mails go to the mail server on this port.
    pub(crate) fn another(&self, port: u16) -> Function {
        let db = Db::open(&format!("sqlite:{}", self.folder.path().join("db").display()), 4).unwrap();
        let mail = MailConfig { from: "Tapedeck <deck@example.org>".into(), ..mail_server(port) };
        let keys = (self.links.clone(), self.proofs.clone());
        let config = (&mail, &webhooks_anywhere());
        let url = "https://tapedeck.example.org/";
        notify::function(Notify::new(db.with_clock(self.clock.clone()), keys, config, url).unwrap())
    }

    /// With the mail that welcomes.
    pub(crate) async fn user(&self, email: &str, verified: bool) -> (UserId, DeliveryId) {
        user(&self.db, email, verified).await
    }

    /// As the broker does.
    pub(crate) async fn deliver(&self, id: DeliveryId) {
        deliver_by(&self.notify, id).await;
    }

    /// As the broker does with what follows from a job's end.
    pub(crate) async fn tell<E>(&self, ended: &Ended<E>) {
        for due in &ended.deliveries {
            self.deliver(due.event.delivery_id).await;
        }
    }

    /// What the sweep says is due now, and the broker delivers one after the other. Returns how many.
    pub(crate) async fn announce(&self) -> usize {
        let due = self.announced().await;
        for id in &due {
            self.deliver(*id).await;
        }
        due.len()
    }

    /// What the sweep says is due now.
    pub(crate) async fn announced(&self) -> Vec<DeliveryId> {
        let due = self.db.deliveries().announce(Duration::ZERO, 8).await.unwrap();
        due.into_iter().map(|due| due.event.delivery_id).collect()
    }

    /// Time goes by, for the rows and for what the process remembers.
    pub(crate) async fn pass(&self, span: Duration) {
        self.clock.advance(span);
        tokio::time::pause();
        tokio::time::advance(span).await;
        tokio::time::resume();
    }

    /// Time goes by until the delivery is due.
    pub(crate) async fn pass_until_due(&self, id: DeliveryId) {
        let pause = self.row(id).await.due_at.unwrap().millis() - self.clock.now().millis();
        self.pass(Duration::from_millis(u64::try_from(pause).unwrap())).await;
    }

    pub(crate) async fn row(&self, id: DeliveryId) -> Delivery {
        self.db.deliveries().get(id).await.unwrap().unwrap()
    }

    pub(crate) async fn outcome(&self, id: DeliveryId) -> Option<Outcome> {
        self.row(id).await.outcome
    }

    /// Holds a delivery against how it has to have ended.
    pub(crate) async fn assert_ended(&self, id: DeliveryId, outcome: Outcome, why: &str) {
        let row = self.row(id).await;
        assert_eq!((row.outcome, row.detail.as_deref(), row.due_at), (Some(outcome), Some(why), None));
    }

    async fn converting(&self, owner: UserId, name: &str, options: &Options) -> Claimed {
        let id = JobId::generate();
        let new = NewJob { id, user_id: owner, video_id: VideoId::generate() };
        self.db.jobs().create(&new).await.unwrap();
        let source = Source { name: name.into(), bytes: 10, container: "mp4".into(), ..Source::default() };
        self.db.jobs().queue(id, &source, options).await.unwrap().unwrap();
        self.claim().await
    }

    pub(crate) async fn claim(&self) -> Claimed {
        self.db.jobs().claim_next(Duration::from_secs(60)).await.unwrap().unwrap()
    }

    /// A finished job of Anna's.
    pub(crate) async fn done(
        &self,
        name: &str,
        options: Options,
        warning: Option<&str>,
    ) -> Ended<AudioReady> {
        let claimed = self.converting(self.anna, name, &options).await;
        self.finish(&claimed, warning).await
    }

    /// A finished job of somebody's.
    pub(crate) async fn done_by(&self, owner: UserId, options: Options) -> Ended<AudioReady> {
        let claimed = self.converting(owner, "a.mp4", &options).await;
        self.finish(&claimed, None).await
    }

    async fn finish(&self, claimed: &Claimed, warning: Option<&str>) -> Ended<AudioReady> {
        let (id, duration) = (claimed.lease.audio_id, Duration::from_millis(187_400));
        let audio = Audio { id, bytes: 4_200_000, duration, codec: "mp3".into(), bitrate: 128_000 };
        let finished = Finished {
            audio,
            peaks: None,
            source_codec: None,
            source_duration: None,
            warning: warning.map(str::to_owned),
            keep: Duration::from_secs(7 * 86_400),
        };
        self.db.jobs().finish(claimed, &finished, "1").await.unwrap().unwrap()
    }

    /// The mails of so many finished jobs of Anna's.
    pub(crate) async fn mails_of_jobs(&self, count: usize) -> Vec<DeliveryId> {
        let mut mails = Vec::new();
        for _ in 0..count {
            mails.push(only(&self.done("a.mp4", Options::default(), None).await));
        }
        mails
    }

    /// A failed job of Anna's.
    pub(crate) async fn failed(
        &self,
        name: &str,
        code: FailureCode,
        detail: &str,
    ) -> Ended<ConversionFailed> {
        self.failed_with(name, &Options::default(), code, detail).await
    }

    pub(crate) async fn failed_with(
        &self,
        name: &str,
        options: &Options,
        code: FailureCode,
        detail: &str,
    ) -> Ended<ConversionFailed> {
        let claimed = self.converting(self.anna, name, options).await;
        self.fail(&claimed, code, detail).await
    }

    pub(crate) async fn fail(
        &self,
        claimed: &Claimed,
        code: FailureCode,
        detail: &str,
    ) -> Ended<ConversionFailed> {
        self.db.jobs().fail(claimed, code, detail).await.unwrap().unwrap()
    }

    /// Nobody can read the user's row any more.
    pub(crate) fn spoil(&self, user: UserId) {
        self.run(&format!("UPDATE users SET role = 'wizard' WHERE id = '{user}'"));
    }

    /// A statement that the platform has no use for.
    pub(crate) fn run(&self, sql: &str) {
        let script = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], 60); db.execute(sys.argv[2]); db.commit()";
        let mut python = crate::servers::command("/usr/bin/python3");
        python.args(["-c", script]).arg(self.folder.path().join("db")).arg(sql);
        assert!(python.status().unwrap().success());
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

pub(crate) fn webhooks_anywhere() -> WebhookConfig {
    WebhookConfig { unsafe_targets_for_tests: true, ..WebhookConfig::default() }
}

pub(crate) fn mail_server(port: u16) -> MailConfig {
    MailConfig { url: format!("smtp://127.0.0.1:{port}?tls=none"), ..MailConfig::default() }
}

/// A webhook and no mail.
pub(crate) fn webhook(url: &str) -> Options {
    Options { webhook: Some(url.into()), notify: Some(NotifyBy::None), ..Options::default() }
}

pub(crate) async fn deliver_by(notify: &Function, id: DeliveryId) {
    let event = Envelope::of(&DeliveryDue { delivery_id: id }, Timestamp::now()).unwrap();
    assert!(notify.deliver(event, Call::default()).await.unwrap().is_empty());
}

/// The one delivery that follows from a job's end.
pub(crate) fn only<E>(ended: &Ended<E>) -> DeliveryId {
    assert_eq!(ended.deliveries.len(), 1);
    ended.deliveries[0].event.delivery_id
}

pub(crate) fn named(due: Option<Recorded<DeliveryDue>>) -> DeliveryId {
    due.unwrap().event.delivery_id
}

async fn user(db: &Db, email: &str, verified: bool) -> (UserId, DeliveryId) {
    let new = NewUser { email: email.into(), password_hash: "x".into(), admin_if_first: false, verified };
    let (user, registered) = db.create_user(new).await.unwrap();
    (user.id, only(&registered))
}
