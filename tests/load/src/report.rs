//! What came of a load test.

use std::{fmt, fs, path::Path};

use crate::{Depth, Plan, Replicas, Sample, audit::Judged, page};

/// All that a report says.
#[derive(Debug)]
pub struct Report {
    pub(crate) plan: Plan,
    pub(crate) workers: String,
    pub(crate) judged: Judged,
    pub(crate) samples: Vec<Sample>,
    /// Answers that said to come again.
    pub(crate) refused: usize,
    /// Streams of events that had to be resumed.
    pub(crate) resumed: usize,
    pub(crate) ended_at: String,
}

/// A stage of a job with its latencies in seconds, sorted.
pub(crate) struct Stage<'a> {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) seconds: &'a [f64],
}

/// The value that `percent` of all are at most; `None` of nothing. `sorted` goes up.
#[must_use]
pub fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    // The nearest rank.
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

impl Report {
    pub(crate) fn new(
        plan: &Plan,
        replicas: &Replicas<'_>,
        mut judged: Judged,
        samples: Vec<Sample>,
        refused: usize,
        resumed: usize,
    ) -> Self {
        let stages = &mut judged.stages;
        for seconds in
            [&mut stages.answer, &mut stages.wait, &mut stages.convert, &mut stages.tell, &mut stages.whole]
        {
            seconds.sort_by(f64::total_cmp);
        }
        let ended_at = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
        Self {
            plan: plan.clone(),
            workers: replicas.to_string(),
            judged,
            samples,
            refused,
            resumed,
            ended_at,
        }
    }

    /// Whether the promise was kept: nothing lost, nothing doubled.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.judged.lost.is_empty() && self.judged.doubled.is_empty()
    }

    /// Uploads that were answered 202.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.judged.accepted
    }

    /// Jobs that are done, their audio there.
    #[must_use]
    pub fn done(&self) -> usize {
        self.judged.done
    }

    /// Jobs whose owner was told.
    #[must_use]
    pub fn told(&self) -> usize {
        self.judged.told
    }

    /// Attempts at all jobs together.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.judged.attempts
    }

    /// Jobs that failed with a reason.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.judged.failed.values().sum()
    }

    /// Jobs of the test that no answer named.
    #[must_use]
    pub fn unheard(&self) -> usize {
        self.judged.unheard
    }

    /// What was lost or doubled, each with its job.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        self.judged.lost.iter().chain(&self.judged.doubled).map(String::as_str)
    }

    /// The numbers of workers at the beginning, at the most, at the end; `None` if none was ever seen.
    #[must_use]
    pub fn scaling(&self) -> Option<(u64, u64, u64)> {
        let known = || self.samples.iter().filter_map(|sample| sample.replicas);
        let most = known().max().filter(|most| *most > 0)?;
        Some((known().next()?, most, known().next_back()?))
    }

    /// Writes it as one HTML file, with the folder if there is none.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, page::html(self))
    }

    /// From the first upload to the last end, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        let all = self.judged.accepted;
        let end = self.samples.iter().find(|sample| sample.accepted == all && sample.ended == all);
        end.or(self.samples.last()).map_or(0.0, |sample| sample.at)
    }

    pub(crate) fn verdict(&self) -> String {
        if self.is_good() {
            return "The promise was kept: nothing was lost, and nothing was done or told twice.".into();
        }
        let (lost, doubled) = (self.judged.lost.len(), self.judged.doubled.len());
        format!("THE PROMISE WAS BROKEN: {lost} lost, {doubled} doubled.")
    }

    pub(crate) fn stages(&self) -> [Stage<'_>; 5] {
        let stages = &self.judged.stages;
        let stage = |name, what, seconds| Stage { name, what, seconds };
        [
            stage("upload", "from the first byte that is sent to the answer 202", &stages.answer),
            stage("wait", "in the queue, until a worker begins", &stages.wait),
            stage("convert", "from there until the audio is stored", &stages.convert),
            stage("tell", "from there until the mail is sent", &stages.tell),
            stage("whole", "from the begin of the upload until the audio is stored", &stages.whole),
        ]
    }

    /// Numbers with their names and what they mean.
    pub(crate) fn counts(&self) -> Vec<(&'static str, usize, String)> {
        let judged = &self.judged;
        let codes: String = judged.failed.iter().map(|(code, count)| format!("; {code} {count}")).collect();
        vec![
            ("accepted", judged.accepted, "uploads that were answered 202".into()),
            ("done", judged.done, "converted, and the audio can be downloaded".into()),
            ("failed", self.failed(), format!("for a reason that the job names{codes}")),
            ("told", judged.told, "the owner was sent a message".into()),
            ("lost", judged.lost.len(), "accepted, and neither done nor failed".into()),
            ("doubled", judged.doubled.len(), "ended twice, or told twice".into()),
            ("second attempts", self.second_attempts(), "conversions that had to be begun anew".into()),
            ("put off", self.refused, "answers that said to come again, before the 202".into()),
            ("unheard", judged.unheard, "jobs whose 202 was lost on its way".into()),
            ("resumed", self.resumed, "streams of events that ended and were resumed".into()),
        ]
    }

    fn second_attempts(&self) -> usize {
        let ended = self.judged.done + self.failed();
        usize::try_from(self.judged.attempts).unwrap_or(usize::MAX).saturating_sub(ended)
    }

    /// Whether the depth is the queue's own.
    pub(crate) fn depth(&self) -> &Depth {
        &self.plan.depth
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} videos {}, {}", self.plan.videos, self.plan.arrivals, self.plan.world)?;
        for (name, count, what) in self.counts() {
            writeln!(f, "{name:<16}{count:>7}  {what}")?;
        }
        for stage in self.stages().iter().filter(|stage| !stage.seconds.is_empty()) {
            let at = |percent| percentile(stage.seconds, percent).unwrap_or_default();
            let (p50, p95, p99, most) = (at(50), at(95), at(99), at(100));
            writeln!(
                f,
                "{:<16}p50 {p50:.3} s, p95 {p95:.3} s, p99 {p99:.3} s, most {most:.3} s",
                stage.name
            )?;
        }
        for (name, sum) in &self.judged.cost {
            writeln!(f, "{name:<16}{sum:.3} in all")?;
        }
        if let Some((first, most, last)) = self.scaling() {
            writeln!(f, "{}: {first} -> {most} -> {last}", self.workers)?;
        }
        for broken in self.broken() {
            writeln!(f, "BROKEN {broken}")?;
        }
        writeln!(f, "all ended after {:.1} s. {}", self.seconds(), self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let all = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(
            [50, 75, 95, 100].map(|percent| percentile(&all, percent)),
            [2.0, 3.0, 4.0, 4.0].map(Some)
        );
        assert_eq!(percentile(&[], 50), None);
    }
}
