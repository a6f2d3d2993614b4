#!/usr/bin/env python3
"""Kill storm: SIGKILLs of all six kinds of process under load. What was acknowledged is in the store and done once;
every effect beyond that was announced as possibly a repetition; each key's order was kept."""
import json
import os
import random
import signal
import time

from weir import ACTORS, Failed, check, id_text, load, load_result, main, test, with_sandbox

KILLS = int(os.environ.get("WEIR_KILLS", "156"))
MESSAGES = int(os.environ.get("WEIR_STORM_MESSAGES", "50000"))
KEYS = 2000
PAUSE_S = 0.35
SEED = int(os.environ.get("WEIR_SEED", str(random.SystemRandom().randrange(1 << 30))))


def restart(weir):
    """The supervisor is killed; its actors go with it; the next one continues where the disk is."""
    weir.program.strike(signal.SIGKILL)
    weir.program.end(signal.SIGKILL)
    weir.start(ready=False)


def storm(weir, sender, chance):
    """Kills one after the other, each a moment after the one before, while the load runs. How many of each kind."""
    kills = dict.fromkeys(ACTORS + ["supervisor"], 0)
    kinds = []
    while sum(kills.values()) < KILLS:
        check(sender.alive(), f"the load ended after {sum(kills.values())} kills: more messages are needed")
        if not kinds:
            kinds = ACTORS * 4 + ["limiter", "limiter", "responder", "responder", "supervisor", "supervisor"]
            chance.shuffle(kinds)
        kind = kinds.pop()
        if kind == "supervisor":
            restart(weir)
            kills[kind] += 1
        elif weir.kill(kind):
            kills[kind] += 1
        time.sleep(PAUSE_S * 2 * chance.random())
        if chance.random() < 0.5:
            weir.wait_ready(30)
    return kills


def check_store(weir, acknowledged):
    rows = weir.rows()
    by_id = {id_text(row["id"]): row for row in rows}
    lost = [a["message"] for a in acknowledged if a["message"] not in by_id]
    check(not lost, f"{len(lost)} acknowledged messages are not in the store, the first {lost[:1]}")
    undone = [r for r in rows if r["state"] != "done"]
    check(not undone, f"{len(undone)} messages are not done, the first {undone[:1]}")
    return rows, by_id


def check_effects(seen, rows, by_id):
    """Each message one call; every effect after the first is marked; none for what is not in the store."""
    effects = {}
    for s in seen:
        if s["effect"]:
            effects.setdefault(s["message"], []).append(s)
    missing = [i for i in by_id if i not in effects]
    check(not missing, f"{len(missing)} messages are done without an effect, the first {missing[:1]}")
    strange = [i for i in effects if i not in by_id]
    check(not strange, f"{len(strange)} effects of messages that are not in the store, the first {strange[:1]}")
    unmarked = [i for i, all in effects.items() if any(not s["maybe"] for s in all[1:])]
    check(not unmarked, f"{len(unmarked)} repetitions without a mark, the first {unmarked[:1]}")
    return effects


def check_order(seen, by_id):
    """In each key the calls come in the order of acceptance; a repetition may only be of the latest one."""
    latest, broken = {}, []
    for s in seen:
        row = by_id.get(s["message"])
        if row and row["key"]:
            if row["seq"] < latest.get(row["key"], 0):
                broken.append((row["key"], s["message"]))
            latest[row["key"]] = max(row["seq"], latest.get(row["key"], 0))
    check(not broken, f"{len(broken)} calls out of their key's order, the first {broken[:1]}")


def check_ids(acknowledged, rows):
    """A sender's id was accepted once, however often it was sent."""
    messages = {}
    for a in acknowledged:
        messages.setdefault(a["id"], set()).add(a["message"])
    doubled = [i for i, m in messages.items() if len(m) > 1]
    check(not doubled, f"{len(doubled)} ids got two messages, the first {doubled[:1]}")
    check(len(messages) == MESSAGES, f"{len(messages)} ids were acknowledged, {MESSAGES} were sent")
    check(len(rows) == MESSAGES, f"{len(rows)} messages are in the store, {MESSAGES} ids were sent")


@test
def what_was_acknowledged_is_done_once_whatever_is_killed():
    print(f"seed {SEED} (WEIR_SEED)", flush=True)
    chance = random.Random(SEED)
    weir, sandbox = with_sandbox("storm", "--latency-ms", "0..4", "--quiet", connections=64, slots=64,
                                 queue="messages_max: 100000, intake_messages: 1024")
    weir.start()
    acks = weir.folder / "acks.jsonl"
    rate = MESSAGES / (KILLS * (PAUSE_S + 0.25))
    sender = load(weir.folder, weir.port, "--count", MESSAGES, "--rate", f"{rate:.0f}", "--keys", KEYS, "--size", 300,
                  "--connections", 128, "--resend", "--resend-ms", 30, "--resend-max-ms", 300, "--timeout-ms", 5000,
                  "--drain-s", 60, "--record", acks, "--seed", SEED, path="/single")
    began = time.monotonic()
    kills = storm(weir, sender, chance)
    print(f"{sum(kills.values())} kills in {time.monotonic() - began:.0f} s: {kills}", flush=True)
    result = load_result(sender, 200)
    print(f"load: {json.dumps(result)}", flush=True)
    check(result["unacknowledged"] == 0 and result["unsent"] == 0, f"everything is acknowledged in the end: {result}")
    weir.wait_ready(30)
    weir.wait_empty(60)
    weir.stop()
    sandbox.end()
    acknowledged = [json.loads(line) for line in acks.read_text().splitlines()]
    rows, by_id = check_store(weir, acknowledged)
    seen = sandbox.seen()
    effects = check_effects(seen, rows, by_id)
    check_order(seen, by_id)
    check_ids(acknowledged, rows)
    surplus = sum(len(e) - 1 for e in effects.values())
    print(f"{len(rows)} messages done once; {surplus} effects more, all marked; {result['resent']} sent again; "
          f"{sum(kills.values())} kills", flush=True)
    if min(kills.values()) == 0:
        raise Failed(f"some kind was never killed: {kills}")
    weir.remove()


main()
