//! What is written down is what the program does: the table of variables, the README's commands, the gateway's API description.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use tapedeck_tests::{FUNCTIONS, Setup, tapedeck};

const README: &str = include_str!("../../README.md");
const VARIABLES: &str = include_str!("../../functions/VARIABLES.md");
const KEPT: &str = include_str!("../../functions/gateway/openapi.json");

#[test]
fn the_table_of_variables_is_the_one_that_the_program_prints() {
    #[expect(clippy::disallowed_methods, reason = "the program is what is asked")]
    let printed = std::process::Command::new(tapedeck()).arg("variables").output().unwrap();
    let table = String::from_utf8(printed.stdout).unwrap();
    assert!(table.lines().count() > 10, "{table}");
    assert!(VARIABLES.contains(&table), "functions/VARIABLES.md lacks this table:\n{table}");
}

#[test]
fn every_target_of_the_makefile_that_the_readme_names_exists() {
    let makefile = include_str!("../../Makefile");
    let mut named = 0;
    for word in README.split("`make ").skip(1) {
        let target = word.split(['`', ' ']).next().unwrap();
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
        named += 1;
    }
    assert!(named >= 3);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All files of a kind in the repository.
fn files(extension: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["", "functions", "shared", "tests", "eventing", "keda", "knative"]
        .map(|name| root().join(name))
        .into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && folder != root().join("") && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|of_it| of_it == extension) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_function_is_deployed_by_compose_and_knative_and_runs_in_the_tests() {
    let compose = include_str!("../compose.yaml");
    let folders = std::fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = 0;
    for folder in folders.filter(|folder| folder.join("src/process.rs").exists()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        // It is for KEDA alone.
        if name == "scaler" {
            assert!(root().join("keda/push/scaler.yaml").exists());
            continue;
        }
        assert!(FUNCTIONS.contains(&name), "tests/src/fleet.rs does not start {name}");
        assert!(root().join(format!("knative/base/{name}.yaml")).exists(), "knative/base/{name}.yaml");
        assert!(compose.contains(&format!("[function, {name}")), "tests/compose.yaml does not run {name}");
        found += 1;
    }
    assert_eq!(found, FUNCTIONS.len());
}

#[test]
fn every_link_of_a_page_to_a_file_leads_somewhere() {
    let mut links = 0;
    for page in files("md") {
        for link in std::fs::read_to_string(&page).unwrap().split("](").skip(1) {
            let link = link.split([')', '#']).next().unwrap();
            if !link.is_empty() && !link.contains(':') {
                assert!(page.parent().unwrap().join(link).exists(), "{}: {link}", page.display());
                links += 1;
            }
        }
    }
    assert!(links > 20, "{links}");
}

/// How many tests the tables of a page name in their last column; each of them exists.
fn tests_named(page: &str) -> usize {
    let text: String = files("rs").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut named = 0;
    for line in page.lines().filter(|line| line.starts_with("| **")) {
        let tests: Vec<&str> = line.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{line}");
        for test in tests {
            assert!(text.contains(&format!("fn {test}()")), "{test}");
            named += 1;
        }
    }
    named
}

#[test]
fn each_line_of_the_threat_model_is_held_by_tests_that_exist() {
    assert!(tests_named(include_str!("../THREATS.md")) > 30);
}

#[test]
fn each_fault_of_the_list_is_held_by_tests_that_exist() {
    assert!(tests_named(include_str!("../FAULTS.md")) > 50);
}

#[tokio::test]
async fn the_api_description_that_the_gateway_keeps_is_the_one_of_the_code() {
    let platform = Setup::default().start_embedded();
    let answer = reqwest::get(platform.url("/openapi.json")).await.unwrap();
    let generated: serde_json::Value = answer.json().await.unwrap();
    let kept: serde_json::Value = serde_json::from_str(KEPT).unwrap();
    assert!(
        generated == kept,
        "renew it: curl $TAPEDECK/openapi.json | python3 -m json.tool > functions/gateway/openapi.json"
    );
    platform.finish().await;
}
