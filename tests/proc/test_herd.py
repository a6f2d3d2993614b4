#!/usr/bin/env python3
"""What waits does no harm: after a Retry-After one call goes and then a few, and ten thousand parked on one label do not
keep one on another from running."""
import time

from weir import check, load, load_result, main, test, wait_until, with_sandbox

QUEUED, RETRY_S, ROUND_S = 5000, 3, 0.4
CONFIG = """
http: {{listen: ["127.0.0.1:{port}"], connections: 1024}}
store: {{reserve_mb: 1, low_mb: 4}}
log: {{journal: false}}
sources: {{desk: {{auth: none-on-loopback, sender_retries: true}}}}
downstreams: {{far: {{url: "http://127.0.0.1:{sandbox}", connections: 100, total_ms: 10000, idempotent: true, allow_private: true}}}}
limits: {{of: {{slots: 2, per: [lang]}}}}
routes:
  herd:
    path: /herd
    source: desk
    id: /message/id
    steps: [{{name: call, attempts: 1, call: {{downstream: far, path: "/herd/${{/message/id}}"}}}}]
  label:
    path: /label
    source: desk
    id: /message/id
    labels: {{lang: /message/lang}}
    steps: [{{name: call, limits: [of], call: {{downstream: far, path: "/label/${{/labels/lang}}/${{/message/id}}"}}}}]
"""


def with_far(name):
    weir, sandbox = with_sandbox(name, config=CONFIG)
    return weir.start(), sandbox


def send(weir, count, lang, path, name):
    result = load_result(load(weir.folder, weir.port, "--count", count, "--connections", 64, "--prefix", name, "--body",
                              '{"id":"${id}","lang":"%s"}' % lang, "--resend", path=path, name=name), 60)
    check(result["unacknowledged"] == 0, f"all is accepted: {result}")


@test
def after_a_retry_after_one_call_goes_and_then_a_few_and_no_attempt_was_used_up():
    weir, sandbox = with_far("herd")
    sandbox.script(path="/herd/*", do="slow", ms=int(ROUND_S * 1000))
    send(weir, QUEUED, "a", "/herd", "herd")
    check(weir.queue()["queued"] > QUEUED / 2, f"they wait: {weir.queue()}")
    sandbox.no_script()
    sandbox.script(path="/herd/*", do="429", retry_after=RETRY_S, times=1)
    sandbox.script(path="/herd/*", do="slow", ms=int(ROUND_S * 1000))

    def rounds():
        """When the 429 came, the calls after the silence, and the record."""
        seen = sandbox.seen()
        told = [s for s in seen if s["status"] == 429]
        if not told:
            return None
        after = sorted(s["at_us"] / 1e6 for s in seen if s["at_us"] > told[0]["at_us"] + (RETRY_S - 0.5) * 1e6)
        return (told[0], after) if after and time.clock_gettime(time.CLOCK_BOOTTIME) > after[0] + 4 * ROUND_S else None
    told, after = wait_until(rounds, RETRY_S + 15, "the pause is over and some rounds have passed")
    first = after[0]
    probing = sum(at < first + ROUND_S for at in after)
    second = sum(first + ROUND_S <= at < first + 2 * ROUND_S for at in after)
    print(f"{first - told['at_us'] / 1e6:.2f} s after the 429 (Retry-After: {RETRY_S}): {probing} call, in the next round "
          f"{second}", flush=True)
    check(first >= told["at_us"] / 1e6 + RETRY_S, "nothing goes before the time is up")
    check(probing == 1, f"then one is tried: {probing}")
    check(1 <= second <= 5, f"then a few: {second}")
    paused = weir.ctl("events", kind="pause")["events"]
    check(paused and all(e.get("downstream") == "far" for e in paused), f"the journal has whose pause it was: {paused}")
    sandbox.no_script()
    weir.wait_empty(60)
    shown = weir.ctl("show", id=told["message"])
    check(shown["state"] == "done" and shown["attempt"] == 2 and shown["failed"] == 0, f"waiting is no failed attempt: {shown}")
    weir.stop()
    rows = weir.rows()
    check(len(rows) == QUEUED and all(row["state"] == "done" and row["failed"] == 0 for row in rows), "all are done")
    weir.remove()


@test
def ten_thousand_parked_on_one_label_do_not_keep_one_on_another():
    weir, sandbox = with_far("parked")
    sandbox.script(path="/label/busy/*", do="slow", ms=8000)
    send(weir, 10000, "busy", "/label", "busy")
    began = time.monotonic()
    free = weir.post({"id": "free", "lang": "free"}, path="/label")[2]["id"]
    wait_until(lambda: weir.get(f"/v1/messages/{free}")[2]["state"] == "done", 10, "the free one is done")
    print(f"done {1000 * (time.monotonic() - began):.0f} ms after it was sent", flush=True)
    queue = weir.queue()
    check(queue["queued"] > 9900, f"while the others stay parked: {queue}")
    check(weir.metric("weir_wakeups_repaired_total") == 0, "no wake-up was repaired")
    weir.program.end()  # their calls are cut off
    weir.remove()


main()
