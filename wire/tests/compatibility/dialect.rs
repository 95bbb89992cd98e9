//! What becomes of a field that a request has, and how a table of fields is told.

use std::fmt::Write;

/// One field of a request, below the element that the table is about.
pub(crate) struct Field {
    /// Its path.
    pub(crate) path: &'static str,
    /// Elements that have it, and whatever they need beside it.
    pub(crate) xml: &'static str,
    /// What differs from the cloud, and why.
    pub(crate) note: &'static str,
}

pub(crate) const fn field(path: &'static str, xml: &'static str, note: &'static str) -> Field {
    Field { path, xml, note }
}

/// What the decoder makes of a request.
pub(crate) enum Read {
    /// It is accepted, and written again so.
    Accepted(String),
    /// It is refused with this message.
    Refused(String),
}

/// What becomes of a field.
fn fate(field: &Field, read: &Read) -> &'static str {
    let name = field.path.rsplit(['.', ']']).next().unwrap();
    match read {
        Read::Accepted(written) if written.contains(&format!("<{name}")) => "yes",
        Read::Accepted(_) => "read and of no effect",
        Read::Refused(message) => {
            let mut parts = field.path.split(['.', '[', ']']).filter(|part| !part.is_empty());
            assert!(parts.any(|part| message.contains(part)), "{} is refused without its name: {message}", field.path);
            "refused by its name"
        }
    }
}

/// A table of the fields below one element; `read` decodes a request that has these elements there.
pub(crate) fn table(page: &mut String, title: &str, proofs: &str, fields: &[Field], read: impl Fn(&str) -> Read) {
    writeln!(page, "\n`{title}` ({}):\n", named(proofs)).unwrap();
    if fields.is_empty() {
        writeln!(page, "has no fields.").unwrap();
        return;
    }
    writeln!(page, "| field | served | what differs, and why |\n|---|---|---|").unwrap();
    for field in fields {
        let fate = fate(field, &read(field.xml));
        assert!(fate == "yes" || !field.note.is_empty(), "{title}: {} is {fate}: the table must say why", field.path);
        writeln!(page, "| `{}` | {fate} | {} |", field.path, field.note).unwrap();
    }
}

/// Names of tests, which stand one after the other, as the page has them.
pub(crate) fn named(proofs: &str) -> String {
    proofs.split_whitespace().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
