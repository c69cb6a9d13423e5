//! A feed in RSS 2.0, with the tags of iTunes and of Podcasting 2.0 that podcast apps look for (PSP-1: the "Podcast
//! Standard").

use std::collections::BTreeMap;

use contracts::{CoverPolicy, Format, JobId, Timestamp};
use db::{Audio, Feed, Job};
use rss::{
    Channel, Enclosure, Guid, Item,
    extension::{
        Extension, ExtensionMap,
        itunes::{ITunesCategory, ITunesChannelExtension, ITunesItemExtension},
    },
};

const ATOM: &str = "http://www.w3.org/2005/Atom";
const PODCAST: &str = "https://podcastindex.org/namespace/1.0";
/// Minutes after which an app may look again.
const LOOK_AGAIN: &str = "15";

/// What is to be written.
pub(crate) struct Written<'a> {
    pub(crate) feed: &'a Feed,
    /// The feed's address without its ending.
    pub(crate) address: &'a str,
    /// The address of its picture.
    pub(crate) cover: &'a str,
}

impl Written<'_> {
    /// The feed with these jobs.
    pub(crate) fn xml(&self, home: &str, jobs: Vec<Job>, with_chapters: &[JobId]) -> String {
        let name = self.feed.folder.as_deref().map(plain);
        let item = |job| self.item(job, with_chapters);
        let channel = Channel {
            title: name.map_or_else(|| "Tapedeck".into(), |folder| format!("{folder} (Tapedeck)")),
            link: home.to_owned(),
            description: "The newest audios that were made of your videos and are still kept.".into(),
            language: Some("en".into()),
            generator: Some("Tapedeck".into()),
            ttl: Some(LOOK_AGAIN.into()),
            items: jobs.into_iter().filter_map(item).collect(),
            itunes_ext: Some(self.channel_tags()),
            extensions: self.links(),
            namespaces: namespaces(),
            ..Channel::default()
        };
        channel.to_string()
    }

    fn channel_tags(&self) -> ITunesChannelExtension {
        ITunesChannelExtension {
            author: Some("Tapedeck".into()),
            // In lower case: some apps know no other.
            block: Some("yes".into()),
            categories: vec![ITunesCategory { text: "Education".into(), subcategory: None }],
            image: Some(self.cover.to_owned()),
            explicit: Some("false".into()),
            ..ITunesChannelExtension::default()
        }
    }

    fn links(&self) -> ExtensionMap {
        let url = format!("{}.xml", self.address);
        let own = [("href", url.as_str()), ("rel", "self"), ("type", "application/rss+xml")];
        let locked = Extension { value: Some("yes".into()), ..tag("podcast:locked", &[]) };
        ExtensionMap::from([
            ("atom".into(), BTreeMap::from([("link".into(), vec![tag("atom:link", &own)])])),
            ("podcast".into(), BTreeMap::from([("locked".into(), vec![locked])])),
        ])
    }

    /// A zip is nothing for a podcast app.
    fn item(&self, job: Job, with_chapters: &[JobId]) -> Option<Item> {
        let audio = job.audio.as_ref().filter(|_| job.options.extension() != "zip")?;
        let title = plain(&job.title().unwrap_or_else(|| "Audio".into()));
        let chapters = with_chapters.contains(&job.id).then(|| self.chapters(job.id));
        Some(Item {
            description: Some(format!("Made of {}", plain(&job.source.name))),
            enclosure: Some(self.enclosure(&job, audio)),
            guid: Some(Guid { value: job.id.to_string(), permalink: false }),
            pub_date: job.finished_at.map(date),
            itunes_ext: Some(ITunesItemExtension {
                author: job.options.artist.as_deref().map(plain),
                image: self.cover(&job),
                duration: Some(audio.duration.as_secs_f64().round().to_string()),
                explicit: Some("false".into()),
                episode_type: Some("full".into()),
                ..ITunesItemExtension::default()
            }),
            extensions: chapters.unwrap_or_default(),
            title: Some(title),
            ..Item::default()
        })
    }

    /// Whether there is a picture is seen when it is asked for.
    fn cover(&self, job: &Job) -> Option<String> {
        let may_have = job.options.format == Format::Mp3 && job.options.cover == CoverPolicy::Keep;
        may_have.then(|| format!("{}/{}.cover", self.address, job.id))
    }

    fn enclosure(&self, job: &Job, audio: &Audio) -> Enclosure {
        Enclosure {
            url: format!("{}/{}.{}", self.address, job.id, job.options.extension()),
            length: audio.bytes.to_string(),
            mime_type: job.options.media_type().into(),
        }
    }

    fn chapters(&self, id: JobId) -> ExtensionMap {
        let url = format!("{}/{id}.chapters.json", self.address);
        let chapters =
            tag("podcast:chapters", &[("url", url.as_str()), ("type", "application/json+chapters")]);
        ExtensionMap::from([("podcast".into(), BTreeMap::from([("chapters".into(), vec![chapters])]))])
    }
}

fn namespaces() -> BTreeMap<String, String> {
    [("atom", ATOM), ("podcast", PODCAST)].map(|(name, url)| (name.into(), url.into())).into()
}

fn tag(name: &str, attributes: &[(&str, &str)]) -> Extension {
    let attrs = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Extension { name: name.into(), attrs, ..Extension::default() }
}

/// RFC 822 has no other form for a time in UTC than that of HTTP.
fn date(at: Timestamp) -> String {
    let seconds = u64::try_from(at.millis() / 1000).unwrap_or(0);
    httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

/// Without what XML 1.0 has no way to write.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}
