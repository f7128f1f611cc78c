//! What is found out about a request while it is answered.

use std::cell::RefCell;
use std::rc::Rc;

/// What is found out about a request while it is answered, for its record. Clones are the same note.
#[derive(Clone, Debug, Default)]
pub struct Note(Rc<RefCell<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    user: Option<Rc<str>>,
    server: Option<Rc<str>>,
    tries: usize,
}

impl Note {
    /// Who is signed in. A name longer than [`crate::PART_OCTETS_MAX`] is cut.
    pub fn set_user(&self, name: &str) {
        let end = name.floor_char_boundary(crate::PART_OCTETS_MAX);
        self.0.borrow_mut().user = Some(name.get(..end).unwrap_or_default().into());
    }

    /// Which server was asked last for the answer, as it is named to people, and how many were.
    pub fn set_server(&self, name: Rc<str>, tries: usize) {
        let mut noted = self.0.borrow_mut();
        noted.server = Some(name);
        noted.tries = tries;
    }

    /// Which server was asked last.
    pub fn server(&self) -> Option<Rc<str>> {
        self.0.borrow().server.clone()
    }

    /// How many servers were asked.
    pub fn tries(&self) -> usize {
        self.0.borrow().tries
    }

    /// Who is signed in.
    pub fn user(&self) -> Option<Rc<str>> {
        self.0.borrow().user.clone()
    }
}
