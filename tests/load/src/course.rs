//! What is known of each job, from answers and events.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;

/// A job's way. Times are the platform's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// How long its upload took; `None` until the 202.
    pub(crate) answered: Option<Duration>,
    pub(crate) queued: Option<Timestamp>,
    pub(crate) begun: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    /// Ends at different times.
    pub(crate) ends: usize,
}

/// All jobs of a run by id.
#[derive(Debug, Default)]
pub(crate) struct Courses(Mutex<HashMap<String, Course>>);

/// Words of the API for a job that has ended.
pub(crate) fn is_final(job: &Value) -> bool {
    matches!(job["state"].as_str(), Some("done" | "failed" | "canceled" | "expired"))
}

/// A time of the API.
pub(crate) fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

impl Courses {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Course>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its upload was answered 202.
    pub(crate) fn accept(&self, id: &str, answered: Duration) {
        self.all().entry(id.to_owned()).or_default().answered = Some(answered);
    }

    /// The platform tells of a state: the job as an event or `GET /jobs/{id}` has it.
    pub(crate) fn tell(&self, job: &Value) {
        let Some(id) = job["id"].as_str() else { return };
        let mut all = self.all();
        let course = all.entry(id.to_owned()).or_default();
        match job["state"].as_str() {
            Some("queued") => {
                course.queued.get_or_insert_with(|| time(&job["updated_at"]).unwrap_or_default());
            }
            // The first event may come with progress already: a heartbeat or so late.
            Some("converting") => {
                course.begun.get_or_insert_with(|| time(&job["updated_at"]).unwrap_or_default());
            }
            _ if is_final(job) => {
                let end = time(&job["finished_at"]);
                course.ends += usize::from(end != course.ended);
                course.ended = end;
            }
            _ => {}
        }
    }

    /// Of jobs that were accepted: how many, and how many of them have ended.
    pub(crate) fn count(&self) -> (usize, usize) {
        let all = self.all();
        let accepted = all.values().filter(|course| course.answered.is_some());
        accepted.fold((0, 0), |(all, ended), one| (all + 1, ended + usize::from(one.ended.is_some())))
    }

    /// What is known now.
    pub(crate) fn take(&self) -> HashMap<String, Course> {
        std::mem::take(&mut *self.all())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(state: &str, finished_at: Option<&str>) -> Value {
        json!({"id": "a", "state": state, "updated_at": "2026-11-26T12:00:00.000Z", "finished_at": finished_at})
    }

    #[test]
    fn an_event_that_comes_before_the_answer_counts_and_one_that_comes_twice_is_one_end() {
        let courses = Courses::default();
        courses.tell(&job("queued", None));
        let end = Some("2026-11-26T12:00:01.500Z");
        courses.tell(&job("done", end));
        assert_eq!(courses.count(), (0, 0), "not accepted yet");
        courses.accept("a", Duration::from_millis(20));
        courses.tell(&job("done", end));
        assert_eq!(courses.count(), (1, 1));
        let course = &courses.take()["a"];
        assert_eq!((course.ends, course.begun), (1, None));
        assert_eq!(course.ended.map(|at| at.as_millisecond()), Some(1_795_694_401_500));
    }

    #[test]
    fn two_ends_at_different_times_are_two() {
        let courses = Courses::default();
        courses.tell(&job("done", Some("2026-11-26T12:00:01.500Z")));
        courses.tell(&job("done", Some("2026-11-26T12:00:02.500Z")));
        assert_eq!(courses.take()["a"].ends, 2);
    }
}
