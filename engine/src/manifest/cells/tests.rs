use proptest::prelude::*;

use super::*;

/// All rows of a text that arrives in pieces of `size` bytes, or the error with its row.
fn rows(text: &[u8], size: usize) -> Result<Vec<Vec<String>>, (u64, CellError)> {
    rows_as(None, Separator::Comma, text, size)
}

/// The same by a reader that was told `told`, as `read` has them.
fn rows_as(
    told: Option<Separator>,
    read: Separator,
    text: &[u8],
    size: usize,
) -> Result<Vec<Vec<String>>, (u64, CellError)> {
    let mut reader = CellReader::new(told);
    let mut rows = Vec::new();
    let take = |reader: &CellReader| {
        reader.check(read).map_err(|error| (reader.row(), error))?;
        Ok((0..reader.count()).map(|i| String::from_utf8(reader.cell(i, read).unwrap().to_vec()).unwrap()).collect())
    };
    for mut piece in text.chunks(size) {
        while reader.read(&mut piece).map_err(|error| (reader.row(), error))? == Step::Row {
            rows.push(take(&reader)?);
        }
    }
    if reader.finish().map_err(|error| (reader.row(), error))? == Step::Row {
        rows.push(take(&reader)?);
    }
    Ok(rows)
}

#[test]
fn rows_are_cut_alike_whatever_the_pieces() {
    let cases: [(&str, &[&[&str]]); 19] = [
        ("", &[]),
        ("b,k", &[&["b", "k"]]),
        ("b,k\n", &[&["b", "k"]]),
        ("b,k\r\nc,l\r\n", &[&["b", "k"], &["c", "l"]]),
        ("b,k\rc,l\r", &[&["b", "k"], &["c", "l"]]),
        ("\u{feff}b,k\n", &[&["b", "k"]]),
        ("\u{feff}\"b\",k\n", &[&["b", "k"]]),
        ("\u{fefe}b,k", &[&["\u{fefe}b", "k"]]),
        ("\n\r\n  \t\nb,k\n\n\n", &[&["b", "k"]]),
        ("b, k with blanks \t, v\n", &[&["b", " k with blanks \t", " v"]]),
        ("b,\" k \",\"\"\n", &[&["b", " k ", ""]]),
        ("b,\"say \"\"hi\"\", \r\nnow\"\n", &[&["b", "say \"hi\", \r\nnow"]]),
        ("b,5\" disk\n", &[&["b", "5\" disk"]]),
        ("b,\tk,  \n", &[&["b", "\tk", "  "]]),
        ("b,k,\n", &[&["b", "k", ""]]),
        ("b,k,", &[&["b", "k", ""]]),
        (",\n", &[&["", ""]]),
        ("\"\"\n", &[&[""]]),
        ("b,é😀\n", &[&["b", "é😀"]]),
    ];
    for (text, expected) in cases {
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(rows(text.as_bytes(), size).unwrap(), expected, "{text:?} in pieces of {size}");
        }
    }
}

#[test]
fn one_blank_behind_a_comma_is_the_cells_or_the_separators() {
    use Separator::{Comma, CommaBlank};
    let read = |told, read, text: &str| {
        let whole = rows_as(told, read, text.as_bytes(), 1000);
        assert_eq!(rows_as(told, read, text.as_bytes(), 1), whole, "{text:?}");
        whole.map(|rows| rows.concat()).map_err(|(_, error)| error)
    };
    let cells = |cells: &[&str]| Ok(cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    for told in [None, Some(CommaBlank)] {
        assert_eq!(read(told, CommaBlank, "b, k , "), cells(&["b", "k ", ""]), "one blank, and no other");
        assert_eq!(read(told, CommaBlank, " b,  k,"), cells(&[" b", " k", ""]), "an empty cell needs none");
        assert_eq!(read(told, CommaBlank, "\"b\", \" k,\"\"\""), cells(&["b", " k,\""]));
        assert_eq!(read(told, CommaBlank, "b, k,v"), Err(CellError::NoBlank));
        assert_eq!(read(told, CommaBlank, "b,\tk"), Err(CellError::NoBlank));
        assert_eq!(read(told, CommaBlank, "b,\" k\""), Err(CellError::NoBlank));
    }
    assert_eq!(read(None, Comma, "b, \"k\""), Err(CellError::BlankBeforeQuote), "no program writes that");
    for told in [None, Some(CommaBlank)] {
        for text in [" \"b\",k", "b,  \"k\"", "b,\t\"k\"", "b, \t\"k\""] {
            assert_eq!(read(told, Comma, text), Err(CellError::BlankBeforeQuote), "{text:?}");
        }
    }
    assert_eq!(read(Some(Comma), Comma, "b, \"k\",v"), cells(&["b", " \"k\"", "v"]), "whoever says so gets bytes");
}

#[test]
fn what_is_no_csv_is_named_with_its_row() {
    let cases = [
        ("b,\"k\" ,v\n", 1, CellError::TextBehindQuote),
        ("b,k\nb,\"k", 2, CellError::OpenQuote),
        ("b,k\n\nb,\"k\n\n", 3, CellError::OpenQuote),
        ("b,\"k\"x\n", 1, CellError::TextBehindQuote),
        ("b,\"k\" \"x\"\n", 1, CellError::TextBehindQuote),
    ];
    for (text, row, error) in cases {
        for size in [1, 1000] {
            assert_eq!(rows(text.as_bytes(), size), Err((row, error)), "{text:?}");
        }
    }
}

#[test]
fn a_row_without_an_end_does_not_fill_memory() {
    for filler in ["x", ",", "\n"] {
        let text = format!("b,\"{}", filler.repeat(2 * ROW_BYTES_MAX));
        assert_eq!(rows(text.as_bytes(), 4096), Err((1, CellError::TooLong)));
    }
    let commas = ",".repeat(2 * ROW_BYTES_MAX);
    assert_eq!(rows(commas.as_bytes(), 4096), Err((1, CellError::TooLong)));
}

proptest! {
    #[test]
    fn what_another_writer_wrote_is_read_as_it_was_meant(
        written in prop::collection::vec(prop::collection::vec("[ -~\r\n\té]{0,12}", 2..4), 0..8),
        size in 1_usize..40,
        crlf: bool,
        always: bool,
    ) {
        let terminator = if crlf { ::csv::Terminator::CRLF } else { ::csv::Terminator::Any(b'\n') };
        let mut writer = ::csv::WriterBuilder::new()
            .flexible(true)
            .quote_style(if always { ::csv::QuoteStyle::Always } else { ::csv::QuoteStyle::Necessary })
            .terminator(terminator)
            .from_writer(Vec::new());
        for row in &written {
            writer.write_record(row).unwrap();
        }
        prop_assert_eq!(rows(&writer.into_inner().unwrap(), size).unwrap(), written);
    }

    #[test]
    fn any_bytes_are_rows_or_an_error(bytes in prop::collection::vec(prop::sample::select(b"ab,\"\r\n \t\xEF\xBB\xBF".to_vec()), 0..60)) {
        let whole = read_raw(&bytes, 1000);
        for size in 1..4 {
            prop_assert_eq!(&read_raw(&bytes, size), &whole);
        }
    }
}

fn read_raw(text: &[u8], size: usize) -> Result<Vec<Vec<Vec<u8>>>, CellError> {
    let mut reader = CellReader::new(None);
    let mut rows = Vec::new();
    let take =
        |reader: &CellReader| (0..reader.count()).map(|i| reader.cell(i, Separator::Comma).unwrap().to_vec()).collect();
    for mut piece in text.chunks(size) {
        while reader.read(&mut piece)? == Step::Row {
            rows.push(take(&reader));
        }
    }
    if reader.finish()? == Step::Row {
        rows.push(take(&reader));
    }
    Ok(rows)
}
