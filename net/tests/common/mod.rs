//! A worker that does one thing.

use std::future::Future;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context as TaskContext, Waker};
use std::thread;

use hansom_net::{
    Context, ListenOptions, Peer, Readiness, RunOptions, Service, Shutdown, Signals, Stream, Token,
    bind_all, run,
};

type Work = Pin<Box<dyn Future<Output = ()>>>;
type Job = Box<dyn FnOnce() -> Work + Send>;

/// Polls the one future of a test, which begins with the first connection.
struct Runner {
    job: Arc<Mutex<Option<Job>>>,
    work: Option<Work>,
    waker: Option<Waker>,
}

impl Service for Runner {
    fn accepted(&mut self, cx: &mut Context<'_>, _: usize, _: Stream, _: Peer) {
        let job = self.job.lock().unwrap().take().unwrap();
        self.work = Some(job());
        self.woken(cx, Token(7));
    }

    fn ready(&mut self, _: &mut Context<'_>, _: Token, _: Readiness) {
        panic!("the service has registered nothing");
    }

    fn woken(&mut self, cx: &mut Context<'_>, token: Token) {
        assert_eq!(token, Token(7));
        let waker = self.waker.get_or_insert_with(|| cx.waker(token));
        if let Some(work) = &mut self.work
            && work
                .as_mut()
                .poll(&mut TaskContext::from_waker(waker))
                .is_ready()
        {
            self.work = None;
        }
    }

    fn expired(&mut self, _: &mut Context<'_>, _: Token) {}
    fn batch_done(&mut self, _: &mut Context<'_>) {}
    fn drain(&mut self, _: &mut Context<'_>) {}
    fn is_drained(&self) -> bool {
        self.work.is_none()
    }
}

/// What a future comes to that a service of a worker polls.
pub(crate) fn on_worker<T: Send + 'static, F: Future<Output = T> + 'static>(
    job: impl FnOnce() -> F + Send + 'static,
) -> T {
    let (done, result) = mpsc::channel();
    let job: Job = Box::new(move || {
        let work = job();
        Box::pin(async move { done.send(work.await).unwrap() })
    });
    let job = Arc::new(Mutex::new(Some(job)));
    let listeners = bind_all(
        &[("127.0.0.1:0".parse().unwrap(), ListenOptions::default())],
        1,
    )
    .unwrap();
    let (ready, bound) = mpsc::channel();
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let options = RunOptions {
        signals: Signals::Ignore,
        ..RunOptions::default()
    };
    let make = move |_| Runner {
        job: Arc::clone(&job),
        work: None,
        waker: None,
    };
    let worker = thread::spawn(move || {
        run(listeners, options, &stop, make, |bound| {
            ready.send(bound[0].port().unwrap()).unwrap();
        })
    });
    drop(TcpStream::connect(("127.0.0.1", bound.recv().unwrap())).unwrap());
    let result = result.recv();
    shutdown.end();
    worker.join().unwrap().unwrap();
    result.unwrap()
}
