//! Many cases against one server, side by side.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::dialogue::{Delivery, Failure, Outcome, Server, play, sent_octets};
use super::octets::Bindings;
use super::script::{Case, Level};

/// How a run is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only cases whose name contains this.
    pub filter: Option<String>,
    /// What the server has: `echo`, `vhost`, `more`, and `clear` or `tls` for how it is reached; cases that need more are left out.
    pub has: Vec<String>,
    /// The world the server is in.
    pub world: String,
    /// How octets are delivered.
    pub deliveries: Deliveries,
    /// Dialogues at a time.
    pub at_a_time: usize,
    /// How long an answer may take.
    pub patience: Duration,
}

/// How the octets of each case are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deliveries {
    /// Once, each send at once.
    Whole,
    /// Once, octet by octet.
    Drip,
    /// Once for each place to cut, at most so many.
    Cuts(usize),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            filter: None,
            has: ["echo", "vhost", "hansom", "more", "clear"]
                .map(str::to_owned)
                .to_vec(),
            world: "plain".to_owned(),
            deliveries: Deliveries::Whole,
            at_a_time: 32,
            patience: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// For a server that is reached by TLS, on whatever way.
    pub fn by_tls(&mut self) {
        self.has.retain(|has| has != "clear");
        self.has.push("tls".to_owned());
    }
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Each case with what came of it.
    pub played: Vec<(Case, Outcome)>,
    /// How many cases were left out, since the server lacks what they need.
    pub left_out: usize,
    /// How many dialogues there were.
    pub dialogues: usize,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    /// How many cases failed at this level: the worst of its failures counts.
    pub fn failed(&self, level: Level) -> usize {
        self.played
            .iter()
            .filter(|(_, outcome)| worst(&outcome.failures) == Some(level))
            .count()
    }

    /// Adds another run to this one.
    pub fn join(mut self, other: Self) -> Self {
        self.played.extend(other.played);
        self.left_out += other.left_out;
        self.dialogues += other.dialogues;
        self.took += other.took;
        self
    }
}

/// The most binding level of some failures.
pub fn worst(failures: &[Failure]) -> Option<Level> {
    failures.iter().map(|failure| failure.level).min()
}

/// Plays all cases that the options let through. An error is a mistake in a case.
pub fn run(cases: &[Case], address: SocketAddr, options: &Options) -> Result<Summary, String> {
    let started = Instant::now();
    let server = Server {
        address,
        bindings: bindings(address)?,
        patience: options.patience,
    };
    let of_world: Vec<_> = cases
        .iter()
        .filter(|case| case.world == options.world && is_wanted(case, options))
        .collect();
    let playable: Vec<_> = of_world
        .iter()
        .copied()
        .filter(|case| case.needs.iter().all(|need| options.has.contains(need)))
        .collect();
    let jobs = jobs(&playable, &server, options.deliveries)?;
    let results = play_all(&playable, &jobs, &server, options.at_a_time)?;
    let left_out = of_world.len() - playable.len();
    let played = playable.into_iter().cloned().zip(results).collect();
    Ok(Summary {
        played,
        left_out,
        dialogues: jobs.len(),
        took: started.elapsed(),
    })
}

fn is_wanted(case: &Case, options: &Options) -> bool {
    let is_named = options
        .filter
        .as_ref()
        .is_none_or(|filter| case.name.contains(filter.as_str()));
    is_named && (case.may_split || options.deliveries == Deliveries::Whole)
}

/// Which case is to be delivered how.
fn jobs(
    cases: &[&Case],
    server: &Server,
    deliveries: Deliveries,
) -> Result<Vec<(usize, Delivery)>, String> {
    let mut jobs = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        // Whole comes first: the other deliveries are compared with it.
        jobs.push((index, Delivery::Whole));
        match deliveries {
            Deliveries::Whole => {}
            Deliveries::Drip => jobs.push((index, Delivery::Drip)),
            Deliveries::Cuts(most) => {
                let octets = sent_octets(case, &server.bindings)?;
                jobs.extend(
                    cuts(octets, most)
                        .into_iter()
                        .map(|at| (index, Delivery::CutAt(at))),
                );
            }
        }
    }
    Ok(jobs)
}

/// Places to cut so many octets: all, or at most `most` of them, spread evenly with both ends.
fn cuts(octets: usize, most: usize) -> Vec<usize> {
    let places = octets.saturating_sub(1);
    if places <= most {
        return (1..octets).collect();
    }
    let mut cuts: Vec<_> = (0..most)
        .map(|index| 1 + index * (places - 1) / (most - 1).max(1))
        .collect();
    cuts.dedup();
    cuts
}

fn play_all(
    cases: &[&Case],
    jobs: &[(usize, Delivery)],
    server: &Server,
    at_a_time: usize,
) -> Result<Vec<Outcome>, String> {
    let next = AtomicUsize::new(0);
    // A case that failed is not delivered again: another failure would tell nothing, and may take all its patience.
    let failed: Vec<AtomicBool> = cases.iter().map(|_| AtomicBool::new(false)).collect();
    let done: Mutex<Vec<(usize, Result<Outcome, String>)>> = Mutex::new(Vec::new());
    let work = || {
        while let Some(&(index, delivery)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (Some(case), Some(failed)) = (cases.get(index), failed.get(index)) else {
                continue;
            };
            if failed.load(Ordering::Relaxed) {
                continue;
            }
            let outcome = play(case, server, delivery).map(|outcome| named(outcome, delivery));
            let is_clean = outcome
                .as_ref()
                .is_ok_and(|outcome| outcome.failures.is_empty());
            failed.fetch_or(!is_clean, Ordering::Relaxed);
            if let Ok(mut done) = done.lock() {
                done.push((index, outcome));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..at_a_time.max(1) {
            scope.spawn(work);
        }
    });
    let done = done.into_inner().map_err(|_| "a dialogue panicked")?;
    gather(cases, done)
}

/// Joins the outcomes of one case: the first that failed, or the first.
fn gather(
    cases: &[&Case],
    done: Vec<(usize, Result<Outcome, String>)>,
) -> Result<Vec<Outcome>, String> {
    let mut gathered: Vec<Option<Outcome>> = vec![None; cases.len()];
    for (index, outcome) in done {
        let outcome = outcome.map_err(|error| format!("{}: {error}", cases[index].name))?;
        let Some(slot) = gathered.get_mut(index) else {
            continue;
        };
        match slot {
            Some(held) if !held.failures.is_empty() => {}
            Some(held) if outcome.failures.is_empty() => {
                if held.statuses != outcome.statuses {
                    let what = format!(
                        "cut differently, answered differently: {:?}, {:?}",
                        held.statuses, outcome.statuses
                    );
                    held.failures.push(Failure {
                        level: Level::Must,
                        what,
                    });
                }
            }
            _ => *slot = Some(outcome),
        }
    }
    Ok(gathered
        .into_iter()
        .map(Option::unwrap_or_default)
        .collect())
}

fn named(mut outcome: Outcome, delivery: Delivery) -> Outcome {
    if delivery != Delivery::Whole {
        for failure in &mut outcome.failures {
            failure.what = format!("{delivery:?}: {}", failure.what);
        }
    }
    outcome
}

/// Asks the server for what cases name: its validators of `/a.txt`, and its address.
fn bindings(address: SocketAddr) -> Result<Bindings, String> {
    let mut bindings = Bindings::new();
    bindings.insert("PORT".into(), address.port().to_string().into_bytes());
    let ask = concat!(
        "case ask\n# The validators of a file.\n",
        ">>> GET /a.txt HTTP/1.1\\r\\nHost: a.example\\r\\nConnection: close\\r\\n\\r\\n\n<<< 200\neof\n"
    );
    let case = super::script::parse("ask", ask)?.remove(0);
    let server = Server {
        address,
        bindings: bindings.clone(),
        patience: Duration::from_secs(10),
    };
    let outcome = play(&case, &server, Delivery::Whole)?;
    if outcome.statuses != [200] {
        return Err(format!(
            "GET /a.txt is not answered with 200: {:?}",
            outcome.failures
        ));
    }
    let head = String::from_utf8_lossy(&outcome.received).into_owned();
    let value = |name: &str| {
        let line = head
            .split("\r\n")
            .find(|line| line.to_ascii_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().as_bytes().to_vec())
    };
    bindings.insert(
        "ETAG".into(),
        value("etag:").unwrap_or_else(|| b"\"none\"".to_vec()),
    );
    Ok(bindings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_octets_are_cut_everywhere() {
        assert_eq!(cuts(5, 10), [1, 2, 3, 4]);
        assert_eq!(cuts(0, 10), Vec::<usize>::new());
    }

    #[test]
    fn many_octets_are_cut_at_both_ends_and_between() {
        let cuts = cuts(1000, 10);
        assert_eq!(
            (cuts.first(), cuts.last(), cuts.len()),
            (Some(&1), Some(&999), 10)
        );
    }
}
