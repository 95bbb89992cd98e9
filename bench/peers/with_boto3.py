"""What a program over boto3 does with the objects of a manifest.

    with_boto3.py copy MANIFEST THREADS BUCKET
    with_boto3.py tag MANIFEST THREADS
    with_boto3.py delete MANIFEST THREADS
"""

import csv
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

action, manifest, threads, *rest = sys.argv[1:]
threads = int(threads)
s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["S3_URL"],
    region_name="us-east-1",
    aws_access_key_id=os.environ["S3_ACCESS_KEY"],
    aws_secret_access_key=os.environ["S3_SECRET_KEY"],
    config=Config(s3={"addressing_style": "path"}, max_pool_connections=threads),
)


def copy(row):
    bucket, key = row
    s3.copy_object(Bucket=rest[0], Key=key, CopySource={"Bucket": bucket, "Key": key})


def tag(row):
    bucket, key = row
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "team", "Value": "red"}]})


def delete(group):
    """As little as can be asked: only what failed is answered."""
    objects = [{"Key": key} for _, key in group]
    answer = s3.delete_objects(Bucket=group[0][0], Delete={"Objects": objects, "Quiet": True})
    assert not answer.get("Errors"), answer["Errors"][0]


with open(manifest, newline="") as file:
    work = list(csv.reader(file))
if action == "delete":
    work = [work[n : n + 1000] for n in range(0, len(work), 1000)]
act = {"copy": copy, "tag": tag, "delete": delete}[action]
with ThreadPoolExecutor(threads) as pool:
    for _ in pool.map(act, work):
        pass
