//! Changing what workers do while they run: listeners that come and go, and calls on their threads.

use std::fmt;
use std::io;
use std::mem;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::listen::{self, Bound, Claim, Listener, SocketFile};
use crate::wake::Shared;
use crate::{Address, BindError, Context, ListenOptions, Listeners};

/// Changes the workers of a [`run_with`](crate::run_with) from another thread. Clones act on the same run.
///
/// ```text
///  bind ──▶ Rebound ──apply──▶ each worker, between two batches: the call, listeners that come, listeners that go
///    └─ an address cannot be had: nothing was changed
/// ```
pub struct Control<S> {
    inner: Arc<Mutex<Inner<S>>>,
}

#[derive(Debug)]
struct Inner<S> {
    workers: Vec<Link<S>>,
    listeners: Vec<Listening>,
    /// Addresses and numbers of listeners that went, while any worker holds them.
    left: Vec<(Address, usize, Weak<()>)>,
}

/// An address that is listened on, as all workers know it.
#[derive(Debug)]
struct Listening {
    id: usize,
    asked: Address,
    address: Address,
    is_secured: bool,
    /// Removed as soon as nobody accepts on it, for a successor.
    file: Option<SocketFile>,
    held: Weak<()>,
}

/// The way to one worker.
#[derive(Debug)]
pub(crate) struct Link<S> {
    pub(crate) shared: Arc<Shared>,
    orders: Sender<Order<S>>,
}

/// Is told which listeners cannot be watched.
type Call<S> = Box<dyn FnOnce(&mut S, &mut Context<'_>, Vec<(usize, io::Error)>) + Send>;

/// What one worker is to do between two batches: listen, call, leave.
pub(crate) struct Order<S> {
    pub(crate) drain_time: Option<Duration>,
    pub(crate) call: Call<S>,
    pub(crate) retune: Vec<(usize, ListenOptions)>,
    pub(crate) listen: Vec<Numbered>,
    pub(crate) leave: Vec<usize>,
}

/// A listening socket with its number.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) id: usize,
    pub(crate) listener: Listener,
    /// Dropped when no connection of it is left.
    pub(crate) held: Arc<()>,
}

/// What is to be listened on: addresses that stay keep their sockets, others are bound. Dropping it closes the latter.
#[derive(Debug)]
pub struct Rebound {
    ids: Vec<usize>,
    pub(crate) fresh: Vec<(usize, Bound)>,
    kept: Vec<Reachable>,
    added: Vec<Reachable>,
    removed: Vec<(usize, Reachable)>,
    retune: Vec<(usize, ListenOptions)>,
}

/// How a listener is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reachable {
    /// Its address, with the port that was chosen for port 0.
    pub address: Address,
    /// Whether by TLS.
    pub is_secured: bool,
}

/// A listener that was bound, but that no watch is left for.
#[derive(Debug)]
pub struct Unwatched {
    /// How it would be reached.
    pub listener: Reachable,
    /// Whether other workers accept on it. If none does it is closed, and bound anew the next time it is asked for.
    pub is_served: bool,
    /// What the system says.
    pub error: io::Error,
}

impl Rebound {
    /// The number of each listener, in the order in which the addresses were given.
    #[must_use]
    pub fn ids(&self) -> &[usize] {
        &self.ids
    }

    /// The addresses whose sockets stay.
    #[must_use]
    pub fn kept(&self) -> &[Reachable] {
        &self.kept
    }

    /// The addresses that come.
    #[must_use]
    pub fn added(&self) -> &[Reachable] {
        &self.added
    }

    /// The addresses that go.
    pub fn removed(&self) -> impl Iterator<Item = &Reachable> {
        self.removed.iter().map(|(_, listener)| listener)
    }
}

impl<S> Control<S> {
    /// A handle to give to [`run_with`](crate::run_with). Until then it reaches nobody.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                workers: Vec::new(),
                listeners: Vec::new(),
                left: Vec::new(),
            })),
        }
    }

    /// Binds those of `addresses` that are not listened on. Nothing changes for anybody until [`Self::apply`].
    ///
    /// An address that is given as before keeps its sockets, also with port 0; its other options count for the connections that are
    /// accepted later. One that overlaps with an address that goes, or that went less than a few seconds ago, is bound beside what
    /// is left of that: so 127.0.0.1:80 can become 0.0.0.0:80.
    ///
    /// # Errors
    /// The first address that cannot be had.
    pub fn bind(&self, addresses: &[(Address, ListenOptions)]) -> Result<Rebound, BindError> {
        let mut inner = self.lock();
        inner.left.retain(|(_, _, held)| held.strong_count() > 0);
        let mut rebound = Rebound {
            ids: Vec::new(),
            fresh: Vec::new(),
            kept: Vec::new(),
            added: Vec::new(),
            removed: Vec::new(),
            retune: Vec::new(),
        };
        for (address, options) in addresses {
            let known = inner
                .listeners
                .iter()
                .find(|it| it.asked == *address && !rebound.ids.contains(&it.id));
            if let Some(known) = known {
                rebound.ids.push(known.id);
                rebound.kept.push(Reachable {
                    address: known.address.clone(),
                    is_secured: options.tls.is_some(),
                });
                rebound.retune.push((known.id, options.clone()));
                continue;
            }
            let workers = inner.workers.len();
            let bind = |claim| listen::bind_one(address, options, addresses, workers, claim);
            let bound = match bind(Claim::Exclusive) {
                Err(BindError::Busy { .. }) if inner.makes_room(address, addresses) => {
                    bind(Claim::BesideOwn)?
                }
                bound => bound?,
            };
            let id = inner.free_id(&rebound.ids);
            rebound.ids.push(id);
            rebound.added.push(Reachable {
                address: bound.address.clone(),
                is_secured: options.tls.is_some(),
            });
            rebound.fresh.push((id, bound));
        }
        let gone = inner
            .listeners
            .iter()
            .filter(|it| !rebound.ids.contains(&it.id));
        let reachable = |it: &Listening| Reachable {
            address: it.address.clone(),
            is_secured: it.is_secured,
        };
        rebound.removed = gone.map(|it| (it.id, reachable(it))).collect();
        Ok(rebound)
    }

    /// Calls `change` on each worker's thread, lets new listeners accept and drains those that go; gives those that cannot be
    /// accepted from, when all calls were made. `drain_time` is from here on what [`RunOptions::drain_time`](crate::RunOptions::drain_time) says.
    ///
    /// A listener that goes takes no connection that begins later, accepts those that have begun, and is closed after one or two
    /// seconds; [`Service::drain_listener`](crate::Service::drain_listener) is told.
    ///
    /// Waits for the workers, so it must not be called on their threads.
    pub fn apply(
        &self,
        rebound: Rebound,
        drain_time: Duration,
        change: impl Fn(&mut S, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Vec<Unwatched> {
        let answers = {
            let mut inner = self.lock();
            let parts = inner.settle(rebound);
            inner.order(Some(drain_time), parts, change)
        };
        let unwatched = answers.into_iter().flat_map(|((), unwatched)| unwatched);
        let unwatched: Vec<_> = unwatched.collect();
        self.lock().give_up(unwatched)
    }

    /// Calls `question` on each worker's thread, between two batches, and gives what they say when all have answered. A worker that
    /// has ended says nothing.
    ///
    /// Waits for the workers, so it must not be called on their threads.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl Fn(&mut S, &mut Context<'_>) -> T + Send + Sync + 'static,
    ) -> Vec<T> {
        let answers = self.lock().order(None, Parts::default(), question);
        answers.into_iter().map(|(said, _)| said).collect()
    }

    /// Takes over what was bound at first, and gives each worker its sockets and where its orders come.
    pub(crate) fn attach(&self, listeners: Listeners) -> Vec<Start<S>> {
        let mut inner = self.lock();
        let mut starts: Vec<Start<S>> = Vec::new();
        for _ in 0..listeners.workers {
            let (orders, received) = mpsc::channel();
            let shared = Arc::<Shared>::default();
            inner.workers.push(Link {
                shared: Arc::clone(&shared),
                orders,
            });
            starts.push(Start {
                listeners: Vec::new(),
                shared,
                orders: received,
            });
        }
        for (id, bound) in listeners.bound.into_iter().enumerate() {
            for (start, numbered) in starts.iter_mut().zip(inner.adopt(id, bound)) {
                start.listeners.push(numbered);
            }
        }
        starts
    }

    /// The workers stop: nothing is bound any more, and the paths of unix sockets are free.
    pub(crate) fn let_go(&self) {
        let gone = mem::take(&mut self.lock().listeners);
        drop(gone);
    }

    /// Passes on how far to stop.
    pub(crate) fn stop(&self, stop: crate::wake::Stop) {
        for worker in &self.lock().workers {
            worker.shared.stop(stop);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        // No code of others runs under the lock, so a poisoned one is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one worker starts with.
#[derive(Debug)]
pub(crate) struct Start<S> {
    pub(crate) listeners: Vec<Numbered>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) orders: Receiver<Order<S>>,
}

/// What changes among the listeners of the workers.
#[derive(Debug, Default)]
struct Parts {
    /// By worker.
    listen: Vec<Vec<Numbered>>,
    retune: Vec<(usize, ListenOptions)>,
    leave: Vec<usize>,
}

impl<S> Inner<S> {
    /// The least number that no listener has, nor a connection of one that went.
    fn free_id(&self, planned: &[usize]) -> usize {
        let is_taken = |id: &usize| {
            planned.contains(id)
                || self.listeners.iter().any(|it| it.id == *id)
                || self.left.iter().any(|(_, left, _)| left == id)
        };
        (0..).find(|id| !is_taken(id)).unwrap_or(usize::MAX)
    }

    /// Whether those of our listeners that are in the way of an address go, or have gone: none of them is to stay.
    fn makes_room(&self, address: &Address, wanted: &[(Address, ListenOptions)]) -> bool {
        let stays = |it: &Listening| wanted.iter().any(|(wanted, _)| *wanted == it.asked);
        let left = self.left.iter().map(|(left, ..)| (left, true));
        let current = self.listeners.iter().map(|it| (&it.address, !stays(it)));
        let mut in_the_way = left
            .chain(current)
            .filter(|(other, _)| overlap(other, address))
            .peekable();
        in_the_way.peek().is_some() && in_the_way.all(|(_, goes)| goes)
    }

    /// Notes a bound address, and gives the socket for each worker.
    fn adopt(&mut self, id: usize, bound: Bound) -> Vec<Numbered> {
        let held = Arc::new(());
        self.listeners.push(Listening {
            id,
            asked: bound.asked,
            address: bound.address,
            is_secured: bound.options.tls.is_some(),
            file: bound.file,
            held: Arc::downgrade(&held),
        });
        let number = |listener| Numbered {
            id,
            listener,
            held: Arc::clone(&held),
        };
        bound.listeners.into_iter().map(number).collect()
    }

    fn settle(&mut self, rebound: Rebound) -> Parts {
        let mut parts = Parts {
            retune: rebound.retune,
            ..Parts::default()
        };
        for (id, options) in &parts.retune {
            if let Some(it) = self.listeners.iter_mut().find(|it| it.id == *id) {
                it.is_secured = options.tls.is_some();
            }
        }
        let is_gone = |it: &mut Listening| rebound.removed.iter().any(|(id, _)| *id == it.id);
        let gone: Vec<_> = self.listeners.extract_if(.., is_gone).collect();
        for gone in gone {
            parts.leave.push(gone.id);
            self.left.push((gone.address, gone.id, gone.held));
            // Whoever connects to a path after this finds nobody.
            drop(gone.file);
        }
        parts.listen.resize_with(self.workers.len(), Vec::new);
        for (id, bound) in rebound.fresh {
            let all = self.adopt(id, bound);
            for (own, numbered) in parts.listen.iter_mut().zip(all) {
                own.push(numbered);
            }
        }
        parts
    }

    /// Forgets those of the listeners that no worker holds.
    fn give_up(&mut self, unwatched: Vec<(usize, io::Error)>) -> Vec<Unwatched> {
        let mut given_up = Vec::new();
        for (id, error) in unwatched {
            // One that several workers cannot watch is told once, unless others can.
            let found = self.listeners.iter().enumerate();
            let Some((at, it)) = found.into_iter().find(|(_, it)| it.id == id) else {
                continue;
            };
            let is_served = it.held.strong_count() > 0;
            given_up.push(Unwatched {
                listener: Reachable {
                    address: it.address.clone(),
                    is_secured: it.is_secured,
                },
                is_served,
                error,
            });
            if !is_served {
                self.listeners.remove(at);
            }
        }
        given_up
    }

    fn order<T: Send + 'static>(
        &mut self,
        drain_time: Option<Duration>,
        parts: Parts,
        call: impl Fn(&mut S, &mut Context<'_>) -> T + Send + Sync + 'static,
    ) -> Receiver<(T, Vec<(usize, io::Error)>)> {
        let (answer, answers) = mpsc::channel();
        let call = Arc::new(call);
        let mut listen = parts.listen.into_iter();
        for worker in &self.workers {
            let (call, answer) = (Arc::clone(&call), answer.clone());
            let order = Order {
                drain_time,
                call: Box::new(move |service: &mut S, cx: &mut Context<'_>, unwatched| {
                    // Who asked waits for this.
                    let _ = answer.send((call(service, cx), unwatched));
                }),
                retune: parts.retune.clone(),
                listen: listen.next().unwrap_or_default(),
                leave: parts.leave.clone(),
            };
            // A worker that has ended needs no order.
            let _ = worker.orders.send(order);
            worker.shared.nudge();
        }
        answers
    }
}

/// Whether one connection could be meant for either. `[::]` may take IPv4 too.
fn overlap(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Inet(one), Address::Inet(other)) => {
            let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() == other.port() && (is_any || one.ip() == other.ip())
        }
        _ => one == other,
    }
}

impl<S> Clone for Control<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<S> Default for Control<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Control<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Order<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("listen", &self.listen)
            .field("leave", &self.leave)
            .finish_non_exhaustive()
    }
}
