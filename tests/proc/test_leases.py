#!/usr/bin/env python3
"""Leases over HTTP, held by real clients: never above the cap, never leaked, whoever dies: a holder, the limiter, the
ingress. What Weir says is in use is compared with a ledger that the test keeps of what it was told."""
import collections
import contextlib
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time

from weir import DESK, ONE_CALL, Weir, check, load, load_result, main, test, wait_until

CAP, TTL_S = 40, 3
LINES = 8  # of each campaign, for LINES_TTL_S each
LINES_TTL_S = 5
KEYS = "api_keys: {{phones: {{secret: phones, scopes: [\"leases:*\"]}}}}\n"
LIMITS = ("limits: {{calls: {{slots: %d, ttl_s: %d, shown: \"sem:campaign:{{campaign}}:concurrency\", per: [campaign]}}, "
          "lines: {{slots: %d, ttl_s: %d, per: [campaign]}}, many: {{slots: 100000, ttl_s: %d}}, "
          % (CAP, TTL_S, LINES, LINES_TTL_S, TTL_S))
STEPS = """
  begin:
    path: /begin
    source: desk
    id: /message/id
    steps: [{{name: take, limits: [few], acquire: {{id: "out-${{/message/call}}"}}}}]
  end:
    path: /end
    source: desk
    id: /message/id
    steps: [{{name: give, release: {{id: "out-${{/message/call}}"}}}}]
"""
CONFIG = (KEYS + DESK + ONE_CALL + STEPS).replace("limits: {{", LIMITS + "few: {{slots: 3, ttl_s: 600}}, ", 1)


def with_leases(name):
    weir = Weir(name, config=CONFIG)
    weir.secret("phones", "k-phones")
    return weir.start()


def by_value(weir, limit):
    """What is in use of each value of its label."""
    return {row["value"]: row["in_use"] for row in weir.queue()["limits"] if row["name"] == limit}


def in_use(weir, limit):
    return sum(by_value(weir, limit).values())


def stored_leases(weir):
    """The ids of all that the store keeps now."""
    with contextlib.closing(sqlite3.connect(f"file:{weir.state / 'weir.db'}?mode=ro", uri=True)) as base:
        return {id.decode() for id, in base.execute("SELECT id FROM lease")}


class Holder:
    """A client with a connection of its own, opened again when it was lost."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def ask(self, method, path, body=None):
        """(status, headers, body); (0, {}, {}) when no answer came."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                    {"X-Api-Key": "k-phones", "Content-Type": "application/json"})
            answer = self.connection.getresponse()
            text = answer.read()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, fields, json.loads(text) if text else {}
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, {}, {}

    def acquire(self, id, limit="calls", **more):
        wanted = {"name": limit, **({"labels": {"campaign": "a"}} if limit == "calls" else {})}
        return self.ask("POST", "/v1/leases", {"id": id, "limits": [wanted], **more})

    def renew(self, id):
        return self.ask("PUT", f"/v1/leases/{id}")

    def release(self, id):
        return self.ask("DELETE", f"/v1/leases/{id}")

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Ledger:
    """What clients were told, each as long as it surely held: from the answer to the release's request."""

    def __init__(self):
        self.lock = threading.Lock()
        self.held, self.most, self.told = set(), 0, collections.Counter()
        self.wrong = []

    def has(self, id):
        with self.lock:
            self.held.add(id)
            self.most = max(self.most, len(self.held))

    def had(self, id):
        with self.lock:
            self.held.discard(id)

    def answered(self, what, status, fields, body):
        with self.lock:
            self.told[f"{what} {status}"] += 1
            if status == 429:
                problem = body.get("code") != "rate_limit_exceeded" or int(fields.get("retry-after", 0)) < 1
                if problem:
                    self.wrong.append((what, status, fields, body))
            elif status >= 500 and body.get("code") not in ("unavailable", "draining"):
                self.wrong.append((what, status, fields, body))


def threads(count, work):
    started = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(count)]
    for thread in started:
        thread.start()
    return started


@test
def sixty_four_acquirers_never_hold_more_than_the_cap_though_limiter_and_ingress_die():
    weir, ledger, stop = with_leases("leases"), Ledger(), threading.Event()
    trouble = threading.Event()
    calm = collections.Counter()

    def work(n):
        holder, chance, turn = Holder(weir.port), random.Random(n), 0
        while not stop.is_set():
            turn += 1
            id = f"c-{n}-{turn}"
            answer = holder.acquire(id)
            while answer[0] in (0, 503) and not stop.is_set():  # the same id again: the same lease
                ledger.answered("acquire", *answer)
                if answer[0] == 503 and not trouble.is_set():
                    calm["503"] += 1
                stop.wait(0.02)
                answer = holder.acquire(id)
            ledger.answered("acquire", *answer)
            if answer[0] in (200, 201):
                ledger.has(id)
                stop.wait(chance.random() * 0.05)  # its call lasts so long
                if chance.random() < 0.2:
                    check(holder.renew(id)[0] in (0, 200, 503), "a lease that is held is renewed")
                ledger.had(id)
            else:
                stop.wait(chance.random() * 0.02)
            while holder.release(id)[0] != 204 and not stop.is_set():
                stop.wait(0.02)
        holder.close()

    def granted(more, when):
        enough = ledger.told["acquire 201"] + more
        wait_until(lambda: ledger.told["acquire 201"] >= enough, 30, f"{more} leases are granted {when}")

    acquirers = threads(64, work)
    granted(2000, "while all is well")
    trouble.set()
    for kind in ("limiter", "ingress", "limiter"):
        check(weir.kill(kind, signal.SIGKILL), f"{kind} is killed")
        weir.wait_ready(10)
        granted(500, f"after the {kind}'s death")
    weir.stop()
    weir.start()
    granted(500, "after a restart")
    stop.set()
    for thread in acquirers:
        thread.join(20)
    print(f"most at once {ledger.most} of {CAP}; {dict(ledger.told)}", flush=True)
    check(not ledger.wrong, f"a full limit is 429 with code and Retry-After, never 5xx: {ledger.wrong[:2]}")
    check(calm["503"] == 0, f"no 5xx while all is well: {calm}")
    check(CAP * 0.8 < ledger.most <= CAP, f"the cap is used and never exceeded: {ledger.most} of {CAP}")
    check(ledger.told["acquire 429"] > 0, f"some were refused: {ledger.told}")
    wait_until(lambda: in_use(weir, "calls") == 0, TTL_S + 5, "nothing is held in the end")
    weir.stop()
    weir.remove()


@test
def what_is_said_twice_is_done_once():
    weir = with_leases("twice")
    holder = Holder(weir.port)
    first, second = holder.acquire("call-1"), holder.acquire("call-1")
    check((first[0], second[0]) == (201, 200), f"the second is the first again: {first} {second}")
    check(first[2]["fence"] == second[2]["fence"] and in_use(weir, "calls") == 1, f"one lease: {second}")
    check(holder.renew("call-1")[0] == 200 and holder.renew("call-1")[0] == 200, "renewed twice")
    check(holder.release("call-1")[0] == 204 and holder.release("call-1")[0] == 204, "released twice")
    check(in_use(weir, "calls") == 0 and holder.renew("call-1")[0] == 404, "and it is gone, once")
    ids = [f"full-{n}" for n in range(CAP)]
    check(all(holder.acquire(id)[0] == 201 for id in ids), "the cap can be had")
    for _ in range(20):
        status, fields, body = holder.acquire("one-more")
        check(status == 429 and body["code"] == "rate_limit_exceeded" and int(fields["retry-after"]) >= 1, f"{status} {body}")
        check(body["shown"] == "sem:campaign:a:concurrency" and body["in_use"] == CAP, f"it says what is full: {body}")
    check(holder.release(ids[0])[0] == 204 and holder.acquire("one-more")[0] == 201, "a released slot is had by another")
    weir.stop()
    weir.remove()


def live(port, name, end):
    """A holder that was forked: it holds for a while, renews, releases, pauses, until it is killed."""
    holder, chance, turn = Holder(port), random.Random(name), 0
    while time.monotonic() < end:
        turn += 1
        id = f"h-{name}-{turn}"
        if holder.acquire(id)[0] in (200, 201):
            for _ in range(chance.randrange(3)):
                time.sleep(chance.random() * 0.3)
                holder.renew(id)
            if chance.random() >= 0.01:  # one release in a hundred is lost
                holder.release(id)
        time.sleep(0.02 + chance.random() * 0.1)
    os._exit(0)


@test
def three_hundred_holders_killed_at_random_moments_leak_nothing():
    weir, chance = with_leases("holders"), random.Random(3)
    end, most, least, alive = time.monotonic() + 90, 0, 0, []

    def begin(name):
        pid = os.fork()
        if pid == 0:
            try:
                live(weir.port, name, end)
            finally:
                os._exit(1)
        alive.append(pid)

    def look():
        nonlocal most, least
        try:
            now = in_use(weir, "calls")
        except (OSError, ValueError):
            return
        most, least = max(most, now), min(least, now)

    killed = 0
    try:
        for name in range(50):
            begin(name)
        while killed < 300:
            check(time.monotonic() < end, f"300 are killed in time: {killed}")
            time.sleep(chance.random() * 0.06)  # at no particular moment
            victim = alive.pop(chance.randrange(len(alive)))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            killed += 1
            begin(50 + killed)
            look()
            if killed in (100, 200):
                weir.kill("limiter" if killed == 100 else "ingress", signal.SIGKILL)
    finally:
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    weir.wait_ready(10)
    print(f"{killed + 50} holders killed; in use from {least} to {most} of {CAP}", flush=True)
    check(0 <= least and 0 < most <= CAP, f"never below zero, never above the cap: {least} to {most}")
    wait_until(lambda: in_use(weir, "calls") == 0, TTL_S + 10, "what the dead held comes back in its time")
    holder = Holder(weir.port)
    check(all(holder.acquire(f"after-{n}")[0] == 201 for n in range(CAP)), "all of the cap can be had again")
    check(holder.acquire("after-all")[0] == 429, "and not more")
    weir.stop()
    weir.remove()


@test
def lost_releases_come_back_and_who_renews_is_never_reclaimed():
    weir, stop, lock = with_leases("lost"), threading.Event(), threading.Lock()
    pace, lost, done, gone = 500 / 16, set(), collections.Counter(), []
    keepers = [f"keep-{n}" for n in range(20)]
    keeper = Holder(weir.port)
    fences = {id: keeper.acquire(id, "many")[2]["fence"] for id in keepers}

    def keep(_):
        while not stop.is_set():
            for id in keepers:
                status, _, body = keeper.renew(id)
                if status not in (0, 200, 503) or (status == 200 and body["fence"] != fences[id]):
                    gone.append((id, status, body))
            stop.wait(TTL_S / 6)

    def work(n):
        holder, chance, turn, began = Holder(weir.port), random.Random(n), 0, time.monotonic()
        while not stop.is_set():
            turn += 1
            stop.wait(max(0, began + turn / pace - time.monotonic()))
            id = f"m-{n}-{turn}"
            while holder.acquire(id, "many")[0] not in (200, 201) and not stop.is_set():
                stop.wait(0.05)
            if chance.random() < 0.01:
                with lock:
                    lost.add(id)
                continue
            while holder.release(id)[0] != 204 and not stop.is_set():
                stop.wait(0.05)
            with lock:
                done["released"] += 1

    def released(more):
        enough = done["released"] + more
        wait_until(lambda: done["released"] >= enough, 30, f"{more} more are released")

    started = threads(16, work) + threads(1, keep)
    for kind in ("limiter", "ingress"):
        released(1000)
        check(weir.kill(kind, signal.SIGKILL), f"{kind} is killed")
    released(1000)
    with lock:
        overdue = set(lost)
    check(overdue, "some releases were lost")
    wait_until(lambda: not overdue & stored_leases(weir), TTL_S + 10, "what was not renewed for its time ends")
    stop.set()
    for thread in started:
        thread.join(20)
    for id in keepers:
        check(keeper.renew(id)[0] == 200, f"{id} is held still")
    print(f"{done['released']} released, {len(lost)} releases lost, {len(keepers)} kept", flush=True)
    check(not gone, f"who renews keeps its lease, and the same: {gone[:3]}")

    def recounted():
        for id in keepers:
            keeper.renew(id)
        return in_use(weir, "many") == len(keepers)
    wait_until(recounted, TTL_S + 10, "in use is what the ledger says")
    weir.stop()
    weir.remove()


@test
def a_minute_of_500_leases_a_second_with_one_release_in_a_hundred_lost_is_counted_right():
    weir = with_leases("minute")
    minute = load(weir.folder, weir.port, "--leases", "--rate", 500, "--seconds", 60, "--lose", 1, "--keys", 10,
                  "--body", '{"limits": ["lines"], "labels": {"campaign": "${key}"}}',
                  "--bearer", weir.folder / "credentials/phones", path="/v1/leases")
    seen = collections.Counter()  # how often so many of one campaign were in use
    while minute.alive():
        with contextlib.suppress(ValueError):
            seen.update(by_value(weir, "lines").values())
        with contextlib.suppress(subprocess.TimeoutExpired):
            minute.process.wait(0.05)
    said = load_result(minute, 1)

    def recounted():
        counted, listed = in_use(weir, "lines"), weir.ctl("slots.ls", limit="lines")["holders"]
        return counted == len(listed) == len(stored_leases(weir)) and counted
    held = wait_until(recounted, LINES_TTL_S, "in use is as many as the limiter lists and the store keeps, and some")
    print(f"{said['acquired']} acquired, {said['refused']} refused, {said['released']} released, {said['lost']} lost; in use "
          f"of a campaign from {min(seen)} to {max(seen)} in {sum(seen.values())} readings; {held} in use at the end", flush=True)
    check(not said["failed"] and not any(said["errors"].values()), f"201, 204 and 429 are all that is answered: {said}")
    check(said["acquired"] == said["released"] + said["lost"] >= 25000, f"500 a second were meant: {said}")
    check(said["lost"] > 150, f"about one in a hundred was lost: {said}")
    check(0 <= min(seen) and max(seen) <= LINES, f"never below zero, never above the cap: {seen}")
    check(said["refused"] > 0, f"and the cap was reached: {said}")
    wait_until(lambda: in_use(weir, "lines") == len(stored_leases(weir)) == 0, LINES_TTL_S + 5, "what was lost comes back")
    wait_until(lambda: weir.metric("weir_leases_reclaimed_total") == said["lost"], 5, "each lost one was reclaimed, no other")
    weir.stop()
    weir.remove()


@test
def a_guard_hears_of_leases_that_are_released_at_another_ingress():
    """One lease at a time, each order on a connection of its own: with two ingresses half of the DELETEs land at the other."""
    weir = Weir("two", config=CONFIG.replace("few: {{", "guarded: {{slots: 1000, guard: 3, ttl_s: 600}}, few: {{") +
                "actors: {{ingress: 2}}\n")
    weir.secret("phones", "k-phones")
    weir.start()

    def alone(*order):
        holder = Holder(weir.port)
        status = holder.ask(*order)[0]
        holder.close()
        return status
    for n in range(60):
        wait_until(lambda: alone("POST", "/v1/leases", {"id": f"g-{n}", "limits": ["guarded"]}) == 201, 5, f"lease {n} is granted")
        check(alone("DELETE", f"/v1/leases/g-{n}") == 204, f"lease {n} is released")
    check(in_use(weir, "guarded") == 0, "none is held")
    weir.stop()
    weir.remove()
    print("two ingresses, a guard of 3: 60 leases, one at a time, none refused for long", flush=True)


@test
def an_ingress_that_is_replaced_in_order_says_first_what_it_granted_alone():
    weir = Weir("alone", config=CONFIG.replace("few: {{", "alone: {{slots: 9, guard: 9, provisional: true, ttl_s: 600}}, few: {{"))
    weir.secret("phones", "k-phones")
    weir.start()
    holder = Holder(weir.port)
    limiter = weir.kill("limiter", signal.SIGSTOP)
    for n in range(3):
        status, _, said = holder.acquire(f"p-{n}", "alone")
        check(status == 201 and said["provisional"], f"granted without the limiter: {status} {said}")
    holder.close()
    check(weir.ctl("actors.restart", name="ingress")["ok"], "the ingress is replaced")
    check("retiring on order" in weir.program.text(), "the older one retires")
    os.kill(limiter, signal.SIGCONT)
    wait_until(lambda: in_use(weir, "alone") == 3, 10, "all three are counted")
    weir.stop()
    weir.remove()


@test
def a_release_that_comes_before_its_acquire_voids_it():
    weir = with_leases("tomb")

    def post(path, id, call):
        status, _, said = weir.post({"id": id, "call": call}, path=path)
        check(status == 202, f"202 is expected: {status} {said}")
        wait_until(lambda: weir.get(f"/v1/messages/{said['id']}")[2].get("state") == "done", 10, f"{path} {id} is done")

    post("/end", "e-1", "one")
    weir.kill("limiter", signal.SIGKILL)  # the tombstone is in the store
    weir.wait_ready(10)
    post("/begin", "b-1", "one")
    check(in_use(weir, "few") == 0, "the call that was over before it began holds nothing")
    post("/begin", "b-2", "two")
    check(in_use(weir, "few") == 1, "another one holds its slot")
    weir.stop()
    weir.start()
    check(in_use(weir, "few") == 1, "also after a restart")
    post("/end", "e-2", "two")
    check(in_use(weir, "few") == 0, "until it is released")
    for n in range(3):
        post("/begin", f"b-{10 + n}", f"x-{n}")
    status, _, waiting = weir.post({"id": "b-20", "call": "waits"}, path="/begin")
    check(status == 202, "the fourth is accepted and waits")
    post("/end", "e-10", "x-0")  # a release waits for no limit
    wait_until(lambda: weir.get(f"/v1/messages/{waiting['id']}")[2]["state"] == "done", 10, "and gets what was released")
    check(in_use(weir, "few") == 3, "three are held")
    weir.stop()
    weir.remove()


@test
def a_bound_that_is_lowered_keeps_the_leases_that_are_held():
    """65,536 is the room above the bound, for slots of calls whose actor died: there are more of them than both."""
    weir, held = Weir("lowered", config=CONFIG.replace("queue: {{", "queue: {{leases_max: 70000, ").replace(
        f"slots: 100000, ttl_s: {TTL_S}", "slots: 100000, ttl_s: 600")), []
    weir.secret("phones", "k-phones")
    weir.start()
    door = http.client.HTTPConnection("127.0.0.1", weir.port, timeout=20)
    while len(held) < 66000:
        door.request("POST", "/v1/leases", json.dumps({"leases": [{"limits": ["many"]}] * 64}),
                     {"Authorization": "Bearer k-phones", "Content-Type": "application/json"})
        held += [lease["id"] for lease in json.loads(door.getresponse().read())["leases"] if lease["status"] == 201]
    door.close()
    weir.config.write_text(weir.config.read_text().replace("leases_max: 70000", "leases_max: 10"))
    check(weir.ctl("reload")["ok"], "the reload is whole")
    wait_until(lambda: in_use(weir, "many") == len(held), 20, "all are held")
    check(weir.ctl("slots.reclaim", id=held[-1], why="one of them")["ok"], "each by its name")
    weir.stop()
    weir.remove()


main()
