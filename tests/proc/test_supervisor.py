#!/usr/bin/env python3
"""The supervisor with real processes: readiness, restarts, hangs, stops, systemd's side, the people's socket."""
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from weir import (ACTORS, BUILD, Failed, Program, Weir, check, free_port, main, now_us, request, test, wait_until)

NOBODY = 65534
CHAIN = """
state_dir: /nonexistent/state
run_dir: /nonexistent/run
http: {{listen: ["127.0.0.1:{port}"]}}
supervisor: {{restart_min_ms: 20, burst: 1000, {supervisor}}}
log: {{journal: false}}
sources:
  desk: {{auth: none-on-loopback}}
  hub: {{auth: github, secret: hub-key}}
  api: {{auth: bearer, secret: api-token}}
downstreams: {{shop: {{url: "http://127.0.0.1:{sandbox}", allow_private: true, secret: shop-token}}}}
routes:
  plain: {{path: /plain, source: desk, steps: [{{name: sort, classify: {{rules: [], otherwise: done}}}}]}}
  hooks: {{path: /hooks, source: hub, id: /headers/x-github-delivery, steps: [{{name: sort, classify: {{rules: [], otherwise: done}}}}]}}
  calls: {{path: /calls, source: api, id: /message/id, steps: [{{name: sort, classify: {{rules: [], otherwise: done}}}}]}}
"""


def weir_of(name, **values):
    """A small Weir with its secrets, whose steps need no network."""
    weir = Weir(name, config=CHAIN, **values)
    secrets = weir.folder / "credentials"
    secrets.mkdir(mode=0o700)
    for secret in ("hub-key", "api-token", "shop-token"):
        (secrets / secret).write_text(f"{secret}-value\n")
        (secrets / secret).chmod(0o600)
    return weir


def by_kind(weir):
    return {a["actor"]: a for a in weir.actors()}


def weirctl(weir, *words, text=None, **more):
    done = subprocess.run([BUILD / "weirctl", "--socket", weir.run / "ctl.sock", "--config", weir.config, *words],
                          input=text, stdin=subprocess.DEVNULL if text is None else None, capture_output=True,
                          text=True, timeout=60, **more)
    return done.returncode, done.stdout, done.stderr


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def status_of(pid):
    return dict(re.findall(r"^(\w+):\s+(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M))


@test
def everybody_becomes_ready_with_only_what_it_needs():
    weir = weir_of("born").start()
    actors = by_kind(weir)
    check(sorted(actors) == sorted(ACTORS), f"all five run: {sorted(actors)}")
    for kind, actor in actors.items():
        pid = actor["pid"]
        title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
        check(title == f"weir-{kind}: 0", f"the title of {kind} is \"{title}\"")
        names = {v.split("=")[0] for v in Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0") if v}
        check("WEIR_BIRTH" in names and not names & {"PATH", "HOME", "USER"}, f"the environment of {kind}: {names}")
        check(status_of(pid)["NoNewPrivs"] == "1", f"{kind} can gain privileges")
        limits = Path(f"/proc/{pid}/limits").read_text()
        check(re.search(r"Max core file size\s+0\s+0", limits), f"{kind} may leave a core file")
        listens = sum("socket:" in os.readlink(f) for f in Path(f"/proc/{pid}/fd").iterdir())
        check(listens > 0, f"{kind} has a link")
    birth = Path(f"/proc/{actors['limiter']['pid']}/environ").read_bytes()
    check(b"-value" not in birth, "a secret is in an environment")
    check(weir.get("/readyz")[0] == 200, "it answers")
    version = weir.ctl("status")["version"]
    build = f'weir_build_info{{actor="supervisor",instance="0",version="{version}"}}'
    wait_until(lambda: weir.metrics().get(build) == 1, 10, "its metrics say which version it is")
    weir.stop()
    text = weir.program.text()
    ends = [text.index(f"{kind}/0: stopping -> down") for kind in ("ingress", "responder", "drainer", "limiter")]
    check(ends == sorted(ends), "the stop goes from the door to the queue")
    weir.remove()


@test
def every_actor_that_is_killed_comes_back():
    weir = weir_of("kills").start()
    for kind in ACTORS:
        before = by_kind(weir)[kind]
        began = time.monotonic()
        check(weir.kill(kind) == before["pid"], f"{kind} was killed")
        wait_until(lambda: (a := by_kind(weir)[kind])["state"] == "ready" and a["pid"] != before["pid"], 10,
                   f"{kind} is ready again")
        after = by_kind(weir)[kind]
        check(after["generation"] > before["generation"], f"{kind}: a new life has a new number")
        check(after["restarts"] == 1 and after["last_end"] == "exit (signal 9)", f"{kind}: {after}")
        print(f"   {kind} was back after {(time.monotonic() - began) * 1000:.0f} ms")
    status, _, said = weir.post({}, path="/plain")
    check(status == 202, f"work is taken: {status} {said}")
    wait_until(lambda: weir.get(f"/v1/messages/{said['id']}")[2].get("state") == "done", 5, "and done")
    wait_until(lambda: weir.metric("weir_actor_restarts_total") == 5, 5, "the restarts are counted in /metrics")
    weir.stop()
    weir.remove()


@test
def the_listening_socket_outlives_the_ingress():
    weir = weir_of("door", supervisor="restart_min_ms: 3000")
    weir.config.write_text(weir.config.read_text().replace("restart_min_ms: 20, ", ""))
    weir.start()
    weir.kill("ingress")
    wait_until(lambda: by_kind(weir)["ingress"]["state"] == "backoff", 2, "the ingress is down")
    began = time.monotonic()
    status, _, said = weir.post({"n": 1}, path="/plain", timeout=20)
    check(status == 202, f"who connected meanwhile is served by the next ingress: {status} {said}")
    check(time.monotonic() - began > 0.5, "there was an ingress after all")
    weir.stop()
    weir.remove()


@test
def pauses_grow_and_too_many_deaths_are_a_failure():
    weir = weir_of("burst", supervisor="burst: 4, failed_retry_ms: 1500, forget_ms: 60000")
    weir.config.write_text(weir.config.read_text().replace("restart_min_ms: 20, burst: 1000, ",
                                                           "restart_min_ms: 40, restart_max_ms: 1000, "))
    weir.start()
    others = {k: a["pid"] for k, a in by_kind(weir).items() if k != "classifier"}
    for _ in range(5):
        wait_until(lambda: by_kind(weir)["classifier"]["state"] == "ready", 10, "the classifier is ready again")
        weir.kill("classifier")
        wait_until(lambda: by_kind(weir)["classifier"]["state"] != "ready", 5, "its death is seen")
    failed = by_kind(weir)["classifier"]
    check(failed["state"] == "failed", f"five deaths, four are allowed: {failed}")
    pauses = [int(p) for p in re.findall(r"classifier/0: ready -> backoff .* again in (\d+) ms", weir.program.text())]
    check(len(pauses) == 4 and pauses == sorted(pauses) and pauses[3] > 2 * pauses[0], f"pauses grow: {pauses}")
    check({k: a["pid"] for k, a in by_kind(weir).items() if k != "classifier"} == others, "the others go on")
    check(weir.post({}, path="/plain")[0] == 202, "intake goes on while the classifier has failed")
    wait_until(lambda: by_kind(weir)["classifier"]["state"] == "ready", 10, "it is tried again after a while")
    weir.wait_empty(5)
    weir.stop()
    weir.remove()


@test
def a_frozen_actor_is_killed_and_replaced():
    weir = weir_of("hang", supervisor="hang_ms: 1200")
    weir.start()
    for kind in ("classifier", "limiter"):
        before = by_kind(weir)[kind]["pid"]
        weir.kill(kind, signal.SIGSTOP)
        wait_until(lambda: (a := by_kind(weir)[kind])["state"] == "ready" and a["pid"] != before, 15,
                   f"a new {kind} is ready")
        check(f"{kind}/0: ready -> dying on no sign of life" in weir.program.text(), "the log says why")
    weir.stop()
    weir.remove()


@test
def a_supervisor_that_was_frozen_kills_nobody():
    weir = weir_of("sleep", supervisor="hang_ms: 1200")
    weir.start()
    pids = weir.pids()
    weir.program.strike(signal.SIGSTOP)
    frozen = now_us()
    wait_until(lambda: now_us() - frozen > 4_000_000, 10, "time passes")
    weir.program.strike(signal.SIGCONT)
    wait_until(lambda: "did not run for a while" in weir.program.text(), 5, "it noticed")
    resumed = now_us()
    wait_until(lambda: now_us() - resumed > 1_000_000, 5, "time passes")
    check(weir.pids() == pids, "everybody lives on")
    weir.stop()
    weir.remove()


@test
def a_killed_supervisor_takes_its_actors_with_it_and_the_next_goes_on():
    weir = weir_of("orphans").start()
    status, _, said = weir.post({"n": 1}, path="/plain")
    check(status == 202, f"accepted: {said}")
    weir.kill("responder", signal.SIGSTOP)  # also one that cannot run dies
    pids = weir.pids()
    weir.program.end(signal.SIGKILL)
    weir.start()
    check(all(is_gone(pid) for pid in pids.values()), "no actor of the old one lives when the new one is ready")
    wait_until(lambda: weir.get(f"/v1/messages/{said['id']}")[2].get("state") == "done", 5, "what was accepted is done")
    weir.stop()
    weir.remove()


@test
def a_new_supervisor_waits_for_the_last_of_the_old_actors():
    weir = weir_of("lock")
    with open(weir.run / "weir.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        weir.start(ready=False)
        wait_until(lambda: "waiting for the actors of an earlier supervisor" in weir.program.text(), 10, "it says so")
        check("starting on start" not in weir.program.text(), "nothing was started meanwhile")
    weir.wait_ready()
    weir.stop()
    weir.remove()


@test
def two_supervisors_never_share_a_run_directory():
    weir = weir_of("twice").start()
    pids = weir.pids()
    second = Program("second", [BUILD / "weir-supervisor", "--config", weir.config, "--state", weir.state, "--run",
                                weir.run, "--foreground"], weir.folder, {"WEIR_LIBEXEC": str(BUILD)})
    wait_until(lambda: not second.alive(), 10, "the second one gives up")
    check(second.end() == 75, f"it ended with {second.process.returncode}")
    check("another weir-supervisor runs in" in second.text(), f"it says why: {second.text()}")
    check(weir.pids() == pids and weir.get("/readyz")[0] == 200, "the first one is undisturbed")
    weir.stop()
    weir.remove()


@test
def the_second_signal_stops_at_once():
    weir = weir_of("haste", supervisor="stop_ms: 60000, drain_ms: 50000").start()
    weir.kill("limiter", signal.SIGSTOP)  # so that the orderly stop cannot end
    began = time.monotonic()
    weir.program.strike(signal.SIGINT)
    wait_until(lambda: "stopping in order" in weir.program.text(), 5, "the orderly stop begins")
    status = weir.program.end(signal.SIGTERM, 10)
    check(status == 0 and time.monotonic() - began < 8, f"it ended with {status} at once")
    weir.remove()


def run_supervisor(*options, env=None):
    done = subprocess.run([BUILD / "weir-supervisor", *map(str, options)], stdin=subprocess.DEVNULL, timeout=30,
                          capture_output=True, text=True, env={**os.environ, "WEIR_LIBEXEC": str(BUILD), **(env or {})})
    return done.returncode, done.stdout + done.stderr


@test
def a_wrong_configuration_ends_with_78_and_says_where():
    weir = weir_of("wrong")
    right = weir.config.read_text()
    weir.config.write_text(right.replace("path: /plain", "pth: /plain"))
    status, said = run_supervisor("--config", weir.config, "--state", weir.state, "--run", weir.run, "--foreground")
    check(status == 78, f"{status} {said}")
    check(re.search(rf"{re.escape(str(weir.config))}:\d+:\d+: .*pth", said), f"file, line, column: {said}")
    weir.config.write_text(right)
    (weir.folder / "credentials/hub-key").unlink()
    status, said = run_supervisor("--config", weir.config, "--state", weir.state, "--run", weir.run, "--foreground")
    check(status == 78 and "hub-key" in said, f"a missing secret: {status} {said}")
    for options, wanted in ((), 0), (("--secrets",), 78):
        done = subprocess.run([BUILD / "weirctl", "check", weir.config, *options], capture_output=True, text=True)
        check(done.returncode == wanted and "hub-key is not there; put the secret" in done.stdout + done.stderr,
              f"weirctl check {options} tells it before a start does: {done}")
    (weir.folder / "credentials/hub-key").write_text("x")
    weir.remove()


@test
def a_group_that_does_not_exist_is_told_by_check_and_ends_a_start_with_78():
    weir = weir_of("stranger")
    text = weir.config.read_text()
    for key in ("viewer_group", "operator_group", "admin_group"):
        weir.config.write_text(text.replace("supervisor: {", f"supervisor: {{{key}: nosuchgroup, "))
        sentence = f'supervisor.{key}: there is no group "nosuchgroup" on this host'
        status, said = run_supervisor("--config", weir.config, "--state", weir.state, "--run", weir.run, "--foreground")
        check(status == 78 and said.count(sentence) == 1, f"the start: {status} {said}")
        check(len(said.splitlines()) == 1, f"in one sentence: {said}")
        done = subprocess.run([BUILD / "weirctl", "check", weir.config], capture_output=True, text=True)
        check(done.returncode == 0 and f"to be known: {sentence}" in done.stdout, f"weirctl check tells it: {done}")
        done = subprocess.run([BUILD / "weirctl", "--json", "check", weir.config], capture_output=True, text=True)
        answer = json.loads(done.stdout)
        check(answer["groups"] is False and sentence in answer["groups_error"], f"weirctl --json check: {answer}")
    weir.config.write_text(text)
    done = subprocess.run([BUILD / "weirctl", "--json", "check", weir.config], capture_output=True, text=True)
    answer = json.loads(done.stdout)
    check(answer["groups"] is True and "groups_error" not in answer, f"without groups: {answer}")
    weir.remove()


@test
def wrong_use_ends_with_64_and_missing_programs_with_78():
    check(run_supervisor("--nonsense")[0] == 64, "an unknown option")
    check(run_supervisor("words")[0] == 64, "a word too many")
    status, said = run_supervisor("--help")
    check(status == 0 and "weirctl check" in said and "Example:" in said, f"--help: {status} {said}")
    weir = weir_of("programs")
    status, said = run_supervisor("--config", weir.config, "--state", weir.state, "--run", weir.run, "--foreground",
                                  env={"WEIR_LIBEXEC": "/nonexistent"})
    check(status == 78 and "WEIR_LIBEXEC" in said, f"programs that are not there: {status} {said}")
    with socket.create_server(("127.0.0.1", weir.port)):
        status, said = run_supervisor("--config", weir.config, "--state", weir.state, "--run", weir.run,
                                      "--foreground")
    check(status == 75 and f"127.0.0.1:{weir.port}" in said, f"a port that is taken: {status} {said}")
    weir.remove()


@test
def an_actor_that_refuses_its_configuration_ends_a_start_but_not_a_running_weir():
    weir = weir_of("refused")
    (weir.state / "weir.db").write_bytes(b"this is no database of Weir" * 400)
    weir.start(ready=False)
    wait_until(lambda: not weir.program.alive(), 15, "the start is given up")
    check(weir.program.end() == 78, f"it ended with {weir.program.process.returncode}: {weir.program.text()[-300:]}")
    check("limiter/0: starting -> refused on exit (status 78)" in weir.program.text(), "the log says who refused")
    (weir.state / "weir.db").unlink()
    weir.start()
    kept = weir.folder / "kept"
    kept.mkdir()
    wait_until(lambda: weir.queue()["queued"] == 0, 5, "nothing waits")
    for file in weir.state.iterdir():
        file.rename(kept / file.name)
    (weir.state / "weir.db").write_bytes(b"this is no database of Weir" * 400)
    weir.kill("limiter")
    wait_until(lambda: by_kind(weir)["limiter"]["state"] == "refused", 10, "the limiter is not restarted")
    wait_until(lambda: weir.get("/livez")[0] == 200 and weir.get("/readyz")[0] == 503, 5, "the others live, and are not ready")
    (weir.state / "weir.db").unlink()
    for file in kept.iterdir():
        file.rename(weir.state / file.name)
    check(weirctl(weir, "actors", "restart", "limiter")[0] == 0, "once mended, an operator starts it again")
    weir.wait_ready()
    weir.stop()
    weir.remove()


# ---- systemd ------------------------------------------------------------------------------------------------------

class Notifications:
    """systemd's end of the notification socket."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.lines = []

    def has(self, part):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines += self.socket.recv(8192).decode().split("\n")
        return any(part in line for line in self.lines)


@test
def systemd_is_told_of_readiness_state_life_and_the_stop():
    weir = weir_of("notify")
    told = Notifications(weir.folder)  # it reads only when it is asked: nobody may wait for it
    weir.env = {"NOTIFY_SOCKET": told.path, "WATCHDOG_USEC": "1000000"}
    weir.start()
    wait_until(lambda: told.has("READY=1"), 5, "READY=1")
    check(told.has("STATUS=5 actors ready"), f"a line for people: {told.lines}")
    wait_until(lambda: told.has("WATCHDOG=1"), 5, "the watchdog is fed")
    weir.kill("classifier", signal.SIGKILL)
    wait_until(lambda: told.has("STATUS=4 of 5 actors ready; classifier/0 backoff"), 5, "a change is told")
    for pid in weir.pids().values():
        check(b"NOTIFY_SOCKET" not in Path(f"/proc/{pid}/environ").read_bytes(), "actors do not speak to systemd")
    wait_until(lambda: by_kind(weir)["classifier"]["state"] == "ready", 5, "it is back")
    wait_until(lambda: told.has("STATUS=5 actors ready"), 5, "and that is told")
    told.lines.clear()
    weir.config.write_text(weir.config.read_text().replace("burst: 1000", "burst: 999"))
    check(weirctl(weir, "reload")[0] == 0, "reloaded")
    wait_until(lambda: told.has("READY=1"), 5, "the end of a reload is told")
    order = [line for line in told.lines if line.startswith(("RELOADING=1", "MONOTONIC_USEC=", "READY=1"))]
    check([line.split("=")[0] for line in order] == ["RELOADING", "MONOTONIC_USEC", "READY"], f"after its begin: {order}")
    weir.stop()
    check(told.has("STOPPING=1") and told.has("EXTEND_TIMEOUT_USEC="), f"the stop is told: {told.lines}")
    weir.remove()


@test
def a_socket_from_systemd_is_used_instead_of_http_listen():
    weir = weir_of("activated")
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as given:
        os.set_inheritable(given.fileno(), True)
        script = f'exec 3<&{given.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"'
        command = ["sh", "-c", script, BUILD / "weir-supervisor", "--config", weir.config, "--state", weir.state,
                   "--run", weir.run, "--foreground"]
        out = open(weir.folder / "weir.log", "ab")
        process = subprocess.Popen([str(c) for c in command], close_fds=False, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, env={**os.environ, "WEIR_LIBEXEC": str(BUILD)})
    try:
        wait_until(lambda: request(port, "GET", "/readyz")[0] == 200, 30, "it answers on the given socket")
        check(weir.ctl("status")["listen"] == [f"127.0.0.1:{port}"], "and says so")
        with socket.socket() as s:
            check(s.connect_ex(("127.0.0.1", weir.port)) != 0, "http.listen is not opened")
    finally:
        process.terminate()
        check(process.wait(40) == 0, "it stopped in order")
    weir.remove()


@test
def started_as_root_the_actors_run_as_the_configured_user():
    if os.geteuid() != 0:
        raise Failed("this test must be run as root")
    weir = weir_of("user", supervisor="user: nobody")
    weir.folder.chmod(0o711)
    weir.start()
    for kind, actor in by_kind(weir).items():
        found = status_of(actor["pid"])
        check(found["Uid"].split() == [str(NOBODY)] * 4, f"{kind} runs as {found['Uid']}")
        check(found["Gid"].split() == [str(NOBODY)] * 4, f"{kind} has group {found['Gid']}")
        check(int(found["CapEff"], 16) == 0, f"{kind} keeps capabilities {found['CapEff']}")
    pids = weir.pids()
    weir.program.end(signal.SIGKILL)
    wait_until(lambda: all(is_gone(pid) for pid in pids.values()), 5, "a changed user does not undo the death signal")
    weir.start()
    check(weir.post({}, path="/plain")[0] == 202, "and it works")
    weir.stop()
    weir.remove()


# ---- the people's socket ------------------------------------------------------------------------------------------

@test
def garbage_on_the_ctl_socket_changes_nothing():
    weir = weir_of("garbage").start()
    pids = weir.pids()
    lines = [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\n", b"[1]\n", b"{\"verb\":\"stop\"", b"{" * 60000 + b"\n", b"\xff\xfe\n",
             b"{\"verb\":\"status\"}{\"verb\":\"stop\"}\n", b"x" * 70000, b"\n", b"{\"verb\":\"" + "\u00e4".encode() * 200 + b"\"}\n"]
    for line in lines:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(weir.run / "ctl.sock"))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                s.sendall(line)
            if b"\n" not in line and len(line) < 65536:
                continue  # half a request; we leave
            with contextlib.suppress(ConnectionResetError):
                said = s.makefile().readline()
                check(json.loads(said)["ok"] is False, f"{line[:30]}: {said}")
    crowd = []
    for _ in range(40):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(str(weir.run / "ctl.sock"))
        crowd.append(s)
    turned_away = json.loads(crowd[-1].makefile().readline())
    check(turned_away["status"] == 503 and "try again" in turned_away["hint"], f"one too many: {turned_away}")
    for s in crowd:
        s.close()
    wait_until(lambda: weir.ctl("status").get("ready"), 5, "it answers")
    check(weir.pids() == pids, "nobody died of it")
    weir.stop()
    weir.remove()


@test
def several_requests_on_one_connection_are_answered_in_order():
    weir = weir_of("pipeline").start()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(weir.run / "ctl.sock"))
        s.sendall(b"{\"verb\":\"version\"}\n{\"verb\":\"status\"}\n{\"verb\":\"nothing\"}\n{\"verb\":\"ls\"}\n{\"verb\":\"actors.ls\"}\n")
        with s.makefile() as f:
            said = [json.loads(f.readline()) for _ in range(5)]
    keys = ["protocol", "queue", "error", "messages", "actors"]
    check(all(k in a for k, a in zip(keys, said)), f"five answers in order: {[list(a) for a in said]}")
    weir.stop()
    weir.remove()


@test
def an_actor_that_does_not_answer_costs_ten_seconds_not_the_tool():
    weir = weir_of("deaf", supervisor="hang_ms: 0").start()
    weir.kill("limiter", signal.SIGSTOP)
    began = time.monotonic()
    said = weir.ctl("actors.ls")
    check(said["ok"] and time.monotonic() - began < 1, "who does not need it answers at once")
    status, out, err = weirctl(weir, "ls")
    check(status == 75 and "no answer within 10 s" in err, f"ls: {status} {err}")
    check(9 < time.monotonic() - began < 15, "after ten seconds")
    weir.kill("limiter", signal.SIGKILL)
    wait_until(lambda: weirctl(weir, "ls")[0] == 0, 10, "the next limiter answers")
    weir.stop()
    weir.remove()


@test
def an_ordered_restart_is_orderly_and_not_held_against_it():
    weir = weir_of("ordered").start()
    before = by_kind(weir)
    answer = weir.ctl("actors.restart", name="limiter")
    check(answer["ok"] and answer["restarted"] == 1, f"{answer}")
    for row in answer["after"], [by_kind(weir)["limiter"]]:
        check([(a["state"], a["pid"] != before["limiter"]["pid"]) for a in row] == [("ready", True)],
              f"when it answers, a new limiter is ready: {answer}")
    check(re.search(r"restarted by .*: 1 actors replaced in \d+ ms", weir.program.text()), "the journal says how it ended")
    check(by_kind(weir)["limiter"]["last_end"] == "exit (status 0)", "it stopped by itself")
    check("limiter/0: stopping -> starting on exit (status 0)" in weir.program.text(), "without a pause")
    check(re.search(r"actors\.restart .* by uid \d+, pid \d+", weir.program.text()), "the journal says who")
    check(weirctl(weir, "actors", "restart", "nobody")[0] == 66, "an unknown name is refused")
    weir.stop()
    weir.remove()


@test
def a_restart_of_the_limiter_that_fails_is_told_as_that():
    weir = weir_of("unordered").start()
    before = by_kind(weir)["limiter"]["pid"]
    kept = weir.folder / "kept"
    kept.mkdir()
    wait_until(lambda: weir.queue()["queued"] == 0, 5, "nothing waits")
    for file in weir.state.iterdir():
        file.rename(kept / file.name)
    (weir.state / "weir.db").write_bytes(b"this is no database of Weir" * 400)
    answer = weir.ctl("actors.restart", name="limiter")
    check(not answer["ok"] and "the new limiter did not become ready" in answer["error"], f"{answer}")
    check("nothing has changed" not in json.dumps(answer), f"the old one is gone: {answer}")
    check(re.search(r"actors\.restart by .*: failed, the new limiter", weir.program.text()), "and in the journal")
    (weir.state / "weir.db").unlink()
    answer = weir.ctl("actors.restart", name="limiter")
    check(answer["ok"] and answer["after"][0]["state"] == "ready", f"the next one is: {answer}")
    check(by_kind(weir)["limiter"]["pid"] != before, "a new limiter")
    weir.stop()
    weir.remove()


@test
def groups_of_the_kernel_decide_who_may_do_what():
    if os.geteuid() != 0:
        raise Failed("this test must be run as root")
    weir = weir_of("groups")

    def as_nobody(*words):
        return weirctl(weir, *words, user=NOBODY, group=NOBODY, extra_groups=[])

    weir.folder.chmod(0o711)
    weir.config.chmod(0o644)
    weir.start()
    check(as_nobody("status")[0] == 77, "without a group nobody may come in")
    weir.stop()
    text = weir.config.read_text()
    for group, allowed in (("viewer_group", 0), ("operator_group", 1), ("admin_group", 2)):
        weir.config.write_text(text.replace("supervisor: {", f"supervisor: {{{group}: nogroup, "))
        weir.start()
        commands = [("status",), ("undrain",), ("actors", "restart", "classifier")]
        for level, words in enumerate(commands):
            status, _, err = as_nobody(*words)
            check(status == (0 if level <= allowed else 77), f"{group}: {words} ended with {status} {err}")
        weir.stop()
    weir.remove()


# ---- weirctl ------------------------------------------------------------------------------------------------------

@test
def weirctl_shows_sends_and_explains():
    weir = weir_of("tool").start()
    file = weir.folder / "message.json"
    file.write_text('{"id": "A-1", "text": "hello"}')
    status, out, err = weirctl(weir, "send", "plain", file)
    check(status == 0 and out.split()[1] == "accepted", f"send: {status} {out} {err}")
    ident = out.split()[0]
    for route, words in (("calls", ["-"]), ("hooks", ["-", "--id", "d-1", "--header", "X-GitHub-Event: push"])):
        status, out, err = weirctl(weir, "send", route, *words, text='{"id": "A-2"}')
        check(status == 0 and out.split()[1] == "accepted", f"send {route}, signed: {status} {out} {err}")
    status, out, err = weirctl(weir, "send", "hooks", "-", "--id", "d-1", text='{"id": "A-2"}')
    check(status == 0 and out.split()[1] == "duplicate", f"the same id again: {status} {out} {err}")
    (weir.folder / "credentials/hub-key").write_text("another")
    check(weirctl(weir, "send", "hooks", "-", text="{}")[0] == 77, "a wrong signature is not permitted")
    weir.wait_empty(10)
    status, out, _ = weirctl(weir, "show", ident)
    check(status == 0 and ident in out and "done" in out and '{"outcome":"done"}' in out, f"show: {out}")
    status, out, _ = weirctl(weir, "why", ident)
    check(status == 0 and "nothing blocks it" in out, f"why: {out}")
    status, out, _ = weirctl(weir, "--json", "show", ident)
    check(status == 0 and json.loads(out)["state"] == "done", f"show --json: {out}")
    for words, part in ((["status"], "5 actors ready"), (["actors", "ls"], "limiter/0"), (["limits", "ls"], "LIMIT"),
                        (["dead", "ls"], "REASON"), (["version"], "weirctl: "), (["check"], "POST /plain")):
        status, out, err = weirctl(weir, *words)
        check(status == 0 and part in out, f"{words}: {status} {out} {err}")
    weir.stop()
    weir.remove()


@test
def weirctl_lists_page_by_page():
    weir = weir_of("pages").start()
    for n in range(230):
        check(weir.post({"n": n}, path="/plain")[0] == 202, "accepted")
    weir.wait_empty(10)
    status, out, err = weirctl(weir, "ls")
    rows = [line.split()[0] for line in out.splitlines() if line and not line.startswith("ID")]
    check(status == 0 and len(rows) == len(set(rows)) == 230, f"every message once: {len(rows)}, {err}")
    status, out, _ = weirctl(weir, "ls", "--most", "7", "--newest")
    rows_newest = [line.split()[0] for line in out.splitlines() if line and not line.startswith("ID")]
    check(rows_newest == rows[:-8:-1], f"the newest first: {rows_newest}")
    status, out, _ = weirctl(weir, "--json", "ls")
    pages = [json.loads(line) for line in out.splitlines()]
    check(sum(len(p["messages"]) for p in pages) == 230 and len(pages) > 1, "pages as they are with --json")
    weir.stop()
    weir.remove()


@test
def weirctl_drains_waits_and_returns():
    weir = weir_of("drain").start()
    check(weirctl(weir, "drain", "--wait", "--timeout", "20", "--why", "a test")[0] == 0, "drained")
    status, _, said = weir.post({}, path="/plain")
    check(status == 503 and weirctl(weir, "send", "plain", "-", text="{}")[0] == 75, f"nothing is taken: {status} {said}")
    check(weirctl(weir, "undrain")[0] == 0 and weir.post({}, path="/plain")[0] == 202, "and again it is")
    check(weirctl(weir, "mode", "maintenance")[0] == 0 and weir.queue()["mode"] == "maintenance", "a mode by hand")
    check(weirctl(weir, "mode", "sideways")[0] == 64, "a mode that does not exist")
    check(weirctl(weir, "mode", "normal")[0] == 0, "back")
    status, out, _ = weirctl(weir, "stop")
    check(status == 0, f"stop: {out}")
    check(weir.program.process.wait(30) == 0, "it stopped in order")
    status, _, err = weirctl(weir, "status")
    check(status == 69 and "start it with" in err, f"not running: {status} {err}")
    status, _, err = weirctl(weir, "send", "plain", "-", text="{}")
    check(status == 69, f"send to nobody: {status} {err}")
    weir.program.end()
    weir.remove()


@test
def weirctl_says_how_it_is_used():
    weir = weir_of("help")
    status, out, _ = weirctl(weir, "help")
    check(status == 0, "help")
    table = json.loads(weirctl(weir, "--json", "help")[1])
    check(len(table["verbs"]) >= 15, f"the commands: {table}")
    for verb in table["verbs"]:
        words = verb["verb"].split(".")
        status, said, err = weirctl(weir, *words, "--help")
        check(status == 0 and f"Example: weirctl {' '.join(words)}" in said, f"{words} --help: {said} {err}")
        check(f"  {verb['usage']} " in out, f"help lists {verb['usage']}")
    for words in (["frob"], ["show"], ["status", "extra"], ["ls", "--nothing", "1"], ["ls", "--most"], [],
                  ["send", "plain"], ["dead", "redrive", "--all=1"]):
        check(weirctl(weir, *words)[0] == 64, f"{words} is wrong use")
    weir.config.write_text("routes: 7\n")
    status, _, err = weirctl(weir, "check")
    check(status == 78 and f"{weir.config}:1:" in err, f"check: {status} {err}")
    weir.remove()


main()
