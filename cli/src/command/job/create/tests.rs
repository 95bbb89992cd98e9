//! The request that each form of `brigade job create` sends, and the message of each mistake on its
//! command line.

use brigade_model::names::ETag;
use brigade_model::ports::object_store::At;
use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
#[command(name = "brigade job create")]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

/// Splits at blanks; an underscore in a word stands for a blank.
fn parse(line: &str) -> Result<Form, String> {
    let words = ["create"].into_iter().chain(line.split_whitespace()).map(|word| word.replace('_', " "));
    let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
    line.arguments.form.ok_or_else(|| "no form".to_owned())
}

fn names() -> Names {
    Names { region: "local".into(), appid: "1250000000".into(), uin: "100000000001".into(), role: Some("batch".into()) }
}

/// The request that a line asks for, with a manifest that lies in the store.
fn request(line: &str) -> String {
    let form = parse(&format!("{line} --token T1 --manifest s3://lists/objects.csv")).unwrap();
    let operation = form.operation(&names()).unwrap();
    let at = At { bucket: "lists".parse().unwrap(), key: "objects.csv".parse().unwrap() };
    let pinned = Pinned { at, etag: ETag::new("\"e1\"").unwrap(), version: None };
    let fields = manifest::parse_fields("Bucket,Key").unwrap();
    let spec = compose(form.common(), &names(), operation, (pinned, fields), "T1".into()).unwrap();
    let body = create_job::encode_request(&spec);
    let decoded = create_job::decode_request(&body).expect("the service understands what we ask");
    assert_eq!(create_job::encode_request(&decoded), body);
    document::indent(&body).unwrap()
}

#[test]
fn a_plain_copy_asks_for_a_report_of_all_tasks() {
    insta::assert_snapshot!(request("copy --to backup --report s3://reports/daily/"));
}

#[test]
fn a_copy_takes_every_parameter() {
    insta::assert_snapshot!(request(
        "copy --to qcs::cos:eu:uid/1:backup --storage-class archive --from-prefix old/ --to-prefix new/ \
         --modified-since 2026-01-31 --unmodified-since 2026-02-01T12:00:00Z --metadata-directive replace \
         --cache-control no-cache --content-disposition inline --content-encoding gzip --content-type text/plain \
         --expires Wed,_21_Oct_2026_07:28:00_GMT --meta owner=me --meta team=a=b --sse --tagging-directive add \
         --tag k=v --tag empty= --acl-directive replace --grant READ=qcs::cam::uin/1:uin/1 --priority 7 \
         --description every_flag --confirm-first --role other --report s3://reports --report-scope failed"
    ));
}

#[test]
fn a_prefix_given_alone_is_added_or_stripped() {
    let added = request("copy --to b --to-prefix new/ --no-report");
    assert!(added.contains("<ResourcesPrefix></ResourcesPrefix>") && added.contains("<TargetKeyPrefix>new/"));
    let stripped = request("copy --to b --from-prefix old/ --no-report");
    assert!(stripped.contains("<ResourcesPrefix>old/") && stripped.contains("<TargetKeyPrefix></TargetKeyPrefix>"));
    assert!(!request("copy --to b --no-report").contains("Prefix"));
}

#[test]
fn a_tagging_names_its_tags() {
    insta::assert_snapshot!(request("tag --tag project=x --tag owner= --tagging-directive add --no-report"));
}

#[test]
fn a_restore_names_days_and_tier() {
    insta::assert_snapshot!(request("restore --days 3 --tier bulk --report s3://reports/r"));
}

#[test]
fn a_delete_is_an_empty_element() {
    insta::assert_snapshot!(request("delete --yes --report s3://reports/r"));
}

#[test]
fn a_manifest_is_an_inventory_when_its_name_or_the_flag_says_so() {
    let format = |flags: &str| {
        let form = parse(&format!("delete --no-report --manifest {flags}")).unwrap();
        form.common().format()
    };
    use ManifestFormat::{Csv, Inventory};
    assert_eq!(format("s3://lists/inventory/20261126/manifest.json"), Inventory);
    assert_eq!(format("s3://lists/latest.json --manifest-format inventory"), Inventory);
    assert_eq!(format("s3://lists/manifest.json --manifest-format csv"), Csv);
    assert_eq!(format("s3://lists/m.csv"), Csv);
    assert_eq!(format("manifest.json"), Csv, "a file here is never taken for an inventory by its name");
}

#[test]
fn job_options_are_not_in_the_body_but_kept_for_the_headers() {
    let form = parse("delete --manifest m.csv --no-report --in-flight-max 8 --key-encoding url").unwrap();
    let given = form.common().options.0.given();
    assert_eq!(given, [("key-encoding", "url".to_owned()), ("in-flight-max", "8".to_owned())]);
}

/// The first paragraph is what the command prints, in one line.
#[test]
fn every_mistake_says_what_is_wrong() {
    let lines = [
        "copy --manifest m.csv --no-report",
        "copy --to b --manifest m.csv",
        "copy --to b --manifest m.csv --no-report --report s3://r",
        "copy --to b --manifest s3:///k --no-report",
        "copy --to b --manifest m.csv --report r",
        "copy --to b --manifest m.csv --no-report --tag a=b",
        "copy --to b --manifest m.csv --no-report --meta a=b",
        "copy --to b --manifest m.csv --no-report --storage-class cold.1",
        "copy --to b --manifest m.csv --no-report --fields Bucket",
        "copy --to b --manifest m.csv --no-report --fields Bucket,Name",
        "tag --manifest m.csv --no-report",
        "tag --tag nothing --manifest m.csv --no-report",
        "restore --days 0 --manifest m.csv --no-report",
        "restore --days 1 --tier expedited --manifest m.csv --no-report",
        "delete --manifest m.csv --no-report --priority -1",
        "delete --manifest m.csv --no-report --threshold-percent 200",
        "delete --xml f.xml --manifest m.csv",
    ];
    let told = lines.map(|line| {
        let error = parse(line).unwrap_err();
        let said: Vec<_> = error.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
        format!("{line}\n    {}", said.join(" "))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_delete_is_recognised_in_a_whole_request() {
    assert!(deletes(b"<Operation><COSDeleteObject/></Operation>"));
    assert!(!deletes(b"<Operation><COSPutObjectCopy/></Operation>"));
}
