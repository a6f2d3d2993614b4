"""Starts real Weirs on free ports and throws faults at them. Python's standard library only.

A test file defines functions decorated with @test and ends with main(). Each prints "ok NAME" or "not ok NAME: why",
which ./check counts. Waiting is always "until, or deadline", never a bare sleep. Only processes that were started
here are ended.
"""
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("WEIR_BUILD", ROOT / "build/proc"))
ACTORS = ["ingress", "limiter", "classifier", "responder", "drainer"]
STATES = ["queued", "assigned", "held", "done", "dead"]
tests = []
running = []  # everything started and not stopped, newest last


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def wait_until(condition, seconds, what):
    """What condition() gives once it is true. Connection errors count as not yet."""
    deadline = time.monotonic() + seconds
    last = ""
    while True:
        try:
            found = condition()
            if found:
                return found
        except (OSError, http.client.HTTPException, ValueError) as error:
            last = f" ({type(error).__name__}: {error})"
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}{last}")
        time.sleep(0.02)


def free_port():
    """Below those that the kernel gives to outgoing connections: one of them could take it while a killed Weir is away."""
    while True:
        port = random.randrange(10000, 32768)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


def now_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def memory_kb(pid, field="VmRSS"):
    """Resident memory of a process; 0 when it is gone."""
    try:
        found = re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)
        return int(found.group(1)) if found else 0
    except OSError:
        return 0


def request(port, method, path, body=None, headers=None, timeout=10):
    """(status, headers with lower-case names, body as JSON if it is JSON else text)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        connection.request(method, path, data, {**sent, **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, fields, json.loads(text) if "json" in fields.get("content-type", "") else text.decode()
    finally:
        connection.close()


class Program:
    """A process of ours with its output in a file."""

    def __init__(self, name, command, folder, env=None, stderr=None, preexec_fn=None):
        self.name = name
        self.log = Path(folder) / f"{name}.log"
        self.out = open(self.log, "ab")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=stderr or subprocess.STDOUT, env={**os.environ, **(env or {})},
                                        preexec_fn=preexec_fn)
        running.append(self)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def strike(self, number):
        if self.alive():
            self.process.send_signal(number)

    def end(self, number=signal.SIGTERM, seconds=40):
        """Its exit status. Killed when it does not end in time."""
        self.strike(signal.SIGCONT)
        self.strike(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "it did not end in time"
        self.out.close()
        if self in running:
            running.remove(self)
        return status

    def text(self):
        return self.log.read_text(errors="replace")


class Sandbox(Program):
    def __init__(self, folder, *options, port=None):
        self.port = port or free_port()
        self.record_path = Path(folder) / "sandbox.jsonl"
        super().__init__("sandbox", [BUILD / "weir-sandbox", "--port", self.port, "--record", self.record_path,
                                     *options], folder)
        wait_until(lambda: request(self.port, "GET", "/_health")[0] == 200, 5, "the sandbox listens")

    def summary(self):
        return request(self.port, "GET", "/_summary")[2]

    def script(self, **rule):
        status, _, said = request(self.port, "POST", "/_script", rule)
        check(status == 200, f"the sandbox refuses a rule: {said}")

    def no_script(self):
        request(self.port, "DELETE", "/_script")

    def seen(self):
        """Every request that it answered so far, from its file: the summary has the file written."""
        if self.alive():
            self.summary()
        with open(self.record_path) as f:
            return [json.loads(line) for line in f if line.endswith("\n")]


DESK = """
http: {{listen: ["127.0.0.1:{port}"], {http}}}
queue: {{{queue}}}
store: {{reserve_mb: 1, low_mb: 4, {store}}}
supervisor: {{restart_min_ms: 20, restart_max_ms: 50, burst: 1000, hang_ms: 0, {supervisor}}}
log: {{journal: false, level: {level}}}
sources: {{desk: {{auth: none-on-loopback, sender_retries: true}}}}
downstreams:
  helpdesk: {{url: "http://127.0.0.1:{sandbox}", connections: {connections}, total_ms: {total_ms}, idempotent: true, allow_private: true}}
limits: {{writes: {{slots: {slots}}}}}
routes:
  tickets:
    path: /tickets
    source: desk
    key: /message/conversation
    id: /message/id
    labels: {{lang: /message/lang}}
    steps:
      - name: triage
        classify:
          rules:
            - {{when: {{/message/subject: ["*refund*"]}}, outcome: billing}}
          otherwise: general
      - name: tag
        limits: [writes]
        attempts: {attempts}
        backoff_base_ms: {backoff_ms}
        backoff_cap_ms: 1000
        start_within_ms: {start_within_ms}
        call: {{downstream: helpdesk, path: "/v1/tickets/${{/message/id}}/tags", body: {{tags: ["${{/results/triage/outcome}}"]}}}}
      - name: reply
        when: {{/results/triage/outcome: billing}}
        limits: [writes]
        attempts: {attempts}
        backoff_base_ms: {backoff_ms}
        call: {{downstream: helpdesk, path: "/v1/tickets/${{/message/id}}/reply", body: {{text: "Hello ${{/message/name}}"}}}}
"""
ONE_CALL = """
  single:
    path: /single
    source: desk
    key: /message/conversation
    id: /message/id
    steps:
      - {{name: send, attempts: 1000, backoff_base_ms: 20, backoff_cap_ms: 200, start_within_ms: {start_within_ms}, call: {{downstream: helpdesk, path: "/v1/single/${{/message/id}}"}}}}
"""
DEFAULTS = dict(http="connections: 1024", queue="messages_max: 1000000", store="commit_pause_us: 1000",
                supervisor="drain_ms: 3000", level="notice", connections=32, total_ms=5000, slots=32, attempts=50,
                backoff_ms=20, start_within_ms=5000)


class Weir:
    """A Weir with folders, ports and configuration of its own. `config` is the text, else DESK with `values`."""

    def __init__(self, name, sandbox_port=1, config=None, state=None, env=None, **values):
        self.folder = Path(tempfile.mkdtemp(prefix=f"weir-{name}-"))
        self.port = free_port()
        self.state, self.run = Path(state or self.folder / "state"), self.folder / "run"
        for made in (self.state, self.run):
            made.mkdir(mode=0o700, exist_ok=True)
        self.config = self.folder / "weir.yaml"
        text = config or DESK + ONE_CALL
        self.config.write_text(text.format(port=self.port, sandbox=sandbox_port, **{**DEFAULTS, **values}))
        self.env = env or {}
        self.program = None

    def secret(self, name, text):
        """A secret of that name, or another text in it; its file."""
        file = self.folder / "credentials" / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text + "\n")
        return file

    def start(self, ready=True, seconds=30, stderr=None, preexec_fn=None):
        self.began = time.monotonic()
        command = [BUILD / "weir-supervisor", "--config", self.config, "--state", self.state, "--run", self.run,
                   "--foreground"]
        self.program = Program("weir", command, self.folder, {"WEIR_LIBEXEC": str(BUILD), **self.env}, stderr,
                               preexec_fn)
        if ready:
            self.wait_ready(seconds)
        return self

    def wait_ready(self, seconds=30):
        def is_ready():
            check(self.program.alive(), f"weir-supervisor ended with {self.program.process.poll()}: "
                  + self.program.text()[-400:].strip().replace("\n", " | "))
            return self.get("/readyz")[0] == 200 and self.ctl("status")["ready"]
        wait_until(is_ready, seconds, "Weir is ready")
        return time.monotonic() - self.began

    def stop(self):
        """Orderly, and it must have been orderly."""
        status = self.program.end()
        check(status == 0, f"weir-supervisor ended with {status}, 0 is expected")
        self.check_log()

    def check_log(self):
        text = self.program.text()
        for word in ("must_failed", "this is a bug", "AddressSanitizer", "runtime error", "broken promise"):
            check(word not in text, f"the log says: {next((l for l in text.splitlines() if word in l), '')[:200]}")

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- over HTTP

    def get(self, path, **more):
        return request(self.port, "GET", path, **more)

    def post(self, message, path="/tickets", headers=None, **more):
        return request(self.port, "POST", path, message, headers, **more)

    def metrics(self):
        found = {}
        for line in self.get("/metrics")[2].splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def metric(self, name):
        """The sum over all label values."""
        return sum(v for k, v in self.metrics().items() if k == name or k.startswith(name + "{"))

    # ---- over the ctl socket

    def ctl(self, verb, **args):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.run / "ctl.sock"))
            s.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            with s.makefile() as f:
                line = f.readline()
        check(line.endswith("\n"), f"ctl {verb}: no answer")
        return json.loads(line)

    def queue(self):
        said = self.ctl("status")
        if not said.get("queue"):
            raise ValueError(said.get("queue_error"))
        return said["queue"]

    def actors(self, role="in office"):
        return [a for a in self.ctl("actors.ls")["actors"] if a["role"] == role]

    def pid(self, kind):
        for actor in self.actors():
            if actor["actor"] == kind and actor["pid"] > 0:
                return actor["pid"]
        raise ValueError(f"no {kind} runs")

    def pids(self):
        return {a["name"]: a["pid"] for a in self.actors() if a["pid"] > 0}

    def kill(self, kind, number=signal.SIGKILL):
        """Kills that actor, if it runs now. Its pid belongs to a child of the supervisor that we started."""
        with contextlib.suppress(ValueError, OSError):
            pid = self.pid(kind)
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == self.program.pid:
                os.kill(pid, number)
                return pid
        return None

    def wait_empty(self, seconds, what="everything accepted ends"):
        return wait_until(lambda: (q := self.queue())["queued"] + q["assigned"] + q["held"] == 0 and not q["loading"]
                          and q, seconds, what)

    # ---- the store, after a stop

    def rows(self):
        """Every message in the store: dicts of envelope and progress; state by name."""
        base = sqlite3.connect(f"file:{self.state / 'weir.db'}?mode=ro", uri=True)
        try:
            names = "seq id route key state attempt failed deaths flags reason".split()
            return [dict(zip(names, row), state=STATES[row[4]]) for row in base.execute(
                "SELECT e.seq, e.id, e.route, e.key, p.state, p.attempt, p.failed, p.deaths, p.flags, p.reason"
                " FROM envelope e JOIN progress p ON p.seq = e.seq ORDER BY e.seq")]
        finally:
            base.close()


def with_sandbox(name, *options, **values):
    """A Weir, not started, and the sandbox that it is to call."""
    port = free_port()
    weir = Weir(name, port, **values)
    return weir, Sandbox(weir.folder, *options, port=port)


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def id_text(blob):
    """A message id as it is shown: 26 characters of Crockford's base 32."""
    number = int.from_bytes(blob, "big")
    return "".join(ALPHABET[number >> (5 * i) & 31] for i in range(25, -1, -1))


def ticket(n, key=None, subject="Where is my parcel?", **more):
    return {"id": f"T-{n}", "conversation": key or f"c-{n}", "subject": subject, "name": "Ada", "lang": "en", **more}


def load(folder, port, *options, path="/tickets", name="load"):
    """weir-load, started; its result by load_result()."""
    return Program(name, [BUILD / "weir-load", "--url", f"http://127.0.0.1:{port}{path}", "--quiet", *options], folder)


def load_result(program, seconds):
    try:
        program.process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"weir-load did not end within {seconds} s") from None
    program.end()
    return json.loads(program.text().splitlines()[-1])


def test(function):
    tests.append(function)
    return function


def end_all():
    while running:
        running[-1].end(seconds=15)


def main():
    """Runs the tests of the file, or those named on the command line."""
    failed = False
    for function in tests:
        if len(sys.argv) > 1 and function.__name__ not in sys.argv[1:]:
            continue
        began = time.monotonic()
        try:
            function()
            print(f"ok {function.__name__}", flush=True)
        except Exception as error:  # whatever it is, the test has failed and the next one goes on
            failed = True
            if not isinstance(error, Failed):
                traceback.print_exc()
            for program in running:
                print(f"--- {program.name}: {program.log}\n{program.text()[-3000:]}")
            print(f"not ok {function.__name__}: {str(error) or type(error).__name__}".replace("\n", " "), flush=True)
        finally:
            end_all()
        print(f"   {function.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    sys.exit(1 if failed else 0)
