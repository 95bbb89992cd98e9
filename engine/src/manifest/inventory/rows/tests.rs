use brigade_model::operation::OperationKind;
use brigade_model::options::{EmptyVersion, KeyEncoding};
use brigade_model::task::Defect;
use brigade_model::{ETag, ManifestLocation};

use super::*;
use crate::manifest::inventory::{FileFormat, Inventory};
use crate::places::BucketRules;
use crate::test_job::object_ref;

fn inventory(schema: &str, appid: Option<&str>) -> Inventory {
    // Without an appid, that of the manifest's own place: it says who wrote the inventory.
    let appid =
        appid.map_or(r#""destinationAppid":"125","#.to_owned(), |appid| format!("\"sourceAppid\":\"{appid}\","));
    let json = format!("{{{appid}\"fileSchema\":\"{schema}\",\"files\":[]}}");
    let object = object_ref("lists", "manifest.json");
    let location = ManifestLocation { object, version: None, etag: ETag::new("\"e\"").unwrap() };
    Inventory::read(json.as_bytes(), &location, &BucketRules::any()).unwrap()
}

fn rows_of(inventory: &Inventory, operation: OperationKind, rules: RowRules) -> Result<InventoryRows, InventoryError> {
    let FileFormat::Csv(columns) = inventory.format.clone() else { panic!("{inventory:?} is no CSV") };
    inventory.listed_rows(operation, rules).map(|listed| InventoryRows::new(columns, listed, rules))
}

struct Case {
    inventory: Inventory,
    operation: OperationKind,
    rules: RowRules,
}

impl Case {
    fn of(schema: &str) -> Self {
        let rules = RowRules::default();
        Self { inventory: inventory(schema, None), operation: OperationKind::Copy, rules }
    }

    fn operation(mut self, operation: OperationKind) -> Self {
        self.operation = operation;
        self
    }

    fn read(&self, parts: &[&str]) -> Result<(Vec<Task>, u64), RowError> {
        let mut rows = rows_of(&self.inventory, self.operation, self.rules).unwrap();
        let mut tasks = Vec::new();
        for part in parts {
            for mut piece in part.as_bytes().chunks(7) {
                while let Some(task) = rows.next(&mut piece)? {
                    tasks.push(task);
                }
            }
            tasks.extend(rows.end_part()?);
        }
        Ok((tasks, rows.listed().left_out()))
    }

    fn tasks(&self, text: &str) -> Vec<Task> {
        self.read(&[text]).unwrap().0
    }
}

fn keys(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.key.as_str()).collect()
}

#[test]
fn columns_mean_what_the_schema_says_in_any_order_and_case() {
    for (schema, row) in [
        ("Appid, Bucket, Key, Size, ETag", "\"1250000000\",\"photos\",\"a.jpg\",\"7\",\"e\"\n"),
        ("etag,SIZE , key,bucket,appid", "e,7,a.jpg,photos,1250000000"),
    ] {
        let tasks = Case::of(schema).tasks(row);
        let task = &tasks[0];
        assert_eq!((task.bucket.as_str(), task.key.as_str(), task.size), ("photos-1250000000", "a.jpg", Some(7)));
    }
}

#[test]
fn a_bucket_is_completed_with_its_appid_once() {
    let bucket = |appid: Option<&str>, schema: &str, row: &str| {
        let case = Case { inventory: inventory(schema, appid), ..Case::of(schema) };
        case.tasks(row)[0].bucket.as_str().to_owned()
    };
    assert_eq!(bucket(None, "Bucket,Key", "photos,k"), "photos");
    assert_eq!(bucket(Some("125"), "Bucket,Key", "photos,k"), "photos-125");
    assert_eq!(bucket(Some("125"), "Bucket,Key", "photos-125,k"), "photos-125");
    assert_eq!(bucket(Some("125"), "Bucket,Key", "photos125,k"), "photos125-125");
    assert_eq!(bucket(Some("125"), "Appid,Bucket,Key", "126,photos,k"), "photos-126", "the row knows better");
    assert_eq!(bucket(Some("125"), "Appid,Bucket,Key", ",photos,k"), "photos-125");
}

#[test]
fn rows_of_another_bucket_are_tasks_with_a_defect() {
    let tasks = Case::of("Bucket,Key").tasks("b,1\nc,2\nb,3");
    assert_eq!(tasks.iter().map(|task| task.defect).collect::<Vec<_>>(), [None, Some(Defect::OtherBucket), None]);
}

#[test]
fn keys_are_encoded_as_the_writer_does_it_unless_the_job_says_otherwise() {
    let key = |encoding: Option<KeyEncoding>, text: &str| {
        let mut case = Case::of("Bucket,Key");
        case.rules.key_encoding = encoding;
        case.read(&[&format!("b,\"{text}\"")]).map(|(tasks, _)| tasks[0].key.as_str().to_owned())
    };
    assert_eq!(key(None, "a%20b+c%2Bd").unwrap(), "a b+c+d");
    assert_eq!(key(Some(KeyEncoding::Form), "a%20b+c%2Bd").unwrap(), "a b c+d");
    assert_eq!(key(Some(KeyEncoding::Raw), "a%20b+c%2Bd").unwrap(), "a%20b+c%2Bd");
    assert_eq!(key(None, "100%"), Err(RowError::NotEncoded { row: 1 }));

    let mut of_aws = Case::of("Bucket,Key");
    of_aws.inventory.encoding = Some(KeyEncoding::Form);
    assert_eq!(keys(&of_aws.tasks("b,a%20b+c%2Bd")), ["a b c+d"]);
    of_aws.rules.key_encoding = Some(KeyEncoding::Url);
    assert_eq!(keys(&of_aws.tasks("b,a%20b+c%2Bd")), ["a b+c+d"]);
}

#[test]
fn an_inventory_whose_writer_is_unknown_is_read_only_when_the_job_says_how() {
    let mut unknown = inventory("Bucket,Key", None);
    unknown.encoding = None;
    let read = |rules| rows_of(&unknown, OperationKind::Copy, rules).map(drop);
    assert_eq!(read(RowRules::default()), Err(InventoryError::Writer));
    let encoding = |encoding| RowRules { key_encoding: Some(encoding), ..RowRules::default() };
    assert_eq!(read(encoding(KeyEncoding::Raw)), Ok(()));
}

#[test]
fn cells_are_taken_byte_for_byte_and_headers_as_the_job_says() {
    let mut case = Case::of("Bucket,Key,Size");
    assert_eq!(keys(&case.tasks("b, k ,7\nb,\"\tl\",8\n")), [" k ", "\tl"]);
    let told = case.read(&["b,k, 7\n"]).unwrap_err().to_string();
    assert_eq!(told, "row 1: the column Size must be a number of bytes");
    assert_eq!(
        case.read(&["b, \"k\",7\n"]).unwrap_err().to_string().split(';').next(),
        Some("row 1: blanks stand before the opening quote of a cell")
    );
    case.rules.separator = Some(Separator::CommaBlank);
    assert_eq!(keys(&case.tasks("b, k, 7\nb, \"l\", 8\n")), ["k", "l"]);
    case.rules = RowRules { header: Some(Header::Yes), ..RowRules::default() };
    assert_eq!(keys(&case.read(&["x,y,z\nb,k,7\n", "x,y,z\nb,l,7\n"]).unwrap().0), ["k", "l"]);
    case.rules.header = Some(Header::No);
    assert_eq!(keys(&case.tasks("Bucket,Key,7\n")), ["Key"]);
}

#[test]
fn parts_are_one_list_and_each_may_have_a_header() {
    let parts = ["Bucket,Key,Size\r\nb,k0,1\r\nb,k1,2", "", "bucket, key ,size\nb,k2,3\n", "b,k3,\nBucket,Key,4\n"];
    let (tasks, _) = Case::of("Bucket, Key, Size").read(&parts).unwrap();
    assert_eq!(keys(&tasks), ["k0", "k1", "k2", "k3", "Key"]);
    assert!(tasks.iter().zip(0..).all(|(task, number)| task.number == number));
    assert_eq!(tasks.iter().map(|task| task.size).collect::<Vec<_>>(), [Some(1), Some(2), Some(3), None, Some(4)]);
}

/// Which keys become tasks, and how many rows are left out.
#[test]
fn delete_markers_are_tasks_only_of_a_delete_that_names_their_version() {
    use OperationKind::{Copy, Delete, Restore, Tagging};
    let rows = "b,old,v1,false,false\nb,gone,v2,true,true\nb,plain,,true,FALSE\nb,hidden,,false,TRUE\n";
    let versions = "Bucket,Key,VersionId,IsLatest,IsDeleteMarker";
    for operation in [Copy, Restore, Tagging] {
        let (tasks, left_out) = Case::of(versions).operation(operation).read(&[rows]).unwrap();
        assert_eq!((keys(&tasks), left_out), (vec!["old", "plain"], 2), "{operation:?}");
    }
    let mut delete = Case::of(versions).operation(Delete);
    let (tasks, left_out) = delete.read(&[rows]).unwrap();
    assert_eq!((keys(&tasks), left_out), (vec!["old", "gone", "plain", "hidden"], 0), "null is a version too");
    assert_eq!(
        tasks.iter().map(|task| task.version.as_ref().map(|v| v.as_str())).collect::<Vec<_>>(),
        [Some("v1"), Some("v2"), None, None]
    );

    delete.rules.empty_version = Some(EmptyVersion::Latest);
    let (tasks, left_out) = delete.read(&[rows]).unwrap();
    assert_eq!((keys(&tasks), left_out), (vec!["old", "gone", "plain"], 1), "the latest is not the marker");

    let without_versions = Case::of("Bucket,Key,IsDeleteMarker").operation(Delete);
    let (tasks, left_out) = without_versions.read(&["b,here,false\nb,gone,true\n"]).unwrap();
    assert_eq!((keys(&tasks), left_out), (vec!["here"], 1), "without a version a marker cannot be removed");
}

#[test]
fn a_row_that_makes_no_sense_is_named() {
    let cases = [
        ("b,k,1\nb,k\n", "row 2: has 2 columns, the fields name 3"),
        ("b,k,many\n", "row 1: the column Size must be a number of bytes"),
        ("b,k,-1\n", "row 1: the column Size must be a number of bytes"),
        ("b,,1\n", "row 1: object key must not be empty"),
        ("b,\"k,1\n", "row 1: a quoted cell has no closing quote"),
    ];
    for (text, told) in cases {
        assert_eq!(Case::of("Bucket,Key,Size").read(&[text]).unwrap_err().to_string(), told, "{text:?}");
    }
    let second_part = Case::of("Bucket,Key,Size").read(&["b,k,1\nb,k,1\n", "b,k,1\nb,k,x\n"]);
    assert_eq!(second_part.unwrap_err().to_string(), "row 2: the column Size must be a number of bytes");
    let marker = Case::of("Bucket,Key,IsDeleteMarker").read(&["b,k,yes"]);
    assert_eq!(marker.unwrap_err().to_string(), "row 1: the column IsDeleteMarker must be true or false");
}
