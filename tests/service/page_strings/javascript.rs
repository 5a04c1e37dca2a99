//! A JavaScript file as code and literals: enough to tell words for a person from everything else.

/// A string, or a piece of a template between its `${…}`.
#[derive(Debug)]
pub(super) struct Literal {
    pub(super) line: usize,
    /// The code before it, without what stands between the end of that and the literal.
    pub(super) before: String,
    pub(super) text: String,
}

/// A file without its comments and regular expressions.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// With strings in it, without the words of templates.
    pub(super) code: String,
    pub(super) literals: Vec<Literal>,
}

/// A template whose `${` is open.
struct Template {
    open_braces: usize,
    before: String,
}

/// Reads a file. It need not be correct JavaScript to be read to its end.
pub(super) fn read(text: &str) -> Script {
    let mut script = Script::default();
    let mut templates: Vec<Template> = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let line = 1 + text[..at].matches('\n').count();
        let ends_value = first == '}' && templates.last().is_some_and(|one| one.open_braces == 0);
        at += match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' | '\'' => {
                let length = quoted(rest, first);
                let inner = rest[1..length].trim_end_matches(first);
                let before = script.code.trim_end().to_owned();
                script.literals.push(literal(line, before, inner));
                script.code.push_str(&rest[..length]);
                length
            }
            '`' | '}' if first == '`' || ends_value => {
                let before = match ends_value {
                    true => templates.pop().map(|one| one.before).unwrap_or_default(),
                    false => script.code.trim_end().to_owned(),
                };
                let (length, opens) = piece(rest);
                let inner = rest[1..length].trim_end_matches(if opens { "${" } else { "`" });
                script.literals.push(literal(line, before.clone(), inner));
                script.code.push(' ');
                if opens {
                    templates.push(Template {
                        open_braces: 0,
                        before,
                    });
                }
                length
            }
            '/' if begins_regular_expression(&script.code) => regular_expression(rest),
            _ => {
                if let Some(template) = templates.last_mut() {
                    match first {
                        '{' => template.open_braces += 1,
                        '}' => template.open_braces -= 1,
                        _ => {}
                    }
                }
                script.code.push(first);
                first.len_utf8()
            }
        };
    }
    script
}

fn literal(line: usize, before: String, text: &str) -> Literal {
    Literal {
        line,
        before,
        text: text.to_owned(),
    }
}

/// Bytes up to and with the mark that ends what begins here.
fn ending(text: &str, is_end: impl Fn(&str) -> Option<usize>) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if character == '\\' {
            is_escaped = true;
        } else if let Some(length) = is_end(&text[at..]) {
            return at + length;
        }
    }
    text.len()
}

fn quoted(text: &str, mark: char) -> usize {
    ending(text, |rest| rest.starts_with(mark).then_some(1))
}

/// A piece of a template, and whether a value follows it.
fn piece(text: &str) -> (usize, bool) {
    let length = ending(text, |rest| match rest {
        _ if rest.starts_with("${") => Some(2),
        _ if rest.starts_with('`') => Some(1),
        _ => None,
    });
    (length, text[..length].ends_with("${"))
}

fn begins_regular_expression(code: &str) -> bool {
    code.trim_end().ends_with([
        '(', ',', '=', ':', '[', '!', '&', '|', '?', '{', '}', ';', '>',
    ])
}

fn regular_expression(text: &str) -> usize {
    let mut is_in_class = false;
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            '/' if !is_in_class => return at + 1,
            _ => {}
        }
    }
    text.len()
}
