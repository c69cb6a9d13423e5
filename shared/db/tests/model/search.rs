//! All states that can be reached, the nearest first; and from each of them a way to rest.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    bench::Bench,
    bugs::Bug,
    key::key,
    moves::{self, Kind, Move, Wrong},
    rules,
    world::{State, World},
};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    /// States in which nothing is left to be done.
    pub(crate) rests: usize,
    pub(crate) depth: usize,
    pub(crate) took: Duration,
    /// What is wrong, and how it came about.
    pub(crate) wrong: Option<(Wrong, Vec<Move>)>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, transitions, rests, depth, took, .. } = self;
        let seconds = took.as_secs_f64();
        write!(
            f,
            "{states:>8} states {transitions:>9} transitions {rests:>6} rests {depth:>4} deep {seconds:>7.1} s"
        )
    }
}

/// All that was reached. A state is named by its number; the state itself is forgotten when its level is done.
#[derive(Default)]
struct Graph {
    numbers: HashMap<u128, usize>,
    /// From where and by what each state was reached first.
    ways: Vec<(usize, Move)>,
    /// What happens by itself: to, from.
    fair: Vec<(usize, usize)>,
    rests: Vec<usize>,
    next: Vec<(usize, State)>,
    transitions: usize,
    wrong: Option<(Wrong, Vec<Move>)>,
}

/// Explores `world` with as many databases as there are processors.
pub(crate) async fn explore(world: World, bug: Option<Bug>) -> Found {
    let began = Instant::now();
    let lanes = std::thread::available_parallelism().map_or(2, |count| count.get().min(8));
    let mut benches = Vec::new();
    for _ in 0..lanes {
        benches.push(Bench::open(bug).await);
    }
    let first = State::start(&world, &mut benches[0]).await;
    let mut graph = Graph::default();
    graph.take((0, Move::Time, Kind::Free), Ok(Reached::judge(&world, first)));
    let mut depth = 0;
    while !graph.next.is_empty() && graph.wrong.is_none() {
        depth += 1;
        let level = std::mem::take(&mut graph.next);
        (graph, benches) = explore_level(world, level, graph, benches).await;
    }
    let trapped = if graph.wrong.is_none() { graph.trapped() } else { None };
    let endless = || "nothing leads to rest from here: something goes on for ever".to_owned();
    let wrong = graph.wrong.take().or_else(|| trapped.map(|state| (endless(), graph.way_to(state))));
    let (states, rests) = (graph.ways.len(), graph.rests.len());
    Found { states, transitions: graph.transitions, rests, depth, took: began.elapsed(), wrong }
}

async fn explore_level(
    world: World,
    level: Vec<(usize, State)>,
    graph: Graph,
    benches: Vec<Bench>,
) -> (Graph, Vec<Bench>) {
    let (level, graph) = (Arc::new(Mutex::new(level)), Arc::new(Mutex::new(graph)));
    let mut lanes = JoinSet::new();
    for mut bench in benches {
        let (level, graph) = (level.clone(), graph.clone());
        lanes.spawn(async move {
            loop {
                let Some((from, state)) = level.lock().unwrap().pop() else { return bench };
                if graph.lock().unwrap().wrong.is_some() {
                    return bench;
                }
                for (chosen, kind) in moves::moves(&world, &state) {
                    let reached = moves::step(&world, &mut bench, &state, (chosen, kind)).await;
                    let reached = reached.map(|state| Reached::judge(&world, state));
                    graph.lock().unwrap().take((from, chosen, kind), reached);
                }
            }
        });
    }
    let benches = lanes.join_all().await;
    (Arc::into_inner(graph).unwrap().into_inner().unwrap(), benches)
}

/// A state, and what there is to say about it.
struct Reached {
    key: u128,
    is_rest: bool,
    rules: Result<(), Wrong>,
    state: State,
}

impl Reached {
    fn judge(world: &World, state: State) -> Self {
        let is_rest = moves::is_rest(world, &state);
        let rules = rules::always(world, &state);
        let rules = if is_rest { rules.and_then(|()| rules::at_rest(&state)) } else { rules };
        Self { key: key(&state.lines()), is_rest, rules, state }
    }
}

impl Graph {
    /// Notes where a step has led.
    fn take(&mut self, (from, chosen, kind): (usize, Move, Kind), reached: Result<Reached, Wrong>) {
        self.transitions += 1;
        let reached = match reached {
            Ok(reached) => reached,
            Err(wrong) => return self.fail(wrong, (from, chosen)),
        };
        let fresh = self.ways.len();
        let number = *self.numbers.entry(reached.key).or_insert(fresh);
        if kind == Kind::Fair {
            self.fair.push((number, from));
        }
        if number < fresh {
            return;
        }
        self.ways.push((from, chosen));
        if let Err(wrong) = reached.rules {
            return self.fail(format!("{wrong}\n  {}", reached.state.lines().join("\n  ")), (from, chosen));
        }
        if reached.is_rest {
            self.rests.push(number);
        }
        self.next.push((number, reached.state));
    }

    /// The first failure stands: it is among the nearest.
    fn fail(&mut self, wrong: Wrong, (from, chosen): (usize, Move)) {
        let mut way = self.way_to(from);
        way.push(chosen);
        self.wrong.get_or_insert((wrong, way));
    }

    fn way_to(&self, mut state: usize) -> Vec<Move> {
        let mut way = Vec::new();
        while state > 0 {
            let (from, chosen) = self.ways[state];
            way.push(chosen);
            state = from;
        }
        way.reverse();
        way
    }

    /// The first state from which what happens by itself never leads to rest.
    fn trapped(&mut self) -> Option<usize> {
        self.fair.sort_unstable();
        let mut calm = vec![false; self.ways.len()];
        let mut open = self.rests.clone();
        while let Some(state) = open.pop() {
            if !std::mem::replace(&mut calm[state], true) {
                let begin = self.fair.partition_point(|(to, _)| *to < state);
                let before = self.fair[begin..].iter().take_while(|(to, _)| *to == state);
                open.extend(before.map(|(_, from)| *from));
            }
        }
        calm.iter().position(|calm| !calm)
    }
}
