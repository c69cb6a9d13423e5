//! A description as the `metadata` of a files document.

use mongodb::bson::{Bson, Document};

use crate::Description;

/// `job`, `container`, `codecs`, `duration` (seconds), `status`; those that are known, each after `prefix`.
pub(super) fn fields(description: &Description, prefix: &str) -> Document {
    let Description { job, container, codecs, duration, status } = description;
    let known: [(&str, Option<Bson>); 5] = [
        ("job", job.map(|job| job.to_string().into())),
        ("container", container.clone().map(Bson::from)),
        ("codecs", (!codecs.is_empty()).then(|| codecs.clone().into())),
        ("duration", duration.map(|duration| duration.as_secs_f64().into())),
        ("status", status.map(|status| status.to_string().into())),
    ];
    known.into_iter().filter_map(|(name, value)| Some((format!("{prefix}{name}"), value?))).collect()
}
