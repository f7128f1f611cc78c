//! Changes below a folder: files that appear whole or not at all, and that leave nothing behind.
//!
//! A file in the making has no name (Linux `O_TMPFILE`), so that a process that is killed leaves nothing. Where the file
//! system cannot do that it has a hidden name. To replace a file, what was made must have a name for the moment between
//! two system calls. Hidden names of both kinds are known by [`is_temporary_name`], and [`Root::sweep`] removes those whose
//! maker is gone: who makes a file holds a lock on it, which ends with the process.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Timespec, Timestamps, fchmod, fstat,
    fstatvfs, fsync, futimens, linkat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use super::{CONTENT, FOLDER, FileKind, FileMeta, OpenError, OpenFile, Root, Wait};

/// A folder below a [`Root`] in which files are made, replaced and removed. All of it may wait for a disk.
#[derive(Clone, Debug)]
pub struct Changeable(Arc<OwnedFd>);

/// A file in the making. Dropped before it got its name, it leaves nothing.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    folder: Changeable,
    /// The hidden name, where it has one.
    name: Option<Box<[u8]>>,
    /// It keeps that name when it is dropped.
    is_kept: bool,
}

impl Root {
    /// Opens a folder by its path below the root, to change what it holds. Links are followed as long as they stay
    /// below the root.
    ///
    /// # Errors
    /// See [`OpenError`]; [`OpenError::NotFound`] also for what is no folder.
    pub fn open_changeable(&self, relative: &[u8]) -> Result<Changeable, OpenError> {
        let flags = CONTENT | OFlags::DIRECTORY;
        let opened = match self.resolve(relative, flags, Wait::MayBlock) {
            // A folder in which one may write, but not look.
            Err(OpenError::NotAllowed) => self.resolve(relative, FOLDER, Wait::MayBlock),
            opened => opened,
        };
        Ok(Changeable(Arc::new(opened?)))
    }

    /// Removes temporary names whose maker is gone, in the folder `relative` and all below it. At most `entries_max` entries are
    /// looked at. Links are not followed. What cannot be read or removed stays.
    ///
    /// # Errors
    /// If the folder itself cannot be opened.
    pub fn sweep(&self, relative: &[u8], entries_max: usize) -> Result<Swept, OpenError> {
        let mut swept = Swept::default();
        let mut opened =
            Some(self.resolve(relative, CONTENT | OFlags::DIRECTORY, Wait::MayBlock)?);
        let mut paths = vec![relative.to_vec()];
        while let Some(path) = paths.pop() {
            let opened = opened
                .take()
                .or_else(|| self.resolve(&path, SWEPT, Wait::MayBlock).ok());
            let Some(folder) = opened else { continue };
            let Ok(entries) = Dir::read_from(&folder) else {
                continue;
            };
            for entry in entries.map_while(Result::ok) {
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                if swept.entries >= entries_max {
                    swept.is_cut = true;
                    return Ok(swept);
                }
                swept.entries += 1;
                if is_temporary_name(name) {
                    swept.removed += usize::from(remove_abandoned(&folder, name));
                } else if is_folder(&folder, &entry) {
                    paths.push(match path.is_empty() {
                        true => name.to_vec(),
                        false => [&path, &b"/"[..], name].concat(),
                    });
                }
            }
        }
        Ok(swept)
    }
}

/// What [`Root::sweep`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entries looked at.
    pub entries: usize,
    /// Temporary names removed.
    pub removed: usize,
    /// Whether there are more entries than it might look at.
    pub is_cut: bool,
}

fn is_folder(at: &OwnedFd, entry: &rustix::fs::DirEntry) -> bool {
    match entry.file_type() {
        FileType::Directory => true,
        // Some file systems do not say.
        FileType::Unknown => statat(at, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
        _ => false,
    }
}

fn remove_abandoned(folder: &OwnedFd, name: &[u8]) -> bool {
    let Ok(file) = openat(folder, name, CONTENT | OFlags::NOFOLLOW, Mode::empty()) else {
        return false;
    };
    let is_file = fstat(&file)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
    is_file
        && rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        && unlinkat(folder, name, AtFlags::empty()).is_ok()
}

impl Changeable {
    /// Its device and its number there: the same for all ways that lead to it.
    ///
    /// # Errors
    /// What the system says.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let meta = FileMeta::of(&fstat(&*self.0)?);
        Ok((meta.device, meta.inode))
    }

    /// Octets for which its file system has room.
    ///
    /// # Errors
    /// What the system says.
    pub fn room_octets(&self) -> io::Result<u64> {
        let stat = fstatvfs(&*self.0)?;
        if stat.f_blocks == 0 {
            // It does not say.
            return Ok(u64::MAX);
        }
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// What a name in it stands for; a link is not followed. `None` if it stands for nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn look(&self, name: &[u8]) -> io::Result<Option<FileMeta>> {
        match statat(&*self.0, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileMeta::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens a regular file in it, to be read; a link is not followed.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, name: &[u8]) -> Result<OpenFile, OpenError> {
        let flags = CONTENT | OFlags::NOFOLLOW;
        let file = openat(&*self.0, OsStr::from_bytes(name), flags, Mode::empty())?;
        let meta = FileMeta::of(&fstat(&file)?);
        match meta.kind {
            FileKind::Regular => Ok(OpenFile {
                file: file.into(),
                meta,
            }),
            _ => Err(OpenError::NotAFile),
        }
    }

    /// Begins a file on its file system. Others may read it as the process's umask lets them.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(&self) -> io::Result<NewFile> {
        let new = match self.begin_without_name() {
            // File systems and kernels that do not know such files say so in different ways.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL | Errno::NOSYS) => {
                self.begin_with_name()?
            }
            new => new?,
        };
        // No lock is no reason not to go on: some file systems have none. The file is ours, so this does not wait.
        let _ = rustix::fs::flock(&new.file, FlockOperation::NonBlockingLockExclusive);
        Ok(new)
    }

    #[cfg(target_os = "linux")]
    fn begin_without_name(&self) -> Result<NewFile, Errno> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = openat(&*self.0, ".", flags, MODE)?;
        Ok(self.made(file.into(), None))
    }

    #[cfg(not(target_os = "linux"))]
    fn begin_without_name(&self) -> Result<NewFile, Errno> {
        Err(Errno::OPNOTSUPP)
    }

    fn begin_with_name(&self) -> io::Result<NewFile> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let (name, file) = with_temporary_name(|name| openat(&*self.0, name, flags, MODE))?;
        Ok(self.made(file.into(), Some(name)))
    }

    fn made(&self, file: File, name: Option<Box<[u8]>>) -> NewFile {
        NewFile {
            file,
            folder: self.clone(),
            name,
            is_kept: false,
        }
    }

    /// Begins a file that has a name from the start, and keeps it when it is dropped.
    ///
    /// # Errors
    /// `AlreadyExists` if the name stands for something; else what the system says.
    pub fn begin_kept(&self, name: &[u8]) -> io::Result<NewFile> {
        self.open_kept(name, OFlags::CREATE | OFlags::EXCL)
    }

    /// Goes on with a file that [`Self::begin_kept`] began.
    ///
    /// # Errors
    /// What the system says.
    pub fn resume(&self, name: &[u8]) -> io::Result<NewFile> {
        self.open_kept(name, OFlags::NOFOLLOW)
    }

    fn open_kept(&self, name: &[u8], how: OFlags) -> io::Result<NewFile> {
        let flags = how | OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC;
        let file = openat(&*self.0, OsStr::from_bytes(name), flags, MODE)?;
        let mut new = self.made(file.into(), Some(name.into()));
        new.is_kept = true;
        Ok(new)
    }

    /// Makes a folder in it that is this user's alone, if there is none of that name.
    ///
    /// # Errors
    /// What the system says.
    pub fn make_folder(&self, name: &[u8]) -> io::Result<()> {
        match rustix::fs::mkdirat(&*self.0, OsStr::from_bytes(name), Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes a name that stands for no folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        Ok(unlinkat(
            &*self.0,
            OsStr::from_bytes(name),
            AtFlags::empty(),
        )?)
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// `DirectoryNotEmpty` if it holds anything; else what the system says.
    pub fn remove_folder(&self, name: &[u8]) -> io::Result<()> {
        Ok(unlinkat(
            &*self.0,
            OsStr::from_bytes(name),
            AtFlags::REMOVEDIR,
        )?)
    }

    /// Waits until the names in it are on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> io::Result<()> {
        match fsync(&*self.0) {
            // Opened without being read, or on a file system that has no such thing.
            Ok(()) | Err(Errno::BADF | Errno::INVAL) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl NewFile {
    /// Appends.
    ///
    /// # Errors
    /// What the system says; `StorageFull` and `QuotaExceeded` if there is no room.
    pub fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all(octets)
    }

    /// The folder in which it is made.
    pub fn folder(&self) -> &Changeable {
        &self.folder
    }

    /// The file, to be read.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Waits until its content is on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives it the permissions of the file that a name in a folder stands for.
    ///
    /// # Errors
    /// What the system says.
    pub fn copy_permissions(&self, folder: &Changeable, name: &[u8]) -> io::Result<()> {
        let name = OsStr::from_bytes(name);
        let stat = statat(&*folder.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mode = Mode::from_raw_mode(stat.st_mode & 0o777);
        Ok(fchmod(&self.file, mode)?)
    }

    /// Dates it to the nanosecond. Times that the system gives by itself go by ticks, in which a file can change twice.
    ///
    /// # Errors
    /// What the system says.
    pub fn date(&self) -> io::Result<()> {
        let now = clock_gettime(ClockId::Realtime);
        // One that ends in zeros would pass for a whole second or tick.
        let now = Timespec {
            tv_nsec: now.tv_nsec | 1,
            ..now
        };
        let times = Timestamps {
            last_access: now,
            last_modification: now,
        };
        Ok(futimens(&self.file, &times)?)
    }

    /// Gives it a name in a folder of its file system, if that stands for nothing yet.
    ///
    /// # Errors
    /// `AlreadyExists` if the name stands for something, and the file may be given another; else what the system says.
    pub fn link(&mut self, folder: &Changeable, name: &[u8]) -> io::Result<()> {
        self.link_as(folder, OsStr::from_bytes(name))?;
        if let Some(hidden) = self.name.take() {
            let _ = self.folder.remove_file(&hidden);
        }
        Ok(())
    }

    /// Gives it a name in a folder of its file system, in place of the file for which that stands. At every moment the name stands
    /// for one or the other.
    ///
    /// # Errors
    /// What the system says.
    pub fn replace(&mut self, folder: &Changeable, name: &[u8]) -> io::Result<()> {
        let hidden = match self.name.take() {
            Some(hidden) => hidden,
            None => with_temporary_name(|hidden| self.link_as(&self.folder, hidden))?.0,
        };
        let renamed = renameat(
            &*self.folder.0,
            OsStr::from_bytes(&hidden),
            &*folder.0,
            OsStr::from_bytes(name),
        );
        // It has it still, so that it is removed when this is dropped.
        self.name = renamed.is_err().then_some(hidden);
        Ok(renamed?)
    }

    fn link_as(&self, folder: &Changeable, name: &OsStr) -> Result<(), Errno> {
        let Some(hidden) = &self.name else {
            return link_descriptor(&self.file, &folder.0, name);
        };
        let (from, hidden) = (&*self.folder.0, OsStr::from_bytes(hidden));
        linkat(from, hidden, &*folder.0, name, AtFlags::empty())
    }
}

/// Links a file that has no name (Linux open(2), `O_TMPFILE`).
#[cfg(target_os = "linux")]
fn link_descriptor(file: &File, folder: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let linked = linkat(rustix::fs::CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW);
    match linked {
        // Without /proc: for who may search everything, and from Linux 6.10 for who opened the file.
        Err(Errno::NOENT) => linkat(file.as_fd(), "", folder, name, AtFlags::EMPTY_PATH),
        linked => linked,
    }
}

#[cfg(not(target_os = "linux"))]
fn link_descriptor(_: &File, _: &OwnedFd, _: &OsStr) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(name) = self.name.as_ref().filter(|_| !self.is_kept) {
            let _ = self.folder.remove_file(name);
        }
    }
}

/// A name that nobody can guess: 128 bits of the system's, as hexadecimal digits.
///
/// # Errors
/// What the system says.
pub fn secret_name() -> io::Result<String> {
    let mut octets = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// Whether a name is of the kind that files in the making have for a moment.
#[must_use]
pub fn is_temporary_name(name: &[u8]) -> bool {
    name.strip_prefix(PREFIX)
        .and_then(|name| name.strip_suffix(SUFFIX))
        .is_some_and(|middle| !middle.is_empty() && middle.iter().all(u8::is_ascii_hexdigit))
}

/// Does something with a temporary name that nobody has.
fn with_temporary_name<T>(act: impl Fn(&OsStr) -> Result<T, Errno>) -> io::Result<(Box<[u8]>, T)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut tries = 0;
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let now = clock_gettime(ClockId::Realtime);
        let name = format!(
            ".hansom-{:x}{number:08x}{:08x}.part",
            std::process::id(),
            now.tv_nsec
        );
        tries += 1;
        match act(OsStr::new(&name)) {
            Err(Errno::EXIST) if tries < NAMES_MAX => {}
            done => return Ok((name.into_bytes().into(), done?)),
        }
    }
}

const PREFIX: &[u8] = b".hansom-";
const SUFFIX: &[u8] = b".part";
const NAMES_MAX: usize = 16;
/// Before the umask.
const MODE: Mode = Mode::from_raw_mode(0o666);
/// A folder on the way of a sweep: what became a link since is not followed.
const SWEPT: OFlags = CONTENT.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW);

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    fn names(folder: &TempDir) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn place() -> (TempDir, Root, Changeable) {
        let folder = TempDir::new().unwrap();
        let root = Root::new(folder.path()).unwrap();
        let changeable = root.open_changeable(b"").unwrap();
        (folder, root, changeable)
    }

    /// A file in the making of each kind.
    fn both(folder: &Changeable) -> [NewFile; 2] {
        [folder.begin().unwrap(), folder.begin_with_name().unwrap()]
    }

    #[test]
    fn a_file_in_the_making_that_is_given_up_leaves_nothing() {
        let (folder, _, changeable) = place();
        for mut new in both(&changeable) {
            new.append(b"x").unwrap();
        }
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn a_file_gets_a_name_only_if_nothing_has_it() {
        let (folder, _, changeable) = place();
        fs::write(folder.path().join("a"), "old").unwrap();
        for (mut new, name) in both(&changeable).into_iter().zip(["b", "c"]) {
            new.append(b"new").unwrap();
            let error = new.link(&changeable, b"a").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            new.link(&changeable, name.as_bytes()).unwrap();
        }
        assert_eq!(names(&folder), ["a", "b", "c"]);
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"old");
        assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_replaces_another_leaves_nothing_beside_it() {
        let (folder, _, changeable) = place();
        for (mut new, content) in both(&changeable).into_iter().zip(["1", "2"]) {
            new.append(content.as_bytes()).unwrap();
            new.replace(&changeable, b"a").unwrap();
            drop(new);
            assert_eq!(
                fs::read_to_string(folder.path().join("a")).unwrap(),
                content
            );
        }
        assert_eq!(names(&folder), ["a"]);
    }

    #[test]
    fn a_folder_is_not_replaced_by_a_file() {
        let (folder, _, changeable) = place();
        fs::create_dir(folder.path().join("a")).unwrap();
        for mut new in both(&changeable) {
            assert!(new.replace(&changeable, b"a").is_err());
        }
        assert_eq!(names(&folder), ["a"]);
    }

    #[test]
    fn a_sweep_takes_what_nobody_makes_and_nothing_else() {
        let (folder, root, changeable) = place();
        fs::create_dir_all(folder.path().join("d/e")).unwrap();
        fs::write(folder.path().join("d/e/.hansom-1a.part"), "x").unwrap();
        fs::write(folder.path().join(".hansom-x.part"), "x").unwrap();
        fs::write(folder.path().join("a"), "x").unwrap();
        let made = changeable.begin_with_name().unwrap();
        let _ = rustix::fs::flock(&made.file, FlockOperation::LockExclusive);
        let swept = root.sweep(b"", usize::MAX).unwrap();
        assert_eq!((swept.removed, swept.is_cut), (1, false));
        assert_eq!(names(&folder).len(), 4);
        drop(made);
        assert_eq!(names(&folder), [".hansom-x.part", "a", "d"]);
    }

    #[test]
    fn a_sweep_follows_no_link() {
        let (folder, root, _) = place();
        let other = TempDir::new().unwrap();
        fs::write(other.path().join(".hansom-1a.part"), "x").unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("l")).unwrap();
        std::os::unix::fs::symlink(
            other.path().join(".hansom-1a.part"),
            folder.path().join(".hansom-2b.part"),
        )
        .unwrap();
        assert_eq!(root.sweep(b"", usize::MAX).unwrap().removed, 0);
        assert_eq!(names(&other), [".hansom-1a.part"]);
    }

    #[test]
    fn a_sweep_ends_at_its_bound() {
        let (folder, root, _) = place();
        for i in 0..5 {
            fs::write(folder.path().join(i.to_string()), "x").unwrap();
        }
        assert!(root.sweep(b"", 4).unwrap().is_cut);
        assert!(!root.sweep(b"", 5).unwrap().is_cut);
    }

    #[test]
    fn a_link_out_of_the_root_is_no_folder_to_change() {
        let (folder, root, _) = place();
        let other = TempDir::new().unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("out")).unwrap();
        assert!(matches!(
            root.open_changeable(b"out"),
            Err(OpenError::OutsideRoot)
        ));
    }

    #[test]
    fn permissions_can_be_those_of_the_file_that_goes() {
        let (folder, _, changeable) = place();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut new = changeable.begin().unwrap();
        new.copy_permissions(&changeable, b"a").unwrap();
        new.replace(&changeable, b"a").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
    }

    #[test]
    fn a_file_with_a_name_from_the_start_is_gone_on_with_and_moved() {
        let (folder, root, changeable) = place();
        changeable.make_folder(b".d").unwrap();
        changeable.make_folder(b".d").unwrap();
        let hidden = root.open_changeable(b".d").unwrap();
        hidden.begin_kept(b"x").unwrap().append(b"one").unwrap();
        assert!(hidden.begin_kept(b"x").is_err());
        for name in ["a", "b"] {
            let mut new = hidden.resume(b"x").unwrap();
            new.append(b" more").unwrap();
            match name {
                "a" => new.link(&changeable, b"a").unwrap(),
                _ => new.replace(&changeable, b"a").unwrap(),
            }
            assert!(hidden.resume(b"x").is_err());
            hidden.begin_kept(b"x").unwrap();
        }
        assert_eq!(names(&folder), [".d", "a"]);
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b" more");
        assert_ne!(secret_name().unwrap(), secret_name().unwrap());
    }

    #[test]
    fn two_files_dated_one_after_the_other_have_different_times() {
        let (_folder, _, changeable) = place();
        let dated = || {
            let new = changeable.begin().unwrap();
            new.date().unwrap();
            FileMeta::read(new.file()).unwrap().modified
        };
        assert_ne!(dated(), dated());
    }
}
