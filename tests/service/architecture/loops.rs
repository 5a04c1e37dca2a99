//! Files that import each other in a loop.
//!
//! A file needs another when its code outside of tests names an item that the other declares, in a
//! `use` or by a path where it is needed. A name that is only handed on leads to the file behind it,
//! so that a `mod.rs` which declares and re-exports its children is in no loop. A name that no file
//! declares in so many words, because a macro makes it, counts as one of the module it is asked of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::module_path;
use super::source::{Reach, Role, Source, WrittenPath};

/// Most names that one name leads through; more go round in a loop of their own.
const MAX_STEPS: usize = 16;

/// Every group of files that import each other in a loop, with the names that tie them. `files` are
/// paths below `src` with their text.
pub(super) fn loops(files: &[(PathBuf, String)]) -> Vec<String> {
    let sources: Vec<Source> = files
        .iter()
        .map(|(file, text)| Source::read(text, &module_of(file)))
        .collect();
    let names = Names::collect(files, &sources);
    let ties: Vec<Ties> = (0..files.len())
        .map(|file| names.ties(file, &sources[file]))
        .collect();
    let reached: Vec<BTreeSet<usize>> = (0..files.len()).map(|file| reached(&ties, file)).collect();
    // Those that a file reaches and that reach it are one group; none is there twice.
    let groups: BTreeSet<BTreeSet<usize>> = (0..files.len())
        .map(|file| {
            let others = reached[file].iter().copied();
            let group = others.filter(|other| reached[*other].contains(&file));
            group.collect::<BTreeSet<usize>>()
        })
        .filter(|group| !group.is_empty())
        .collect();
    groups
        .iter()
        .map(|group| described(group, files, &ties))
        .collect()
}

/// What one file needs of others: the names, each with the line of the first mention.
type Ties = BTreeMap<usize, BTreeMap<String, usize>>;

/// The files that `from` needs, directly or by way of others.
fn reached(ties: &[Ties], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        open.extend(ties[file].keys().filter(|next| reached.insert(**next)));
    }
    reached
}

fn described(group: &BTreeSet<usize>, files: &[(PathBuf, String)], ties: &[Ties]) -> String {
    let name = |file: usize| format!("src/{}", files[file].0.display());
    let members: Vec<String> = group.iter().map(|file| name(*file)).collect();
    let mut lines = vec![format!("{} import each other:", members.join(", "))];
    for from in group {
        for (to, names) in ties[*from].iter().filter(|(to, _)| group.contains(to)) {
            let names: Vec<String> = names
                .iter()
                .map(|(name, line)| format!("{name} (line {line})"))
                .collect();
            let (from, to) = (name(*from), name(*to));
            lines.push(format!("    {from} needs of {to}: {}", names.join(", ")));
        }
    }
    lines.join("\n")
}

/// The module that a file is. The library and the program share one root: no module is in both.
fn module_of(file: &Path) -> Vec<String> {
    let path = module_path(file);
    match path.as_slice() {
        [root] if ["lib", "main"].contains(&root.as_str()) => Vec::new(),
        _ => path,
    }
}

/// Whether a file is named as a file of tests.
fn is_named_for_tests(file: &Path) -> bool {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    stem.is_some_and(|stem| stem.ends_with("_tests"))
}

/// Where a path leads.
#[derive(Debug)]
enum Place {
    Module(Vec<String>),
    Item { file: usize, name: String },
}

/// Every name of the crate outside of tests, by the module it is in and itself.
#[derive(Debug, Default)]
struct Names {
    /// The file that a module begins in.
    modules: HashMap<Vec<String>, usize>,
    /// The file that declares an item.
    items: HashMap<Vec<String>, usize>,
    /// Where an imported name comes from, as it is written.
    imports: HashMap<Vec<String>, Vec<String>>,
    /// Paths of which a module imports everything.
    globs: HashMap<Vec<String>, Vec<Vec<String>>>,
    /// Files that are there in tests alone.
    tests: HashSet<usize>,
}

impl Names {
    fn collect(files: &[(PathBuf, String)], sources: &[Source]) -> Self {
        let declarations = || sources.iter().flat_map(|source| &source.declarations);
        let test_modules: Vec<Vec<String>> = declarations()
            .filter(|declared| declared.is_module && declared.is_test)
            .map(|declared| joined(&declared.module, &declared.name))
            .collect();
        let mut names = Self::default();
        for (file, (path, _)) in files.iter().enumerate() {
            let module = module_of(path);
            let is_test = test_modules.iter().any(|test| module.starts_with(test));
            if is_test || is_named_for_tests(path) {
                names.tests.insert(file);
            } else {
                names.add(file, module, &sources[file]);
            }
        }
        names
    }

    fn add(&mut self, file: usize, module: Vec<String>, source: &Source) {
        self.modules.insert(module, file);
        for declared in source.declarations.iter().filter(|it| !it.is_test) {
            let path = joined(&declared.module, &declared.name);
            match declared.is_module {
                // Its own file, where it has one, is added for itself.
                true => self.modules.entry(path).or_insert(file),
                false => self.items.entry(path).or_insert(file),
            };
        }
        for written in source.paths.iter().filter(|it| !it.is_test) {
            match &written.role {
                Role::Import { name, reach } if *reach != Reach::Block => {
                    self.add_import(written, name);
                }
                Role::Import { .. } | Role::Mention => {}
            }
        }
    }

    fn add_import(&mut self, written: &WrittenPath, name: &str) {
        match written.segments.split_last() {
            Some((last, path)) if last == "*" => {
                let globs = self.globs.entry(written.module.clone()).or_default();
                globs.push(path.to_vec());
            }
            _ => {
                let name = joined(&written.module, name);
                self.imports.insert(name, written.segments.clone());
            }
        }
    }

    /// What `file` needs of others.
    fn ties(&self, file: usize, source: &Source) -> Ties {
        let mut ties = Ties::new();
        if self.tests.contains(&file) {
            return ties;
        }
        for written in source.paths.iter().filter(|it| !it.is_test && is_need(it)) {
            match self.resolve(&written.module, &written.segments, 0) {
                Some(Place::Item { file: other, name }) if other != file => {
                    let names = ties.entry(other).or_default();
                    names.entry(name).or_insert(written.line);
                }
                Some(_) | None => {}
            }
        }
        ties
    }

    /// Where a path leads that is written in `module`; `None` when it leaves the crate.
    fn resolve(&self, module: &[String], path: &[String], steps: usize) -> Option<Place> {
        if steps > MAX_STEPS {
            return None;
        }
        let is_step =
            |word: &&String| ["crate", "framewitness", "self", "super"].contains(&word.as_str());
        let (steps_taken, names) = path.split_at(path.iter().take_while(is_step).count());
        let mut at = module.to_vec();
        for step in steps_taken {
            match step.as_str() {
                "self" => {}
                "super" => drop(at.pop()),
                _ => at.clear(),
            }
        }
        for (position, name) in names.iter().enumerate() {
            let is_last = position + 1 == names.len();
            match self.look_up(&at, name, is_last, steps) {
                Some(Place::Module(inner)) => at = inner,
                Some(item) => return Some(item),
                // The first name of a path may be another crate's, or that of a variable.
                None if steps_taken.is_empty() && position == 0 => return None,
                None => {
                    let (file, name) = (*self.modules.get(&at)?, name.clone());
                    return Some(Place::Item { file, name });
                }
            }
        }
        Some(Place::Module(at))
    }

    /// What a name stands for in `module`: where more of a path follows a module, if there is one.
    fn look_up(&self, module: &[String], name: &str, is_last: bool, steps: usize) -> Option<Place> {
        let path = joined(module, name);
        let is_module = self.modules.contains_key(&path);
        if is_module && !is_last {
            return Some(Place::Module(path));
        }
        let imported = self.imports.get(&path);
        if let Some(place) = imported.and_then(|from| self.resolve(module, from, steps + 1)) {
            return Some(place);
        }
        if let Some(file) = self.items.get(&path) {
            let (file, name) = (*file, name.to_owned());
            return Some(Place::Item { file, name });
        }
        if is_module {
            return Some(Place::Module(path));
        }
        let globs = self.globs.get(module)?;
        globs
            .iter()
            .find_map(|from| match self.resolve(module, from, steps + 1)? {
                Place::Module(inner) => self.look_up(&inner, name, is_last, steps + 1),
                Place::Item { .. } => None,
            })
    }
}

/// Whether a path is there for the file's own code. What is handed on is for others, and of what is
/// brought in as a whole only the names count that are used.
fn is_need(written: &WrittenPath) -> bool {
    match &written.role {
        Role::Mention => true,
        Role::Import { reach, .. } if *reach == Reach::Reexport => false,
        Role::Import { name, reach } => name != "*" || *reach == Reach::Block,
    }
}

fn joined(module: &[String], name: &str) -> Vec<String> {
    let mut path = module.to_vec();
    path.push(name.to_owned());
    path
}
