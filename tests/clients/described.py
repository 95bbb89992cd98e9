"""The operator's API against its own description, by schemathesis.

For every action, requests that the description allows and requests that it forbids: no trouble of
the server's own, only statuses and documents that are described, what is allowed is accepted and
what is forbidden refused. Signed by the official COS SDK's own signer.

    target/venv/bin/python tests/clients/described.py

with the environment: BATCH_URL, APPID, SECRET_ID, SECRET_KEY (the service), and JOBS, ids of jobs
separated by commas: the hand of the test lies on them.
"""

import os
import random
from base64 import b64encode
from hashlib import md5
from urllib.parse import unquote, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from qcloud_cos import CosConfig, CosS3Auth
from requests.auth import AuthBase
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

ENV = os.environ
URL = ENV["BATCH_URL"]
JOBS = ENV["JOBS"].split(",")
SIGNER = CosConfig(Region="local", SecretId=ENV["SECRET_ID"], SecretKey=ENV["SECRET_KEY"])
# Schema-valid, and refused all the same: the configuration's own limits stand in no schema, nor
# the characters and the bytes that a field of the dialect may have, nor which roles and buckets there are.
BEYOND_THE_SCHEMA = {"LimitEndpoint", "RetryFailed", "ProbeEndpoint", "ConfirmJob", "CancelJob", "CheckPlaces", "WaitForRestore"}
EXAMPLES = 40


class Signed(AuthBase):
    """Signs the request as it goes out, with its body."""

    def __call__(self, request):
        if request.body:
            body = request.body if isinstance(request.body, bytes) else request.body.encode()
            request.headers["Content-MD5"] = b64encode(md5(body).digest()).decode()
        return CosS3Auth(SIGNER, unquote(urlsplit(request.url).path))(request)


def check(operation, mode):
    """Sends a bounded number of requests of one kind; gives how many, by status."""
    name = operation.definition.raw["operationId"]
    wanted = [
        checks.not_a_server_error,
        openapi_checks.status_code_conformance,
        openapi_checks.content_type_conformance,
        openapi_checks.response_schema_conformance,
        openapi_checks.negative_data_rejection,
    ]
    if name not in BEYOND_THE_SCHEMA:
        wanted.append(openapi_checks.positive_data_acceptance)
    statuses = {}
    choose = random.Random(0)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case):
        # Names of nothing are found by themselves; names of something are not.
        if "job" in case.path_parameters and choose.random() < 0.7:
            case.path_parameters["job"] = choose.choice(JOBS)
        if "endpoint" in case.path_parameters and choose.random() < 0.7:
            case.path_parameters["endpoint"] = "main"
        if "role" in case.path_parameters and choose.random() < 0.7:
            case.path_parameters["role"] = "batch"
        response = case.call(base_url=URL, auth=Signed(), headers={"x-cos-appid": ENV["APPID"]})
        assert response.headers.get("x-cos-request-id"), response.headers
        case.validate_response(response, checks=wanted)
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1

    send()
    return name, statuses


def unsigned(operation):
    """Without a signature every action is denied, in the described form."""
    path = operation.path.format(job=JOBS[0], endpoint="main", role="batch")
    response = requests.request(operation.method, URL + path, headers={"x-cos-appid": ENV["APPID"]}, timeout=30)
    assert (response.status_code, response.json()["code"]) == (403, "AccessDenied"), response.text


schema = schemathesis.openapi.from_url(f"{URL}/brigade/v1/openapi.json")
seen = {}
operations = [result.ok() for result in schema.get_all_operations()]
# Last what removes jobs: the other actions would find none of them.
operations.sort(key=lambda operation: operation.definition.raw["operationId"] == "DeleteJob")
for operation in operations:
    unsigned(operation)
    modes = [GenerationMode.POSITIVE]
    if operation.body:
        modes.append(GenerationMode.NEGATIVE)
    for mode in modes:
        name, statuses = check(operation, mode)
        print(name, mode.value, statuses)
        seen[name, mode] = statuses

# The test would prove little if it never got through.
for (name, mode), statuses in seen.items():
    if mode is GenerationMode.POSITIVE:
        assert statuses.get(200) or statuses.get(409) or name == "ProbeEndpoint", (name, statuses)
    elif name != "StartEndpoint":
        assert statuses.get(400), (name, statuses)
requests.post(f"{URL}/brigade/v1/endpoints/main/start", auth=Signed(), headers={"x-cos-appid": ENV["APPID"]}, timeout=30)
print("told")
