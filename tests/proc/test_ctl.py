#!/usr/bin/env python3
"""weirctl and the ctl socket with a running Weir: who may what, what answers look like, events, bulk verbs, backups."""
import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time

import matrix
import npm
from weir import BUILD, Failed, ROOT, Weir, check, load, load_result, main, test, ticket, wait_until, with_sandbox

GROUPS = {"viewer": 61101, "operator": 61102, "admin": 61103}
CANARY = "canary-7f3a9d41"


def command(weir, *words):
    return [str(w) for w in (BUILD / "weirctl", "--socket", weir.run / "ctl.sock", "--config", weir.config, *words)]


def weirctl(weir, *words, **more):
    done = subprocess.run(command(weir, *words), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **more)
    return done.returncode, done.stdout, done.stderr


def said_json(weir, *words, code=0, **more):
    status, out, err = weirctl(weir, "--json", *words, **more)
    check(status == code, f"{words} ended with {status}: {out} {err}")
    return [json.loads(line) for line in out.splitlines()]


def kill_some(weir, sandbox, count, name="dead"):
    """So many dead letters; the sandbox answers well again afterwards."""
    sandbox.script(path="/v1/tickets/*", do="400")
    for n in range(count):
        check(weir.post(ticket(f"{name}-{n}"))[0] == 202, "accepted")
    wait_until(lambda: weir.queue()["dead"] >= count, 20, f"{count} dead letters")
    wait_until(lambda: weir.ctl("redrive.status")["dead"] >= count, 5, "the drainer knows of them")
    sandbox.no_script()


# ---- who may what ---------------------------------------------------------------------------------------------------

@test
def every_verb_is_for_whom_the_table_says_and_a_refusal_changes_nothing():
    if os.geteuid() != 0:
        raise Failed("this test must be run as root")
    groups = ", ".join(f"{name}_group: \"{gid}\"" for name, gid in GROUPS.items())
    weir, _ = with_sandbox("matrix", supervisor=f"drain_ms: 1000, {groups}")
    weir.folder.chmod(0o711)
    weir.start()
    people = {"root": (0, 0, []), "stranger": (61000, 61000, [61999]),
              # the operator by its primary group, the others by a supplementary one
              "admin": (61003, 61000, [61999, GROUPS["admin"]]), "operator": (61002, GROUPS["operator"], []),
              "viewer": (61001, 61000, [GROUPS["viewer"]])}
    table = said_json(weir, "help")[0]
    problems, cells = matrix.matrix(str(weir.run / "ctl.sock"), table["verbs"], people)
    check(not problems, f"{len(problems)} of {cells} cells: {problems[:5]}")
    sent = len([v for v in table["verbs"] if v["answerer"] != "weirctl"])
    check(cells == 5 * sent - 2, f"{cells} cells of {sent} verbs; only two, an allowed stop, are left")
    said = matrix.ask_as(people["admin"], str(weir.run / "ctl.sock"), "stop", {})
    check(said["ok"] and weir.program.process.wait(30) == 0, f"and an admin may stop it: {said}")
    weir.check_log()
    weir.remove()


@test
def a_change_is_journaled_with_who_asked_what_was_before_and_after():
    weir, sandbox = with_sandbox("journal", level="info")
    weir.start()
    kill_some(weir, sandbox, 1)
    dead = weir.ctl("dead.ls")["messages"][0]["id"]
    for verb, args in (("mode", {"mode": "maintenance"}), ("undrain", {}), ("actors.restart", {"name": "classifier"}),
                       ("dead.drop", {"id": dead})):
        said = weir.ctl(verb, **args)
        check(said["ok"] and "before" in said and "after" in said and said["before"] != said["after"], f"{verb}: {said}")
        done = rf"{re.escape(verb)} by uid {os.geteuid()}, pid {os.getpid()}: done; before .*, after "
        if verb == "actors.restart":
            done = rf"restarted by uid {os.geteuid()}, pid {os.getpid()}: 1 actors replaced"
        wait_until(lambda: re.search(done, weir.program.text()), 5, f"the journal has {verb}")
    check(not weir.ctl("dead.drop", id=dead)["ok"], "a second time it is refused")
    wait_until(lambda: "dead.drop by uid" in weir.program.text() and ": refused, no such message" in weir.program.text(), 5,
               "and a refusal is told, too")
    asked = f"undrain asked by uid {os.geteuid()}, pid {os.getpid()}: {{\"why\":\""
    for why in ("\"" * 300 + "é" * 106, "x" + "\"" * 299 + "é" * 106):  # as long as may be, and longer as JSON
        check(weir.ctl("undrain", why=why)["ok"], "a long reason")
        said = [e["text"] for e in weir.ctl("events", kind="ctl")["events"]]
        check(any(text.startswith(asked + why[0].replace("\"", "\\\"")) for text in said), f"an event says who asked: {said[-2:]}")
    lines = [line for line in weir.program.text().splitlines() if asked in line]
    check(len(lines) == 2 and all(line.endswith("é") for line in lines), f"what is cut has whole characters: {lines}")
    weir.stop()
    weir.remove()


# ---- what answers look like -----------------------------------------------------------------------------------------

def judge_lines(lines):
    modules = npm.install("ctl", ["ajv@8.17.1"])
    done = subprocess.run(["node", ROOT / "tests/proc/ctl_schemas.mjs", modules, ROOT / "docs/ctl.schemas.json"],
                          input="".join(json.dumps(l) + "\n" for l in lines), capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f"node: {done.stderr[-500:]}")
    check(not done.stdout, f"answers that are not as their schema: {done.stdout[:800]}")


@test
def every_verb_answers_by_its_schema():
    weir, sandbox = with_sandbox("schemas")
    weir.start()
    kill_some(weir, sandbox, 4)
    done = weir.post(ticket("fine"))[2]["id"]
    wait_until(lambda: weir.queue()["done"] == 1, 10, "one is done")
    dead = [m["id"] for m in weir.ctl("dead.ls")["messages"]]
    body, file = weir.folder / "body.json", weir.folder / "copy.db"
    body.write_text(json.dumps(ticket("sent")))
    lines = []
    for words in (["status"], ["health"], ["events"], ["events", "--kind", "dead", "--since", "60"], ["ls"], ["show", done],
                  ["why", done], ["dead", "ls"], ["dead", "show", dead[0]], ["dead", "redrive", dead[0]],
                  ["dead", "redrive", "--all", "--dry-run"], ["dead", "drop", dead[1]],
                  ["dead", "drop", "--route", "tickets", "--rate", "5000", "--wait"], ["redrive", "status"],
                  ["mode", "normal"], ["mode", "show"], ["safe", "off"], ["drain", "--wait", "--timeout", "20"], ["undrain"], ["limits", "ls"], ["actors", "ls"],
                  ["actors", "restart", "classifier"], ["names"], ["metrics"], ["config", "running"], ["backup", "status"],
                  ["backup", file], ["store", "check"], ["store", "check", file], ["send", "tickets", body], ["version"],
                  ["report", "--output", weir.folder / "report.txt"], ["top", "--every", "1", "--count", "1"], ["help"], ["check"], ["config", "show"],
                  ["config", "effective"], ["config", "diff"], ["config", "explain", "http.listen"], ["init"],
                  ["init", "support-desk", weir.folder / "desk"],
                  ["plan", "--hold", "3m", "--backlog", "10"], ["try", "tickets", body], ["store", "snapshot", weir.folder / "look.db"]):
        lines += said_json(weir, *words)
    for words, code in ((["show", "01J9ZQ4T6W3V8X2M5N7P1R0SAB"], 66), (["mode", "sideways"], 64), (["redrive", "cancel"], 1),
                        (["dead", "redrive", done], 1), (["backup", "take"], 66), (["events", "--kind", "nonsense"], 64),
                        (["events", "--actor", "limiter"], 66)):
        lines += said_json(weir, *words, code=code)
    lines += operated(weir)
    kill_some(weir, sandbox, 30, "more")
    lines += said_json(weir, "dead", "redrive", "--all", "--rate", "1") + said_json(weir, "redrive", "cancel")
    lines += said_json(weir, "backup", "begin") + [weir.ctl("backup.status"), weir.ctl("backup.cancel")]
    wait_until(lambda: weir.ctl("backup.status")["backup"]["state"] != "running", 10, "the copy ends")
    weir.ctl("backup.begin")
    wait_until(lambda: weir.ctl("backup.status")["backup"]["state"] == "whole", 10, "a copy is whole")
    lines += [weir.ctl("backup.take"), weir.ctl("reload"), weir.ctl("nonsense")]
    lines += said_json(weir, "stop")
    check(weir.program.process.wait(30) == 0, "it stopped in order")
    lines += said_json(weir, "store", "rebuild", weir.state) + said_json(weir, "restore", file, weir.state, "--force")
    judge_lines(lines)
    seen = {l["schema"].split(".", 1)[1].split("/")[0] for l in lines if l["schema"] != "weir.error/1"}
    missing = {v["verb"] for v in said_json(weir, "help")[0]["verbs"]} - seen
    # so small a copy may be whole before it is cancelled
    check(missing <= {"complete", "config.schema", "backup.cancel"} | outside_of_this_test(), f"not looked at: {sorted(missing)}")
    weir.remove()


def operated(weir):
    """The answers of what changes and shows limits, downstreams, routes and messages, but for slots.reclaim."""
    limit, route, downstream = {"name": "writes"}, {"name": "tickets"}, {"name": "helpdesk"}
    weir.ctl("route.stop", **route)
    one, two = [weir.post(ticket(f"operated-{n}"))[2]["id"] for n in range(2)]
    wait_until(lambda: weir.ctl("why", id=two)["why"]["keeps"], 5, "they wait")
    asked = [("limits.set", {**limit, "slots": 9, "why": "schemas"}), ("limits.ls", {}), ("limits.export", {})]
    asked += [(f"limits.{verb}", limit) for verb in ("pin", "unpin", "disable", "enable", "resume", "reset")]
    asked += [("limits.observe", {**limit, "on": word}) for word in ("on", "off")]
    asked += [("downstream.pause", {**downstream, "for": 60}), ("downstream.ls", {})]
    asked += [(f"downstream.{verb}", downstream) for verb in ("pause", "probe", "resume")]
    asked += [("hold", {"id": one}), ("release", {"id": one}), ("hold", {"route": "tickets"}), ("release", {"route": "tickets"})]
    asked += [("prioritise", {"id": one, "class": "high"}), ("cancel", {"id": two}), ("why", {"id": one}), ("show", {"id": one})]
    asked += [("shape", {}), ("shape", {"by": "blocker"}), ("shape", {"label": "lang"}), ("route.start", route), ("slots.ls", {})]
    said = [weir.ctl(verb, **args) for verb, args in asked] + [weir.ctl("route.stop", **route), weir.ctl("route.start", **route)]
    check(all(line["ok"] for line in said), f"{[line for line in said if not line['ok']]}")
    return said


def outside_of_this_test():
    """Verbs that the limiter and the ingress added, with tests of their own."""
    return {v for v in re.findall(r'^VERB\(\w+, "([a-z._]+)"', (ROOT / "supervisor/ctl_verbs.def").read_text(), re.M)
            if v.split(".")[0] == "truth" or v == "slots.reclaim"}


@test
def a_line_of_json_is_enough_for_socat():
    weir, _ = with_sandbox("socat")
    weir.start()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(weir.run / "ctl.sock"))
        s.sendall(b'{"verb":"version"}\n{"verb":"frob"}\n{"verb":"check"}\n')
        with s.makefile() as f:
            said = [json.loads(f.readline()) for _ in range(3)]
    check(said[0]["schema"] == "weir.version/1" and said[0]["ok"], f"{said[0]}")
    check(said[1]["status"] == 400 and "no verb" in said[1]["error"] and said[1]["hint"], f"{said[1]}")
    check(said[2]["status"] == 400 and "by itself" in said[2]["error"], f"weirctl's own verbs are not Weir's: {said[2]}")
    weir.stop()
    weir.remove()


@test
def what_may_follow_comes_from_the_table_and_from_weir():
    weir, _ = with_sandbox("complete")
    weir.start()

    def after(*words):
        return weirctl(weir, "complete", "--", *words)[1].split()
    check({"status", "dead", "backup", "help"} <= set(after("")), f"first words: {after('')}")
    check(after("dea") == ["dead"] and "redrive" in after("dead", ""), "second words")
    for words, part in ((("dead", "redrive", "--ra"), "--rate"), (("mode", "ma"), "maintenance"), (("ls", "--state", ""), "held"),
                        (("--socket", "x", "ls", "--"), "--newest"), (("events", "--kind", "child_d"), "child_died"),
                        (("restore", ""), ":files"), (("backup", ""), "status")):
        check(part in after(*words), f"{words}: {after(*words)}")
    for words, part in ((("actors", "restart", ""), "limiter/0"), (("send", ""), "tickets"), (("ls", "--route", "t"), "tickets")):
        check(part in after(*words), f"names from Weir, {words}: {after(*words)}")
    weir.stop()
    began = time.monotonic()
    check(after("actors", "restart", "") == [] and time.monotonic() - began < 10, "without Weir there are no names")
    weir.remove()


# ---- events ---------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def following(weir, *words):
    out = open(weir.folder / f"events-{len(words)}.jsonl", "w+")
    process = subprocess.Popen(command(weir, "--json", "events", "-f", *words), stdout=out, stderr=subprocess.PIPE, text=True)
    try:
        yield process, lambda: [json.loads(l) for l in open(out.name) if l.endswith("\n")]
    finally:
        process.kill()
        process.wait()
        out.close()


@test
def events_are_followed_by_route_message_and_kind():
    weir, sandbox = with_sandbox("events")
    weir.start()
    with following(weir) as (_, everything), following(weir, "--kind", "dead") as (process, dead):
        wait_until(lambda: everything() and dead(), 10, "both follow")
        kill_some(weir, sandbox, 3)
        wait_until(lambda: len([e for e in dead() if "kind" in e]) == 3, 10, "three dead letters are told")
        check({e["kind"] for e in dead() if "kind" in e} == {"dead"}, f"and nothing else: {dead()}")
        weir.ctl("mode", mode="maintenance")
        wait_until(lambda: {"ctl", "mode", "dead"} <= {e.get("kind") for e in everything()}, 10, "who follows all sees all")
        numbers = [e["number"] for e in everything() if "number" in e]
        check(numbers == sorted(set(numbers)), f"in order, each once: {numbers}")
        process.send_signal(signal.SIGINT)
        check(process.wait(10) == 0, "Ctrl-C ends following in order")
    one = weir.ctl("dead.ls")["messages"][0]["id"]
    said = weir.ctl("events", message=one)["events"]
    check(said and all(e["message"] == one for e in said), f"what happened to one: {said}")
    status, out, _ = weirctl(weir, "events", "--route", "tickets", "--kind", "dead")
    check(status == 0 and len(out.splitlines()) == 3 and "tickets" in out, f"for people: {out}")
    weir.kill("limiter")
    wait_until(lambda: any(e["kind"] == "child_died" for e in weir.ctl("events")["events"]), 10, "a death is an event")
    weir.check_log()
    weir.program.end()
    weir.remove()


@test
def what_is_done_by_hand_is_found_by_its_message_route_and_downstream():
    weir, _ = with_sandbox("by-hand", level="info")
    weir.start()
    weir.ctl("downstream.pause", name="helpdesk")

    def last(kind, **where):
        return (weir.ctl("events", kind=kind, **where)["events"] or [{"text": ""}])[-1]

    one = weir.post(ticket(1))[2]["id"]
    for verb, more, text in (("prioritise", {"class": "low"}, "given another class"), ("hold", {}, "held"),
                             ("release", {}, "released"), ("cancel", {}, "cancelled")):
        check(weir.ctl(verb, id=one, **more)["ok"], verb)
        for where in ({"message": one}, {"route": "tickets"}):
            wait_until(lambda: text in last("message_changed", **where)["text"], 5, f"{verb} is found by {where}")
    check(weir.post(ticket(2))[0] == 202 and weir.ctl("hold", route="tickets")["ok"], "all of a route")
    wait_until(lambda: "1 messages of tickets held" in last("message_changed", route="tickets")["text"], 5, "is found by it")
    for verb in ("route.stop", "route.start"):
        check(weir.ctl(verb, name="tickets")["ok"], verb)
        wait_until(lambda: verb in last("limit_changed", route="tickets")["text"], 5, f"{verb} is found by the route")
    for verb in ("downstream.probe", "downstream.resume", "downstream.pause"):
        check(weir.ctl(verb, name="helpdesk")["ok"], verb)
        wait_until(lambda: verb in last("limit_changed")["text"], 5, f"{verb} is told")
        check(last("limit_changed").get("downstream") == "helpdesk", f"with the downstream's name: {last('limit_changed')}")
    weir.stop()
    weir.remove()


@test
def who_does_not_read_its_events_costs_nobody_anything():
    weir, _ = with_sandbox("slow")
    weir.start()
    stuck = [socket.socket(socket.AF_UNIX) for _ in range(9)]
    for n, s in enumerate(stuck):
        s.settimeout(10)
        s.connect(str(weir.run / "ctl.sock"))
        s.sendall(b'{"verb":"events","args":{"follow":true}}\n')
        first = s.recv(1 << 16, socket.MSG_PEEK).split(b"\n")[0]
        check((b'"following":true' in first) == (n < 8), f"eight may follow, the ninth is told so: {first[:200]}")
    for n in range(1500):
        check(weir.ctl("mode", mode="maintenance" if n % 2 else "normal")["ok"], "Weir works on")
    text = b""
    while b"events.missed" not in text:
        text = text[-200:] + stuck[0].recv(1 << 20)
    missed = json.loads(next(l for l in text.split(b"\n") if b"events.missed" in l and l.endswith(b"}")))
    check(missed["missed"] > 0, f"who reads again is told how many it missed: {missed}")
    for s in stuck:
        s.close()
    wait_until(lambda: weir.ctl("events", follow=True)["ok"], 10, "their places are free again")
    weir.program.end()
    weir.check_log()
    weir.remove()


# ---- many at once ---------------------------------------------------------------------------------------------------

@test
def dead_letters_are_counted_put_back_dropped_and_left_in_peace():
    weir, sandbox = with_sandbox("bulk")
    weir.start()
    kill_some(weir, sandbox, 40)
    before = weir.queue()
    said = said_json(weir, "dead", "drop", "--route", "tickets", "--dry-run")[0]
    check(said["letters"] == 40 and said["takes_ms"] == 800, f"a dry run counts: {said}")
    check(said_json(weir, "dead", "drop", "--route", "single", "--dry-run")[0]["letters"] == 0, "by route")
    check({k: weir.queue()[k] for k in ("dead", "queued", "done")} == {k: before[k] for k in ("dead", "queued", "done")},
          "and changes nothing")
    check(weirctl(weir, "dead", "redrive")[0] == 64, "nothing is meant by leaving something out")
    slow = subprocess.Popen(command(weir, "dead", "redrive", "--all", "--rate", "5", "--wait"), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    wait_until(lambda: weir.ctl("redrive.status")["active"], 10, "it runs")
    check(weir.ctl("dead.drop", all=True)["status"] == 409, "one at a time")
    check(weirctl(weir, "redrive", "cancel")[0] == 0, "another terminal cancels it")
    out, err = slow.communicate(timeout=20)
    check(slow.returncode == 1 and "cancelled" in out and "left" in err, f"the first one says so: {out} {err}")
    wait_until(lambda: weir.queue()["queued"] + weir.queue()["assigned"] == 0, 10, "what was put back is done")
    q = weir.queue()
    check(0 < q["done"] < 40 and q["done"] + q["dead"] == 40, f"none is lost: {q}")
    slow = subprocess.Popen(command(weir, "dead", "redrive", "--all", "--rate", "1", "--wait"), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: weir.ctl("redrive.status")["active"], 10, "it runs again")
    slow.send_signal(signal.SIGINT)
    check(slow.wait(10) == 130 and "redrive cancel" in slow.stderr.read(), "Ctrl-C waits no longer, and says what goes on")
    check(weir.ctl("redrive.status")["active"] and weir.ctl("redrive.cancel")["ok"], "it goes on until it is cancelled")
    wait_until(lambda: weir.queue()["queued"] + weir.queue()["assigned"] == 0, 10, "quiet")
    done = weir.queue()["done"]
    status, out, err = weirctl(weir, "dead", "drop", "--all", "--rate", "5000", "--wait")
    check(status == 0, f"drop: {out} {err}")
    wait_until(lambda: weir.queue()["dead"] == 0, 10, "all others are gone")
    check(weir.queue()["done"] == done, "and only they")
    weir.stop()
    states = [r["state"] for r in weir.rows()]
    check(len(states) == done and set(states) == {"done"}, f"also on disk: {states}")
    weir.start()
    check(weir.queue()["dead"] == 0, "and they stay away")
    weir.stop()
    weir.remove()


@test
def what_is_no_dead_letter_is_refused_over_the_raw_socket():
    weir, sandbox = with_sandbox("one")
    weir.start()
    kill_some(weir, sandbox, 2)
    first, second = [m["id"] for m in weir.ctl("dead.ls")["messages"]]
    done = weir.post(ticket("fine"))[2]["id"]
    wait_until(lambda: weir.queue()["done"] == 1, 10, "done")
    for verb in ("dead.redrive", "dead.drop"):
        check(weir.ctl(verb, id="01J9ZQ4T6W3V8X2M5N7P1R0SAB")["status"] == 404, f"{verb} of what is not there")
        check(weir.ctl(verb, id=done)["status"] == 409, f"{verb} of what is done")
    said = weir.ctl("dead.redrive", id=first)
    check(said["ok"] and said["after"] == {"state": "queued"}, f"put back: {said}")
    said = weir.ctl("dead.drop", id=second)
    check(said["ok"] and said["after"] is None, f"dropped: {said}")
    check(weir.ctl("show", id=second)["status"] == 404 and weir.ctl("dead.drop", id=second)["status"] == 404, "it is gone")
    wait_until(lambda: weir.queue()["done"] == 2 and weir.queue()["dead"] == 0, 10, "the other is done")
    weir.stop()
    weir.remove()


# ---- backups --------------------------------------------------------------------------------------------------------

@test
def a_backup_under_load_restores_to_everything_accepted_before_it_with_marks():
    weir, sandbox = with_sandbox("backup", "--latency-ms", "5..5", connections=4, slots=4)
    weir.start()
    writer = load(weir.folder, weir.port, "--rate", "500", "--seconds", "6", "--keys", "200")
    wait_until(lambda: weir.queue()["done"] > 100, 20, "work is done")
    accepted = {m["id"] for m in list_all(weir)}
    said = said_json(weir, "backup", weir.folder / "copy.db")[0]
    check(said["ok"] and said["not_finished"] > 0, f"a backup with work in it: {said}")
    check((weir.folder / "copy.db").stat().st_mode & 0o777 == 0o600, "for its owner only")
    check(not list(weir.state.glob("weir.backup*")) and not (weir.folder / "copy.db.part").exists(), "nothing is left over")
    result = load_result(writer, 60)
    check(result.get("failed", 0) == 0, f"no sender was refused meanwhile: {result}")
    wait_empty_soon(weir)
    before = sandbox.summary()
    weir.stop()
    other = Weir("restored", state=weir.folder / "other")
    other.config.write_text(weir.config.read_text().replace(f":{weir.port}\"", f":{other.port}\""))
    status, out, err = weirctl(weir, "restore", weir.folder / "copy.db", other.state)
    check(status == 0 and "maybe_duplicate" in out, f"restore says what it means: {out} {err}")
    check(weirctl(weir, "restore", weir.folder / "copy.db", other.state)[0] == 73, "a store that is there is kept")
    other.start()
    check("restored" in other.program.text(), "the start says that this is a backup")
    wait_empty_soon(other)
    after = sandbox.summary()
    other.stop()
    rows = other.rows()
    found = {id_of(r) for r in rows}
    check(accepted <= found, f"{len(accepted - found)} of {len(accepted)} accepted before are missing")
    check({r["state"] for r in rows} == {"done"}, "all of them end")
    again = [r for r in rows if r["flags"] & 1]
    check(len(again) == said["not_finished"], f"{len(again)} are marked, {said['not_finished']} were not finished")
    check(after["requests"] - before["requests"] <= 2 * len(again), f"only the marked are called again: {before} {after}")
    other.start()
    check(other.program.text().count("a backup that was restored") == 1, "it is said once")
    other.stop()
    weir.remove()
    other.remove()


def id_of(row):
    from weir import id_text
    return id_text(row["id"])


def list_all(weir):
    after, found = 0, []
    while True:
        page = weir.ctl("ls", after=after, most=500)
        found += page["messages"]
        after = page["next"]
        if not after:
            return found


def wait_empty_soon(weir):
    weir.wait_empty(60)


@test
def a_backup_can_be_given_up_and_never_overwrites():
    weir, _ = with_sandbox("giveup")
    weir.start()
    file = weir.folder / "mine.db"
    file.write_text("mine")
    status, _, err = weirctl(weir, "backup", file)
    check(status == 73 and file.read_text() == "mine", f"a file that is there is kept: {status} {err}")
    check(weirctl(weir, "backup", "/nonexistent/dir/b.db")[0] == 73, "where nothing can be written")
    check(weir.ctl("backup.cancel")["status"] == 409 and weir.ctl("backup.take")["status"] == 404, "none runs, none is whole")
    weir.stop()
    check(weirctl(weir, "backup", weir.folder / "b.db")[0] == 69, "of a Weir that does not run there is none")
    check(weirctl(weir, "restore", file, weir.folder / "new")[0] == 65, "what is no store is not restored")
    check(weirctl(weir, "restore", weir.folder / "gone.db", weir.folder / "new")[0] == 66, "nor what is not there")
    weir.remove()


@test
def damage_is_found_told_and_mended():
    weir, _ = with_sandbox("damage")
    weir.start()
    for n in range(200):
        check(weir.post(ticket(n))[0] == 202, "accepted")
    weir.wait_empty(20)
    file = weir.folder / "whole.db"
    check(weirctl(weir, "backup", file)[0] == 0, "a backup")
    check(weirctl(weir, "store", "check", weir.state)[0] == 75, "a running store is not opened by others")
    weir.stop()
    base = sqlite3.connect(weir.state / "weir.db")
    base.execute("UPDATE progress SET attempt = attempt + 1 WHERE seq = 7")
    base.commit()
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    status, out, err = weirctl(weir, "store", "check", weir.state)
    check(status == 65 and "progress: the row of number 7" in out, f"found: {status} {out} {err}")
    weir.start()
    status, out, _ = weirctl(weir, "store", "check")
    check(status == 65 and "number 7" in out, f"also in a running store: {status} {out}")
    status, out, err = weirctl(weir, "backup", weir.folder / "damaged.db")
    check(status == 65 and (weir.folder / "damaged.db").exists(), f"a backup of it says so, and is kept: {status} {out} {err}")
    weir.stop()
    check(weirctl(weir, "restore", weir.folder / "damaged.db", weir.folder / "new")[0] == 65, "it is not restored")
    status, out, err = weirctl(weir, "store", "rebuild", weir.state, "--dry-run")
    check(status == 0 and "nothing was changed" in out, f"a dry run: {status} {out} {err}")
    check(weirctl(weir, "store", "check", weir.state)[0] == 65, "and it is as it was")
    check(weirctl(weir, "store", "rebuild", weir.state)[0] == 0, "rebuilt")
    status, out, _ = weirctl(weir, "store", "check", weir.state)
    check(status == 0, f"it is whole: {out}")
    weir.start()
    q = weir.queue()
    check(q["done"] == 199 and q["dead"] == 1 and q["damaged"] == 0, f"one became a dead letter, none is lost: {q}")
    weir.stop()
    weir.remove()


# ---- a report -------------------------------------------------------------------------------------------------------

def fake_journalctl(folder):
    """Lines of Weir as journalctl prints them: a PATH with it in front."""
    lines = [("3bd4f4b6a1c54b0f9a0c8f3d6d2e1a10", f"dead after 5 attempts  message=01ABC route=tickets key={CANARY} reason={CANARY}"),
             ("3bd4f4b6a1c54b0f9a0c8f3d6d2e1a14", f'limits.set asked by uid 0, pid 7: {{"value":"{CANARY}"}}'),
             ("3bd4f4b6a1c54b0f9a0c8f3d6d2e1a14", f'limits.pin {{"why":"{CANARY}"}} by operator'),
             ("3bd4f4b6a1c54b0f9a0c8f3d6d2e1a64", f'limits.set by uid 0, pid 7: {{"values":{{"{CANARY}":3}}}} -> {{}}'),
             ("3bd4f4b6a1c54b0f9a0c8f3d6d2e1a63", f"lease {CANARY} ended by itself: its time is over"),
             (None, "a line\n\u009b31mforged"),
             (None, f"12:01:01.123 limiter: limits.set by uid 0: {{{CANARY}}}  key={CANARY}"), (None, [72, 105]), (None, None)]
    entries = [{"__REALTIME_TIMESTAMP": "1700000000000000", "SYSLOG_IDENTIFIER": "weir-limiter", "MESSAGE": text, "ERRNO": "5",
                **({"MESSAGE_ID": kind} if kind else {})} for kind, text in lines]
    (folder / "lines").write_text("".join(json.dumps(e) + "\n" for e in entries) + f'{{"MESSAGE": "{CANARY}{"x" * 300000}"}}\n{CANARY}\n')
    (folder / "plain").write_text("".join(f"2023-11-14T22:13:20+0000 host weir-limiter[7]: {text}\n" for _, text in lines))
    program = folder / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "a hint" >&2\ncase "$*" in *--output=json*) cat {folder}/lines;; *) cat {folder}/plain;; esac\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}


@test
def a_report_has_what_helps_and_no_secrets_and_no_messages():
    weir, sandbox = with_sandbox("report")
    text = weir.config.read_text()
    text = text.replace("limits: {writes: {slots: 32}}", "limits: {writes: {slots: 32}, fax: {slots: 1, per: [lang]}}", 1)
    text = text.replace("limits: [writes]", "limits: [writes, fax]", 1)
    text = text.replace("allow_private: true}", f"allow_private: true, secret: shop-token, headers: {{X-Team: \"{CANARY}\"}}}}", 1)
    weir.secret("shop-token", f"{CANARY}-token")
    weir.config.write_text(text)
    weir.start()
    kill_some(weir, sandbox, 2)
    check(weir.post(ticket("x", key=f"{CANARY}-key", subject=f"{CANARY}-body"))[0] == 202, "accepted")
    weir.wait_empty(10)
    wait_until(lambda: "weir_queue_messages" in json.dumps(weir.ctl("metrics")), 5, "the limiter told its numbers")

    def change(*words):
        status, out, err = weirctl(weir, *words, "--why", f"{CANARY}-why")
        check(status == 0, f"{words}: {status} {out} {err}")

    for words in (["limits", "set", "fax", "--slots", "0"], ["limits", "set", "fax", "--slots", "3", "--value", f"{CANARY}-value"],
                  ["safe", "on"], ["mode", "degraded"], ["mode", "normal"]):
        change(*words)
    for n in range(3):
        check(weir.post(ticket(f"waits-{n}", lang=f"{CANARY}-lang"))[0] == 202, "accepted")
    wait_until(lambda: any(v["waiting"] for l in weir.ctl("limits.ls")["limits"] for v in l.get("by_value", [])), 10,
               "they wait for a value of a limit")
    change("downstream", "pause", "helpdesk")
    journal = fake_journalctl(weir.folder)
    file = weir.folder / "report.txt"
    status, out, err = weirctl(weir, "report", "-o", file, env=journal)
    check(status == 0 and file.stat().st_mode & 0o777 == 0o600, f"{status} {out} {err}")
    said = file.read_text()
    check(CANARY not in said, f"the canary is in it: {said[max(0, said.find(CANARY) - 200):][:300]}")
    for part in ("===== status =====", "===== health =====", "===== config.running =====", "===== events =====",
                 "weir_queue_messages", "shop-token", "5 actors ready", "===== host =====", '"name": "fax"', '"by_value": [',
                 "2023-11-14T22:13:20Z weir-limiter: dead after 5 attempts (Input/output error)\n",
                 "limits.set asked by uid 0, pid 7: (left out)", "weir-limiter: limits.pin (left out)",
                 "12:01:01.123 limiter: limits.set by uid 0: (left out)", "a hint\n", "weir-limiter: a line???31mforged (", '"text":"limits.set by uid',
                 "downstream.pause by uid"):
        check(part in said, f"{part} is in it: {said[-3000:]}")
    check(weirctl(weir, "report", "-o", file)[0] == 73, "a file that is there is kept")
    weir.stop()
    status, said, _ = weirctl(weir, "report", "-o", "-", env={**os.environ, "PATH": "/nowhere"})
    check(status == 0 and CANARY not in said, "also of a Weir that does not run")
    check("(journalctl ended with 127)" in said, f"and where there is no journal: {said[-500:]}")
    for part in ("does not run", "===== config =====", "shop-token", "===== store.check =====", '"damaged": 0', "===== host ====="):
        check(part in said, f"{part} is in it: {said[:2000]}")
    weir.remove()


# ---- what a terminal is sent ----------------------------------------------------------------------------------------

@test
def what_senders_and_people_wrote_does_not_steer_the_terminal():
    weir, sandbox = with_sandbox("terminal", level="info")
    weir.start()
    forged = "\033[2J\u009b31m\nforged\x7f\tend"
    check(weir.ctl("limits.set", name="writes", slots=0, why=f"why {forged}")["ok"], "set")
    check(weir.ctl("safe", state="on", why=f"why {forged}")["ok"], "safe")
    one = weir.post(ticket("forger", key=f"key {forged}", lang=forged, subject=forged))[2]["id"]
    two = weir.post(ticket("second", key=f"key {forged}"))[2]["id"]
    wait_until(lambda: weir.ctl("why", id=two)["why"]["keeps"], 10, "it waits")
    for words in (["show", one], ["why", one], ["why", two], ["ls"], ["events"], ["status"], ["limits", "ls"], ["mode", "show"],
                  ["shape", "--label", "lang"], ["slots", "ls"], ["downstream", "ls"], ["downstream", "pause", "helpdesk", "--why", forged],
                  ["events", "--follow", "--timeout", "1"], ["top", "--count", "1"], ["dead", "ls"], ["health"]):
        status, out, err = weirctl(weir, *words)
        check(status in (0, 1), f"{words}: {status} {out} {err}")
        wrong = [c for c in out + err if c != "\n" and (c < " " or "\x7f" <= c <= "\x9f")]
        check(not wrong, f"{words} writes {wrong[:5]}: {out!r}")
        check(not [l for l in out.splitlines() if l.startswith("forged")], f"{words} lets a line be forged: {out!r}")
    check("key ?[2J??31m?forged??end" in weirctl(weir, "show", one)[1], "it is shown as it can be")
    check(forged in said_json(weir, "show", one)[0]["key"], "and is whole for programs")
    log = weir.program.text()
    check("forged" in log and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", log), "nor does the log in the foreground")
    weir.stop()
    weir.remove()


# ---- top ------------------------------------------------------------------------------------------------------------

@test
def top_shows_what_happens_again_and_again():
    weir, _ = with_sandbox("top")
    check(weirctl(weir, "top")[0] == 69, "not running")
    weir.start()
    sender = load(weir.folder, weir.port, "--rate", 40, "--seconds", 8, "--resend")
    status, out, err = weirctl(weir, "top", "--every", "1", "--count", "3", "--json")
    check(status == 0, f"{status} {err}")
    pictures = [json.loads(line) for line in out.splitlines()]
    judge_lines(pictures)
    check(len(pictures) == 3, f"as many as asked for: {len(pictures)}")
    last = pictures[-1]
    for name in ("accepted", "done", "calls"):
        check(last["a_second"][name] > 5, f"{name} is a rate: {last['a_second']}")
    desk = last["downstreams"][0]
    check(desk["name"] == "helpdesk" and desk["calls"] > 5, f"calls by downstream: {desk}")
    check(all(a["memory_bytes"] > 1 << 20 and a["open_fds"] > 3 and a["cpu_percent"] is not None for a in last["actors"]),
          f"each actor's work: {last['actors']}")
    status, out, err = weirctl(weir, "top", "--every", "1", "--timeout", "2")
    check(status == 0 and " accepted, " in out and "helpdesk" in out and "limiter/0 " in out and "writes " in out, f"{status} {out} {err}")
    check("\033" not in out, "no screen where there is no terminal")
    weir.kill("limiter")
    out = weirctl(weir, "top", "--every", "1", "--count", "1", "--json")[1]
    check(json.loads(out)["actors"][0]["restarts"] == 1, f"it goes on over the end of an actor: {out}")
    for words in (("--every", "0"), ("--count", "0"), ("--every", "x"), ("now",)):
        check(weirctl(weir, "top", *words)[0] == 64, f"{words} is refused")
    sender.end()
    weir.stop()
    weir.remove()


@test
def a_monitor_hears_whether_it_is_well():
    weir, _ = with_sandbox("health")
    check(weirctl(weir, "health")[0] == 69, "not running")
    weir.start()
    check(weirctl(weir, "health")[0] == 0, "well")
    weir.ctl("mode", mode="maintenance")
    status, out, _ = weirctl(weir, "health")
    check(status == 0 and "maintenance" in out, f"what was asked for is to be known only: {out}")
    os.kill(weir.pid("classifier"), signal.SIGSTOP)
    weir.kill("limiter")
    status, out, _ = weirctl(weir, "health", "--timeout", "15")
    check(status in (0, 1), f"it answers: {status} {out}")
    wait_until(lambda: weirctl(weir, "health")[0] in (0, 1), 30, "it always answers")
    weir.program.end()
    weir.remove()


main()
