//! A source file as words and marks, and how far an item for tests reaches among them.

/// Words that stand before the name of an item.
pub(super) const ITEMS: [&str; 8] = [
    "const", "enum", "fn", "static", "struct", "trait", "type", "union",
];
/// Words that may stand before those.
pub(super) const QUALIFIERS: [&str; 6] = ["async", "const", "default", "extern", "pub", "unsafe"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Word(String),
    /// `::`
    Separator,
    Mark(char),
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
}

/// Words, `::` and marks, without comments, strings, characters and lifetimes. A leading `::` is
/// dropped, so that `::tch::x` reads as `tch::x`.
pub(super) fn tokens(text: &str) -> Vec<Token> {
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

/// Where the item, field, variant or arm ends whose attribute `#[cfg(test)]` or `#[cfg(all(test, …`
/// stands at `at`; `None` when none does.
pub(super) fn end_of_test_item(tokens: &[Token], at: usize) -> Option<usize> {
    let begins = |words: &[&str]| {
        let found = tokens[at..].iter().map(|token| &token.kind);
        words.len() <= tokens.len() - at && words.iter().zip(found).all(|(w, kind)| is(kind, w))
    };
    let is_for_tests = begins(&["#", "[", "cfg", "(", "test", ")"])
        || begins(&["#", "[", "cfg", "(", "all", "(", "test"]);
    is_for_tests.then(|| end_of_item(tokens, at))
}

fn is(kind: &Kind, text: &str) -> bool {
    match kind {
        Kind::Word(word) => word == text,
        Kind::Mark(mark) => text.chars().eq([*mark]),
        Kind::Separator => false,
    }
}

/// Where the item ends whose first attribute stands at `at`.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let kind = |at: usize| tokens.get(at).map(|token| &token.kind);
    let is_at = |at: usize, text: &str| kind(at).is_some_and(|kind| is(kind, text));
    while is_at(at, "#") {
        at = end_of_group(tokens, at + 1);
    }
    if is_at(at, "pub") {
        at += 1;
    }
    if is_at(at, "(") {
        at = end_of_group(tokens, at);
    }
    let among = |words: &[&str]| words.iter().any(|word| is_at(at, word));
    let is_statement = among(&["use", "let"]);
    let is_item = is_statement || among(&ITEMS) || among(&QUALIFIERS) || among(&["impl"]);
    while let Some(kind) = kind(at) {
        match kind {
            Kind::Mark(')' | ']' | '}') => return at,
            Kind::Mark(';') => return at + 1,
            Kind::Mark(',') if !is_item => return at + 1,
            Kind::Mark('{') if !is_statement => return end_of_group(tokens, at),
            Kind::Mark('(' | '[' | '{') => at = end_of_group(tokens, at),
            Kind::Word(_) | Kind::Separator | Kind::Mark(_) => at += 1,
        }
    }
    at
}

/// Behind the bracket that closes the one at `at`.
fn end_of_group(tokens: &[Token], at: usize) -> usize {
    let mut open = 0_usize;
    for (position, token) in tokens.iter().enumerate().skip(at) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => open += 1,
            Kind::Mark(')' | ']' | '}') => open = open.saturating_sub(1),
            Kind::Word(_) | Kind::Separator | Kind::Mark(_) => {}
        }
        if open == 0 {
            return position + 1;
        }
    }
    tokens.len()
}
