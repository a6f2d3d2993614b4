#!/usr/bin/env python3
"""The one-call job of ../shared/bench: a POST of 1 KiB, answered when it is durable, then one POST of it to a sink, then
its durable completion. Weir with per-key order on, and RabbitMQ, alternating in one run; medians and ratios in a JSON
file. Without ../shared/bench only Weir is measured, with weir-load and weir-sandbox.

  tests/bench/bench.py --out build/bench.json [--rounds 3] [--seconds 5] [--quick]
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "proc"))
from weir import BUILD, ROOT, Program, Sandbox, Weir, end_all, free_port, load, load_result, memory_kb, wait_until  # noqa: E402

SHARED = ROOT.parent / "shared/bench"
WORK = ROOT / "build/bench"
CONFIG = """
http: {{listen: ["127.0.0.1:{port}"], connections: 2048, connections_per_client: 1024}}
log: {{journal: false, level: warning}}
sources: {{bench: {{auth: none-on-loopback}}}}
downstreams: {{sink: {{url: "http://127.0.0.1:{sandbox}", connections: 256, idempotent: true, allow_private: true}}}}
routes:
  messages:
    path: /messages
    source: bench
    id: /message/id
    key: /message/key
    steps: [{{name: send, call: {{downstream: sink, path: /s}}}}]
"""


def build_loadsink():
    WORK.mkdir(parents=True, exist_ok=True)
    source, program = SHARED / "common/loadsink.c", WORK / "loadsink"
    if source.exists() and not program.exists():
        subprocess.run(["cc", "-O2", "-w", "-o", program, source], check=True)
    return program if program.exists() else None


def slow_libexec():
    """A directory of the actors in which the limiter's flushes take 2 ms longer."""
    shim, folder = WORK / "slow_sync.so", WORK / "libexec"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", shim, ROOT / "tests/bench/slow_sync.c", "-ldl"],
                   check=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for actor in "ingress classifier responder drainer".split():
        (folder / f"weir-{actor}").symlink_to(BUILD / f"weir-{actor}")
    wrapper = folder / "weir-limiter"
    wrapper.write_text(f'#!/bin/sh\nLD_PRELOAD={shim} exec {BUILD}/weir-limiter "$@"\n')
    wrapper.chmod(0o755)
    return folder, shim


class Leg:
    def __init__(self, name, connections, window, rate=0, slow=False):
        self.name, self.connections, self.window, self.rate, self.slow = name, connections, window, rate, slow


def weir_leg(leg, seconds, loadsink, before_load=None):
    sink = 9100 if loadsink else free_port()
    weir = Weir("bench", sandbox_port=sink, config=CONFIG, env={"WEIR_LIBEXEC": str(slow_libexec()[0])} if leg.slow else {})
    sandbox = None if loadsink else Sandbox(weir.folder, "--keep", "0", port=sink)
    weir.start()
    before = weir.metrics()
    if before_load:
        before_load(weir)
    if loadsink:
        pids = weir.folder / "pids"
        pids.write_text(f"{weir.program.pid}\n")
        command = [loadsink, "-n", "weir", "-u", weir.port, "-s", sink, "-p", pids, "-c", leg.connections, "-w", leg.window,
                   "-W", 2, "-t", seconds, "-K", 1000, "-O", *(["-r", leg.rate] if leg.rate else [])]
        run = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, timeout=seconds + 60)
        result = json.loads(run.stdout.strip().splitlines()[-1])
    else:
        options = ["--seconds", seconds, "--connections", leg.connections, "--keys", 1000, "--resend"]
        said = load_result(load(weir.folder, weir.port, *options, *(["--rate", leg.rate] if leg.rate else []), path="/messages"), seconds + 90)
        result = {"accepted_s": said["rate_acknowledged"], "accept_p50_ms": said["latency_ms"]["p50"],
                  "accept_p99_ms": said["latency_ms"]["p99"]}
    weir.wait_empty(60)
    time.sleep(1.2)  # the metrics are told each second
    after = weir.metrics()

    def grown(name):
        return sum(v - before.get(k, 0) for k, v in after.items() if k.split("{")[0] == name)
    messages = max(1, grown("weir_messages_accepted_total"))
    result["messages"] = messages
    result["commits_per_message"] = round(grown("weir_commits_total") / messages, 4)
    result["changes_per_commit"] = round(grown("weir_commit_changes_total") / max(1, grown("weir_commits_total")), 1)
    result["cpu_us_per_message"] = {
        k.split('"')[1] if '"' in k else k: round((v - before.get(k, 0)) / messages * 1e6, 1)
        for k, v in after.items() if k.startswith("weir_process_cpu_seconds_total")}
    if result.get("delivered_s"):
        result["flushes_per_message"] = round(result["disk_flush_s"] / result["delivered_s"], 4)
    end_all()
    weir.remove()
    return result


def profile(seconds, loadsink):
    """Where each microsecond of a message goes, by process and library, as perf samples it at 64 connections."""
    if not (loadsink and shutil.which("perf")):
        return {"left out": "needs ../shared/bench and perf"}
    data, samplers = WORK / "perf.data", []

    def sample(weir):
        pids = ",".join(str(pid) for pid in weir.pids().values())
        samplers.append(subprocess.Popen(["perf", "record", "-q", "-F", "499", "-o", data, "-p", pids, "--", "sleep", str(seconds + 1)],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    result = weir_leg(Leg("profile", 64, 1024), seconds, loadsink, before_load=sample)
    for sampler in samplers:
        sampler.wait(timeout=seconds + 60)
    said = subprocess.run(["perf", "report", "-i", data, "--stdio", "-q", "--sort", "comm,dso", "-g", "none"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    whole = sum(result["cpu_us_per_message"].values())
    rows = {}
    for line in said.splitlines():
        part = re.match(r"\s*([\d.]+)%\s+(\S+)\s+(\S+)", line)
        if part and float(part[1]) >= 0.5:
            rows[f"{part[2]} {part[3]}"] = round(float(part[1]) / 100 * whole, 2)
    return {"cpu_us_per_message": round(whole, 1), "by_process": result["cpu_us_per_message"], "by_process_and_library": rows}


def rabbit_leg(leg, seconds):
    env = {**os.environ, "WEIR_BENCH_DIR": str(WORK / "peers")}
    if leg.slow:
        env["LD_PRELOAD"] = str(slow_libexec()[1])
    command = [SHARED / "peer", "rabbitmq", "", "-c", leg.connections, "-w", leg.window, "-W", 2, "-t", seconds, "-K", 1000, "-O",
               *(["-r", leg.rate] if leg.rate else [])]
    run = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=180)
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"error": (run.stderr or run.stdout)[-300:]}


def start_times(count):
    """exec of the supervisor to READY of all, in milliseconds, as its own log says."""
    found = []
    for _ in range(count):
        weir = Weir("ready", config=CONFIG.replace("level: warning", "level: notice"))
        weir.start()
        found.append(int(re.search(r"ready after (\d+) ms", weir.program.text()).group(1)))
        end_all()
        weir.remove()
    return found


def median_of(results):
    """The median of every number over the rounds."""
    good = [r for r in results if "error" not in r]
    return {k: round(statistics.median(r[k] for r in good), 4) for k, v in (good[0] if good else {}).items()
            if isinstance(v, (int, float)) and all(k in r for r in good)}


def ratios(weir, peer):
    out = {}
    for name, key in (("throughput", "delivered_s"), ("cpu", "peer_cpu_s_per_1000"), ("memory", "peer_rss_mb"),
                      ("accept_p99", "accept_p99_ms"), ("end_to_end_p99", "e2e_p99_ms")):
        if weir.get(key) and peer.get(key):
            out[name] = round(weir[key] / peer[key], 3)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="build/bench.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of 3 s, to see that it works")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 3
    loadsink = build_loadsink()
    peer = loadsink is not None and (SHARED / "peer").exists()
    legs = [Leg("capacity_64", 64, 1024), Leg("capacity_256", 256, 2048), Leg("open_loop_1000", 64, 0, rate=1000),
            Leg("slow_flush_64", 64, 1024, slow=True), Leg("slow_flush_256", 256, 2048, slow=True)]
    report = {"job": "one-call, 1 KiB, order by key (1000 keys)", "loadsink": loadsink is not None, "legs": {}}
    for leg in legs:
        rounds = {"weir": [], "rabbitmq": []}
        for _ in range(options.rounds):
            rounds["weir"].append(weir_leg(leg, options.seconds, loadsink))
            if peer:
                rounds["rabbitmq"].append(rabbit_leg(leg, options.seconds))
        entry = {name: {"median": median_of(found), "rounds": found} for name, found in rounds.items() if found}
        if peer:
            entry["ratio"] = ratios(entry["weir"]["median"], entry["rabbitmq"]["median"])
        report["legs"][leg.name] = entry
        print(leg.name, json.dumps({n: e if n == "ratio" else e["median"] for n, e in entry.items()}), flush=True)
        ROOT.joinpath(options.out).write_text(json.dumps(report, indent=1) + "\n")
    report["profile"] = profile(options.seconds, loadsink)
    print("profile", json.dumps(report["profile"]), flush=True)
    found = start_times(5)
    report["exec_to_ready_ms"] = {"median": statistics.median(found), "all": found}
    ROOT.joinpath(options.out).write_text(json.dumps(report, indent=1) + "\n")
    print("exec_to_ready_ms", json.dumps(report["exec_to_ready_ms"]))
    # loadsink's "reorder" compares with the order of sending; two messages of one key that are on the wire at the same
    # time may be accepted the other way round, so it is told, not judged (tests/proc judges by the order of acceptance).
    wrong = [n for n, e in report["legs"].items() if any(r.get("undelivered") for r in e["weir"]["rounds"])]
    print(f"not ok bench: accepted and not delivered in {wrong}" if wrong else "ok bench")
    sys.exit(1 if wrong else 0)


main()
