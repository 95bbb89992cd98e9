//! Sections: each setting is defined once, and from that one definition come the field, its
//! default, its environment variable, its line in the reference and the way it is read.
//!
//! ```ignore
//! section! {
//!     /// The listener.
//!     pub struct Server {
//!         /// Where to listen.
//!         default listen: SocketAddr = "127.0.0.1:8080",
//!         /// The certificate chain in PEM form.
//!         optional tls_cert_file: PathBuf,
//!     }
//! }
//! ```
//!
//! | form | field | in the file |
//! |---|---|---|
//! | `required` | `T` | must be given |
//! | `default` | `T` | the default, as text, unless given |
//! | `optional` | `Option<T>` | may be given |
//! | `secret` | `Option<SecretSource>` | `name = "..."` or `name_file = "path"` |
//! | `table` | `T` | a table; all its defaults when it is absent |
//! | `required_table` | `T` | a table that must be given |
//! | `maybe` | `Option<T>` | a table that may be absent |
//! | `named` | `BTreeMap<String, T>` | a table of tables, by name |
//! | `list` | `Vec<T>` | a list of tables: `[[name]]` |
//! | `map` | `BTreeMap<String, T>` | a table whose names are the user's own |

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config_source::ConfigSource;
use crate::secret::{Secret, SecretSource};
use crate::value::Setting;

/// A group of settings.
pub trait Section: Sized {
    /// What the group is about, for the reference.
    const HELP: &'static str;

    /// Its settings.
    fn rows() -> Vec<Row>;

    /// Reads it; `None` when a mistake was recorded that leaves nothing to go on with.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

/// A setting or an inner section, for the reference.
#[derive(Debug)]
pub struct Row {
    /// Its name in the file.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What it is.
    pub kind: RowKind,
}

/// What a row of a section is.
#[derive(Debug)]
pub enum RowKind {
    /// A setting: what it takes, and its default (`None` for none).
    Setting {
        /// What it takes.
        takes: String,
        /// Its default as text.
        default: Option<&'static str>,
        /// Whether it must be given.
        is_required: bool,
        /// Whether another value can stand in its place while mistakes are looked for.
        has_stand_in: bool,
    },
    /// A setting whose value is a secret.
    Secret,
    /// A table.
    Table(&'static str, Vec<Row>),
    /// A table of tables.
    Named(&'static str, Vec<Row>),
    /// A list of tables.
    List(&'static str, Vec<Row>),
    /// A table whose names are the user's own: what each takes.
    Map(String),
}

/// Reads one section of a configuration source.
#[derive(Debug)]
pub struct Reader<'a> {
    config_source: &'a mut ConfigSource,
    path: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader of the section at `path`.
    pub fn new(config_source: &'a mut ConfigSource, path: Vec<String>) -> Self {
        Self { config_source, path }
    }

    fn at(&self, name: &str) -> Vec<String> {
        self.path.iter().cloned().chain([name.to_owned()]).collect()
    }

    /// A setting that may be given. In the place of a wrong one stands another, so that what goes with it is checked.
    pub fn optional<T: Setting>(&mut self, name: &str) -> Option<Option<T>> {
        let path = self.at(name);
        let Some(raw) = self.config_source.value(&path) else { return Some(None) };
        match T::read(&raw) {
            Ok(value) => Some(Some(value.rooted(self.config_source))),
            Err(problem) => {
                self.config_source.blame(&path, &problem);
                Some(T::stand_in())
            }
        }
    }

    /// A setting that must be given.
    pub fn required<T: Setting>(&mut self, name: &str) -> Option<T> {
        let value = self.optional(name)?;
        if value.is_none() {
            let problem = format!("is missing: it takes {}", T::takes());
            self.config_source.blame(&self.at(name), &problem);
        }
        value.or_else(T::stand_in)
    }

    /// A setting with a default.
    pub fn default<T: Setting>(&mut self, name: &str, default: &str) -> Option<T> {
        match self.optional(name)? {
            Some(value) => Some(value),
            None => {
                let value = T::read(&crate::config_source::Raw::Scalar(default.to_owned()));
                Some(value.expect("defaults are read by a test").rooted(self.config_source))
            }
        }
    }

    /// A secret, given as it is or as the file that holds it.
    pub fn secret(&mut self, name: &str) -> Option<Option<SecretSource>> {
        let (path, file_path) = (self.at(name), self.at(&format!("{name}_file")));
        let inline = self.optional::<Secret>(name)?;
        let file = self.optional::<PathBuf>(&format!("{name}_file"))?;
        match (inline, file) {
            (Some(_), Some(_)) => {
                self.config_source.blame(&file_path, &format!("stands beside {name}: give one of the two"));
                Some(Some(SecretSource::inline(Secret::new(""))))
            }
            (Some(secret), None) => {
                self.config_source.note_inline_secret(&path);
                Some(Some(SecretSource::inline(secret)))
            }
            (None, Some(file)) => match SecretSource::open(file) {
                Ok(source) => Some(Some(source)),
                Err(error) => {
                    self.config_source.blame(&file_path, &error.to_string());
                    Some(Some(SecretSource::inline(Secret::new(""))))
                }
            },
            (None, None) => Some(None),
        }
    }

    /// A table that has its defaults when it is absent.
    pub fn table<T: Section>(&mut self, name: &str) -> Option<T> {
        let path = self.at(name);
        self.config_source.has_table(&path);
        T::read(&mut Reader { config_source: self.config_source, path })
    }

    /// A table that must be given.
    pub fn required_table<T: Section>(&mut self, name: &str) -> Option<T> {
        let section = self.maybe(name)?;
        if section.is_none() {
            let (path, settings) = (self.at(name), T::rows());
            let settings: Vec<&str> = settings.iter().map(|row| row.name).collect();
            let problem = format!("is missing: add [{}] with {}", path.join("."), settings.join(" and "));
            self.config_source.blame_whole(&path, &problem);
            return T::read(&mut Reader { config_source: self.config_source, path });
        }
        section
    }

    /// A table that may be absent.
    pub fn maybe<T: Section>(&mut self, name: &str) -> Option<Option<T>> {
        let path = self.at(name);
        if !self.config_source.has_table(&path) {
            return Some(None);
        }
        T::read(&mut Reader { config_source: self.config_source, path }).map(Some)
    }

    /// A table whose names are the user's own.
    pub fn map<T: Setting>(&mut self, name: &str) -> Option<BTreeMap<String, T>> {
        let path = self.at(name);
        let names = self.config_source.names(&path);
        let mut inside = Reader { config_source: self.config_source, path };
        let mut read = Some(BTreeMap::new());
        for name in names {
            // The others are read even after a mistake, so that all mistakes are told at once.
            match (inside.required(&name), &mut read) {
                (Some(value), Some(all)) => drop(all.insert(name, value)),
                _ => read = None,
            }
        }
        read
    }

    /// A list of tables.
    pub fn list<T: Section>(&mut self, name: &str) -> Option<Vec<T>> {
        let path = self.at(name);
        let mut read = Some(Vec::new());
        for number in self.config_source.numbers(&path) {
            let path: Vec<String> = path.iter().cloned().chain([number]).collect();
            self.config_source.has_table(&path);
            // The others are read even after a mistake, so that all mistakes are told at once.
            match (T::read(&mut Reader { config_source: self.config_source, path }), &mut read) {
                (Some(section), Some(all)) => all.push(section),
                _ => read = None,
            }
        }
        read
    }

    /// A table of tables.
    pub fn named<T: Section>(&mut self, name: &str) -> Option<BTreeMap<String, T>> {
        let path = self.at(name);
        let mut read = Some(BTreeMap::new());
        for name in self.config_source.names(&path) {
            let path: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
            self.config_source.has_table(&path);
            // The others are read even after a mistake, so that all mistakes are told at once.
            match (T::read(&mut Reader { config_source: self.config_source, path }), &mut read) {
                (Some(section), Some(all)) => drop(all.insert(name, section)),
                _ => read = None,
            }
        }
        read
    }
}

/// See the module.
macro_rules! section {
    (
        $(#[doc = $help:literal])+
        pub struct $section:ident {
            $($(#[doc = $row_help:literal])+ $form:ident $name:ident : $type:ty $(= $default:literal)?),* $(,)?
        }
    ) => {
        $(#[doc = $help])+
        #[derive(Debug, Clone)]
        pub struct $section {
            $($(#[doc = $row_help])+ pub $name: $crate::section::field!($form $type),)*
        }

        impl $crate::section::Section for $section {
            const HELP: &'static str = concat!($($help, "\n"),+);

            fn rows() -> Vec<$crate::section::Row> {
                vec![$($crate::section::Row {
                    name: stringify!($name),
                    help: concat!($($row_help),+),
                    kind: $crate::section::row_kind!($form $type $(, $default)?),
                },)*]
            }

            fn read(reader: &mut $crate::section::Reader<'_>) -> Option<Self> {
                $(let $name = reader.$form(stringify!($name) $(, $default)?);)*
                Some(Self { $($name: $name?,)* })
            }
        }
    };
}

/// The type of a field.
macro_rules! field {
    (required $type:ty) => { $type };
    (default $type:ty) => { $type };
    (optional $type:ty) => { Option<$type> };
    (secret $type:ty) => { Option<$type> };
    (table $type:ty) => { $type };
    (required_table $type:ty) => { $type };
    (maybe $type:ty) => { Option<$type> };
    (named $type:ty) => { std::collections::BTreeMap<String, $type> };
    (list $type:ty) => { Vec<$type> };
    (map $type:ty) => { std::collections::BTreeMap<String, $type> };
}

/// The kind of a row.
macro_rules! row_kind {
    (required $type:ty) => {
        $crate::section::setting::<$type>(None, true)
    };
    (default $type:ty, $default:literal) => {
        $crate::section::setting::<$type>(Some($default), false)
    };
    (optional $type:ty) => {
        $crate::section::setting::<$type>(None, false)
    };
    (secret $type:ty) => {
        $crate::section::RowKind::Secret
    };
    (table $type:ty) => {
        $crate::section::table::<$type>()
    };
    (required_table $type:ty) => {
        $crate::section::table::<$type>()
    };
    (maybe $type:ty) => {
        $crate::section::table::<$type>()
    };
    (named $type:ty) => {
        $crate::section::named::<$type>()
    };
    (list $type:ty) => {
        $crate::section::list::<$type>()
    };
    (map $type:ty) => {
        $crate::section::map::<$type>()
    };
}

pub(crate) use {field, row_kind, section};

/// The kind of a setting's row.
pub fn setting<T: Setting>(default: Option<&'static str>, is_required: bool) -> RowKind {
    RowKind::Setting { takes: T::takes(), default, is_required, has_stand_in: T::stand_in().is_some() }
}

/// The kind of a table's row.
pub fn table<T: Section>() -> RowKind {
    RowKind::Table(T::HELP, T::rows())
}

/// The kind of a row whose names are the user's own.
pub fn map<T: Setting>() -> RowKind {
    RowKind::Map(T::takes())
}

/// The kind of a row of named tables.
pub fn named<T: Section>() -> RowKind {
    RowKind::Named(T::HELP, T::rows())
}

/// The kind of a row that is a list of tables.
pub fn list<T: Section>() -> RowKind {
    RowKind::List(T::HELP, T::rows())
}
