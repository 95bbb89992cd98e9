use brigade_model::ETag;

use super::*;
use crate::test_job::object_ref;

const MD5: &str = "7d40c9b8f0a9e3b1c2d4e5f60718293a";

fn location(bucket: &str) -> ManifestLocation {
    let object = object_ref(bucket, "inv/20261126/manifest.json");
    ManifestLocation { object, version: None, etag: ETag::new("\"e\"").unwrap() }
}

fn read(json: &str) -> Result<Inventory, InventoryError> {
    Inventory::read(json.as_bytes(), &location("lists"), &BucketRules::any())
}

/// As COS writes it today.
fn current() -> String {
    format!(
        r#"{{"sourceAppid":"1250000000","sourceBucket":"photos","destinationAppid":"1250000000",
        "destinationBucket":"lists","fileFormat":"CSV","listObjectCount":"13","listStorageSize":"7212835",
        "filterObjectCount":"13","filterStorageSize":"7212835",
        "fileSchema":"Appid, Bucket, Key, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded, ReplicationStatus",
        "files":[{{"key":"inv/04d7.csv.gz","size":"502","md5Checksum":"{MD5}"}},
                 {{"key":"inv/04d8.csv.gz","size":"7","md5Checksum":"{MD5}"}}]}}"#
    )
}

/// As it was published before.
fn older() -> String {
    format!(
        r#"{{"sourceBucket":"photos-1250000000","destinationBucket":"lists-1250000000","version":"2016-11-30",
        "creationTimestamp":"1514944800000","fileFormat":"CSV",
        "fileSchema":"Bucket, Key, Size, StorageClass, ETag, ReplicationStatus, MultipartUploaded, LastModifiedDate, VersionId, IsLatest, IsDeleteMarker",
        "files":[{{"key":"inv/data/04d7.csv.gz","size":502,"MD5checksum":"{MD5}","inventoriedRecord":13}}]}}"#
    )
}

#[test]
fn every_published_shape_is_read() {
    let inventory = read(&current()).unwrap();
    assert_eq!(inventory.source_appid.as_deref(), Some("1250000000"));
    let parts: Vec<_> = inventory.parts.iter().map(|part| (part.located.key.as_str(), part.size)).collect();
    assert_eq!(parts, [("inv/04d7.csv.gz", Some(502)), ("inv/04d8.csv.gz", Some(7))]);
    assert_eq!(inventory.parts[0].md5.map(hex::encode).as_deref(), Some(MD5));

    let inventory = read(&older()).unwrap();
    assert_eq!((inventory.source_appid, inventory.parts[0].size), (None, Some(502)));
    assert_eq!(inventory.parts[0].located.bucket.as_str(), "lists-1250000000");
}

/// As AWS writes it.
fn of_aws() -> String {
    format!(
        r#"{{"sourceBucket":"photos","destinationBucket":"arn:aws:s3:::lists","version":"2016-11-30",
        "creationTimestamp":"1514944800000","fileFormat":"CSV",
        "fileSchema":"Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass",
        "files":[{{"key":"inv/data/04d7.csv.gz","size":502,"MD5checksum":"{MD5}"}}]}}"#
    )
}

#[test]
fn who_wrote_an_inventory_says_how_its_keys_are_encoded() {
    let encoding = |json: &str| read(json).unwrap().encoding;
    assert_eq!(encoding(&current()), Some(KeyEncoding::Url));
    assert_eq!(encoding(&older()), Some(KeyEncoding::Url));
    assert_eq!(encoding(&of_aws()), Some(KeyEncoding::Form));
    assert_eq!(encoding(&of_aws().replace("arn:aws:", "arn:aws-cn:")), Some(KeyEncoding::Form));
    let appids_in_rows = r#"{"fileSchema":"Appid, Bucket, Key","files":[]}"#;
    assert_eq!(encoding(appids_in_rows), Some(KeyEncoding::Url));
    for unknown in [
        r#"{"fileSchema":"Bucket, Key","files":[]}"#.to_owned(),
        older().replace("photos-1250000000", "photos-1250000001"),
        older().replace("-1250000000", "-20260101"),
        of_aws().replace("arn:aws:s3:::", ""),
        of_aws().replace("\"sourceBucket\"", "\"sourceAppid\":\"125\",\"sourceBucket\""),
    ] {
        assert_eq!(encoding(&unknown), None, "{unknown}");
    }
}

/// As the service of AWS has published it, in each of its formats: laid out as it writes it, with a blank before and
/// after each colon, the time as a text of milliseconds, and `MD5checksum`. Sources: the S3 user guide, "Locating your
/// inventory list"; documents of real buckets in the tests of lakeFS (`TestFetchManifest`) and of others.
///
/// Ceph's own is none that can be had: no release writes inventories. Its documentation has no page of them
/// (`doc/radosgw` of the repository `ceph/ceph`), and the branch of a developer (`linuxbox2/ceph`,
/// `src/rgw/rgw_inventory.cc`) reads PutBucketInventoryConfiguration as AWS has it, with the destination as an `arn:` and the
/// formats CSV, ORC and Parquet, and writes no manifest.json yet (`src/rgw/rgw_s3inventory.cc`). What it names, `bucket`,
/// `key`, `version_id` and so on, are the columns of AWS in Parquet.
fn published_by_aws(format: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/inventory/manifest");
    std::fs::read_to_string(format!("{folder}/aws-{format}.json")).unwrap()
}

#[test]
fn the_inventories_of_aws_are_read_in_csv_and_parquet_and_orc_is_refused_by_its_name() {
    let csv = read(&published_by_aws("csv")).unwrap();
    assert!(matches!(csv.format, FileFormat::Csv(_)));
    assert_eq!((csv.encoding, csv.parts[0].size), (Some(KeyEncoding::Form), Some(21_049_370)));
    let parquet = read(&published_by_aws("parquet")).unwrap();
    assert_eq!((parquet.format, parquet.encoding), (FileFormat::Parquet, Some(KeyEncoding::Raw)));
    assert_eq!(parquet.parts.len(), 2);
    assert!(parquet.parts.iter().all(|part| part.md5.is_some() && part.located.bucket.as_str() == "lists"));
    let orc = read(&published_by_aws("orc")).unwrap_err();
    assert_eq!(orc.to_string(), "its fileFormat is \"ORC\"; only CSV and Parquet are read");
}

/// Buckets of a Ceph have the ARN of their zone group and tenant, where they have one.
#[test]
fn an_inventory_whose_destination_is_a_bucket_of_ceph_is_read_as_one_of_aws() {
    for arn in ["arn:aws:s3:::lists", "arn:aws:s3:default::lists", "arn:aws:s3:default:tenant:lists"] {
        let inventory = read(&published_by_aws("csv").replace("arn:aws:s3:::lists", arn)).unwrap();
        assert_eq!(inventory.encoding, Some(KeyEncoding::Form), "{arn}");
        assert_eq!(inventory.parts[0].located.bucket.as_str(), "lists", "{arn}");
    }
}

#[test]
fn how_keys_are_encoded_in_parquet_is_known_of_aws_alone() {
    let of_aws = published_by_aws("parquet");
    assert_eq!(read(&of_aws).unwrap().encoding, Some(KeyEncoding::Raw));
    for unknown in [
        of_aws.replace("arn:aws:s3:::", ""),
        current().replace("\"CSV\"", "\"Parquet\""),
        of_aws.replace("\"sourceBucket\"", "\"sourceAppid\":\"125\",\"sourceBucket\""),
    ] {
        let inventory = read(&unknown).unwrap();
        assert_eq!((inventory.format, inventory.encoding), (FileFormat::Parquet, None), "{unknown}");
    }
}

#[test]
fn the_checksum_has_three_spellings_and_may_be_missing() {
    for spelling in ["md5Checksum", "MD5checksum", "MD5Checksum"] {
        let inventory = read(&current().replace("md5Checksum", spelling)).unwrap();
        assert!(inventory.parts.iter().all(|part| part.md5.is_some()), "{spelling}");
    }
    let upper = read(&current().replace(MD5, &MD5.to_uppercase())).unwrap();
    assert_eq!(upper.parts[0].md5.map(hex::encode).as_deref(), Some(MD5));
    for missing in ["", "null"] {
        let text = if missing.is_empty() { "\"\"" } else { missing };
        let inventory = read(&current().replace(&format!("\"{MD5}\""), text)).unwrap();
        assert_eq!(inventory.parts[0].md5, None);
    }
}

#[test]
fn parts_lie_in_the_destination_which_mostly_is_where_the_manifest_lies() {
    let rules = |strip: Option<&str>| BucketRules { strip_suffix: strip.map(Into::into), ..BucketRules::any() };
    let bucket = |own: &str, named: &str, strip: Option<&str>| {
        let json = current().replace(r#""destinationBucket":"lists""#, &format!(r#""destinationBucket":"{named}""#));
        let inventory = Inventory::read(json.as_bytes(), &location(own), &rules(strip)).unwrap();
        inventory.parts[0].located.bucket.as_str().to_owned()
    };
    assert_eq!(bucket("lists", "lists", None), "lists", "called as the job calls it");
    assert_eq!(bucket("lists-1250000000", "lists", None), "lists-1250000000", "the suffix is left off");
    assert_eq!(bucket("lists-1250000000", "lists-1250000000", None), "lists-1250000000");
    assert_eq!(bucket("lists", "lists-1250000000", Some("-1250000000")), "lists", "the same bucket of the store");
    assert_eq!(bucket("mine", "lists", None), "lists-1250000000", "another bucket, by its full name");
    assert_eq!(bucket("mine", "", None), "mine");
    let part = |location: &ManifestLocation, json: &str| {
        let inventory = Inventory::read(json.as_bytes(), location, &BucketRules::any()).unwrap();
        inventory.parts[0].located.bucket.as_str().to_owned()
    };
    assert_eq!(part(&location("lists"), &of_aws()), "lists");
    assert_eq!(part(&location("mine"), &of_aws()), "lists", "an arn names the bucket as it is");
    let of_tenant = of_aws().replace("arn:aws:s3:::lists", "arn:aws:s3:zone:tenant:lists");
    assert_eq!(part(&location("mine"), &of_tenant), "lists");
}

#[test]
fn what_is_no_manifest_of_a_csv_inventory_says_why() {
    let cases = [
        ("", "is not the manifest.json of an inventory: EOF while parsing a value at line 1 column 0".to_owned()),
        (r#"{"Format":"Report_CSV_V1"}"#, "missing field `fileSchema`".into()),
        (&current().replace("\"CSV\"", "\"ORC\""), "its fileFormat is \"ORC\"; only CSV and Parquet are read".into()),
        (&current().replace(" Key,", " Name,"), "its fileSchema must name the column Key once".into()),
        (&current().replace(" ETag,", " Bucket,"), "its fileSchema must name the column Bucket once".into()),
        (&current().replace("inv/04d8.csv.gz", ""), "its file 2 has a bad name: object key must not be empty".into()),
        (&current().replace("\"7\"", "\"seven\""), "the size of file 2 is no number".into()),
        (&current().replace(MD5, "abc"), "the MD5 of its file 1 is not 32 hexadecimal digits".into()),
        (&current().replace("\"lists\"", "\"a/b\""), "its destinationBucket: bucket name must not hold '/'".into()),
    ];
    for (json, told) in cases {
        let error = read(json).unwrap_err().to_string();
        assert!(error.contains(&told), "{error:?} does not say {told:?}");
    }
}

#[test]
fn an_inventory_that_names_a_part_twice_is_refused_with_the_name() {
    let refused = read(&current().replace("04d8", "04d7")).unwrap_err();
    assert_eq!(refused.to_string(), "it names its file inv/04d7.csv.gz twice");
    // A list of one part a hundred times.
    let part = r#"{"key":"inv/a.csv","size":2200000}"#;
    let parts = vec![part; 100].join(",");
    let many = format!(r#"{{"sourceBucket":"photos","fileSchema":"Bucket, Key","files":[{parts}]}}"#);
    assert_eq!(read(&many).unwrap_err(), InventoryError::Twice(ObjectKey::new("inv/a.csv").unwrap()));
}

#[test]
fn an_inventory_that_names_more_parts_than_are_held_is_refused_before_it_is_read() {
    let of = |parts: usize| {
        let files = vec![r#"{"key":"a"}"#; parts].join(",");
        read(&format!(r#"{{"sourceBucket":"photos","fileSchema":"Bucket, Key","files":[{files}]}}"#))
    };
    assert!(!matches!(of(PARTS_MAX), Err(InventoryError::TooManyParts | InventoryError::Document(_))));
    assert_eq!(of(PARTS_MAX + 1).unwrap_err().to_string(), "names more than 100000 parts");
}
