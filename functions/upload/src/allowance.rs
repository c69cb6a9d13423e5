//! What the account of who uploads may use, held against it before a byte is read.

use std::time::Duration;

use contracts::UserId;
use db::{Allowance, Quota};
use runtime::{Problem, too_many};

use crate::{Upload, UploadConfig};

/// Less than this is nothing: so much has come back when a refused client is told to come again.
const LEAST: Duration = Duration::from_secs(60);

/// The same with the limits of this account.
///
/// # Errors
/// 429 for too many uploads in an hour or no minutes left, 409 for too many jobs at once.
pub(crate) async fn narrowed(deps: Upload, user_id: UserId) -> Result<Upload, Problem> {
    if deps.config.per_hour > 0 {
        let quota = Quota::an_hour(deps.config.per_hour);
        let taken = deps.db.take(&format!("uploads {user_id}"), 1, quota).await.map_err(Problem::of)?;
        taken.map_err(|wait| {
            too_many("uploads", (quota.amount, quota.window), wait, "You have uploaded too many videos.")
        })?;
    }
    // The account is gone since its credentials were checked: what it does from here on finds that out.
    let Some(allowance) = deps.db.allowance(user_id).await.map_err(Problem::of)? else { return Ok(deps) };
    check(&allowance)?;
    Ok(within(deps, &allowance))
}

/// The same for an upload that has begun: how large it may be.
///
/// # Errors
/// 503 if the database is away.
pub(crate) async fn bounded(deps: Upload, user_id: UserId) -> Result<Upload, Problem> {
    let allowance = deps.db.allowance(user_id).await.map_err(Problem::of)?;
    Ok(match allowance {
        Some(allowance) => within(deps, &allowance),
        None => deps,
    })
}

fn within(deps: Upload, allowance: &Allowance) -> Upload {
    let most = deps.config.max_bytes;
    let max_bytes = allowance.class.bytes_per_file.map_or(most, |bytes| bytes.min(most));
    Upload { config: UploadConfig { max_bytes, ..deps.config }, ..deps }
}

fn check(allowance: &Allowance) -> Result<(), Problem> {
    let class = &allowance.class;
    if let Some(most) = class.jobs_at_once.filter(|most| allowance.jobs >= *most) {
        let detail = format!(
            "You have {} open jobs, and may have {most} at once. Wait until one has ended, or cancel one.",
            allowance.jobs
        );
        return Err(Problem::conflict(detail).member("limit", most));
    }
    if let (Some(minutes), Some(left)) = (class.minutes_a_day, allowance.video_left())
        && left < LEAST
    {
        let quota = Quota::a_day(minutes);
        let detail =
            format!("You have had {minutes} minutes of video converted in 24 hours, which is your limit.");
        return Err(too_many("minutes", (minutes, quota.window), allowance.video_wait(), &detail));
    }
    Ok(())
}
