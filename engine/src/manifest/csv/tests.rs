use brigade_model::task::Defect;
use brigade_model::{ETag, RowRules, samples};

use super::*;

fn spec(fields: &[Field]) -> ManifestSpec {
    let manifest = samples::manifest("lists", "m.csv", ETag::new("\"e\"").unwrap());
    ManifestSpec { fields: fields.to_vec(), ..manifest }
}

const BUCKET_KEY: [Field; 2] = [Field::Bucket, Field::Key];
const BUCKET_KEY_VERSION: [Field; 3] = [Field::Bucket, Field::Key, Field::VersionId];

fn encoded(encoding: KeyEncoding) -> JobOptions {
    JobOptions { key_encoding: Some(encoding), ..JobOptions::default() }
}

/// Every row, and the reader at the end.
fn read_rows(fields: &[Field], options: &JobOptions, text: &[u8]) -> Result<(Vec<Row>, RowReader), RowError> {
    let mut reader = RowReader::new(&spec(fields), options)?;
    let mut rows = Vec::new();
    for mut piece in text.chunks(5) {
        while let Some(row) = reader.next(&mut piece)? {
            rows.push(row);
        }
    }
    rows.extend(reader.finish()?);
    Ok((rows, reader))
}

fn read_with(fields: &[Field], options: &JobOptions, text: &[u8]) -> Result<(Vec<Task>, bool), RowError> {
    let (rows, reader) = read_rows(fields, options, text)?;
    Ok((rows.into_iter().map(|row| row.task).collect(), reader.some_rows_have_versions()))
}

fn read(fields: &[Field], text: &str) -> Result<Vec<Task>, RowError> {
    read_with(fields, &JobOptions::default(), text.as_bytes()).map(|(tasks, _)| tasks)
}

fn keys(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.key.as_str()).collect()
}

#[test]
fn the_fields_say_what_columns_mean() {
    let tasks = read(&[Field::Ignore, Field::Key, Field::VersionId, Field::Bucket], "x,k1,v1,b\ny,k2,,b").unwrap();
    assert_eq!(keys(&tasks), ["k1", "k2"]);
    assert_eq!(tasks[0].number, 0);
    assert_eq!(tasks[1].number, 1);
    assert_eq!(tasks[0].bucket.as_str(), "b");
    assert_eq!(tasks[0].version.as_ref().map(VersionId::as_str), Some("v1"));
    assert_eq!(tasks[1].version, None);
}

#[test]
fn the_column_that_the_job_names_says_what_the_checksum_of_each_object_must_be() {
    let fields = [Field::Bucket, Field::Key, Field::Ignore, Field::Ignore];
    let options = JobOptions { checksum_column: Some(4), ..JobOptions::default() };
    let (tasks, _) = read_with(&fields, &options, b"b,k1,x, cbf43926\nb,k2,x,\nb,k3,x,\"y/Q5Jg==\"").unwrap();
    let checksums: Vec<_> = tasks.iter().map(|task| task.checksum.as_deref()).collect();
    assert_eq!(checksums, [Some("cbf43926"), Some(""), Some("y/Q5Jg==")], "an empty one fails its row later");
    let without = read(&fields, "b,k1,x,cbf43926").unwrap();
    assert_eq!(without[0].checksum, None);
    let long = format!("b,k1,x,{}", "0".repeat(129));
    let told = read_with(&fields, &options, long.as_bytes()).unwrap_err().to_string();
    assert_eq!(told, "row 1: the column checksum must be a checksum in hexadecimal or base64");
}

#[test]
fn fields_that_do_not_name_bucket_and_key_once_are_refused() {
    let cases: [(&[Field], &str); 4] = [
        (&[], "Bucket"),
        (&[Field::Bucket], "Key"),
        (&[Field::Bucket, Field::Key, Field::Key], "Key"),
        (&[Field::Bucket, Field::Key, Field::VersionId, Field::VersionId], "VersionId"),
    ];
    for (fields, missing) in cases {
        assert_eq!(read(fields, "b,k"), Err(RowError::Fields(missing)), "{fields:?}");
    }
}

#[test]
fn a_header_is_skipped_and_only_as_the_first_row() {
    for header in ["Bucket,Key,VersionId\n", " bucket , KEY,versionid\r\n", "\n\"Bucket\",\" Key \",VersionId\n"] {
        let tasks = read(&BUCKET_KEY_VERSION, &format!("{header}b,k,v\n")).unwrap();
        assert_eq!(keys(&tasks), ["k"], "{header:?}");
    }
    let with_ignored = [Field::Bucket, Field::Key, Field::Ignore];
    assert_eq!(keys(&read(&with_ignored, "Bucket,Key,Size\nb,k,7\n").unwrap()), ["k"]);
    assert_eq!(keys(&read(&BUCKET_KEY, "b,k\nb,Key\nBucket,Key").unwrap()), ["k", "Key", "Key"]);
}

#[test]
fn rows_of_another_bucket_are_tasks_with_a_defect() {
    let tasks = read(&BUCKET_KEY, "b,k1\nc,k2\nb,k3").unwrap();
    assert_eq!(tasks.iter().map(|task| task.defect).collect::<Vec<_>>(), [None, Some(Defect::OtherBucket), None]);
    assert_eq!(tasks[1].bucket.as_str(), "c");
}

#[test]
fn keys_are_decoded_as_the_job_says_and_never_by_guess() {
    let text = "b,a%20b+c%2B\n".as_bytes();
    let key = |options: &JobOptions| read_with(&BUCKET_KEY, options, text).unwrap().0[0].key.as_str().to_owned();
    assert_eq!(key(&JobOptions::default()), "a%20b+c%2B");
    assert_eq!(key(&encoded(KeyEncoding::Raw)), "a%20b+c%2B");
    assert_eq!(key(&encoded(KeyEncoding::Url)), "a b+c+");
    assert_eq!(key(&encoded(KeyEncoding::Form)), "a b c+");
    for stray in ["b,100%", "b,%2", "b,%zz", "b,%é"] {
        let error = read_with(&BUCKET_KEY, &encoded(KeyEncoding::Url), stray.as_bytes());
        assert_eq!(error, Err(RowError::NotEncoded { row: 1 }), "{stray}");
    }
    let error = read_with(&BUCKET_KEY, &encoded(KeyEncoding::Url), b"b,%FF");
    assert_eq!(error, Err(RowError::NotUtf8 { row: 1, field: "Key" }));
}

#[test]
fn one_of_our_reports_is_recognised_and_decoded_as_it_was_written() {
    use Field::{Bucket, Ignore, Key, VersionId};
    let fields = [Bucket, Key, VersionId, Ignore, Ignore, Ignore, Ignore];
    for row in [
        &b"b,a%20b,,failed,NoSuchKey,404,gone\r\n"[..],
        b"b,a%20b,,succeeded,,200,Successful\r\n",
        b"b,a%20b,,dry-run,,,dry run: would send CopyObject\r\n",
    ] {
        assert_eq!(keys(&read_with(&fields, &JobOptions::default(), row).unwrap().0), ["a b"]);
    }
    let row = b"b,a%20b,,failed,NoSuchKey,404,gone\r\n";
    assert_eq!(keys(&read_with(&fields, &encoded(KeyEncoding::Raw), row).unwrap().0), ["a%20b"]);
    let other = b"b,a%20b,,whatever,NoSuchKey,404,gone\r\n";
    assert_eq!(keys(&read_with(&fields, &JobOptions::default(), other).unwrap().0), ["a%20b"]);
}

#[test]
fn whether_versions_occur_is_known_at_the_end() {
    let versions = |text: &str| read_with(&BUCKET_KEY_VERSION, &JobOptions::default(), text.as_bytes()).unwrap().1;
    assert!(!versions("b,k,\nb,l,\"\"\n"));
    assert!(versions("b,k,\nb,l,v\n"));
}

#[test]
fn a_row_that_names_no_object_is_an_error_with_its_number() {
    let long = format!("b,k\nb,{}", "k".repeat(1025));
    let cases: [(&str, &str); 8] = [
        ("b\n", "row 1: has 1 columns, the fields name 2"),
        ("b,k\n\nb,a,b\n", "row 3: has 3 columns, the fields name 2"),
        ("b,k\nb,\n", "row 2: object key must not be empty"),
        (",k\n", "row 1: bucket name must be 1 to 255 bytes long"),
        ("b,k\na/b,k\n", "row 2: bucket name must not hold '/', '?', '#', blanks or control characters"),
        (&long, "row 2: object key must not be longer than 1024 bytes"),
        ("b,\"k\n", "row 1: a quoted cell has no closing quote"),
        ("b,\"k\"l\n", "row 1: text stands behind the closing quote of a cell"),
    ];
    for (text, message) in cases {
        assert_eq!(read(&BUCKET_KEY, text).unwrap_err().to_string(), message, "{text:?}");
    }
    let error = read_with(&BUCKET_KEY, &JobOptions::default(), b"b,k\nb,\xFF\n").unwrap_err();
    assert_eq!(error, RowError::NotUtf8 { row: 2, field: "Key" });
}

type Keys = Vec<(String, bool)>;

/// Keys with whether a blank before them is in doubt, and what the cells can be separated by.
fn separated(fields: &[Field], text: &str) -> Result<(Keys, Vec<Separator>), String> {
    let (rows, reader) =
        read_rows(fields, &JobOptions::default(), text.as_bytes()).map_err(|error| error.to_string())?;
    let keys = rows.into_iter().map(|row| (row.task.key.as_str().to_owned(), row.is_behind_blank)).collect();
    assert!(reader.separator().is_none() || reader.possible_separators() == [reader.separator().unwrap()]);
    Ok((keys, reader.possible_separators()))
}

#[test]
fn blanks_belong_to_keys_as_soon_as_one_comma_has_none_behind_it() {
    use Separator::{Comma, CommaBlank};
    let keys = |keys: &[(&str, bool)]| keys.iter().map(|(key, mark)| ((*key).to_owned(), *mark)).collect::<Vec<_>>();
    let both = vec![Comma, CommaBlank];
    assert_eq!(separated(&BUCKET_KEY, "b, k\nb,  l \n"), Ok((keys(&[("k", true), (" l ", true)]), both.clone())));
    assert_eq!(
        separated(&BUCKET_KEY, "Bucket,Key\nb, k\n"),
        Ok((keys(&[("k", true)]), both)),
        "a header tells nothing"
    );
    let mixed = separated(&BUCKET_KEY, "b, k\nb,l\nb, m \n");
    assert_eq!(mixed, Ok((keys(&[("k", true), ("l", false), (" m ", false)]), vec![Comma])));
    assert_eq!(separated(&BUCKET_KEY, "b,k \nb,\tl\t\n"), Ok((keys(&[("k ", false), ("\tl\t", false)]), vec![Comma])));

    // No bucket and no version begins with a blank.
    let of_key_bucket = separated(&[Field::Key, Field::Bucket], "k, b\nl, b\n");
    assert_eq!(of_key_bucket, Ok((keys(&[("k", false), ("l", false)]), vec![CommaBlank])));
    let versions = separated(&BUCKET_KEY_VERSION, "b, k, v\nb, l, \nb, m,\n");
    assert_eq!(versions, Ok((keys(&[("k", false), ("l", false), ("m", true)]), vec![CommaBlank])));
    assert_eq!(separated(&BUCKET_KEY, "b, \"k,\"\n"), Ok((keys(&[("k,", false)]), vec![CommaBlank])));
    // No key is nothing.
    assert_eq!(separated(&BUCKET_KEY, "b, \n"), Ok((keys(&[(" ", false)]), vec![Comma])));
}

#[test]
fn rows_that_no_separator_explains_are_an_error_that_names_the_first() {
    for (text, told) in [
        ("b, k, v\nb,l,w\n", "row 1: a blank begins or ends the column VersionId"),
        ("b, k,\nb, l, v\nb, m, w\nb,l,\n", "row 2: a blank begins or ends the column VersionId"),
        ("b,k,v\nb,l,w \n", "row 2: a blank begins or ends the column VersionId"),
        ("b, k, v\nb, , w\n", "row 2: object key must not be empty"),
    ] {
        assert_eq!(separated(&BUCKET_KEY_VERSION, text).unwrap_err(), told, "{text:?}");
    }
    for (text, told) in [
        ("b, \"k\"\nb,l\n", "row 1: blanks stand before the opening quote of a cell; see the job option separator"),
        ("b,l\nb, \"k\"\n", "row 2: blanks stand before the opening quote of a cell; see the job option separator"),
        ("b, k\nb, \"l\"\nb, \n", "row 3: object key must not be empty"),
    ] {
        assert_eq!(separated(&BUCKET_KEY, text).unwrap_err(), told, "{text:?}");
    }
}

#[test]
fn a_job_that_says_what_separates_its_cells_has_them_so() {
    let keys_by = |separator, text: &str| {
        let options = JobOptions { separator: Some(separator), ..JobOptions::default() };
        let (rows, reader) = read_rows(&BUCKET_KEY, &options, text.as_bytes()).map_err(|error| error.to_string())?;
        assert_eq!(reader.separator(), Some(separator));
        assert!(rows.iter().all(|row| !row.is_behind_blank));
        Ok::<_, String>(rows.into_iter().map(|row| row.task.key.as_str().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(keys_by(Separator::Comma, "b, k\nb, \"l\"\n").unwrap(), [" k", " \"l\""]);
    assert_eq!(keys_by(Separator::CommaBlank, "b, k\nb, \"l\"\n").unwrap(), ["k", "l"]);
    let told = "row 2: a comma has no blank behind it; see the job option separator";
    assert_eq!(keys_by(Separator::CommaBlank, "b, k\nb,l\n").unwrap_err(), told);
}

#[test]
fn a_first_row_is_a_header_when_the_job_says_so_and_strange_when_its_bucket_is_another() {
    let with = |header, text: &str| {
        let options = JobOptions { header, ..JobOptions::default() };
        let (rows, mut reader) = read_rows(&BUCKET_KEY, &options, text.as_bytes()).unwrap();
        let keys: Vec<_> = rows.into_iter().map(|row| row.task.key.as_str().to_owned()).collect();
        (keys.join(" "), reader.take_strange_first_row().map(|first| (first.row, first.shown)))
    };
    let strange = "\nbucket_name,object key\nb,k\nb,l\n";
    let shown = Some((2, "bucket_name,object key".to_owned()));
    for header in [None, Some(Header::Auto)] {
        assert_eq!(with(header, strange), ("object key k l".to_owned(), shown.clone()));
        assert_eq!(with(header, "Bucket,Key\nb,k\nc,l\n").1, Some((2, "b,k".to_owned())));
        assert_eq!(with(header, "b,k\nb,l\nc,m\n").1, None);
        assert_eq!(with(header, "b,k\n").1, None, "nothing to compare with");
    }
    assert_eq!(with(Some(Header::Yes), strange), ("k l".to_owned(), None));
    assert_eq!(with(Some(Header::Yes), "b,k\nb,l").0, "l");
    assert_eq!(with(Some(Header::No), strange), ("object key k l".to_owned(), None));
    assert_eq!(with(Some(Header::No), "Bucket,Key\nb,k\n").0, "Key k");
}

#[test]
fn what_the_dialect_says_of_rows_is_obeyed_and_nothing_of_it_is_in_doubt() {
    let rows = RowRules {
        key_encoding: Some(KeyEncoding::Form),
        separator: Some(Separator::Comma),
        header: Some(Header::No),
        empty_version: None,
    };
    let spec = ManifestSpec { rows, ..spec(&BUCKET_KEY) };
    let read = |options: &JobOptions| {
        let mut reader = RowReader::new(&spec, options).unwrap();
        let mut text = &b"bucket,key\nbucket, a%2Bb+c\n"[..];
        let mut keys = Vec::new();
        while let Some(row) = reader.next(&mut text).unwrap() {
            keys.push(row.task.key.as_str().to_owned());
        }
        assert_eq!((reader.is_encoding_assumed(), reader.separator()), (false, Some(Separator::Comma)));
        assert_eq!(reader.take_strange_first_row(), None);
        keys
    };
    assert_eq!(read(&JobOptions::default()), ["key", " a+b c"]);
    assert_eq!(read(&encoded(KeyEncoding::Raw)), ["key", " a%2Bb+c"], "the job's own option counts");
}
