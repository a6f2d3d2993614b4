#!/usr/bin/env python3
"""The disk: full, failing to sync, and with flipped bits. Rows R-03, R-04 and R-05 in their first form."""
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from weir import Program, check, id_text, load, load_result, main, request, test, ticket, wait_until, with_sandbox


@test
def a_full_disk_refuses_early_finishes_what_is_in_hand_and_heals_by_itself():
    weir, sandbox = with_sandbox("full", "--latency-ms", "200", store="wal_mb: 4")
    small = weir.folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "weir-test", small], stderr=subprocess.DEVNULL).returncode:
        raise RuntimeError("this test mounts a tmpfs and needs root for it")
    try:
        weir.state = small / "state"
        weir.state.mkdir(mode=0o700)
        weir.secret("ops", "an-operators-key-of-32-characters!")
        weir.config.write_text(weir.config.read_text() + 'api_keys: {ops: {secret: ops, scopes: ["leases:*"]}}\n')
        weir.start()
        lease = lambda method, path="", body=None: request(weir.port, method, "/v1/leases" + path, body, timeout=15,
                                                           headers={"Authorization": "Bearer an-operators-key-of-32-characters!"})
        ids = [weir.post(ticket(n), path="/single")[2]["id"] for n in range(30)]
        for n in range(5):
            check(lease("POST", "", {"id": f"call{n}", "limits": ["writes"]})[0] == 201, "a lease while there is space")
        filler = small / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"\0" * 65536)
            except OSError:
                pass
        status, headers, said = wait_until(
            lambda: (a := weir.post(ticket(1000 + time.monotonic_ns()), path="/single", timeout=15))[0] == 503 and a, 10,
            "503 on a full disk")
        check("retry-after" in headers, f"with Retry-After: {headers}")
        for id in ids:
            wait_until(lambda: weir.get(f"/v1/messages/{id}")[2].get("state") == "done", 20, f"{id} is done on a full disk")
        for n in range(5):
            check(lease("DELETE", f"/call{n}")[0] in (200, 204), "a lease is given back on a full disk")
            check(lease("GET", f"/call{n}")[0] == 404, "and held no longer")
        check(lease("POST", "", {"id": "more", "limits": ["writes"]})[0] == 503, "no new one is granted")
        filler.unlink()
        began = time.monotonic()
        wait_until(lambda: weir.post(ticket(5000), path="/single", timeout=15)[0] in (200, 202), 5, "accepts within 5 s of space")
        print(f"resumed {time.monotonic() - began:.1f} s after there was space", flush=True)
        weir.wait_empty(20)
        weir.stop()
        rows = {id_text(r["id"]): r for r in weir.rows()}
        check(all(rows[i]["state"] == "done" for i in ids), "all are done in the store")
    finally:
        from weir import end_all
        end_all()
        subprocess.run(["umount", "-l", small])
    weir.remove()


def fail_sync(weir, n):
    """Attaches to the limiter: the n-th fdatasync or fsync from now fails with EIO, and every later one."""
    limiter = weir.pid("limiter")
    tracer = Program(f"strace{n}", ["strace", "-f", "-qq", "-p", limiter, "-e", "trace=fdatasync,fsync",
                                    "-e", f"inject=fdatasync,fsync:error=EIO:when={n}+"], weir.folder)
    wait_until(lambda: "TracerPid:\t0" not in Path(f"/proc/{limiter}/status").read_text(), 5, "strace is attached")
    return limiter, tracer


@test
def a_failed_sync_is_the_last_thing_that_life_of_the_store_acknowledges():
    weir, sandbox = with_sandbox("eio", supervisor="jail: off")  # strace turns the call into one with the number -1
    weir.start()
    acked = []
    for n in (1, 2, 3, 7, 20):
        limiter, tracer = fail_sync(weir, n)
        acks = weir.folder / f"acks{n}.jsonl"
        result = load_result(load(weir.folder, weir.port, "--count", "400", "--connections", "8", "--prefix", f"e{n}-",
                                  "--resend", "--resend-ms", "20", "--resend-max-ms", "200", "--record", acks,
                                  "--timeout-ms", "5000", "--drain-s", "30", path="/single", name=f"load{n}"), 60)
        check(result["unacknowledged"] == 0, f"when={n}: all are acknowledged in the end: {result}")
        check(not Path(f"/proc/{limiter}").exists(), f"when={n}: the limiter ended after the failed sync")
        check(result["refused"].get("503", 0) + result["errors"]["timeout"] > 0 or result["resent"] == 0,
              f"when={n}: senders were told: {result}")
        tracer.end()
        weir.wait_ready(15)
        weir.wait_empty(20)
        acked += [line.split('"message":"')[1].split('"')[0] for line in acks.read_text().splitlines()]
    text = weir.program.text()
    check("sync" in text, "the log says that a sync failed")
    weir.stop()
    rows = {id_text(r["id"]): r for r in weir.rows()}
    lost = [a for a in acked if a not in rows]
    check(not lost, f"{len(lost)} of {len(acked)} acknowledged are lost")
    check(all(r["state"] == "done" for r in rows.values()), "all are done")
    check(sandbox.summary()["repeated_unmarked"] == 0, f"no unmarked repetition: {sandbox.summary()}")
    weir.remove()


@test
def flipped_bits_are_reported_and_the_service_goes_on():
    weir, sandbox = with_sandbox("bits")
    weir.start()
    ids = [weir.post(ticket(n, text="m" * 400), path="/single")[2]["id"] for n in range(300)]
    weir.wait_empty(20)
    weir.stop()
    sandbox.script(path="*", do="200")
    path = weir.state / "weir.db"
    data = bytearray(path.read_bytes())
    flipped = 0
    # Bits inside of rows (their texts are easy to find), not of the file's own structure.
    at = data.find(b"m" * 60)
    while at >= 0 and flipped < 20:
        data[at + 20] ^= 0x10
        flipped += 1
        at = data.find(b"m" * 60, at + 6000)
    check(flipped >= 5, f"only {flipped} places were found")
    path.write_bytes(data)
    weir.start()
    status, _, said = weir.post(ticket(9000), path="/single")
    check(status == 202, f"new work is accepted: {status} {said}")
    answers = {i: weir.get(f"/v1/messages/{i}") for i in ids}
    check(all(a[0] in (200, 404, 500) for a in answers.values()), "every question is answered")
    weir.wait_empty(20)
    rows = weir.ctl("ls", most=400)
    check(rows["ok"], f"ls answers: {rows}")
    weir.stop()
    weir.remove()


@test
def damage_to_a_queued_message_is_quarantined_not_sent():
    weir, sandbox = with_sandbox("damage")
    sandbox.script(path="*", do="503", retry_after=2)
    weir.start()
    ids = [weir.post(ticket(n, key=f"k{n}", text="q" * 400), path="/single")[2]["id"] for n in range(40)]
    weir.stop()
    path = weir.state / "weir.db"
    data = bytearray(path.read_bytes())
    at, flipped = data.find(b"q" * 60), 0
    while at >= 0 and flipped < 3:
        data[at + 20] ^= 0x10
        flipped += 1
        at = data.find(b"q" * 60, at + 8000)
    path.write_bytes(data)
    sandbox.no_script()
    weir.start()
    wait_until(lambda: weir.queue()["damaged"] > 0 or weir.queue()["held"] + weir.queue()["dead"] > 0, 20,
               "the damage is reported")
    wait_until(lambda: weir.queue()["done"] >= 40 - flipped, 20, "all others are done")
    check("damage" in weir.program.text().lower(), "the log reports it")
    sandbox.end()
    spoilt = [s for s in sandbox.seen() if s["effect"]]
    check(len({s["message"] for s in spoilt}) <= 40 - flipped, "nothing damaged was sent")
    weir.program.end()
    weir.remove()


main()
