//! Paths, which are relative to the file's folder.

use super::{Kind, quoted};
use crate::config::json::Json;
use crate::config::node::{Node, Value};
use crate::config::read::Reader;
use crate::config::slot::{Complaint, Shown, mismatch};
use crate::config::suggest::nearest_path;
use std::io;
use std::path::{Path, PathBuf};

/// A path.
#[derive(Debug)]
pub(crate) struct PathTo(pub(crate) Existing);

/// What must be at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// Nothing yet; its folder must be there, and it is no folder itself.
    NewFile,
    /// Nothing yet, or a folder.
    NewFolder,
}

impl Kind for PathTo {
    type Value = PathBuf;

    fn read(&self, node: &Node, reader: &mut Reader<'_>, _: &str) -> Option<PathBuf> {
        match self.parse(&node.value) {
            Err(complaint) => {
                reader.note_allowed(node.span.clone(), complaint, self.allowed());
                None
            }
            Ok(path) => {
                let path = reader.base().join(path);
                if let Some(complaint) = self.0.complaint(&path) {
                    reader.note(node.span.clone(), complaint);
                }
                Some(path)
            }
        }
    }

    fn parse(&self, value: &Value) -> Result<PathBuf, Complaint> {
        match value {
            Value::Text(text) if text.is_empty() => Err(Complaint::new("the text is empty")),
            Value::Text(text) if text.contains('\0') => Err(Complaint::new(format!(
                "{} holds a character that no path has",
                value.describe()
            ))),
            Value::Text(text) => Ok(PathBuf::from(text)),
            other => Err(mismatch(other)),
        }
    }

    fn show(&self, value: &mut PathBuf) -> Shown {
        Shown::Value(quoted(&value.to_string_lossy()))
    }

    fn allowed(&self) -> String {
        let noun = match self.0 {
            Existing::Folder | Existing::NewFolder => "folder",
            Existing::File | Existing::NewFile => "file",
        };
        format!("a {noun}, relative to this file")
    }

    fn schema(&self) -> Json {
        Json::one("type", "string".into())
    }

    fn is_text(&self) -> bool {
        true
    }
}

impl Existing {
    /// What is wrong with what is at the path.
    fn complaint(self, path: &Path) -> Option<Complaint> {
        match self {
            Self::Folder => missing("folder", path, Path::is_dir),
            Self::File => missing("file", path, Path::is_file),
            Self::NewFile if path.is_dir() => Some(wrong("file", path, "is a folder")),
            Self::NewFile => missing("folder", path.parent()?, Path::is_dir),
            Self::NewFolder if path.exists() => missing("folder", path, Path::is_dir),
            Self::NewFolder => None,
        }
    }
}

fn missing(noun: &str, path: &Path, is_fit: fn(&Path) -> bool) -> Option<Complaint> {
    let problem = match path.metadata() {
        Ok(_) if is_fit(path) => return None,
        Ok(_) => format!("is not a {noun}"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "does not exist".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    let near = nearest_path(path, is_fit);
    let near = near.as_deref().and_then(Path::file_name).map(Path::new);
    Some(Complaint {
        suggestion: near.map(|name| format!("did you mean \"{}\"?", name.display())),
        ..wrong(noun, path, &problem)
    })
}

fn wrong(noun: &str, path: &Path, problem: &str) -> Complaint {
    Complaint::new(format!("the {noun} \"{}\" {problem}", path.display()))
}
