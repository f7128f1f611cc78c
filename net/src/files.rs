//! Files below a folder, opened so that neither a path nor a link leads out and nothing but a file is read.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

/// A folder whose files are served.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    /// Without links, so that what a link leads to can be compared with it.
    path: PathBuf,
}

/// Whether opening may wait for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Answer [`OpenError::WouldBlock`] when the path is not in the system's memory. Safe on a worker's own thread.
    CachedOnly,
    /// Wait. For [`blocking`](crate::blocking()) work.
    MayBlock,
}

/// An open regular file or folder.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: File,
    /// What it was when it was opened.
    pub meta: FileMeta,
}

/// What the system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMeta {
    /// Its length.
    pub octets: u64,
    /// When its content changed: seconds since 1970 and nanoseconds.
    pub modified: (i64, u32),
    /// When its content or its attributes changed, which no program can set back.
    pub changed: (i64, u32),
    /// Its number on its device.
    pub inode: u64,
    /// Its device.
    pub device: u64,
    /// What it is.
    pub kind: FileKind,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A folder.
    Folder,
    /// A symbolic link, which only [`Root::read_folder`] reports, for one that leads nowhere or out.
    Link,
    /// A device, FIFO or socket.
    Other,
}

/// A file in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name, in the octets of the system.
    pub name: Vec<u8>,
    /// What it is; for a link that stays below the root, what it leads to.
    pub meta: FileMeta,
}

/// The files of a folder, unsorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Its entries without `.` and `..`.
    pub entries: Vec<FolderEntry>,
    /// Whether the folder has more than was asked for.
    pub is_cut: bool,
}

impl Root {
    /// Opens a folder.
    ///
    /// # Errors
    /// What the system says, such as that it is none.
    pub fn new(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let folder = rustix::fs::open(&path, FOLDER, Mode::empty())?;
        Ok(Self { folder, path })
    }

    /// Its absolute path without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file or a folder by its path below the root; the empty path is the root. Links are followed as long as they
    /// stay below it. FIFOs, devices and sockets are refused without waiting for them.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, relative: &[u8], wait: Wait) -> Result<OpenFile, OpenError> {
        // Opening a device or a FIFO can do something by itself, so its kind is asked first. It is asked again below, since
        // another may have taken its place.
        if !matches!(
            self.stat(relative, wait)?.kind,
            FileKind::Regular | FileKind::Folder
        ) {
            return Err(OpenError::NotAFile);
        }
        let file = self.resolve(relative, CONTENT, wait)?;
        let meta = FileMeta::of(&fstat(&file)?);
        match meta.kind {
            FileKind::Regular | FileKind::Folder => Ok(OpenFile {
                file: file.into(),
                meta,
            }),
            FileKind::Link | FileKind::Other => Err(OpenError::NotAFile),
        }
    }

    /// What a path below the root leads to, without opening it for its content.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn stat(&self, relative: &[u8], wait: Wait) -> Result<FileMeta, OpenError> {
        let file = self.resolve(relative, OFlags::PATH | OFlags::CLOEXEC, wait)?;
        Ok(FileMeta::of(&fstat(file)?))
    }

    /// The entries of a folder, at most `entries_max`. It may wait for a disk.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn read_folder(&self, relative: &[u8], entries_max: usize) -> Result<Folder, OpenError> {
        let fd = self.resolve(relative, CONTENT | OFlags::DIRECTORY, Wait::MayBlock)?;
        let mut folder = Folder::default();
        for entry in Dir::read_from(&fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if folder.entries.len() >= entries_max {
                folder.is_cut = true;
                break;
            }
            // An entry may be gone since.
            let Ok(stat) = statat(&fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let mut meta = FileMeta::of(&stat);
            if meta.kind == FileKind::Link {
                let path = if relative.is_empty() {
                    name.to_vec()
                } else {
                    [relative, b"/", name].concat()
                };
                meta = self.stat(&path, Wait::MayBlock).unwrap_or(meta);
            }
            folder.entries.push(FolderEntry {
                name: name.to_vec(),
                meta,
            });
        }
        Ok(folder)
    }

    fn resolve(&self, relative: &[u8], flags: OFlags, wait: Wait) -> Result<OwnedFd, OpenError> {
        if relative.starts_with(b"/") || relative.contains(&0) {
            return Err(OpenError::NotFound);
        }
        let relative = if relative.is_empty() { b"." } else { relative };
        match open_beneath(&self.folder, relative, flags, wait) {
            Err(Errno::XDEV) if wait == Wait::CachedOnly => Err(OpenError::WouldBlock),
            Err(Errno::XDEV) => self.resolve_link(relative, flags),
            Err(Errno::AGAIN) if wait == Wait::CachedOnly => Err(OpenError::WouldBlock),
            opened => Ok(opened?),
        }
    }

    /// Follows a path that has an absolute link in it, or one that leads out.
    fn resolve_link(&self, relative: &[u8], flags: OFlags) -> Result<OwnedFd, OpenError> {
        let target = fs::canonicalize(self.path.join(OsStr::from_bytes(relative)))?;
        let inside = target
            .strip_prefix(&self.path)
            .map_err(|_| OpenError::OutsideRoot)?;
        let inside = if inside.as_os_str().is_empty() {
            b"."
        } else {
            inside.as_os_str().as_bytes()
        };
        // The path is without links, unless someone changed it meanwhile: so it is opened below the root all the same.
        open_beneath(&self.folder, inside, flags, Wait::MayBlock).map_err(|errno| match errno {
            Errno::XDEV => OpenError::OutsideRoot,
            errno => errno.into(),
        })
    }
}

/// Opens a path without leaving the folder (Linux openat2(2)). `XDEV` means it would lead out.
#[cfg(target_os = "linux")]
fn open_beneath(
    folder: &OwnedFd,
    relative: &[u8],
    flags: OFlags,
    wait: Wait,
) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let resolve = match wait {
        Wait::CachedOnly => beneath | ResolveFlags::CACHED,
        Wait::MayBlock => beneath,
    };
    let mut tries = 0;
    loop {
        let opened = retry_on_intr(|| openat2(folder, relative, flags, Mode::empty(), resolve));
        tries += 1;
        match opened {
            // A rename raced with `..` in the path: worth another try.
            Err(Errno::AGAIN) if wait == Wait::MayBlock && tries < RACES_MAX => {}
            // Kernels before 5.12 do not know CACHED, those before 5.6 and some filters not the call.
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) if wait == Wait::CachedOnly => {
                return Err(Errno::AGAIN);
            }
            Err(Errno::NOSYS | Errno::PERM) => return open_by_steps(folder, relative, flags),
            done => return done,
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(
    folder: &OwnedFd,
    relative: &[u8],
    flags: OFlags,
    wait: Wait,
) -> Result<OwnedFd, Errno> {
    if wait == Wait::CachedOnly {
        return Err(Errno::AGAIN);
    }
    open_by_steps(folder, relative, flags)
}

/// Opens a path one segment after the other. Any link or `..` counts as leading out, thus is looked at by
/// [`Root::resolve_link`], which finds a path without them if it stays inside. It may wait for a disk.
fn open_by_steps(folder: &OwnedFd, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut segments = relative
        .split(|b| *b == b'/')
        .filter(|s| !s.is_empty() && *s != b".");
    let Some(mut segment) = segments.next() else {
        return openat(folder, ".", flags | OFlags::NOFOLLOW, Mode::empty());
    };
    let mut holder: Option<OwnedFd> = None;
    loop {
        let at = holder.as_ref().unwrap_or(folder).as_fd();
        if segment == b".." || is_link(at, segment)? {
            return Err(Errno::XDEV);
        }
        let Some(next) = segments.next() else {
            let is_folder = relative.ends_with(b"/");
            let flags = if is_folder {
                flags | OFlags::DIRECTORY
            } else {
                flags
            };
            return openat(at, segment, flags | OFlags::NOFOLLOW, Mode::empty());
        };
        let opened = openat(at, segment, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        holder = Some(opened);
        segment = next;
    }
}

fn is_link(at: impl AsFd, segment: &[u8]) -> Result<bool, Errno> {
    let stat = statat(at, segment, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

impl FileMeta {
    /// What the system says of an open file.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(file: &File) -> io::Result<Self> {
        Ok(Self::of(&fstat(file)?))
    }

    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "the types differ between systems"
    )]
    fn of(stat: &Stat) -> Self {
        let nanos = |nanos: i64| u32::try_from(nanos).unwrap_or(0);
        Self {
            octets: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime as i64, nanos(stat.st_mtime_nsec as i64)),
            changed: (stat.st_ctime as i64, nanos(stat.st_ctime_nsec as i64)),
            inode: stat.st_ino as u64,
            device: stat.st_dev as u64,
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => FileKind::Regular,
                FileType::Directory => FileKind::Folder,
                FileType::Symlink => FileKind::Link,
                _ => FileKind::Other,
            },
        }
    }
}

/// Whether reading `octets` from `offset` is likely not to wait for a disk: the first, the last and a few pages between are looked
/// at. A file system that cannot say counts as resident, so that its files are not read twice.
#[must_use]
pub fn is_resident(file: &File, offset: u64, octets: u64) -> bool {
    let Some(last) = octets.checked_sub(1) else {
        return true;
    };
    let stride = (octets / PROBES_MAX).max(PROBE_STRIDE);
    let mut at = 0;
    while at < last {
        if !is_page_resident(file, offset.saturating_add(at)) {
            return false;
        }
        at = at.saturating_add(stride);
    }
    is_page_resident(file, offset.saturating_add(last))
}

#[cfg(target_os = "linux")]
fn is_page_resident(file: &File, offset: u64) -> bool {
    let mut octet = [0];
    let read = || {
        rustix::io::preadv2(
            file,
            &mut [IoSliceMut::new(&mut octet)],
            offset,
            ReadWriteFlags::NOWAIT,
        )
    };
    // Every other error is met again, and told, by who reads.
    !matches!(retry_on_intr(read), Err(Errno::AGAIN))
}

#[cfg(not(target_os = "linux"))]
fn is_page_resident(_file: &File, _offset: u64) -> bool {
    true
}

/// Reads a part of a file so that it is in memory. For [`blocking`](crate::blocking()) work.
///
/// # Errors
/// What the system says.
pub fn warm(file: &File, offset: u64, octets: u64) -> io::Result<()> {
    let mut buffer = vec![0; WARM_OCTETS.min(usize::try_from(octets).unwrap_or(WARM_OCTETS))];
    let mut at = 0;
    while at < octets && !buffer.is_empty() {
        let wanted = buffer
            .len()
            .min(usize::try_from(octets - at).unwrap_or(buffer.len()));
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        match file.read_at(part, offset.saturating_add(at)) {
            Ok(0) => break,
            Ok(read) => at += read as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `octets` from `offset` of the file.
///
/// # Errors
/// `UnexpectedEof` if the file is shorter; else what the system says.
pub fn read_exact_at(file: &File, octets: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(octets, offset)
}

/// Why a file cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// There is none, or a part of the path is no folder, too long or has a NUL.
    NotFound,
    /// This process may not.
    NotAllowed,
    /// A link or `..` leads out of the root, or into a loop.
    OutsideRoot,
    /// It is a device, FIFO or socket.
    NotAFile,
    /// Finding out would wait for a disk: try [`Wait::MayBlock`] elsewhere.
    WouldBlock,
    /// No descriptor is left.
    TooManyOpen,
    /// What else the system says.
    Io(io::Error),
}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ => {
                Self::NotFound
            }
            Errno::ACCESS | Errno::PERM => Self::NotAllowed,
            Errno::XDEV | Errno::LOOP => Self::OutsideRoot,
            // A socket, or a device without a driver.
            Errno::NXIO | Errno::NODEV => Self::NotAFile,
            Errno::MFILE | Errno::NFILE => Self::TooManyOpen,
            errno => Self::Io(errno.into()),
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Errno::from_io_error(&error).map_or_else(|| Self::Io(error), Self::from)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such file"),
            Self::NotAllowed => f.write_str("the file may not be read"),
            Self::OutsideRoot => f.write_str("the path leads out of the folder"),
            Self::NotAFile => f.write_str("it is neither a file nor a folder"),
            Self::WouldBlock => f.write_str("it is not known without waiting for a disk"),
            Self::TooManyOpen => f.write_str("too many files are open"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

/// NONBLOCK so that a FIFO does not wait for its other end, NOCTTY so that a terminal does not become ours.
const CONTENT: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);
#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
const RACES_MAX: usize = 8;
/// The least distance of two looks at pages; about what the system reads ahead.
const PROBE_STRIDE: u64 = 256 * 1024;
const PROBES_MAX: u64 = 16;
const WARM_OCTETS: usize = 128 * 1024;

#[cfg(test)]
mod tests;
mod write;

pub use write::{Changeable, NewFile, Swept, is_temporary_name, secret_name};
