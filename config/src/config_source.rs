//! A configuration as it was written: the file's tree with its line numbers, the environment
//! beside it, and the mistakes found so far.
//!
//! A setting is looked up by its path: the environment wins over the file. What no
//! lookup has read is a mistake in the end, in the file as in the environment, because users rely on
//! a setting that is silently ignored. A setting that has moved is read from its old place, too,
//! with a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::nearest::did_you_mean;

/// A mistake in the configuration, or a warning about it: where, which setting, what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMistake {
    /// `brigade.toml:12` or `environment`.
    pub place: String,
    /// The setting's full name, or the variable's; empty when the text is no TOML.
    pub setting: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for ConfigMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.setting.as_str() {
            "" => write!(f, "{}: {}", self.place, self.problem),
            setting => write!(f, "{}: {setting}: {}", self.place, self.problem),
        }
    }
}

/// A value before its type is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// A text, number, boolean or date, as text.
    Scalar(String),
    /// A list of those.
    List(Vec<String>),
}

#[derive(Debug)]
enum Node {
    Value(Raw),
    Table(BTreeMap<String, Entry>),
    /// A list of tables, by their numbers from 1.
    Tables(BTreeMap<String, Entry>),
    /// A list that holds lists, or tables and others.
    Nested,
}

#[derive(Debug)]
struct Entry {
    line: usize,
    node: Node,
}

/// Where a configuration comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in mistakes.
    pub name: String,
    /// Its file, when it is one: its permissions are looked at.
    pub file: Option<PathBuf>,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
}

/// See the module.
#[derive(Debug)]
pub struct ConfigSource {
    source: Source,
    root: Entry,
    environment: BTreeMap<String, String>,
    looked_up: BTreeSet<Vec<String>>,
    variables_used: BTreeSet<String>,
    has_inline_secret: Option<Vec<String>>,
    /// Settings that are given at their old place: that place by the new one.
    moved: BTreeMap<Vec<String>, Vec<String>>,
    mistakes: Vec<ConfigMistake>,
    warnings: Vec<ConfigMistake>,
    /// Tables that are missing: what is missing inside is not told again.
    missing: Vec<Vec<String>>,
    /// Settings that were wrong or missing when all was read.
    misread: BTreeSet<String>,
}

/// What every variable of the environment begins with.
const PREFIX: &str = "BRIGADE_";

/// The place of what a variable of the environment sets.
const ENVIRONMENT: &str = "environment";

impl ConfigSource {
    /// Reads the text; of the environment only what begins with `BRIGADE_` counts.
    pub fn new(source: Source, text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        // Of a line that is wrong the parser may say several things: the first one is the cause.
        let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
        for error in errors {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            wrong.entry(line).or_insert_with(|| format!("is not TOML: {}", error.message().replace('\n', ", ")));
        }
        let place = |line| format!("{}:{line}", source.name);
        let mistakes = wrong.into_iter().map(|(line, problem)| ConfigMistake {
            place: place(line),
            setting: String::new(),
            problem,
        });
        let mistakes: Vec<ConfigMistake> = mistakes.collect();
        let node = if mistakes.is_empty() { tree(table.get_ref(), text) } else { Node::Table(BTreeMap::new()) };
        Self {
            source,
            root: Entry { line: 1, node },
            environment: environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect(),
            looked_up: BTreeSet::new(),
            variables_used: BTreeSet::new(),
            has_inline_secret: None,
            moved: BTreeMap::new(),
            mistakes,
            warnings: Vec::new(),
            missing: Vec::new(),
            misread: BTreeSet::new(),
        }
    }

    /// In every table inside the table `above`, lets a setting that moved into the inner table
    /// `section` be given as before, with a warning for each place that gives it so. Both at
    /// once are a mistake: nothing says which of the two is meant.
    pub fn accept_moved(&mut self, above: &str, setting: &str, section: &str) {
        let Some(Node::Table(tables)) = self.entry(&[above.to_owned()]).map(|entry| &entry.node) else { return };
        let names: Vec<String> = tables.keys().cloned().collect();
        for name in names {
            let path = |inside: &[&str]| {
                [above, &name].iter().chain(inside).map(|part| (*part).to_owned()).collect::<Vec<String>>()
            };
            self.accept_moved_setting(path(&[setting]), path(&[section, setting]));
        }
    }

    fn accept_moved_setting(&mut self, old: Vec<String>, new: Vec<String>) {
        let forms = self.places(&old);
        if forms.is_empty() {
            return;
        }
        self.looked_up.insert(old.clone());
        self.variables_used.extend(forms.iter().map(|(_, name)| name).filter(|name| name.starts_with(PREFIX)).cloned());
        let new_forms = self.places(&new);
        let told = forms.into_iter().map(|(place, setting)| {
            let new_name = if place == ENVIRONMENT { variable(&new) } else { new.join(".") };
            let problem = match new_forms.first() {
                Some((_, given)) => {
                    format!("is the old name of {new_name}, and {given} is given too: keep the new one")
                }
                None => format!("is the old name of {new_name}: rename it"),
            };
            ConfigMistake { place, setting, problem }
        });
        if new_forms.is_empty() {
            self.warnings.extend(told);
            self.moved.insert(new, old);
        } else {
            self.mistakes.extend(told);
        }
    }

    /// Where a setting is given, in the environment and in the file, and its name there.
    fn places(&self, path: &[String]) -> Vec<(String, String)> {
        let variable = variable(path);
        let in_environment = self.environment.contains_key(&variable).then(|| (ENVIRONMENT.to_owned(), variable));
        let in_file = self.entry(path).map(|entry| (format!("{}:{}", self.source.name, entry.line), path.join(".")));
        in_environment.into_iter().chain(in_file).collect()
    }

    /// The path at which a setting is given.
    fn given_at(&self, path: &[String]) -> Vec<String> {
        self.moved.get(path).map_or(path, Vec::as_slice).to_vec()
    }

    /// What was found that is no mistake yet.
    pub fn take_warnings(&mut self) -> Vec<ConfigMistake> {
        std::mem::take(&mut self.warnings)
    }

    /// The value of a setting, from the environment or else from the file.
    pub fn value(&mut self, path: &[String]) -> Option<Raw> {
        let path = &self.given_at(path);
        self.looked_up.insert(path.clone());
        let variable = variable(path);
        if let Some(text) = self.environment.get(&variable) {
            self.variables_used.insert(variable);
            return Some(Raw::Scalar(text.clone()));
        }
        match &self.entry(path)?.node {
            Node::Value(raw) => Some(raw.clone()),
            Node::Table(_) | Node::Tables(_) | Node::Nested => {
                self.blame(path, "must be a value or a list of values");
                None
            }
        }
    }

    /// Names of the tables inside a table; looks the table itself up.
    pub fn names(&mut self, path: &[String]) -> Vec<String> {
        self.looked_up.insert(path.to_vec());
        match self.entry(path).map(|entry| &entry.node) {
            None => Vec::new(),
            Some(Node::Table(entries)) => entries.keys().cloned().collect(),
            Some(_) => {
                self.blame(path, &format!("must be a table: [{}.NAME]", path.join(".")));
                Vec::new()
            }
        }
    }

    /// Numbers of the tables in a list of tables, in their order; looks the list itself up.
    pub fn numbers(&mut self, path: &[String]) -> Vec<String> {
        self.looked_up.insert(path.to_vec());
        match self.entry(path).map(|entry| &entry.node) {
            None => Vec::new(),
            Some(Node::Tables(entries)) => (1..=entries.len()).map(|number| number.to_string()).collect(),
            Some(_) => {
                self.blame(path, &format!("must be a list of tables: [[{}]]", path.join(".")));
                Vec::new()
            }
        }
    }

    /// Looks a table up; says whether it is there, in the file or by a variable inside it.
    pub fn has_table(&mut self, path: &[String]) -> bool {
        self.looked_up.insert(path.to_vec());
        let inside = format!("{}_", variable(path));
        match self.entry(path).map(|entry| &entry.node) {
            Some(Node::Table(_)) => true,
            Some(_) => {
                self.blame(path, &format!("must be a table: [{}]", path.join(".")));
                false
            }
            None => {
                self.environment.keys().any(|name| name.starts_with(&inside))
                    || self.moved.keys().any(|moved| moved.starts_with(path))
            }
        }
    }

    /// Records that a table is missing as a whole.
    pub fn blame_whole(&mut self, path: &[String], problem: &str) {
        self.blame(path, problem);
        self.missing.push(path.to_vec());
    }

    /// Records a mistake at a setting: at its own line, else at the line of its table.
    pub fn blame(&mut self, path: &[String], problem: &str) {
        let path = &self.given_at(path);
        if self.missing.iter().any(|missing| path.starts_with(missing)) {
            return;
        }
        let variable = variable(path);
        let (place, setting) = if self.variables_used.contains(&variable) {
            (ENVIRONMENT.to_owned(), variable)
        } else {
            let line = (0..=path.len()).rev().find_map(|n| self.entry(&path[..n])).map_or(1, |entry| entry.line);
            (format!("{}:{line}", self.source.name), path.join("."))
        };
        if !self.misread.contains(&setting) {
            self.mistakes.push(ConfigMistake { place, setting, problem: problem.to_owned() });
        }
    }

    /// All was read. What is said from now on of a setting that could not be read only follows from that.
    pub fn end_reading(&mut self) {
        self.misread = self.mistakes.iter().map(|mistake| mistake.setting.clone()).collect();
    }

    /// The settings that the file gives, by their full names, each with its line.
    pub(crate) fn into_given(self) -> BTreeMap<String, (usize, Raw)> {
        let mut given = BTreeMap::new();
        collect_given(self.root, "", &mut given);
        given
    }

    /// Remembers that this setting holds a secret in the file itself.
    pub fn note_inline_secret(&mut self, path: &[String]) {
        let is_from_file = !self.variables_used.contains(&variable(path));
        if is_from_file && self.has_inline_secret.is_none() {
            self.has_inline_secret = Some(path.to_vec());
        }
    }

    /// A path as it is meant: relative to the folder of the configuration.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.source.folder.join(path)
    }

    /// Whether a mistake was found so far.
    pub fn is_clean(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// The last check: what no section looked up below `below`, and which users can read the secrets.
    /// Returns every mistake, in the order of the file.
    pub fn finish(mut self, below: &[String]) -> Vec<ConfigMistake> {
        let mut unknown = Vec::new();
        if let Some(entry) = self.entry(below) {
            collect_unknown(entry, &mut below.to_vec(), &self.looked_up, &mut unknown);
        }
        for path in unknown {
            let meant = self.meant(&path);
            self.blame(&path, &format!("is not a setting{meant} (see 'brigade config reference')"));
        }
        self.blame_unknown_variables(below);
        self.blame_readable_secrets();
        self.mistakes.sort_by_key(|mistake| {
            let line = mistake.place.rsplit_once(':').and_then(|(_, line)| line.parse::<usize>().ok());
            line.unwrap_or(usize::MAX)
        });
        self.mistakes
    }

    /// The setting beside an unknown one that it was meant to be, as a question; nothing where none is alike.
    fn meant(&self, path: &[String]) -> String {
        let Some((given, above)) = path.split_last() else { return String::new() };
        let known = self.looked_up.iter().filter(|known| known.len() == path.len() && known.starts_with(above));
        did_you_mean(given, known.filter_map(|known| known.last()).map(String::as_str))
    }

    fn blame_unknown_variables(&mut self, below: &[String]) {
        let sections: BTreeSet<&str> = self.looked_up.iter().filter_map(|path| Some(path.first()?.as_str())).collect();
        let prefixes: Vec<String> = match below {
            [] => sections.iter().map(|name| format!("{}_", variable(&[(*name).to_owned()]))).collect(),
            path => vec![format!("{}_", variable(path))],
        };
        let is_ours = |name: &&String| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let unknown = self.environment.keys().filter(is_ours).filter(|name| !self.variables_used.contains(*name));
        let mistakes = unknown.map(|name| ConfigMistake {
            place: ENVIRONMENT.to_owned(),
            setting: name.clone(),
            problem: "sets no setting of a table that the file has (see 'brigade config reference')".to_owned(),
        });
        let mistakes: Vec<_> = mistakes.collect();
        self.mistakes.extend(mistakes);
    }

    fn blame_readable_secrets(&mut self) {
        let Some((path, file)) = self.has_inline_secret.clone().zip(self.source.file.clone()) else { return };
        if is_world_readable(&file) {
            let problem = format!("is a secret in a file that everybody can read: chmod 600 {}", file.display());
            self.blame(&path, &problem);
        }
    }

    fn entry(&self, path: &[String]) -> Option<&Entry> {
        path.iter().try_fold(&self.root, |entry, name| match &entry.node {
            Node::Table(entries) | Node::Tables(entries) => entries.get(name),
            Node::Value(_) | Node::Nested => None,
        })
    }
}

/// The environment variable of a setting: `BRIGADE_ENDPOINTS_MAIN_URL`.
#[must_use]
pub fn variable(path: &[String]) -> String {
    let word = |name: &String| {
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect::<String>()
    };
    format!("{PREFIX}{}", path.iter().map(word).collect::<Vec<_>>().join("_"))
}

/// Whether others than the owner and the group may read the file.
#[cfg(unix)]
pub fn is_world_readable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// Whether others than the owner and the group may read the file: not known here.
#[cfg(not(unix))]
pub fn is_world_readable(_file: &Path) -> bool {
    false
}

fn collect_unknown(
    entry: &Entry,
    path: &mut Vec<String>,
    looked_up: &BTreeSet<Vec<String>>,
    unknown: &mut Vec<Vec<String>>,
) {
    let (Node::Table(entries) | Node::Tables(entries)) = &entry.node else { return };
    for (name, child) in entries {
        path.push(name.clone());
        if looked_up.contains(path) {
            collect_unknown(child, path, looked_up, unknown);
        } else {
            unknown.push(path.clone());
        }
        path.pop();
    }
}

fn collect_given(entry: Entry, name: &str, given: &mut BTreeMap<String, (usize, Raw)>) {
    match entry.node {
        Node::Value(raw) => drop(given.insert(name.to_owned(), (entry.line, raw))),
        Node::Table(entries) | Node::Tables(entries) => {
            for (inner, entry) in entries {
                let dot = if name.is_empty() { "" } else { "." };
                collect_given(entry, &format!("{name}{dot}{inner}"), given);
            }
        }
        Node::Nested => {}
    }
}

fn tree(table: &DeTable<'_>, text: &str) -> Node {
    let entries = table.iter().map(|(name, value)| {
        let line = line_of(text, name.span().start);
        (name.get_ref().to_string(), Entry { line, node: node(value.get_ref(), text) })
    });
    Node::Table(entries.collect())
}

fn node(value: &DeValue<'_>, text: &str) -> Node {
    match value {
        DeValue::Table(table) => tree(table, text),
        DeValue::Array(items) if !items.is_empty() && items.iter().all(|item| item.get_ref().is_table()) => {
            let tables = (1..).zip(items.iter()).map(|(number, item): (usize, _)| {
                let line = line_of(text, item.span().start);
                (number.to_string(), Entry { line, node: node(item.get_ref(), text) })
            });
            Node::Tables(tables.collect())
        }
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| scalar(item.get_ref())).collect();
            items.map_or(Node::Nested, |items| Node::Value(Raw::List(items)))
        }
        other => scalar(other).map_or(Node::Nested, |text| Node::Value(Raw::Scalar(text))),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
