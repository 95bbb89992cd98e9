//! The life of a job, told by real clients, against our service as a process on a moto server process.
//! Each test's comments are the command lines that it proves.
#![allow(clippy::unwrap_used)]

use std::fs;

use brigade_tests::process::{Process, brigade, node_program, python_program, workspace};
use brigade_tests::scenario::{ACCOUNT_ID, text_of};
use brigade_tests::{Function, Scenario, Server};

/// Opens the scenario's store in Python.
const S3: &str = "import boto3, os, requests
s3 = boto3.client('s3', endpoint_url=os.environ['S3_URL'], region_name='us-east-1',
    aws_access_key_id=os.environ['S3_ACCESS_KEY'], aws_secret_access_key=os.environ['S3_SECRET_KEY'])
";

/// Makes the buckets and puts `n` objects into `photos`, under `p/`.
fn fill(scenario: &Scenario, n: usize) {
    let program = format!(
        "{S3}
for bucket in ('photos', 'backup', 'batch'):
    s3.create_bucket(Bucket=bucket)
for i in range({n}):
    s3.put_object(Bucket='photos', Key=f'p/{{i:05}} ü+.jpg', Body=b'x')"
    );
    let _ = scenario.python(&program);
}

/// How many objects `backup` holds.
fn count_copies(scenario: &Scenario) -> usize {
    scenario.python(&format!("{S3}print(s3.list_objects_v2(Bucket='backup')['KeyCount'])")).trim().parse().unwrap()
}

/// `brigade manifest list s3://photos/p/ --out photos.csv`
fn list(scenario: &Scenario) {
    let _ = scenario.told(&["manifest", "list", "s3://photos/p/", "--out", "photos.csv"]);
}

/// `brigade job create FORM --manifest photos.csv --manifest-to s3://batch/manifests --report s3://batch/reports`
fn create(scenario: &Scenario, form: &[&str]) -> String {
    let places =
        ["--manifest", "photos.csv", "--manifest-to", "s3://batch/manifests", "--report", "s3://batch/reports"];
    scenario.told(&[&["job", "create"], form, &places[..]].concat()).trim().to_owned()
}

/// target/venv/bin/python tests/clients/life.py
#[test]
fn a_program_that_signs_with_the_official_python_signer_tells_the_life_of_its_jobs() {
    let scenario = Scenario::start();
    let life = fs::read_to_string(workspace().join("tests/clients/life.py")).unwrap();
    assert_eq!(scenario.python(&life).trim(), "told");
}

/// NODE_PATH=target/node/node_modules node tests/clients/life.js
#[test]
fn a_program_that_uses_the_official_node_sdk_tells_the_life_of_its_jobs() {
    let scenario = Scenario::on(Server::sandbox());
    fill(&scenario, 3);
    let program = format!(
        "{S3}
rows = ''.join(f'photos,p/{{i:05}} ü+.jpg\\n' for i in range(3))
print(s3.put_object(Bucket='batch', Key='m.csv', Body=rows.encode())['ETag'])"
    );
    let etag = scenario.python(&program);
    let mut life = node_program("life.js");
    life.envs([("MANIFEST", "m.csv"), ("MANIFEST_ETAG", etag.trim()), ("ROWS", "3")]);
    assert_eq!(scenario.run(&mut life).trim(), "told");
}

/// target/venv/bin/python tests/clients/played.py
#[test]
fn the_calls_of_terraform_create_read_change_and_destroy_a_job_and_see_no_difference_that_lasts() {
    // So that the job still runs when its status is asked for again.
    let slow = ("BRIGADE_ENDPOINTS_MAIN_REQUESTS_PER_SECOND", "20".to_owned());
    let scenario = Scenario::with(Server::sandbox(), &[slow]);
    let clients = workspace().join("tests/clients");
    let program = format!(
        "import sys; sys.path.append({clients:?}); import runpy; runpy.run_module('played', run_name='__main__')"
    );
    assert_eq!(scenario.python(&program).trim(), "told");
}

/// target/venv/bin/python -c "import sys; sys.path.append('tests/clients'); import s3control; s3control.tell()"
#[test]
fn a_program_written_for_s3_batch_operations_tells_the_life_of_its_jobs_by_boto3() {
    let scenario = Scenario::start();
    let clients = workspace().join("tests/clients");
    let program = format!("import sys; sys.path.append({clients:?}); import s3control; s3control.tell()");
    assert_eq!(scenario.python(&program).trim(), "told");
}

/// target/venv/bin/python -c "import sys; sys.path.append('tests/clients'); import s3control as c; c.tell_lives(['untagging', 'acl', 'locks'])"
#[test]
fn a_program_written_for_s3_batch_operations_tells_of_tags_acls_and_locks_by_boto3() {
    let role =
        "[accounts.main.roles.batch]\noperations = [\"copy\", \"untag\", \"acl\", \"legal-hold\", \"retention\"]\n";
    let scenario = Scenario::configured(Server::moto(), role, &[]);
    let made = format!("{S3}s3.create_bucket(Bucket='locked', ObjectLockEnabledForBucket=True)");
    let _ = scenario.python(&made);
    // brigade endpoint probe main --bucket locked
    let _ = scenario.told(&["endpoint", "probe", "main", "--bucket", "locked"]);
    let clients = workspace().join("tests/clients");
    let program = format!(
        "import sys; sys.path.append({clients:?}); import s3control as c; c.tell_lives(['untagging', 'acl', 'locks'])"
    );
    assert_eq!(scenario.python(&program).split_whitespace().collect::<Vec<_>>(), ["untagging", "acl", "locks"]);
}

#[test]
fn an_inventory_in_parquet_is_a_manifest_of_boto3_and_of_our_own_command_line() {
    let scenario = Scenario::start();
    let clients = workspace().join("tests/clients");
    // target/venv/bin/python -c "... import s3control; s3control.tell_lives(['inventory'])"
    let program =
        format!("import sys; sys.path.append({clients:?}); import s3control; s3control.tell_lives(['inventory'])");
    assert_eq!(scenario.python(&program).trim(), "inventory");
    // brigade job create tag --tag a=b --manifest s3://batch/inventory/manifest.json --report s3://batch/reports
    let inventory = ["--manifest", "s3://batch/inventory/manifest.json", "--report", "s3://batch/reports"];
    let created = scenario.told(&[&["job", "create", "tag", "--tag", "a=b"], &inventory[..]].concat());
    assert!(scenario.told(&["job", "watch", created.trim()]).contains("Complete"));
    assert!(scenario.told(&["job", "report", created.trim()]).contains("20 tasks: 20 succeeded"));
}

#[test]
fn the_lines_of_the_readme_tag_two_objects_by_the_aws_command_line() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, lines) = readme.split_once("\n    printf 'photos,").unwrap();
    let lines: Vec<_> =
        lines.lines().map_while(|line| line.strip_prefix("    ").or(line.strip_prefix("1.txt"))).collect();
    let scenario = Scenario::start();
    let client = scenario.client();
    // The page has the keys of the reader's own configuration there.
    let given = |line: &&str| !line.starts_with("export AWS_ACCESS_KEY_ID");
    let lines = lines.into_iter().filter(given).collect::<Vec<_>>().join("\n");
    let lines = format!("printf 'photos,1.txt{lines}");
    let lines =
        lines.replace("http://127.0.0.1:5000", &scenario.store.url).replace("http://127.0.0.1:8080", &scenario.url);
    let _ = scenario.python(&format!(
        "{S3}
for bucket in ('photos', 'batch'):
    s3.create_bucket(Bucket=bucket)
for key in ('1.txt', '2.txt'):
    s3.put_object(Bucket='photos', Key=key, Body=b'x')"
    ));
    let told = std::process::Command::new("bash")
        .args(["-euc", &lines])
        .env("PATH", format!("{}:/usr/bin:/bin", workspace().join("target/venv/bin").display()))
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", client["secret_id"].as_str().unwrap())
        .env("AWS_SECRET_ACCESS_KEY", client["secret_key"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(told.status.success(), "{lines}\n{}", text_of(&told));
    let created: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
    let job = created["JobId"].as_str().unwrap_or_else(|| panic!("{}", text_of(&told)));
    // brigade job watch JOB
    assert!(scenario.told(&["job", "watch", job]).contains("Complete"));
    // brigade job report JOB
    assert!(scenario.told(&["job", "report", job]).contains("2 tasks: 2 succeeded"));
    let tags =
        format!("{S3}print([s3.get_object_tagging(Bucket='photos', Key=k)['TagSet'] for k in ('1.txt', '2.txt')])");
    assert_eq!(scenario.python(&tags).matches("{'Key': 'team', 'Value': 'red'}").count(), 2);
}

/// The fields of a CreateJob, as the service model of every SDK has them.
const MODEL: &str = "
import botocore.session
model = botocore.session.get_session().get_service_model('s3control', '2018-08-20')
def walk(shape, path):
    if shape.type_name == 'structure' and shape.members:
        for name, member in shape.members.items():
            walk(member, f'{path}.{name}' if path else name)
    elif shape.type_name == 'list' and shape.member.type_name == 'structure':
        walk(shape.member, path + '[]')
    else:
        print(path)
walk(model.operation_model('CreateJob').input_shape, '')";

#[test]
fn every_field_of_the_service_model_has_its_row_in_the_table_of_compatibility() {
    let output = python_program("python").args(["-c", MODEL]).output().unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
    let page = fs::read_to_string(workspace().join("docs/compatibility.md")).unwrap();
    let (_, page) = page.split_once("\n## S3 Batch Operations").unwrap();
    let mut told = std::collections::BTreeSet::new();
    for section in page.split("\n## ").next().unwrap().split("\n`CreateJob").skip(1) {
        let title = section.split(['`', ',']).next().unwrap().trim_start_matches(": ");
        let above = match title {
            "" => String::new(),
            "Manifest" | "Report" => format!("{title}."),
            operation => format!("Operation.{operation}."),
        };
        told.insert(above.trim_end_matches('.').to_owned());
        let fields = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        told.extend(fields.map(|field| format!("{above}{field}")));
    }
    let model = String::from_utf8(output.stdout).unwrap();
    // A header of every request, and what is refused as a whole.
    let is_asked = |path: &&str| *path != "AccountId" && !path.starts_with("ManifestGenerator");
    let missing: Vec<_> = model.lines().filter(is_asked).filter(|path| !told.contains(*path)).collect();
    assert!(missing.is_empty(), "docs/compatibility.md has no row of {missing:#?}");
}

/// The AWS command line on the service of that scenario, with an action and its arguments.
fn aws(scenario: &Scenario, arguments: &[&str]) -> serde_json::Value {
    let client = scenario.client();
    // HTTP_PROXY=http://127.0.0.1:8080 aws s3control --endpoint-url http://batch.internal ...
    let output = python_program("aws")
        .args(["s3control", "--endpoint-url", "http://batch.internal", "--region", "us-east-1"])
        .args(["--output", "json"])
        .args(arguments)
        .args(["--account-id", ACCOUNT_ID])
        .env("HTTP_PROXY", &scenario.url)
        .env("AWS_ACCESS_KEY_ID", client["secret_id"].as_str().unwrap())
        .env("AWS_SECRET_ACCESS_KEY", client["secret_key"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
}

/// `aws s3control create-job --operation ... --manifest ... --report ... --priority 10 --role-arn ...`, which waits for
/// a confirmation of its tagging of `photos/none`.
fn create_by_aws(scenario: &Scenario) -> String {
    let program = format!("{S3}print(s3.put_object(Bucket='batch', Key='m.csv', Body=b'photos,none')['ETag'])");
    let etag = scenario.python(&program).trim().to_owned();
    let operation = r#"{"S3PutObjectTagging":{"TagSet":[{"Key":"team","Value":"red"}]}}"#;
    let manifest = serde_json::json!({
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": "arn:aws:s3:::batch/m.csv", "ETag": etag},
    });
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/batch");
    let arguments = [
        "create-job",
        "--operation",
        operation,
        "--manifest",
        &manifest.to_string(),
        "--report",
        "Enabled=false",
        "--priority",
        "10",
        "--role-arn",
        &role,
    ];
    aws(scenario, &arguments)["JobId"].as_str().unwrap().to_owned()
}

/// `aws s3control describe-job --job-id JOB`, until the job waits for its confirmation.
fn wait_until_suspended_by_aws(scenario: &Scenario, id: &str) {
    let mut status = serde_json::Value::Null;
    while status != "Suspended" {
        status = aws(scenario, &["describe-job", "--job-id", id])["Job"]["Status"].clone();
        assert!(["New", "Preparing", "Suspended"].contains(&status.as_str().unwrap()), "{status}");
    }
}

#[test]
fn the_aws_command_line_creates_watches_and_cancels_a_job() {
    let scenario = Scenario::start();
    fill(&scenario, 3);
    let id = create_by_aws(&scenario);
    wait_until_suspended_by_aws(&scenario, &id);
    // aws s3control update-job-status --job-id JOB --requested-job-status Cancelled
    let cancel = ["update-job-status", "--job-id", &id, "--requested-job-status", "Cancelled"];
    assert_eq!(aws(&scenario, &cancel)["Status"], "Cancelled");
    // aws s3control list-jobs --job-statuses Cancelled
    assert_eq!(aws(&scenario, &["list-jobs", "--job-statuses", "Cancelled"])["Jobs"][0]["JobId"], *id);
}

/// What a job of the AWS command line asks for, over which manifest, what boto3 reads of it afterwards, and what that must be.
const BY_AWS: [(&str, &str, &str, &str); 9] = [
    (
        r#"{"S3PutObjectTagging":{"TagSet":[{"Key":"team","Value":"red"}]}}"#,
        "two.csv",
        "[s3.get_object_tagging(Bucket='photos', Key=k)['TagSet'] for k in keys]",
        "[[{'Key': 'team', 'Value': 'red'}], [{'Key': 'team', 'Value': 'red'}]]",
    ),
    (
        r#"{"S3DeleteObjectTagging":{}}"#,
        "two.csv",
        "[s3.get_object_tagging(Bucket='photos', Key=k)['TagSet'] for k in keys]",
        "[[], []]",
    ),
    (
        r#"{"S3PutObjectCopy":{"TargetResource":"arn:aws:s3:::backup","TargetKeyPrefix":"copies"}}"#,
        "two.csv",
        "[s3.get_object(Bucket='backup', Key='copies/' + k)['Body'].read() for k in keys]",
        "[b'x', b'x']",
    ),
    (
        r#"{"S3PutObjectAcl":{"AccessControlPolicy":{"CannedAccessControlList":"public-read"}}}"#,
        "two.csv",
        "[g['Permission'] for k in keys for g in s3.get_object_acl(Bucket='photos', Key=k)['Grants'] if 'URI' in g['Grantee']]",
        "['READ', 'READ']",
    ),
    (
        r#"{"S3ComputeObjectChecksum":{"ChecksumAlgorithm":"MD5","ChecksumType":"FULL_OBJECT"}}"#,
        "two.csv",
        "[json.loads(row[6])['checksum_hex'] for row in rows]",
        "['9DD4E461268C8034F5C8564E155C67A6', '9DD4E461268C8034F5C8564E155C67A6']",
    ),
    (
        r#"{"LambdaInvoke":{"FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:faces"}}"#,
        "two.csv",
        "[row[6] for row in rows]",
        "['saw p/00000 ü+.jpg', 'saw p/00001 ü+.jpg']",
    ),
    (
        r#"{"S3InitiateRestoreObject":{"ExpirationInDays":3,"GlacierJobTier":"BULK"}}"#,
        "cold.csv",
        "'Restore' in s3.head_object(Bucket='photos', Key='cold')",
        "True",
    ),
    (
        r#"{"S3PutObjectLegalHold":{"LegalHold":{"Status":"ON"}}}"#,
        "locked.csv",
        "s3.head_object(Bucket='locked', Key='one')['ObjectLockLegalHoldStatus']",
        "ON",
    ),
    (
        r#"{"S3PutObjectRetention":{"Retention":{"Mode":"GOVERNANCE","RetainUntilDate":"2036-01-02T03:04:05Z"}}}"#,
        "locked.csv",
        "s3.head_object(Bucket='locked', Key='one')['ObjectLockMode']",
        "GOVERNANCE",
    ),
];

/// `aws s3control create-job --operation OPERATION ... --no-confirmation-required`, then `describe-job` until it has ended
#[test]
fn the_aws_command_line_has_each_operation_carried_out() {
    let function = Function::of_the_documentation();
    let role = "[accounts.main.roles.batch]\noperations = [\"copy\", \"tag\", \"untag\", \"acl\", \"restore\", \"legal-hold\", \
                \"retention\", \"checksum\", \"invoke\"]\n";
    let scenario = Scenario::configured(Server::moto(), &format!("{role}{}", function.section(ACCOUNT_ID)), &[]);
    fill(&scenario, 2);
    let made = scenario.python(&format!(
        "{S3}import urllib.parse
s3.create_bucket(Bucket='locked', ObjectLockEnabledForBucket=True)
s3.put_object(Bucket='locked', Key='one', Body=b'x')
s3.put_object(Bucket='photos', Key='cold', Body=b'x', StorageClass='GLACIER')
two = ''.join('photos,' + urllib.parse.quote_plus(f'p/{{i:05}} ü+.jpg') + chr(10) for i in range(2))
for name, text in (('two.csv', two), ('cold.csv', 'photos,cold'), ('locked.csv', 'locked,one')):
    print(name, s3.put_object(Bucket='batch', Key=name, Body=text.encode())['ETag'])"
    ));
    let etags: std::collections::BTreeMap<_, _> = made.lines().filter_map(|line| line.split_once(' ')).collect();
    // brigade endpoint probe main --bucket locked
    let _ = scenario.told(&["endpoint", "probe", "main", "--bucket", "locked"]);
    for (operation, manifest, read, expected) in BY_AWS {
        let job = carry_out_by_aws(&scenario, operation, manifest, etags[manifest]);
        let program = format!(
            "{S3}import csv, io, json, urllib.parse
keys = [f'p/{{i:05}} ü+.jpg' for i in range(2)]
told = json.load(s3.get_object(Bucket='batch', Key='reports/job-{job}/manifest.json')['Body'])
texts = [s3.get_object(Bucket='batch', Key=r['Key'])['Body'].read().decode() for r in told['Results']]
rows = [row for text in texts for row in csv.reader(io.StringIO(text))]
print({read})"
        );
        assert_eq!(scenario.python(&program).trim(), expected, "{operation}");
    }
}

/// A job over that manifest of the bucket `batch`, whose every task succeeds; gives its id.
fn carry_out_by_aws(scenario: &Scenario, operation: &str, manifest: &str, etag: &str) -> String {
    let given = serde_json::json!({
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": format!("arn:aws:s3:::batch/{manifest}"), "ETag": etag},
    });
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/batch");
    let report =
        "Bucket=arn:aws:s3:::batch,Prefix=reports,Format=Report_CSV_20180820,Enabled=true,ReportScope=AllTasks";
    let places = ["--manifest", &given.to_string(), "--report", report, "--role-arn", &role, "--priority", "10"];
    let asked = ["create-job", "--operation", operation, "--no-confirmation-required"];
    let created = aws(scenario, &[&asked[..], &places].concat());
    let job = created["JobId"].as_str().unwrap();
    let ended = loop {
        let described = aws(scenario, &["describe-job", "--job-id", job])["Job"].clone();
        if ["Complete", "Failed", "Cancelled"].contains(&described["Status"].as_str().unwrap()) {
            break described;
        }
    };
    assert_eq!(ended["Status"], "Complete", "{operation}: {ended}");
    assert_eq!(ended["ProgressSummary"]["NumberOfTasksFailed"], 0, "{operation}: {ended}");
    job.to_owned()
}

/// `aws s3control create-job --operation '{"S3UpdateObjectEncryption": ...}'`, and the same by boto3: on the sandbox, as
/// no other store here has the call, and said to be Amazon S3, as no probe has a key to find out by.
#[test]
fn the_key_of_an_objects_encryption_is_changed_as_boto3_and_the_aws_command_line_ask_for_it() {
    let role = "[accounts.main.roles.batch]\noperations = [\"update-encryption\"]\n";
    let settings = [("BRIGADE_ENDPOINTS_MAIN_KIND", "aws".to_owned())];
    let scenario = Scenario::configured(Server::sandbox(), role, &settings);
    let clients = workspace().join("tests/clients");
    let told = scenario.python(&format!(
        "import sys; sys.path.append({clients:?}); import s3control; s3control.tell_lives(['encryption'])"
    ));
    assert_eq!(told.trim(), "encryption");
    let program = "s3.put_object(Bucket='photos', Key='vault', Body=b'x', ServerSideEncryption='AES256')
print(s3.put_object(Bucket='batch', Key='vault.csv', Body=b'photos,vault')['ETag'])";
    let etag = scenario.python(&format!("{S3}{program}"));
    let operation = r#"{"S3UpdateObjectEncryption":{"ObjectEncryption":{"SSEKMS":
        {"KMSKeyArn":"arn:aws:kms:us-east-1:123456789012:key/newest"}}}}"#;
    carry_out_by_aws(&scenario, operation, "vault.csv", etag.trim());
    let read = scenario.python(&format!("{S3}print(s3.head_object(Bucket='photos', Key='vault')['SSEKMSKeyId'])"));
    assert_eq!(read.trim(), "arn:aws:kms:us-east-1:123456789012:key/newest");
}

#[test]
fn our_own_command_line_sees_the_jobs_of_the_aws_command_line_and_acts_on_them() {
    let scenario = Scenario::start();
    fill(&scenario, 3);
    list(&scenario);
    let ours = create(&scenario, &["tag", "--tag", "team=red"]);
    // brigade job list
    let alone = scenario.told(&["job", "list"]);
    assert!(alone.contains(&ours) && !alone.to_lowercase().contains("dialect"), "{alone}");
    let ids = [create_by_aws(&scenario), create_by_aws(&scenario)];
    let listed = scenario.told(&["job", "list"]);
    for (id, dialect) in [(&ours, "cos"), (&ids[0], "s3control"), (&ids[1], "s3control")] {
        let row = listed.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{listed}"));
        assert!(row.split_whitespace().any(|cell| cell == dialect), "{listed}");
    }
    // brigade job list --output json
    let json: serde_json::Value = serde_json::from_str(&scenario.told(&["job", "list", "--output", "json"])).unwrap();
    let told: Vec<_> = json["Jobs"].as_array().unwrap().iter().map(|job| (&job["JobId"], &job["Operation"])).collect();
    assert_eq!(told.len(), 3, "{json}");
    assert_eq!(*told[2].1, "COSPutObjectTagging", "the newest comes first");
    assert_eq!((told[1].0.as_str(), told[1].1.as_str()), (Some(ids[0].as_str()), Some("S3PutObjectTagging")));
    let [confirmed, cancelled] = &ids;
    for id in &ids {
        wait_until_suspended_by_aws(&scenario, id);
    }
    // brigade job describe JOB
    let described = scenario.told(&["job", "describe", confirmed]);
    for part in ["s3control", "Suspended", r#"tag: TagSet=[{"Key":"team","Value":"red"}]"#, "s3://batch/m.csv"] {
        assert!(described.contains(part), "{part}: {described}");
    }
    assert!(scenario.told(&["job", "describe", confirmed, "--output", "json"]).contains("S3PutObjectTagging"));
    // brigade job priority JOB 99
    assert!(scenario.told(&["job", "priority", confirmed, "99"]).contains("99"));
    assert_eq!(aws(&scenario, &["describe-job", "--job-id", confirmed])["Job"]["Priority"], 99);
    // brigade job confirm JOB
    let _ = scenario.told(&["job", "confirm", confirmed, "--reason", "seen"]);
    // brigade job watch JOB
    let watched = scenario.brigade(&["job", "watch", confirmed]);
    assert_eq!(watched.status.code(), Some(3), "the only object is missing: {}", text_of(&watched));
    // brigade job cancel JOB --reason enough
    assert!(scenario.told(&["job", "cancel", cancelled, "--reason", "enough"]).contains("Cancelled"));
    let by_aws = aws(&scenario, &["describe-job", "--job-id", cancelled]);
    assert_eq!(
        (&by_aws["Job"]["Status"], &by_aws["Job"]["StatusUpdateReason"]),
        (&"Cancelled".into(), &"enough".into())
    );
    // brigade job remove JOB --yes
    let _ = scenario.told(&["job", "remove", cancelled, "--yes"]);
    let gone = scenario.brigade(&["job", "describe", cancelled]);
    assert!(!gone.status.success() && text_of(&gone).contains("NoSuchJob"), "{}", text_of(&gone));
    assert!(!scenario.told(&["job", "list"]).contains(cancelled));
}

#[test]
fn a_newcomer_tags_a_bucket_by_our_own_command_line() {
    let scenario = Scenario::start();
    fill(&scenario, 40);
    list(&scenario);
    // brigade job create tag --tag team=red ...
    let id = create(&scenario, &["tag", "--tag", "team=red"]);
    // brigade job watch JOB
    let watched = scenario.told(&["job", "watch", &id]);
    assert!(watched.contains("Complete"), "{watched}");
    // brigade job describe JOB --output json
    let described = scenario.told(&["job", "describe", &id, "--output", "json"]);
    let described: serde_json::Value = serde_json::from_str(&described).unwrap();
    assert!(described.to_string().contains("Complete"), "{described}");
    // brigade job describe JOB --output xml
    assert!(scenario.told(&["job", "describe", &id, "--output", "xml"]).contains("<Status>Complete</Status>"));
    // brigade job report JOB --rows 3
    let report = scenario.told(&["job", "report", &id, "--rows", "3"]);
    assert!(report.contains("40"), "{report}");
    // brigade job list
    assert!(scenario.told(&["job", "list"]).contains(&id));
    // brigade job delete JOB
    let _ = scenario.told(&["job", "delete", &id]);
    let gone = scenario.brigade(&["job", "describe", &id]);
    assert!(!gone.status.success() && text_of(&gone).contains("NoSuchJob"), "{}", text_of(&gone));
}

/// Reads the user metadata `owner` of the copies, whichever form it came in.
const OWNERS: &str = "
from email.header import decode_header, make_header
for copied in s3.list_objects_v2(Bucket='backup')['Contents']:
    owner = s3.head_object(Bucket='backup', Key=copied['Key'])['Metadata']['owner']
    print(make_header(decode_header(owner.encode('latin-1').decode())))";

#[test]
fn text_beyond_ascii_is_refused_by_a_message_that_names_the_probe_and_taken_after_it() {
    let scenario = Scenario::on(Server::sandbox());
    fill(&scenario, 2);
    list(&scenario);
    // brigade job create copy --to backup --metadata-directive add --meta owner=Zoë ...
    let form = ["copy", "--to", "backup", "--metadata-directive", "add", "--meta", "owner=Zoë, 北京"];
    let places =
        ["--manifest", "photos.csv", "--manifest-to", "s3://batch/manifests", "--report", "s3://batch/reports"];
    let refused = scenario.brigade(&[&["job", "create"][..], &form, &places].concat());
    let said = text_of(&refused);
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("metadata-encoded") && said.contains("brigade endpoint probe"), "{said}");
    // brigade endpoint probe main --bucket batch
    let _ = scenario.told(&["endpoint", "probe", "main", "--bucket", "batch"]);
    let id = create(&scenario, &form);
    let watched = scenario.told(&["job", "watch", &id]);
    assert!(watched.contains("Complete"), "{watched}");
    assert_eq!(scenario.python(&format!("{S3}{OWNERS}")), "Zoë, 北京\nZoë, 北京\n");
}

#[test]
fn a_job_is_made_urgent_and_confirmed_and_another_cancelled() {
    let scenario = Scenario::start();
    fill(&scenario, 5);
    list(&scenario);
    // brigade job create copy --to backup --confirm-first ...
    let copied = create(&scenario, &["copy", "--to", "backup", "--confirm-first"]);
    // brigade job priority JOB 99
    assert!(scenario.told(&["job", "priority", &copied, "99"]).contains("99"));
    // brigade job confirm JOB
    let _ = scenario.told(&["job", "confirm", &copied]);
    // brigade job watch JOB
    assert!(scenario.told(&["job", "watch", &copied]).contains("Complete"));
    assert_eq!(count_copies(&scenario), 5);
    // brigade job create delete --confirm-first --yes ...
    let cancelled = create(&scenario, &["delete", "--confirm-first", "--yes"]);
    // brigade job cancel JOB
    let _ = scenario.told(&["job", "cancel", &cancelled]);
    let described = scenario.told(&["job", "describe", &cancelled]);
    assert!(described.contains("Cancelled"), "{described}");
}

#[test]
fn a_delete_asks_first_and_without_a_terminal_does_nothing() {
    let scenario = Scenario::start();
    fill(&scenario, 3);
    list(&scenario);
    // brigade job create delete --manifest photos.csv --manifest-to s3://batch/m --no-report
    let arguments = ["--manifest", "photos.csv", "--manifest-to", "s3://batch/m", "--no-report"];
    let asked = scenario.brigade(&[&["job", "create", "delete"], &arguments[..]].concat());
    assert_eq!(asked.status.code(), Some(2), "{}", text_of(&asked));
    let told = String::from_utf8(asked.stderr).unwrap();
    assert!(told.contains("--yes") && told.lines().count() == 1, "{told}");
}

#[test]
fn a_server_that_is_killed_or_stopped_goes_on_where_it_was() {
    let mut scenario = Scenario::start();
    fill(&scenario, 400);
    list(&scenario);
    let id = create(&scenario, &["copy", "--to", "backup", "--requests-per-second-max", "200"]);
    scenario.service.kill();
    scenario.restart();
    // kill PID
    let status = scenario.service.terminate();
    assert!(status.success(), "{status}: {}", scenario.service.said());
    scenario.restart();
    let watched = scenario.told(&["job", "watch", &id]);
    assert!(watched.contains("Complete"), "{watched}");
    assert_eq!(count_copies(&scenario), 400);
}

#[test]
fn a_second_process_on_one_data_directory_is_refused() {
    let scenario = Scenario::start();
    // brigade serve --config brigade.toml
    let directory = scenario.directory.path();
    let second = brigade().current_dir(directory).arg("serve").arg("--config").arg(scenario.config()).output().unwrap();
    assert!(!second.status.success());
    assert!(text_of(&second).contains("another process"), "{}", text_of(&second));
}

#[test]
fn health_readiness_and_metrics_are_told() {
    let scenario = Scenario::start();
    let program = "import os, requests
url = os.environ['BATCH_URL']
assert requests.get(url + '/healthz').status_code == 200
assert requests.get(url + '/readyz').status_code == 200
assert requests.get(url + '/metrics').status_code == 400
print(requests.get(os.environ['METRICS_URL'] + '/metrics').text)";
    let told = scenario.python(program);
    for metric in ["brigade_jobs", "brigade_spool_bytes"] {
        assert!(told.contains(metric), "{metric} is missing in\n{told}");
    }
}

#[test]
fn the_demo_copies_every_object_and_ends_well() {
    // brigade demo --objects 3000
    let demo = brigade().args(["demo", "--objects", "3000"]).output().unwrap();
    assert!(demo.status.success(), "{}", text_of(&demo));
    let told = text_of(&demo);
    assert!(told.contains("3,000") || told.contains("3000"), "{told}");
    assert!(told.contains("Status       Complete") && !told.contains("<DescribeJobResult>"), "{told}");
    // brigade demo --objects 300 --xml
    let demo = brigade().args(["demo", "--objects", "300", "--xml"]).output().unwrap();
    let told = text_of(&demo);
    assert!(told.contains("<DescribeJobResult>") && told.contains("<Status>Complete</Status>"), "{told}");
}

#[test]
fn the_sandbox_answers_and_stops_when_asked() {
    // brigade sandbox --listen 127.0.0.1:0 --bucket photos
    let mut sandbox = Process::start(brigade().args(["sandbox", "--listen", "127.0.0.1:0", "--bucket", "photos"]));
    sandbox.wait_for(|line| line.contains("http://127.0.0.1:").then_some(()));
    assert!(sandbox.terminate().success());
}

#[test]
fn a_dry_run_changes_nothing_and_what_failed_later_is_retried() {
    let scenario = Scenario::start();
    fill(&scenario, 30);
    list(&scenario);
    // brigade job create copy --to backup --dry-run ...
    let dry = create(&scenario, &["copy", "--to", "backup", "--dry-run"]);
    // brigade job watch JOB
    let watched = scenario.told(&["job", "watch", &dry]);
    assert!(watched.contains("Dry run, nothing was changed: 30 tasks would be attempted"), "{watched}");
    // brigade job report JOB --rows 3
    let report = scenario.told(&["job", "report", &dry, "--rows", "3"]);
    assert!(report.contains("30 CopyObject") && report.contains("dry-run"), "{report}");
    assert_eq!(count_copies(&scenario), 0);

    let each =
        |verb: &str| format!("{S3}for i in range(10):\n    s3.{verb}(Bucket='photos', Key=f'p/{{i:05}} ü+.jpg')");
    let _ = scenario.python(&each("delete_object"));
    let copied = create(&scenario, &["copy", "--to", "backup"]);
    assert_eq!(scenario.brigade(&["job", "watch", &copied]).status.code(), Some(3), "ten objects are missing");
    let _ = scenario.python(&each("put_object"));
    // brigade job retry-failed JOB --description "once more" --token again
    let retry = ["job", "retry-failed", &copied, "--description", "once more", "--token", "again"];
    let again = scenario.told(&retry).trim().to_owned();
    assert_eq!(scenario.told(&retry).trim(), again, "a repeat gives the same job");
    let watched = scenario.told(&["job", "watch", &again]);
    assert!(watched.contains("10 of 10, 0 failed") && watched.contains("once more"), "{watched}");
    assert_eq!(count_copies(&scenario), 30);
    let nothing = scenario.brigade(&["job", "retry-failed", &again]);
    assert!(text_of(&nothing).contains("NothingToRetry"), "{}", text_of(&nothing));
}
