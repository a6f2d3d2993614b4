#!/usr/bin/env python3
"""Real input: every example payload of GitHub's webhooks, signed by a program that is not ours, classified by rules on
event and action, answered with one call each. The counts of sender, Weir and sandbox agree exactly."""
import collections
import json
import shutil
import subprocess

from weir import ROOT, Weir, check, main, test, wait_until, with_sandbox

NPM = ROOT / "build/npm"
PACKAGES = ["@octokit/webhooks-examples@7.6.1", "@octokit/webhooks-methods@6.0.0"]
SECRET = "It's a Secret to Everybody"
CONFIG = """
http: {{listen: ["127.0.0.1:{port}"]}}
store: {{reserve_mb: 1, low_mb: 4}}
log: {{journal: false}}
sources: {{github: {{auth: github, secret: hook, sender_retries: false}}}}
downstreams: {{desk: {{url: "http://127.0.0.1:{sandbox}", idempotent: true, allow_private: true}}}}
routes:
  github:
    path: /github
    source: github
    id: /headers/x-github-delivery
    key: /headers/x-github-event
    steps:
      - name: sort
        classify:
          rules:
            - when: {{/headers/x-github-event: ["pull_request", "pull_request_review*"], /message/action: ["opened", "submitted", "reopened", "synchronize"]}}
              outcome: review
            - when: {{/headers/x-github-event: ["issues", "issue_comment"]}}
              outcome: triage
            - when: {{/headers/x-github-event: ["workflow_*", "check_*"], /message/action: ["completed"]}}
              outcome: report
            - when: {{/message/action: null}}
              outcome: plain
          otherwise: other
      - name: tell
        call: {{downstream: desk, path: "/events/${{/headers/x-github-event}}/${{/results/sort/outcome}}", body: {{event: "${{/headers/x-github-event}}", action: "${{/message/action:-}}", delivery: "${{/headers/x-github-delivery}}"}}}}
"""


def expected(event, action):
    """The same rules, written a second time."""
    if (event == "pull_request" or event.startswith("pull_request_review")) and action in ("opened", "submitted", "reopened", "synchronize"):
        return "review"
    if event in ("issues", "issue_comment"):
        return "triage"
    if event.startswith(("workflow_", "check_")) and action == "completed":
        return "report"
    return "plain" if action is None else "other"


def install():
    check(shutil.which("node") and shutil.which("npm"), "node and npm are needed: apt-get install nodejs npm")
    if all((NPM / "node_modules" / p.rsplit("@", 1)[0]).exists() for p in PACKAGES):
        return
    NPM.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(["npm", "install", "--prefix", NPM, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts",
                          *PACKAGES], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180)
    check(run.returncode == 0, f"npm install failed: {run.stdout[-300:]}")


def send(weir):
    run = subprocess.run(["node", ROOT / "tests/proc/webhooks_send.mjs", NPM / "node_modules",
                          f"http://127.0.0.1:{weir.port}/github", SECRET], text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=120)
    check(run.returncode == 0, f"the sender failed: {run.stderr[-500:]}")
    return json.loads(run.stdout)


@test
def every_example_of_github_is_accepted_classified_and_called_once():
    install()
    weir, sandbox = with_sandbox("webhooks", config=CONFIG)
    weir.secret("hook", SECRET)
    weir.start()
    first = send(weir)
    check(len(first) == 329, f"329 examples are expected, not {len(first)}")
    odd = [s for s in first if s["status"] != 202]
    check(not odd, f"{len(odd)} were not accepted, the first {odd[:1]}")
    wait_until(lambda: weir.queue()["done"] == len(first), 30, "all are done")
    wanted = collections.Counter(f"/events/{s['event']}/{expected(s['event'], s['action'])}" for s in first)
    wait_until(lambda: len(sandbox.seen()) >= len(first), 5, "the sandbox wrote all down")
    seen = collections.Counter(s["path"] for s in sandbox.seen())
    check(seen == wanted, f"paths differ: {list((seen - wanted).items())[:3]} {list((wanted - seen).items())[:3]}")
    summary = sandbox.summary()
    check(summary["requests"] == summary["effects"] == summary["calls"] == len(first), f"one call each: {summary}")
    wait_until(lambda: weir.metric("weir_messages_accepted_total") == len(first), 5, "Weir counts the same")
    second = send(weir)
    ids = {json.loads(s["answer"])["id"] for s in first}
    check(all(s["status"] == 200 and json.loads(s["answer"])["id"] in ids for s in second), "the second sending is all duplicates")
    check(sandbox.summary()["requests"] == len(first) and weir.queue()["done"] == len(first), "and changes nothing")
    print(f"sent {len(first)}, accepted {len(first)}, done {weir.queue()['done']}, calls {summary['calls']}; "
          f"outcomes {collections.Counter(p.rsplit('/', 1)[1] for p in seen.elements())}", flush=True)
    forged = weir.post({"action": "opened"}, path="/github", headers={"x-github-event": "issues", "x-github-delivery": "forged",
                       "x-hub-signature-256": "sha256=" + "0" * 64})
    check(forged[0] == 401, f"a wrong signature is refused: {forged[0]}")
    weir.stop()
    weir.remove()


main()
