//! Just enough of Rust's grammar to tell what a source file declares and which paths it writes.

use super::tokens::{ITEMS, Kind, QUALIFIERS, Token, end_of_test_item, tokens};

/// What a source file declares and writes.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) declarations: Vec<Declaration>,
    pub(super) paths: Vec<WrittenPath>,
}

/// An item, a module or a macro, by its name.
#[derive(Debug)]
pub(super) struct Declaration {
    /// The module it is declared in.
    pub(super) module: Vec<String>,
    pub(super) name: String,
    pub(super) is_module: bool,
    /// Whether it is there in tests alone.
    pub(super) is_test: bool,
}

/// A path as it is written, groups taken apart; `*` at its end stands for all that is there.
#[derive(Debug)]
pub(super) struct WrittenPath {
    /// The module it is written in.
    pub(super) module: Vec<String>,
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    pub(super) role: Role,
    /// Whether it is there in tests alone.
    pub(super) is_test: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// In an expression, a type or an attribute.
    Mention,
    /// Brought in under a name, which is `*` where the path ends so.
    Import { name: String, reach: Reach },
}

/// Where an imported name can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// In the block it stands in.
    Block,
    /// In its module and those within.
    Module,
    /// Wherever a `pub` lets it.
    Reexport,
}

impl Source {
    /// Reads `text`, the source of the module `module_path`.
    pub(super) fn read(text: &str, module_path: &[String]) -> Self {
        let mut reader = Reader {
            tokens: tokens(text),
            at: 0,
            module_path: module_path.to_vec(),
            inline_modules: Vec::new(),
            depth: 0,
            test_until: 0,
            source: Self::default(),
        };
        reader.read();
        reader.source
    }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    module_path: Vec<String>,
    /// Names of the inline modules around the current token, with the depth of their brace.
    inline_modules: Vec<(String, usize)>,
    depth: usize,
    /// Where the item ends that is there in tests alone.
    test_until: usize,
    source: Source,
}

impl Reader {
    fn read(&mut self) {
        while let Some(token) = self.tokens.get(self.at).cloned() {
            match token.kind {
                Kind::Word(word) if word == "use" => self.import(),
                Kind::Word(word) if word == "crate" && self.word_before() == Some("extern") => {
                    self.import();
                }
                Kind::Word(word) if word == "mod" => self.module_head(),
                Kind::Word(word) if word == "macro_rules" => self.declare(2),
                Kind::Word(word) if ITEMS.contains(&word.as_str()) && self.begins_item() => {
                    self.declare(1);
                }
                Kind::Word(_) => self.path(),
                Kind::Mark('{') => {
                    self.depth += 1;
                    self.at += 1;
                }
                Kind::Mark('}') => self.close(),
                Kind::Separator | Kind::Mark(_) => {
                    let end = end_of_test_item(&self.tokens, self.at).unwrap_or(0);
                    self.test_until = self.test_until.max(end);
                    self.at += 1;
                }
            }
        }
    }

    fn kind(&self, at: usize) -> Option<&Kind> {
        self.tokens.get(at).map(|token| &token.kind)
    }

    fn word(&self, at: usize) -> Option<&str> {
        match self.kind(at) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn is_mark(&self, at: usize, mark: char) -> bool {
        self.kind(at) == Some(&Kind::Mark(mark))
    }

    fn word_before(&self) -> Option<&str> {
        self.word(self.at.checked_sub(1)?)
    }

    fn is_test(&self) -> bool {
        self.at < self.test_until
    }

    /// The module around the current token.
    fn module(&self) -> Vec<String> {
        let inline = self.inline_modules.iter().map(|(name, _)| name.clone());
        self.module_path.iter().cloned().chain(inline).collect()
    }

    fn is_at_module_level(&self) -> bool {
        let innermost = self.inline_modules.last();
        self.depth == innermost.map_or(0, |(_, depth)| depth + 1)
    }

    /// Whether the keyword here stands where an item begins: `const` does not in `*const T`.
    fn begins_item(&self) -> bool {
        match self.at.checked_sub(1).and_then(|before| self.kind(before)) {
            None => true,
            Some(Kind::Word(word)) => QUALIFIERS.contains(&word.as_str()),
            Some(Kind::Mark(mark)) => ['{', '}', ';', ']', ')'].contains(mark),
            Some(Kind::Separator) => false,
        }
    }

    /// The name is so many tokens ahead. That of a method or of something in a block is passed over.
    fn declare(&mut self, ahead: usize) {
        let name = self.word(self.at + ahead).map(str::to_owned);
        match name.filter(|name| !ITEMS.contains(&name.as_str()) && name != "mut") {
            Some(name) => {
                if self.is_at_module_level() {
                    self.note_declaration(name, false);
                }
                self.at += ahead + 1;
            }
            None => self.at += 1,
        }
    }

    fn note_declaration(&mut self, name: String, is_module: bool) {
        self.source.declarations.push(Declaration {
            module: self.module(),
            name,
            is_module,
            is_test: self.is_test(),
        });
    }

    /// `mod name {` opens an inline module; `mod name;` does not.
    fn module_head(&mut self) {
        if let Some(name) = self.word(self.at + 1).map(str::to_owned) {
            self.note_declaration(name.clone(), true);
            if self.is_mark(self.at + 2, '{') {
                self.inline_modules.push((name, self.depth));
            }
        }
        self.at += 2;
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.inline_modules.retain(|(_, depth)| *depth < self.depth);
        self.at += 1;
    }

    /// A path in an expression, a type or an attribute; one word too, unless it follows a dot or
    /// names a field, a parameter or a variable.
    fn path(&mut self) {
        let (start, is_test) = (self.at, self.is_test());
        let after_dot = start > 0 && self.is_mark(start - 1, '.');
        let is_bound = self.word_before() == Some("let");
        let mut segments = Vec::new();
        while let Some(word) = self.word(self.at) {
            segments.push(word.to_owned());
            self.at += 1;
            if self.kind(self.at) != Some(&Kind::Separator) || self.word(self.at + 1).is_none() {
                break;
            }
            self.at += 1;
        }
        let is_label = segments.len() == 1 && (is_bound || self.is_mark(self.at, ':'));
        if !after_dot && !is_label {
            self.source.paths.push(WrittenPath {
                module: self.module(),
                segments,
                line: self.tokens[start].line,
                role: Role::Mention,
                is_test,
            });
        }
    }

    fn import(&mut self) {
        let is_public =
            self.word_before() == Some("pub") || self.at > 0 && self.is_mark(self.at - 1, ')');
        let reach = match self.is_at_module_level() {
            false => Reach::Block,
            true if is_public => Reach::Reexport,
            true => Reach::Module,
        };
        self.at += 1;
        self.tree(&[], reach);
    }

    /// What follows `use`: a path, a path that ends in a group, or a group alone.
    fn tree(&mut self, prefix: &[String], reach: Reach) {
        let mut segments = prefix.to_vec();
        let mut name = None;
        let is_test = self.is_test();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.kind(self.at).cloned() {
                Some(Kind::Separator) => self.at += 1,
                Some(Kind::Word(word)) if word == "as" => {
                    name = self.word(self.at + 1).map(str::to_owned);
                    self.at += 2;
                    break;
                }
                Some(Kind::Word(word)) => {
                    segments.push(word);
                    self.at += 1;
                }
                Some(Kind::Mark('*')) => {
                    segments.push("*".into());
                    self.at += 1;
                }
                Some(Kind::Mark('{')) => return self.group(&segments, reach),
                Some(Kind::Mark(_)) | None => break,
            }
        }
        // `use a::{self}` names `a`.
        if !prefix.is_empty() && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        if let Some(name) = name.or_else(|| segments.last().cloned()) {
            self.source.paths.push(WrittenPath {
                module: self.module(),
                segments,
                line,
                role: Role::Import { name, reach },
                is_test,
            });
        }
    }

    fn group(&mut self, prefix: &[String], reach: Reach) {
        self.at += 1;
        while let Some(kind) = self.kind(self.at) {
            match kind {
                Kind::Mark('}') => {
                    self.at += 1;
                    return;
                }
                Kind::Mark(',') => self.at += 1,
                Kind::Word(_) | Kind::Separator | Kind::Mark(_) => {
                    let before = self.at;
                    self.tree(prefix, reach);
                    // A mark no use tree holds, in text that is no Rust: pass over it.
                    self.at = self.at.max(before + 1);
                }
            }
        }
    }
}

/// A path that leaves the top-level module it is written in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PathUse {
    /// Into a top-level module of this crate; `*` stands for all of them.
    OwnCrate { module: String, line: usize },
    /// Into another crate, or something local of that name.
    Other { name: String, line: usize },
}

impl PathUse {
    pub(super) fn line(&self) -> usize {
        match self {
            Self::OwnCrate { line, .. } | Self::Other { line, .. } => *line,
        }
    }
}

/// Every such path in `text`, the source of the module `module_path`; tests count.
pub(super) fn path_uses(text: &str, module_path: &[String]) -> Vec<PathUse> {
    let source = Source::read(text, module_path);
    source.paths.iter().filter_map(WrittenPath::leads).collect()
}

impl WrittenPath {
    /// Where it leads; `None` when it stays within its top-level module. A single word is no path
    /// unless it is brought in.
    fn leads(&self) -> Option<PathUse> {
        if self.role == Role::Mention && self.segments.len() < 2 {
            return None;
        }
        let line = self.line;
        let own = |module: Option<&String>| {
            let module = module.map_or("*", String::as_str).to_owned();
            PathUse::OwnCrate { module, line }
        };
        let first = self.segments.first()?;
        match first.as_str() {
            "crate" | "framewitness" => Some(own(self.segments.get(1))),
            "self" | "super" => {
                // A path from here upwards matters when it climbs to the root of the crate.
                let is_step = |segment: &&String| ["self", "super"].contains(&segment.as_str());
                let climbs = self.segments.iter().filter(|step| *step == "super").count();
                let beyond = self.segments.iter().find(|step| !is_step(step));
                (climbs >= self.module.len()).then(|| own(beyond))
            }
            name => Some(PathUse::Other {
                name: name.to_owned(),
                line,
            }),
        }
    }
}
