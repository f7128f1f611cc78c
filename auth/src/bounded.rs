//! A table of bounded size that forgets what was not used for longest, roughly.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Two generations of entries. What is used moves to the young one; when that has half of `entries_max`, the old one is
/// forgotten and the young one takes its place. So it never holds more than `entries_max`, and costs no list.
///
/// Keys may come from outside: the standard library's hash is keyed.
#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    entries_max: usize,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    /// A table of at most this many entries, at least two.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            entries_max,
        }
    }

    /// Adds or replaces.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= (self.entries_max / 2).max(1) && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// What is there, which counts as a use.
    pub(crate) fn find<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// All keys.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        self.young.keys().chain(self.old.keys()).cloned().collect()
    }

    /// Takes out.
    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_it_may() {
        let mut table = Bounded::new(10);
        for key in 0..1000 {
            table.insert(key, ());
            assert!(table.young.len() + table.old.len() <= 10);
        }
    }

    #[test]
    fn what_is_used_stays() {
        let mut table = Bounded::new(10);
        table.insert(0, "kept");
        for key in 1..1000 {
            table.insert(key, "forgotten");
            assert_eq!(table.find(&0), Some(&mut "kept"));
        }
        assert_eq!(table.find(&1), None);
    }

    #[test]
    fn what_is_replaced_is_there_once() {
        let mut table = Bounded::new(4);
        for key in [1, 2, 3, 1, 1] {
            table.insert(key, key);
        }
        assert_eq!(table.remove(&1), Some(1));
        assert_eq!(table.remove(&1), None);
    }
}
