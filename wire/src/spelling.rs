//! How a client spelled the values of its operation, where the service writes them otherwise: `Replace`
//! for `Replaced`, a key with `x-cos-meta-`, a date as ISO 8601. A description repeats what was written,
//! so that a tool which compares both finds no difference.

use brigade_model::job::Spelled;

use crate::xml::{self, Element, Writer};

/// Times that clients decode as integers, however they wrote them.
const INTEGERS: [&str; 2] = ["ModifiedSinceConstraint", "UnModifiedSinceConstraint"];

/// The values of `written` that are spelled otherwise in what `write` writes.
pub(crate) fn of(written: &Element, write: impl FnOnce(&mut Writer)) -> Vec<Spelled> {
    let mut found = Vec::new();
    if let Some(ours) = tree(write) {
        compare(written, &ours, &ours.name, &mut found);
    }
    found
}

/// Writes what `write` writes, in the client's spelling.
pub(crate) fn write(writer: &mut Writer, spelling: &[Spelled], write: impl FnOnce(&mut Writer)) {
    if spelling.is_empty() {
        return write(writer);
    }
    if let Some(ours) = tree(write) {
        put(writer, &ours, &ours.name, spelling);
    }
}

fn tree(write: impl FnOnce(&mut Writer)) -> Option<Element> {
    let mut writer = Writer::new();
    write(&mut writer);
    xml::parse(&writer.finish()).ok()
}

fn compare(written: &Element, ours: &Element, path: &str, found: &mut Vec<Spelled>) {
    if ours.children.is_empty() {
        let text = written.text.trim_ascii();
        if written.text != ours.text && text != ours.text && !INTEGERS.contains(&ours.name.as_str()) {
            found.push(Spelled { path: path.to_owned(), text: text.to_owned() });
        }
        return;
    }
    for (child, step, nth) in steps(ours) {
        let same = written.children.iter().filter(|other| other.name == child.name).nth(nth);
        if let Some(same) = same {
            compare(same, child, &format!("{path}/{step}"), found);
        }
    }
}

fn put(writer: &mut Writer, ours: &Element, path: &str, spelling: &[Spelled]) {
    if ours.children.is_empty() {
        let spelled = spelling.iter().find(|spelled| spelled.path == path);
        return writer.leaf(&ours.name, spelled.map_or(&ours.text, |spelled| &spelled.text));
    }
    writer.within(&ours.name, |w| {
        for (child, step, _) in steps(ours) {
            put(w, child, &format!("{path}/{step}"), spelling);
        }
    });
}

/// The children, each with its step in a path and its place among those of its name.
fn steps(parent: &Element) -> impl Iterator<Item = (&Element, String, usize)> {
    parent.children.iter().enumerate().map(|(place, child)| {
        let nth = parent.children[..place].iter().filter(|other| other.name == child.name).count();
        (child, if nth == 0 { child.name.clone() } else { format!("{}[{nth}]", child.name) }, nth)
    })
}
