//! What makes two states the same: all but the names that the code has given at random.
//!
//! A state is written as lines. An id that was made by the code (26 letters; ours begin with zeros) stands for nothing
//! but the places where it occurs: it gets a colour from these, and the colours of the lines follow from it. After a few
//! rounds the set of the lines' colours names the state.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher as _},
};

/// How far a colour sees: from a blob by its job and delivery to who sends it.
const ROUNDS: usize = 4;

pub(crate) fn key(lines: &[String]) -> u128 {
    let mut ids = BTreeMap::new();
    let lines: Vec<(u64, Vec<usize>)> = lines.iter().map(|line| parse(line, &mut ids)).collect();
    let mut colours = vec![0; ids.len()];
    for _ in 0..ROUNDS {
        let mut places = vec![Vec::new(); ids.len()];
        for (text, names) in &lines {
            let line = colour(text, names, &colours);
            for (place, name) in names.iter().enumerate() {
                places[*name].push((line, place));
            }
        }
        for (id, places) in places.iter_mut().enumerate() {
            places.sort_unstable();
            colours[id] = hash(&*places);
        }
    }
    let mut all: Vec<u64> = lines.iter().map(|(text, names)| colour(text, names, &colours)).collect();
    all.sort_unstable();
    u128::from(hash(&all)) << 64 | u128::from(hash(&(1, all)))
}

/// The text without its random ids, and these.
fn parse<'a>(line: &'a str, ids: &mut BTreeMap<&'a str, usize>) -> (u64, Vec<usize>) {
    let mut names = Vec::new();
    let mut hasher = DefaultHasher::new();
    for word in line.split(|c: char| !c.is_ascii_alphanumeric()) {
        if word.len() == 26 && !word.starts_with("0000") {
            let next = ids.len();
            names.push(*ids.entry(word).or_insert(next));
            "an id".hash(&mut hasher);
        } else {
            word.hash(&mut hasher);
        }
    }
    (hasher.finish(), names)
}

fn colour(text: &u64, names: &[usize], colours: &[u64]) -> u64 {
    hash(&(text, names.iter().map(|name| colours[*name]).collect::<Vec<_>>()))
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn names_do_not_count_but_who_bears_them_does() {
    let (a, b) = ("01aaaaaaaaaaaaaaaaaaaaaaaa", "01bbbbbbbbbbbbbbbbbbbbbbbb");
    let state = |job: &str, garbage: &str| key(&[format!("job done {job}"), format!("garbage {garbage}")]);
    assert_eq!(state(a, a), state(b, b));
    assert_eq!(state(a, b), state(b, a));
    assert_ne!(state(a, a), state(a, b));
    assert_ne!(key(&["job -1".into()]), key(&["job 1 0".into()]));
}
