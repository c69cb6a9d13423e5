//! A queue, workers that take one video at a time, and the scaler that starts and ends them.

use std::{collections::VecDeque, time::Duration};

use super::arrivals::{Dice, Video};
use crate::scaler::{Hpa, Keda, SYNC, ScaledObject};

/// How fine time is. Within a step a worker takes one video after the other at their exact times.
const STEP: f64 = 0.5;
/// From the wish for a pod until it takes its first ticket: seen on a cluster whose nodes have the image.
const POD_STARTS: f64 = 2.0;
/// RabbitMQ counts its queues so often.
const COUNTED_EVERY: f64 = 5.0;
/// Notice on a node that goes away or of a scale-in with `keda/spot`: what takes longer is begun anew.
const NOTICE: f64 = 90.0;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) videos: usize,
    /// Seconds of each video from its ticket to a worker, sorted.
    pub(crate) waits: Vec<f64>,
    /// Seconds that pods were there.
    pub(crate) pods: f64,
    /// Seconds that they worked.
    pub(crate) work: f64,
    /// Workers that the HPA or KEDA ended.
    pub(crate) ended: usize,
    /// Of these, with a video in hand. They finish it within the grace.
    pub(crate) in_mid_work: usize,
    /// Of these, with more to do than the notice of a node that goes away.
    pub(crate) killed: usize,
    pub(crate) most: usize,
    /// Seconds, messages, pods: whenever something changed.
    pub(crate) course: Vec<(f64, u64, usize)>,
}

struct Worker {
    /// Until then it starts or is busy.
    until: f64,
    busy: bool,
}

struct Model<'a> {
    videos: &'a [Video],
    next: usize,
    queue: VecDeque<Video>,
    workers: Vec<Worker>,
    /// Asked to end, busy until then.
    leaving: Vec<f64>,
    dice: Dice,
    out: Outcome,
}

/// Until all videos are converted and no worker is left.
pub(crate) fn simulate(spec: &ScaledObject, videos: &[Video]) -> Outcome {
    let mut model = Model {
        videos,
        next: 0,
        queue: VecDeque::new(),
        workers: Vec::new(),
        leaving: Vec::new(),
        dice: Dice::new(11),
        out: Outcome { videos: videos.len(), ..Outcome::default() },
    };
    let (mut keda, mut hpa) = (Keda::new(spec), Hpa::new(spec));
    let (mut counted, mut count_at, mut poll_at, mut sync_at) = (0, 2.5, 0.0, 7.0);
    let mut now = 0.0;
    while model.goes_on() {
        now += STEP;
        model.step(now);
        if now >= count_at {
            count_at += COUNTED_EVERY;
            counted = model.messages();
        }
        let mut replicas = u32::try_from(model.workers.len()).unwrap_or(u32::MAX);
        let at = Duration::from_secs_f64(now);
        if now >= poll_at {
            poll_at += spec.polling.as_secs_f64();
            replicas = keda.poll(at, Some(counted > 0), replicas);
        }
        if now >= sync_at {
            sync_at += SYNC.as_secs_f64();
            if let (Some(count), 1..) = (keda.metric(Some(counted), replicas), replicas) {
                replicas = hpa.sync(at, count, replicas);
            }
        }
        model.scale(now, replicas as usize);
        model.note(now);
    }
    model.out.waits.sort_by(f64::total_cmp);
    model.out
}

impl Model<'_> {
    fn goes_on(&self) -> bool {
        self.next < self.videos.len()
            || !self.queue.is_empty()
            || !self.workers.is_empty()
            || !self.leaving.is_empty()
    }

    /// Ready and unacknowledged.
    fn messages(&self) -> u64 {
        let busy = self.workers.iter().filter(|worker| worker.busy).count();
        (self.queue.len() + busy + self.leaving.len()) as u64
    }

    fn step(&mut self, now: f64) {
        while let Some(video) = self.videos.get(self.next).filter(|video| video.at <= now) {
            self.queue.push_back(*video);
            self.next += 1;
        }
        for worker in &mut self.workers {
            while worker.until <= now {
                worker.busy = false;
                let Some(video) = self.queue.pop_front() else { break };
                let begin = worker.until.max(video.at).max(now - STEP);
                self.out.waits.push(begin - video.at);
                self.out.work += video.work;
                *worker = Worker { until: begin + video.work, busy: true };
            }
        }
        self.leaving.retain(|until| *until > now);
        self.out.pods += (self.workers.len() + self.leaving.len()) as f64 * STEP;
    }

    /// Who goes is chosen without a look at who is busy, as the HPA does.
    fn scale(&mut self, now: f64, wanted: usize) {
        while self.workers.len() < wanted {
            self.workers.push(Worker { until: now + POD_STARTS, busy: false });
        }
        while self.workers.len() > wanted {
            let victim = (self.dice.unit() * self.workers.len() as f64) as usize;
            let victim = self.workers.swap_remove(victim);
            self.out.ended += 1;
            if victim.busy {
                self.out.in_mid_work += 1;
                self.out.killed += usize::from(victim.until - now > NOTICE);
                self.leaving.push(victim.until);
            }
        }
        self.out.most = self.out.most.max(self.workers.len());
    }

    fn note(&mut self, now: f64) {
        let state = (self.messages(), self.workers.len() + self.leaving.len());
        if self.out.course.last().is_none_or(|(_, messages, pods)| (*messages, *pods) != state) {
            self.out.course.push((now, state.0, state.1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{arrivals::Arrivals, manifest};

    #[test]
    fn a_single_video_waits_for_a_look_and_a_pod_which_goes_after_the_cooldown() {
        let out = simulate(&manifest(), &[Video { at: 100.0, work: 8.0 }]);
        assert!((3.0..13.0).contains(&out.waits[0]), "{out:?}");
        assert_eq!((out.most, out.in_mid_work), (1, 0));
        let cooldown = manifest().cooldown.as_secs_f64();
        assert!((cooldown..cooldown + 25.0).contains(&out.pods), "{out:?}");
    }

    #[test]
    fn every_video_is_converted_once_by_no_more_workers_than_there_may_be() {
        let videos = Arrivals::Burst(1000).videos();
        let out = simulate(&manifest(), &videos);
        assert_eq!((out.videos, out.waits.len(), out.most), (1000, 1000, manifest().max as usize));
        let work: f64 = videos.iter().map(|video| video.work).sum();
        assert!((out.work - work).abs() < 1e-6 && out.pods > work, "{} {work}", out.work);
    }
}
