//! The life of a job over an inventory, by `brigade job`.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};

use crate::kept::Kept;
use crate::keys::Store;

/// Key and size, as an inventory of all versions has them, and whether it is a delete marker.
const ROWS: &str = "\"photos\",\"2016/01/img-0000000.jpg\",\"1024\",\"\",\"true\",\"false\"
\"photos\",\"2025/10/Z%C3%BCrich%2C%20%22Day%2099%22.jpg\",\"1024\",\"\",\"true\",\"false\"
\"photos\",\"gone.jpg\",\"\",\"\",\"true\",\"true\"
";

/// ```text
/// brigade job create tag --tag a=b --manifest s3://lists/inventory/20261126/manifest.json ...
/// brigade job watch ID
/// brigade job report ID
/// ```
#[tokio::test]
async fn an_inventory_is_given_by_its_manifest_json() {
    let kept = Kept::start();
    let store = Store::of(&kept);
    let mut part = GzEncoder::new(Vec::new(), Compression::fast());
    part.write_all(ROWS.as_bytes()).unwrap();
    let part = part.finish().unwrap();
    let (size, md5) = (part.len(), hex::encode(Md5::digest(&part)));
    let document = format!(
        r#"{{"sourceBucket":"photos","destinationBucket":"arn:aws:s3:::lists","fileFormat":"CSV","listObjectCount":"3",
        "fileSchema":"Bucket, Key, Size, VersionId, IsLatest, IsDeleteMarker",
        "files":[{{"key":"inventory/data/1.csv.gz","size":"{size}","md5Checksum":"{md5}"}}]}}"#
    );
    store.put("lists", "inventory/data/1.csv.gz", &part).await;
    store.put("lists", "inventory/20261126/manifest.json", &document).await;

    let inventory = ["--manifest", "s3://lists/inventory/20261126/manifest.json", "--report", "s3://reports/inventory"];
    let (_, err, code) =
        kept.run(&[&["job", "create", "tag", "--tag", "a=b", "--fields", "Bucket,Key"], &inventory[..]].concat());
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("says itself what its columns are"), "{err}");

    let (out, err, _) = kept.run(&[&["job", "create", "tag", "--tag", "a=b"], &inventory[..]].concat());
    let job = out.trim();
    assert_eq!(job.len(), 36, "{err}");
    let (out, err, code) = kept.run(&["job", "watch", job]);
    assert_eq!(code, Some(0), "{out}{err}");
    let (out, _, _) = kept.run(&["job", "report", job]);
    assert!(out.contains("2 tasks: 2 succeeded") && out.contains("1 delete marker"), "{out}");
    for key in ["2016/01/img-0000000.jpg", "2025/10/Zürich, \"Day 99\".jpg"] {
        assert_eq!(store.tags(key).await, 1, "{key}");
    }
}
