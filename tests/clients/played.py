"""Sequences of calls as other programs make them, from `fixtures/calls`, signed when they are played.

    target/venv/bin/python -c "import played; played.play('terraform', 'applied')"

with the environment of `life.py`. Each step of a sequence says why the program makes the call, and what it relies on:
the status of the answer; that a description `keeps` all that was written (which the program compares, and otherwise
would write again for ever); the status that the job `is` in, or is watched `until`.
"""

import json
import pathlib
import time
import uuid
import xml.etree.ElementTree as ElementTree

import life

CALLS = pathlib.Path(__file__).parent.parent.parent / "fixtures" / "calls"
# What a description has beside what was written.
ADDED = ("CreationTime", "JobId", "ProgressSummary", "Status", "StatusUpdateReason", "TerminationDate", "SuspendedCause", "SuspendedDate")


def leaves(element, path=""):
    """Each text of a document with the path to it; blanks and what is empty say nothing."""
    inside = [leaf for child in element for leaf in leaves(child, f"{path}/{child.tag}")]
    text = (element.text or "").strip()
    return inside + ([(path, text)] if text and not len(element) else [])


def kept(wrote, described):
    """What was written is what is described, and nothing else."""
    added = [child for child in described if child.tag in ADDED]
    for child in added:
        described.remove(child)
    wrote, described = sorted(leaves(wrote)), sorted(leaves(described))
    assert wrote == described, [sorted(set(a) - set(b)) for a, b in ((wrote, described), (described, wrote))]


def step_of(folder, step, places):
    """The call of a step, and the document that it sends."""
    body = None
    if "body" in step:
        confirm = str(step.get("confirm", False)).lower()
        body = (folder / step["body"]).read_text().strip().format(**places, token=uuid.uuid4(), confirm=confirm)
    answer = life.call(step["method"], step["path"].format(**places), step.get("query"), body and body.encode())
    return answer, body


def play(program, sequence, rows=30):
    """Plays a sequence on a job over so many objects."""
    keys = [f"{i:05}.jpg" for i in range(rows)]
    for key in keys:
        life.S3.put_object(Bucket="photos", Key=key, Body=b"x")
    text = "".join(f"photos,{key}\n" for key in keys)
    etag = life.S3.put_object(Bucket="batch", Key=f"{sequence}.csv", Body=text.encode())["ETag"].replace('"', "&#34;")
    places = {"etag": etag, "manifest": f"{sequence}.csv", "appid": life.APPID, "uin": life.UIN, "role": life.ENV["ROLE"]}
    wrote = None
    for step in json.loads((CALLS / program / f"{sequence}.json").read_text()):
        for _ in range(600):
            (status, root, response), body = step_of(CALLS / program, step, places)
            assert status == step["status"], (step, status, response.text)
            if "until" not in step or root.findtext("Job/Status") == step["until"]:
                break
            time.sleep(0.1)
        if body:
            wrote = ElementTree.fromstring(body)
            places["job"] = root.findtext("JobId")
        if "priority" in step.get("query", {}):
            wrote.find("Priority").text = step["query"]["priority"]
        if "is" in step or "until" in step:
            assert root.findtext("Job/Status") == step.get("is", step.get("until")), response.text
        if "keeps" in step:
            kept(wrote, root.find("Job"))


if __name__ == "__main__":
    for name in ("photos", "backup", "batch"):
        life.S3.create_bucket(Bucket=name)
    for told in ("applied", "cancelled"):
        play("terraform", told)
    print("told")
