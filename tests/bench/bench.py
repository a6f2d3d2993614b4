#!/usr/bin/env python3
"""The one-call job of ../shared/bench: a POST of 1 KiB, answered when it is durable, then one POST of it to a sink, then
its durable completion. Weir with per-key order on, and RabbitMQ, alternating in one run; medians and ratios in a JSON
file. Then admission (admission.py): what limits cost a message, leases over HTTP beside Node and Redis, a free label
beside a long queue. Without ../shared/bench only Weir is measured, with weir-load and weir-sandbox.

  tests/bench/bench.py --out build/bench.json [--rounds 3] [--seconds 5] [--quick] [--only NAME ...]

NAME is a leg, or profile, four_limits, leases, no_blocking or exec_to_ready_ms.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

import admission
from rig import CONFIG, ROOT, SHARED, WORK, Leg, Weir, build_loadsink, end_all, median_of, slow_libexec, weir_leg


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


def ratios(weir, peer):
    out = {}
    for name, key in (("throughput", "delivered_s"), ("cpu", "peer_cpu_s_per_1000"), ("memory", "peer_rss_mb"),
                      ("accept_p99", "accept_p99_ms"), ("end_to_end_p99", "e2e_p99_ms")):
        if weir.get(key) and peer.get(key):
            out[name] = round(weir[key] / peer[key], 3)
    return out


def job_legs(options, loadsink, report, wanted):
    """Both systems alternate within a leg."""
    peer = loadsink is not None and (SHARED / "peer").exists()
    legs = [Leg("capacity_64", 64, 1024), Leg("capacity_256", 256, 2048), Leg("open_loop_1000", 64, 0, rate=1000),
            Leg("slow_flush_64", 64, 1024, slow=True), Leg("slow_flush_256", 256, 2048, slow=True)]
    for leg in filter(lambda leg: wanted(leg.name), legs):
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


def exec_to_ready():
    found = start_times(5)
    return {"median": statistics.median(found), "all": found}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="build/bench.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of 3 s, to see that it works")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these legs and parts")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 3
    loadsink = build_loadsink()
    report = {"job": "one-call, 1 KiB, order by key (1000 keys)", "loadsink": loadsink is not None, "legs": {}}

    def wanted(name):
        return not options.only or name in options.only
    job_legs(options, loadsink, report, wanted)
    parts = {"profile": lambda: profile(options.seconds, loadsink),
             "four_limits": lambda: admission.four_limits(options.rounds, options.seconds, loadsink),
             "leases": lambda: admission.leases(options.rounds, options.seconds),
             "no_blocking": lambda: admission.no_blocking(10000, 100),
             "exec_to_ready_ms": exec_to_ready}
    for name, measure in parts.items():
        if wanted(name):
            report[name] = measure()
            print(name, json.dumps(report[name]), flush=True)
            ROOT.joinpath(options.out).write_text(json.dumps(report, indent=1) + "\n")
    # loadsink's "reorder" compares with the order of sending; two messages of one key that are on the wire at the same
    # time may be accepted the other way round, so it is told, not judged (tests/proc judges by the order of acceptance).
    wrong = [n for n, e in report["legs"].items() if any(r.get("undelivered") for r in e["weir"]["rounds"])]
    print(f"not ok bench: accepted and not delivered in {wrong}" if wrong else "ok bench")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    try:
        main()
    finally:
        end_all()
