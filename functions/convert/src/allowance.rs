//! How much video the owner of a job may have converted.

use std::{future::pending, time::Duration};

use contracts::FailureCode;
use db::Claimed;
use tokio::time::sleep;

use crate::{Convert, outcome::Outcome, run::Progress};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How much that is now; `None`: any length.
pub(crate) async fn left(cx: &Convert, claimed: &Claimed) -> Option<Duration> {
    match cx.db.allowance(claimed.job.user_id).await {
        Ok(allowance) => allowance.and_then(|allowance| allowance.video_left()),
        Err(error) => {
            tracing::warn!(job = %claimed.job.id, %error, "quota unknown: converted without limit");
            None
        }
    }
}

/// Ends if the video turns out to be longer than what is `left`: as soon as the file says so, or has come so far. An
/// upload does not know how long its video is; what was converted counts when it has ended.
pub(crate) async fn exceeded(left: Option<Duration>, progress: &Progress) -> Outcome {
    let Some(left) = left else { return pending().await };
    while length(progress) <= left.as_secs_f64() {
        sleep(LOOK).await;
    }
    let minutes = left.as_secs() / 60;
    Outcome::Failed(
        FailureCode::TooLong,
        format!("it is longer than the {minutes} min of video that you may have converted in 24 hours now"),
    )
}

/// In seconds: as the file says it, if it does, else how far it has come.
fn length(progress: &Progress) -> f64 {
    let position = Duration::from_micros(progress.position()).as_secs_f64();
    match progress.get() {
        share if share > 0.0 => position / share,
        _ => position,
    }
}
