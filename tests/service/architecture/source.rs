//! Just enough of Rust's grammar to find the paths a source file writes.

/// A path that leaves the module it is written in.
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

/// Every path in `text`, the source of the module `module_path`, with groups taken apart.
pub(super) fn path_uses(text: &str, module_path: &[String]) -> Vec<PathUse> {
    let mut reader = Reader {
        tokens: tokens(text),
        at: 0,
        module_path: module_path.to_vec(),
        inline_modules: Vec::new(),
        depth: 0,
        uses: Vec::new(),
    };
    reader.read();
    reader.uses
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Word(String),
    /// `::`
    Separator,
    Mark(char),
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    line: usize,
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    module_path: Vec<String>,
    /// Names of the inline modules around the current token, with the depth of their brace.
    inline_modules: Vec<(String, usize)>,
    depth: usize,
    uses: Vec<PathUse>,
}

impl Reader {
    fn read(&mut self) {
        while let Some(token) = self.tokens.get(self.at).cloned() {
            match token.kind {
                Kind::Word(word) if word == "use" => {
                    self.at += 1;
                    self.tree(&[]);
                }
                Kind::Word(word) if word == "crate" && self.follows_word("extern") => {
                    self.at += 1;
                    self.tree(&[]);
                }
                Kind::Word(word) if word == "mod" => self.module_head(),
                Kind::Word(_) => self.path(),
                Kind::Mark('{') => {
                    self.depth += 1;
                    self.at += 1;
                }
                Kind::Mark('}') => self.close(),
                Kind::Separator | Kind::Mark(_) => self.at += 1,
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

    fn follows_word(&self, word: &str) -> bool {
        self.at > 0 && self.word(self.at - 1) == Some(word)
    }

    /// `mod name {` opens an inline module; `mod name;` does not.
    fn module_head(&mut self) {
        if let (Some(name), Some(Kind::Mark('{'))) =
            (self.word(self.at + 1), self.kind(self.at + 2))
        {
            self.inline_modules.push((name.to_owned(), self.depth));
        }
        self.at += 2;
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.inline_modules.retain(|(_, depth)| *depth < self.depth);
        self.at += 1;
    }

    /// A path in an expression, a type or an attribute: two segments at least.
    fn path(&mut self) {
        let after_dot = self.at > 0 && self.kind(self.at - 1) == Some(&Kind::Mark('.'));
        let line = self.tokens[self.at].line;
        let mut segments = Vec::new();
        while let Some(word) = self.word(self.at) {
            segments.push(word.to_owned());
            self.at += 1;
            if self.kind(self.at) != Some(&Kind::Separator) || self.word(self.at + 1).is_none() {
                break;
            }
            self.at += 1;
        }
        if segments.len() > 1 && !after_dot {
            self.record(&segments, line);
        }
    }

    /// What follows `use`: a path, a path that ends in a group, or a group alone.
    fn tree(&mut self, prefix: &[String]) {
        let mut segments = prefix.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.kind(self.at).cloned() {
                Some(Kind::Separator) => self.at += 1,
                Some(Kind::Word(word)) if word == "as" => {
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
                Some(Kind::Mark('{')) => return self.group(&segments),
                Some(Kind::Mark(_)) | None => break,
            }
        }
        self.record(&segments, line);
    }

    fn group(&mut self, prefix: &[String]) {
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
                    self.tree(prefix);
                    // A mark no use tree holds, in text that is no Rust: pass over it.
                    self.at = self.at.max(before + 1);
                }
            }
        }
    }

    /// Sorts a path by where it leads.
    fn record(&mut self, segments: &[String], line: usize) {
        let Some(first) = segments.first() else {
            return;
        };
        match first.as_str() {
            "crate" | "framewitness" => self.record_own(segments.get(1), line),
            "self" | "super" => self.record_relative(segments, line),
            _ => self.uses.push(PathUse::Other {
                name: first.clone(),
                line,
            }),
        }
    }

    fn record_own(&mut self, module: Option<&String>, line: usize) {
        let module = module.map_or("*", String::as_str).to_owned();
        self.uses.push(PathUse::OwnCrate { module, line });
    }

    /// A path from here upwards matters when it climbs to the root of the crate.
    fn record_relative(&mut self, segments: &[String], line: usize) {
        let climbs = segments
            .iter()
            .filter(|segment| *segment == "super")
            .count();
        let here = self.module_path.len() + self.inline_modules.len();
        if climbs >= here {
            let beyond = segments
                .iter()
                .find(|segment| !["super", "self"].contains(&segment.as_str()))
                .cloned();
            self.record_own(beyond.as_ref(), line);
        }
    }
}

/// Words, `::` and marks, without comments, strings, characters and lifetimes. A leading `::` is
/// dropped, so that `::tch::x` reads as `tch::x`.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => comment_length(rest),
            '"' => string_length(rest),
            '\'' => quote_length(rest),
            _ if raw_string_length(rest).is_some() => raw_string_length(rest).unwrap_or(1),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let (taken, after) = rest.split_at(length);
        let kind = match first {
            '"' | '\'' | '/' => None,
            _ if is_word(first) && !taken.ends_with(['"', '#']) => Some(Kind::Word(taken.into())),
            _ if taken == "::" => follows_path(&tokens).then_some(Kind::Separator),
            _ if taken.len() > 1 || first.is_whitespace() => None,
            _ => Some(Kind::Mark(first)),
        };
        tokens.extend(kind.map(|kind| Token { kind, line }));
        line += taken.matches('\n').count();
        rest = after;
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether a `::` now would continue a path rather than begin one.
fn follows_path(tokens: &[Token]) -> bool {
    const KEYWORDS: [&str; 4] = ["use", "return", "in", "as"];
    match tokens.last().map(|token| &token.kind) {
        Some(Kind::Word(word)) => !KEYWORDS.contains(&word.as_str()),
        Some(Kind::Mark(mark)) => *mark == '>',
        Some(Kind::Separator) | None => false,
    }
}

fn comment_length(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Length of a quoted text from its opening to its closing quote.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == text.as_bytes()[0] => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal, or of the tick of a lifetime.
fn quote_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => string_length(text),
        (_, Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// Length of `r"…"`, `r#"…"#`, `br"…"` and so on; `None` for anything else.
fn raw_string_length(text: &str) -> Option<usize> {
    let body = text
        .strip_prefix("br")
        .or_else(|| text.strip_prefix("cr"))
        .or_else(|| text.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let content = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - content.len();
    Some(
        content
            .find(&end)
            .map_or(text.len(), |at| start + at + end.len()),
    )
}
