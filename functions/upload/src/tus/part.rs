//! A part arrives.

use axum::{body::Body, http::StatusCode, response::Response};
use contracts::{EventId, State};
use db::PartialUpload;
use runtime::{Problem, drain};

use super::{
    end, gone,
    header::{self, Part},
    part_writer::{Ended, PartWriter},
    write_lock::{self, WriterActivity},
};
use crate::{Upload, refusal::Refusal};

/// Takes a part of an upload, whichever process had the one before.
pub(super) async fn receive(
    deps: &Upload,
    upload: PartialUpload,
    part: Part,
    body: Body,
) -> Result<Response, Problem> {
    let upload = accept(deps, upload, part, body).await?;
    Ok(header::state(&upload, StatusCode::NO_CONTENT))
}

/// How far the upload is afterwards. The body of a part that is refused is read and forgotten.
pub(super) async fn accept(
    deps: &Upload,
    upload: PartialUpload,
    part: Part,
    body: Body,
) -> Result<PartialUpload, Problem> {
    let me = EventId::generate();
    let upload = match begin(deps, upload, &part, me).await {
        Ok(upload) => upload,
        Err(problem) => {
            drain(body.into_data_stream()).await;
            return Err(problem);
        }
    };
    write_part(deps, upload, me, part, body).await
}

/// The upload, with this part as the one that writes.
async fn begin(
    deps: &Upload,
    upload: PartialUpload,
    part: &Part,
    me: EventId,
) -> Result<PartialUpload, Problem> {
    if upload.state != State::Uploading {
        // The end of an upload, sent again by a client that has not heard of it.
        return Err(Problem::conflict("This upload has ended. Ask with HEAD for its job."));
    }
    let mut upload = write_lock::take(deps, upload, me).await?;
    match fits(deps, &mut upload, part).await {
        Ok(()) => Ok(upload),
        Err(problem) => {
            give_back(deps, &upload, me).await;
            Err(problem)
        }
    }
}

/// Whether the part begins with the next byte and does not go beyond the whole.
async fn fits(deps: &Upload, upload: &mut PartialUpload, part: &Part) -> Result<(), Problem> {
    if upload.received != part.offset {
        let detail = format!("The next byte is {}, not {}. Go on from there.", upload.received, part.offset);
        return Err(Problem::conflict(detail).member("offset", upload.received));
    }
    if let Some(length) = part.length {
        declare(deps, upload, length).await?;
    }
    let limit = upload.length.unwrap_or(deps.config.max_bytes);
    if part.bytes.is_some_and(|bytes| bytes > limit - upload.received.min(limit)) {
        return Err(Refusal::TooLarge(limit).into());
    }
    Ok(())
}

async fn declare(deps: &Upload, upload: &mut PartialUpload, length: u64) -> Result<(), Problem> {
    if length > deps.config.max_bytes {
        return Err(Refusal::TooLarge(deps.config.max_bytes).into());
    }
    if upload.length.is_some_and(|known| known != length) || length < upload.received || length == 0 {
        return Err(Problem::bad_request("Upload-Length is not that of this upload."));
    }
    deps.db.uploads().declare(upload.id, length).await.map_err(Problem::of)?;
    upload.length = Some(length);
    Ok(())
}

async fn write_part(
    deps: &Upload,
    upload: PartialUpload,
    me: EventId,
    part: Part,
    body: Body,
) -> Result<PartialUpload, Problem> {
    let activity = WriterActivity::default();
    let written = tokio::select! {
        written = written(deps, &upload, (me, &activity), part, body) => written,
        never = activity.listen_for_ever(deps, &upload, me) => match never {},
    };
    if !matches!(written, Ok((_, true))) {
        give_back(deps, &upload, me).await;
    }
    match written?.0 {
        Ended::Whole => whole(deps, &upload, me).await,
        Ended::Broken(broken) => Err(Refusal::from(broken).into()),
        Ended::TooLong(limit) => Err(Refusal::TooLarge(limit).into()),
        Ended::GaveWay => Err(current(deps, &upload).await.err().unwrap_or_else(write_lock::locked)),
        Ended::OtherBytes => Err(other_bytes()),
        Ended::NoVideo => {
            end::abandon(deps, upload.id).await.map_err(Problem::of)?;
            Err(Refusal::UnknownContainer.into())
        }
    }
}

/// How the part ended, and whether what came of it is noted.
async fn written(
    deps: &Upload,
    upload: &PartialUpload,
    (me, activity): (EventId, &WriterActivity),
    part: Part,
    body: Body,
) -> Result<(Ended, bool), Refusal> {
    let checked = part.checksum.is_some();
    let mut writer = PartWriter::begin(deps, upload, me, activity).await?;
    let ended = writer.take(body, part.checksum).await?;
    let kept = match &ended {
        Ended::Whole | Ended::GaveWay => true,
        Ended::Broken(_) => !checked,
        Ended::TooLong(_) | Ended::NoVideo | Ended::OtherBytes => false,
    };
    let noted = kept && writer.note(true).await?;
    Ok((ended, noted))
}

/// After all of the part.
async fn whole(deps: &Upload, upload: &PartialUpload, me: EventId) -> Result<PartialUpload, Problem> {
    let upload = current(deps, upload).await?;
    if upload.part.is_some_and(|part| part != me) {
        // It took so long that another one took over.
        return Err(write_lock::locked());
    }
    end::if_complete(deps, upload).await
}

async fn current(deps: &Upload, upload: &PartialUpload) -> Result<PartialUpload, Problem> {
    deps.db.uploads().get(upload.id).await.map_err(Problem::of)?.ok_or_else(gone)
}

/// Lets others write. If that fails they ask, and take over from who does not answer.
async fn give_back(deps: &Upload, upload: &PartialUpload, me: EventId) {
    if let Err(error) = deps.db.uploads().release(upload.id, me).await {
        tracing::warn!(upload = %upload.id, %error, "an upload was not released");
    }
}

fn other_bytes() -> Problem {
    let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
    let detail = "The bytes have not the checksum that Upload-Checksum says. Send this part again.";
    Problem::new(status, "checksum-mismatch", detail)
}
