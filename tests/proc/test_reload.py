#!/usr/bin/env python3
"""Reloads with real processes: whole or not at all, and no request, call or message lost by one."""
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time

from weir import BUILD, Weir, check, main, test, ticket, wait_until, with_sandbox

RELOADS = int(os.environ.get("WEIR_RELOADS", "100"))
SENDERS = 8
RATE = 200

HOOKS = """
http: {{listen: ["127.0.0.1:{port}"]}}
supervisor: {{restart_min_ms: 20, burst: 1000}}
log: {{journal: false}}
sources: {{hub: {{auth: github, secret: hub-key}}}}
routes:
  hooks: {{path: /hooks, source: hub, id: /headers/x-github-delivery, steps: [{{name: sort, classify: {{rules: [], otherwise: done}}}}]}}
"""


def weir_of(name, *options, **values):
    """A Weir with a sandbox behind it."""
    weir, sandbox = with_sandbox(name, "--quiet", *options, **{"connections": 64, "slots": 64, **values})
    weir.sandbox = sandbox
    return weir


def change(weir, old, new):
    text = weir.config.read_text()
    check(old in text, f"the configuration has {old}")
    weir.config.write_text(text.replace(old, new))


def weirctl(weir, *words):
    done = subprocess.run([BUILD / "weirctl", "--socket", weir.run / "ctl.sock", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def reload(weir, expected=0):
    status, out, err = weirctl(weir, "reload")
    check(status == expected, f"reload ended with {status}, {expected} is expected: {out} {err}")
    return out if expected == 0 else err


def generations(weir):
    return {a["name"]: a["generation"] for a in weir.actors()}


def retirees(weir):
    return weir.actors("retiree")


class Senders:
    """Keep-alive connections that send at a steady rate. Whatever is not answered 202 is a failure."""

    def __init__(self, weir):
        self.weir, self.over = weir, threading.Event()
        self.accepted, self.failures, self.connections = [], [], 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.send, args=(n,)) for n in range(SENDERS)]
        self.threads.append(threading.Thread(target=self.probe))
        for thread in self.threads:
            thread.start()

    def send(self, sender):
        connection = http.client.HTTPConnection("127.0.0.1", self.weir.port, timeout=20)
        due, n, fresh = time.monotonic(), 0, True
        while not self.over.is_set():
            due += SENDERS / RATE
            time.sleep(max(0, due - time.monotonic()))
            name = f"{sender}-{n}"
            n += 1
            try:
                body = json.dumps(ticket(name, key=f"k{sender}-{n % 40}"))
                connection.request("POST", "/single", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                said = answer.read()
                with self.lock:
                    self.connections += fresh
                    if answer.status == 202:
                        self.accepted.append(json.loads(said)["id"])
                    else:
                        self.failures.append((name, answer.status, said.decode()[:200]))
                fresh = answer.will_close
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.failures.append((name, type(error).__name__, str(error)))
                connection.close()
                fresh = True
        connection.close()

    def probe(self):
        """What a load balancer asks: it must not turn away from a Weir that is reloaded."""
        while not self.over.is_set():
            try:
                status, _, said = self.weir.get("/readyz")
            except (OSError, http.client.HTTPException) as error:
                status, said = type(error).__name__, str(error)
            if status != 200:
                with self.lock:
                    self.failures.append(("/readyz", status, said))
            self.over.wait(0.01)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)
        check(not self.failures, f"{len(self.failures)} of {len(self.accepted) + len(self.failures)} requests failed, "
                                 f"the first {self.failures[:2]}")
        return self.accepted


def check_calls(weir, accepted):
    """After the stop: each message done, with one effect; every further one announced."""
    rows = weir.rows()
    check(len(rows) == len(accepted) and all(r["state"] == "done" for r in rows),
          f"{len(accepted)} accepted, {len(rows)} in the store, not done: {[r for r in rows if r['state'] != 'done'][:1]}")
    effects = {}
    for s in weir.sandbox.seen():
        if s["effect"]:
            effects.setdefault(s["message"], []).append(s["maybe"])
    check(len(effects) == len(accepted), f"{len(accepted)} accepted, {len(effects)} had an effect")
    unmarked = [i for i, all in effects.items() if not all[1:] == [True] * (len(all) - 1)]
    check(not unmarked, f"{len(unmarked)} repetitions without a mark")
    return sum(len(all) - 1 for all in effects.values())


def end(weir):
    weir.stop()
    if hasattr(weir, "sandbox"):
        weir.sandbox.end()
    weir.remove()


# ---- under load ---------------------------------------------------------------------------------------------------

@test
def a_hundred_reloads_under_load_lose_nothing():
    weir = weir_of("hundred", "--latency-ms", "5..300").start()
    senders = Senders(weir)
    began, slots, took = time.monotonic(), 64, []
    for _ in range(RELOADS):
        change(weir, f"slots: {slots}", f"slots: {slots + 1}")
        slots += 1
        said = reload(weir)
        check(f"limits.writes.slots: {slots - 1} -> {slots}" in said and "5 actors replaced" in said, said)
        took.append(int(re.search(r"in (\d+) ms", said).group(1)))
    seconds = time.monotonic() - began
    accepted = senders.end()
    weir.wait_empty(20)
    wait_until(lambda: not retirees(weir), 10, "who retired has ended")
    weir.stop()
    weir.sandbox.end()
    again = check_calls(weir, accepted)
    print(f"   {RELOADS} reloads in {seconds:.0f} s (median {sorted(took)[len(took) // 2]} ms, most {max(took)} ms): "
          f"{len(accepted)} requests over {senders.connections} connections, 0 failed; {again} calls again", flush=True)
    check(again == 0, f"{again} calls were made again, though nobody died")
    weir.remove()


@test
def restarts_of_the_door_and_of_who_works_refuse_and_cut_nothing():
    weir = weir_of("restarts", "--latency-ms", "5..300").start()
    senders = Senders(weir)
    for _ in range(8):
        for kind in ("ingress", "responder", "classifier", "drainer"):
            before = generations(weir)
            status, out, err = weirctl(weir, "actors", "restart", kind)
            check(status == 0, f"restart {kind}: {out} {err}")
            after = generations(weir)
            check([n for n in after if after[n] != before[n]] == [f"{kind}/0"], f"only {kind} is another: {after}")
    accepted = senders.end()
    weir.wait_empty(20)
    weir.stop()
    weir.sandbox.end()
    check(check_calls(weir, accepted) == 0, "no call was made again")
    weir.remove()


@test
def a_call_of_ten_seconds_is_not_cut():
    weir = weir_of("long", total_ms=60000).start()
    weir.sandbox.script(path="/v1/single/T-slow", do="slow", ms=10000, times=1)
    check(weir.post(ticket("slow"), path="/single")[0] == 202, "accepted")
    wait_until(lambda: weir.queue()["assigned"] == 1, 5, "the call is on its way")
    for slots in (65, 66):
        change(weir, f"slots: {slots - 1}", f"slots: {slots}")
        reload(weir)
    wait_until(lambda: [a["actor"] for a in retirees(weir)] == ["responder"], 5, "of those who retired one is left")
    check(weir.post(ticket("quick"), path="/single")[0] == 202, "others are not kept by it")
    wait_until(lambda: weir.queue()["done"] == 1, 5, "and done")
    weir.wait_empty(20)
    wait_until(lambda: not retirees(weir), 5, "who retired ends behind its call")
    weir.stop()
    weir.sandbox.end()
    slow = [s for s in weir.sandbox.seen() if s["path"].endswith("slow")]
    check(len(slow) == 1 and slow[0]["effect"], f"one call, and it counts: {slow}")
    weir.remove()


# ---- what changes -------------------------------------------------------------------------------------------------

@test
def a_message_whose_step_is_taken_away_waits_until_it_is_back():
    weir = weir_of("gone", attempts=1000).start()
    weir.sandbox.script(path="/v1/single/*", do="500")
    ident = weir.post(ticket(1), path="/single")[2]["id"]
    wait_until(lambda: weir.sandbox.summary()["requests"] > 1, 5, "it is tried")
    change(weir, "{name: send,", "{name: other,")
    said = reload(weir)
    check("routes.single.steps[send]" in said and "routes.single.steps[other]" in said, said)
    shown = wait_until(lambda: (m := weir.get(f"/v1/messages/{ident}")[2])["state"] == "held" and m, 5, "it is held")
    check("route_changed" in json.dumps(weir.ctl("show", id=ident)), f"and says why: {shown}")
    weir.sandbox.no_script()
    change(weir, "{name: other,", "{name: send,")
    reload(weir)
    weir.wait_empty(10, "it goes on by itself when its step is back")
    check(weir.get(f"/v1/messages/{ident}")[2]["state"] == "done", "and is done")
    end(weir)


@test
def a_changed_secret_counts_without_a_changed_configuration():
    weir = Weir("secret", config=HOOKS)

    def post(secret):
        sign = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
        return weir.post(b"{}", path="/hooks", headers={"X-Hub-Signature-256": f"sha256={sign}",
                                                        "X-GitHub-Delivery": secret + str(time.monotonic())})[0]
    weir.secret("hub-key", "first")
    weir.start()
    before = generations(weir)
    check("nothing has changed" in reload(weir) and generations(weir) == before, "nothing to do")
    weir.secret("hub-key", "second")
    check(post("first") == 202 and post("second") == 401, "until then the first one holds")
    check("secrets of the ingress" in reload(weir), "the answer says whose secrets changed")
    after = generations(weir)
    check([n for n in after if after[n] != before[n]] == ["ingress/0"], f"only who gets it was replaced: {after}")
    check(post("first") == 401 and post("second") == 202, "and from then on the second")
    check("second" not in weir.program.text(), "no secret in the log")
    end(weir)


@test
def the_number_of_actors_can_change():
    weir = weir_of("more").start()
    weir.config.write_text(weir.config.read_text() + "actors: {responder: 3, ingress: 2}\n")
    reload(weir)
    check(sorted(generations(weir)) == sorted(["limiter/0", "classifier/0", "drainer/0", "responder/0", "responder/1",
                                               "responder/2", "ingress/0", "ingress/1"]), f"{generations(weir)}")
    for n in range(20):
        check(weir.post(ticket(n), path="/single")[0] == 202, "accepted")
    weir.wait_empty(10)
    change(weir, "actors: {responder: 3, ingress: 2}", "")
    reload(weir)
    wait_until(lambda: not retirees(weir), 10, "who is too many has ended")
    check(len(weir.actors()) == 5 and weir.post(ticket(99), path="/single")[0] == 202, "five again, and they work")
    end(weir)


@test
def a_drain_goes_on_over_a_reload():
    weir = weir_of("drain").start()
    check(weirctl(weir, "drain", "--why", "a test")[0] == 0, "draining")
    change(weir, "slots: 64", "slots: 65")
    reload(weir)
    wait_until(lambda: weir.queue()["mode"] == "draining", 5, "it still drains")
    wait_until(lambda: weir.post(ticket(1))[0] == 503, 5, "and takes nothing")
    check(weirctl(weir, "undrain")[0] == 0 and weir.post(ticket(2))[0] == 202, "until told otherwise")
    end(weir)


# ---- what is refused, and what is rolled back ---------------------------------------------------------------------

@test
def a_wrong_configuration_changes_nothing_and_says_where():
    weir = weir_of("wrong").start()
    before, text = generations(weir), weir.config.read_text()
    weir.config.write_text(text.replace("slots: 64", "slots: many").replace("attempts: 50", "attempt: 50"))
    said = reload(weir, 78)
    places = re.findall(rf"{re.escape(str(weir.config))}:\d+:\d+: ", said)
    check(len(places) >= 2, f"every error with its place: {said}")
    weir.config.write_text(text.replace("http: {listen: [\"127.0.0.1:", "http: {listen: [\"127.0.0.2:"))
    said = reload(weir, 78)
    check("http.listen" in said and "restart" in said, f"what needs a restart is named: {said}")
    weir.config.write_text(text.replace("auth: none-on-loopback", "auth: bearer, secret: nowhere"))
    check("nowhere" in reload(weir, 78), "a secret that is not there is named")
    check(generations(weir) == before and weir.get("/readyz")[0] == 200, "nothing has changed")
    check("reload refused" in weir.program.text(), "the journal says so")
    end(weir)


@test
def a_successor_that_ends_at_once_rolls_all_back():
    weir = weir_of("crash", "--latency-ms", "5..300", config=None)
    weir.env = {"WEIR_CRASH_AT": "carry.standby"}
    weir.start()
    before = generations(weir)
    senders = Senders(weir)
    for slots in (65, 66, 67):
        change(weir, f"slots: {slots - 1}", f"slots: {slots}")
        said = reload(weir, 75)
        check("rolled back" in said and "did not become ready: exit (signal 9)" in said, said)
    check(weirctl(weir, "actors", "restart", "responder")[0] == 75, "so does the restart of one")
    check(generations(weir) == before and not weir.actors("successor"), "the old ones go on")
    accepted = senders.end()
    weir.wait_empty(20)
    weir.stop()
    weir.sandbox.end()
    check(check_calls(weir, accepted) == 0, "and no call was made again")
    weir.remove()


@test
def a_limiter_that_does_not_start_is_rolled_back():
    weir = weir_of("limiter").start()
    check(weir.post(ticket(1))[0] == 202, "accepted")
    weir.wait_empty(10)

    def rolls_back(slots):
        """The new limiter is killed as soon as there is one; False: it was ready before that."""
        before = generations(weir)
        change(weir, f"slots: {slots - 1}", f"slots: {slots}")
        said = []
        asking = threading.Thread(target=lambda: said.append(weirctl(weir, "reload")))
        asking.start()
        wait_until(lambda: generations(weir)["limiter/0"] != before["limiter/0"], 10, "the new limiter starts")
        weir.kill("limiter")
        asking.join(60)
        if said[0][0] == 0:
            return False
        check(said[0][0] == 75 and "the new limiter did not become ready: exit (signal 9)" in said[0][2], f"{said}")
        weir.wait_ready(10)
        after = generations(weir)
        check({n for n in after if after[n] != before[n]} == {"limiter/0"}, f"the others go on: {after}")
        return True

    check(any(rolls_back(slots) for slots in range(65, 70)), "killed in time at least once")
    check(weir.post(ticket(2))[0] == 202, "work is taken")
    weir.wait_empty(10, "and done, by the old ones with the old limiter")
    end(weir)


# ---- in the middle of it ------------------------------------------------------------------------------------------

@test
def whoever_is_killed_in_the_middle_nothing_is_lost():
    weir = weir_of("killed", "--latency-ms", "5..100").start()
    accepted, slots = [], 64
    for kind in ["limiter", "responder", "ingress", "classifier", "drainer", "supervisor"] * 2:
        accepted += [weir.post(ticket(f"{kind}-{slots}-{n}"), path="/single")[2]["id"] for n in range(20)]
        change(weir, f"slots: {slots}", f"slots: {slots + 1}")
        slots += 1
        asking = threading.Thread(target=weirctl, args=(weir, "reload"))
        asking.start()
        with contextlib.suppress(OSError, ValueError):
            wait_until(lambda: weir.actors("successor"), 5, "it has begun")
        if kind == "supervisor":
            weir.program.strike(signal.SIGKILL)
            weir.program.end(signal.SIGKILL)
            weir.start(ready=False)
        else:
            weir.kill(kind)
        asking.join(60)
        weir.wait_ready(20)
    weir.wait_empty(30)
    weir.stop()
    weir.sandbox.end()
    print(f"   {check_calls(weir, accepted)} calls again, all marked", flush=True)
    weir.remove()


@test
def one_at_a_time_and_a_signal_is_not_forgotten():
    weir = weir_of("two").start()
    change(weir, "slots: 64", "slots: 65")
    codes = []
    askers = [threading.Thread(target=lambda: codes.append(weirctl(weir, "reload"))) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    check(sum(c[0] == 0 for c in codes) >= 1 and all(c[0] == 0 or "already" in c[2] for c in codes), f"{codes}")
    before = generations(weir)
    for slots in (66, 67):
        change(weir, f"slots: {slots - 1}", f"slots: {slots}")
        weir.program.strike(signal.SIGHUP)
        with contextlib.suppress(OSError, ValueError):
            wait_until(lambda: weir.actors("successor"), 2, "it has begun")
    wait_until(lambda: "limits.writes.slots: 66 -> 67 (SIGHUP)" in weir.program.text() or
               "limits.writes.slots: 65 -> 67 (SIGHUP)" in weir.program.text(), 10, "the last one is in force")
    wait_until(lambda: generations(weir)["limiter/0"] != before["limiter/0"], 5, "by new actors")
    end(weir)


@test
def a_stop_in_the_middle_of_a_reload_is_orderly():
    weir = weir_of("stopped").start()
    check(weir.post(ticket(1))[0] == 202, "accepted")
    change(weir, "slots: 64", "slots: 65")
    asked = []
    asking = threading.Thread(target=lambda: asked.append(weirctl(weir, "reload")))
    asking.start()
    with contextlib.suppress(OSError, ValueError):
        wait_until(lambda: weir.actors("successor"), 2, "it has begun")
    weir.stop()
    asking.join(60)
    check(asked[0][0] in (0, 75), f"who asked was told: {asked}")
    weir.sandbox.end()
    weir.remove()


main()
