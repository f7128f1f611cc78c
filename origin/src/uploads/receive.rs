//! Content on its way to a file: gathered on the worker, written on a thread that may wait.

use net::{NewFile, blocking, drop_elsewhere};

use super::denial::Denial;
use super::slots::Slot;

/// A file in the making, and its place among those that there may be.
#[derive(Debug)]
pub(super) struct Making {
    pub(super) new: NewFile,
    _slot: Slot,
}

impl Making {
    pub(super) fn new(new: NewFile, slot: Slot) -> Self {
        Self { new, _slot: slot }
    }
}

/// Takes content for one file. Dropped, the file is given up.
#[derive(Debug)]
pub(super) struct Sink {
    /// There unless a thread has it.
    making: Option<Making>,
    held: Vec<u8>,
}

impl Sink {
    pub(super) fn new(making: Making) -> Self {
        Self {
            making: Some(making),
            held: Vec::new(),
        }
    }

    /// Appends.
    pub(super) async fn push(&mut self, mut octets: &[u8]) -> Result<(), Denial> {
        while !octets.is_empty() {
            let room = BATCH_OCTETS.saturating_sub(self.held.len());
            let (now, later) = octets.split_at(room.min(octets.len()));
            self.held.extend_from_slice(now);
            octets = later;
            if self.held.len() >= BATCH_OCTETS {
                self.write().await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), Denial> {
        let mut held = std::mem::take(&mut self.held);
        let mut making = self.making.take().ok_or(Denial::INTERNAL)?;
        let work = move || {
            making.new.append(&held)?;
            held.clear();
            Ok::<_, Denial>((making, held))
        };
        let (making, held) = blocking(work).await??;
        (self.making, self.held) = (Some(making), held);
        Ok(())
    }

    /// Writes the rest, and does what is to be done with the whole.
    pub(super) async fn finish<T: Send + 'static>(
        mut self,
        act: impl FnOnce(Making) -> Result<T, Denial> + Send + 'static,
    ) -> Result<T, Denial> {
        let held = std::mem::take(&mut self.held);
        let mut making = self.making.take().ok_or(Denial::INTERNAL)?;
        blocking(move || {
            making.new.append(&held)?;
            act(making)
        })
        .await?
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // To free the room of a large file takes its time.
        if let Some(making) = self.making.take() {
            drop_elsewhere(making);
        }
    }
}

/// Content is written in batches of so many octets; one upload holds so much memory at most, and the window of its
/// connection.
pub(super) const BATCH_OCTETS: usize = 512 * 1024;
