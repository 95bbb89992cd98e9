//! Reads the children of an element by name, strictly, and says which field is wrong.
//!
//! A field is named by its path below the root, such as `Manifest.Location.ETag`. A dialect says by
//! [`FieldError`] what it answers to each kind of mistake: a value that is missing or empty, a value that
//! is wrong, a *structure* that is wrong (a doubled, unknown or misplaced element).

use std::fmt::Display;
use std::marker::PhantomData;

use brigade_model::{NameError, Timestamp};

use crate::numbers::parse_whole_number;
use crate::times;
use crate::xml::Element;

/// What a dialect answers to a mistake in a document.
pub(crate) trait FieldError: Sized {
    /// The value at this path is missing or empty.
    fn missing(path: String) -> Self;
    /// The value at this path is wrong.
    fn invalid(path: String, why: impl Display) -> Self;
    /// The structure at this path is wrong.
    fn malformed(path: &str, why: impl Display) -> Self;
}

/// The children of one element that are still to be read.
pub(crate) struct Fields<'a, E> {
    path: String,
    children: &'a [Element],
    known: Vec<&'static str>,
    is_strict: bool,
    error: PhantomData<fn() -> E>,
}

impl<'a, E: FieldError> Fields<'a, E> {
    /// The children of a request's root: an unknown one is refused.
    pub(crate) fn strict(root: &'a Element) -> Result<Self, E> {
        Self::of(root, String::new(), true)
    }

    /// The children of a result's root: an unknown one is skipped.
    pub(crate) fn lenient(root: &'a Element) -> Result<Self, E> {
        Self::of(root, String::new(), false)
    }

    fn of(element: &'a Element, path: String, is_strict: bool) -> Result<Self, E> {
        if element.children.is_empty() && !element.is_blank() {
            return Err(E::malformed(&path, format!("{} must hold elements, not text", cut(&element.name))));
        }
        Ok(Self { path, children: &element.children, known: Vec::new(), is_strict, error: PhantomData })
    }

    /// The name of a child for people.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A child by its name, at most one.
    pub(crate) fn element(&mut self, name: &'static str) -> Result<Option<&'a Element>, E> {
        self.known.push(name);
        let mut found = self.children.iter().filter(|child| child.name == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(self.malformed(format!("{} is given twice", self.path(name)))),
            (child, None) => Ok(child),
        }
    }

    /// A child with children of its own, possibly none.
    pub(crate) fn child(&mut self, name: &'static str) -> Result<Option<Fields<'a, E>>, E> {
        let path = self.path(name);
        self.element(name)?.map(|child| Fields::of(child, path, self.is_strict)).transpose()
    }

    /// A child with children of its own; an empty one counts as absent.
    pub(crate) fn container(&mut self, name: &'static str) -> Result<Option<Fields<'a, E>>, E> {
        Ok(self.child(name)?.filter(|fields| !fields.is_empty()))
    }

    /// Every child of that name, each with children of its own.
    pub(crate) fn each(&mut self, name: &'static str) -> Result<Vec<Fields<'a, E>>, E> {
        self.known.push(name);
        let path = self.path(name);
        let found = self.children.iter().filter(|child| child.name == name);
        found.map(|child| Fields::of(child, path.clone(), self.is_strict)).collect()
    }

    /// The texts of every child of that name.
    pub(crate) fn each_text(&mut self, name: &'static str) -> Result<Vec<&'a str>, E> {
        self.known.push(name);
        let found = self.children.iter().filter(|child| child.name == name);
        found.map(|child| self.leaf(name, child)).collect()
    }

    /// The text of a child, possibly empty. The documentation's own example says one thing twice: a
    /// repetition counts as one.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, E> {
        let texts = self.each_text(name)?;
        match texts.split_first() {
            Some((first, others)) if others.iter().all(|other| other == first) => Ok(Some(first)),
            Some(_) => Err(self.malformed(format!("{} is given twice", self.path(name)))),
            None => Ok(None),
        }
    }

    fn leaf(&self, name: &str, child: &'a Element) -> Result<&'a str, E> {
        if child.children.is_empty() {
            Ok(&child.text)
        } else {
            Err(self.malformed(format!("{} must hold text, not elements", self.path(name))))
        }
    }

    /// The text of a child; an empty one counts as absent.
    pub(crate) fn filled(&mut self, name: &'static str) -> Result<Option<&'a str>, E> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// The text of a child without the blanks around it; an empty one counts as absent. For what is no
    /// free text: pretty printers put numbers and names on lines of their own.
    pub(crate) fn trimmed(&mut self, name: &'static str) -> Result<Option<&'a str>, E> {
        Ok(self.text(name)?.map(str::trim_ascii).filter(|text| !text.is_empty()))
    }

    /// The text of a child of at most `bytes_max` bytes, possibly empty.
    pub(crate) fn bounded(&mut self, name: &'static str, bytes_max: usize) -> Result<Option<String>, E> {
        let text = self.text(name)?;
        match text {
            Some(text) if text.len() > bytes_max => {
                Err(self.invalid(name, format!("must not be longer than {bytes_max} bytes")))
            }
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// A child that is a name; an empty one counts as absent.
    pub(crate) fn named<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&'a str) -> Result<T, NameError>,
    ) -> Result<Option<T>, E> {
        let text = self.filled(name)?;
        text.map(|text| parse(text).map_err(|error| self.invalid(name, error))).transpose()
    }

    /// A child whose text is one of these; an empty one counts as absent.
    pub(crate) fn choice<T>(
        &mut self,
        name: &'static str,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<Option<T>, E> {
        let Some(text) = self.trimmed(name)? else { return Ok(None) };
        self.choose(name, text, choices).map(Some)
    }

    /// The choice that a text names.
    pub(crate) fn choose<T>(
        &self,
        name: &str,
        text: &str,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<T, E> {
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
    pub(crate) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, E> {
        self.choice(name, [("true", true), ("false", false)])
    }

    /// A child of decimal digits, from `min` to `max`; an empty one counts as absent.
    pub(crate) fn whole_number(&mut self, name: &'static str, min: u64, max: u64) -> Result<Option<u64>, E> {
        let Some(text) = self.trimmed(name)? else { return Ok(None) };
        let number = parse_whole_number(text).filter(|number| (min..=max).contains(number));
        let number = number.ok_or_else(|| self.invalid(name, format!("must be a whole number from {min} to {max}")))?;
        Ok(Some(number))
    }

    /// A child that is a point in time, in any of the three forms; an empty one counts as absent.
    pub(crate) fn time(&mut self, name: &'static str) -> Result<Option<Timestamp>, E> {
        let Some(text) = self.trimmed(name)? else { return Ok(None) };
        let wrong = || self.invalid(name, "must be Unix seconds, ISO 8601 or RFC 1123 in UTC");
        times::parse(text).map(Some).ok_or_else(wrong)
    }

    /// What must be there.
    pub(crate) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, E> {
        value.ok_or_else(|| E::missing(self.path(name)))
    }

    /// A value that is wrong.
    pub(crate) fn invalid(&self, name: &str, why: impl Display) -> E {
        E::invalid(self.path(name), why)
    }

    /// A structure that is wrong.
    pub(crate) fn malformed(&self, why: impl Display) -> E {
        E::malformed(&self.path, why)
    }

    /// Whether a request is read: what its client got wrong is refused.
    pub(crate) fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// Whether there are no children.
    pub(crate) fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Ends the reading: a child left over is unknown.
    pub(crate) fn finish(self) -> Result<(), E> {
        let unknown = self.children.iter().find(|child| !self.known.contains(&child.name.as_str()));
        match unknown {
            Some(child) if self.is_strict => {
                let path = self.path(&cut(&child.name));
                Err(E::malformed(&path, format!("{path} is unknown here")))
            }
            _ => Ok(()),
        }
    }
}

/// A name that a client made up, short enough to be told back.
fn cut(name: &str) -> String {
    name.chars().take(64).collect()
}
