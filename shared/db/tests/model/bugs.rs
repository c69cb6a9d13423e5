//! Bugs, each put into the world by itself: the search must find every one. Those with a number were in an earlier version
//! of the platform.
//!
//! Most are what the rows look like after a wrong call, as SQL after the right one.

use db::Release;

use crate::{
    actors::{owner, sender, sweeper, worker},
    moves::Move,
    rows::{NOW, TICK},
    world::{Mail, Media, State, World, job_id},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A3: a mail that fails has nobody who tries it again.
    FailedMailIsForgotten,
    /// A4: who starts takes the jobs of all others for lost.
    RestartTakesAllLeases,
    /// A5: a store that is away is waited for for ever.
    OutageIsNotCounted,
    /// A6: who does not hear whether the end was written throws the audio away.
    UnsureConverterDeletesItsAudio,
    /// A6: who does not hear whether the upload was accepted throws the video away.
    UnsureUploadDeletesItsVideo,
    /// A7: what can't be told to a locked account is announced for ever.
    LockedAccountIsAnnouncedForEver,
    /// A11: a video is removed because it was due when the list was made; meanwhile the job is tried again.
    VideoIsRemovedByAnOldList,
    /// A20: a job is requeued because its lease had expired when the list was made; meanwhile it was extended.
    LeaseIsTakenBackByAnOldList,
    /// A lost ticket is lost for good.
    TicketsAreNotIssuedAgain,
    /// A lost hint at a delivery is lost for good.
    DeliveriesAreNotAnnouncedAgain,
    /// Who cancels leaves the audio of the attempt unnamed.
    CancelNamesNoGarbage,
    /// A blob that can't be deleted is forgotten.
    StubbornGarbageIsForgotten,
    /// Who failed to send makes the delivery due again, although another one has it by now.
    SettlesWithoutItsClaim,
    /// The end is written, and in another transaction whom to tell: the process died in between.
    EndWithoutItsDelivery,
    /// The end of an attempt whose lease is lost counts.
    LateEndCounts,
    /// A converter that crashes each time is started for ever.
    AttemptsAreNotCounted,
    /// A job that rests is not woken.
    RestHasNoEnd,
    /// A job that is tried again goes before those that wait.
    RetriedJobsGoFirst,
}

impl Bug {
    pub(crate) const ALL: [Self; 18] = [
        Self::FailedMailIsForgotten,
        Self::RestartTakesAllLeases,
        Self::OutageIsNotCounted,
        Self::UnsureConverterDeletesItsAudio,
        Self::UnsureUploadDeletesItsVideo,
        Self::LockedAccountIsAnnouncedForEver,
        Self::VideoIsRemovedByAnOldList,
        Self::LeaseIsTakenBackByAnOldList,
        Self::TicketsAreNotIssuedAgain,
        Self::DeliveriesAreNotAnnouncedAgain,
        Self::CancelNamesNoGarbage,
        Self::StubbornGarbageIsForgotten,
        Self::SettlesWithoutItsClaim,
        Self::EndWithoutItsDelivery,
        Self::LateEndCounts,
        Self::AttemptsAreNotCounted,
        Self::RestHasNoEnd,
        Self::RetriedJobsGoFirst,
    ];

    /// A world that is large enough to show it.
    pub(crate) fn ground(self, world: &World) -> World {
        let world = *world;
        let quiet = World { mail: Mail::Unwanted, ..world };
        match self {
            Self::FailedMailIsForgotten
            | Self::DeliveriesAreNotAnnouncedAgain
            | Self::EndWithoutItsDelivery => World { faults: 1, ..world },
            Self::SettlesWithoutItsClaim => World { senders: 2, faults: 1, ..world },
            Self::LockedAccountIsAnnouncedForEver => World { wishes: 1, ..world },
            Self::OutageIsNotCounted | Self::RestHasNoEnd => World { media: Media::Outage, ..quiet },
            Self::AttemptsAreNotCounted => World { media: Media::Crash, ..quiet },
            Self::UnsureUploadDeletesItsVideo => World { uploads: true, faults: 1, ..quiet },
            Self::RestartTakesAllLeases => World { jobs: 2, workers: 2, faults: 1, ..quiet },
            Self::RetriedJobsGoFirst => World { jobs: 2, wishes: 2, ..quiet },
            Self::VideoIsRemovedByAnOldList => World { wishes: 2, ..quiet },
            Self::LateEndCounts | Self::CancelNamesNoGarbage => World { faults: 1, wishes: 1, ..quiet },
            Self::UnsureConverterDeletesItsAudio
            | Self::LeaseIsTakenBackByAnOldList
            | Self::TicketsAreNotIssuedAgain
            | Self::StubbornGarbageIsForgotten => World { faults: 1, ..quiet },
        }
    }

    /// What the bug does to the rows after `chosen`. Some are not in the rows, but in what the actors do.
    pub(crate) fn sql(self, chosen: Move, before: &State) -> Option<String> {
        match (self, chosen) {
            (Self::FailedMailIsForgotten, Move::Sender(_, sender::Move::CannotSend)) => {
                Some("UPDATE deliveries SET due_at = NULL".into())
            }
            (Self::SettlesWithoutItsClaim, Move::Sender(who, sender::Move::CannotSend)) => {
                let id = before.senders[who].as_ref()?.claim.delivery.id;
                Some(format!(
                    "UPDATE deliveries SET due_at = {NOW}, claim = NULL WHERE id = '{id}' AND ended_at IS NULL"
                ))
            }
            (Self::RestartTakesAllLeases, Move::Worker(_, worker::Move::Crashes)) => Some(waits_again("1")),
            (Self::OutageIsNotCounted, Move::Worker(_, worker::Move::GivesBack(Release::Outage))) => {
                Some("UPDATE jobs SET outages = 0".into())
            }
            (Self::RestHasNoEnd, Move::Worker(_, worker::Move::GivesBack(Release::Outage))) => {
                Some("UPDATE jobs SET look_at = NULL WHERE state = 'queued'".into())
            }
            (Self::AttemptsAreNotCounted, Move::Worker(_, worker::Move::TakesTicket)) => {
                Some("UPDATE jobs SET attempts = 0".into())
            }
            (Self::EndWithoutItsDelivery, Move::Worker(_, worker::Move::FinishesUnheard)) => {
                Some("DELETE FROM deliveries".into())
            }
            (Self::LateEndCounts, Move::Worker(who, worker::Move::Finishes)) => late_end(before, who),
            (Self::CancelNamesNoGarbage, Move::Owner(_, owner::Move::Cancels)) => {
                Some("DELETE FROM garbage WHERE bucket = 'audios'".into())
            }
            (Self::RetriedJobsGoFirst, Move::Owner(job, owner::Move::Retries)) => Some(format!(
                "UPDATE jobs SET queue_rank = queue_rank - 9999999 WHERE id = '{}'",
                job_id(job)
            )),
            (_, Move::Sweeper(step)) => self.sql_of_sweeper(step, before),
            _ => None,
        }
    }

    fn sql_of_sweeper(self, step: sweeper::Move, before: &State) -> Option<String> {
        match (self, step) {
            (Self::VideoIsRemovedByAnOldList, sweeper::Move::LooksLateAt(job)) => {
                let row = before
                    .job(job)
                    .filter(|row| row.text("state") == "queued" && row.int("end_no") > Some(0))?;
                let (id, video) = (row.text("id"), row.text("video_id"));
                Some(format!(
                    "UPDATE jobs SET video_removed_at = {NOW} WHERE id = '{id}'; \
                     INSERT OR IGNORE INTO garbage VALUES ('videos', '{video}', 0, {NOW})"
                ))
            }
            (Self::LeaseIsTakenBackByAnOldList, sweeper::Move::LooksLateAt(job)) => {
                Some(waits_again(&format!("id = '{}'", job_id(job))))
            }
            (Self::DeliveriesAreNotAnnouncedAgain, sweeper::Move::Announces) => {
                Some("DELETE FROM outbox".into())
            }
            (Self::StubbornGarbageIsForgotten, sweeper::Move::CannotDelete(_)) => {
                Some(format!("DELETE FROM garbage WHERE attempts > 0 AND due_at > {NOW}"))
            }
            _ => None,
        }
    }
}

fn waits_again(which: &str) -> String {
    format!(
        "UPDATE jobs SET state = 'queued', queue_rank = 0, look_at = NULL WHERE state = 'converting' AND {which}"
    )
}

fn late_end(before: &State, who: usize) -> Option<String> {
    let lease = &before.workers[who].as_ref()?.claimed.lease;
    let expires = NOW + TICK;
    Some(format!(
        "UPDATE jobs SET state = 'done', audio_id = '{}', queue_rank = NULL, finished_at = {NOW}, expires_at = {expires}, look_at = {NOW}, \
         end_no = end_no + 1 WHERE id = '{}' AND state <> 'done'",
        lease.audio_id, lease.job_id
    ))
}
