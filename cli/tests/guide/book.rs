//! A document in Markdown as sections with blocks of code.

/// A section of second rank.
pub(crate) struct Section<'a> {
    pub(crate) blocks: Vec<Block<'a>>,
}

/// What the document has a reader do.
pub(crate) enum Block<'a> {
    /// A file to write.
    Toml {
        name: &'a str,
        text: String,
        line: usize,
    },
    /// Something to type.
    Command(Command<'a>),
}

/// A command, and what it prints if the document shows that.
pub(crate) struct Command<'a> {
    pub(crate) text: String,
    pub(crate) shown: Option<String>,
    pub(crate) line: usize,
    _of: std::marker::PhantomData<&'a str>,
}

/// The sections of a document.
pub(crate) fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections = Vec::new();
    let mut fence: Option<(&str, usize, Vec<&str>)> = None;
    for (i, line) in text.lines().enumerate() {
        match (&mut fence, line.strip_prefix("```")) {
            (None, Some(kind)) => fence = Some((kind.trim(), i + 1, Vec::new())),
            (Some(_), Some(_)) => {
                if let (Some((kind, first, lines)), Some(section)) =
                    (fence.take(), sections.last_mut())
                {
                    take(section, kind, first, &lines);
                }
            }
            (Some((_, _, lines)), None) => lines.push(line),
            (None, None) if line.starts_with("## ") => {
                sections.push(Section { blocks: Vec::new() })
            }
            (None, None) => {}
        }
    }
    assert!(fence.is_none(), "a block of code has no end");
    sections
}

fn take<'a>(section: &mut Section<'a>, kind: &str, first: usize, lines: &[&'a str]) {
    match kind {
        "toml" => {
            let name = lines
                .first()
                .and_then(|line| line.strip_prefix("# "))
                .filter(|name| name.ends_with(".toml") && !name.contains(' '));
            section.blocks.push(Block::Toml {
                name: name.unwrap_or("hansom.toml"),
                text: lines.join("\n") + "\n",
                line: first,
            });
        }
        "sh" => {
            let mut lines = lines.iter().enumerate();
            while let Some((i, line)) = lines.next() {
                if line.trim().is_empty() || line.starts_with('#') {
                    continue;
                }
                let mut text = (*line).to_owned();
                while text.ends_with('\\') {
                    text.pop();
                    text.extend(lines.next().map(|(_, line)| line.trim_start()));
                }
                push(section, &text, None, first + i + 1);
            }
        }
        "console" => {
            let mut i = 0;
            while let Some(line) = lines.get(i) {
                let at = first + i + 1;
                i += 1;
                let Some(command) = line.strip_prefix("$ ") else {
                    continue;
                };
                let mut text = command.to_owned();
                while text.ends_with('\\') {
                    text.pop();
                    text.push_str(lines.get(i).map_or("", |line| line.trim_start()));
                    i += 1;
                }
                let output: Vec<_> = lines[i..]
                    .iter()
                    .take_while(|line| !line.starts_with("$ "))
                    .copied()
                    .collect();
                i += output.len();
                push(section, &text, Some(output.join("\n")), at);
            }
        }
        _ => {}
    }
}

fn push(section: &mut Section<'_>, text: &str, shown: Option<String>, line: usize) {
    // What is explained beside a command, after several spaces, is not part of it.
    let text = text.split("   #").next().unwrap_or(text).trim_end();
    section.blocks.push(Block::Command(Command {
        text: text.to_owned(),
        shown,
        line,
        _of: std::marker::PhantomData,
    }));
}
