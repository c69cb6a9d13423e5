//! `knative/monitoring`: what rules and panels ask for is recorded, and each rule fires in the outage that it is meant for.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use manifests::monitoring::{OF_OTHERS, alerts, expressions, metrics_in, rules};

use crate::world::root;

/// Of the crate metrics-process.
const PROCESS: [&str; 3] =
    ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"];

/// All Rust sources of functions and shared crates.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// `name` may end as a part of a histogram.
fn recorded(name: &str, sources: &str) -> bool {
    let ends = ["_bucket", "_count", "_sum"];
    let name = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let known = OF_OTHERS.contains(&name) || PROCESS.contains(&name);
    known
        || sources.contains(&format!("!(\"{name}\""))
        || sources.contains(&format!("!(\n        \"{name}\""))
}

#[test]
fn every_metric_that_a_rule_or_a_panel_asks_for_is_recorded() {
    let mut text = String::new();
    sources(&root().join("functions"), &mut text);
    sources(&root().join("shared"), &mut text);
    let expressions = expressions();
    assert!(expressions.len() > 20, "{expressions:?}");
    for expression in expressions {
        let metrics = metrics_in(&expression);
        assert!(!metrics.is_empty(), "{expression}");
        for name in metrics {
            assert!(recorded(&name, &text), "{name} of `{expression}` is recorded nowhere");
        }
    }
    assert!(!recorded("tapedeck_unheard_of", &text));
}

#[test]
fn every_metric_is_described_in_the_code_and_in_the_table() {
    let described = fs::read_to_string(root().join("shared/runtime/src/metrics.rs")).unwrap();
    let page = fs::read_to_string(root().join("knative/monitoring/README.md")).unwrap();
    let mut text = String::new();
    sources(&root().join("functions"), &mut text);
    for name in text.split('"').filter(|word| word.starts_with("tapedeck_") && recorded(word, &text)) {
        assert!(described.contains(&format!("(\"{name}\", ")), "{name} has no text of help");
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not in the table");
    }
}

#[test]
fn every_alert_has_a_paragraph_that_says_what_to_do() {
    let page = fs::read_to_string(root().join("knative/monitoring/README.md")).unwrap();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        assert!(page.contains(&format!("\n### {name}\n")), "{name} has no paragraph");
        let link = format!("knative/monitoring/README.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook"], link);
    }
}

/// A folder with the rules as Prometheus itself reads them.
fn plain_rules() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.json");
    fs::write(&file, rules().to_string()).unwrap();
    (folder, file)
}

fn promtool(arguments: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "a tool of the tests")]
    let ended = Command::new("promtool").args(arguments).output();
    let ended = ended.expect("promtool is missing: tests/servers/install.sh installs it");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
}

#[test]
fn each_alert_fires_in_its_outage_and_none_on_a_good_day() {
    let (folder, rules) = plain_rules();
    promtool(&["check", "rules", rules.to_str().unwrap()]);
    let cases = fs::read_to_string(root().join("tests/manifests/tests/rules.yaml")).unwrap();
    for alert in alerts() {
        let fires = format!("alertname: {}\n        exp_alerts:", alert["alert"].as_str().unwrap());
        assert!(cases.contains(&fires), "nothing makes {} fire", alert["alert"]);
        let quiet = format!("{{ eval_time: 4h, alertname: {} }}", alert["alert"].as_str().unwrap());
        assert!(cases.contains(&quiet), "{} is not asked on a good day", alert["alert"]);
    }
    let file = folder.path().join("cases.yaml");
    fs::write(&file, cases).unwrap();
    promtool(&["test", "rules", file.to_str().unwrap()]);
}
