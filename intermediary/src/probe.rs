//! Checks of servers: one task for each server of a pool, in one worker.
//!
//! A check takes a connection like any request, so it never is one more than there may be, and waits its turn; where it gets none in time the server is
//! busy, which says nothing of it.

use std::rc::{Rc, Weak};
use std::time::Duration;

use engine::outbound::{LineOptions, OutboundContent, OutboundRequest};
use http1::{Policy, RequestParts};
use net::Now;
use semantics::Version;

use crate::check::{CheckRules, Checked};
use crate::event::Change;
use crate::gateway::fault_of;
use crate::health::Turn;
use crate::may_trail;
use crate::pool::{Pool, Taken, Way};

/// Begins the checks of a pool that is in force.
pub(crate) fn start(pool: &Rc<Pool>) {
    for (place, member) in pool.members.iter().enumerate() {
        match &pool.rules.check {
            Some(_) => net::spawn(check(Rc::downgrade(pool), place, pool.keeper.generation())),
            // What checks found that are made no longer counts for nothing.
            None => member.upstream.commons.set_checked_out(false),
        }
    }
}

/// The task.
async fn check(pool: Weak<Pool>, place: usize, generation: u64) {
    let mut checked = None;
    loop {
        let pause = {
            let Some(pool) = pool.upgrade() else { return };
            let (Some(rules), Some(member)) = (&pool.rules.check, pool.members.get(place)) else {
                return;
            };
            if pool.keeper.generation() != generation {
                return;
            }
            let commons = &member.upstream.commons;
            let checked = checked.get_or_insert_with(|| Checked::new(commons.is_checked_out()));
            if let Some(found) = ask(&pool, place, rules).await {
                let turn = checked.told(found.is_ok(), rules);
                let change = match (turn, &found) {
                    (Turn::Out, Err(why)) => Some(Change::CheckedOut(why)),
                    (Turn::In, _) => Some(Change::CheckedIn),
                    _ => None,
                };
                // Others may have come into force meanwhile.
                if let Some(change) = change.filter(|_| pool.keeper.generation() == generation) {
                    commons.set_checked_out(turn == Turn::Out);
                    pool.commons.say(Some(commons), change);
                }
            }
            Duration::from_millis(rules.interval_millis)
        };
        net::sleep(pause).await;
    }
}

/// One check: why it is bad, if it is; `None` if no connection was to be had.
async fn ask(pool: &Pool, place: usize, rules: &CheckRules) -> Option<Result<(), String>> {
    let now = Now::read().millis;
    let free = pool.try_seat(place).or_else(|| pool.try_take(place, now));
    let taken = match free {
        Some(taken) => taken,
        None => {
            let wait = pool.wait(pool.alone(place), rules.timeout_millis, None);
            wait.await.ok()?
        }
    };
    Some(ask_taken(pool, place, taken, rules).await)
}

async fn ask_taken(
    pool: &Pool,
    place: usize,
    taken: Taken,
    rules: &CheckRules,
) -> Result<(), String> {
    let options = Rc::new(LineOptions {
        policy: Policy::responses(),
        wait_millis: Some(rules.timeout_millis),
        may_trail,
    });
    let Some(member) = pool.members.get(place) else {
        return Ok(());
    };
    let told = |error| {
        fault_of(&error)
            .map_or("", crate::Fault::because)
            .to_owned()
    };
    let held = match taken.way {
        // An old line would tell of the line.
        Way::Line(held) => {
            let (line, stub) = held.split();
            drop(line);
            member.upstream.connect(&options, stub.into_seat(), 0).await
        }
        Way::Seat(seat) => member.upstream.connect(&options, seat, 0).await,
    };
    let mut held = held.map_err(told)?;
    let host = rules.host.as_deref().unwrap_or(&member.authority);
    let lines: [(&[u8], &[u8]); 3] = [
        (b"Host", host.as_bytes()),
        (b"User-Agent", b"hansom-check"),
        (b"Connection", b"close"),
    ];
    let request = OutboundRequest {
        head: RequestParts {
            method: rules.method.as_bytes(),
            target: rules.path.as_bytes(),
            version: Version::HTTP_11,
            lines: &lines,
        },
        content: OutboundContent::None,
    };
    let asked = held
        .line
        .exchange(&options, request, |_| {}, |head, _| head.status().code());
    let status = asked.await.map_err(told)?;
    match rules.is_good(status) {
        true => Ok(()),
        false => Err(format!("{} is answered by {status}", rules.path)),
    }
}
