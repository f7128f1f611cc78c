use super::*;

const TICK: u64 = Timers::TICK_MILLIS;

fn due(timers: &mut Timers, now: u64) -> Vec<u64> {
    let mut tokens = Vec::new();
    timers.advance(now, &mut tokens);
    let mut numbers: Vec<u64> = tokens.into_iter().map(|token| token.0).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_timer_never_fires_early_and_at_most_a_tick_late() {
    for start in [0, 1, 127, 128, 1_000_003] {
        for wait in [
            0, 1, 127, 128, 129, 5_000, 75_000, 131_072, 131_073, 400_000,
        ] {
            let mut timers = Timers::new(start);
            let at = start + wait;
            timers.schedule(Token(7), at);
            if wait > 0 {
                assert_eq!(due(&mut timers, at - 1), [], "{start} {wait}");
            }
            let late = timers.next_millis().unwrap();
            // A slot of a later round may be visited for nothing first.
            let mut fired = due(&mut timers, late.max(at));
            if fired.is_empty() {
                fired = due(&mut timers, at + TICK);
            }
            assert_eq!(fired, [7], "{start} {wait}");
            assert!(timers.is_empty());
        }
    }
}

#[test]
fn only_what_is_due_fires_when_two_rounds_share_a_slot() {
    let mut timers = Timers::new(0);
    let round = TICK * SLOTS as u64;
    timers.schedule(Token(1), TICK * 5);
    timers.schedule(Token(2), TICK * 5 + round);
    timers.schedule(Token(3), TICK * 5 + 2 * round);
    assert_eq!(due(&mut timers, TICK * 5), [1]);
    assert_eq!(due(&mut timers, TICK * 4 + round), []);
    assert_eq!(due(&mut timers, TICK * 5 + round), [2]);
    assert_eq!(due(&mut timers, TICK * 5 + 2 * round), [3]);
}

#[test]
fn a_jump_of_many_rounds_fires_everything_once() {
    let mut timers = Timers::new(0);
    for n in 0..3000 {
        timers.schedule(Token(n), n * 1000);
    }
    assert_eq!(due(&mut timers, 10_000_000), (0..3000).collect::<Vec<_>>());
    assert_eq!(due(&mut timers, 20_000_000), []);
    assert_eq!(timers.next_millis(), None);
}

#[test]
fn a_past_time_fires_at_the_next_advance() {
    let mut timers = Timers::new(1_000_000);
    timers.schedule(Token(1), 5);
    assert_eq!(due(&mut timers, 1_000_000), [1]);
    timers.schedule(Token(2), 999_999 - TICK);
    assert_eq!(due(&mut timers, 1_000_000), [2]);
}

#[test]
fn a_timer_set_from_a_firing_one_is_kept() {
    let mut timers = Timers::new(0);
    timers.schedule(Token(1), 1000);
    assert_eq!(due(&mut timers, 1024), [1]);
    timers.schedule(Token(1), 2000);
    assert_eq!(due(&mut timers, 1999), []);
    assert_eq!(due(&mut timers, 2048), [1]);
}

#[test]
fn a_time_beyond_the_span_is_brought_within_it() {
    let mut timers = Timers::new(0);
    timers.schedule(Token(1), u64::MAX);
    assert_eq!(due(&mut timers, Timers::SPAN_MILLIS_MAX - 1), []);
    assert_eq!(due(&mut timers, Timers::SPAN_MILLIS_MAX), [1]);
}

#[test]
fn nothing_is_awaited_when_nothing_is_set() {
    let mut timers = Timers::new(0);
    assert_eq!(timers.next_millis(), None);
    timers.schedule(Token(1), 1000);
    assert_eq!(timers.next_millis(), Some(1024));
}

#[test]
fn a_crowd_that_is_gone_leaves_little_memory() {
    let mut timers = Timers::new(0);
    for n in 0..100_000 {
        timers.schedule(Token(n), 1000);
    }
    assert_eq!(due(&mut timers, 2000).len(), 100_000);
    assert!(timers.entries.capacity() <= ENTRIES_KEPT);
}

#[test]
fn the_wheel_agrees_with_a_sorted_list() {
    // The plain algorithm: all that is at or before the tick of now, over a pseudo-random run.
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut timers, mut list, mut now) = (Timers::new(77), Vec::new(), 77);
    for n in 0..20_000 {
        let at = now + random() % 300_000;
        timers.schedule(Token(n), at);
        list.push((at.div_ceil(TICK), n));
        now += random() % 50;
        let mut expected: Vec<u64> = list
            .iter()
            .filter(|(tick, _)| *tick <= now / TICK)
            .map(|(_, n)| *n)
            .collect();
        list.retain(|(tick, _)| *tick > now / TICK);
        expected.sort_unstable();
        assert_eq!(due(&mut timers, now), expected);
        assert_eq!(timers.len(), list.len());
    }
}
