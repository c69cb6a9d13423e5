//! The lists of steps in `tests/crash-points`: one file for each flow, a step a line, in the order of their first time.
//!
//! A line that begins with `~` is a step that may come or not: by the clock, such as a heartbeat, or only for the first time.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::PathBuf,
};

use super::{Point, Side};

/// The steps of a flow, as they are written down.
#[derive(Debug)]
pub struct List {
    name: &'static str,
    always: BTreeSet<String>,
    sometimes: BTreeSet<String>,
}

impl List {
    /// Reads `tests/crash-points/NAME.txt`; an empty one if it is not there.
    #[must_use]
    pub fn read(name: &'static str) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/crash-points"));
        let text = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap_or_default();
        let lines = || text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let always = lines().filter(|line| !line.starts_with('~')).map(str::to_owned).collect();
        let sometimes = lines().filter_map(|line| line.strip_prefix("~ ")).map(str::to_owned).collect();
        Self { name, always, sometimes }
    }

    /// Holds the list against what was recorded.
    ///
    /// # Panics
    /// If a step was recorded that is not on the list, or one that is on it was not.
    pub fn hold(&self, recorded: &[String]) {
        let seen: BTreeSet<String> = recorded.iter().cloned().collect();
        let new: Vec<_> =
            seen.difference(&self.always).filter(|step| !self.sometimes.contains(*step)).collect();
        let gone: Vec<_> = self.always.difference(&seen).collect();
        assert!(
            new.is_empty() && gone.is_empty(),
            "tests/crash-points/{}.txt is not what is done.\nnew: {new:#?}\ngone: {gone:#?}\nrecorded:\n{}",
            self.name,
            first_times(recorded).join("\n")
        );
    }

    /// Whether a step comes by the clock.
    #[must_use]
    pub fn is_by_the_clock(&self, step: &str) -> bool {
        self.sometimes.contains(step)
    }

    /// Where the process is killed: at each step, on both sides, at most `often` times at those of one name; or,
    /// `only_changes`, after each that changes something for others, which are all the states in which it can leave them.
    #[must_use]
    pub fn points(&self, recorded: &[String], only_changes: bool, often: usize) -> Vec<Point> {
        let mut points = Vec::new();
        let mut counts: HashMap<&String, usize> = HashMap::new();
        for step in recorded {
            let count = counts.entry(step).or_default();
            *count += 1;
            let again = *count > if changes(step) { often } else { 1 };
            if self.sometimes.contains(step) || again || only_changes && !changes(step) {
                continue;
            }
            let point = |side| Point { step: step.clone(), occurrence: *count, side };
            if !only_changes {
                points.push(point(Side::Before));
            }
            points.push(point(Side::After));
        }
        points
    }
}

/// Each step once.
fn first_times(recorded: &[String]) -> Vec<String> {
    let mut steps = Vec::new();
    for step in recorded {
        if !steps.contains(step) {
            steps.push(step.clone());
        }
    }
    steps
}

/// Whether others can see that the step was done: a statement inside a transaction is seen at its commit, but one that
/// changes a table commits by itself.
fn changes(step: &str) -> bool {
    let Some((server, what)) = step.split_once(' ') else { return false };
    match server {
        "sql" => {
            let commit = what.starts_with("COMMIT of ") && what != "COMMIT of ";
            commit || super::is_change(what) || super::changes_table(what.trim_start())
        }
        "mongo" => ["insert", "update", "delete", "createIndexes"].iter().any(|word| what.starts_with(word)),
        "amqp" => true,
        _ => what == "the mail",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: [&str; 6] = [
        "sql SELECT * FROM jobs",
        "sql BEGIN",
        "sql   UPDATE jobs",
        "sql COMMIT of UPDATE jobs",
        "sql SELECT * FROM jobs",
        "sql UPDATE leases",
    ];

    fn list(sometimes: &[&str]) -> List {
        let recorded = RECORDED.map(str::to_owned);
        let sometimes: BTreeSet<String> = sometimes.iter().map(|step| (*step).to_owned()).collect();
        let always = recorded.into_iter().filter(|step| !sometimes.contains(step)).collect();
        List { name: "x", always, sometimes }
    }

    #[test]
    fn each_step_has_two_sides_and_those_by_the_clock_have_none() {
        let recorded = RECORDED.map(str::to_owned);
        assert_eq!(list(&[]).points(&recorded, false, 9).len(), 10, "the second SELECT is none of its own");
        assert_eq!(list(&["sql UPDATE leases"]).points(&recorded, false, 9).len(), 8);
        let changes: Vec<_> =
            list(&[]).points(&recorded, true, 9).iter().map(|point| point.step.clone()).collect();
        assert_eq!(changes, ["sql COMMIT of UPDATE jobs", "sql UPDATE leases"]);
    }

    #[test]
    fn a_list_says_no_to_a_new_step_and_to_one_that_is_gone() {
        let recorded = RECORDED.map(str::to_owned);
        list(&["sql UPDATE leases"]).hold(&recorded);
        list(&["sql UPDATE leases"]).hold(&recorded[..5]);
        let refuses = |list: List, recorded: &[String]| {
            let recorded = recorded.to_vec();
            std::panic::catch_unwind(move || list.hold(&recorded)).is_err()
        };
        assert!(refuses(list(&[]), &recorded[..5]));
        let mut more = recorded.to_vec();
        more.push("sql DELETE FROM jobs".into());
        assert!(refuses(list(&[]), &more));
    }
}
