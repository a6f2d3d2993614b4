"""Admission measured: what limits cost a message, leases over HTTP beside Node and Redis, a free label beside a queue.

Every figure is from alternating rounds in one run, and every program that is started here is ended here.
"""
import os
import shutil
import statistics
import subprocess
import time

from rig import (CONFIG, ROOT, SHARED, WORK, Leg, Sandbox, Weir, cpu_seconds, end_all, free_port, load, load_result, median_of,
                 weir_leg)
from weir import Program, request, wait_until

# Slots for each key, slots for all, a rate and a job limit, all far above the load: what is left is their cost.
FOUR_LIMITS = """
limits:
  each: {{slots: 64, per: [customer]}}
  all: {{slots: 100000}}
  pace: {{rate: {{count: 10000000, per_ms: 1000}}}}
  jobs: {{slots: 1000000}}
""" + CONFIG.replace("    steps: [{{name: send,", """    labels: {{customer: /message/key}}
    limits: [jobs]
    steps: [{{name: send, limits: [each, all, pace],""")
LEASES = """
http: {{listen: ["127.0.0.1:{port}"], connections: 2048, connections_per_client: 1024}}
log: {{journal: false, level: warning}}
api_keys: {{bench: {{secret: bench, scopes: ["leases:*"]}}}}
sources: {{bench: {{auth: none-on-loopback}}}}
limits:
  all: {{slots: 100, ttl_s: 30}}
  each: {{slots: 2, per: [campaign], ttl_s: 30}}
routes: {{messages: {{path: /messages, source: bench, steps: [{{name: sort, classify: {{rules: [], otherwise: done}}}}]}}}}
"""
LEASE = '{"limits": ["all", "each"], "labels": {"campaign": "${key}"}}'
LANES = """
http: {{listen: ["127.0.0.1:{port}"]}}
log: {{journal: false, level: warning}}
sources: {{bench: {{auth: none-on-loopback}}}}
downstreams: {{sink: {{url: "http://127.0.0.1:{sandbox}", connections: 64, total_ms: 300000, allow_private: true}}}}
limits: {{lane: {{slots: 1, per: [lane]}}}}
routes:
  messages:
    path: /messages
    source: bench
    id: /message/id
    labels: {{lane: /message/lane}}
    steps: [{{name: send, limits: [lane], call: {{downstream: sink, path: "/${{/message/lane}}/${{/message/id}}"}}}}]
"""


# ---- limits on a message

def four_limits(rounds, seconds, loadsink):
    """The one-call job without limits and with four on each message."""
    leg, found = Leg("limits", 64, 1024), {"none": [], "four": []}
    for _ in range(rounds):
        found["none"].append(weir_leg(leg, seconds, loadsink))
        found["four"].append(weir_leg(leg, seconds, loadsink, config=FOUR_LIMITS))
    median = {name: median_of(results) for name, results in found.items()}
    rate = "delivered_s" if loadsink else "accepted_s"
    limiter = {name: statistics.median(r["cpu_us_per_message"]["limiter"] for r in results) for name, results in found.items()}
    return {"target": "at least 0.95", "throughput": round(median["four"][rate] / median["none"][rate], 3),
            "limiter_cpu_us": limiter, "median": median, "rounds": found}


# ---- leases

class Peer:
    """Node and Redis Lua of the shared bench; `redis` are the options that say how durable it is."""

    def __init__(self, *redis):
        self.folder = WORK / "redis"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        nodes = WORK / "peers/node/node_modules"
        self.programs = [Program("redis", ["redis-server", "--port", 6391, "--bind", "127.0.0.1", "--dir", self.folder, *redis],
                                 self.folder),
                         Program("node", [nodes / ".bin/node", SHARED / "peers/admission-redis/app.js"], self.folder,
                                 {"NODE_PATH": str(nodes)})]
        self.port, self.path, self.options = 8080, "/acquire", ["--dialect", "admission"]
        wait_until(lambda: request(8080, "POST", "/release", {"key": "k0", "token": "none"})[0] == 200, 20, "the peer answers")

    def pids(self):
        return [program.pid for program in self.programs]

    def end(self):
        for program in reversed(self.programs):
            program.end()


class LeaseWeir:
    def __init__(self):
        self.weir = Weir("leases", config=LEASES)
        key = self.weir.folder / "credentials/bench"
        key.parent.mkdir(mode=0o700)
        key.touch(mode=0o600)
        key.write_text("k-bench\n")
        self.weir.start()
        self.port, self.path, self.options = self.weir.port, "/v1/leases", ["--bearer", key, "--body", LEASE]

    def pids(self):
        return [self.weir.program.pid, *self.weir.pids().values()]

    def end(self):
        end_all()
        self.weir.remove()


def lease_round(system, connections, seconds):
    def run(for_s):
        program = load(WORK, system.port, "--leases", *system.options, "--connections", connections, "--seconds", for_s,
                       "--keys", 1000, path=system.path)
        return load_result(program, for_s + 60)
    try:
        (WORK / "load.log").unlink(missing_ok=True)
        run(1)  # programs that compile while they run
        before = cpu_seconds(system.pids())
        said = run(seconds)
        requests = said["acquired"] + said["refused"] + said["released"]
        return {"requests_s": said["rate_requests"], "acquired_s": said["rate_acquired"], "refused_s": said["rate_refused"],
                "failed": sum(said["failed"].values()) + said["unacknowledged"],
                "acquire_p50_ms": said["latency_ms"]["p50"], "acquire_p99_ms": said["latency_ms"]["p99"],
                "release_p99_ms": said["release_latency_ms"]["p99"],
                "cpu_s_per_1000": round((cpu_seconds(system.pids()) - before) / requests * 1000, 4)}
    finally:
        system.end()


def leases(rounds, seconds):
    """Durable leases beside Redis without persistence, and with a sync for each write."""
    systems = {"weir": LeaseWeir}
    if (SHARED / "peers/admission-redis/app.js").exists():
        subprocess.run(["bash", "-c", f". {SHARED}/common/env.sh; aptneed redis-server; $B/peers/node/ensure.sh"],
                       env={**os.environ, "WEIR_BENCH_DIR": str(WORK / "peers")}, check=True, stdout=subprocess.DEVNULL)
        systems["redis"] = lambda: Peer("--save", "", "--appendonly", "no")
        systems["redis_always"] = lambda: Peer("--save", "", "--appendonly", "yes", "--appendfsync", "always")
    WORK.mkdir(parents=True, exist_ok=True)
    report = {"target": "requests_s at least 1.0 times redis, 2.0 times redis_always"}
    for connections in (64, 256):
        found = {name: [] for name in systems}
        for _ in range(rounds):
            for name, start in systems.items():
                found[name].append(lease_round(start(), connections, seconds))
        median = {name: median_of(results) for name, results in found.items()}
        report[f"connections_{connections}"] = {
            **{f"ratio_{name}": {key: round(median["weir"][key] / value[key], 3)
                                 for key in ("requests_s", "cpu_s_per_1000", "acquire_p99_ms")}
               for name, value in median.items() if name != "weir"},
            "median": median, "rounds": found}
    return report


# ---- no blocking

def submit_to_call(weir, sandbox, lane, probes):
    """One after the other, in ms: from the submission to the call as the sandbox sees it."""
    sent = {}
    for n in range(probes):
        sent[f"/{lane}/{lane}{n}"] = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        status = weir.post({"id": f"{lane}{n}", "lane": lane}, "/messages")[0]
        if status != 202:
            raise RuntimeError(f"a message on a free label was answered {status}")

    def calls():
        return {line["path"]: line["at_us"] for line in sandbox.seen() if line["path"].startswith(f"/{lane}/")}
    wait_until(lambda: len(calls()) == probes, 60, "the free label's messages are called")
    took = sorted((at - sent[path]) / 1000 for path, at in calls().items())
    return {"p50_ms": round(statistics.median(took), 2), "p99_ms": round(took[int(probes * 0.99) - 1], 2), "max_ms": round(took[-1], 2)}


def no_blocking(parked, probes):
    """With nothing parked, and with that many parked on another value of the same limit."""
    port = free_port()
    weir = Weir("lanes", sandbox_port=port, config=LANES)
    sandbox = Sandbox(weir.folder, port=port)
    sandbox.script(path="/busy/*", do="slow", ms=120000)
    weir.start()
    alone = submit_to_call(weir, sandbox, "alone", probes)
    said = load_result(load(weir.folder, weir.port, "--count", parked, "--prefix", "p", "--resend", "--body",
                            '{"id": "${id}", "lane": "busy"}', path="/messages"), 120)
    wait_until(lambda: weir.queue()["queued"] >= parked - 1, 30, "they are parked")
    beside = submit_to_call(weir, sandbox, "free", probes)
    end_all()
    weir.remove()
    return {"parked": said["accepted"], "messages": probes, "nothing_parked": alone, "beside_the_parked": beside}
