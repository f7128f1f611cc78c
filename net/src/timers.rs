//! A coarse timer wheel: pure data, driven by virtual time.

#![expect(
    clippy::indexing_slicing,
    reason = "slot_of keeps every index inside the wheel"
)]

use crate::Token;

/// Timers of [`TICK_MILLIS`](Timers::TICK_MILLIS) each.
///
/// Setting one takes constant time and no allocation once the most ever set have been seen. There is no cancelling: who set a timer
/// ignores it when it fires for nothing. So a connection keeps one timer and its true deadline, and sets the timer again if it
/// fires before that.
///
/// ```text
///  heads[tick % SLOTS] ──> entry ──> entry ──> NONE      an entry whose tick is a later round stays
/// ```
///
/// A timer never fires before its time, and at most one tick after it once [`advance`](Self::advance) is told that time.
#[derive(Debug)]
pub struct Timers {
    heads: Box<[u32]>,
    entries: Vec<Entry>,
    free_head: u32,
    set: usize,
    /// The first tick that is not done.
    tick: u64,
    /// No timer is due before this tick.
    next: u64,
}

#[derive(Debug)]
struct Entry {
    token: Token,
    /// Low half of the tick it is due at; halves are compared within half the range, which is 8 years.
    tick: u32,
    next: u32,
}

impl Timers {
    /// The length of a tick.
    pub const TICK_MILLIS: u64 = 128;

    /// No timer is set further away than this (over two years); a later one is set to it and so fires early.
    pub const SPAN_MILLIS_MAX: u64 = (1 << 29) * Self::TICK_MILLIS;

    /// A wheel without timers whose time starts at `now_millis`.
    #[must_use]
    pub fn new(now_millis: u64) -> Self {
        Self {
            heads: vec![NONE; SLOTS].into_boxed_slice(),
            entries: Vec::new(),
            free_head: NONE,
            set: 0,
            tick: now_millis / Self::TICK_MILLIS,
            next: u64::MAX,
        }
    }

    /// Lets `token` fire at `at_millis`, rounded up to a whole tick. A time before this tick fires at the next advance.
    pub fn schedule(&mut self, token: Token, at_millis: u64) {
        let last = self.tick + Self::SPAN_MILLIS_MAX / Self::TICK_MILLIS;
        let tick = at_millis.div_ceil(Self::TICK_MILLIS).clamp(self.tick, last);
        let entry = Entry {
            token,
            tick: tick as u32,
            next: NONE,
        };
        let Some(index) = self.hold(entry) else {
            return;
        };
        self.link(index, tick);
        self.set += 1;
        self.next = self.next.min(tick);
    }

    /// Moves all timers due at `now_millis` to `due`.
    pub fn advance(&mut self, now_millis: u64, due: &mut Vec<Token>) {
        let until = now_millis / Self::TICK_MILLIS;
        if until < self.next {
            // Not `until + 1`: the tick under way takes timers that are set to it, and they fire at its first advance.
            self.tick = self.tick.max(until);
            return;
        }
        let first = self.next;
        self.tick = self.tick.max(until);
        // After a jump of a whole round every slot is visited once, not once a tick.
        let visited = (until - first + 1).min(SLOTS as u64);
        for tick in first..first + visited {
            self.visit(tick, until, due);
        }
        self.next = self.earliest(until + 1);
    }

    /// When [`advance`](Self::advance) can find something due; `None` while nothing is set.
    #[must_use]
    pub fn next_millis(&self) -> Option<u64> {
        (self.set > 0).then(|| self.next.saturating_mul(Self::TICK_MILLIS))
    }

    /// How many are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set == 0
    }

    fn hold(&mut self, entry: Entry) -> Option<u32> {
        if let Some(slot) = self.entries.get_mut(self.free_head as usize) {
            let index = self.free_head;
            self.free_head = slot.next;
            *slot = entry;
            return Some(index);
        }
        let index = u32::try_from(self.entries.len())
            .ok()
            .filter(|index| *index != NONE)?;
        self.entries.push(entry);
        Some(index)
    }

    fn link(&mut self, index: u32, tick: u64) {
        let head = &mut self.heads[slot_of(tick)];
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.next = *head;
            *head = index;
        }
    }

    /// Takes the due entries out of one slot and puts those of later rounds back.
    fn visit(&mut self, tick: u64, until: u64, due: &mut Vec<Token>) {
        let mut index = std::mem::replace(&mut self.heads[slot_of(tick)], NONE);
        while let Some(entry) = self.entries.get_mut(index as usize) {
            let following = entry.next;
            if is_due(entry.tick, until) {
                due.push(entry.token);
                entry.next = self.free_head;
                self.free_head = index;
                self.set -= 1;
            } else {
                self.link(index, tick);
            }
            index = following;
        }
        if self.set == 0 {
            self.rest();
        }
    }

    /// The first tick from `from` on whose slot holds something. It may hold a later round only: then that tick finds nothing due.
    fn earliest(&self, from: u64) -> u64 {
        if self.set == 0 {
            return u64::MAX;
        }
        let holds = |tick: &u64| self.heads[slot_of(*tick)] != NONE;
        (from..from + SLOTS as u64).find(holds).unwrap_or(from)
    }

    /// Gives the memory of a past crowd back.
    fn rest(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(ENTRIES_KEPT);
        self.free_head = NONE;
    }
}

const fn slot_of(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

/// Whether the tick with the low half `tick` is not after `until`.
const fn is_due(tick: u32, until: u64) -> bool {
    (until as u32).wrapping_sub(tick) < 1 << 31
}

/// 131 s in a round, so that the usual deadlines need no second one.
const SLOTS: usize = 1024;
const NONE: u32 = u32::MAX;
const ENTRIES_KEPT: usize = 1024;

#[cfg(test)]
mod tests;
