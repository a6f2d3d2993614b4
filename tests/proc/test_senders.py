#!/usr/bin/env python3
"""Senders as they are: Standard Webhooks signed by its own npm library, Slack by its documented vector and scheme, a
form of a carrier; secrets are changed under load without one refusal."""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import subprocess
import threading
import time
import urllib.parse

import npm
from weir import BUILD, ROOT, Weir, check, main, test, wait_until, with_sandbox

PACKAGES = ["standardwebhooks@1.0.0"]
WEBHOOK = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK_NEXT = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
SLACK = "8f742231b10e8888abcd99yyyzzz85a5"
CONFIG = """
http: {{listen: ["127.0.0.1:{port}"]}}
store: {{reserve_mb: 1, low_mb: 4}}
log: {{journal: false}}
supervisor: {{restart_min_ms: 20}}
sources:
  hooks: {{auth: standard-webhooks, secret: hooks, secret_next: hooks_next}}
  slack: {{auth: slack, secret: slack}}
  carrier: {{auth: header, header: X-Carrier-Key, secret: carrier}}
downstreams: {{desk: {{url: "http://127.0.0.1:{sandbox}", idempotent: true, allow_private: true}}}}
routes:
  hooks:
    path: /hooks
    source: hooks
    id: /headers/webhook-id
    key: /message/data/customer
    steps: [{{name: tell, call: {{downstream: desk, path: "/hooks/${{/message/type}}"}}}}]
  slack:
    path: /slack
    source: slack
    id: /message/event_id
    steps: [{{name: tell, call: {{downstream: desk, path: "/slack/${{/message/event/type}}"}}}}]
  commands:
    path: /commands
    source: slack
    body: form
    key: /message/channel_id
    steps: [{{name: tell, call: {{downstream: desk, path: "/commands", body: {{who: "${{/message/user_name}}", all: "${{/message}}"}}}}}}]
  parcels:
    path: /parcels
    source: carrier
    body: form
    steps: [{{name: tell, call: {{downstream: desk, path: "/parcels/${{/message/number}}"}}}}]
"""


def start(name, port=None):
    """A Weir with its secrets, and the sandbox it calls unless another port is given."""
    weir, sandbox = (Weir(name, port, config=CONFIG), None) if port else with_sandbox(name, config=CONFIG)
    for file, text in (("hooks", WEBHOOK), ("hooks_next", WEBHOOK_NEXT), ("slack", SLACK), ("carrier", "c4rr13r")):
        weir.secret(file, text)
    weir.start()
    return weir, sandbox


def sign_webhook(key, ident, body, at=None):
    at = str(int(at or time.time()))
    mac = hmac.new(base64.b64decode(key.removeprefix("whsec_")), f"{ident}.{at}.{body}".encode(), hashlib.sha256)
    return {"webhook-id": ident, "webhook-timestamp": at, "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode()}


def sign_slack(body, at=None):
    at = str(int(at or time.time()))
    mac = hmac.new(SLACK.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": at, "x-slack-signature": f"v0={mac}"}


@test
def what_the_senders_own_library_signs_is_believed():
    modules = npm.install("senders", PACKAGES)
    weir, sandbox = start("webhooks-standard")
    run = subprocess.run(["node", ROOT / "tests/proc/senders_send.mjs", modules, f"http://127.0.0.1:{weir.port}/hooks",
                          WEBHOOK, WEBHOOK_NEXT], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    check(run.returncode == 0, f"the sender failed: {run.stderr[-500:]}")
    sent = json.loads(run.stdout)
    wrong = [s for s in sent if s["status"] != s["wanted"]]
    check(len(sent) > 100 and not wrong, f"of {len(sent)}, {len(wrong)} were answered otherwise, the first {wrong[:1]}")
    accepted = sum(s["status"] == 202 for s in sent)
    wait_until(lambda: weir.queue()["done"] == accepted, 20, "all accepted are done")
    wait_until(lambda: len(sandbox.seen()) == accepted, 5, "each was one call")
    print(f"sent {len(sent)}, accepted {accepted}, refused as they should be {len(sent) - accepted}", flush=True)
    weir.stop()
    weir.remove()


@test
def slack_is_answered_believed_and_repeats_itself_harmlessly():
    weir, sandbox = start("slack")
    ask = json.dumps({"type": "url_verification", "token": "t", "challenge": "abc.DEF"}).encode()
    status, _, said = weir.post(ask, path="/slack", headers=sign_slack(ask))
    check((status, said) == (200, {"challenge": "abc.DEF"}), f"the challenge: {status} {said}")
    event = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention"}}).encode()
    first = weir.post(event, path="/slack", headers=sign_slack(event))
    check(first[0] == 202, f"an event: {first[0]} {first[2]}")
    for n in range(1, 4):
        again = weir.post(event, path="/slack", headers={**sign_slack(event, time.time() + n), "X-Slack-Retry-Num": str(n),
                                                         "X-Slack-Retry-Reason": "http_timeout"})
        check(again[0] == 200 and again[2]["id"] == first[2]["id"], f"retry {n}: {again[0]} {again[2]}")
    for wanted, headers in ((403, sign_slack(event, time.time() - 310)), (403, sign_slack(event, time.time() + 310)),
                            (401, {**sign_slack(event), "x-slack-request-timestamp": str(int(time.time()) - 1)}), (401, {})):
        status, fields, said = weir.post(event, path="/slack", headers=headers)
        check(status == wanted and fields["content-type"] == "application/problem+json", f"{wanted} wanted: {status} {said}")
    body = urllib.parse.urlencode({"command": "/parcel", "text": "where is it?", "user_name": "Zoë", "channel_id": "C1"}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, said = weir.post(body, path="/commands", headers={**sign_slack(body), **form})
    check(status == 202, f"a slash command: {status} {said}")
    wait_until(lambda: weir.queue()["done"] == 2, 10, "event and command are done")
    wait_until(lambda: len(sandbox.seen()) == 2, 5, "one call each")
    weir.stop()
    weir.remove()


@contextlib.contextmanager
def downstream():
    """Its port, and what it was sent: path, content type and bytes of each request."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((self.path, self.headers["content-type"], self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@test
def a_form_is_forwarded_as_it_came():
    with downstream() as (port, seen):
        weir = start("form", port)[0]
        key = {"X-Carrier-Key": "c4rr13r", "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        body = b"number=1Z%20999&event=in+transit&event=delivered&name=%5a"
        check(weir.post(body, path="/parcels", headers={**key, "X-Carrier-Key": "wrong"})[0] == 401, "a wrong key is refused")
        check(weir.post(b"number=%2", path="/parcels", headers=key)[0] == 400, "a stray % is refused")
        check(weir.post(body, path="/parcels", headers=key)[0] == 202, "a form is accepted")
        check(weir.post(body, path="/parcels", headers=key)[0] == 200, "and known again by its bytes")
        wait_until(lambda: weir.queue()["done"] == 1, 10, "it is done")
        check(seen == [("/parcels/1Z%20999", key["Content-Type"], body)], f"one call, with the bytes that came: {seen}")
        command = urllib.parse.urlencode([("user_name", "Zoë"), ("channel_id", "C1"), ("x", "1"), ("x", "2")]).encode()
        check(weir.post(command, path="/commands", headers={**key, **sign_slack(command)})[0] == 202, "a command is accepted")
        wait_until(lambda: weir.queue()["done"] == 2, 10, "it is done")
        wanted = {"who": "Zoë", "all": {"user_name": "Zoë", "channel_id": "C1", "x": ["1", "2"]}}
        check(json.loads(seen[1][2]) == wanted, f"its fields are the message: {seen[1][2]}")
        weir.stop()
        weir.remove()


@test
def a_secret_is_changed_without_one_refusal():
    weir, _ = start("rotation")
    counts, refused, stop = {WEBHOOK: 0, WEBHOOK_NEXT: 0}, [], threading.Event()

    def send(worker, key):
        n = 0
        while not stop.is_set():
            body = json.dumps({"type": "a.b", "data": {"customer": worker, "n": n}})
            try:
                status, _, said = weir.post(body.encode(), path="/hooks", headers=sign_webhook(key, f"m-{worker}-{n}", body))
            except OSError:
                continue  # the ingress is being born again
            n += 1
            counts[key] += status in (200, 202)
            if status == 401:
                refused.append((worker, n, said))

    workers = [threading.Thread(target=send, args=(w, key)) for w, key in enumerate((WEBHOOK, WEBHOOK, WEBHOOK_NEXT, WEBHOOK_NEXT))]
    for worker in workers:
        worker.start()
    try:
        wait_until(lambda: min(counts.values()) >= 50, 20, "both secrets are in use")
        weir.secret("hooks", WEBHOOK_NEXT)  # the next takes the place; the old one is believed for a while yet
        weir.secret("hooks_next", WEBHOOK)
        before = dict(counts)
        check(weir.kill("ingress"), "the ingress is killed, so that a new one reads them")
        wait_until(lambda: all(counts[k] >= before[k] + 50 for k in counts), 20, "both are still believed")
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    check(not refused, f"{len(refused)} were refused, the first {refused[:1]}")
    weir.wait_empty(30)
    print(f"believed {counts[WEBHOOK]} and {counts[WEBHOOK_NEXT]}, refused 0", flush=True)
    weir.stop()
    weir.remove()


@test
def weirctl_sends_as_each_sender_would():
    weir, _ = start("weirctl")
    event = json.dumps({"event_id": "Ev9", "type": "a.b", "event": {"type": "app_mention"}, "data": {"customer": 1}})
    for route, text in (("slack", event), ("hooks", event), ("commands", "channel_id=C1&user_name=Ada"), ("parcels", "number=7")):
        run = subprocess.run([BUILD / "weirctl", "--config", weir.config, "send", route, "-"], input=text, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        check(run.returncode == 0 and "accepted" in run.stdout, f"{route}: {run.returncode} {run.stdout} {run.stderr}")
    run = subprocess.run([BUILD / "weirctl", "--config", weir.config, "send", "hooks", "-", "--id", "msg-1"], input=event,
                         text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    check(run.returncode == 0, f"with an id of its own: {run.stderr}")
    weir.wait_empty(20)
    weir.stop()
    weir.remove()


@test
def a_secret_that_cannot_sign_is_said_at_once():
    weir = Weir("unusable", config=CONFIG)
    for file, text in (("hooks", "plain words"), ("hooks_next", WEBHOOK_NEXT), ("slack", SLACK), ("carrier", "c")):
        weir.secret(file, text)
    weir.start(ready=False)
    status = weir.program.process.wait(20)
    weir.program.end()
    check(status == 78, f"exit status 78 is expected, not {status}")
    check("whsec_ and base 64" in weir.program.text() and "plain words" not in weir.program.text(), "it says why, not what")
    weir.remove()


main()
