//! A look at what the platform keeps: orphans, dead letters, mails.

use std::{fs, path::Path, time::Duration};

use blobs::{Blob, Blobs, Bucket};
use db::Db;

/// What nobody wants to inherit. The default is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Blobs that no row names.
    pub blobs: Vec<String>,
    /// Half-written files.
    pub partials: Vec<String>,
    /// Events that could not be delivered.
    pub dead_letters: Vec<String>,
    /// Mails that no notification stands for, or that are half-written.
    pub mails: Vec<String>,
}

pub(crate) async fn leftovers(data: &Path, db: &Db) -> Leftovers {
    let blobs = Blobs::open(&format!("file:{}", data.join("blobs").display())).unwrap();
    let mut left = Leftovers { partials: names(&data.join("blobs/partial")), ..Leftovers::default() };
    for bucket in Bucket::ALL {
        for blob in blobs.older_than(bucket, Duration::ZERO).await.unwrap() {
            let named = match blob {
                Blob::Video(id) => db.names_video(id).await.unwrap(),
                Blob::Audio(id) => db.names_audio(id).await.unwrap(),
            };
            if !named {
                left.blobs.push(blob.to_string());
            }
        }
    }
    for dead in db.dead_letters().await.unwrap() {
        left.dead_letters
            .push(format!("{} {}: {}", dead.envelope.kind, dead.envelope.subject, dead.last_error));
    }
    left.mails = names(&data.join("mails")).into_iter().filter(|name| !name.ends_with(".eml")).collect();
    left
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A mail as it was sent.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its file.
    pub file: String,
    /// All of it, headers too, as it would go over the wire.
    pub raw: String,
}

impl Mail {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.raw.split("\r\n\r\n").next()?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The text with quoted-printable undone (soft line breaks and `=3D`, which links are full of).
    #[must_use]
    pub fn text(&self) -> String {
        self.raw.replace("=\r\n", "").replace("=3D", "=")
    }

    /// The download link in it.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        let text = self.text();
        let start = text.find("http")?;
        Some(text[start..].split_whitespace().next()?.to_owned())
    }
}

pub(crate) fn mails(data: &Path) -> Vec<Mail> {
    let folder = data.join("mails");
    let read = |file: String| Mail { raw: fs::read_to_string(folder.join(&file)).unwrap(), file };
    names(&folder).into_iter().filter(|name| name.ends_with(".eml")).map(read).collect()
}
