#!/usr/bin/env python3
"""docs/openapi.yaml is a valid description, its curl examples run, and what Weir answers is what it says."""
import http.client
import json
import re
import subprocess

import npm
from weir import DESK, ROOT, Weir, check, main, test, ticket, wait_until, with_sandbox

FILE = ROOT / "docs/openapi.yaml"
PACKAGES = ["@apidevtools/swagger-parser@10.1.1"]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOKS = """
  hooks:
    path: /hooks
    source: hooks
    id: /headers/webhook-id
    steps: [{{name: send, call: {{downstream: helpdesk, path: "/v1/hooks/${{/message/type}}"}}}}]
"""
KEYS = """api_keys: {{ops: {{secret: ops, scopes: [admin]}}, phones: {{secret: phones, scopes: [leases:writes]}}}}
"""
CONFIG = (KEYS + DESK + HOOKS).replace("sources: {{", "sources: {{hooks: {{auth: standard-webhooks, secret: hooks}}, ")
# Described, and seen by other tests: deadlines of connections, a head too large.
NOT_SEEN = {"408", "431"}


def tool(verb, said=None):
    modules = npm.install("openapi", PACKAGES)
    run = subprocess.run(["node", ROOT / "tests/proc/openapi_tool.mjs", modules, verb, FILE], input=said, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    check(run.returncode == 0, f"the description is refused: {run.stderr.strip()[:900]}")
    return json.loads(run.stdout)


def operations(described):
    for path, item in described["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in item:
                yield method.upper(), path, item[method]


def read_answer(text):
    """Status, headers and body of what curl -i shows last."""
    head, _, body = text.partition("\r\n\r\n")
    while head.startswith("HTTP/1.1 100"):
        head, _, body = body.partition("\r\n\r\n")
    lines = head.split("\r\n")
    found = re.match(r"HTTP/1\.1 (\d{3})", lines[0])
    check(found, f"this is no answer: {text[:200]}")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return int(found.group(1)), {name.lower(): value for name, value in fields.items()}, body


def run_example(weir, sample):
    source = sample["source"].replace("http://127.0.0.1:8080", f"http://127.0.0.1:{weir.port}")
    run = subprocess.run(["bash", "-euo", "pipefail", "-c", source], cwd=weir.folder, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=30)
    check(run.returncode == 0, f"an example failed: {run.stderr.decode()[-300:]}\n{source}")
    answer = read_answer(run.stdout.decode())
    check(str(answer[0]) == sample["label"], f"{sample['label']} is said, {answer[0]} came: {answer[2][:200]}\n{source}")
    return answer


def start():
    weir, sandbox = with_sandbox("openapi", config=CONFIG)
    for name, text in (("hooks", SECRET), ("ops", "k-ops"), ("phones", "k-phones")):
        weir.secret(name, text)
    return weir.start(), sandbox


def ask(port, operation, method=None, path=None, body=None, headers=None):
    """One answer, to be compared with the operation that is described: (method, path)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method or operation[0], path or operation[1], body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return {"method": operation[0], "path": operation[1], "status": answer.status, "body": answer.read().decode(),
                "headers": {name.lower(): value for name, value in answer.getheaders()}}
    finally:
        connection.close()


SEND, BY_NAME, SHOW = ("POST", "/tickets"), ("POST", "/v1/messages"), ("GET", "/v1/messages/{id}")
PROBES = [("GET", path) for path in ("/livez", "/readyz", "/health", "/metrics", "/metrics/summary")]


def more_answers(weir, done):
    """What the examples leave out: large bodies, strangers, wrong methods, numbers of actors that run, a drain."""
    def at(*words, **more):
        return ask(weir.port, *words, **more)
    answers = [at(SEND, body=b"[" + b"1," * 600000 + b"1]"), at(SEND, path="/hooks", body=b"{}"), at(SEND, method="GET"),
               at(BY_NAME, method="GET"), at(SHOW, method="POST", path=f"/v1/messages/{done}", body=b"{}"),
               at(SHOW, path=f"/v1/messages/{done}"), at(("GET", "/metrics"), headers={"Accept": "application/json"})]
    for probe in PROBES:
        answers += [at(probe), at(probe, method="POST", body=b"{}")]
    weir.ctl("mode", mode="draining")
    wait_until(lambda: weir.get("/readyz")[0] == 503, 5, "it drains")
    body = json.dumps(ticket(77)).encode()
    answers += [at(SEND, body=body), at(BY_NAME, path="/v1/messages?route=tickets", body=body), at(PROBES[1]), at(PROBES[2])]
    return answers


def run_examples(weir, described):
    answers = []
    for method, path, operation in operations(described):
        check(operation.get("x-codeSamples"), f"{method} {path} has no example")
        for sample in operation["x-codeSamples"]:
            status, fields, body = run_example(weir, sample)
            answers.append({"method": method, "path": path, "status": status, "headers": fields, "body": body})
    return answers


@test
def what_is_described_is_what_is_answered():
    described = tool("read")
    weir, _ = start()
    answers = run_examples(weir, described)
    count = len(answers)
    wait_until(lambda: weir.queue()["done"] >= 3, 10, "the examples' messages are done")
    wait_until(lambda: weir.get("/metrics/summary")[2]["mode"] == "normal", 20, "the actors have told their numbers")
    answers += more_answers(weir, json.loads(answers[0]["body"])["id"])
    problems = tool("compare", json.dumps(answers))
    check(not problems, f"{len(problems)} answers are not as described: {problems[:1]}")
    statuses = {str(a["status"]) for a in answers}
    unseen = {s for _, _, o in operations(described) for s in o["responses"]} - statuses - NOT_SEEN
    check(not unseen, f"described, but nobody saw it: {sorted(unseen)}")
    print(f"{count} examples run, {len(answers)} answers compared, of status {' '.join(sorted(statuses))}", flush=True)
    weir.stop()
    weir.remove()


@test
def an_answer_that_is_not_as_described_is_found():
    good = {"method": "GET", "path": "/readyz", "status": 200, "headers": {"content-type": "application/json"},
            "body": '{"ready": true, "reasons": []}'}
    wrong = [{**good, "status": 418}, {**good, "path": "/nothing"}, {**good, "body": '{"ready": 1, "reasons": []}'},
             {**good, "body": '{"ready": true, "reasons": [], "more": 1}'}, {**good, "headers": {"content-type": "text/html"}},
             {**good, "status": 503}]  # no Retry-After
    check(tool("compare", json.dumps([good])) == [], "what is right is right")
    check(all(tool("compare", json.dumps([w])) for w in wrong), "each of these is wrong")


@test
def every_problem_and_probe_is_described():
    described = tool("read")
    codes = set(described["components"]["schemas"]["problem"]["properties"]["code"]["enum"])
    known = set(re.findall(r'PROBLEM\(\w+, \d+, "(\w+)"', (ROOT / "lib/core/problem.h").read_text()))
    known |= set(re.findall(r'\{\d{3}, "[^"]*", "(\w+)"', (ROOT / "lib/sys/http_server_refuse.c").read_text()))
    check(codes == known and len(known) > 15, f"codes that differ: {sorted(codes ^ known)}")
    probes = set(re.findall(r'\{"(/[\w/]+)", (?:health_\w+|metrics|summary)\}', (ROOT / "actors/ingress/request.c").read_text()))
    check(len(probes) >= 5 and probes <= set(described["paths"]), f"not described: {sorted(probes - set(described['paths']))}")


main()
