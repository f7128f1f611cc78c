//! Work on a thread of its own, done whenever it is wished.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Work on a thread of its own, done whenever it is wished. Dropping this ends the thread after what it is at.
///
/// ```
/// use std::sync::mpsc::channel;
///
/// let (done, wait) = channel();
/// let errand = hansom_net::Errand::start("count", move || done.send(()).unwrap())?;
/// errand.wish();
/// wait.recv().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Errand {
    wishes: SyncSender<()>,
}

impl Errand {
    /// Starts the thread. It waits for the first wish.
    ///
    /// # Errors
    /// That the system gives no thread.
    pub fn start(name: &str, mut work: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let (wishes, granted) = sync_channel(1);
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn(move || granted.iter().for_each(|()| work()))?;
        Ok(Self { wishes })
    }

    /// Has the work done once more, from its beginning; never waits. Wishes that come before it begins are one.
    pub fn wish(&self) {
        // A full queue holds a wish that stands for this one too.
        let _ = self.wishes.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn wishes_that_come_while_it_works_are_one() {
        let (begun, beginning) = channel();
        let (go_on, going) = channel::<()>();
        let errand = Errand::start("test", move || {
            begun.send(()).unwrap();
            // It goes on when the sender is dropped, and from then on at once.
            let _ = going.recv();
        })
        .unwrap();
        errand.wish();
        beginning.recv().unwrap();
        for _ in 0..10 {
            errand.wish();
        }
        drop(go_on);
        drop(errand);
        assert_eq!(beginning.iter().count(), 1);
    }
}
