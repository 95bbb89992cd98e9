//! S3's documents: written by [`Writer`], read by [`read`] into a small tree.
//!
//! Documents are few and flat, so a tree of bounded depth and size is enough; the reader refuses a
//! document type, and with it every custom entity.

mod document;
mod writer;

pub(crate) use document::{Element, read};
pub(crate) use writer::Writer;

/// Whether XML 1.0 can carry the text: it has no place for most control characters, not even
/// escaped. A key that it cannot carry has to be deleted singly.
///
/// Source: XML 1.0, production 2 (Char).
#[must_use]
pub fn can_carry(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn xml_carries_everything_but_control_characters_and_two_non_characters() {
        for text in ["", "a b", "\t\r\n", "é😀<&>\"'", "\u{7f}\u{85}"] {
            assert!(can_carry(text), "{text:?}");
        }
        for text in ["\0", "a\u{1b}", "\u{b}", "\u{FFFE}", "\u{FFFF}"] {
            assert!(!can_carry(text), "{text:?}");
        }
    }

    #[test]
    fn a_tree_has_texts_and_children_and_forgets_prefixes() {
        let root = read(
            b" <?xml version=\"1.0\"?>\n<s:A xmlns:s=\"u\"><s:B>x &amp;&#x41;<![CDATA[<y>]]></s:B><B/> </s:A>\n",
            3,
        )
        .unwrap();
        assert_eq!(root.name, "A");
        let texts: Vec<_> = root.children("B").map(|b| &*b.text).collect();
        assert_eq!(texts, ["x &A<y>", ""]);
        assert_eq!(root.text_of("C"), None);
    }

    #[test]
    fn a_document_that_is_not_whole_or_not_plain_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        for bad in [
            "",
            "  ",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "text",
            "<a>&unknown;</a>",
            "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
            "<a",
            "<a x=>",
            &deep,
        ] {
            assert!(read(bad.as_bytes(), 99).is_err(), "{bad:?}");
        }
        assert!(read(b"<a>\xff</a>", 99).is_err());
    }

    #[test]
    fn a_document_of_more_elements_than_allowed_is_refused_and_one_of_as_many_is_not() {
        let of = |elements: usize| format!("<r>{}</r>", "<a/>".repeat(elements - 1));
        assert_eq!(read(of(5).as_bytes(), 5).unwrap().inside.len(), 4);
        assert_eq!(read(of(6).as_bytes(), 5).unwrap_err().to_string(), "more than 5 elements");
    }

    proptest! {
        #[test]
        fn whatever_xml_can_carry_is_read_as_it_was_written(text in "\\PC*|[\\t\\r\\n a<&>'\"\u{85}\u{2028}]*") {
            prop_assume!(can_carry(&text));
            let mut writer = Writer::new("Root");
            writer.element("Text", &text);
            let document = writer.finish();
            let root = read(&document, 2).unwrap();
            prop_assert_eq!(root.text_of("Text"), Some(text.as_str()));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, 99);
        }
    }
}
