//! Many cases against one gateway, on several lanes side by side.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::dialogue::Failure;
use super::super::script::Level;
use super::play::{Outcome, Way, play, sent_octets};
use super::script::Case;
use super::server::Recorder;

/// A gateway, and the server that it asks: one dialogue at a time.
#[derive(Debug)]
pub struct Lane {
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// The server that it asks.
    pub recorder: Recorder,
}

/// How a run is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only cases whose name contains this.
    pub filter: Option<String>,
    /// What the gateway has; cases that need more are left out.
    pub has: Vec<String>,
    /// How often each case is played again with its octets cut: at every place if there are no more, else at places by chance.
    pub cuts_max: usize,
    /// How long an answer may take.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            filter: None,
            has: vec!["hansom".to_owned()],
            cuts_max: 0,
            patience: Duration::from_secs(8),
        }
    }
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Each case with what came of it.
    pub played: Vec<(Case, Outcome)>,
    /// How many cases were left out, since the gateway lacks what they need.
    pub left_out: usize,
    /// How many dialogues there were.
    pub dialogues: usize,
    /// How long it took.
    pub took: Duration,
}

/// The most binding level of some failures.
pub fn worst(failures: &[Failure]) -> Option<Level> {
    failures.iter().map(|failure| failure.level).min()
}

/// Plays all cases that the options let through.
///
/// # Errors
/// A mistake in a case.
pub fn run(cases: &[Case], lanes: &[Lane], options: &Options) -> Result<Summary, String> {
    let started = Instant::now();
    let is_named = |case: &&Case| {
        options
            .filter
            .as_ref()
            .is_none_or(|filter| case.name.contains(filter))
    };
    let named: Vec<_> = cases.iter().filter(is_named).collect();
    let is_playable = |case: &&Case| case.needs.iter().all(|need| options.has.contains(need));
    let playable: Vec<_> = named.iter().copied().filter(is_playable).collect();
    let jobs = jobs(&playable, options.cuts_max)?;
    let outcomes = play_all(&playable, &jobs, lanes, options)?;
    Ok(Summary {
        left_out: named.len() - playable.len(),
        played: playable.into_iter().cloned().zip(outcomes).collect(),
        dialogues: jobs.len(),
        took: started.elapsed(),
    })
}

/// Which case is delivered in which pieces. Whole comes first: the others are compared with it.
fn jobs(cases: &[&Case], cuts_max: usize) -> Result<Vec<(usize, Vec<usize>)>, String> {
    let mut jobs: Vec<_> = (0..cases.len()).map(|index| (index, Vec::new())).collect();
    for (index, case) in cases.iter().enumerate().filter(|(_, case)| case.may_split) {
        let octets = sent_octets(case)?;
        if octets <= cuts_max {
            jobs.extend((1..octets).map(|cut| (index, vec![cut])));
            continue;
        }
        let mut dice = Dice(index as u64 + 1);
        for _ in 0..cuts_max {
            let count = 1 + dice.below(PIECES_MAX - 1);
            let near = octets.min(HEAD_OCTETS);
            let mut cuts: Vec<_> = (0..count)
                .map(|_| 1 + dice.below(near.max(2) - 1))
                .collect();
            cuts.sort_unstable();
            cuts.dedup();
            jobs.push((index, cuts));
        }
    }
    Ok(jobs)
}

/// Chance that is the same with every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}

type Done = (usize, Vec<usize>, Result<Outcome, String>);

fn play_all(
    cases: &[&Case],
    jobs: &[(usize, Vec<usize>)],
    lanes: &[Lane],
    options: &Options,
) -> Result<Vec<Outcome>, String> {
    // A case that failed is not delivered again: another failure would tell nothing, and may take all its patience.
    let failed: Vec<AtomicBool> = cases.iter().map(|_| AtomicBool::new(false)).collect();
    let done: Mutex<Vec<Done>> = Mutex::new(Vec::new());
    // A case stays on its lane: what one gateway says of itself may differ from what another does.
    let work = |number: usize, lane: &Lane| {
        let own = jobs
            .iter()
            .filter(|(index, _)| index % lanes.len() == number);
        for (index, cuts) in own {
            let way = Way {
                gateway: lane.gateway,
                recorder: &lane.recorder,
                cuts,
                patience: options.patience,
            };
            if failed[*index].load(Ordering::Relaxed) {
                continue;
            }
            let outcome = play(cases[*index], &way);
            let is_clean = outcome
                .as_ref()
                .is_ok_and(|outcome| outcome.failures.is_empty());
            failed[*index].fetch_or(!is_clean, Ordering::Relaxed);
            if let Ok(mut done) = done.lock() {
                done.push((*index, cuts.clone(), outcome));
            }
        }
    };
    thread::scope(|scope| {
        for (number, lane) in lanes.iter().enumerate() {
            let work = &work;
            scope.spawn(move || work(number, lane));
        }
    });
    let mut done = done.into_inner().map_err(|_| "a dialogue panicked")?;
    // Those that came whole first.
    done.sort_by_key(|(index, cuts, _)| (*index, cuts.len().min(1)));
    gather(cases, done)
}

/// Joins the outcomes of one case: the first that failed, or the first.
fn gather(cases: &[&Case], done: Vec<Done>) -> Result<Vec<Outcome>, String> {
    let mut gathered: Vec<Option<Outcome>> = vec![None; cases.len()];
    for (index, cuts, outcome) in done {
        let mut outcome = outcome.map_err(|error| format!("{}: {error}", cases[index].name))?;
        for failure in &mut outcome.failures {
            if !cuts.is_empty() {
                failure.what = format!("cut at {cuts:?}: {}", failure.what);
            }
        }
        match &mut gathered[index] {
            Some(held) if !held.failures.is_empty() => {}
            Some(held) if outcome.failures.is_empty() => {
                if (&held.statuses, &held.said) != (&outcome.statuses, &outcome.said) {
                    let what = format!(
                        "cut at {cuts:?} something else was said: {:?} {:?}, {:?} {:?}",
                        held.statuses, held.said, outcome.statuses, outcome.said
                    );
                    held.failures.push(Failure {
                        level: Level::Must,
                        what,
                    });
                }
            }
            slot => *slot = Some(outcome),
        }
    }
    Ok(gathered
        .into_iter()
        .map(Option::unwrap_or_default)
        .collect())
}

/// Cuts of one delivery, at most.
const PIECES_MAX: usize = 9;
/// Cuts lie here: further on there is content only.
const HEAD_OCTETS: usize = 4096;
