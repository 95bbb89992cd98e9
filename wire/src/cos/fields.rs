//! Reads the children of an element by name, strictly, and says which field is wrong.
//!
//! A field is named by its path below the root, such as `Manifest.Location.ETag`. What is
//! wrong with the *structure* (a doubled, unknown or misplaced element) is MalformedXML, in
//! the row of the element that holds it (Manifest, Operation, Report); what is wrong with a
//! *value* is InvalidArgument, and so is a value that is missing or empty.

use super::CosError;
use super::numbers::parse_whole_number;
use super::times;
use crate::xml::Element;
use brigade_model::{NameError, Timestamp};

/// The children of one element that are still to be read.
pub(super) struct Fields<'a> {
    path: String,
    children: &'a [Element],
    known: Vec<&'static str>,
    is_strict: bool,
}

impl<'a> Fields<'a> {
    /// The children of a request's root: an unknown one is refused.
    pub(super) fn strict(root: &'a Element) -> Result<Self, CosError> {
        Self::of(root, String::new(), true)
    }

    /// The children of a result's root: an unknown one is skipped.
    pub(super) fn lenient(root: &'a Element) -> Result<Self, CosError> {
        Self::of(root, String::new(), false)
    }

    fn of(element: &'a Element, path: String, is_strict: bool) -> Result<Self, CosError> {
        if element.children.is_empty() && !element.is_blank() {
            return Err(malformed(&path, format!("{} must hold elements, not text", cut(&element.name))));
        }
        Ok(Self { path, children: &element.children, known: Vec::new(), is_strict })
    }

    /// The name of a child for people.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A child by its name, at most one.
    fn find(&mut self, name: &'static str) -> Result<Option<&'a Element>, CosError> {
        self.known.push(name);
        let mut found = self.children.iter().filter(|child| child.name == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(self.malformed(format!("{} is given twice", self.path(name)))),
            (child, None) => Ok(child),
        }
    }

    /// A child with children of its own, possibly none.
    pub(super) fn child(&mut self, name: &'static str) -> Result<Option<Fields<'a>>, CosError> {
        let path = self.path(name);
        self.find(name)?.map(|child| Fields::of(child, path, self.is_strict)).transpose()
    }

    /// A child with children of its own; an empty one counts as absent.
    pub(super) fn container(&mut self, name: &'static str) -> Result<Option<Fields<'a>>, CosError> {
        Ok(self.child(name)?.filter(|fields| !fields.is_empty()))
    }

    /// Every child of that name, each with children of its own.
    pub(super) fn each(&mut self, name: &'static str) -> Result<Vec<Fields<'a>>, CosError> {
        self.known.push(name);
        let path = self.path(name);
        let found = self.children.iter().filter(|child| child.name == name);
        found.map(|child| Fields::of(child, path.clone(), self.is_strict)).collect()
    }

    /// The texts of every child of that name.
    pub(super) fn each_text(&mut self, name: &'static str) -> Result<Vec<&'a str>, CosError> {
        self.known.push(name);
        let found = self.children.iter().filter(|child| child.name == name);
        found.map(|child| self.leaf(name, child)).collect()
    }

    /// The text of a child, possibly empty. The documentation's own example says one thing twice: a
    /// repetition counts as one.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, CosError> {
        let texts = self.each_text(name)?;
        match texts.split_first() {
            Some((first, others)) if others.iter().all(|other| other == first) => Ok(Some(first)),
            Some(_) => Err(self.malformed(format!("{} is given twice", self.path(name)))),
            None => Ok(None),
        }
    }

    fn leaf(&self, name: &str, child: &'a Element) -> Result<&'a str, CosError> {
        if child.children.is_empty() {
            Ok(&child.text)
        } else {
            Err(self.malformed(format!("{} must hold text, not elements", self.path(name))))
        }
    }

    /// The text of a child; an empty one counts as absent.
    pub(super) fn filled(&mut self, name: &'static str) -> Result<Option<&'a str>, CosError> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// The text of a child without the blanks around it; an empty one counts as absent. For what is no
    /// free text: pretty printers put numbers and names on lines of their own.
    pub(super) fn trimmed(&mut self, name: &'static str) -> Result<Option<&'a str>, CosError> {
        Ok(self.text(name)?.map(str::trim_ascii).filter(|text| !text.is_empty()))
    }

    /// The text of a child of at most `bytes_max` bytes, possibly empty.
    pub(super) fn bounded(&mut self, name: &'static str, bytes_max: usize) -> Result<Option<String>, CosError> {
        let text = self.text(name)?;
        match text {
            Some(text) if text.len() > bytes_max => {
                Err(self.invalid(name, format!("must not be longer than {bytes_max} bytes")))
            }
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// A child that is a name; an empty one counts as absent.
    pub(super) fn named<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&'a str) -> Result<T, NameError>,
    ) -> Result<Option<T>, CosError> {
        let text = self.filled(name)?;
        text.map(|text| parse(text).map_err(|error| self.invalid(name, error))).transpose()
    }

    /// A child whose text is one of these; an empty one counts as absent.
    pub(super) fn choice<T>(
        &mut self,
        name: &'static str,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<Option<T>, CosError> {
        let Some(text) = self.trimmed(name)? else { return Ok(None) };
        self.choose(name, text, choices).map(Some)
    }

    /// The choice that a text names.
    pub(super) fn choose<T>(
        &self,
        name: &str,
        text: &str,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<T, CosError> {
        let mut names = Vec::new();
        for (choice, value) in choices {
            if choice == text {
                return Ok(value);
            }
            names.push(choice);
        }
        Err(self.invalid(name, format!("must be {}", names.join(" or "))))
    }

    /// A child that says `true` or `false`; an empty one counts as absent.
    pub(super) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, CosError> {
        self.choice(name, [("true", true), ("false", false)])
    }

    /// A child of decimal digits, from `min` to `max`; an empty one counts as absent.
    pub(super) fn whole_number(&mut self, name: &'static str, min: u64, max: u64) -> Result<Option<u64>, CosError> {
        let Some(text) = self.trimmed(name)? else { return Ok(None) };
        let number = parse_whole_number(text).filter(|number| (min..=max).contains(number));
        let number = number.ok_or_else(|| self.invalid(name, format!("must be a whole number from {min} to {max}")))?;
        Ok(Some(number))
    }

    /// A child that is a point in time, in any of the three forms; an empty one counts as absent.
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<Timestamp>, CosError> {
        let Some(text) = self.trimmed(name)? else { return Ok(None) };
        let wrong = || self.invalid(name, "must be Unix seconds, ISO 8601 or RFC 1123 in UTC");
        times::parse(text).map(Some).ok_or_else(wrong)
    }

    /// What must be there.
    pub(super) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, CosError> {
        value.ok_or_else(|| CosError::empty_parameter(self.path(name)))
    }

    /// A value that is wrong.
    pub(super) fn invalid(&self, name: &str, why: impl std::fmt::Display) -> CosError {
        CosError::invalid_parameter(self.path(name), why)
    }

    /// A structure that is wrong.
    pub(super) fn malformed(&self, why: impl std::fmt::Display) -> CosError {
        malformed(&self.path, why)
    }

    /// Whether a request is read: what its client got wrong is refused.
    pub(super) fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// Whether there are no children.
    pub(super) fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Ends the reading: a child left over is unknown.
    pub(super) fn finish(self) -> Result<(), CosError> {
        let unknown = self.children.iter().find(|child| !self.known.contains(&child.name.as_str()));
        match unknown {
            Some(child) if self.is_strict => {
                let path = self.path(&cut(&child.name));
                Err(malformed(&path, format!("{path} is unknown here")))
            }
            _ => Ok(()),
        }
    }
}

/// The row for a structure that is wrong at `path`.
fn malformed(path: &str, why: impl std::fmt::Display) -> CosError {
    match path.split('.').next() {
        Some("Manifest") => CosError::malformed_manifest(why),
        Some("Operation") => CosError::malformed_operation(why),
        Some("Report") => CosError::malformed_report(why),
        _ => CosError::malformed_xml(why),
    }
}

/// A name that a client made up, short enough to be told back.
fn cut(name: &str) -> String {
    name.chars().take(64).collect()
}
