//! The columns of a manifest: those that `--fields` names, or those that its first row tells.

use brigade_config::nearest::did_you_mean;
use brigade_model::manifest::Field;
use brigade_model::options::Header;

use super::shape::Refusal;

/// Columns of a manifest.
pub type Fields = Vec<Field>;

/// Reads `--fields`: names of columns, separated by commas.
///
/// # Errors
/// A text that says what is wrong.
pub fn parse_fields(text: &str) -> Result<Fields, String> {
    let fields = text.split(',').map(|name| field(name).ok_or(name)).collect::<Result<Fields, _>>();
    let fields = fields.map_err(|name| {
        let meant = did_you_mean(name.trim(), Field::ALL.map(|(_, known)| known));
        format!("{name:?} is none of Bucket, Key, VersionId, Ignore{meant}")
    })?;
    if are_fields_usable(&fields) { Ok(fields) } else { Err("must name Bucket and Key once each".to_owned()) }
}

fn field(name: &str) -> Option<Field> {
    Field::ALL.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(name.trim())).map(|(field, _)| field)
}

/// Whether a bucket and a key stand among the fields once each.
fn are_fields_usable(fields: &[Field]) -> bool {
    let count = |wanted| fields.iter().filter(|field| **field == wanted).count();
    count(Field::Bucket) == 1 && count(Field::Key) == 1 && count(Field::VersionId) <= 1
}

/// `Bucket,Key`.
pub(super) fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(",")
}

/// What a first row says about the columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FirstRow {
    /// It names them.
    Header(Fields),
    /// It names columns that a manifest has not; the others are these.
    StrangeHeader(Fields),
    /// The job says that it is a header of that many cells; what they mean is not said.
    Skipped(usize),
    /// It is a row of that many cells.
    Row(usize),
}

pub(super) fn read_first_row(cells: &[&str], header: Header) -> FirstRow {
    let known: Vec<_> = cells.iter().map(|cell| field(cell)).collect();
    let named = known.iter().copied().collect::<Option<Fields>>().filter(|fields| are_fields_usable(fields));
    match (header, named) {
        (Header::No, _) => FirstRow::Row(cells.len()),
        (Header::Yes | Header::Auto, Some(fields)) => FirstRow::Header(fields),
        (Header::Yes, None) => FirstRow::Skipped(cells.len()),
        (Header::Auto, None) if [Field::Bucket, Field::Key].iter().all(|field| known.contains(&Some(*field))) => {
            FirstRow::StrangeHeader(known.into_iter().map(|field| field.unwrap_or(Field::Ignore)).collect())
        }
        (Header::Auto, None) => FirstRow::Row(cells.len()),
    }
}

/// The columns of our own reports: what follows the version tells of the outcome.
pub(super) const FIELDS_OF_REPORT: [Field; 7] =
    [Field::Bucket, Field::Key, Field::VersionId, Field::Ignore, Field::Ignore, Field::Ignore, Field::Ignore];

/// The columns: those that were given, else those of the header, else bucket and key of rows
/// of two cells. A third cell may mean anything, and a version that is none would have a delete
/// succeed on nothing: so it is never guessed.
pub(super) fn decide_fields(given: Option<&Fields>, first: &FirstRow, shown: &str) -> Result<Fields, Refusal> {
    let mistake = |what: String, way_out: &str| Err(Refusal::new(what, way_out));
    match (given, first) {
        (Some(fields), FirstRow::Header(header)) if fields != header => {
            let (header, fields) = (names(header), names(fields));
            mistake(format!("its header names {header} and --fields {fields}"), "correct one of them")
        }
        (_, FirstRow::StrangeHeader(fields)) => mistake(
            format!("its header {shown} names columns unknown here"),
            &format!("say --header yes --fields {}", names(fields)),
        ),
        (Some(fields), FirstRow::Row(cells) | FirstRow::Skipped(cells)) if fields.len() != *cells => {
            let (count, fields) = (fields.len(), names(fields));
            mistake(format!("its first row {shown} has {cells} cells, and --fields names {count}: {fields}"), "")
        }
        (Some(fields), _) => Ok(fields.clone()),
        (None, FirstRow::Header(header)) => Ok(header.clone()),
        (None, FirstRow::Row(2) | FirstRow::Skipped(2)) => Ok(vec![Field::Bucket, Field::Key]),
        (None, FirstRow::Row(1) | FirstRow::Skipped(1)) => mistake(
            format!("its first row {shown} is one cell"),
            "expected is bucket,key; of keys alone say --bucket NAME",
        ),
        (None, FirstRow::Row(cells) | FirstRow::Skipped(cells)) => {
            let ignored = ",Ignore".repeat(cells - 2);
            let way_out = format!("say what they are, such as --fields Bucket,Key{ignored}");
            mistake(format!("its first row {shown} has {cells} cells"), &way_out)
        }
    }
}
