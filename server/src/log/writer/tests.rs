use super::*;
use std::sync::mpsc::channel;

const WAIT: Duration = Duration::from_secs(60);

/// An output that shows what it got, and takes something only when it may.
struct Gate {
    taken: Arc<Mutex<Vec<u8>>>,
    entered: SyncSender<()>,
    open: Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let _ = self.entered.try_send(());
        // The sender is dropped when the gate is to stay open.
        let _ = self.open.recv();
        self.taken
            .lock()
            .expect("no panic")
            .extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Failing(io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text")
    }
}

impl Write for Page {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_was_handed_over_is_written_in_order_before_the_end() {
    let page = Page::default();
    let writer = LogWriter::start(page.clone(), LogFormat::Human, |_| ()).expect("a thread");
    let handle = writer.handle();
    for number in 0..100 {
        let mut batch = format!("line {number}\n").into_bytes();
        handle.try_write(&mut batch);
        assert!(batch.is_empty());
    }
    assert!(writer.finish(WAIT));
    let expected: String = (0..100).map(|number| format!("line {number}\n")).collect();
    assert_eq!(page.text(), expected);
}

#[test]
fn a_reader_that_stalls_costs_lines_and_their_number_is_written() {
    let (entered, has_entered) = sync_channel(1);
    let (open, gate) = channel();
    let taken = Arc::default();
    let output = Gate {
        taken: Arc::clone(&taken),
        entered,
        open: gate,
    };
    let writer = LogWriter::start(output, LogFormat::Json, |_| ()).expect("a thread");
    let handle = writer.handle();
    handle.try_write(&mut b"first\n".to_vec());
    has_entered.recv().expect("the thread writes");
    for _ in 0..BATCHES_MAX + 5 {
        handle.try_write(&mut b"one\ntwo\n".to_vec());
    }
    drop(open);
    assert!(writer.finish(WAIT));
    let text = String::from_utf8(taken.lock().expect("no panic").clone()).expect("text");
    let expected = format!(
        "first\n{}{}",
        "one\ntwo\n".repeat(BATCHES_MAX),
        "{\"event\":\"dropped\",\"lines\":10}\n",
    );
    assert_eq!(text, expected);
}

#[test]
fn a_reader_that_stalls_does_not_hold_up_the_end() {
    let (entered, has_entered) = sync_channel(1);
    let (open, gate) = channel::<()>();
    let output = Gate {
        taken: Arc::default(),
        entered,
        open: gate,
    };
    let writer = LogWriter::start(output, LogFormat::Json, |_| ()).expect("a thread");
    writer.handle().try_write(&mut b"first\n".to_vec());
    has_entered.recv().expect("the thread writes");
    assert!(!writer.finish(Duration::ZERO));
    drop(open);
}

#[test]
fn a_closed_output_ends_the_log_and_is_told_once() {
    let (told, hears) = channel();
    let complain = move |error: &io::Error| told.send(error.kind()).expect("heard");
    let output = Failing(io::ErrorKind::BrokenPipe);
    let writer = LogWriter::start(output, LogFormat::Human, complain).expect("a thread");
    let handle = writer.handle();
    handle.try_write(&mut b"a\n".to_vec());
    assert_eq!(hears.recv(), Ok(io::ErrorKind::BrokenPipe));
    assert!(writer.finish(WAIT));
    assert!(handle.is_stopped());
    let mut batch = b"b\n".to_vec();
    handle.try_write(&mut batch);
    assert!(batch.is_empty());
    assert!(hears.recv().is_err(), "told once");
}

#[test]
fn a_pipe_without_a_reader_ends_the_log_and_not_the_program() {
    let (told, hears) = channel();
    let complain = move |error: &io::Error| told.send(error.kind()).expect("heard");
    let (reader, output) = io::pipe().expect("a pipe");
    drop(reader);
    let writer = LogWriter::start(output, LogFormat::Human, complain).expect("a thread");
    writer.handle().try_write(&mut b"a\n".to_vec());
    assert_eq!(hears.recv(), Ok(io::ErrorKind::BrokenPipe));
    assert!(writer.finish(WAIT));
}

#[test]
fn a_full_disk_does_not_end_the_log() {
    let (told, hears) = channel();
    let complain = move |error: &io::Error| told.send(error.kind()).expect("heard");
    let output = Failing(io::ErrorKind::StorageFull);
    let writer = LogWriter::start(output, LogFormat::Human, complain).expect("a thread");
    let handle = writer.handle();
    handle.try_write(&mut b"a\n".to_vec());
    assert_eq!(hears.recv(), Ok(io::ErrorKind::StorageFull));
    assert!(!handle.is_stopped());
    assert!(writer.finish(WAIT));
}

#[test]
fn buffers_are_used_again() {
    let shared = Shared::default();
    shared.recycle(Vec::with_capacity(1000));
    shared.recycle(Vec::with_capacity(BUFFER_OCTETS_MAX + 1));
    assert_eq!(shared.buffer().capacity(), 1000);
    assert_eq!(shared.buffer().capacity(), 0);
}

#[test]
fn what_waits_is_bounded_in_octets_however_long_the_batches_are() {
    let (entered, has_entered) = sync_channel(1);
    let (open, gate) = channel();
    let taken = Arc::default();
    let output = Gate {
        taken: Arc::clone(&taken),
        entered,
        open: gate,
    };
    let writer = LogWriter::start(output, LogFormat::Human, |_| ()).expect("a thread");
    let handle = writer.handle();
    handle.try_write(&mut b"first\n".to_vec());
    has_entered.recv().expect("the thread writes");
    let mut line = vec![b'x'; 1 << 20];
    line.push(b'\n');
    for _ in 0..64 {
        handle.try_write(&mut line.clone());
    }
    drop(open);
    assert!(writer.finish(WAIT));
    let taken = taken.lock().expect("no panic");
    assert!(taken.len() <= QUEUED_OCTETS_MAX + 1024, "{}", taken.len());
    let written = taken.iter().filter(|octet| **octet == b'\n').count() - 2;
    let notice = format!("-- {} lines were dropped", 64 - written);
    assert!(
        String::from_utf8_lossy(&taken).contains(&notice),
        "{notice}"
    );
}

fn handed_over(writer: &LogWriter, lines: &str) {
    writer.handle().try_write(&mut lines.as_bytes().to_vec());
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_another_without_a_lost_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
    let writer = LogWriter::to_file(path.clone(), LogFormat::Json).expect("a thread");
    handed_over(&writer, "1\n");
    std::fs::rename(&path, &moved).expect("it is there");
    writer.reopen();
    handed_over(&writer, "2\n");
    writer.reopen();
    handed_over(&writer, "3\n");
    assert!(writer.finish(WAIT));
    let read = |path| std::fs::read_to_string(path).expect("a log");
    assert_eq!(read(&moved) + &read(&path), "1\n2\n3\n");
    assert!(read(&path).ends_with("2\n3\n"));
}

#[test]
fn a_log_is_appended_to_and_not_for_every_eye() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    for line in ["1\n", "2\n"] {
        let writer = LogWriter::to_file(path.clone(), LogFormat::Json).expect("a thread");
        handed_over(&writer, line);
        assert!(writer.finish(WAIT));
    }
    assert_eq!(std::fs::read(&path).expect("a log"), b"1\n2\n");
    let mode = path.metadata().expect("facts").permissions().mode();
    assert_eq!(mode & 0o137, 0);
}

#[test]
fn a_log_that_cannot_be_opened_is_named() {
    let path = PathBuf::from("/nowhere/log");
    let error = LogWriter::to_file(path, LogFormat::Json).expect_err("no folder");
    assert!(
        error
            .to_string()
            .starts_with("the access log /nowhere/log: ")
    );
}

/// Takes so many octets, then none once, then all.
struct FullOnce {
    page: Page,
    room: usize,
    was_full: bool,
}

impl Write for FullOnce {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let octets = match (self.room, self.was_full) {
            (0, false) => {
                self.was_full = true;
                return Err(io::ErrorKind::StorageFull.into());
            }
            (_, true) => octets,
            (room, false) => octets.get(..room).unwrap_or(octets),
        };
        self.room = self.room.saturating_sub(octets.len());
        self.page.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_that_a_full_disk_cut_stays_a_line_of_its_own() {
    let page = Page::default();
    let output = FullOnce {
        page: page.clone(),
        room: 6,
        was_full: false,
    };
    let writer = LogWriter::start(output, LogFormat::Combined, |_| {}).expect("a thread");
    handed_over(&writer, "one\ntwo\n");
    handed_over(&writer, "three\n");
    assert!(writer.finish(WAIT));
    let text = page.text();
    let mut lines: Vec<_> = text.lines().collect();
    // The count comes when the thread has caught up, which is before or after the last line.
    lines.retain(|line| !line.starts_with("# 1 lines were dropped"));
    assert_eq!(lines, ["one", "tw", "three"]);
    assert!(text.contains("# 1 lines were dropped"), "{text}");
}
