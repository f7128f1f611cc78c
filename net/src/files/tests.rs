use super::*;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

/// ```text
/// outside.txt
/// www/a.txt  www/sub/b.txt  www/fifo  www/socket
/// www/in -> a.txt          www/absolute -> {www}/sub/b.txt     www/folder -> sub
/// www/out -> ../outside.txt   www/absolute-out -> {tmp}/outside.txt  www/loop -> loop  www/dangling -> nothing
/// ```
fn tree() -> (TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let www = folder.path().join("www");
    fs::create_dir_all(www.join("sub")).unwrap();
    fs::write(folder.path().join("outside.txt"), "outside").unwrap();
    fs::write(www.join("a.txt"), "a").unwrap();
    fs::write(www.join("sub/b.txt"), "bb").unwrap();
    let fifo = rustix::fs::mknodat(
        rustix::fs::CWD,
        www.join("fifo"),
        FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    );
    fifo.unwrap();
    drop(UnixListener::bind(www.join("socket")).unwrap());
    symlink("a.txt", www.join("in")).unwrap();
    symlink(www.join("sub/b.txt"), www.join("absolute")).unwrap();
    symlink("sub", www.join("folder")).unwrap();
    symlink("../outside.txt", www.join("out")).unwrap();
    symlink(folder.path().join("outside.txt"), www.join("absolute-out")).unwrap();
    symlink("loop", www.join("loop")).unwrap();
    symlink("nothing", www.join("dangling")).unwrap();
    let root = Root::new(&www).unwrap();
    (folder, root)
}

fn content(root: &Root, path: &str, wait: Wait) -> String {
    match root.open(path.as_bytes(), wait) {
        Ok(OpenFile {
            meta:
                FileMeta {
                    kind: FileKind::Folder,
                    ..
                },
            ..
        }) => "folder".into(),
        Ok(OpenFile { file, meta }) => {
            let mut octets = vec![0; meta.octets as usize];
            read_exact_at(&file, &mut octets, 0).unwrap();
            String::from_utf8(octets).unwrap()
        }
        Err(OpenError::Io(error)) => format!("{error}"),
        Err(error) => format!("{error:?}"),
    }
}

const EXPECTED: &[(&str, &str)] = &[
    ("a.txt", "a"),
    ("sub/b.txt", "bb"),
    ("sub//./b.txt", "bb"),
    ("", "folder"),
    (".", "folder"),
    ("sub/", "folder"),
    ("in", "a"),
    ("folder/b.txt", "bb"),
    ("absolute", "bb"),
    ("sub/../a.txt", "a"),
    ("../outside.txt", "OutsideRoot"),
    ("sub/../../outside.txt", "OutsideRoot"),
    ("out", "OutsideRoot"),
    ("absolute-out", "OutsideRoot"),
    ("loop", "OutsideRoot"),
    ("dangling", "NotFound"),
    ("nothing", "NotFound"),
    ("a.txt/", "NotFound"),
    ("a.txt/b", "NotFound"),
    ("/etc/passwd", "NotFound"),
    ("a\0.txt", "NotFound"),
    ("fifo", "NotAFile"),
    ("socket", "NotAFile"),
];

#[test]
fn a_path_leads_to_a_file_below_the_root_or_nowhere() {
    let (_folder, root) = tree();
    for (path, expected) in EXPECTED {
        assert_eq!(content(&root, path, Wait::MayBlock), *expected, "{path:?}");
    }
}

#[test]
fn a_name_that_is_too_long_is_not_found() {
    let (_folder, root) = tree();
    assert_eq!(content(&root, &"x".repeat(300), Wait::MayBlock), "NotFound");
    assert_eq!(
        content(&root, &"x/".repeat(5000), Wait::MayBlock),
        "NotFound"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_cached_opens_without_waiting_and_absolute_links_would_wait() {
    let (_folder, root) = tree();
    for (path, expected) in EXPECTED {
        content(&root, path, Wait::MayBlock);
        let found = content(&root, path, Wait::CachedOnly);
        assert!(
            found == *expected || found == "WouldBlock",
            "{path:?} {found}"
        );
    }
    assert_eq!(content(&root, "a.txt", Wait::CachedOnly), "a");
    assert_eq!(content(&root, "absolute", Wait::CachedOnly), "WouldBlock");
}

#[test]
fn opening_by_steps_finds_what_the_system_finds() {
    let (_folder, root) = tree();
    for (path, _) in EXPECTED
        .iter()
        .filter(|(path, _)| !path.starts_with('/') && !path.is_empty() && !path.contains('\0'))
    {
        let by_steps = match open_by_steps(&root.folder, path.as_bytes(), CONTENT) {
            Err(Errno::XDEV) => root.resolve_link(path.as_bytes(), CONTENT),
            opened => opened.map_err(OpenError::from),
        };
        let by_system = root.resolve(path.as_bytes(), CONTENT, Wait::MayBlock);
        let inode = |fd: OwnedFd| fstat(fd).unwrap().st_ino;
        let (by_steps, by_system) = (by_steps.map(inode), by_system.map(inode));
        assert_eq!(
            format!("{by_steps:?}"),
            format!("{by_system:?}"),
            "{path:?}"
        );
    }
}

#[test]
fn stat_tells_what_is_there_without_opening_it() {
    let (_folder, root) = tree();
    let kind = |path: &str| {
        root.stat(path.as_bytes(), Wait::MayBlock)
            .map(|meta| (meta.kind, meta.octets))
            .ok()
    };
    assert_eq!(kind("sub/b.txt"), Some((FileKind::Regular, 2)));
    assert_eq!(kind("fifo"), Some((FileKind::Other, 0)));
    assert_eq!(kind("sub").map(|meta| meta.0), Some(FileKind::Folder));
    assert_eq!(kind("nothing"), None);
}

#[test]
fn the_meta_of_a_file_is_that_of_the_system() {
    use std::os::unix::fs::MetadataExt;
    let (_folder, root) = tree();
    let open = root.open(b"a.txt", Wait::MayBlock).unwrap();
    let meta = open.file.metadata().unwrap();
    assert_eq!(open.meta.octets, meta.len());
    assert_eq!(open.meta.modified, (meta.mtime(), meta.mtime_nsec() as u32));
    assert_eq!(open.meta.changed, (meta.ctime(), meta.ctime_nsec() as u32));
    assert_eq!(
        (open.meta.inode, open.meta.device),
        (meta.ino(), meta.dev())
    );
    assert_eq!(open.meta, FileMeta::read(&open.file).unwrap());
}

#[test]
fn a_folder_is_read_up_to_a_bound() {
    let (_folder, root) = tree();
    let all = root.read_folder(b"", 100).unwrap();
    let mut kinds: Vec<_> = all
        .entries
        .iter()
        .map(|entry| (String::from_utf8_lossy(&entry.name), entry.meta.kind))
        .collect();
    kinds.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("a.txt", FileKind::Regular),
        ("absolute", FileKind::Regular),
        ("absolute-out", FileKind::Link),
        ("dangling", FileKind::Link),
        ("fifo", FileKind::Other),
        ("folder", FileKind::Folder),
        ("in", FileKind::Regular),
        ("loop", FileKind::Link),
        ("out", FileKind::Link),
        ("socket", FileKind::Other),
        ("sub", FileKind::Folder),
    ];
    assert_eq!(kinds, expected.map(|(name, kind)| (name.into(), kind)));
    assert!(!all.is_cut);
    let cut = root.read_folder(b"", 3).unwrap();
    assert_eq!((cut.entries.len(), cut.is_cut), (3, true));
    assert_eq!(
        root.read_folder(b"folder", 3).unwrap().entries[0].name,
        b"b.txt"
    );
    assert!(matches!(
        root.read_folder(b"a.txt", 3),
        Err(OpenError::NotFound)
    ));
}

#[test]
fn what_was_just_written_is_resident_and_so_is_nothing() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&vec![7; 1 << 20]).unwrap();
    assert!(is_resident(&file, 0, 1 << 20));
    assert!(is_resident(&file, 5, 0));
    assert!(is_resident(&file, u64::MAX, u64::MAX));
    warm(&file, 0, 1 << 20).unwrap();
    warm(&file, 1 << 30, 1 << 20).unwrap();
    warm(&file, 0, 0).unwrap();
}

#[test]
fn a_file_that_is_too_short_is_an_unexpected_end() {
    let (_folder, root) = tree();
    let open = root.open(b"a.txt", Wait::MayBlock).unwrap();
    assert_eq!(
        read_exact_at(&open.file, &mut [0; 2], 0)
            .unwrap_err()
            .kind(),
        io::ErrorKind::UnexpectedEof
    );
}
