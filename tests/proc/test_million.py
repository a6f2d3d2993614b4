#!/usr/bin/env python3
"""A million queued messages: accepting within 2 s of the start, memory as designed (200 bytes a message, 24 a dedup id,
100 a key, and what a limiter needs anyhow)."""
import os
import subprocess
import time

from weir import BUILD, check, main, memory_kb, test, ticket, wait_until, with_sandbox

COUNT = int(os.environ.get("WEIR_MILLION", "1000000"))
KEYS = COUNT // 10
ABOUT = 1.2  # the design says "about"; the printed figure is the measure
BASE_KB = 48 * 1024  # a limiter with an empty queue and SQLite's page cache


@test
def a_million_queued_messages_do_not_delay_the_door():
    weir, sandbox = with_sandbox("million", "--latency-ms", "1000", "--keep", "10", store="commit_pause_us: 1000",
                                 queue=f"messages_max: {2 * COUNT}, cache_bytes: 0", slots=4)
    began = time.monotonic()
    subprocess.run([BUILD / "tests/queue_fill", weir.state, str(COUNT), str(KEYS), "200"], check=True, timeout=120)
    print(f"{COUNT} messages of {KEYS} keys put into the store in {time.monotonic() - began:.1f} s", flush=True)
    began = time.monotonic()
    weir.start(ready=False)
    wait_until(lambda: weir.post(ticket("new"), path="/single", timeout=5)[0] == 202, 20, "a new message is accepted")
    accepting = time.monotonic() - began
    wait_until(lambda: not weir.queue()["loading"], 60, "all are loaded")
    loaded = time.monotonic() - began
    queue = weir.queue()
    check(queue["queued"] + queue["assigned"] + queue["done"] >= COUNT, f"all are there: {queue}")
    kb = memory_kb(weir.pid("limiter"))
    allowed = BASE_KB + int(ABOUT * (COUNT * 200 + COUNT * 24 + KEYS * 100)) // 1024
    print(f"accepting after {accepting:.2f} s, all loaded after {loaded:.2f} s; limiter {kb // 1024} MiB, "
          f"{kb * 1024 // COUNT} bytes a message all in all; by the design at most {allowed // 1024} MiB", flush=True)
    check(accepting <= 2.0, f"accepting after {accepting:.2f} s, 2 s are allowed")
    check(kb <= allowed, f"the limiter uses {kb} KiB, {allowed} KiB are allowed")
    wait_until(lambda: sandbox.summary()["effects"] > 4, 20, "work goes on")
    weir.program.end()
    weir.remove()


main()
