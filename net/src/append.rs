//! Files that lines are appended to, such as logs.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};

/// Opens a file to append to. If it is not there it is made, for its owner to write and its group to read.
///
/// Opening never waits for a reader, and writing to a FIFO never fails because its reader has gone: the FIFO is held open for reading
/// too, so that lines wait in it for the next one, for as long as the system has room for them. Then writing waits.
///
/// # Errors
/// What the system says.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    let access = if is_fifo(path) {
        OFlags::RDWR
    } else {
        OFlags::WRONLY
    };
    let flags = access | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(FILE_MODE))?;
    fcntl_setfl(&file, fcntl_getfl(&file)?.difference(OFlags::NONBLOCK))?;
    Ok(file.into())
}

/// Whether the path is that of a FIFO. A pipe without a name, such as standard output by `/dev/stdout`, is none: nobody else can come to
/// read it, so its writer must be told that its reader has gone.
fn is_fifo(path: &Path) -> bool {
    let named = fs::canonicalize(path).and_then(fs::metadata);
    named.is_ok_and(|meta| meta.file_type().is_fifo())
}

/// Who may not read the log of another does not read this one.
const FILE_MODE: u32 = 0o640;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::OpenOptionsExt;
    use std::process::Command;

    use super::*;

    fn fifo(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("fifo");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }

    /// A reader that does not wait for a writer.
    fn reader(path: &Path) -> File {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let mut options = fs::OpenOptions::new();
        options.read(true).custom_flags(flags).open(path).unwrap()
    }

    #[test]
    fn a_fifo_that_nobody_reads_is_opened_and_keeps_what_is_written_for_its_next_reader() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        let mut file = open_to_append(&path).unwrap();
        file.write_all(b"one\n").unwrap();
        let mut octets = [0; 4];
        reader(&path).read_exact(&mut octets).unwrap();
        assert_eq!(octets, *b"one\n");
        // That reader has gone.
        file.write_all(b"two\n").unwrap();
        reader(&path).read_exact(&mut octets).unwrap();
        assert_eq!(octets, *b"two\n");
    }

    #[test]
    fn writing_waits_where_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let file = open_to_append(&fifo(folder.path())).unwrap();
        assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::NONBLOCK));
    }

    #[test]
    fn a_file_is_made_or_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for _ in 0..2 {
            open_to_append(&path).unwrap().write_all(b"a\n").unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"a\na\n");
        assert!(open_to_append(folder.path()).is_err());
    }
}
