"""The life of a job for each operation, on whatever object store: what became of the objects is read back
from the store, and each object stands exactly once in the report.

    target/venv/bin/python -c "import sys; sys.path.append('tests/clients'); import operations; operations.tell(['copy'])"

with the environment of life.py.
"""

from botocore.exceptions import ClientError
from life import APPID, S3, create, fill, finished

TARGET = f"<TargetResource>qcs::cos:local:uid/{APPID}:backup</TargetResource>"
TAG = "<COSTag><Key>team</Key><Value>red</Value></COSTag>"
TEAM_RED = [{"Key": "team", "Value": "red"}]


def read(bucket, key):
    return S3.get_object(Bucket=bucket, Key=key)["Body"].read()


def tags(bucket, key):
    return S3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]


def copied(keys):
    for i, key in enumerate(keys):
        assert read("backup", key) == f"{i}".encode(), key


def copy(keys):
    """One object is missing: its task fails, and the others are copied."""
    rows = finished(create(f"<COSPutObjectCopy>{TARGET}</COSPutObjectCopy>", keys + ["none"]), len(keys) + 1, failed=1)
    assert [row[1] for row in rows if row[3] == "failed"] == ["none"], rows
    copied(keys)


def copy_with_tags(keys):
    """The copies have the tags that the job names, also where the store drops them from a copy."""
    for key in keys:
        S3.put_object_tagging(Bucket="photos", Key=key, Tagging={"TagSet": [{"Key": "old", "Value": "1"}]})
    directive = "<TaggingDirective>Replaced</TaggingDirective>"
    body = f"<COSPutObjectCopy>{directive}<NewObjectTagging>{TAG}</NewObjectTagging>{TARGET}</COSPutObjectCopy>"
    finished(create(body, keys), len(keys))
    copied(keys)
    for key in keys:
        assert tags("backup", key) == TEAM_RED, (key, tags("backup", key))


def tag(keys):
    """Tags are replaced, and the bytes stay."""
    body = f"<COSPutObjectTagging><TaggingDirective>Replaced</TaggingDirective><TagSet>{TAG}</TagSet></COSPutObjectTagging>"
    finished(create(body, keys), len(keys))
    for i, key in enumerate(keys):
        assert tags("photos", key) == TEAM_RED
        assert read("photos", key) == f"{i}".encode()


def restore(_):
    S3.put_object(Bucket="photos", Key="cold", Body=b"x", StorageClass="GLACIER")
    body = "<COSInitiateRestoreObject><ExpirationInDays>3</ExpirationInDays><JobTier>Bulk</JobTier></COSInitiateRestoreObject>"
    finished(create(body, ["cold"]), 1)
    assert "Restore" in S3.head_object(Bucket="photos", Key="cold")


def delete(keys):
    finished(create("<COSDeleteObject/>", keys), len(keys))
    for key in keys:
        try:
            S3.head_object(Bucket="photos", Key=key)
            raise AssertionError(f"{key} is still there")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404


LIVES = {"copy": copy, "copy_with_tags": copy_with_tags, "tag": tag, "restore": restore, "delete": delete}


def tell(operations):
    """Tells the life of each, in the order of the table: deletes come last."""
    keys = fill()
    for name, life in LIVES.items():
        if name in operations:
            life(keys)
            print(name)
