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

fn names(dialect: Dialect) -> Names {
    Names {
        dialect,
        region: "local".into(),
        appid: "1250000000".into(),
        uin: "100000000001".into(),
        account_id: Some("123456789012".into()),
        role: Some("batch".into()),
        manifest_to: None,
        report: None,
    }
}

/// What a plain manifest of that format shows.
fn reading(format: ManifestFormat) -> Reading {
    let fields = manifest::parse_fields("Bucket,Key").unwrap();
    let fields = if format == ManifestFormat::Csv { fields } else { Vec::new() };
    Reading { format, fields, options: JobOptions::default(), buckets: manifest::BucketsNamed::default() }
}

/// The request that a line asks for, with a manifest that lies in the store.
fn request(line: &str) -> String {
    let form = parse(&format!("{line} --token T1 --manifest s3://lists/objects.csv")).unwrap();
    let names = names(dialect_of(form.kind()));
    let operation = form.operation(&names).unwrap();
    let at = At { bucket: "lists".parse().unwrap(), key: "objects.csv".parse().unwrap() };
    let pinned = Pinned { at, etag: ETag::new("\"e1\"").unwrap(), version: None };
    let spec = compose(form.common(), &names, operation, (pinned, reading(ManifestFormat::Csv)), "T1".into()).unwrap();
    let body = encode(names.dialect, &spec);
    let decoded = match names.dialect {
        Dialect::Cos => create_job::decode_request(&body).expect("the service understands what we ask"),
        Dialect::S3Control => {
            s3control::create_job::decode_request(&body).expect("the service understands what we ask")
        }
    };
    assert_eq!(encode(names.dialect, &decoded), body);
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
    insta::assert_snapshot!(request("tag --tag project=x --tag owner= --add --no-report"));
}

/// The element of the operation of what a line asks for.
fn operation(line: &str) -> String {
    let request = request(&format!("{line} --no-report"));
    let (_, operation) = request.split_once("<Operation>").unwrap();
    let (operation, _) = operation.split_once("</Operation>").unwrap();
    operation.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><")
}

#[test]
fn an_operation_that_cos_has_no_word_for_is_asked_for_in_the_words_of_s3_control() {
    let lines = [
        "untag",
        "untag --keys a,b --keys c",
        "acl --acl public-read",
        "acl --owner me --grant READ=http://acs.amazonaws.com/groups/global/AllUsers --grant WRITE=you",
        "acl --owner me",
        "legal-hold --status on",
        "retention --mode governance --until 2027-01-31 --bypass-governance",
        "retention --clear",
        "checksum",
        "checksum --algorithm sha256",
        "checksum --algorithm sha256 --type composite",
        "invoke --function arn:aws:lambda:r:123456789012:function:f --argument a=b",
        "update-encryption --key arn:aws:kms:r:123456789012:key/k --bucket-key",
    ];
    insta::assert_snapshot!(lines.map(|line| format!("{line}\n    {}", operation(line))).join("\n"));
}

#[test]
fn a_whole_request_of_s3_control_names_resources_by_arns() {
    insta::assert_snapshot!(request("untag --keys a --report s3://reports/daily/"));
}

#[test]
fn a_file_means_the_same_in_both_dialects() {
    let given = |line: &str, reading: Reading| {
        let form = parse(&format!("{line} --no-report --manifest s3://lists/m.csv")).unwrap();
        let options = options_of(form.common(), &reading, dialect_of(form.kind()));
        options.given().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let csv = || reading(ManifestFormat::Csv);
    assert_eq!(given("tag --tag a=b", csv()), "");
    assert_eq!(given("untag", csv()), "key-encoding=raw header=auto", "the dialect's own are form and no");
    assert_eq!(given("untag --key-encoding url --header yes", csv()), "key-encoding=url header=yes");
    assert_eq!(given("untag", reading(ManifestFormat::Inventory)), "", "an inventory says it itself");
    let report = JobOptions { key_encoding: Some(KeyEncoding::Url), ..JobOptions::default() };
    let own_report = || Reading { options: report.clone(), ..csv() };
    assert_eq!(given("untag", own_report()), "key-encoding=url header=auto", "keys of a report are encoded");
    assert_eq!(given("tag --tag a=b", own_report()), "", "which the service knows in the other dialect");
    let converted = JobOptions { header: Some(Header::Yes), ..JobOptions::default() };
    let converted = Reading { options: converted, ..csv() };
    assert_eq!(given("tag --tag a=b --header no", converted), "header=yes", "the flag was about the list here");
}

#[test]
fn places_come_from_the_flags_or_else_from_the_configuration() {
    let names = Names {
        manifest_to: Some("s3://lists/in".parse().unwrap()),
        report: Some("s3://reports/daily/".parse().unwrap()),
        ..names(Dialect::Cos)
    };
    let told = |line: &str, names: &Names| {
        let form = parse(&format!("delete s3://photos/logs/ {line}")).unwrap();
        let report = form.common().report_spec(names).map(|report| report.prefix.or(report.bucket.map(|_| "/".into())));
        let to = form.common().manifest_to(names).map(ToString::to_string);
        let said = |error: Explained| error.below.join(" ");
        (report.map_err(said), to.map_err(said))
    };
    assert_eq!(told("", &names), (Ok(Some("daily".into())), Ok("s3://lists/in".into())));
    assert_eq!(told("--no-report", &names).0, Ok(None));
    let flags = told("--report s3://other --manifest-to s3://elsewhere", &names);
    assert_eq!(flags, (Ok(Some("/".into())), Ok("s3://elsewhere/".into())));
    let (report, to) = told("", &self::names(Dialect::Cos));
    assert!(report.unwrap_err().contains("say --report s3://BUCKET/PREFIX or --no-report, or set client.report"));
    assert!(to.unwrap_err().contains("say --manifest-to s3://BUCKET/PREFIX/, or set client.manifest_to"));
}

#[test]
fn filters_are_of_a_listing_and_not_of_a_manifest() {
    let checked =
        |line: &str| parse(line).map(|form| form.common().check().map_err(|error| error.below.join(" "))).unwrap();
    assert_eq!(checked("delete s3://photos/logs/ --match *.log --older-than 30d --no-report"), Ok(()));
    let told = checked("delete --manifest m.csv --match *.log --no-report").unwrap_err();
    assert!(told.contains("give s3://BUCKET/PREFIX instead of --manifest"), "{told}");
}

#[test]
fn every_operation_has_a_form_and_a_dialect() {
    let lines = ["copy --to b", "restore --days 1", "delete", "tag --tag a=b", "untag", "acl --acl private"];
    let more = [
        "legal-hold --status off",
        "retention --clear",
        "checksum",
        "invoke --function arn:f",
        "update-encryption --key arn:k",
        "wait-for-restore",
    ];
    let kinds: Vec<_> = lines
        .iter()
        .chain(&more)
        .map(|line| {
            let form = parse(&format!("{line} --no-report --manifest m.csv")).unwrap();
            let dialect = dialect_of(form.kind());
            assert_eq!(form.operation(&names(dialect)).unwrap().kind(), form.kind());
            form.kind()
        })
        .collect();
    let without: Vec<_> = OperationKind::ALL.into_iter().filter(|kind| !kinds.contains(kind)).collect();
    assert_eq!(without, []);
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
        "copy --to b",
        "copy --to b s3://photos/ --manifest m.csv",
        "copy --to b s3://photos/ --fields Bucket,Key",
        "copy --to b photos/",
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
        "tag --add --manifest m.csv --no-report",
        "untag --keys a,,b --manifest m.csv --no-report",
        "acl --manifest m.csv --no-report",
        "acl --acl mine --manifest m.csv --no-report",
        "acl --owner me --grant OWN=you --manifest m.csv --no-report",
        "legal-hold --manifest m.csv --no-report",
        "retention --manifest m.csv --no-report",
        "retention --until 2027-01-31 --manifest m.csv --no-report",
        "checksum --algorithm crc --manifest m.csv --no-report",
        "checksum --type parts --manifest m.csv --no-report",
        "invoke --manifest m.csv --no-report",
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
    assert!(deletes(b"<Operation><BrigadeDeleteObject/></Operation>"));
    assert!(!deletes(b"<Operation><COSPutObjectCopy/></Operation>"));
}
