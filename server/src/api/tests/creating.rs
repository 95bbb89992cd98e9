//! CreateJob: what the service accepts, and what it refuses before it stores anything.

use std::path::{Path, PathBuf};

use brigade_model::{Capability, Change, EndpointRow, EndpointSettings, Finding, Probe, Proof, Timestamp};
use brigade_wire::cos::digest::content_md5;

use super::bench::{copy_into, request};
use super::*;

/// Sends the call; it must be refused so, and nothing be stored.
async fn assert_refused(bench: &TestApi, call: Call, told: (u16, &str), message: &str) {
    let before = bench.stored().await;
    let answer = bench.send(call).await;
    assert_eq!(answer.refused(), told, "{answer:?}");
    assert!(answer.element("Message").contains(message), "{answer:?}");
    assert_eq!(bench.stored().await, before, "nothing is stored");
}

async fn assert_invalid(body: &str, message: &str) {
    let bench = TestApi::new();
    assert_refused(&bench, Call::create(body), (400, "InvalidArgument"), message).await;
    assert_eq!(bench.told.rings.load(Ordering::SeqCst), 0);
}

fn in_role(role: &str) -> String {
    request("t").replace("roleName/batch", &format!("roleName/{role}"))
}

#[tokio::test(start_paused = true)]
async fn a_created_job_is_stored_whole_and_the_engine_is_told() {
    let bench = TestApi::new();
    let id = bench.create("t-1").await;
    let job = bench.store.job(id).await.unwrap().unwrap();
    assert_eq!(job.account.as_str(), "photos");
    assert_eq!(job.endpoint.as_str(), "main");
    assert_eq!((job.status, job.priority, job.created), (Status::New, 10, bench.clock.now()));
    assert_eq!(bench.told.rings.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn options_come_as_signed_headers() {
    let bench = TestApi::new();
    let call = || Call::create(request("t"));
    let signed = call().header("x-brigade-key-encoding", "url").header("x-brigade-in-flight-max", "4");
    let id = bench.send(signed).await.job_id();
    let options = bench.store.job(id).await.unwrap().unwrap().spec.options;
    assert_eq!(options.given(), [("key-encoding", "url".to_owned()), ("in-flight-max", "4".to_owned())]);

    let unsigned = call().unsigned("x-brigade-key-encoding", "url");
    assert_refused(&bench, unsigned, (403, "AccessDenied"), "x-brigade-key-encoding must be signed").await;
    let unknown = call().header("x-brigade-colour", "red");
    assert_refused(&bench, unknown, (400, "InvalidArgument"), "unknown job option colour").await;
    let invalid = call().header("x-brigade-threshold-percent", "101");
    assert_refused(&bench, invalid, (400, "InvalidArgument"), "threshold-percent takes").await;
    let elsewhere = Call::new("GET", "/jobs").header("x-brigade-key-encoding", "url");
    assert_refused(&bench, elsewhere, (400, "InvalidArgument"), "belongs to CreateJob").await;
}

#[tokio::test(start_paused = true)]
async fn the_configured_threshold_is_that_of_jobs_that_set_none() {
    let bench = TestApi::new().job_rules(|rules| rules.threshold_percent = 10);
    let given = |job: Job| job.spec.options.given();
    let plain = bench.create("1").await;
    assert_eq!(given(bench.store.job(plain).await.unwrap().unwrap()), [("threshold-percent", "10".to_owned())]);
    let own = bench.send(Call::create(request("2")).header("x-brigade-threshold-percent", "90")).await.job_id();
    assert_eq!(given(bench.store.job(own).await.unwrap().unwrap()), [("threshold-percent", "90".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_role_and_one_of_another_account_answer_alike() {
    let mut messages = Vec::new();
    let foreign = request("t").replace("uin/100000000001:roleName/batch", "uin/100000000002:roleName/theirs");
    let strayed = request("t").replace("uin/100000000001:roleName", "uin/100000000002:roleName");
    for body in [in_role("nobody"), in_role("theirs"), foreign, strayed] {
        let bench = TestApi::new();
        let answer = bench.send(Call::create(body)).await;
        assert_eq!((answer.refused(), bench.stored().await), ((400, "InvalidArgument"), 0));
        messages.push(answer.element("Message").to_owned());
    }
    assert!(messages[0].contains("RoleArn"), "{messages:?}");
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_role_does_not_allow_is_refused_by_its_name() {
    let copy = copy_into("qcs::cos:ap-chengdu:uid/1250000000:photos-1250000000");
    let copying = |body: String| body.replace("<COSDeleteObject></COSDeleteObject>", &copy);
    assert_invalid(&copying(in_role("small")), "the role may not do COSPutObjectCopy").await;
    let manifest = in_role("small").replace("manifests-1250000000", "elsewhere-1250000000");
    assert_invalid(&manifest, "Manifest.Location.ObjectArn").await;
    let report = in_role("small").replace("reports-1250000000", "photos-1250000000");
    assert_invalid(&report, "Report.Bucket").await;
    let target = copying(in_role("west")).replace("photos-1250000000", "elsewhere-1250000000");
    assert_invalid(&target.replace(":ap-chengdu:", ":west-1:"), "TargetResource").await;
    assert_eq!(TestApi::new().send(Call::create(in_role("small"))).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_region_is_checked_where_the_endpoint_lists_regions() {
    assert_invalid(&in_role("west"), "is not in region ap-chengdu").await;
    for region in ["west-1", ""] {
        let body = in_role("west").replace(":ap-chengdu:", &format!(":{region}:"));
        assert_eq!(TestApi::new().send(Call::create(body)).await.status, 200, "{region}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_the_endpoint_is_known_not_to_do_is_refused_with_what_it_lacks() {
    let restore = "<COSInitiateRestoreObject><ExpirationInDays>1</ExpirationInDays><JobTier>Bulk</JobTier>\
                   </COSInitiateRestoreObject>";
    let body = in_role("west").replace(":ap-chengdu:", ":west-1:");
    assert_invalid(&body.replace("<COSDeleteObject></COSDeleteObject>", restore), "lacks: restore").await;
}

#[tokio::test(start_paused = true)]
async fn a_class_that_cos_does_not_have_is_refused_for_a_target_on_cos() {
    let into = |class: &str| {
        let class = format!("<StorageClass>{class}</StorageClass><TargetResource>");
        let copy =
            copy_into("qcs::cos:ap-chengdu:uid/1250000000:photos-1250000000").replace("<TargetResource>", &class);
        in_role("tencent").replace("<COSDeleteObject></COSDeleteObject>", &copy)
    };
    assert_invalid(&into("GLACIER_IR"), "no storage class GLACIER_IR").await;
    TestApi::new().send(Call::create(into("MAZ_STANDARD_IA"))).await.job_id();
}

#[tokio::test(start_paused = true)]
async fn a_grantee_of_cos_whom_the_endpoint_does_not_know_is_refused() {
    let granting = |grantee: &str| {
        let grant = format!(
            "<AccessControlGrants><COSGrant><Grantee><Identifier>{grantee}</Identifier><TypeIdentifier>ID</TypeIdentifier>\
             </Grantee><Permission>READ</Permission></COSGrant></AccessControlGrants><TargetResource>"
        );
        let copy =
            copy_into("qcs::cos:ap-chengdu:uid/1250000000:photos-1250000000").replace("<TargetResource>", &grant);
        request("t").replace("<COSDeleteObject></COSDeleteObject>", &copy)
    };
    let unknown = granting("qcs::cam::uin/100000000001:uin/100000000009");
    assert_invalid(&unknown, "AccessControlGrants").await;
    assert_invalid(&unknown, "[accounts.&lt;name&gt;.grantees]").await;
    for known in ["qcs::cam::uin/100000000001:uin/100000000001", "79a59df900b949e5"] {
        let bench = TestApi::new();
        let id = bench.send(Call::create(granting(known))).await.job_id();
        let stored = bench.store.job(id).await.unwrap().unwrap();
        assert!(format!("{:?}", stored.spec.operation).contains(known), "the job keeps its client's words");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unprobed_endpoint_is_not_refused_what_can_be_seen_to_be_kept() {
    let restore = "<COSInitiateRestoreObject><ExpirationInDays>1</ExpirationInDays><JobTier>Bulk</JobTier>\
                   </COSInitiateRestoreObject>";
    let body = request("t").replace("<COSDeleteObject></COSDeleteObject>", restore);
    assert_eq!(TestApi::new().send(Call::create(body)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_report_needs_no_place() {
    let body =
        in_role("small").replace("reports-1250000000", "anywhere-1").replace(">true</Enabled>", ">false</Enabled>");
    assert_eq!(TestApi::new().send(Call::create(body)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_used_token_and_a_full_account_are_refused_within_their_own_account_only() {
    let bench = TestApi::new().job_rules(|rules| rules.quotas.default.open_jobs_max = 2);
    bench.create("one").await;
    assert_refused(&bench, Call::create(request("one")), (400, "InvalidRequest"), "ClientRequestToken").await;
    bench.create("two").await;
    assert_refused(&bench, Call::create(request("three")), (500, "TooManyJobs"), "").await;
    let theirs = request("one").replace("uin/100000000001:roleName/batch", "uin/100000000002:roleName/theirs");
    assert_eq!(bench.send(Call::create(theirs).of_other()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_job_beyond_a_quota_is_refused_with_the_quota_and_the_way_out() {
    let told = |setting: &'static str, way: &'static str| {
        move |message: &str| {
            assert!(message.contains(setting) && message.contains(way), "{message}");
        }
    };
    let bench = TestApi::new().job_rules(|rules| rules.quotas.default.open_jobs_max = 1);
    bench.create("one").await;
    let refused = bench.send(Call::create(request("two"))).await;
    assert_eq!(refused.refused(), (500, "TooManyJobs"));
    told("open_jobs_max = 1", "cancel one")(refused.element("Message"));

    let bench = TestApi::new().job_rules(|rules| rules.quotas.default.jobs_listed_max = 1);
    let first = bench.create("one").await;
    let refused = bench.send(Call::create(request("two"))).await;
    assert_eq!(refused.refused(), (500, "TooManyJobs"));
    told("jobs_listed_max = 1", "delete ended ones")(refused.element("Message"));
    bench.bring_to(first, Status::Cancelled).await;
    bench.create("two").await;
    assert_eq!(bench.get(&format!("/jobs/{first}")).await.refused(), (404, "NoSuchJob"), "it left the list");

    let bench = TestApi::new().job_rules(|rules| rules.quotas.default.bytes_max = 100);
    let first = bench.create("one").await;
    bench.bring_to(first, Status::Preparing).await;
    bench.add_slice(first, 100).await;
    let refused = bench.send(Call::create(request("two"))).await;
    assert_eq!(refused.refused(), (500, "TooManyJobs"));
    told("account_bytes_max = 100", "cancel or delete one")(refused.element("Message"));
    bench.change(first, Change::CancelRequested(String::new())).await;
    bench.create("two").await;
    let inspected = bench.get(&format!("/brigade/v1/jobs/{first}")).await;
    assert!(inspected.body.contains("\"outcomes_removed\":\"20"), "{inspected:?}");
}

#[tokio::test(start_paused = true)]
async fn jobs_created_too_fast_wait_a_minute_and_what_created_none_does_not_count() {
    let bench = TestApi::new().job_rules(|rules| rules.quotas.default.jobs_per_minute_max = 3);
    for token in ["a", "b"] {
        bench.create(token).await;
        for _ in 0..5 {
            assert_refused(&bench, Call::create(request(token)), (400, "InvalidRequest"), "ClientRequestToken").await;
        }
        bench.clock.sleep(std::time::Duration::from_secs(20)).await;
    }
    assert_refused(&bench, Call::create(in_role("none")), (400, "InvalidArgument"), "RoleArn").await;
    bench.create("c").await;
    let too_fast = "jobs_per_minute_max = 3";
    assert_refused(&bench, Call::create(request("d")), (503, "SlowDown"), too_fast).await;
    assert_refused(&bench, Call::create(request("a")), (400, "InvalidRequest"), "ClientRequestToken").await;
    let theirs = request("one").replace("uin/100000000001:roleName/batch", "uin/100000000002:roleName/theirs");
    assert_eq!(bench.send(Call::create(theirs).of_other()).await.status, 200, "another account has its own minute");
    bench.clock.sleep(std::time::Duration::from_secs(19)).await;
    assert_refused(&bench, Call::create(request("d")), (503, "SlowDown"), too_fast).await;
    bench.clock.sleep(std::time::Duration::from_secs(1)).await;
    bench.create("d").await;
    assert_refused(&bench, Call::create(request("e")), (503, "SlowDown"), too_fast).await;
}

#[tokio::test(start_paused = true)]
async fn low_space_refuses_new_jobs_with_its_reason() {
    let bench = TestApi::new();
    *bench.told.full.lock().unwrap() = Some("low disk space: 3 MiB are free".to_owned());
    assert_refused(&bench, Call::create(request("t")), (500, "ServiceUnavailable"), "3 MiB are free").await;
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_checked_where_one_is_given() {
    let bench = TestApi::new();
    let call = || Call::create(request("t"));
    assert_refused(&bench, call().header("content-md5", &content_md5(b"x")), (400, "BadDigest"), "").await;
    assert_refused(&bench, call().unsigned("content-md5", "nonsense"), (400, "InvalidDigest"), "").await;
    let right = content_md5(request("t").as_bytes());
    assert_eq!(bench.send(call().unsigned("content-md5", &right)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn where_a_digest_is_required_a_job_needs_one_that_is_signed() {
    let bench = TestApi::new().rules(|rules| rules.require_content_md5 = true);
    let md5 = content_md5(request("t").as_bytes());
    let call = || Call::create(request("t"));
    assert_refused(&bench, call(), (403, "AccessDenied"), "Content-MD5").await;
    assert_refused(&bench, call().unsigned("content-md5", &md5), (403, "AccessDenied"), "Content-MD5").await;
    let wrong = call().header("content-md5", &content_md5(b"x"));
    assert_refused(&bench, wrong, (400, "BadDigest"), "").await;
    assert_eq!(bench.send(call().header("content-md5", &md5)).await.status, 200);
    assert_eq!(bench.get("/jobs").await.status, 200, "what has no body needs none");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_missing_or_cut_off_is_refused() {
    let bench = TestApi::new();
    let large = Call::create("x".repeat(256 * 1024 + 1));
    assert_refused(&bench, large.clone(), (400, "XMLSizeLimit"), "").await;
    let claimed = large.unsigned("content-length", &(256 * 1024 + 1).to_string());
    assert_refused(&bench, claimed, (400, "XMLSizeLimit"), "").await;
    assert_refused(&bench, Call::create(""), (400, "InvalidRequest"), "body is empty").await;
    let whole = request("t");
    for length in [1, 50, whole.len() / 2, whole.len() - 1] {
        assert_refused(&bench, Call::create(&whole[..length]), (400, "MalformedXML"), "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_parameter_is_refused_by_its_name() {
    let call = Call { target: "/jobs?colour=red".to_owned(), ..Call::create(request("t")) };
    assert_refused(&TestApi::new(), call, (400, "InvalidArgument"), "colour").await;
}

/// A probe of the endpoint `main` has proved that.
fn prove(bench: &TestApi, capability: Capability) {
    let findings = vec![Finding { capability, proof: Proof::Proved, seen: String::new() }];
    let probe = Probe { bucket: "scratch".parse().unwrap(), at: Timestamp::UNIX_EPOCH, findings };
    let settings = EndpointSettings { probe: Some(probe), ..EndpointSettings::default() };
    bench.api.roles.adopt(vec![EndpointRow { endpoint: "main".parse().unwrap(), revision: 1, settings }]);
}

/// Every golden request through the whole API: it is stored exactly when its golden answer is a
/// success, and otherwise told the golden error.
#[tokio::test(start_paused = true)]
async fn golden_requests_get_their_golden_answers_and_a_bad_one_stores_nothing() {
    let mut cases = 0;
    for case in golden_cases() {
        let body = std::fs::read(case.join("request.xml")).unwrap();
        let golden = std::fs::read_to_string(case.join("response.xml")).unwrap();
        let bench = TestApi::new();
        prove(&bench, Capability::MetadataEncoded);
        let answer = bench.send(Call::create(body)).await;
        let is_success = golden.contains("<CreateJobResult>");
        assert_eq!(answer.status == 200, is_success, "{}: {answer:?}", case.display());
        assert_eq!(bench.stored().await, usize::from(is_success), "{}", case.display());
        if !is_success {
            let golden = bench::Read { status: answer.status, headers: http::HeaderMap::new(), body: golden };
            assert_eq!(answer.element("Code"), golden.element("Code"), "{}", case.display());
            assert_eq!(answer.element("Message"), golden.element("Message"), "{}", case.display());
        }
        cases += 1;
    }
    assert!(cases > 50, "{cases} golden requests");
}

fn golden_cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wire/cos/CreateJob");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}
