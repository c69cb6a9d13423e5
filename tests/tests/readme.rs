//! The README says what the program does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tapedeck_tests::tapedeck;

const README: &str = include_str!("../../README.md");

#[test]
fn the_table_of_variables_is_the_one_that_the_program_prints() {
    #[expect(clippy::disallowed_methods, reason = "the program is what is asked")]
    let printed = std::process::Command::new(tapedeck()).arg("variables").output().unwrap();
    let table = String::from_utf8(printed.stdout).unwrap();
    assert!(table.lines().count() > 10, "{table}");
    assert!(README.contains(&table), "README.md lacks this table:\n{table}");
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
