"""What the service takes of a machine: memory, descriptors, disk for each task.

Starts the embedded S3 server and a service of its own on loopback, deletes OBJECTS keys that do not exist
(a delete of what is not there succeeds), and prints what the service's process used.

    python3 tests/clients/sizing.py target/release/brigade 1000000
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BRIGADE, OBJECTS = os.path.abspath(sys.argv[1]), int(sys.argv[2])
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="brigade-sizing-"))
STORE_KEYS = {"AWS_ACCESS_KEY_ID": "SBOXsizing", "AWS_SECRET_ACCESS_KEY": "sizingsecret"}


def brigade(*arguments, **environment):
    run = subprocess.run([BRIGADE, *arguments], cwd=FOLDER, env={**os.environ, **environment}, capture_output=True, text=True)
    assert run.returncode == 0, (arguments, run.stdout, run.stderr)
    return run.stdout


def start(wanted, *arguments):
    """Starts a process; gives it with what stands behind `wanted` in the first line that has it."""
    environment = {**os.environ, "BRIGADE_SERVER_LOG_FORMAT": "text"}
    process = subprocess.Popen([BRIGADE, *arguments], cwd=FOLDER, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        if wanted in line:
            return process, line.split(wanted)[1].split()[0]
    raise SystemExit(f"{arguments} did not start")


def memory_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def bytes_below(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main():
    sandbox, url = start(
        "http", "sandbox", "--listen", "127.0.0.1:0", "--bucket", "photos", "--bucket", "batch",
        "--access-key", STORE_KEYS["AWS_ACCESS_KEY_ID"], "--secret-key", STORE_KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    brigade("init", "--endpoint", "http" + url, "--listen", "127.0.0.1:0", **STORE_KEYS)
    service, address = start("API listening address=", "serve")
    os.environ["BRIGADE_CLIENT_URL"] = f"http://{address}"
    idle = (memory_mib(service), descriptors(service))
    with open(FOLDER / "keys.csv", "w") as manifest:
        manifest.writelines(f"photos,2026/{n % 12:02}/some-album/img-{n:09}.jpg\n" for n in range(OBJECTS))
    job = brigade(
        "job", "create", "delete", "--yes", "--manifest", "keys.csv", "--manifest-to", "s3://batch/m", "--report", "s3://batch/r"
    ).strip()
    began, most = time.time(), idle[1]
    while json.loads(brigade("job", "describe", job, "--output", "json"))["Job"]["Status"] not in ("Complete", "Failed"):
        most = max(most, descriptors(service))
        time.sleep(0.2)
    data = FOLDER / "brigade-data"
    spool = bytes_below(data / "spool")
    database = bytes_below(data) - spool
    print(f"{OBJECTS} tasks in {time.time() - began:.0f} s")
    print(f"memory, at most: {idle[0]:.0f} MiB idle, {memory_mib(service):.0f} MiB")
    print(f"descriptors: {idle[1]} idle, {most} at most")
    print(f"disk: {spool / OBJECTS:.2f} bytes a task in the spool, {database / 2**20:.1f} MiB in the database with its log")
    for process in (service, sandbox):
        process.terminate()
        process.wait()


main()
