#!/usr/bin/env python3
"""Limits, downstreams, routes and messages changed by people while Weir runs with real processes."""
import json
import re
import subprocess

from weir import BUILD, Weir, check, main, test, ticket, wait_until, with_sandbox


def said(weir, verb, **args):
    answer = weir.ctl(verb, **args)
    if answer.get("status") == 503:  # the limiter begins anew
        raise ValueError(f"{verb}: {answer}")
    check(answer["ok"], f"{verb} {args}: {answer}")
    return answer


def refused(weir, verb, **args):
    answer = weir.ctl(verb, **args)
    check(not answer["ok"], f"{verb} {args} is refused: {answer}")
    return answer


def limit(weir, name="writes"):
    return said(weir, "limits.ls", name=name)["limits"][0]


def send(weir, first, count, **more):
    ids = []
    for n in range(first, first + count):
        status, _, body = weir.post(ticket(n, **more))
        check(status == 202, f"accepted: {status} {body}")
        check({"ahead", "start_in_ms"} <= body.keys(), f"it says what is before it: {body}")
        ids.append(body["id"])
    return ids


@test
def limits_set_live_are_in_force_at_once_and_stay_over_kill():
    weir, sandbox = with_sandbox("live", "--latency-ms", "150..150", slots=2, level="info, sample: 1")
    weir.start()
    send(weir, 0, 120)
    wait_until(lambda: limit(weir)["in_use"] == 2, 10, "two run")
    check(limit(weir)["waiting"] > 50, "and the others wait")
    before = said(weir, "limits.set", name="writes", slots=8, why="more lines")
    check((before["before"]["slots"], before["after"]["slots"]) == (2, 8), f"before and after: {before}")
    wait_until(lambda: limit(weir)["in_use"] == 8, 5, "eight run, also of the backlog")
    said(weir, "limits.set", name="writes", slots=1)
    wait_until(lambda: limit(weir)["in_use"] <= 1, 5, "what ran has ended, and only one runs")
    check(weir.queue()["dead"] == 0, "lowering ended nothing")
    wait_until(lambda: weir.metrics().get('weir_wait_seconds_count{actor="limiter",instance="0",cause="writes"}', 0) > 7, 10,
               "waiting for the limit is measured")
    wait_until(lambda: weir.metric("weir_total_seconds_count") > 0, 10, "and how long it took altogether")
    said(weir, "limits.set", name="writes", slots=4, why="night")
    weir.kill("limiter")
    wait_until(lambda: limit(weir)["slots"] == 4, 10, "it is kept")
    check(limit(weir)["by_hand"]["why"] == "night", "with the reason")
    yaml = said(weir, "limits.export")["yaml"]
    check('"writes":' in yaml and "slots: 4" in yaml, f"as YAML: {yaml}")
    missed = refused(weir, "limits.set", name="write", slots=3)
    check("writes" in str(missed), f"a wrong name is told the right one: {missed}")
    check(said(weir, "limits.reset", name="writes")["after"]["slots"] == 2, "back to the configuration")
    said(weir, "limits.disable", name="writes")
    weir.wait_empty(30)
    check(sandbox.summary()["most_at_once"] >= 8, "eight were called at once")
    for line in ("limits.reset by", "step tag begins, attempt", "step tag ended: ok", "message done after"):
        wait_until(lambda: line in weir.program.text(), 5, f"in the log: {line}")
    weir.stop()
    weir.remove()


def with_limits(weir, limits):
    text = weir.config.read_text()
    weir.config.write_text(re.sub(r"^limits: .*$", lambda _: f"limits: {json.dumps(limits)}", text, flags=re.M))


@test
def a_cap_is_raised_live_and_what_is_used_stays_over_kill_and_restart():
    weir, sandbox = with_sandbox("cap", level="info, sample: 1")
    with_limits(weir, {"writes": {"slots": 4, "cap": {"count": 5, "each": "month"}}})
    weir.start()
    send(weir, 0, 14)

    def passes(count, why):
        wait_until(lambda: limit(weir)["cap_used"] == count and limit(weir)["in_use"] == 0, 10, why)
        check(sandbox.summary()["requests"] == count, f"so many were called: {sandbox.summary()}")

    passes(5, "as many as the cap allows")
    check(re.search(r"cap 5, 5 used in [^,]*, 0 left", shown(weir, "limits", "ls")), "it is shown")
    check("writes: cap 5 -> 9" in shown(weir, "limits", "set", "writes", "--cap", "9", "--why", "month end"), "before and after")
    passes(9, "as many more as it was raised by")
    check(limit(weir)["configured"]["cap"] == 5, "the configuration's is told, too")
    wait_until(lambda: re.search(r'limits.set by .*"cap":5.* -> .*"cap":9', weir.program.text()), 5, "journaled")
    weir.kill("limiter")
    wait_until(lambda: limit(weir)["cap"] == 9, 10, "kept over a kill")
    weir.stop()
    weir.start()
    wait_until(lambda: limit(weir)["cap"] == 9, 10, "and over a restart")
    passes(9, "nothing more is let through")
    said(weir, "limits.reset", name="writes")
    said(weir, "limits.set", name="writes", cap=10)
    passes(10, "one more")
    said(weir, "limits.set", name="writes", cap=0)
    why = said(weir, "why", id=said(weir, "ls", state="queued")["messages"][0]["id"])["why"]["sentence"]
    check("nothing of it is allowed" in why, f"why says so: {why}")
    for wrong in ({"cap": -1}, {"cap": 1.5}, {"cap": 1000000001}, {"cap": 4, "value": "acme"}):
        refused(weir, "limits.set", name="writes", **wrong)
    said(weir, "limits.set", name="writes", cap=1000)
    weir.wait_empty(20)
    check(sandbox.summary()["requests"] == 14, f"each once: {sandbox.summary()}")
    weir.stop()
    weir.remove()


@test
def what_is_exported_passes_check_as_a_part_of_the_configuration():
    weir, _ = with_sandbox("export")
    limits = {"writes": {"slots": 3}, "pace": {"rate": {"count": 9}},
              "lines": {"slots": 4, "per": ["lang"], "cap": {"count": 50, "each": "month"}}}
    with_limits(weir, limits)
    weir.config.write_text(weir.config.read_text().replace("limits: [writes]", "limits: [writes, pace, lines]"))
    weir.start()
    drop_in = weir.config.parent / "conf.d/exported.yaml"
    drop_in.parent.mkdir()

    def is_right(text, part):
        check(part in text, f"exported: {text}")
        drop_in.write_text(text)
        done = subprocess.run([BUILD / "weirctl", "check", weir.config], capture_output=True, text=True)
        check(done.returncode == 0 and "with 1 drop-in" in done.stdout, f"{done} of {text}")

    def export():
        return said(weir, "limits.export")["yaml"]

    is_right(export(), "limits: {}")
    said(weir, "limits.set", name="writes", slots=0, why="they migrate")
    is_right(export(), "slots 0")
    said(weir, "limits.disable", name="pace")
    is_right(export(), "disabled by hand")
    refused(weir, "limits.set", name="lines", value="default", slots=3)  # in a file it would be everybody else
    said(weir, "limits.set", name="lines", value="acme", slots=0)
    said(weir, "limits.observe", name="lines", on="on")
    is_right(export(), '"acme": 0')
    said(weir, "limits.set", name="lines", value="acme", cap=7)
    is_right(export(), '"acme": {"slots":0,"cap":7}')
    said(weir, "limits.set", name="lines", cap=0)
    is_right(export(), "cap 0 by hand")
    said(weir, "limits.set", name="lines", cap=70)
    is_right(export(), "cap:\n      count: 70")
    said(weir, "limits.set", name="pace", rate=5, per_ms=2000)
    is_right(export(), "count: 5")
    said(weir, "limits.set", name="writes", slots=2)
    is_right(export(), "slots: 2")
    weir.stop()
    weir.remove()


@test
def a_paused_downstream_and_a_stopped_route_wait_and_go_on():
    weir, sandbox = with_sandbox("pause")
    weir.start()
    said(weir, "downstream.pause", name="helpdesk", why="they migrate")
    ids = send(weir, 0, 20)
    wait_until(lambda: said(weir, "downstream.ls")["downstreams"][0]["waiting"] == 20, 10, "all wait for it")
    check(weir.queue()["done"] == 0, "nothing is called")
    status, _, message = weir.get(f"/v1/messages/{ids[3]}")
    check(status == 200 and "stopped by an operator" in message["why"]["sentence"], f"the sender is told: {message}")
    weir.kill("limiter")
    wait_until(lambda: said(weir, "downstream.ls")["downstreams"][0]["stopped"], 10, "it is still paused")
    wait_until(lambda: said(weir, "status")["ready"], 10, "all of it is back")
    said(weir, "downstream.probe", name="helpdesk")
    wait_until(lambda: weir.queue()["done"] == 1, 10, "one call was let through")
    said(weir, "downstream.resume", name="helpdesk")
    weir.wait_empty(20)
    said(weir, "route.stop", name="tickets", why="wrong rules")
    ids = send(weir, 100, 5)
    wait_until(lambda: "route is stopped" in said(weir, "why", id=ids[0])["why"]["sentence"], 5, "why says so")
    said(weir, "route.start", name="tickets")
    weir.wait_empty(20)
    weir.stop()
    weir.remove()


@test
def messages_are_held_released_cancelled_and_put_first():
    weir, sandbox = with_sandbox("hands", "--latency-ms", "300..300", slots=1)
    weir.start()
    ids = send(weir, 0, 6)
    wait_until(lambda: limit(weir)["waiting"] == 5, 10, "one runs, five wait")
    told = said(weir, "why", id=ids[5])["why"]
    mine = [row for row in told["limits"] if row["name"] == "writes"][0]
    check(mine["keeps"] and len(mine["holders"]) == 1, f"it names the limit and who holds it: {told}")
    check("would be held" in shown(weir, "hold", "--route", "tickets", "--dry-run"), "a trial says how many")
    check(weir.queue()["held"] == 0, "and changes nothing")
    said(weir, "hold", route="tickets")
    wait_until(lambda: weir.queue()["assigned"] == 0, 10, "what ran has ended")
    held = weir.queue()["held"]
    check(held >= 4, f"the others are held: {held}")
    waiting = [row["id"] for row in said(weir, "ls", state="held")["messages"]]
    said(weir, "cancel", id=waiting[0], why="sent by mistake")
    said(weir, "prioritise", id=waiting[-1], **{"class": "critical"})
    weir.kill("limiter")
    wait_until(lambda: weir.queue()["held"] == held - 1, 10, "held and dead over kill -9")
    check(weir.queue()["dead"] == 1, "the cancelled one is a dead letter")
    rows = {row["name"]: sum(row["counts"]) for row in said(weir, "shape", by="class")["rows"]}
    check(rows.get("critical") == 1, f"its class is kept: {rows}")
    said(weir, "release", id=waiting[-1])
    wait_until(lambda: said(weir, "show", id=waiting[-1])["state"] == "done", 10, "that one goes alone")
    trial = json.loads(shown(weir, "release", "--route", "tickets", "--dry-run", "--json"))
    check(trial["messages"] == weir.queue()["held"] > 0, f"as many as are held: {trial}")
    said(weir, "release", route="tickets")
    weir.wait_empty(20)
    check(said(weir, "show", id=waiting[0])["reason"].startswith("cancelled"), "it says who cancelled it")
    weir.stop()
    weir.remove()


def shown(weir, *words):
    run = subprocess.run([BUILD / "weirctl", "--socket", weir.run / "ctl.sock", *words], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    check(run.returncode == 0, f"{words}: {run.returncode}: {run.stdout}")
    return run.stdout


@test
def people_read_who_holds_a_limit_what_it_keeps_and_what_a_change_changed():
    weir, sandbox = with_sandbox("read", "--latency-ms", "2000..2000", slots=1)
    weir.start()
    ids = send(weir, 0, 4)
    wait_until(lambda: limit(weir)["waiting"] == 3, 10, "one runs, three wait")
    why = shown(weir, "why", ids[3])
    check("kept by  limit writes keeps it" in why and "1 of 1 in use" in why and "starts " in why, why)
    holders = [line for line in shown(weir, "slots", "ls").splitlines() if line.startswith("writes ")]
    check(len(holders) == 1 and holders[0].split()[2] in why, f"the holder is named whole, also by why: {holders} {why}")
    row = next(line for line in shown(weir, "limits", "ls").splitlines() if line.startswith("writes "))
    check(row.split()[:5] == ["writes", "-", "1", "1", "3"], f"in use, slots, waiting: {row}")
    rows = {line.split()[0]: sum(map(int, line.split()[1:])) for line in shown(weir, "shape").splitlines()[1:-1]}
    check(sum(rows.values()) == 4, f"all are counted once: {rows}")
    check(shown(weir, "limits", "observe", "writes", "on") == "writes: observe false -> true\n", "only what changed")
    check(shown(weir, "limits", "observe", "writes", "on") == "writes: nothing has changed\n", "and when nothing did")
    weir.wait_empty(20)
    weir.stop()
    weir.remove()


main()
