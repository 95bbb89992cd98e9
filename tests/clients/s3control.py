"""The life of a job, told by a program written for S3 Batch Operations: boto3's s3control client, which puts the
account id before the host, by way of a proxy that is the service itself. Every step asserts.

    target/venv/bin/python -c "import sys; sys.path.append('tests/clients'); import s3control; s3control.tell()"

with the environment of life.py, and ACCOUNT_ID.
"""

import csv
import datetime
import hashlib
import io
import json
import os
import time
import urllib.parse
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENV = os.environ
ACCOUNT, ROLE = ENV["ACCOUNT_ID"], ENV["ROLE"]
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
PATH_STYLE = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
S3 = boto3.client(
    "s3",
    endpoint_url=ENV["S3_URL"],
    aws_access_key_id=ENV["S3_ACCESS_KEY"],
    aws_secret_access_key=ENV["S3_SECRET_KEY"],
    region_name="us-east-1",
    config=PATH_STYLE,
)


def client(secret=ENV["SECRET_KEY"], key=ENV["SECRET_ID"], attempts=1):
    """The SDK's own client; 123456789012.batch.internal is a name that only the proxy must know."""
    return boto3.client(
        "s3control",
        endpoint_url="http://batch.internal",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(proxies={"http": ENV["BATCH_URL"]}, retries={"total_max_attempts": attempts}),
    )


BATCH = client()
TAGS = {"S3PutObjectTagging": {"TagSet": [{"Key": "team", "Value": "red"}]}}


def manifest(keys, bucket="photos"):
    """A manifest as AWS has it: keys are form-encoded."""
    name = f"manifests/{uuid.uuid4()}.csv"
    text = "".join(f"{bucket},{urllib.parse.quote_plus(key)}\n" for key in keys)
    etag = S3.put_object(Bucket="batch", Key=name, Body=text.encode())["ETag"]
    return {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": f"arn:aws:s3:::batch/{name}", "ETag": etag},
    }


def request(operation, keys, **more):
    report = {"Bucket": "arn:aws:s3:::batch", "Format": "Report_CSV_20180820", "Enabled": True, "Prefix": "reports"}
    return {
        "AccountId": ACCOUNT,
        "Operation": operation,
        "Manifest": manifest(keys),
        "Report": {**report, "ReportScope": "AllTasks"},
        "Priority": 3,
        "RoleArn": ROLE_ARN,
        "ConfirmationRequired": False,
        **more,
    }


def create(operation, keys, **more):
    return BATCH.create_job(**request(operation, keys, **more))["JobId"]


def describe(job):
    return BATCH.describe_job(AccountId=ACCOUNT, JobId=job)["Job"]


def wait(job, *wanted):
    """Polls DescribeJob, as such programs do, until the job has one of these statuses."""
    for _ in range(600):
        described = describe(job)
        if described["Status"] in wanted:
            return described
        time.sleep(0.1)
    raise AssertionError(described)


def finished(job, tasks, failed=0):
    """The job ended as it should, and its report holds each object exactly once."""
    described = wait(job, "Complete", "Failed", "Cancelled")
    assert described["Status"] == "Complete", described
    progress = described["ProgressSummary"]
    assert progress["TotalNumberOfTasks"] == tasks, progress
    assert progress["Timers"]["ElapsedTimeInActiveSeconds"] >= 0
    assert described["JobArn"] == f"arn:aws:s3:us-east-1:{ACCOUNT}:job/{job}"
    assert described["TerminationDate"] >= described["CreationTime"]
    told = json.load(S3.get_object(Bucket="batch", Key=f"reports/job-{job}/manifest.json")["Body"])
    assert told["Format"] == "Report_CSV_20180820", told
    rows = []
    for result in told["Results"]:
        text = S3.get_object(Bucket="batch", Key=result["Key"])["Body"].read().decode()
        rows += list(csv.reader(io.StringIO(text)))
    assert len(rows) == tasks and len({row[1] for row in rows}) == tasks, rows
    told = (progress["NumberOfTasksSucceeded"], progress["NumberOfTasksFailed"])
    assert told == (tasks - failed, failed), (progress, [row for row in rows if row[3] == "failed"])
    return rows


def raises(exception, code, status, call, **arguments):
    """The SDK raises this exception, with its code, message and request id."""
    try:
        call(**arguments)
    except exception as error:
        told = error.response
        assert told["Error"]["Code"] == code and told["Error"]["Message"], told
        metadata = told["ResponseMetadata"]
        assert metadata["HTTPStatusCode"] == status, told
        assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amz-request-id"], told
        assert metadata["HTTPHeaders"]["x-amz-id-2"], told
        return told["Error"]["Message"]
    raise AssertionError(f"{code} is not raised")


def fill():
    there = {bucket["Name"] for bucket in S3.list_buckets()["Buckets"]}
    for bucket in {"photos", "backup", "batch"} - there:
        S3.create_bucket(Bucket=bucket)
    keys = [f"a b/{i}+é,%.jpg" for i in range(30)]
    for i, key in enumerate(keys):
        S3.put_object(Bucket="photos", Key=key, Body=f"{i}".encode())
    return keys


def life_of_a_tagging(keys):
    """One object is missing: its task fails."""
    rows = finished(create(TAGS, keys + ["none"]), len(keys) + 1, failed=1)
    assert [row[1] for row in rows if row[3] == "failed"] == ["none"], rows
    for key in keys:
        assert S3.get_object_tagging(Bucket="photos", Key=key)["TagSet"] == TAGS["S3PutObjectTagging"]["TagSet"]


def life_of_a_copy(keys):
    """Created without a word on the confirmation, suspended, made urgent, confirmed, watched, reported."""
    copy = {
        "TargetResource": "arn:aws:s3:::backup",
        "TargetKeyPrefix": "copies",
        "NewObjectTagging": [{"Key": "copied", "Value": "yes"}],
        "MetadataDirective": "REPLACE",
        "NewObjectMetadata": {"ContentType": "text/plain", "UserMetadata": {"colour": "red"}},
        "StorageClass": "STANDARD_IA",
    }
    asked = request({"S3PutObjectCopy": copy}, keys, Description="told by boto3", Tags=[{"Key": "a", "Value": "b"}])
    del asked["ConfirmationRequired"]
    job = BATCH.create_job(**asked)["JobId"]
    suspended = wait(job, "Suspended")
    assert suspended["ConfirmationRequired"] is True and suspended["Description"] == "told by boto3"
    assert suspended["SuspendedCause"] and suspended["SuspendedDate"]
    assert suspended["Operation"] == {"S3PutObjectCopy": copy}, suspended["Operation"]
    assert suspended["Manifest"] == asked["Manifest"] and suspended["Report"] == asked["Report"], suspended
    assert suspended["RoleArn"] == ROLE_ARN
    changed = BATCH.update_job_priority(AccountId=ACCOUNT, JobId=job, Priority=7)
    assert (changed["JobId"], changed["Priority"]) == (job, 7)
    status = {"AccountId": ACCOUNT, "JobId": job, "RequestedJobStatus": "Ready", "StatusUpdateReason": "to do: a+b"}
    changed = BATCH.update_job_status(**status)
    assert (changed["Status"], changed["StatusUpdateReason"]) == ("Ready", "to do: a+b"), changed
    finished(job, len(keys))
    for i, key in enumerate(keys):
        copied = S3.get_object(Bucket="backup", Key=f"copies/{key}")
        assert copied["Body"].read() == f"{i}".encode()
        assert (copied["ContentType"], copied["Metadata"]) == ("text/plain", {"colour": "red"})
        tags = S3.get_object_tagging(Bucket="backup", Key=f"copies/{key}")["TagSet"]
        assert tags == copy["NewObjectTagging"], "not those of the source"
    cancel = {"AccountId": ACCOUNT, "JobId": job, "RequestedJobStatus": "Cancelled"}
    raises(BATCH.exceptions.JobStatusException, "JobStatusException", 400, BATCH.update_job_status, **cancel)
    return job


def life_of_a_plain_copy(keys):
    """With metadata and tags of its own, on stores of one storage class, too."""
    copy = {
        "TargetResource": "arn:aws:s3:::backup",
        "TargetKeyPrefix": "plain",
        "NewObjectTagging": [{"Key": "copied", "Value": "yes"}],
        "MetadataDirective": "REPLACE",
        "NewObjectMetadata": {"ContentType": "text/plain", "UserMetadata": {"colour": "red"}},
    }
    finished(create({"S3PutObjectCopy": copy}, keys), len(keys))
    for i, key in enumerate(keys):
        copied = S3.get_object(Bucket="backup", Key=f"plain/{key}")
        assert copied["Body"].read() == f"{i}".encode(), key
        assert (copied["ContentType"], copied["Metadata"]) == ("text/plain", {"colour": "red"}), copied
        tags = S3.get_object_tagging(Bucket="backup", Key=f"plain/{key}")["TagSet"]
        assert tags == copy["NewObjectTagging"], tags


def life_of_a_restore():
    S3.put_object(Bucket="photos", Key="cold one", Body=b"x", StorageClass="GLACIER")
    restore = {"S3InitiateRestoreObject": {"ExpirationInDays": 3, "GlacierJobTier": "BULK"}}
    finished(create(restore, ["cold one"]), 1)
    assert "Restore" in S3.head_object(Bucket="photos", Key="cold one")


def life_of_an_untagging(keys):
    for key in keys:
        S3.put_object_tagging(Bucket="photos", Key=key, Tagging=TAGS["S3PutObjectTagging"])
    finished(create({"S3DeleteObjectTagging": {}}, keys), len(keys))
    for key in keys:
        assert S3.get_object_tagging(Bucket="photos", Key=key)["TagSet"] == [], key


def life_of_an_acl(keys):
    acl = {"S3PutObjectAcl": {"AccessControlPolicy": {"CannedAccessControlList": "public-read"}}}
    job = create(acl, keys)
    finished(job, len(keys))
    assert describe(job)["Operation"] == acl
    for key in keys:
        grants = S3.get_object_acl(Bucket="photos", Key=key)["Grants"]
        groups = [(grant["Grantee"].get("URI"), grant["Permission"]) for grant in grants]
        assert ("http://acs.amazonaws.com/groups/global/AllUsers", "READ") in groups, grants


UNTIL = datetime.datetime(2036, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


def life_of_holds_and_retentions():
    """Set, and the hold lifted again."""
    keys = ["one", "two ü"]
    for key in keys:
        S3.put_object(Bucket="locked", Key=key, Body=b"x")
    in_locked = lambda operation: finished(create(operation, keys, Manifest=manifest(keys, "locked")), len(keys))
    for status in ("ON", "OFF"):
        in_locked({"S3PutObjectLegalHold": {"LegalHold": {"Status": status}}})
        for key in keys:
            # The sandbox has no GetObjectLegalHold.
            assert S3.head_object(Bucket="locked", Key=key).get("ObjectLockLegalHoldStatus", "OFF") == status, key
    in_locked({"S3PutObjectRetention": {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL}}})
    for key in keys:
        # Of a GetObjectRetention moto makes a 500.
        kept = S3.head_object(Bucket="locked", Key=key)
        assert (kept["ObjectLockMode"], kept["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", UNTIL), kept


CHECKSUMS = {"SHA256": hashlib.sha256, "MD5": hashlib.md5, "SHA512": hashlib.sha512}


def life_of_a_checksum(keys):
    """The report tells the checksum of each object as AWS tells it, by several algorithms."""
    for name, digest in CHECKSUMS.items():
        checksum = {"S3ComputeObjectChecksum": {"ChecksumAlgorithm": name, "ChecksumType": "FULL_OBJECT"}}
        job = create(checksum, keys)
        rows = finished(job, len(keys))
        assert describe(job)["Operation"] == checksum
        for row in rows:
            told = json.loads(row[6])
            body = S3.get_object(Bucket="photos", Key=urllib.parse.unquote_plus(row[1]))["Body"].read()
            assert told["checksum_hex"] == digest(body).hexdigest().upper(), (row, body)
            assert (told["checksumAlgorithm"], told["checksumType"]) == (name, "FULL_OBJECT"), told


PART_BYTES = 5 << 20


def composite(digest, parts):
    """The digest of the parts' digests, and their number at its end."""
    return digest(b"".join(digest(part).digest() for part in parts)).hexdigest().upper() + f"-{len(parts)}"


def put_in_parts(key, parts, **more):
    upload = S3.create_multipart_upload(Bucket="photos", Key=key, **more)["UploadId"]
    here = {"Bucket": "photos", "Key": key, "UploadId": upload}
    done = [
        {"PartNumber": n, "ETag": S3.upload_part(PartNumber=n, Body=body, **here)["ETag"]}
        for n, body in enumerate(parts, 1)
    ]
    S3.complete_multipart_upload(MultipartUpload={"Parts": done}, **here)


def life_of_a_checksum_of_parts(keys):
    """COMPOSITE: of the parts that the object was uploaded in, as the store's own and as computed here."""
    parts = [b"1" * PART_BYTES, b"2" * (PART_BYTES + 7), b"the end"]
    put_in_parts("in parts", parts, ChecksumAlgorithm="SHA256", ChecksumType="COMPOSITE")
    put_in_parts("in one part", [b"alone"])
    for name, digest in CHECKSUMS.items():
        checksum = {"S3ComputeObjectChecksum": {"ChecksumAlgorithm": name, "ChecksumType": "COMPOSITE"}}
        job = create(checksum, ["in parts", "in one part"])
        assert describe(job)["Operation"] == checksum
        rows = {urllib.parse.unquote_plus(row[1]): json.loads(row[6]) for row in finished(job, 2)}
        assert rows["in parts"]["checksum_hex"] == composite(digest, parts), rows
        assert rows["in one part"]["checksum_hex"] == composite(digest, [b"alone"]), rows
        assert {row["checksumType"] for row in rows.values()} == {"COMPOSITE"}, rows
        # The store's own value, where it kept one.
        own = S3.get_object(Bucket="photos", Key="in parts", ChecksumMode="ENABLED").get(f"Checksum{name}")
        assert own in (None, rows["in parts"]["checksum_base64"]), (own, rows)
    # Of an object that was put in one piece no parts are told.
    checksum = {"S3ComputeObjectChecksum": {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE"}}
    [row] = finished(create(checksum, keys[:1]), 1, failed=1)
    assert "PartsNotTold" in row, row
    # Without a ChecksumAlgorithm it would be a CRC64NVME, of which there is none of parts.
    alone = request({"S3ComputeObjectChecksum": {"ChecksumType": "COMPOSITE"}}, keys)
    raises(BATCH.exceptions.BadRequestException, "BadRequestException", 400, BATCH.create_job, **alone)


def life_of_a_change_of_encryption():
    """By the store's own call: the objects have another key, and are otherwise the same."""
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/other"
    keys = ["secret/1+é", "secret/2"]
    for name in keys:
        S3.put_object(Bucket="photos", Key=name, Body=b"precious", ServerSideEncryption="AES256")
    before = [S3.head_object(Bucket="photos", Key=name) for name in keys]
    kms = {"KMSKeyArn": key, "BucketKeyEnabled": False}
    change = {"S3UpdateObjectEncryption": {"ObjectEncryption": {"SSEKMS": kms}}}
    job = create(change, keys)
    finished(job, len(keys))
    told = describe(job)["Operation"]["S3UpdateObjectEncryption"]["ObjectEncryption"]["SSEKMS"]
    assert {**told, **kms} == told, told
    for name, was in zip(keys, before):
        now = S3.head_object(Bucket="photos", Key=name)
        assert (now["ServerSideEncryption"], now["SSEKMSKeyId"]) == ("aws:kms", key), now
        assert (now["ETag"], now["LastModified"]) == (was["ETag"], was["LastModified"]), (was, now)
        assert S3.get_object(Bucket="photos", Key=name)["Body"].read() == b"precious"
    # What is not encrypted has no key to change; the row has the store's own words.
    S3.put_object(Bucket="photos", Key="open", Body=b"x")
    [row] = finished(create(change, ["open"]), 1, failed=1)
    assert "not encrypted" in urllib.parse.unquote(row[6]), row
    # The store's call by its own client.
    S3.update_object_encryption(Bucket="photos", Key=keys[0], ObjectEncryption={"SSEKMS": {**kms, "KMSKeyArn": key + "2"}})
    assert S3.head_object(Bucket="photos", Key=keys[0])["SSEKMSKeyId"] == key + "2"


def life_of_an_invocation(keys):
    """The function of the documentation is called once for each object, and its words are in the report."""
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:faces"
    for more in ({}, {"InvocationSchemaVersion": "2.0", "UserArguments": {"colour": "red"}}):
        invoke = {"LambdaInvoke": {"FunctionArn": arn, **more}}
        job = create(invoke, keys)
        rows = finished(job, len(keys))
        told = describe(job)["Operation"]["LambdaInvoke"]
        assert {**told, **invoke["LambdaInvoke"]} == told, told
        for row in rows:
            # Messages are percent-encoded where they hold a percent sign.
            assert urllib.parse.unquote(row[6]) == "saw " + urllib.parse.unquote_plus(row[1]), row


PART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../fixtures/inventory/parquet/twenty-objects.parquet")


def life_of_an_inventory_in_parquet(_):
    """Beyond AWS: the inventory's format is CSV by its name, and its manifest.json says Parquet."""
    keys = [f'2026/{n:04}/a b+c%20ü,"{n}".jpg' for n in range(20)]
    for key in keys:
        S3.put_object(Bucket="photos", Key=key, Body=b"x")
    part = open(PART, "rb").read()
    S3.put_object(Bucket="batch", Key="inventory/data/1.parquet", Body=part)
    file = {"key": "inventory/data/1.parquet", "size": len(part), "MD5checksum": hashlib.md5(part).hexdigest()}
    schema = "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);}"
    document = {
        "sourceBucket": "photos",
        "destinationBucket": "arn:aws:s3:::batch",
        "version": "2016-11-30",
        "creationTimestamp": "1748826000000",
        "fileFormat": "Parquet",
        "fileSchema": schema,
        "files": [file],
    }
    etag = S3.put_object(Bucket="batch", Key="inventory/manifest.json", Body=json.dumps(document).encode())["ETag"]
    inventory = {
        "Spec": {"Format": "S3InventoryReport_CSV_20161130"},
        "Location": {"ObjectArn": "arn:aws:s3:::batch/inventory/manifest.json", "ETag": etag},
    }
    finished(create(TAGS, [], Manifest=inventory), len(keys))
    for key in keys:
        assert S3.get_object_tagging(Bucket="photos", Key=key)["TagSet"] == TAGS["S3PutObjectTagging"]["TagSet"], key


LOCKED_COPY = {
    "TargetResource": "arn:aws:s3:::locked",
    "TargetKeyPrefix": "copies",
    "ObjectLockMode": "GOVERNANCE",
    "ObjectLockRetainUntilDate": UNTIL,
    "ObjectLockLegalHoldStatus": "ON",
}


def life_of_a_locked_copy_where_it_fails(keys, code):
    """Rows fail that a store does not lock: no success without its effect."""
    rows = finished(create({"S3PutObjectCopy": LOCKED_COPY}, keys), len(keys), failed=len(keys))
    assert {row[4] for row in rows} == {code}, rows


def life_of_a_locked_copy(keys):
    """The copies are retained and held from their first moment."""
    finished(create({"S3PutObjectCopy": LOCKED_COPY}, keys), len(keys))
    for key in keys:
        kept = S3.head_object(Bucket="locked", Key=f"copies/{key}")
        assert (kept["ObjectLockMode"], kept["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", UNTIL), kept
        assert kept["ObjectLockLegalHoldStatus"] == "ON", kept


def tags_of_a_job(job):
    told = lambda: BATCH.get_job_tagging(AccountId=ACCOUNT, JobId=job)["Tags"]
    assert told() == [{"Key": "a", "Value": "b"}]
    many = [{"Key": f"k{i}", "Value": "ü"} for i in range(50)]
    BATCH.put_job_tagging(AccountId=ACCOUNT, JobId=job, Tags=many)
    assert told() == many
    more = {"AccountId": ACCOUNT, "JobId": job, "Tags": many + [{"Key": "k", "Value": ""}]}
    raises(BATCH.exceptions.TooManyTagsException, "TooManyTagsException", 400, BATCH.put_job_tagging, **more)
    BATCH.delete_job_tagging(AccountId=ACCOUNT, JobId=job)
    assert told() == []


def pages_and_a_cancel(jobs):
    cancelled = create(TAGS, ["x"], ConfirmationRequired=True)
    wait(cancelled, "Suspended")
    told = BATCH.update_job_status(AccountId=ACCOUNT, JobId=cancelled, RequestedJobStatus="Cancelled")
    assert told["Status"] == "Cancelled", told
    seen = [job for page in pages() for job in page]
    assert [job["JobId"] for job in seen] == sorted(job["JobId"] for job in seen) and len(seen) == jobs + 1, seen
    assert {job["Operation"] for job in seen} == {"S3PutObjectTagging", "S3PutObjectCopy", "S3InitiateRestoreObject"}
    only = BATCH.list_jobs(AccountId=ACCOUNT, JobStatuses=["Cancelled", "Failed"])["Jobs"]
    assert [(job["JobId"], job["Status"]) for job in only] == [(cancelled, "Cancelled")], only


def pages():
    """Pages of two jobs."""
    more = {}
    while True:
        page = BATCH.list_jobs(AccountId=ACCOUNT, MaxResults=2, **more)
        yield page["Jobs"]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def exceptions(keys):
    """What bad input gets, as the SDK raises it."""
    typed = BATCH.exceptions
    unknown = {"AccountId": ACCOUNT, "JobId": str(uuid.uuid4())}
    for call in (BATCH.describe_job, BATCH.get_job_tagging, BATCH.delete_job_tagging):
        raises(typed.NotFoundException, "NotFoundException", 404, call, **unknown)
    raises(typed.NotFoundException, "NotFoundException", 404, BATCH.update_job_priority, Priority=1, **unknown)
    asked = request(TAGS, keys, ClientRequestToken="once", ConfirmationRequired=True)
    first = BATCH.create_job(**asked)["JobId"]
    assert BATCH.create_job(**asked)["JobId"] == first, "the same request gives the same job"
    other = {**asked, "Priority": 4}
    assert first in raises(typed.IdempotencyException, "IdempotencyException", 400, BATCH.create_job, **other)
    bad = lambda **more: raises(typed.BadRequestException, "BadRequestException", 400, BATCH.create_job, **{**asked, **more})
    assert "S3ReplicateObject is not implemented" in bad(Operation={"S3ReplicateObject": {}})
    assert "RoleArn" in bad(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/nobody")
    assert "Operation" in bad(Operation={})
    without = {name: value for name, value in asked.items() if name != "Manifest"}
    told = raises(typed.BadRequestException, "BadRequestException", 400, BATCH.create_job, **without)
    assert told == "The request lacks Manifest", told
    page = {"AccountId": ACCOUNT, "NextToken": "nowhere"}
    raises(typed.InvalidNextTokenException, "InvalidNextTokenException", 400, BATCH.list_jobs, **page)
    raises(ClientError, "SignatureDoesNotMatch", 403, client(secret="wrong").list_jobs, AccountId=ACCOUNT)
    raises(ClientError, "InvalidAccessKeyId", 403, client(key="AKIDnobody").list_jobs, AccountId=ACCOUNT)
    raises(ClientError, "AccessDenied", 403, BATCH.list_jobs, AccountId="999999999999")


def tell():
    keys = fill()
    life_of_a_tagging(keys)
    copied = life_of_a_copy(keys)
    life_of_a_restore()
    tags_of_a_job(copied)
    pages_and_a_cancel(3)
    exceptions(keys)
    print("told")


# Each life by its name, in the order in which they are told.
LIVES = {
    "tagging": life_of_a_tagging,
    "inventory": life_of_an_inventory_in_parquet,
    "untagging": life_of_an_untagging,
    "copy": life_of_a_plain_copy,
    "acl": life_of_an_acl,
    "checksum": life_of_a_checksum,
    "checksum-of-parts": life_of_a_checksum_of_parts,
    # Only of a store that is said to be Amazon S3: no probe has a key to try.
    "encryption": lambda _: life_of_a_change_of_encryption(),
    "invocation": life_of_an_invocation,
    "restore": lambda _: life_of_a_restore(),
    "locks": lambda _: life_of_holds_and_retentions(),
    "locked-copy": life_of_a_locked_copy,
    # Ceph RGW makes the copy without its lock.
    "locked-copy-dropped": lambda keys: life_of_a_locked_copy_where_it_fails(keys, "LockNotKept"),
    # moto asks for the Content-MD5 of a copy, which has no content.
    "locked-copy-refused": lambda keys: life_of_a_locked_copy_where_it_fails(
        keys, "MissingUploadObjectWithObjectLockHeaders"
    ),
}


def tell_lives(names):
    """Those of these names; those of locks need a bucket `locked`, that of an invocation the function."""
    keys = fill()
    for name, life in LIVES.items():
        if name in names:
            life(keys)
            print(name)
