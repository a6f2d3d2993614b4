#!/usr/bin/env python3
"""Every kind of limit, side by side in one Weir, under 64 senders: the sandbox's own record shows that none was ever
exceeded, in any window, through kills of limiter and responder, an orderly restart and a wall clock that jumps by an
hour each way; and that each is used to 97 % (95 % for spacing) while nobody disturbs it."""
import collections
import json
import os
import signal
import stat
import struct
import time
from pathlib import Path

from weir import BUILD, Sandbox, Weir, check, load, load_result, main, test, wait_until

SLOW_S, HALF_S = 1.8, 0.9  # a call, a call of two
LONG_S = 5.4  # a call under the limit that refuses: its slot stays empty for two commits and the next sender's way
WITHIN_S = 0.2  # start_within of a window and a cap, which count it in
# A bucket and a spacing are exact when a call is given out. The far side sees it up to start_within later, for after that
# the responder does not send it, and a little more: the responder's time between its look at the clock and its write.
SHARP_S, WRITE_S = 0.1, 0.05
BUCKET, BURST, SPACING = 10, 40, 4  # a second; at once; a second
CAP_EACH, CAP_HOURS = 100, 5
UNDISTURBED = (3, 17)  # seconds after the senders began
CONFIG = """
http: {{listen: ["127.0.0.1:{port}"], connections: 1024}}
store: {{reserve_mb: 1, low_mb: 4}}
supervisor: {{restart_min_ms: 20, restart_max_ms: 50, burst: 1000, hang_ms: 0, drain_ms: 5000}}
log: {{journal: false, level: notice}}
sources: {{desk: {{auth: none-on-loopback, sender_retries: true}}}}
downstreams: {{{downstreams}}}
limits:
  slots: {{slots: 96}}
  labels: {{slots: 1, per: [lang], overrides: {{big: 72, small: 12, "x-*": 24, default: 36}}}}
  share: {{slots: 120, max_share_percent: 25, share_by: lang}}
  bucket: {{rate: {{count: {bucket}, per_ms: 1000, burst: {burst}}}}}
  spacing: {{rate: {{count: {spacing}, per_ms: 1000, shape: spacing}}}}
  window: {{rate: {{count: 160, per_ms: 4000, shape: window}}}}
  cap: {{cap: {{count: {cap}, each: hour}}}}
  job: {{slots: 72}}
  reject: {{slots: 144, at_limit: reject}}
  far: {{slots: 72}}
  strict: {{slots: 36, strict: true}}
routes: {{{routes}}}
"""
# kind: (what is under it: {{load: (messages, a second, connections, label)}})
LOADS = {
    "slots": {"slots": (2100, 160, 6, "a")},
    "labels": {"labels-big": (1600, 120, 3, "big"), "labels-small": (270, 40, 2, "small"),
               "labels-x": (540, 60, 2, "x-1"), "labels-other": (800, 80, 2, "other")},
    "share": {"share-one": (1300, 100, 3, "one"), "share-rest": (1700, 120, 3, "${key}")},
    "bucket": {"bucket": (450, 60, 4, "a")},
    "spacing": {"spacing": (160, 50, 2, "a")},
    "window": {"window": (1600, 150, 6, "a")},
    "cap": {"cap": (CAP_EACH * CAP_HOURS, 80, 4, "a")},
    "job": {"job": (1600, 120, 6, "a")},
    "reject": {"reject": (6000, 150, 8, "a")},
    "far": {"far-one": (800, 60, 2, "a"), "far-two": (800, 60, 2, "a")},
    "strict": {"strict": (800, 60, 6, "a")},
}
SLOTS = {"slots": 96, "labels/big": 72, "labels/small": 12, "labels/x-1": 24, "labels/other": 36, "share": 120, "job": 72,
         "reject": 144, "far": 72, "strict": 36,
         "share/one": 30, **{f"share/k{n}": 30 for n in range(5)}}


def step(kind, name, path, limits=True, within=5000):
    held = f"limits: [{kind}], " if limits else ""
    return (f"{{name: {name}, {held}attempts: 1000, backoff_base_ms: 20, backoff_cap_ms: 200, start_within_ms: {within}, "
            f"call: {{downstream: {kind}, path: \"{path}\"}}}}")


def route(kind, name):
    call = f"/slow/{kind}/${{/labels/lang}}/${{/message/id}}"
    steps, held = [step(kind, "call", call)], ""
    if kind == "reject":
        steps, held = [step(kind, "call", call.replace("/slow/", "/long/"), limits=False)], "limits: [reject], "
    elif kind == "job":
        half = call.replace("/slow/", "/half/")
        steps, held = [step(kind, n, half + "/" + n, limits=False) for n in ("first", "second")], "limits: [job], "
    elif kind == "far":
        steps = [step(kind, "call", call, limits=False)]
    elif kind in ("bucket", "spacing", "window", "cap"):
        within = SHARP_S if kind in ("bucket", "spacing") else WITHIN_S
        steps = [step(kind, "call", call.replace("/slow/", "/fast/"), within=int(within * 1000))]
    return (f"{name}: {{path: /{name}, source: desk, id: /message/id, labels: {{lang: /message/lang}}, {held}"
            f"steps: [{', '.join(steps)}]}}")


def config(sandbox):
    def downstream(kind):
        limits = "limits: [far], " if kind == "far" else ""
        return (f"{kind}: {{url: \"http://127.0.0.1:{sandbox}\", connections: 160, total_ms: 8000, idempotent: true, {limits}"
                "allow_private: true, breaker: {percent: 0, consecutive: 0}}")

    def doubled(text):
        return text.replace("{", "{{").replace("}", "}}")
    routes = ", ".join(route(kind, name) for kind, loads in LOADS.items() for name in
                       (loads if kind == "far" else [kind]))
    text = CONFIG.replace("{downstreams}", doubled(", ".join(map(downstream, LOADS)))).replace("{routes}", doubled(routes))
    for name, number in (("cap", CAP_EACH), ("bucket", BUCKET), ("burst", BURST), ("spacing", SPACING)):
        text = text.replace("{%s}" % name, str(number))
    return text


class WallClock:
    """The limiter's alone, and what it says: an hour begins some seconds after the start."""

    def __init__(self, folder):
        self.path = Path(folder) / "wall"
        self.path.write_bytes(bytes(8))
        self.file = open(self.path, "r+b", buffering=0)
        self.zero = (3600 - 25 - time.time() % 3600) * 1e6
        self.highest = 0
        self.set(0)

    def set(self, hours):
        os.pwrite(self.file.fileno(), struct.pack("q", int(self.zero + hours * 3600e6)), 0)
        self.hours, self.first = hours, getattr(self, "first", self.hour())

    def hour(self):
        return int((time.time() + struct.unpack("q", os.pread(self.file.fileno(), 8, 0))[0] / 1e6) // 3600)

    def begun(self):
        """How many hours have begun so far, by the latest that it ever said."""
        self.highest = max(self.highest, self.hour())
        return self.highest - self.first + 1

    def actors(self, folder):
        made = Path(folder) / "libexec"
        made.mkdir()
        for program in BUILD.glob("weir-*"):
            (made / program.name).symlink_to(program)
        limiter = made / "weir-limiter"
        limiter.unlink()
        limiter.write_text(f"#!/bin/sh\nLD_PRELOAD={BUILD}/tests/wall_clock.so WALL_CLOCK={self.path} exec {BUILD}/weir-limiter \"$@\"\n")
        limiter.chmod(limiter.stat().st_mode | stat.S_IXUSR)
        return {"WEIR_LIBEXEC": str(made)}


class Call:
    """One request as the sandbox saw it: came (the kernel had its first bytes), seen, until (answered, or its client
    went away)."""

    def __init__(self, line, end):
        _, _, self.kind, self.value, self.message, *rest = line["path"].split("/")
        self.step = rest[0] if rest else ""
        self.came, self.seen, self.until = line["at_us"] / 1e6, end["seen_us"] / 1e6, end["until_us"] / 1e6
        self.answered = end["answered"]


def calls_of(sandbox):
    with open(sandbox.ends_path) as file:
        ends = {end["n"]: end for end in map(json.loads, file)}
    lines = sandbox.seen()
    check(len(lines) == len(ends), f"each request has its end: {len(lines)} and {len(ends)}")
    return [Call(line, ends[line["n"]]) for line in lines]


def stretches(kind, calls):
    """When its slot was taken, by what the far side can know."""
    if kind == "strict":  # the far side works on though the client died
        return [(c.seen, c.until if c.answered else max(c.until, c.seen + SLOW_S)) for c in calls]
    if kind != "job":
        return [(c.seen, c.until) for c in calls]
    found, of = [], collections.defaultdict(list)
    for call in sorted(calls, key=lambda c: c.seen):
        of[call.message].append(call)
    for steps in of.values():  # from the first step to the second; whoever died gave its slot back meanwhile
        for this, following in zip(steps, steps[1:] + [None]):
            on = following and this.answered and this.step == "first" and following.step == "second"
            found.append((this.seen, following.seen if on else this.until))
    return found


def most_at_once(spans):
    now = most = 0
    for _, more in sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans]):
        now += more
        most = max(most, now)
    return most


def used(spans, begin, end, slots):
    return sum(max(0.0, min(b, end) - max(a, begin)) for a, b in spans) / (slots * (end - begin))


def most_over(came, rate):
    """max over all i <= j of: calls from i to j - rate * (their time). At most the burst, for a bucket."""
    most, least = 0, float("inf")
    for n, at in enumerate(sorted(came)):
        least = min(least, n - rate * at)
        most = max(most, n + 1 - rate * at - least)
    return most


def most_in_window(came, period):
    came, first, most = sorted(came), 0, 0
    for n, at in enumerate(came):
        while came[first] <= at - period:
            first += 1
        most = max(most, n - first + 1)
    return most


def paced(came, begin, end, at_once, takes_s):
    """How much of a pace was used: so many at once take so long, from the first call on."""
    inside = sorted(at for at in came if begin <= at < end)
    whole = (len(inside) - 1) // at_once * at_once
    check(whole > 0, "there are enough calls to measure")
    return whole / at_once * takes_s / (inside[whole] - inside[0])


def judge(calls, began):
    """Rows of (what, calls, found, allowed, used in the undisturbed stretch, wanted of it)."""
    begin, end = (began + s for s in UNDISTURBED)
    by = collections.defaultdict(list)
    for call in calls:
        by[call.kind].append(call)
        by[f"{call.kind}/{call.value}"].append(call)
    rows = []
    for name, slots in SLOTS.items():
        kind = name.split("/")[0]
        spans = stretches(kind, by[name])
        share = name.startswith("share/k")  # five that share what the one leaves
        rows.append((name, len(by[name]), most_at_once(spans), slots, used(spans, begin, end, slots), 0 if share else 0.97))
    came = {kind: [c.came for c in by[kind]] for kind in ("bucket", "spacing", "window")}
    late = SHARP_S + WRITE_S
    rows.append(("bucket", len(came["bucket"]), most_over(came["bucket"], BUCKET), BURST + BUCKET * late,
                 paced(came["bucket"], begin, end, 1, 1 / BUCKET), 0.97))
    rows.append(("spacing", len(came["spacing"]), most_over(came["spacing"], SPACING), 1 + SPACING * late,
                 paced(came["spacing"], begin, end, 1, 1 / SPACING), 0.95))
    rows.append(("window", len(came["window"]), most_in_window(came["window"], 4.0), 160,
                 paced(came["window"], begin, end, 160, 4.08), 0.97))
    return rows


def disturb(weir, clock, cap):
    """Kills, a restart, clock steps; the cap is followed meanwhile."""
    def pause(seconds):
        until = time.monotonic() + seconds
        wait_until(lambda: cap() or time.monotonic() > until, seconds + 5, "time passes")
    pause(UNDISTURBED[1])
    check(clock.begun() == 1, "the first hour is still on")
    for kind in ("limiter", "responder"):
        check(weir.kill(kind, signal.SIGKILL), f"{kind} is killed")
        pause(3)
    weir.stop()
    weir.start()
    pause(5)
    check(clock.begun() == 2, "the second hour began by itself")
    for hours in (1, -1, 0):
        clock.set(hours)
        pause(2)
        weir.kill("limiter" if hours else "responder", signal.SIGKILL)
        pause(2)


@test
def no_limit_is_ever_exceeded_and_each_is_used():
    weir = Weir("exact")
    sandbox = Sandbox(weir.folder, "--latency-ms", "5..15", "--ends", weir.folder / "ends.jsonl")
    sandbox.ends_path = weir.folder / "ends.jsonl"
    sandbox.script(path="/slow/*", do="slow", ms=int(SLOW_S * 1000) - 10)
    sandbox.script(path="/long/*", do="slow", ms=int(LONG_S * 1000) - 10)
    sandbox.script(path="/half/*", do="slow", ms=int(HALF_S * 1000) - 10)
    weir.config.write_text(config(sandbox.port).format(port=weir.port))
    clock = WallClock(weir.folder)
    weir.env = clock.actors(weir.folder)
    weir.start()
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    loads = {}
    for kind, parts in LOADS.items():
        for name, (count, rate, connections, label) in parts.items():
            more = ["--resend"] if kind != "reject" else []
            path = name if kind == "far" else kind
            loads[name] = load(weir.folder, weir.port, "--count", count, "--rate", rate, "--connections", connections,
                               "--keys", 5, "--prefix", name, "--body", '{"id":"${id}","lang":"%s"}' % label, *more,
                               path=f"/{path}", name=f"load-{name}")

    def cap():
        begun = clock.begun()  # before what was counted by then
        count = sum(1 for line in sandbox.seen() if line["path"].startswith("/fast/cap/"))
        check(count <= CAP_EACH * clock.begun(), f"{count} calls in {begun} hours of {CAP_EACH}")
        cap.count = count

    disturb(weir, clock, cap)
    results = {name: load_result(program, 30) for name, program in loads.items()}
    for name, result in results.items():
        check(name == "reject" or result["unacknowledged"] == 0, f"{name}: all is acknowledged: {result}")
    capped = CAP_EACH * CAP_HOURS
    wait_until(lambda: weir.queue()["queued"] + weir.queue()["assigned"] <= capped, 60, "all but the capped are done")
    while clock.begun() < CAP_HOURS:
        wait_until(lambda: cap() or cap.count == CAP_EACH * clock.begun(), 10, "each hour's cap is used, and not more")
        clock.set(clock.hours + 1)
    weir.wait_empty(30)
    check(weir.metric("weir_wakeups_repaired_total") == 0, "no wake-up was repaired")
    weir.stop()
    sandbox.end()
    calls = calls_of(sandbox)
    rows = judge(calls, began)
    caps = sum(c.kind == "cap" for c in calls)
    print(f"{'limit':14} {'calls':>6} {'most':>7} {'allowed':>7} {'used':>7}")
    for name, count, found, allowed, part, _ in rows:
        print(f"{name:14} {count:6} {found:7.1f} {allowed:7.1f} {100 * part:6.1f}%")
    print(f"{'cap':14} {caps:6} {caps:7.1f} {CAP_EACH * CAP_HOURS:7.1f}  in {clock.begun()} hours")
    print(f"{len(calls)} calls, {results['reject']['refused']} refused at the door, "
          f"{sum(not c.answered for c in calls)} whose client died", flush=True)
    for name, count, found, allowed, part, wanted in rows:
        check(found <= allowed + 1e-3, f"{name}: {found} where {allowed} are allowed")
        check(part >= wanted, f"{name}: {100 * part:.1f} % of the allowance is used, {100 * wanted:.0f} are wanted")
    check(set(results["reject"]["refused"]) <= {"429", "503"}, f"the door refuses with 429: {results['reject']}")
    weir.remove()


main()
