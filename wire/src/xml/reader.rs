//! Reads a document into a tree of elements.
//!
//! Refused, each with its reason: bytes that are not UTF-8, a document type, an entity that XML
//! itself does not define, a character that XML 1.0 cannot carry, attributes other than name
//! spaces, text beside elements, nesting deeper than `XML_DEPTH_MAX`, anything but one root.
//! Comments and processing instructions are skipped. The dialects' own readers judge the names.

use brigade_model::limits::XML_DEPTH_MAX;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::is_xml_char;

/// An element: text or children, never both.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Its name, as written.
    pub(crate) name: String,
    /// Its text, unescaped; blanks between children are dropped.
    pub(crate) text: String,
    /// Its children, in their order.
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// Whether it holds nothing but blanks.
    pub(crate) fn is_blank(&self) -> bool {
        self.children.is_empty() && is_blank(&self.text)
    }
}

/// Why bytes are not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadXmlError {
    #[error("the bytes are not UTF-8")]
    NotUtf8,
    #[error("the document is cut off")]
    CutOff,
    #[error("there is no root element")]
    NoRoot,
    #[error("something follows or precedes the root element")]
    BesideRoot,
    #[error("a document type is not allowed")]
    DocumentType,
    #[error("an entity is not one of XML's own")]
    Entity,
    #[error("a character is not allowed in XML 1.0")]
    Character,
    #[error("an element has an attribute that is not a name space")]
    Attribute,
    #[error("an element holds text beside other elements")]
    Mixed,
    #[error("elements are nested deeper than {XML_DEPTH_MAX}")]
    TooDeep,
    #[error("the encoding is not UTF-8")]
    Encoding,
    #[error("{0}")]
    Syntax(String),
}

/// Reads a whole document and returns its root.
pub(crate) fn parse(body: &[u8]) -> Result<Element, ReadXmlError> {
    let text = std::str::from_utf8(body).map_err(|_| ReadXmlError::NotUtf8)?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.config_mut().check_comments = true;
    let mut tree = Tree::default();
    loop {
        let event = reader.read_event().map_err(|error| ReadXmlError::Syntax(error.to_string()))?;
        match event {
            Event::Start(start) => tree.open(&start)?,
            Event::Empty(start) => {
                tree.open(&start)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.cdata(&text.xml10_content())?,
            Event::GeneralRef(reference) => tree.cdata(&resolve(&reference)?)?,
            Event::Decl(declaration) => check_encoding(&declaration)?,
            Event::DocType(_) => return Err(ReadXmlError::DocumentType),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

/// The elements that are open, outermost first, and the root once it is closed.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), ReadXmlError> {
        if self.root.is_some() {
            return Err(ReadXmlError::BesideRoot);
        }
        if self.open.len() >= XML_DEPTH_MAX {
            return Err(ReadXmlError::TooDeep);
        }
        check_attributes(start)?;
        self.open.push(Element { name: start.name().as_ref().to_owned(), ..Element::default() });
        Ok(())
    }

    fn close(&mut self) -> Result<(), ReadXmlError> {
        let mut element = self.open.pop().ok_or(ReadXmlError::BesideRoot)?;
        if !element.children.is_empty() {
            if !is_blank(&element.text) {
                return Err(ReadXmlError::Mixed);
            }
            element.text.clear();
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    /// Text as written: blanks may stand around the root.
    fn text(&mut self, text: &str) -> Result<(), ReadXmlError> {
        if self.open.is_empty() && is_blank(text) { Ok(()) } else { self.cdata(text) }
    }

    fn cdata(&mut self, text: &str) -> Result<(), ReadXmlError> {
        let element = self.open.last_mut().ok_or(ReadXmlError::BesideRoot)?;
        if !text.chars().all(is_xml_char) {
            return Err(ReadXmlError::Character);
        }
        element.text.push_str(text);
        Ok(())
    }

    fn finish(self) -> Result<Element, ReadXmlError> {
        if self.open.is_empty() { self.root.ok_or(ReadXmlError::NoRoot) } else { Err(ReadXmlError::CutOff) }
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n'))
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, ReadXmlError> {
    if reference.is_char_ref() {
        let c = reference.resolve_char_ref().ok().flatten().ok_or(ReadXmlError::Character)?;
        return Ok(c.to_string());
    }
    resolve_xml_entity(reference).map(str::to_owned).ok_or(ReadXmlError::Entity)
}

fn check_attributes(start: &BytesStart<'_>) -> Result<(), ReadXmlError> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| ReadXmlError::Syntax(error.to_string()))?;
        let name: &str = attribute.key.as_ref();
        if name != "xmlns" && !name.starts_with("xmlns:") {
            return Err(ReadXmlError::Attribute);
        }
    }
    Ok(())
}

fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), ReadXmlError> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err(ReadXmlError::Encoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Element {
        parse(text.as_bytes()).unwrap()
    }

    fn error(text: &str) -> ReadXmlError {
        parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn elements_keep_their_text_and_their_order() {
        let root = root(
            "\u{feff}<?xml version='1.0' encoding='UTF-8'?>\n<r>\n <a>1 &amp;&#x41;</a><!-- no --><b/><a><![CDATA[<2>]]></a> </r>\n",
        );
        let seen: Vec<_> = root.children.iter().map(|e| (e.name.as_str(), e.text.as_str())).collect();
        assert_eq!(seen, [("a", "1 &A"), ("b", ""), ("a", "<2>")]);
        assert_eq!(root.text, "");
    }

    #[test]
    fn a_written_line_end_is_a_line_feed_and_a_reference_stays_what_it_is() {
        assert_eq!(root("<r>a\r\nb&#13;</r>").text, "a\nb\r");
    }

    #[test]
    fn a_name_space_is_tolerated_and_any_other_attribute_is_not() {
        assert_eq!(root("<r xmlns='x' xmlns:y='z'/>").name, "r");
        assert_eq!(error("<r a='1'/>"), ReadXmlError::Attribute);
    }

    #[test]
    fn a_document_type_and_its_entities_are_refused() {
        let bomb = "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><r>&b;</r>";
        assert_eq!(error(bomb), ReadXmlError::DocumentType);
        assert_eq!(error("<!DOCTYPE r SYSTEM \"file:///etc/passwd\"><r/>"), ReadXmlError::DocumentType);
        assert_eq!(error("<r>&custom;</r>"), ReadXmlError::Entity);
    }

    #[test]
    fn what_is_cut_off_doubled_or_followed_by_anything_is_refused() {
        for text in ["", " ", "<!-- only -->"] {
            assert_eq!(error(text), ReadXmlError::NoRoot, "{text:?}");
        }
        assert_eq!(error("<r><a></a>"), ReadXmlError::CutOff);
        for text in ["<r/><r/>", "<r/>x", "x<r/>", "<r/>&amp;", "<r/><![CDATA[ ]]>"] {
            assert_eq!(error(text), ReadXmlError::BesideRoot, "{text:?}");
        }
        for text in ["<r", "<r></a>", "<r></r></r>", "<r><!-- ", "<r>&amp", "<r>&</r>", "<r><![CDATA[x</r>"] {
            assert!(matches!(error(text), ReadXmlError::Syntax(_)), "{text:?}");
        }
    }

    #[test]
    fn what_xml_cannot_carry_is_refused() {
        assert_eq!(parse(b"<r>\xff</r>"), Err(ReadXmlError::NotUtf8));
        for text in ["<r>\u{1}</r>", "<r>&#1;</r>", "<r>&#0;</r>", "<r>&#xFFFE;</r>", "<r>&#xD800;</r>"] {
            assert_eq!(error(text), ReadXmlError::Character, "{text:?}");
        }
        assert_eq!(error("<?xml version='1.0' encoding='gbk'?><r/>"), ReadXmlError::Encoding);
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(nested(XML_DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(error(&nested(XML_DEPTH_MAX + 1)), ReadXmlError::TooDeep);
        assert_eq!(error(&"<a>".repeat(100_000)), ReadXmlError::TooDeep);
    }

    #[test]
    fn text_beside_elements_is_refused() {
        assert_eq!(error("<r>x<a/></r>"), ReadXmlError::Mixed);
    }
}
