//! KEDA's own part: from none to one when there is work, to none when there was none for the cooldown. In between the HPA
//! decides, by the metric that KEDA hands on.

use std::time::Duration;

use super::spec::ScaledObject;

pub(crate) struct Keda {
    spec: ScaledObject,
    active_at: Option<Duration>,
    failures: u32,
}

impl Keda {
    pub(crate) fn new(spec: &ScaledObject) -> Self {
        Self { spec: spec.clone(), active_at: None, failures: 0 }
    }

    /// How many there are to be after a look; `active` is `None` if nobody could be asked.
    pub(crate) fn poll(&mut self, now: Duration, active: Option<bool>, replicas: u32) -> u32 {
        if let Some(active) = active {
            self.failures = 0;
            return self.told(now, active, replicas);
        }
        self.failures += 1;
        self.fallback(replicas).unwrap_or(replicas)
    }

    /// How many there are to be after somebody has said whether there is work: by a look, or unasked.
    pub(crate) fn told(&mut self, now: Duration, active: bool, replicas: u32) -> u32 {
        if active {
            self.active_at = Some(now);
            return replicas.max(self.spec.min).max(1);
        }
        let over = self.active_at.is_none_or(|at| now >= at + self.spec.cooldown);
        if replicas > self.spec.min && self.spec.min == 0 && over { 0 } else { replicas }
    }

    /// What the HPA is told.
    pub(crate) fn metric(&self, counted: Option<u64>, replicas: u32) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "as the HPA reckons")]
        let counted = counted.map(|count| count as f64);
        counted.or_else(|| Some(f64::from(self.fallback(replicas)?) * self.spec.value))
    }

    /// After too many failures.
    fn fallback(&self, replicas: u32) -> Option<u32> {
        let fallback = self.spec.fallback.as_ref().filter(|fallback| self.failures >= fallback.after)?;
        Some(if fallback.if_higher { replicas.max(fallback.replicas) } else { fallback.replicas })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaler::hpa::tests::spec;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_message_makes_one_and_a_queue_empty_for_the_cooldown_makes_none() {
        let mut keda = Keda::new(&ScaledObject { cooldown: at(120), ..spec() });
        assert_eq!(keda.poll(at(0), Some(false), 0), 0);
        assert_eq!(keda.poll(at(5), Some(true), 0), 1);
        assert_eq!(keda.poll(at(10), Some(true), 5), 5, "the HPA's to say");
        assert_eq!(keda.poll(at(15), Some(false), 5), 5);
        assert_eq!(keda.poll(at(125), Some(false), 5), 5);
        assert_eq!(keda.poll(at(130), Some(false), 5), 0);
    }

    #[test]
    fn while_rabbitmq_can_not_be_asked_busy_workers_stay_and_there_is_at_least_one() {
        let mut keda = Keda::new(&spec());
        assert_eq!(keda.poll(at(0), Some(true), 0), 1);
        assert_eq!([5, 10].map(|seconds| keda.poll(at(seconds), None, 7)), [7, 7]);
        assert_eq!(keda.metric(None, 7), None, "not yet");
        assert_eq!(keda.poll(at(15), None, 7), 7);
        assert_eq!(keda.metric(None, 7), Some(7.0));
        assert_eq!(keda.poll(at(20), None, 0), 1);
    }
}
