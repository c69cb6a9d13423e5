//! The manifest's numbers beside others.

use std::{fmt::Write as _, time::Duration};

use super::{
    arrivals::{Arrivals, FIXED, PER_MINUTE, Video, mean_work},
    model::{Outcome, simulate},
};
use crate::scaler::{Policy, ScaledObject};

/// The name of the numbers that stand in `keda/scaled-object.yaml`.
pub(crate) const MANIFEST: &str = "as in the manifest";

/// What comes, and how it is called.
pub(crate) const SCENES: [(&str, Arrivals); 4] = [
    ("steady, 300 an hour", Arrivals::Steady { an_hour: 300.0, hours: 6.0 }),
    ("burst of 10,000", Arrivals::Burst(10_000)),
    ("day of 200", Arrivals::Day(200.0)),
    ("day of 20,000", Arrivals::Day(20_000.0)),
];

/// Numbers that could stand there.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    spec: ScaledObject,
}

type Change = fn(&mut ScaledObject);

/// One number is another in each.
const CHANGES: [(&str, Change); 11] = [
    ("cooldown 15 s", |spec| spec.cooldown = Duration::from_secs(15)),
    ("cooldown 30 s", |spec| spec.cooldown = Duration::from_secs(30)),
    ("cooldown 60 s", |spec| spec.cooldown = Duration::from_secs(60)),
    ("cooldown 120 s", |spec| spec.cooldown = Duration::from_secs(120)),
    ("cooldown 300 s", |spec| spec.cooldown = Duration::from_secs(300)),
    ("2 tickets a worker", |spec| spec.value = 2.0),
    ("5 tickets a worker", |spec| spec.value = 5.0),
    ("asks every 15 s", |spec| spec.polling = Duration::from_secs(15)),
    ("fewer after 1 min", |spec| spec.down.window = Duration::from_secs(60)),
    ("fewer after 2 min", |spec| spec.down.window = Duration::from_secs(120)),
    ("all at once fewer", |spec| {
        spec.down.policies = vec![Policy { percent: true, value: 100, period: Duration::from_secs(15) }];
    }),
];

/// All, those of the manifest first.
fn candidates(spec: &ScaledObject) -> Vec<Candidate> {
    let changed = CHANGES.iter().map(|(name, change)| {
        let mut spec = spec.clone();
        change(&mut spec);
        Candidate { name, spec }
    });
    let all = [Candidate { name: MANIFEST, spec: spec.clone() }].into_iter().chain(changed);
    // The manifest's own does not come twice.
    let own = format!("{spec:?}");
    all.filter(|one| one.name == MANIFEST || format!("{:?}", one.spec) != own).collect()
}

/// What a pod that does nothing takes from its node, in cores: `requests` in `keda/worker.yaml`.
const IDLE: f64 = 0.1;
/// What beginning anew costs: a minute and a half of a core in vain.
const CUT_OFF: f64 = 90.0;

/// What a video costs, in seconds of a core: its own work, what pods at rest keep from others, and its waiting, of which a
/// second counts as much as one of a core; besides, each video that a node's end would have cut off.
fn price(out: &Outcome) -> f64 {
    let waits: f64 = out.waits.iter().sum();
    (out.work + IDLE * (out.pods - out.work) + waits + CUT_OFF * out.killed as f64) / out.videos as f64
}

/// The course of one candidate in all scenes, and its mean price beside the manifest's.
struct Tried {
    name: &'static str,
    outcomes: Vec<Outcome>,
}

fn try_all(spec: &ScaledObject) -> Vec<Tried> {
    let scenes: Vec<Vec<Video>> = SCENES.iter().map(|(_, arrivals)| arrivals.videos()).collect();
    let one = |candidate: Candidate| {
        let outcomes = scenes.iter().map(|videos| simulate(&candidate.spec, videos)).collect();
        Tried { name: candidate.name, outcomes }
    };
    candidates(spec).into_iter().map(one).collect()
}

/// The geometric mean over the scenes of how many times the manifest's price it is.
fn ratio(one: &Tried, manifest: &Tried) -> f64 {
    let each = one.outcomes.iter().zip(&manifest.outcomes);
    let product: f64 = each.map(|(one, manifest)| price(one) / price(manifest)).product();
    product.powf(1.0 / SCENES.len() as f64)
}

/// The cheapest; the manifest's own if others are no more than 1 % cheaper.
fn cheapest(tried: &[Tried]) -> &Tried {
    let manifest = &tried[0];
    let best = tried.iter().min_by(|a, b| ratio(a, manifest).total_cmp(&ratio(b, manifest)));
    best.filter(|best| ratio(best, manifest) < 0.99).unwrap_or(manifest)
}

/// Of the page: what was simulated, the table, what it chooses.
pub(crate) fn section(spec: &ScaledObject) -> String {
    let tried = try_all(spec);
    let mut out = format!(
        "A video takes a worker {FIXED} s and {PER_MINUTE:.1} s for each minute of sound: {:.1} s on average. At most {} workers.\n\n\
         | numbers | arrivals | pod hours | at work | waits p50 | p95 | p99 | most pods | ended in mid-work | of these over 90 s |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        mean_work(),
        spec.max
    );
    for one in &tried {
        for ((scene, _), outcome) in SCENES.iter().zip(&one.outcomes) {
            row(&mut out, one.name, scene, outcome);
        }
    }
    out.push_str("\n| numbers | price beside the manifest's |\n|---|---:|\n");
    for one in &tried {
        let _ = writeln!(out, "| {} | {:.2} |", one.name, ratio(one, &tried[0]));
    }
    let _ = writeln!(out, "\nChosen: {}.", cheapest(&tried).name);
    out
}

fn row(out: &mut String, name: &str, scene: &str, outcome: &Outcome) {
    let wait = |percent: usize| {
        let rank = (outcome.waits.len() * percent).div_ceil(100);
        outcome.waits.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    };
    let _ = writeln!(
        out,
        "| {name} | {scene} | {:.1} | {:.0} % | {:.1} s | {:.1} s | {:.1} s | {} | {} of {} | {} |",
        outcome.pods / 3600.0,
        outcome.work / outcome.pods * 100.0,
        wait(50),
        wait(95),
        wait(99),
        outcome.most,
        outcome.in_mid_work,
        outcome.ended,
        outcome.killed,
    );
}
