#!/usr/bin/env python3
"""Modes of work with real processes: the rules, what people order, what outlives a kill -9."""
import contextlib
import json
import os
import signal
import socket
import subprocess

from weir import BUILD, Sandbox, Weir, check, free_port, main, request, test, wait_until

CONFIG = """
http: {{listen: ["127.0.0.1:{port}"]}}
store: {{reserve_mb: 1, low_mb: 4}}
supervisor: {{restart_min_ms: 20, restart_max_ms: 50, burst: 1000, drain_ms: 1000, hang_ms: 0}}
log: {{journal: false, level: notice}}
modes:
  stay_s: 1
  slow_down_percent: 25
  rules: [{rules}]
sources:
  desk: {{auth: none-on-loopback}}
  once: {{auth: none-on-loopback, sender_retries: false}}
  strict: {{auth: none-on-loopback, sender_retries: false, at_drain: refuse}}
api_keys: {{ops: {{secret: ops, scopes: [admin, "leases:*"]}}}}
downstreams:
  far: {{url: "http://127.0.0.1:{sandbox}", connections: 32, idempotent: true, allow_private: true}}
  once: {{url: "http://127.0.0.1:{sandbox}", connections: 4, allow_private: true}}
  dark: {{url: "http://127.0.0.1:{dark}", connections: 4, connect_ms: 20000, allow_private: true}}
limits:
  pace: {{rate: {{count: {rate}, per_ms: 1000, shape: spacing}}}}
  calls: {{slots: 10}}
routes:
  desk:
    path: /desk
    source: desk
    id: /message/id
    steps:
      - name: look
        degraded: skip
        call: {{downstream: far, path: "/v1/look/${{/message/id}}"}}
      - name: write
        limits: [pace]
        call: {{downstream: far, path: "/v1/write/${{/message/id}}"}}
      - name: people
        degraded: only
        call: {{downstream: far, path: "/v1/people/${{/message/id}}"}}
      - name: reply
        safe: skip
        call: {{downstream: far, path: "/v1/reply/${{/message/id}}"}}
  once: {{path: /once, source: once, id: /message/id, steps: [{{name: write, call: {{downstream: far, path: "/v1/once/${{/message/id}}"}}}}]}}
  pay: {{path: /pay, source: desk, id: /message/id, steps: [{{name: pay, on_unknown: hold, call: {{downstream: once, path: "/v1/pay/${{/message/id}}"}}}}]}}
  dark: {{path: /dark, source: desk, id: /message/id, steps: [{{name: write, call: {{downstream: dark, path: "/v1/dark/${{/message/id}}"}}}}]}}
  strict: {{path: /strict, source: strict, id: /message/id, steps: [{{name: write, call: {{downstream: far, path: "/v1/strict/${{/message/id}}"}}}}]}}
"""


def begin(name, *options, rules="", rate=1000, dark=1):
    port = free_port()
    weir = Weir(name, port, config=CONFIG, rules=rules, rate=rate, dark=dark)
    sandbox = Sandbox(weir.folder, "--ends", weir.folder / "ends.jsonl", *options, port=port)
    weir.secret("ops", "an-operators-key-of-32-characters!")
    return weir.start(), sandbox


def paths(sandbox, id):
    return [s["path"].split("/")[2] for s in sandbox.seen() if s["path"].endswith("/" + id) and s["path"].startswith("/v1/")]


def send(weir, id, path="/desk"):
    return weir.post({"id": id}, path=path)


def wait_state(weir, id, state="done", seconds=10):
    wait_until(lambda: weir.get(f"/v1/messages/{id}")[2].get("state") == state, seconds, f"{id} is {state}")


def done(weir, sandbox, id):
    """Its calls, now that it is done."""
    status, _, said = send(weir, id)
    check(status == 202, f"{id} is accepted: {status} {said}")
    wait_state(weir, said["id"])
    return paths(sandbox, id)


def mode(weir):
    said = weir.ctl("mode.show")
    if not said["ok"]:
        raise ValueError(said)
    return said


def end(weir, sandbox):
    weir.stop()
    sandbox.end()
    weir.remove()


@test
def overload_degrades_by_itself_says_why_and_goes_back():
    weir, sandbox = begin("degrade", rules="{signal: depth, enter: 40, leave: 10, does: degraded}", rate=50)
    check(mode(weir)["mode"] == "normal", "normal at first")
    check(weir.ctl("downstream.pause", name="far", why="so that the depth grows")["ok"], "nothing is called")
    for n in range(120):
        check(send(weir, f"q{n}")[0] == 202, "accepted")
    now = wait_until(lambda: (m := mode(weir))["mode"] == "degraded" and m, 5, "the rules degrade")
    check(weir.ctl("downstream.resume", name="far")["ok"], "the calls go on")
    check(now["who"] == "rules" and now["why"].startswith("depth is ") and not now["by_hand"], f"who and why: {now}")
    check([r["on"] for r in now["rules"]] == [True] and now["rules"][0]["value"] > 0, f"which rule is on: {now['rules']}")
    check(weir.queue()["work"]["who"] == "rules", f"status says so: {weir.queue()['work']}")
    wait_until(lambda: weir.metrics().get('weir_mode{actor="limiter",instance="0",mode="degraded"}') == 1, 10, "as a metric")
    wait_until(lambda: any("people" in paths(sandbox, f"q{n}") for n in range(100, 120)), 10,
               "what was due meanwhile went to people")
    wait_until(lambda: mode(weir)["mode"] == "normal", 20, "back when it is calm")
    check(done(weir, sandbox, "after-it") == ["look", "write", "reply"], "everything is done again")
    text = weir.program.text()
    for part in ("mode normal -> degraded", "mode degraded -> normal", "depth is "):
        check(part in text, f"the log says: {part}")
    end(weir, sandbox)


@test
def slow_down_lowers_the_pace_of_calls_and_ends():
    weir, sandbox = begin("slow", "--latency-ms", "5", rules="{signal: error_percent, of: far, enter: 50, leave: 20, does: slow_down}",
                          rate=40)
    sandbox.script(path="/v1/look/bad*", do="400")
    for n in range(20):
        send(weir, f"bad{n}")
    now = wait_until(lambda: (m := mode(weir))["pace_percent"] == 25 and m, 10, "a rule slows down")
    check(now["mode"] == "normal" and now["rules"][0]["on"], f"the mode is another matter: {now}")
    for n in range(30):
        send(weir, f"good{n}")
    writes = lambda: [s["at_us"] for s in sandbox.seen() if s["path"].startswith("/v1/write/good")]
    wait_until(lambda: len(writes()) >= 12, 20, "calls go on")
    at = writes()
    check(at[11] - at[1] >= 10 * 100000 * 0.9, f"ten a second, not forty: {(at[11] - at[1]) / 1e6} s for ten calls")
    print(f"{10 / ((at[11] - at[1]) / 1e6):.1f} calls a second of 40", flush=True)
    wait_until(lambda: mode(weir)["pace_percent"] == 100, 90, "the pace is whole again")
    end(weir, sandbox)


@test
def refusing_new_work_spares_who_would_lose_it():
    weir, sandbox = begin("refuse", rules="{signal: slots_percent, of: calls, enter: 80, leave: 50, does: refuse}")
    key = {"Authorization": "Bearer an-operators-key-of-32-characters!"}

    def lease(id, method="POST"):
        body = {"id": id, "limits": ["calls"]} if method == "POST" else None
        return request(weir.port, method, "/v1/leases" + ("" if method == "POST" else f"/{id}"), body, key)

    for n in range(8):
        status, _, said = lease(f"call{n}")
        check(status in (200, 201), f"a lease: {status} {said}")
    wait_until(lambda: mode(weir)["refuse"], 5, "80 % of the slots are in use")
    status, headers, said = send(weir, "r1")
    check(status == 503 and "retry-after" in headers, f"who retries is told to: {status} {headers} {said}")
    status, headers, said = lease("call9")
    check(status == 429 and "retry-after" in headers, f"a lease gets 429, never 5xx: {status} {said}")
    status, _, held = send(weir, "r2", "/once")
    check(status == 202, f"who does not retry is held: {status}")
    check(send(weir, "r3", "/strict")[0] == 503, "unless its source says at_drain: refuse")
    wait_state(weir, held["id"], "held")
    for n in range(4):
        check(lease(f"call{n}", "DELETE")[0] in (200, 204), "leases are given back")
    wait_state(weir, held["id"], "done", 10)
    check(not mode(weir)["refuse"] and send(weir, "r4")[0] == 202, "new work is taken again")
    end(weir, sandbox)


@test
def safe_mode_sends_no_replies_whatever_the_mode_is_and_outlives_everything():
    weir, sandbox = begin("safe")
    said = weir.ctl("safe", state="on", why="wrong replies")
    check(said["ok"] and said["safe"], f"safe: {said}")
    check(done(weir, sandbox, "s1") == ["look", "write"], "no reply")
    check(weir.ctl("mode", mode="degraded")["ok"], "degraded by hand")
    check(done(weir, sandbox, "s2") == ["write", "people"], "no reply in degraded either")
    for kind in ("drainer", "limiter"):
        old = weir.kill(kind)
        wait_until(lambda: weir.pid(kind) != old and mode(weir)["safe"] and mode(weir)["mode"] == "degraded", 15,
                   f"safe and degraded after kill -9 of the {kind}")
    weir.stop()
    weir.start()
    now = wait_until(lambda: mode(weir), 5, "the mode is told")
    check(now["safe"] and now["safe_why"].endswith("wrong replies") and now["mode"] == "degraded" and now["by_hand"],
          f"and after a restart: {now}")
    wait_until(lambda: weir.ctl("mode", mode="auto")["mode"] == "normal", 10, "given back to the rules")
    check(weir.ctl("safe", state="off")["ok"], "off")
    check(done(weir, sandbox, "s3") == ["look", "write", "reply"], "replies again")
    check(not weir.ctl("safe", state="perhaps")["ok"], "on or off")
    end(weir, sandbox)


@test
def one_route_drains_alone_also_over_a_kill():
    weir, sandbox = begin("route")
    said = weir.ctl("drain", route="desk", why="migration")
    check(said["ok"] and said["mode"] == "normal", f"the route drains: {said}")
    check((said["before"], said["after"]) == ({"route": "desk", "mode": "normal"}, {"route": "desk", "mode": "draining"}),
          f"before and after are the route's: {said}")
    status, headers, said = send(weir, "d1")
    check(status == 503 and "retry-after" in headers, f"its senders are told to come again: {status} {said}")
    check(send(weir, "d2", "/strict")[0] == 202, "another route is open")
    check(weir.ctl("drain", route="once")["ok"], "another one, whose sender does not retry")
    _, _, held = send(weir, "d3", "/once")
    wait_state(weir, held["id"], "held")
    for kind in ("drainer", "limiter"):
        old = weir.kill(kind)
        wait_until(lambda: weir.pid(kind) != old and sorted(mode(weir)["routes_drained"]) == ["desk", "once"], 15,
                   f"the drains outlive the {kind}")
    wait_until(lambda: send(weir, "d1")[0] == 503, 10, "still refused")
    wait_state(weir, held["id"], "held")
    wait_until(lambda: weir.ctl("undrain", route="once")["ok"], 10, "one is open again, once the limiter is back")
    wait_state(weir, held["id"], "done")
    check(mode(weir)["routes_drained"] == ["desk"] and mode(weir)["mode"] == "normal", "the other drains on")
    said = weir.ctl("undrain", route="desk")
    check(said["ok"] and send(weir, "d1")[0] == 202, f"open: {said}")
    check((said["before"], said["after"]) == ({"route": "desk", "mode": "draining"}, {"route": "desk", "mode": "normal"}),
          f"and so are those of its end: {said}")
    check(not weir.ctl("drain", route="nowhere")["ok"], "no such route")
    end(weir, sandbox)


@test
def an_order_given_while_the_limiter_dies_reaches_its_successor():
    weir, sandbox = begin("successor")
    for turn in range(12):
        check(weir.kill("limiter"), "the limiter is killed")
        verb, args, right = [("drain", {}, lambda m: m["mode"] == "draining"), ("undrain", {}, lambda m: m["mode"] == "normal"),
                             ("drain", {"route": "desk"}, lambda m: m["routes_drained"] == ["desk"]),
                             ("undrain", {"route": "desk"}, lambda m: m["routes_drained"] == [])][turn % 4]
        said = wait_until(lambda: (a := weir.ctl(verb, **args)) and (a["ok"] or "away" not in json.dumps(a)) and a, 10, "an answer")
        check(said["ok"], f"{verb} {args} was not lost with the limiter: {said}")
        check(right(mode(weir)), f"{verb} {args} is in force: {mode(weir)}")
    end(weir, sandbox)


@test
def who_drains_one_route_waits_for_that_route_alone():
    weir, sandbox = begin("wait", rate=10)
    weir.ctl("route.stop", name="once")
    for n in range(3):
        send(weir, f"o{n}", "/once")
    for n in range(15):
        send(weir, f"d{n}")

    def drain(route, seconds):
        done = subprocess.run([BUILD / "weirctl", "--socket", weir.run / "ctl.sock", "--json", "drain", "--route", route, "--wait",
                               "--timeout", str(seconds)], text=True, capture_output=True, timeout=60)
        return done.returncode, json.loads(done.stdout.splitlines()[-1])["left"], done.stderr

    check(drain("desk", 30)[:2] == (0, 0), "its own work is finished")
    rows = {row["name"]: row["queued"] for row in weir.ctl("status")["queue"]["routes"]}
    check(rows == {"once": 3}, f"the other's is not, and counts by route: {rows}")
    code, left, said = drain("once", 1)
    check((code, left) == (75, 3) and "weirctl undrain --route once" in said, f"not in time: {code}, {left} left: {said}")
    weir.ctl("route.start", name="once")
    check(drain("once", 30)[:2] == (0, 0), "and when it may run")
    end(weir, sandbox)


@test
def a_drain_tells_how_long_it_takes_and_parked_work_does_not_count():
    weir, sandbox = begin("drain", rate=20)
    for n in range(100):
        send(weir, f"t{n}")
    check(weir.ctl("drain")["ok"], "it drains")
    parked = [send(weir, f"p{n}", "/once")[2]["id"] for n in range(5)]
    about = wait_until(lambda: (d := mode(weir).get("drain")) and d["sure"] == "measured" and d, 10, "an estimate")
    check(about["active"] and not about["done"] and about["parked"] == 5 and about["left_s"] < 10, f"told: {about}")
    status, _, door = request(weir.port, "GET", "/admin/draining", headers={"Authorization": "Bearer an-operators-key-of-32-characters!"})
    check(status == 200 and door["drain"]["left_s"] >= 0 and door["mode"] == "draining", f"and over HTTP: {status} {door}")
    wait_until(lambda: weir.metrics().get('weir_drain_seconds{actor="drainer",instance="0",drain="running"}', 0) > 0, 10, "as a metric")
    ended = wait_until(lambda: (d := mode(weir)["drain"])["done"] and d, 20, "drained, though five are parked")
    check(3 < ended["last_s"] < 15 and ended["parked"] == 5, f"how long it took: {ended}")
    old = weir.kill("drainer")
    wait_until(lambda: weir.pid("drainer") != old and mode(weir)["mode"] == "draining", 10, "the mode stays when the drainer dies")
    check(weir.ctl("undrain")["ok"], "back")
    for id in parked:
        wait_state(weir, id)
    end(weir, sandbox)


def ends(weir):
    """How the sandbox's requests ended, as far as that is written."""
    with contextlib.suppress(OSError):
        return [json.loads(line) for line in (weir.folder / "ends.jsonl").read_text().splitlines(True) if line.endswith("\n")]
    return []


@contextlib.contextmanager
def nobody_accepts():
    """A port where a connection is begun and never made: the queue of those to accept is full."""
    with socket.socket() as door, contextlib.ExitStack() as fillers:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(door.getsockname())
        yield door.getsockname()[1]


@test
def maintenance_cancels_calls_in_flight_and_each_message_goes_on_as_its_call_stood():
    with nobody_accepts() as dark:
        weir, sandbox = begin("cancel", dark=dark)
        sandbox.script(path="/v1/*", do="hang")
        ids = {id: send(weir, id, path)[2]["id"] for id, path in
               [(f"c{n}", "/strict") for n in range(6)] + [("p1", "/pay"), ("p2", "/pay"), ("d1", "/dark")]}
        wait_until(lambda: len(sandbox.seen()) == 8 and weir.queue()["assigned"] == 9, 10, "nine calls are in flight, one not connected")
        said = weir.ctl("mode", mode="maintenance", cancel=True, why="the far side moves")
        check(said["ok"] and said["mode"] == "maintenance", f"maintenance: {said}")
        check((said["cancelled"], said["unknown"], said["cancelling"]) == (9, 8, False), f"all are cut: {said}")
        wait_until(lambda: len(ends(weir)) == 8, 5, "the sandbox sees it")
        check(not any(e["answered"] for e in ends(weir)), f"as clients that went away: {ends(weir)}")
    for id in ids:
        wait_state(weir, ids[id], "held" if id.startswith("p") else "queued")
    check(send(weir, "late")[0] == 503, "new work is refused")
    text = weir.program.text()
    for part in ("calls in flight are cancelled: 9", "9 were cancelled since the order  reason=maintenance by uid ",
                 "the far side moves"):
        check(part in text, f"the log says: {part}")
    wait_until(lambda: weir.metric("weir_calls_cancelled_total") == 9 and weir.metric("weir_call_failures_total") == 0, 10,
               "as metrics, and no call failed")
    sandbox.no_script()
    for kind in ("limiter", "responder", "drainer"):
        old = weir.kill(kind)
        wait_until(lambda: weir.pid(kind) != old and (m := mode(weir))["mode"] == "maintenance" and m["cancel"], 15,
                   f"it outlives the {kind}")
    again = Sandbox(weir.folder / "run", port=dark)
    check(len(sandbox.seen()) == 8, "nothing was sent meanwhile")
    wait_until(lambda: weir.ctl("mode", mode="normal")["ok"], 10, "back to normal")
    for id in ids:
        if id.startswith("p"):
            wait_state(weir, ids[id], "held")
            check(weir.ctl("release", id=ids[id])["ok"], "a person has looked")
        wait_state(weir, ids[id])
    check(sorted(s["path"] for s in sandbox.seen()) == sorted(2 * [f"/v1/{'pay' if id[0] == 'p' else 'strict'}/{id}"
                                                                    for id in ids if id != "d1"]), "once more each")
    summary = sandbox.summary()
    check(summary["marked"] == 8 and summary["repeated_unmarked"] == 0, f"and marked: {summary}")
    check(again.summary()["requests"] == 1 and again.summary()["marked"] == 0, f"what was never sent is not: {again.summary()}")
    again.end()
    end(weir, sandbox)


@test
def cancelling_goes_on_when_the_limiter_dies_before_a_responder_has_heard_of_it():
    weir, sandbox = begin("cancel-killed")
    sandbox.script(path="/v1/*", do="hang", times=3)
    ids = [send(weir, f"k{n}", "/strict")[2]["id"] for n in range(3)]
    wait_until(lambda: len(sandbox.seen()) == 3, 10, "three calls are in flight")
    responder = weir.kill("responder", signal.SIGSTOP)
    said = weir.ctl("mode", mode="maintenance", cancel=True)
    check(said["ok"] and said["cancelling"] and said["cancelled"] == 0, f"how far it is: {said}")
    old = weir.kill("limiter")
    wait_until(lambda: weir.pid("limiter") != old and mode(weir)["mode"] == "maintenance", 15, "another limiter")
    check(mode(weir)["cancelling"], f"the order stands: {mode(weir)}")
    os.kill(responder, signal.SIGCONT)
    wait_until(lambda: not mode(weir)["cancelling"], 10, "cut")
    check(weir.pid("responder") == responder, "by the same responder")
    wait_until(lambda: [e["answered"] for e in ends(weir)] == 3 * [False], 5, "the sandbox sees it")
    wait_until(lambda: weir.ctl("mode", mode="normal")["ok"], 10, "back to normal")
    for id in ids:
        wait_state(weir, id)
    summary = sandbox.summary()
    check((summary["requests"], summary["marked"], summary["repeated_unmarked"]) == (6, 3, 0), f"once more each, marked: {summary}")
    end(weir, sandbox)


main()
