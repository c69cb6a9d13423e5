//! The courses as pictures.

use load_test::chart::{Line, Panel, svg};

use super::{choose::SCENES, model::simulate};
use crate::scaler::ScaledObject;

/// A file of `keda/` for each scene: its name and what it holds.
pub(crate) fn all(spec: &ScaledObject) -> Vec<(String, String)> {
    SCENES
        .iter()
        .map(|(scene, arrivals)| {
            let course = simulate(spec, &arrivals.videos()).course;
            let line = |name: &str, value: &dyn Fn(&(f64, u64, usize)) -> f64| {
                let points = course.iter().map(|one| (one.0, value(one))).collect();
                vec![Line { name: name.into(), points, steps: true }]
            };
            let panels = [
                Panel {
                    title: format!("{scene}: videos that wait or are in a worker's hand"),
                    lines: line("videos", &|one| one.1 as f64),
                },
                Panel { title: "worker pods".into(), lines: line("pods", &|one| one.2 as f64) },
            ];
            let word = scene.replace(',', "").replace("steady 300 an hour", "steady").replace(' ', "-");
            (format!("simulated-{word}.svg"), svg(scene, &panels))
        })
        .collect()
}
