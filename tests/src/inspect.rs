//! A look at what the platform keeps: orphans, dead letters, mails.

use std::{fs, path::Path, time::SystemTime};

use blobs::{Blob, Blobs, Bucket, Stored};
use contracts::Outcome;
use db::Db;

use crate::{Platform, world::World};

/// What nobody wants to inherit. The default is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Blobs, whole or half-written, that no row names, neither as a job's nor as garbage.
    pub blobs: Vec<String>,
    /// Mails and webhooks that could not be delivered.
    pub dead_letters: Vec<String>,
}

/// Whether no event is to be delivered, no job is on its way and every owner has been told; what else there is.
pub(crate) async fn at_rest(db: &Db) -> Result<(), String> {
    // A busy database is no rest.
    let jobs = db.jobs().count_unfinished().await.unwrap_or(1);
    let events = db.outbox().any_waiting().await.unwrap_or(true);
    let deliveries = db.deliveries().any_waiting().await.unwrap_or(true);
    if jobs == 0 && !events && !deliveries {
        return Ok(());
    }
    Err(format!("{jobs} jobs, events: {events}, deliveries: {deliveries}"))
}

/// More blobs than any test makes.
const MOST: usize = 10_000;

pub(crate) async fn leftovers(blobs: &Blobs, db: &Db) -> Leftovers {
    let mut left = Leftovers::default();
    for bucket in Bucket::ALL {
        let mut stored = blobs.page(bucket, None, MOST).await.unwrap();
        stored.extend(blobs.partials(bucket, None, MOST).await.unwrap());
        for Stored { blob, .. } in stored {
            let named = match blob {
                Blob::Video(id) => !db.jobs().known_videos(&[id]).await.unwrap().is_empty(),
                Blob::Audio(id) | Blob::Peaks(id) => !db.jobs().known_audios(&[id]).await.unwrap().is_empty(),
            };
            if !named {
                left.blobs.push(blob.to_string());
            }
        }
    }
    for dead in db.deliveries().ended(Outcome::Dead, 1000, None).await.unwrap() {
        left.dead_letters.push(format!("{} {}: {:?}", dead.channel, dead.message, dead.detail));
    }
    left
}

/// A mail as it was sent.
#[derive(Clone, Debug)]
pub struct Mail {
    /// All of it, headers too, as it went over the wire.
    pub raw: String,
    /// When it came.
    pub at: SystemTime,
}

impl Mail {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.raw
            .lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The id in its `Message-ID: <ID.KIND@HOST>`: the job that it is about.
    #[must_use]
    pub fn job(&self) -> &str {
        self.message().0
    }

    fn message(&self) -> (&str, &str) {
        let id = self.header("Message-ID").unwrap().trim_matches(['<', '>']);
        id.split('@').next().unwrap().split_once('.').unwrap()
    }

    pub(crate) fn is_about_a_job(&self) -> bool {
        // The second end of a job that was tried again is told by `failed-2`.
        matches!(self.message().1.split('-').next(), Some("ready" | "failed"))
    }

    /// The text with quoted-printable undone (soft line breaks and `=3D`, which links are full of).
    #[must_use]
    pub fn text(&self) -> String {
        self.raw.replace("\r\n", "\n").replace("=\n", "").replace("=3D", "=")
    }

    /// The download link in it.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        let text = self.text();
        let start = text.find("http")?;
        Some(text[start..].split_whitespace().next()?.to_owned())
    }
}

/// Each file of a folder as a mail.
pub(crate) fn mail_files(folder: &Path) -> Vec<Mail> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mail = |path: &Path| Mail {
        raw: fs::read_to_string(path).unwrap(),
        at: fs::metadata(path).unwrap().modified().unwrap(),
    };
    entries.map(|entry| mail(&entry.unwrap().path())).collect()
}

impl Platform {
    /// What of `/proc/PID/status` the process that is this function now has, in MiB; none, if it sleeps.
    #[must_use]
    pub fn memory_of(&self, function: &str, name: &str) -> Option<u64> {
        let pid = match self.world() {
            World::Embedded(embedded) => Some(embedded.id()),
            World::Fleet(fleet) => Some(fleet.id(function)),
            World::Cluster(cluster) => cluster.world.pid(function),
        };
        pid.map(|pid| memory_mib(pid, name))
    }
}

/// A line of `/proc/PID/status` (proc(5)) in MiB: `VmRSS:` is memory now, `VmHWM:` the most there ever was.
///
/// # Panics
/// If there is no such process or line.
#[must_use]
pub fn memory_mib(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
