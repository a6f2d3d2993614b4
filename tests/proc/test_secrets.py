#!/usr/bin/env python3
"""The hunt for secrets: each key of kind SECRET gets a value of its own; Weir works, refuses, fails, crashes; then
every place is searched for each value, also in base 64, in hexadecimal and as URLs and JSON may write it."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import threading
import urllib.parse
from pathlib import Path

import process_memory
from weir import ACTORS, BUILD, ROOT, Weir, check, free_port, main, test, wait_until

CONFIG = """
http:
  listen: ["127.0.0.1:{port}"]
  listen_tls: ["127.0.0.1:{tls}"]
  tls: {{certificate: tls, key: c-tls}}
  api_token: c-token
store: {{reserve_mb: 1, low_mb: 4}}
supervisor: {{restart_min_ms: 20, burst: 1000, hang_ms: 0, {supervisor}}}
log: {{journal: false, level: debug, sample: 1}}
api_keys: {{ops: {{secret: c-key, secret_next: c-key-next, scopes: [read, "read:bodies", admin, metrics]}}}}
sources:
  hub: {{auth: github, secret: c-hub, secret_next: c-hub-next}}
  app: {{auth: bearer, secret: c-app}}
downstreams:
  echo: {{url: "http://127.0.0.1:{sandbox}", allow_private: true, secret: c-echo, connections: 4}}
routes:
  hooks: &route
    path: /hooks
    source: hub
    id: /headers/x-github-delivery
    steps: [{{name: tell, attempts: 2, backoff_base_ms: 1, call: {{downstream: echo, path: "/${{/message/as}}"}}}}]
  app:
    path: /app
    source: app
    id: /message/n
    steps: [{{name: tell, attempts: 2, backoff_base_ms: 1, call: {{downstream: echo, path: "/${{/message/as}}"}}}}]
""".replace("&route", "")
SLOTS = {  # where CONFIG names a secret: key of config_keys.def -> names
    "http.tls.certificate": [],  # which is public
    "http.tls.key": ["c-tls"],
    "http.api_token": ["c-token"],
    "api_keys.*.secret": ["c-key"],
    "api_keys.*.secret_next": ["c-key-next"],
    "sources.*.secret": ["c-hub", "c-app"],
    "sources.*.secret_next": ["c-hub-next"],
    "downstreams.*.secret": ["c-echo"],
}
OF_THE_DOOR = {"c-tls", "c-tls, raw", "c-token", "c-key", "c-key-next", "c-hub", "c-hub-next", "c-app"}
ANSWERS = {"200": 200, "400": 400, "401": 401, "500": 500, "plain": 403, "php": 200, "long": 422}


class Echo(http.server.BaseHTTPRequestHandler):
    """Says back what it was told, Authorization included, as careless services do."""
    seen = []

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, token = self.path.strip("/"), self.headers.get("Authorization", "")
        Echo.seen.append(token)
        body = json.dumps({"error": f"{token} is not welcome", "headers": {"Authorization": token}})
        if kind == "plain":
            body = f"Bad credentials: {token}"
        elif kind == "php":
            body = body.replace("/", "\\/")
        elif kind == "long":
            body = f"{'x' * 190}{token}{'x' * 100000}"
        self.send_response(ANSWERS[kind])
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Token", token)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *words):
        pass


class Hunt:
    """Looks for canaries, and remembers where one was."""

    def __init__(self, canaries):
        self.forms = {form: name for name, value in canaries.items() for form in self.forms_of(value.encode("latin-1"))}
        self.pattern = re.compile(b"|".join(re.escape(form) for form in self.forms))
        self.found, self.bytes = [], 0

    @staticmethod
    def forms_of(value):
        """As it is, and coded; of base 64 at each of its three alignments what does not depend on the neighbours."""
        for shift in range(3):
            coded = base64.b64encode(b"?" * shift + value)
            whole = coded[-(-8 * shift // 6):len(coded) - 4]
            yield whole
            yield whole.replace(b"+", b"-").replace(b"/", b"_")
        yield from (value, value.hex().encode(), value.hex().upper().encode(), value.replace(b"/", b"\\/"),
                    urllib.parse.quote(value, safe="").encode())

    def look(self, place, data, but=()):
        data = data if isinstance(data, bytes) else str(data).encode()
        self.bytes += len(data)
        names = {self.forms[hit] for hit in self.pattern.findall(data)}
        self.found += [f"{name} in {place}" for name in names - set(but)]

    def look_into(self, place, path, but=()):
        self.look(place, Path(path).read_bytes(), but)

    def memory(self, place, pid, but):
        for data in process_memory.parts(pid):
            self.look(place, data, but)


def the_keys():
    """Of kind SECRET, or a text that may name one."""
    text = (ROOT / "lib/sys/config_keys.def").read_text()
    for path, kind, rest in re.findall(r'^KEY\("([^"]+)", (\w+),(.*?)\)$', text, re.M | re.S):
        if kind == "SECRET" or (kind == "TEXT" and "name of a secret" in re.sub(r'"\s*"', "", rest)):
            yield path


def tls_key(folder):
    """A private key in c-tls with its certificate. 18 bytes of its secret number: as PEM has them, and as they are."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "9", "-subj", "/CN=localhost", "-keyout", folder / "c-tls", "-out", folder / "tls"],
                   check=True, capture_output=True)
    in_pem = (folder / "c-tls").read_text().splitlines()[2][:24]
    return {"c-tls": in_pem, "c-tls, raw": base64.b64decode(in_pem).decode("latin-1")}


def furnish(weir):
    """A canary in every slot; '/' and '+' are what codings trip over."""
    folder = weir.folder / "credentials"
    folder.mkdir(mode=0o700)
    canaries = {name: f"cnry/{secrets.token_hex(12)}+{number}/x" for number, name in
                enumerate(name for names in SLOTS.values() for name in names)}
    for name, value in canaries.items():
        (folder / name).write_text(value + "\n")
    canaries.update(tls_key(folder))
    for file in folder.iterdir():
        file.chmod(0o600)
    return canaries


def signed(value, body):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(value.encode(), body, hashlib.sha256).hexdigest()}


def drive_senders(weir, canaries, hunt):
    """Accepted, duplicate, refused; every answer is looked at. The ids of what was accepted."""
    ids, bearer = [], lambda name: {"Authorization": f"Bearer {canaries[name]}"}
    for n, kind in enumerate(ANSWERS):
        for source, name in (("hub", "c-hub"), ("hub", "c-hub-next"), ("app", "c-app")):
            body = json.dumps({"n": f"{n}-{name}", "as": kind}).encode()
            headers = signed(canaries[name], body) if source == "hub" else bearer(name)
            status, _, said = weir.post(body, "/hooks" if source == "hub" else "/app",
                                        {**headers, "X-GitHub-Delivery": f"{n}-{name}"})
            check(status == 202, f"{kind} by {name}: {status} {said}")
            ids.append(said["id"])
    refused = [("/hooks", b"{}", signed("wrong", b"{}"), 401), ("/hooks", b"{}", bearer("c-hub"), 401),
               ("/app", b"{}", {"Authorization": f"Bearer {canaries['c-app']}x"}, 401),
               ("/app", b"{not json", bearer("c-app"), 400),
               ("/app", b"{}", {"Authorization": f"Bearer  {canaries['c-app']} "}, None),
               ("/nothing", b"{}", bearer("c-app"), 404)]
    for path, body, headers, expected in refused:
        status, fields, said = weir.post(body, path, headers)
        check(expected in (None, status), f"{path} {headers}: {status} {said}")
        hunt.look(f"the answer {status} of {path}", f"{fields} {said}")
    return ids


def drive_askers(weir, canaries, hunt, ids):
    paths = ["/metrics", "/health", "/livez", "/readyz", "/v1/messages", f"/v1/messages/{ids[0]}",
             f"/v1/messages/{ids[-1]}", "/admin/status", "/nothing"]
    for name in ("c-token", "c-key", "c-key-next"):
        for path in paths:
            for token in (canaries[name], canaries[name] + "x"):
                for headers in ({"Authorization": f"Bearer {token}"}, {"X-Api-Key": token}):
                    hunt.look(f"the answer of {path}", f"{weir.get(path, headers=headers)}")
    hunt.look("/metrics as JSON", f"{weir.get('/metrics', headers={'Accept': 'application/json'})}")


def verbs():
    """(verb, the names of its arguments, who answers) of the table."""
    text = (ROOT / "supervisor/ctl_verbs.def").read_text()
    arguments = re.findall(r"^ARG\((\w+), (\w+), (\w+), (\w+)", text, re.M)
    for name, verb, answerer in re.findall(r'^VERB\((\w+), "([^"]+)", \w+, (\w+),', text, re.M):
        yield verb, [a[1:] for a in arguments if a[0] == name], answerer


def examples():
    """The examples of what weirctl does by itself and that only looks: reports, configurations, whatever comes."""
    text = (ROOT / "supervisor/ctl_verbs.def").read_text()
    for answerer, kind, last in re.findall(r'^VERB\(\w+, "[^"]+", \w+, (\w+), (\w+),(.*?)^END', text, re.M | re.S):
        example = re.findall(r'"weirctl ((?:[^"\\]|\\.)*)"\)', last)
        if answerer == "TOOL" and kind == "LOOKS":
            yield shlex.split(example[0].replace('\\"', '"'))


def drive_operators(weir, hunt, ids):
    """Every verb of the table: with nothing, and with a message where it takes one; and weirctl's own words."""
    for verb, arguments, answerer in verbs():
        if verb == "stop" or answerer == "TOOL":
            continue
        takes_id = any(kind == "MESSAGE" for _, kind, _ in arguments)
        for args in [{}] + [{"id": i} for i in ids if takes_id]:
            hunt.look(f"ctl {verb}", json.dumps(weir.ctl(verb, **args)))
    weir.ctl("mode", mode="normal")
    tool = [BUILD / "weirctl", "--socket", weir.run / "ctl.sock", "--config", weir.config]
    folder = weir.folder / "tool"
    folder.mkdir()
    for example in examples():
        done = subprocess.run(["timeout", "10", *tool, *example], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, cwd=folder)
        hunt.look(f"weirctl {' '.join(example)}", done.stdout + done.stderr)
    for file in folder.rglob("*"):
        if file.is_file():
            hunt.look_into(f"{file.name}, which weirctl wrote", file)
    for words in (["status"], ["ls"], ["dead", "ls"], ["dead", "show", ids[-1]], ["show", ids[0]], ["actors", "ls"],
                  ["check"], ["send", "app", "-"], ["send", "hooks", "-", "--id", "x-1"], ["help"]):
        for options in ([], ["--json"]):
            done = subprocess.run([*tool, *options, *words], input='{"as": "200"}', capture_output=True, text=True,
                                  timeout=30)
            hunt.look(f"weirctl {' '.join(words)}", done.stdout + done.stderr)


def drive_mistakes(weir, hunt):
    """Configurations that are refused, and a secret that cannot be used."""
    right = weir.config.read_text()
    missing, short = weir.folder / "credentials/c-app", weir.folder / "credentials/c-hub"
    for wrong in (right.replace("path: /app", "pth: /app"), right.replace("secret: c-app", "secret: c-none")):
        weir.config.write_text(wrong)
        done = subprocess.run([BUILD / "weirctl", "check", "--secrets", weir.config], capture_output=True,
                              text=True)
        check(done.returncode == 78, f"refused: {done.returncode} {done.stderr}")
        hunt.look("the refusal of a configuration", done.stdout + done.stderr)
    weir.config.write_text(right)
    for file in (missing, short):
        file.chmod(0o644)
        done = subprocess.run([BUILD / "weirctl", "check", "--secrets", weir.config], capture_output=True,
                              text=True)
        hunt.look("the refusal of a secret", done.stdout + done.stderr)
        file.chmod(0o600)


def crash(weir):
    for kind in ACTORS:
        weir.kill(kind, signal.SIGSEGV)
    wait_until(lambda: weir.program.text().count("(signal 11)") >= len(ACTORS), 10, "all five crashed")
    weir.wait_ready()


def look_at_processes(weir, hunt):
    """Who has a right to a secret may have it in memory, and only there."""
    everybody = {"supervisor": weir.program.pid, **{a["actor"]: a["pid"] for a in weir.actors()}}
    for name, pid in everybody.items():
        for file in ("cmdline", "environ", "comm", "status", "maps"):
            hunt.look_into(f"/proc of {name}: {file}", f"/proc/{pid}/{file}")
        but = OF_THE_DOOR if name == "ingress" else {"c-echo"} if name == "responder" else ()
        if os.geteuid() == 0:
            hunt.memory(f"the memory of {name}", pid, but)
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if "memfd:" in os.readlink(link):
                hunt.look_into(f"a memory file of {name}", link)


def look_at_files(weir, hunt):
    hunt.look_into("the log", weir.program.log)
    for place in (weir.state, weir.run):
        for file in place.rglob("*"):
            if file.is_file():
                hunt.look_into(f"{file.relative_to(weir.folder)}", file)
    for folder in {weir.folder, Path.cwd(), Path("/tmp")}:
        cores = [f for f in folder.glob("core*") if f.is_file() and f.stat().st_mtime > weir.config.stat().st_mtime]
        check(not cores, f"a crash left {cores}")


@test
def every_kind_of_secret_has_a_canary_here():
    differ = set(the_keys()) ^ set(SLOTS)
    check(not differ, f"config_keys.def and this test differ in {differ}")


@test
def the_hunt_finds_what_it_looks_for():
    value = "cnry/0123456789abcdef01234567+3/x"
    hunt = Hunt({"it": value})
    coded = [value, f"<{value}>", base64.b64encode(value.encode()), base64.b64encode(b"Bearer " + value.encode()),
             base64.b64encode(b"user:" + value.encode() + b"!"), value.encode().hex(), urllib.parse.quote_plus(value),
             value.replace("/", "\\/")]
    for text in coded:
        hunt.found = []
        hunt.look("here", text)
        check(hunt.found == ["it in here"], f"{text}: {hunt.found}")
    hunt.found = []
    hunt.look("here", value.replace("0", "1"))
    check(not hunt.found, "another value is none")


@test
def no_secret_is_seen_anywhere():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    weir = Weir("secrets", server.server_port, config=CONFIG, tls=free_port())
    canaries = furnish(weir)
    hunt = Hunt(canaries)
    weir.start()
    ids = drive_senders(weir, canaries, hunt)
    weir.wait_empty(20)
    check(any(canaries["c-echo"] in token for token in Echo.seen), "the downstream was shown its token")
    drive_askers(weir, canaries, hunt, ids)
    drive_operators(weir, hunt, ids)
    look_at_processes(weir, hunt)
    crash(weir)
    look_at_processes(weir, hunt)
    drive_mistakes(weir, hunt)
    weir.stop()
    look_at_files(weir, hunt)
    server.shutdown()
    check(hunt.bytes > 1_000_000, f"only {hunt.bytes} bytes were looked at")
    check(not hunt.found, f"{len(hunt.found)} found: {sorted(set(hunt.found))}")
    weir.remove()


main()
