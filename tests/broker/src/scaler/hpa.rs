//! The HorizontalPodAutoscaler's algorithm for one external metric with an average value, as the controller of Kubernetes
//! has it: the need, steadied over a window, at most so many more or fewer per period.

use std::time::Duration;

use super::spec::{Policy, Rules, ScaledObject, Select};

/// A need that differs by less changes nothing.
const TOLERANCE: f64 = 0.1;

pub(crate) struct Hpa {
    spec: ScaledObject,
    /// What was needed, and when.
    needs: Vec<(Duration, u32)>,
    /// How many came or went, and when.
    added: Vec<(Duration, u32)>,
    removed: Vec<(Duration, u32)>,
}

impl Hpa {
    pub(crate) fn new(spec: &ScaledObject) -> Self {
        Self { spec: spec.clone(), needs: Vec::new(), added: Vec::new(), removed: Vec::new() }
    }

    /// How many there are to be for `total` messages while there are `replicas`.
    pub(crate) fn sync(&mut self, now: Duration, total: f64, replicas: u32) -> u32 {
        let least = self.spec.min.max(1);
        let need = self.steadied(now, self.need(total, replicas), replicas);
        let wanted = if need > replicas {
            need.min(self.most(now, replicas)).min(self.spec.max)
        } else {
            need.max(self.fewest(now, replicas)).max(least).min(self.spec.max)
        };
        if wanted > replicas {
            self.added.push((now, wanted - replicas));
        } else if wanted < replicas {
            self.removed.push((now, replicas - wanted));
        }
        wanted
    }

    fn need(&self, total: f64, replicas: u32) -> u32 {
        let ratio = total / (self.spec.value * f64::from(replicas));
        if (1.0 - ratio).abs() <= TOLERANCE {
            return replicas;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as the HPA reckons")]
        let need = (total / self.spec.value).ceil() as u32;
        need.clamp(self.spec.min.max(1), self.spec.max)
    }

    /// More only if all of the window needed more, fewer only if all of it needed fewer.
    fn steadied(&mut self, now: Duration, need: u32, replicas: u32) -> u32 {
        let within = |window: Duration| {
            self.needs.iter().filter(move |(at, _)| *at + window > now).map(|(_, need)| *need).chain([need])
        };
        let up = within(self.spec.up.window).min().unwrap_or(need);
        let down = within(self.spec.down.window).max().unwrap_or(need);
        self.needs.push((now, need));
        replicas.max(up).min(down)
    }

    fn most(&self, now: Duration, replicas: u32) -> u32 {
        let limit = |policy: &Policy| {
            let before =
                (replicas + sum(&self.removed, now, policy)).saturating_sub(sum(&self.added, now, policy));
            if policy.percent { (before * (100 + policy.value)).div_ceil(100) } else { before + policy.value }
        };
        chosen(&self.spec.up, limit, replicas, true).max(replicas)
    }

    fn fewest(&self, now: Duration, replicas: u32) -> u32 {
        let limit = |policy: &Policy| {
            let before =
                (replicas + sum(&self.removed, now, policy)).saturating_sub(sum(&self.added, now, policy));
            let kept = 100_u32.saturating_sub(policy.value);
            if policy.percent { before * kept / 100 } else { before.saturating_sub(policy.value) }
        };
        chosen(&self.spec.down, limit, replicas, false).min(replicas)
    }
}

fn sum(events: &[(Duration, u32)], now: Duration, policy: &Policy) -> u32 {
    events.iter().filter(|(at, _)| *at + policy.period > now).map(|(_, count)| count).sum()
}

/// `Max` is the policy that changes most.
fn chosen(rules: &Rules, limit: impl Fn(&Policy) -> u32, replicas: u32, up: bool) -> u32 {
    let limits = rules.policies.iter().map(limit);
    let limit = match (rules.select, up) {
        (Select::Disabled, _) => None,
        (Select::Max, true) | (Select::Min, false) => limits.max(),
        (Select::Max, false) | (Select::Min, true) => limits.min(),
    };
    limit.unwrap_or(replicas)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The one of `keda/scaled-object.yaml`.
    pub(crate) fn spec() -> ScaledObject {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../keda/scaled-object.yaml");
        let text = std::fs::read_to_string(root).unwrap();
        ScaledObject::read(&manifests::parse("scaled-object.yaml", &text).unwrap()).unwrap()
    }

    /// Looks every 15 s; what there is to be each time.
    fn course(hpa: &mut Hpa, from: u64, mut replicas: u32, totals: &[f64]) -> Vec<u32> {
        let look = |(number, total): (usize, &f64)| {
            replicas = hpa.sync(Duration::from_secs(from + 15 * number as u64), *total, replicas);
            replicas
        };
        totals.iter().enumerate().map(look).collect()
    }

    #[test]
    fn what_a_real_cluster_did_is_what_this_says() {
        // 28 messages, 5 per replica, at most 6: 5 after 15 s, 6 after 31 s.
        let mut spec = spec();
        (spec.value, spec.max) = (5.0, 6);
        assert_eq!(course(&mut Hpa::new(&spec), 0, 1, &[28.0, 28.0]), [5, 6]);
        // 30 videos, one per worker, at most 10: 5, then 10.
        let mut hpa = Hpa::new(&self::spec());
        assert_eq!(course(&mut hpa, 0, 1, &[30.0, 29.0, 28.0]), [5, 10, 10]);
    }

    #[test]
    fn five_minutes_of_less_work_come_before_the_first_goes_and_then_one_goes_a_minute() {
        let mut hpa = Hpa::new(&spec());
        assert_eq!(course(&mut hpa, 0, 10, &[30.0]), [10]);
        let after = course(&mut hpa, 15, 10, &[3.0; 30]);
        assert_eq!(after[..19], [10; 19], "the window");
        assert_eq!(after[19..28], [9, 9, 9, 9, 8, 8, 8, 8, 7]);
    }

    #[test]
    fn a_need_that_hardly_differs_changes_nothing_and_a_policy_can_forbid_a_direction() {
        let mut spec = spec();
        spec.value = 10.0;
        assert_eq!(course(&mut Hpa::new(&spec), 0, 5, &[54.0, 56.0]), [5, 6]);
        spec.down.select = Select::Disabled;
        assert_eq!(course(&mut Hpa::new(&spec), 0, 9, &[1.0; 40]), [9; 40]);
    }
}
