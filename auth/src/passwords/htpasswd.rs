//! Files of users, written: what `hansom htpasswd` does.
//!
//! ```
//! use hansom_auth::Password;
//! use hansom_auth::htpasswd::{self, Form};
//!
//! # let folder = tempfile::tempdir()?;
//! let file = folder.path().join("users");
//! let password = Password::new(b"open sesame".to_vec());
//! htpasswd::set(&file, "anna", &password, Form::Argon2)?;
//! assert!(htpasswd::is_password(&file, "anna", &password)?);
//! assert!(htpasswd::delete(&file, "anna")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::passwords::PASSWORD_OCTETS_MAX;
use crate::passwords::file::{FILE_OCTETS_MAX, UsersFileError};
use crate::passwords::users::{Users, is_name};
use crate::secret::{NoRandom, Password, fill};
use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64Unpadded, Encoding};
use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// The form of hash that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Argon2id with 64 MiB and three passes, the second recommended choice of RFC 9106 §4.
    #[default]
    Argon2,
    /// bcrypt of cost 12, which other servers read too. It takes 72 octets of a password at most.
    Bcrypt,
}

/// Writes the user's password into the file, which is made if it is not there. Other lines stay as they are.
///
/// # Errors
/// See [`HtpasswdError`].
pub fn set(
    file: &Path,
    name: &str,
    password: &Password,
    form: Form,
) -> Result<Change, HtpasswdError> {
    if !is_name(name) {
        return Err(HtpasswdError::Name);
    }
    check(password, form)?;
    let line = Some(format!("{name}:{}", hash(password, form)?));
    let place = Place::of(file)?;
    let _lock = place.lock();
    let (mut lines, change) = match place.text()? {
        None => (Vec::new(), Change::Created),
        Some(text) => without(&text, name),
    };
    let at = lines.iter().position(|line| line.is_none());
    match at {
        Some(at) => lines.splice(at..=at, [line]).for_each(drop),
        None => lines.push(line),
    }
    place.write(&lines)?;
    Ok(change)
}

/// Takes the user out of the file; says whether there was one.
///
/// # Errors
/// See [`HtpasswdError`].
pub fn delete(file: &Path, name: &str) -> Result<bool, HtpasswdError> {
    let place = Place::of(file)?;
    let _lock = place.lock();
    let Some(text) = place.text()? else {
        return Err(io::Error::from(io::ErrorKind::NotFound).into());
    };
    let (lines, change) = without(&text, name);
    if change == Change::Replaced {
        place.write(&lines)?;
    }
    Ok(change == Change::Replaced)
}

/// Whether this is the user's password, by all that the server itself demands of the file.
///
/// # Errors
/// See [`HtpasswdError`].
pub fn is_password(file: &Path, name: &str, password: &Password) -> Result<bool, HtpasswdError> {
    let place = Place::of(file)?;
    let Some(text) = place.text()? else {
        return Err(io::Error::from(io::ErrorKind::NotFound).into());
    };
    let users = Users::parse(text.as_bytes()).map_err(UsersFileError::Line)?;
    let may_be_sent = is_text(password) && password.octets().len() <= PASSWORD_OCTETS_MAX;
    Ok(may_be_sent && users.is_password(name, password.octets()))
}

/// What became of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The file was made.
    Created,
    /// The user was added.
    Added,
    /// The user's password was replaced.
    Replaced,
}

/// The lines of a file; the user's own first one is `None`, and further ones are gone.
fn without(text: &str, name: &str) -> (Vec<Option<String>>, Change) {
    let is_own = |line: &str| {
        !line.starts_with('#') && line.split_once(':').is_some_and(|(own, _)| own == name)
    };
    let mut change = Change::Added;
    let mut lines = Vec::new();
    for line in text.lines() {
        match is_own(line) {
            false => lines.push(Some(line.to_owned())),
            true if change == Change::Added => {
                change = Change::Replaced;
                lines.push(None);
            }
            true => {}
        }
    }
    (lines, change)
}

/// RFC 7617 §2: neither name nor password has control characters.
fn is_text(password: &Password) -> bool {
    std::str::from_utf8(password.octets()).is_ok_and(|text| !text.contains(char::is_control))
}

fn check(password: &Password, form: Form) -> Result<(), HtpasswdError> {
    match (password.octets().len(), form) {
        _ if !is_text(password) => Err(HtpasswdError::Text),
        (0, _) => Err(HtpasswdError::Empty),
        (len, _) if len > PASSWORD_OCTETS_MAX => Err(HtpasswdError::TooLong(PASSWORD_OCTETS_MAX)),
        (len, Form::Bcrypt) if len > BCRYPT_OCTETS_MAX => {
            Err(HtpasswdError::TooLong(BCRYPT_OCTETS_MAX))
        }
        _ => Ok(()),
    }
}

fn hash(password: &Password, form: Form) -> Result<String, HtpasswdError> {
    let mut salt = [0; 16];
    fill(&mut salt)?;
    match form {
        Form::Bcrypt => {
            let parts = bcrypt::non_truncating_hash_with_salt(password.octets(), BCRYPT_COST, salt)
                .map_err(|_| HtpasswdError::TooLong(BCRYPT_OCTETS_MAX))?;
            // The name under which Apache and nginx know it.
            Ok(parts.format_for_version(bcrypt::Version::TwoY))
        }
        Form::Argon2 => {
            let mut digest = [0; 32];
            let (memory, passes, lanes) = ARGON2_COSTS;
            Params::new(memory, passes, lanes, None)
                .map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
                .and_then(|argon2| argon2.hash_password_into(password.octets(), &salt, &mut digest))
                .map_err(|_| HtpasswdError::TooLong(PASSWORD_OCTETS_MAX))?;
            let [salt, digest] = [&salt[..], &digest[..]].map(Base64Unpadded::encode_string);
            Ok(format!(
                "$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}"
            ))
        }
    }
}

/// The file itself, where links lead to it, and the folder it is in.
struct Place {
    file: PathBuf,
    folder: PathBuf,
}

impl Place {
    fn of(file: &Path) -> Result<Self, HtpasswdError> {
        let file = match fs::canonicalize(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(file)?,
            found => found?,
        };
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self { file, folder })
    }

    /// Keeps others who write into it from reading what is about to be replaced, until it is dropped. It is on the folder, since
    /// the file does not stay the same; where there are no locks it is done without.
    fn lock(&self) -> Option<File> {
        let folder = File::open(&self.folder).ok()?;
        folder.lock().ok()?;
        Some(folder)
    }

    /// What is in it; `None` if it is not there.
    fn text(&self) -> Result<Option<String>, HtpasswdError> {
        // A device or a pipe would be replaced by a file, and reading a pipe may never end.
        if fs::metadata(&self.file).is_ok_and(|meta| !meta.is_file()) {
            return Err(io::Error::other("it is no regular file").into());
        }
        let file = match File::open(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut text = String::new();
        file.take(FILE_OCTETS_MAX + 1).read_to_string(&mut text)?;
        match text.len() as u64 > FILE_OCTETS_MAX {
            true => Err(UsersFileError::TooLong.into()),
            false => Ok(Some(match text.strip_prefix('\u{feff}') {
                Some(text) => text.to_owned(),
                None => text,
            })),
        }
    }

    /// Puts a whole new file in its place, so that nobody ever reads half of one. Its mode and its owner stay; a file that
    /// was not there is for its owner alone.
    fn write(&self, lines: &[Option<String>]) -> Result<(), HtpasswdError> {
        let mut made = tempfile::Builder::new()
            .prefix(".htpasswd-")
            .tempfile_in(&self.folder)?;
        if let Ok(meta) = fs::metadata(&self.file) {
            made.as_file()
                .set_permissions(Permissions::from_mode(meta.mode() & 0o7777))?;
            let own = made.as_file().metadata()?;
            if (own.uid(), own.gid()) != (meta.uid(), meta.gid()) {
                fchown(made.as_file(), Some(meta.uid()), Some(meta.gid()))?;
            }
        }
        for line in lines.iter().flatten() {
            writeln!(made, "{line}")?;
        }
        made.as_file().sync_all()?;
        made.persist(&self.file).map_err(|error| error.error)?;
        // The name is as safe as the content.
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }
}

/// Why a file of users was not changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum HtpasswdError {
    /// No user can be called so.
    Name,
    /// The password is empty.
    Empty,
    /// The password is not text in UTF-8, or has control characters.
    Text,
    /// The password has more octets than this.
    TooLong(usize),
    /// The file cannot be used.
    File(UsersFileError),
    /// The system gave no random octets.
    NoRandom,
}

impl From<io::Error> for HtpasswdError {
    fn from(error: io::Error) -> Self {
        Self::File(error.into())
    }
}

impl From<UsersFileError> for HtpasswdError {
    fn from(error: UsersFileError) -> Self {
        Self::File(error)
    }
}

impl From<NoRandom> for HtpasswdError {
    fn from(NoRandom: NoRandom) -> Self {
        Self::NoRandom
    }
}

impl fmt::Display for HtpasswdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str(
                "no user can be called so: no colon, no control character, no space at the ends",
            ),
            Self::Empty => f.write_str("the password is empty"),
            Self::Text => {
                f.write_str("the password is not text in UTF-8, or has control characters")
            }
            Self::TooLong(most) => write!(f, "the password is longer than {most} octets"),
            Self::File(error) => error.fmt(f),
            Self::NoRandom => NoRandom.fmt(f),
        }
    }
}

impl std::error::Error for HtpasswdError {}

/// What bcrypt looks at.
const BCRYPT_OCTETS_MAX: usize = 72;
const BCRYPT_COST: u32 = 12;
/// Memory in KiB, passes, lanes.
const ARGON2_COSTS: (u32, u32, u32) = (64 * 1024, 3, 4);

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Password {
        Password::new(text.into())
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_written_is_understood() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        assert_eq!(
            set(&file, "anna", &word("grün"), Form::Argon2).unwrap(),
            Change::Created
        );
        assert_eq!(
            set(&file, "bert", &word("blau"), Form::Bcrypt).unwrap(),
            Change::Added
        );
        assert!(is_password(&file, "anna", &word("grün")).unwrap());
        assert!(is_password(&file, "bert", &word("blau")).unwrap());
        assert!(!is_password(&file, "bert", &word("grün")).unwrap());
        assert!(!is_password(&file, "carl", &word("grün")).unwrap());
    }

    #[test]
    fn a_file_that_is_made_is_for_its_owner_and_one_that_is_changed_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        set(&file, "anna", &word("a"), Form::Bcrypt).unwrap();
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        set(&file, "anna", &word("b"), Form::Bcrypt).unwrap();
        assert_eq!(mode(&file), 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        fs::write(&file, "# staff\nanna:{SHA}x\n\nbert:y:group\nanna:again\n").unwrap();
        assert_eq!(
            set(&file, "anna", &word("a"), Form::Bcrypt).unwrap(),
            Change::Replaced
        );
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(
            (lines[0], lines[2], lines[3]),
            ("# staff", "", "bert:y:group")
        );
        assert!(lines[1].starts_with("anna:$2y$12$"));
        assert!(delete(&file, "anna").unwrap());
        assert!(!delete(&file, "anna").unwrap());
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "# staff\n\nbert:y:group\n"
        );
    }

    #[test]
    fn who_writes_at_once_loses_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        let names = ["a", "b", "c", "d", "e", "f"];
        std::thread::scope(|scope| {
            for name in names {
                scope.spawn(|| set(&file, name, &word("x"), Form::Bcrypt).unwrap());
            }
        });
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), names.len(), "{text}");
    }

    #[test]
    fn a_byte_order_mark_goes_when_the_first_user_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        fs::write(&file, "\u{feff}anna:{SHA}x\n").unwrap();
        let change = set(&file, "anna", &word("a"), Form::Bcrypt).unwrap();
        assert_eq!(change, Change::Replaced);
        assert!(is_password(&file, "anna", &word("a")).unwrap());
    }

    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("users"), folder.path().join("link"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        set(&link, "anna", &word("a"), Form::Bcrypt).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(is_password(&file, "anna", &word("a")).unwrap());
    }

    #[test]
    fn names_and_passwords_that_no_request_could_carry_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        let refused = |name: &str, password: &str, form| {
            set(&file, name, &word(password), form)
                .unwrap_err()
                .to_string()
        };
        assert!(refused("a:b", "x", Form::Bcrypt).contains("colon"));
        assert!(refused("", "x", Form::Bcrypt).contains("no user"));
        assert!(refused("#a", "x", Form::Bcrypt).contains("no user"));
        assert!(refused("a", "", Form::Bcrypt).contains("empty"));
        assert!(refused("a", "x\n", Form::Bcrypt).contains("control"));
        assert!(refused("a", &"x".repeat(73), Form::Bcrypt).contains("72"));
        assert!(refused("a", &"x".repeat(257), Form::Argon2).contains("256"));
        assert!(!file.exists());
    }

    #[test]
    fn a_password_that_no_request_could_carry_is_not_right() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        // What other programs may write.
        let line = |name: &str, password: &str| {
            let digest = <sha1::Sha1 as sha1::Digest>::digest(password);
            format!(
                "{name}:{{SHA}}{}\n",
                base64ct::Base64::encode_string(&digest)
            )
        };
        let long = "x".repeat(PASSWORD_OCTETS_MAX + 1);
        fs::write(&file, line("anna", "a\tb") + &line("bert", &long)).unwrap();
        assert!(!is_password(&file, "anna", &word("a\tb")).unwrap());
        assert!(!is_password(&file, "bert", &word(&long)).unwrap());
    }

    #[test]
    fn what_is_no_regular_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&file).unwrap();
        for file in [&file, folder.path()] {
            let error = set(file, "anna", &word("a"), Form::Bcrypt).unwrap_err();
            assert!(error.to_string().contains("no regular file"), "{error}");
            assert!(!fs::metadata(file).unwrap().is_file());
        }
    }

    #[test]
    fn a_file_that_is_not_there_has_nobody_to_delete() {
        let folder = tempfile::tempdir().unwrap();
        assert!(delete(&folder.path().join("users"), "anna").is_err());
    }
}
