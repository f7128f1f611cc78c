//! Files without a name, for what is kept for a while.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::secret_name;

/// A file in the system's folder for such, that nobody else can open and that is gone when it is closed. It may wait for a disk.
///
/// # Errors
/// What the system says.
pub fn nameless_file() -> io::Result<File> {
    in_folder(&std::env::temp_dir())
}

fn in_folder(folder: &Path) -> io::Result<File> {
    match without_name(folder) {
        // File systems and kernels that do not know such files say so in different ways.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL | Errno::NOSYS) => {}
        file => return Ok(file?),
    }
    let path = folder.join(secret_name()?);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(&path, flags, OWN)?;
    std::fs::remove_file(&path)?;
    Ok(file.into())
}

#[cfg(target_os = "linux")]
fn without_name(folder: &Path) -> Result<File, Errno> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, OWN).map(File::from)
}

#[cfg(not(target_os = "linux"))]
fn without_name(_: &Path) -> Result<File, Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Writes all of `octets` from `offset` of the file on.
///
/// # Errors
/// What the system says.
pub fn write_all_at(file: &File, octets: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(octets, offset)
}

const OWN: Mode = Mode::RUSR.union(Mode::WUSR);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_exact_at;

    #[test]
    fn a_file_without_a_name_keeps_what_is_written_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = in_folder(folder.path()).unwrap();
        write_all_at(&file, b"abc", 2).unwrap();
        let mut octets = [9; 5];
        read_exact_at(&file, &mut octets, 0).unwrap();
        assert_eq!(&octets, b"\0\0abc");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
