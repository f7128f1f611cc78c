//! Where a service keeps its connections.

/// Names one connection of a worker: its index (low 32 bits) and the generation of that index (high 32, of which the top two are 0).
///
/// A token that outlives its connection finds nothing, since the next user of the index has another generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(pub u64);

impl Token {
    /// The token of `index` in its `generation`, whose top two bits are dropped: the reactor keeps those tokens for itself.
    #[must_use]
    pub const fn new(index: u32, generation: u32) -> Self {
        Self(((generation & GENERATION_MASK) as u64) << 32 | index as u64)
    }

    /// The index.
    #[must_use]
    pub const fn index(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }

    /// The generation.
    #[must_use]
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Values named by [`Token`]s; insertion, look-up and removal take constant time.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    free_head: u32,
    held: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    next_free: u32,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free_head: NONE,
            held: 0,
        }
    }
}

impl<T> Slots<T> {
    /// Holds `value` and returns its token, or gives the value back if 2^32 − 1 are held already.
    ///
    /// # Errors
    /// The value, when no index is left.
    pub fn insert(&mut self, value: T) -> Result<Token, T> {
        if let Some(slot) = self.slots.get_mut(self.free_head as usize) {
            let index = self.free_head;
            self.free_head = slot.next_free;
            slot.value = Some(value);
            self.held += 1;
            return Ok(Token::new(index, slot.generation));
        }
        let index = match u32::try_from(self.slots.len()) {
            Ok(index) if index != NONE => index,
            _ => return Err(value),
        };
        self.slots.push(Slot {
            generation: 0,
            next_free: NONE,
            value: Some(value),
        });
        self.held += 1;
        Ok(Token::new(index, 0))
    }

    /// The token that the next [`insert`](Self::insert) returns.
    #[must_use]
    pub fn next_token(&self) -> Token {
        match self.slots.get(self.free_head as usize) {
            Some(slot) => Token::new(self.free_head, slot.generation),
            None => Token::new(self.slots.len() as u32, 0),
        }
    }

    /// Takes the value of `token` out, if it is held.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let slot = self.slots.get_mut(token.index() as usize)?;
        if slot.generation != token.generation() {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        slot.next_free = self.free_head;
        self.free_head = token.index();
        self.held -= 1;
        Some(value)
    }

    /// The value of `token`, if it is held.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let slot = self.slots.get_mut(token.index() as usize)?;
        if slot.generation == token.generation() {
            slot.value.as_mut()
        } else {
            None
        }
    }

    /// All that is held.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.as_mut())
    }

    /// The value of `token`, if it is held.
    #[must_use]
    pub fn get(&self, token: Token) -> Option<&T> {
        let slot = self.slots.get(token.index() as usize)?;
        if slot.generation == token.generation() {
            slot.value.as_ref()
        } else {
            None
        }
    }

    /// How many values are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// The tokens of all held values, in the order of their indices. Takes time in proportion to the most ever held.
    pub fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        let named = |(index, slot): (usize, &Slot<T>)| {
            let index = u32::try_from(index).ok()?;
            slot.value
                .is_some()
                .then_some(Token::new(index, slot.generation))
        };
        self.slots.iter().enumerate().filter_map(named)
    }
}

const NONE: u32 = u32::MAX;
const GENERATION_MASK: u32 = 0x3fff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_finds_its_value_until_it_is_removed() {
        let mut slots = Slots::default();
        let token = slots.insert("a").unwrap();
        assert_eq!(slots.get(token), Some(&"a"));
        assert_eq!(slots.remove(token), Some("a"));
        assert_eq!(slots.get(token), None);
        assert_eq!(slots.remove(token), None);
    }

    #[test]
    fn the_next_user_of_an_index_is_not_found_by_the_old_token() {
        let mut slots = Slots::default();
        let old = slots.insert("a").unwrap();
        slots.remove(old);
        let next = slots.next_token();
        let young = slots.insert("b").unwrap();
        assert_eq!(next, young);
        assert_eq!(young.index(), old.index());
        assert_eq!(slots.get_mut(old), None);
        assert_eq!(slots.remove(old), None);
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn tokens_lists_what_is_held() {
        let mut slots = Slots::default();
        let tokens: Vec<_> = (0..4).map(|n| slots.insert(n).unwrap()).collect();
        slots.remove(tokens[1]);
        assert_eq!(
            slots.tokens().collect::<Vec<_>>(),
            [tokens[0], tokens[2], tokens[3]]
        );
    }

    #[test]
    fn the_top_bits_of_a_generation_are_never_set() {
        assert_eq!(Token::new(7, u32::MAX).generation(), 0x3fff_ffff);
        assert_eq!(Token::new(7, u32::MAX).index(), 7);
    }
}
