//! Manifests here and in the store: what is read of them, and what is said of those that are refused.

use std::io::Write;
use std::sync::Arc;

use brigade_model::manifest::Field;
use brigade_model::options::Header;
use brigade_runtime::{SeededEntropy, SystemClock};
use brigade_s3::simulated::{SimulatedConfig, SimulatedStore, Versioning};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn look_at(text: &str, fields: Option<&str>) -> Result<(Vec<&'static str>, u64), String> {
    look_with(text, fields, None)
}

fn look_with(text: &str, fields: Option<&str>, header: Option<Header>) -> Result<(Vec<&'static str>, u64), String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let given = fields.map(|fields| parse_fields(fields).unwrap());
    let told = |error: anyhow::Error| in_lines(&error).split_once(": ").map(|(_, told)| told.to_owned()).unwrap();
    let options = JobOptions { header, ..JobOptions::default() };
    let said = Said { fields: given.as_ref(), bucket: None, options: &options };
    let local = look_here(file.path(), said).map_err(told)?;
    assert_eq!(local.bytes, text.len() as u64);
    assert_eq!(local.md5, hex::encode(Md5::digest(text)));
    Ok((local.reading.fields.into_iter().map(Field::name).collect(), local.rows))
}

#[test]
fn columns_come_from_the_header_or_from_rows_of_two_cells() {
    assert_eq!(look_at("b,k1\nb,\"k,\n2\"\n", None), Ok((vec!["Bucket", "Key"], 2)));
    assert_eq!(look_at("Key, bucket,versionid\nk,b,v", None), Ok((vec!["Key", "Bucket", "VersionId"], 1)));
    assert_eq!(look_at("b,k,123\n", Some("Bucket,Key,Ignore")), Ok((vec!["Bucket", "Key", "Ignore"], 1)));
    assert_eq!(look_at("b, \"k,1\"\n  \nb, k2\n", None), Ok((vec!["Bucket", "Key"], 2)), "as the service reads it");
}

#[test]
fn a_first_row_is_what_the_job_says_it_is() {
    let strange = "bucket_name,key\nb,k\n";
    assert_eq!(look_at(strange, None), Ok((vec!["Bucket", "Key"], 2)), "the service asks whether it is a bucket");
    assert_eq!(look_with(strange, None, Some(Header::Yes)), Ok((vec!["Bucket", "Key"], 1)));
    assert_eq!(look_with("Key,Bucket\nk,b\n", None, Some(Header::Yes)), Ok((vec!["Key", "Bucket"], 1)));
    assert_eq!(look_with("Bucket,Key\nb,k\n", None, Some(Header::No)), Ok((vec!["Bucket", "Key"], 2)));
    let sized = look_with("Bucket,Key,Size\nb,k,7\n", Some("Bucket,Key,Ignore"), Some(Header::Yes));
    assert_eq!(sized, Ok((vec!["Bucket", "Key", "Ignore"], 1)));
    assert!(look_with("x,y,z\n", None, Some(Header::Yes)).unwrap_err().contains("say what they are"));
}

#[test]
fn what_the_service_could_not_read_is_told_before_it_is_uploaded() {
    assert_eq!(look_at("b,k\nb,\"k\n", None).unwrap_err(), "row 2: a quoted cell has no closing quote");
}

#[test]
fn a_third_column_is_never_guessed() {
    let told = look_at("b,k,123\n", None).unwrap_err();
    assert!(told.contains("has 3 cells\nsay what they are, such as --fields Bucket,Key,Ignore"), "{told}");
}

#[test]
fn the_columns_of_our_own_reports_are_known() {
    let fields = vec!["Bucket", "Key", "VersionId", "Ignore", "Ignore", "Ignore", "Ignore"];
    assert_eq!(look_at("b,a%20b,,succeeded,,200,Successful\n", None), Ok((fields, 1)));
    assert!(look_at("b,k,v,d,e,f,g\n", None).unwrap_err().contains("has 7 cells"), "others may mean anything");
}

#[test]
fn a_header_that_says_something_else_is_told() {
    let told = look_at("Bucket,Key,Size\nb,k,1\n", None).unwrap_err();
    assert!(told.contains("columns unknown here\nsay --header yes --fields Bucket,Key,Ignore"), "{told}");
    assert!(
        look_at("Key,Bucket\n", Some("Bucket,Key"))
            .unwrap_err()
            .contains("names Key,Bucket and --fields Bucket,Key\ncorrect one")
    );
    assert!(
        look_at("b,k\n", Some("Bucket,Key,VersionId"))
            .unwrap_err()
            .contains("first row \"b,k\" has 2 cells, and --fields names 3")
    );
    assert!(look_at("", None).unwrap_err().contains("is empty"));
}

#[test]
fn a_place_in_the_store_is_told_from_a_file() {
    assert!(matches!("s3://b/k".parse(), Ok(Source::Stored(_))));
    assert_eq!("dir/m.csv".parse(), Ok(Source::Local("dir/m.csv".into())));
    assert!("s3://".parse::<Source>().is_err());
}

/// What is said of a mistake, and below it what helps.
pub(super) fn in_lines(error: &anyhow::Error) -> String {
    let Some(Explained { what, below }) = error.downcast_ref() else { return error.to_string() };
    [&[what.to_string()][..], below].concat().join("\n")
}

/// What a file of these bytes becomes: its CSV, or why it is refused.
fn brought(bytes: &[u8], bucket: Option<&str>) -> Result<(String, Local), String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let bucket = bucket.map(|name| name.parse().unwrap());
    let said = Said { fields: None, bucket: bucket.as_ref(), options: &JobOptions::default() };
    let mut local = look_here(file.path(), said).map_err(|error| in_lines(&error))?;
    let mut text = String::new();
    local.file.rewind().unwrap();
    local.file.read_to_string(&mut text).unwrap();
    assert_eq!((local.bytes, &local.md5), (text.len() as u64, &hex::encode(Md5::digest(&text))));
    Ok((text, local))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_people_have_becomes_the_csv_that_the_service_reads() {
    let plain = "Bucket,Key\nphotos,a\nphotos,\"b,c\"\n";
    let table: [(Vec<u8>, Option<&str>); 5] = [
        (b"s3://photos/a\ns3://photos/b,c\n".to_vec(), None),
        (b"a\r\nb,c".to_vec(), Some("photos")),
        (b"Bucket;Key\nphotos;a\nphotos;\"b,c\"\n".to_vec(), None),
        (b"{\"bucket\":\"photos\",\"key\":\"a\"}\n{\"bucket\":\"photos\",\"key\":\"b,c\"}\n".to_vec(), None),
        (gzip(plain), None),
    ];
    for (bytes, bucket) in table {
        let (text, local) = brought(&bytes, bucket).unwrap();
        assert_eq!((text.as_str(), local.rows), (plain, 2), "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(local.reading.fields, [Field::Bucket, Field::Key]);
        assert_eq!(local.reading.buckets.to_text(), " of bucket photos");
    }
    let (text, local) = brought(&gzip("s3://photos/a\n"), None).unwrap();
    assert_eq!(text, "Bucket,Key\nphotos,a\n");
    assert_eq!(local.reading.options.header, Some(Header::Yes), "whatever --header says of the lines here");
    // What is such a CSV already stays as it is.
    let (text, local) = brought(b"photos,a\n", None).unwrap();
    assert_eq!((text.as_str(), local.reading.options), ("photos,a\n", JobOptions::default()));
}

#[test]
fn the_first_refused_row_is_shown_with_what_was_expected() {
    let told = |text: &str| brought(text.as_bytes(), None).unwrap_err().split_once(": ").unwrap().1.to_owned();
    assert!(told("a.jpg\nb.jpg\n").contains("its first row \"a.jpg\" is one cell"), "{}", told("a.jpg\n"));
    assert!(told("a.jpg\n").ends_with("of keys alone say --bucket NAME"));
    let extra = told("photos,a\nphotos,b,c.jpg\n");
    let expected = "row 2 is \"photos,b,c.jpg\": 3 cells\nexpected is Bucket,Key; a cell with a comma stands in quotes";
    assert_eq!(extra, expected);
    assert_eq!(told("photos,a\nphotos\n"), "row 2 is \"photos\": 1 cell\nexpected is Bucket,Key");
    assert!(
        told("photos,a\nphotos,\n").starts_with("row 2 is \"photos,\": object key"),
        "{}",
        told("photos,a\nphotos,\n")
    );
    assert_eq!(told("Bucket,Key\n"), "has a header and no rows\neach row names a bucket and a key");
    let nine = "u1,photos,k,1,2,3,4,5,6\n";
    assert!(
        told(nine).contains("has 9 cells\nsay what they are, such as --fields Bucket,Key,Ignore,Ignore"),
        "{}",
        told(nine)
    );
    let late = [b"photos,a\n".repeat(20_000), b"photos,M\xfcnchen\n".to_vec()].concat();
    assert!(brought(&late, None).unwrap_err().contains("row 20001 is not UTF-8\nif it is Latin-1: iconv"));
}

#[test]
fn a_manifest_json_here_is_told_where_it_is_read() {
    let told = brought(b"{\"sourceBucket\":\"b\",\"fileSchema\":\"Bucket, Key\",\"files\":[]}", None).unwrap_err();
    assert!(told.ends_with("\nit is read where it lies: --manifest s3://BUCKET/.../manifest.json"), "{told}");
}

#[tokio::test]
async fn a_manifest_in_the_store_is_what_its_bytes_say_whatever_its_name() {
    let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(SeededEntropy::new(1)));
    let store = SimulatedStore::new(SimulatedConfig::default(), clock, entropy);
    store.create_bucket(&"lists".parse().unwrap(), Versioning::Off).unwrap();
    let look = async |bytes: &[u8], format: Option<ManifestFormat>| {
        let place: S3Url = "s3://lists/m".parse().unwrap();
        let at = At { bucket: place.bucket.clone(), key: place.key().unwrap() };
        store.put(&at, Bytes::copy_from_slice(bytes).into()).unwrap();
        let said = Said { fields: None, bucket: None, options: &JobOptions::default() };
        let looked = look_there(&store, &place, format, said).await;
        looked.map(|(_, reading)| reading.format).map_err(|error| in_lines(&error))
    };
    let json = b"{\"sourceBucket\":\"b\",\"fileSchema\":\"Bucket, Key\",\"files\":[]}";
    let (csv, inventory) = (Some(ManifestFormat::Csv), Some(ManifestFormat::Inventory));
    assert_eq!(look(json, None).await, Ok(ManifestFormat::Inventory));
    assert_eq!(look(json, inventory).await, Ok(ManifestFormat::Inventory));
    assert_eq!(look(b"photos,a\n", None).await, Ok(ManifestFormat::Csv));
    assert!(look(json, csv).await.unwrap_err().contains("leave out --manifest-format csv"));
    assert!(look(b"photos,a\n", inventory).await.unwrap_err().contains("leave out --manifest-format inventory"));
    assert!(look(b"Bucket,Key\n", None).await.unwrap_err().contains("a header and no rows"));
    let zipped = look(&gzip("photos,a\n"), None).await.unwrap_err();
    assert!(zipped.contains("aws s3 cp s3://lists/m - | brigade job create ... --manifest -"), "{zipped}");
    let zstd = look(&[0x28, 0xb5, 0x2f, 0xfd, 0], None).await.unwrap_err();
    assert!(zstd.contains("\naws s3 cp s3://lists/m - | zstd -dc | brigade job create"), "{zstd}");
}
