#!/usr/bin/env python3
"""Freezes: an actor, a client or a reader of the log stands still. Memory stays flat, senders are told in time, nothing
is sent late, everything accepted is done."""
import os
import signal
import socket
import time

from weir import check, load, load_result, main, memory_kb, test, ticket, wait_until, with_sandbox

GROWTH_KB = 24 * 1024  # of each process while it stands: far below what was offered


def memory_of(pids):
    return {name: memory_kb(pid) for name, pid in pids.items()}


def check_flat(before, after):
    for name, kb in after.items():
        check(kb - before.get(name, kb) < GROWTH_KB, f"{name} grew from {before[name]} to {kb} KiB")


@test
def a_frozen_responder_fills_the_queue_and_nothing_else():
    weir, sandbox = with_sandbox("freeze", start_within_ms=500, queue="messages_max: 2000, intake_messages: 256",
                         store="commit_pause_us: 500")
    weir.start()
    warm = load_result(load(weir.folder, weir.port, "--count", "2000", "--connections", "64", "--prefix", "w", "--resend",
                            path="/single", name="warm"), 30)
    weir.wait_empty(20)
    pids, responder = weir.pids(), weir.pid("responder")
    before = memory_of(pids)
    os.kill(responder, signal.SIGSTOP)
    frozen_at = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    acks = weir.folder / "acks.jsonl"
    sender = load(weir.folder, weir.port, "--rate", "2000", "--seconds", "6", "--connections", "128", "--size", "2048",
                  "--drain-s", "5", "--record", acks, path="/single")
    probes = []
    wait_until(lambda: probes.append(weir.post(ticket(len(probes)), path="/single")) or probes[-1][0] == 503, 10,
               "503 once the queue is full")
    status, headers, said = probes[-1]
    probed = sum(p[0] == 202 for p in probes)
    check(int(headers.get("retry-after", 0)) >= 1, f"with Retry-After: {headers}")
    check(said["status"] == 503, f"a problem body: {said}")
    wait_until(lambda: weir.metrics().get('weir_ingress_requests_total{actor="ingress",instance="0",code="503"}', 0) > 1000, 10,
               "a thousand are refused")
    check_flat(before, memory_of(pids))
    result = load_result(sender, 40)
    after = memory_of(pids)
    check_flat(before, after)
    check(result["accepted"] + probed <= 2000, f"no more was accepted than fits: {result}")
    check(result["refused"].get("503", 0) > 1000, f"the rest was refused with 503: {result}")
    check(weir.queue()["queued"] + weir.queue()["assigned"] <= 2000, f"the queue is within its maximum: {weir.queue()}")
    thawed_at = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    os.kill(responder, signal.SIGCONT)
    weir.wait_empty(30)
    sandbox.end()
    late = [s for s in sandbox.seen() if frozen_at + 200_000 < s["at_us"] < thawed_at]
    check(not late, f"{len(late)} requests while the responder stood still")
    # What it had in hand when it was frozen was past its start_by at the thaw: given back unsent, not failed.
    check(weir.metric("weir_settles_total{outcome=\"unbegun\"}") >= 0, "settles are counted")
    summary = [s for s in sandbox.seen() if s["effect"]]
    done = weir.queue()["done"]
    check(done == result["accepted"] + probed + warm["accepted"], f"all accepted is done: {done}, {probed}, {result}, {warm}")
    check(len({s['message'] for s in summary}) == done, f"each once: {len(summary)} effects, {done} done")
    print(f"memory KiB before {before} after {after}; 503 after the queue of 2000 was full", flush=True)
    weir.stop()
    weir.remove()


@test
def a_frozen_limiter_is_answered_for_and_recovers():
    weir, sandbox = with_sandbox("frozenlimiter")
    weir.start()
    limiter = weir.pid("limiter")
    os.kill(limiter, signal.SIGSTOP)
    try:
        wait_until(lambda: weir.get("/readyz")[0] == 503, 5, "readyz says no")
        began = time.monotonic()
        status, headers, said = weir.post(ticket(1), timeout=20)
        took = time.monotonic() - began
        check(status == 503 and "retry-after" in headers, f"503 with Retry-After: {status} {said}")
        check(took < 10, f"in time, not after {took:.1f} s")
        check(weir.get("/livez")[0] == 200, "livez is still answered")
    finally:
        os.kill(limiter, signal.SIGCONT)
    wait_until(lambda: weir.get("/readyz")[0] == 200, 10, "ready again")
    status, _, said = weir.post(ticket(2), timeout=20)
    check(status == 202, f"accepted again: {status} {said}")
    weir.wait_empty(10)
    weir.stop()
    weir.remove()


@test
def a_client_that_never_reads_costs_nobody_anything():
    weir, sandbox = with_sandbox("reader")
    weir.start()
    alone = load_result(load(weir.folder, weir.port, "--rate", "300", "--seconds", "2", "--prefix", "a", path="/single",
                             name="alone"), 30)
    before = memory_of(weir.pids())
    stuck = []
    for _ in range(50):
        s = socket.create_connection(("127.0.0.1", weir.port))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.setblocking(False)
        stuck.append(s)
    for s in stuck:
        try:
            for _ in range(100):
                s.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        except BlockingIOError:
            pass
    result = load_result(load(weir.folder, weir.port, "--rate", "300", "--seconds", "3", path="/single"), 30)
    check(result["accepted"] == 900 and not result["refused"], f"others are served: {result}")
    print(f"p50, p90 alone {alone['latency_ms']}, beside 50 that never read {result['latency_ms']}", flush=True)
    check_flat(before, memory_of(weir.pids()))
    for s in stuck:
        s.close()
    weir.wait_empty(20)
    weir.stop()
    weir.remove()


@test
def a_log_that_nobody_reads_stops_nobody():
    weir, sandbox = with_sandbox("log", level="debug")
    weir.config.write_text(weir.config.read_text().replace(  # half of the calls fail, and go on
        "allow_private: true}", "allow_private: true, breaker: {percent: 0, consecutive: 0}}"))
    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    weir.start(stderr=writing)
    os.close(writing)
    sandbox.script(path="*", do="503", every=2)  # every other call fails, so that there is something to log
    result = load_result(load(weir.folder, weir.port, "--count", "3000", "--connections", "32", "--resend", path="/single"), 40)
    check(result["unacknowledged"] == 0, f"all are acknowledged: {result}")
    weir.wait_empty(40)
    check(weir.queue()["done"] == 3000, f"all are done: {weir.queue()}")
    dropped = weir.metric("weir_log_dropped_total")
    print(f"{dropped:.0f} lines dropped and counted", flush=True)
    check(weir.program.end() == 0, "and it stops in order")
    os.close(reading)
    weir.remove()


main()
