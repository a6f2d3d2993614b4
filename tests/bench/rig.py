"""What the parts of the bench share: the sink, a Weir under the load of the one-call job, medians."""
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "proc"))
from weir import BUILD, ROOT, Sandbox, Weir, end_all, free_port, load, load_result, wait_until  # noqa: E402

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


def metrics_told_anew(weir):
    """The metrics when every process has told its own again, which each does once a second: its CPU time has grown."""
    def cpu(metrics):
        return {name: value for name, value in metrics.items() if name.startswith("weir_process_cpu_seconds_total")}
    before = cpu(weir.metrics())

    def told():
        now = weir.metrics()
        return all(cpu(now).get(name) != value for name, value in before.items()) and now
    return wait_until(told, 10, "every process tells its metrics")


def weir_leg(leg, seconds, loadsink, before_load=None, config=CONFIG):
    sink = 9100 if loadsink else free_port()
    weir = Weir("bench", sandbox_port=sink, config=config, env={"WEIR_LIBEXEC": str(slow_libexec()[0])} if leg.slow else {})
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
    after = metrics_told_anew(weir)

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


def median_of(results):
    """The median of every number over the rounds."""
    good = [r for r in results if "error" not in r]
    return {k: round(statistics.median(r[k] for r in good), 4) for k, v in (good[0] if good else {}).items()
            if isinstance(v, (int, float)) and all(k in r for r in good)}


def cpu_seconds(pids):
    """Of these processes so far."""
    ticks = sum(sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) for pid in pids)
    return ticks / os.sysconf("SC_CLK_TCK")
