"""The life of a job, told by a program written for Tencent COS Batch.

Requests are plain HTTP by `requests`, signed by the official COS SDK's own signer
(`qcloud_cos.CosS3Auth`); objects and reports are looked at with boto3. Every step asserts.

    target/venv/bin/python tests/clients/life.py

with the environment: BATCH_URL, APPID, UIN, SECRET_ID, SECRET_KEY (the service), S3_URL,
S3_ACCESS_KEY, S3_SECRET_KEY (the object store), ROLE.
"""

import csv
import io
import json
import os
import time
import urllib.parse
import uuid
import xml.etree.ElementTree as ElementTree

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from qcloud_cos import CosConfig, CosS3Auth

ENV = os.environ
URL, APPID, UIN = ENV["BATCH_URL"], ENV["APPID"], ENV["UIN"]
ROLE = f"qcs::cam::uin/{UIN}:roleName/{ENV['ROLE']}"
SIGNER = CosConfig(Region="local", SecretId=ENV["SECRET_ID"], SecretKey=ENV["SECRET_KEY"])
S3 = boto3.client(
    "s3",
    endpoint_url=ENV["S3_URL"],
    aws_access_key_id=ENV["S3_ACCESS_KEY"],
    aws_secret_access_key=ENV["S3_SECRET_KEY"],
    region_name="us-east-1",
    config=Config(s3={"addressing_style": "path"}),
)


def call(method, path, query=None, body=None, appid=APPID, signer=SIGNER):
    """One signed call; gives the status, the parsed body and the response."""
    query = query or {}
    headers = {"x-cos-appid": appid}
    if body is not None:
        headers["Content-Type"] = "application/xml"
    auth = CosS3Auth(signer, path, params=query) if signer else None
    text = urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
    response = requests.request(
        method, f"{URL}{path}" + (f"?{text}" if text else ""), data=body, headers=headers, auth=auth, timeout=30
    )
    assert response.headers.get("x-cos-request-id"), response.headers
    root = ElementTree.fromstring(response.content) if response.content else None
    return response.status_code, root, response


def expect(status, code, answer):
    """The answer is this error."""
    got, root, response = answer
    assert (got, root.findtext("Code")) == (status, code), (got, response.text)
    for element in ("Message", "Resource", "RequestId", "TraceId"):
        assert root.findtext(element), response.text
    assert response.headers.get("x-cos-trace-id"), response.headers


def job_xml(operation, etag, key, fields, token=None, confirm=False, scope="AllTasks"):
    """A CreateJob body."""
    members = "".join(f"<member>{field}</member>" for field in fields)
    return f"""<CreateJobRequest>
<ClientRequestToken>{token or uuid.uuid4()}</ClientRequestToken>
<ConfirmationRequired>{str(confirm).lower()}</ConfirmationRequired>
<Description>told by a client</Description>
<Manifest><Location><ETag>{etag}</ETag><ObjectArn>qcs::cos:local:uid/{APPID}:batch/{key}</ObjectArn></Location>
<Spec><Fields>{members}</Fields><Format>COSBatchOperations_CSV_V1</Format></Spec></Manifest>
<Operation>{operation}</Operation>
<Priority>3</Priority>
<Report><Bucket>qcs::cos:local:uid/{APPID}:batch</Bucket><Enabled>true</Enabled><Format>Report_CSV_V1</Format>
<Prefix>reports</Prefix><ReportScope>{scope}</ReportScope></Report>
<RoleArn>{ROLE}</RoleArn>
</CreateJobRequest>""".encode()


def create(operation, keys, **options):
    """Uploads a manifest and creates a job over it."""
    name = f"manifests/{uuid.uuid4()}.csv"
    text = "".join(f"photos,{key}\n" for key in keys)
    etag = S3.put_object(Bucket="batch", Key=name, Body=text.encode())["ETag"]
    body = job_xml(operation, etag.replace('"', "&quot;"), name, ["Bucket", "Key"], **options)
    status, root, response = call("POST", "/jobs", body=body)
    assert (status, root.tag) == (200, "CreateJobResult"), response.text
    return root.findtext("JobId")


def describe(job):
    status, root, response = call("GET", f"/jobs/{job}")
    assert (status, root.tag) == (200, "DescribeJobResult"), response.text
    return root.find("Job")


def wait(job, *wanted):
    """Polls DescribeJob, as such programs do, until the job has one of these statuses."""
    for _ in range(600):
        described = describe(job)
        if described.findtext("Status") in wanted:
            return described
        time.sleep(0.1)
    raise AssertionError(ElementTree.tostring(described))


def report(job):
    """The rows of a job's report."""
    manifest = json.load(S3.get_object(Bucket="batch", Key=f"reports/job-{job}/manifest.json")["Body"])
    rows = []
    for result in manifest["Results"]:
        text = S3.get_object(Bucket="batch", Key=result["Key"])["Body"].read().decode()
        rows += list(csv.reader(io.StringIO(text)))
    return rows


def finished(job, tasks, failed=0):
    """The job ended as it should, and its report holds each object exactly once."""
    described = wait(job, "Complete", "Failed", "Cancelled")
    assert described.findtext("Status") == "Complete", ElementTree.tostring(described)
    progress = described.find("ProgressSummary")
    counts = [int(progress.findtext(f"NumberOfTasks{kind}")) for kind in ("Succeeded", "Failed")]
    assert counts == [tasks - failed, failed], counts
    assert int(progress.findtext("TotalNumberOfTasks")) == tasks
    rows = report(job)
    assert len(rows) == tasks and len({row[1] for row in rows}) == tasks, rows
    return rows


def fill():
    for bucket in ("photos", "backup", "batch"):
        S3.create_bucket(Bucket=bucket)
    for i in range(30):
        S3.put_object(Bucket="photos", Key=f"a b/{i}+é.jpg", Body=f"{i}".encode())
    return [f"a b/{i}+é.jpg" for i in range(30)]


def life_of_a_copy(keys):
    """Created, suspended, made urgent, confirmed, watched, reported."""
    copy = f"<COSPutObjectCopy><TargetResource>qcs::cos:local:uid/{APPID}:backup</TargetResource></COSPutObjectCopy>"
    job = create(copy, keys, confirm=True)
    suspended = wait(job, "Suspended")
    assert suspended.findtext("SuspendedCause") and suspended.findtext("SuspendedDate")
    assert suspended.findtext("Description") == "told by a client"
    status, root, _ = call("POST", f"/jobs/{job}/priority", {"priority": "7"})
    assert (status, root.findtext("Priority")) == (200, "7")
    query = {"requestedJobStatus": "Ready", "statusUpdateReason": "to do"}
    status, root, _ = call("POST", f"/jobs/{job}/status", query)
    assert (status, root.findtext("Status"), root.findtext("StatusUpdateReason")) == (200, "Ready", "to do")
    rows = finished(job, len(keys))
    assert all(row[3] == "succeeded" for row in rows), rows
    for i, key in enumerate(keys):
        assert S3.get_object(Bucket="backup", Key=key)["Body"].read() == f"{i}".encode()
    expect(400, "InvalidRequest", call("POST", f"/jobs/{job}/status", {"requestedJobStatus": "Cancelled"}))
    expect(404, "NoSuchJob", call("POST", f"/jobs/{job}/priority", {"priority": "1"}))
    return job


def life_of_the_others(keys):
    """Tagging, restore and delete; one object is missing."""
    tags = "<TagSet><COSTag><Key>team</Key><Value>red</Value></COSTag></TagSet>"
    job = create(f"<COSPutObjectTagging><TaggingDirective>Replaced</TaggingDirective>{tags}</COSPutObjectTagging>", keys + ["none"])
    rows = finished(job, len(keys) + 1, failed=1)
    assert [row[1] for row in rows if row[3] == "failed"] == ["none"], rows
    for key in keys:
        assert S3.get_object_tagging(Bucket="photos", Key=key)["TagSet"] == [{"Key": "team", "Value": "red"}]

    S3.put_object(Bucket="photos", Key="cold", Body=b"x", StorageClass="GLACIER")
    restore = "<COSInitiateRestoreObject><ExpirationInDays>3</ExpirationInDays><JobTier>Bulk</JobTier></COSInitiateRestoreObject>"
    finished(create(restore, ["cold"]), 1)
    assert "Restore" in S3.head_object(Bucket="photos", Key="cold")

    finished(create("<COSDeleteObject></COSDeleteObject>", keys), len(keys))
    for key in keys:
        try:
            S3.head_object(Bucket="photos", Key=key)
            raise AssertionError(f"{key} is still there")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def lists_and_ends(first):
    """Pages of a list, a cancel, a delete."""
    status, root, _ = call("GET", "/jobs", {"maxResults": "1"})
    assert (status, root.find("Jobs/member").findtext("JobId"), root.findtext("NextToken")) == (200, first, first)
    seen, token = [], None
    while True:
        query = {"maxResults": "2", **({"nextToken": token} if token else {})}
        _, root, _ = call("GET", "/jobs", query)
        seen += [member.findtext("JobId") for member in root.findall("Jobs/member")]
        token = root.findtext("NextToken")
        if not token:
            break
    assert len(seen) == len(set(seen)) == 4 and seen == sorted(seen), seen

    job = create("<COSDeleteObject/>", ["x"], confirm=True)
    wait(job, "Suspended")
    status, root, _ = call("POST", f"/jobs/{job}/status", {"requestedJobStatus": "Cancelled"})
    assert (status, root.findtext("Status")) == (200, "Cancelled")
    _, root, _ = call("GET", "/jobs", {"jobStatuses": "Cancelled"})
    assert [member.findtext("JobId") for member in root.findall("Jobs/member")] == [job]
    status, _, response = call("DELETE", f"/jobs/{job}")
    assert status in (200, 204) and not response.content
    expect(404, "NoSuchJob", call("GET", f"/jobs/{job}"))


def errors():
    """What bad input gets."""
    expect(403, "AccessDenied", call("GET", "/jobs", signer=None))
    wrong = CosConfig(Region="local", SecretId=ENV["SECRET_ID"], SecretKey="wrong")
    expect(403, "SignatureDoesNotMatch", call("GET", "/jobs", signer=wrong))
    nobody = CosConfig(Region="local", SecretId="AKIDnobody", SecretKey="wrong")
    expect(403, "InvalidAccessKeyId", call("GET", "/jobs", signer=nobody))
    expect(403, "AccessDenied", call("GET", "/jobs", appid="1999999999"))
    expect(404, "NoSuchJob", call("GET", f"/jobs/{uuid.uuid4()}"))
    expect(400, "InvalidArgument", call("GET", "/jobs", {"jobStatuses": "Sleeping"}))
    expect(400, "InvalidArgument", call("GET", "/jobs", {"maxResults": "1001"}))
    expect(400, "MalformedXML", call("POST", "/jobs", body=b"<CreateJobRequest><Priority>"))
    expect(400, "InvalidRequest", call("POST", "/jobs", body=b""))
    token = str(uuid.uuid4())
    body = job_xml("<COSDeleteObject/>", "e", "none", ["Bucket", "Key"], token=token, confirm=True)
    status, root, _ = call("POST", "/jobs", body=body)
    assert status == 200
    expect(400, "InvalidRequest", call("POST", "/jobs", body=body))
    failed = wait(root.findtext("JobId"), "Failed")
    assert failed.findtext("FailureReasons/JobFailure/FailureCode") == "ManifestNotFound"


if __name__ == "__main__":
    objects = fill()
    copied = life_of_a_copy(objects)
    life_of_the_others(objects)
    lists_and_ends(copied)
    errors()
    print("told")
