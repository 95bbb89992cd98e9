//! Reads an answer's document into a tree whose texts borrow from the answer.

use std::borrow::Cow;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, escape::resolve_predefined_entity};

/// The deepest element of S3's answers stands at depth 5 (a grantee's id).
const DEPTH_MAX: usize = 16;

/// Why bytes are not a document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    #[error("not UTF-8")]
    NotUtf8,
    #[error("{0}")]
    NotWellFormed(#[from] quick_xml::Error),
    #[error("a document type, which no answer has")]
    DocumentType,
    #[error("an unknown entity &{0};")]
    UnknownEntity(String),
    #[error("deeper than {DEPTH_MAX} elements")]
    TooDeep,
    #[error("more than {0} elements")]
    TooMany(usize),
    #[error("text outside of the root")]
    TextOutside,
    #[error("a second root")]
    SecondRoot,
    #[error("the end is missing")]
    CutOff,
}

/// An element: its local name, its own text, the elements in it.
#[derive(Debug, Default)]
pub(crate) struct Element<'a> {
    pub(crate) name: String,
    pub(crate) text: Cow<'a, str>,
    pub(crate) inside: Vec<Element<'a>>,
}

impl<'a> Element<'a> {
    /// The elements in it of that name.
    pub(crate) fn children<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b Element<'a>> {
        self.inside.iter().filter(move |child| child.name == name)
    }

    /// The first element in it of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element<'a>> {
        self.inside.iter().find(|child| child.name == name)
    }

    /// The text of the first element in it of that name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| &*child.text)
    }
}

/// Reads one whole document of at most so many elements. White space before it is allowed: servers
/// send it to keep a connection alive while they work.
pub(crate) fn read(bytes: &[u8], elements_max: usize) -> Result<Element<'_>, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let mut reader = Reader::from_str(text.trim_start());
    let mut tree = Tree { elements_max, ..Tree::default() };
    loop {
        match reader.read_event()? {
            Event::Start(tag) => tree.open(&tag)?,
            Event::Empty(tag) => tree.open(&tag).and_then(|()| tree.close())?,
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(text.xml10_content())?,
            Event::CData(text) => tree.text(text.xml10_content())?,
            Event::GeneralRef(reference) => tree.text(resolve(&reference)?.into())?,
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, XmlError> {
    if let Some(character) = reference.resolve_char_ref()? {
        return Ok(character.to_string());
    }
    resolve_predefined_entity(reference)
        .map(str::to_owned)
        .ok_or_else(|| XmlError::UnknownEntity(reference.to_string()))
}

#[derive(Default)]
struct Tree<'a> {
    open: Vec<Element<'a>>,
    root: Option<Element<'a>>,
    elements: usize,
    elements_max: usize,
}

impl<'a> Tree<'a> {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.root.is_some() {
            return Err(XmlError::SecondRoot);
        }
        if self.open.len() == DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        if self.elements == self.elements_max {
            return Err(XmlError::TooMany(self.elements_max));
        }
        self.elements += 1;
        let name = tag.local_name().as_ref().to_owned();
        self.open.push(Element { name, ..Element::default() });
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let element = self.open.pop().ok_or(XmlError::CutOff)?;
        match self.open.last_mut() {
            Some(parent) => parent.inside.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) => element.text += text,
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::TextOutside),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element<'a>, XmlError> {
        self.root.filter(|_| self.open.is_empty()).ok_or(XmlError::CutOff)
    }
}
