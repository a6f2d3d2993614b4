#!/usr/bin/env python3
"""etc/examples/telephony: its page's commands as written, and what the page promises."""
import json
import re
import signal
import threading
import time
from collections import Counter

from weir import ROOT, check, main, request, test, wait_until
from example import Example, together


def telephony(**values):
    weir = Example("telephony", 8181, 9181)
    weir.prepare(**values)
    return weir


def acquire(weir, call, campaign="spring", limits=("global", "campaign")):
    return request(weir.port, "POST", "/v1/leases", {"id": call, "limits": list(limits), "labels": {"campaign": campaign}},
                   weir.key("dialer-key"))


def release(weir, call):
    return request(weir.port, "DELETE", f"/v1/leases/{call}", None, weir.key("dialer-key"))


def hook(weir, kind, **message):
    status, _, said = request(weir.port, "POST", f"/calls/{kind}", message, weir.key("carrier-token"))
    check(status in (200, 202), f"{kind} {message}: {status} {said}")
    return said["id"]


def used(weir, name, value=None):
    """Slots in use now, of one value or of all."""
    said = weir.ctl("limits.ls", full=True)
    if "limits" not in said:
        raise ValueError(said)  # the limiter is away
    row = next(limit for limit in said["limits"] if limit["name"] == name)
    return sum(v["in_use"] for v in row.get("by_value", [row]) if value in (None, v["value"]))


@test
def the_page_works_as_written():
    weir = telephony()
    weir.begin()
    said = [weir.shell(block) for block in weir.blocks[4:]]
    for number in ("50", "10", "300"):
        check(re.search(rf"\b{number}\b", said[0]), f"config effective says {number}: {said[0]}")
    check("env" in said[0].lower() or "TELEPHONY" in said[0], f"and where it came from: {said[0]}")
    counted = dict(reversed(line.split()) for line in said[2].strip().splitlines())
    check(counted == {"201": "10", "429": "190"}, f"200 at once are 10 times 201 and 190 times 429: {counted}")
    for limit, slots in (("global", 50), ("campaign", 10)):
        check(re.search(rf"^{limit} .* {slots} +\d+ +300 ", said[3], re.M), f"limits ls says cap and TTL of {limit}: {said[3]}")
    check("campaign" in said[4] and "spring" in said[4], f"export shows what was set: {said[4]}")
    check(re.search(r"^campaign .* 33 +23 to 27 ", said[5], re.M), f"the plan of a campaign: {said[5]}")
    wait_until(lambda: used(weir, "global") == 0, 5, "every slot is free at the end")
    log = weir.program.text()
    check("bake-in, day 2" in log, "a change is in the journal with its reason")
    weir.stop()
    print(f"page: {len(weir.blocks)} blocks; 64 at once for 200 calls: {counted}", flush=True)


@test
def the_plan_has_the_numbers_of_the_guide():
    weir = telephony()

    def plan(*words):
        return json.loads(weir.shell(" ".join(["weirctl --json plan weir.yaml", *words])))
    said = plan("--hold 3m", "--backlog 1000")
    rows = {(row["limit"], row["kind"]): row for row in said["limits"]}
    binds = {(row["where"], row["of"]): row for row in said["binds"]}
    warnings = {(w["limit"], w["about"]): w["text"] for w in said["warnings"]}
    for limit, starts, low, high in (("campaign", 33, 23, 27), ("global", 3333, 2333, 2667)):
        row = rows[limit, "limit"]
        check([round(row[n]) for n in ("starts_per_min", "target_low", "target_high")] == [starts, low, high], f"{row}")
        check(round(row["older_than_ttl_percent"], 1) == 3.6 and "3.6 %" in warnings[limit, "ttl"], f"{limit}: {row} {warnings}")
    check("357 of 10000" in warnings["global", "ttl"], f"that many are older than the TTL: {warnings}")
    out = binds["leases of dialer", "all"]
    check((out["at_once"], out["at_once_by"]) == (200, "guard of global"), f"the guard binds: {out}")
    check("each ingress instance (1 here)" in warnings["global", "guard"], f"and it is of each ingress: {warnings}")
    campaign = binds["leases of dialer", "one campaign"]
    check((campaign["at_once"], campaign["at_once_by"]) == (100, "campaign"), f"of one campaign its own: {campaign}")
    rings = binds["route inbound", "all"]
    check((rings["starts_per_min"], rings["starts_per_min_by"], rings["backlog_s"]) == (300, "carrier-starts", 200), f"{rings}")
    check("55.6 a second" in warnings["carrier-starts", "rate"], f"the trunk is slower than the caps: {warnings}")
    two = plan("--hold 3m", "--hold campaign=60s")
    check(next(r["starts_per_min"] for r in two["limits"] if r["limit"] == "campaign") == 100, "one limit is held otherwise")
    said = weir.shell("TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY=20 weirctl plan weir.yaml --hold 3m")
    check(re.search(r"^campaign +one campaign +20 +20 .* 6.7 +4.7 to 5.3 ", said, re.M), f"the environment counts: {said}")
    print(f"plan: {rows['campaign', 'limit']}; {out}; {warnings['global', 'ttl']}", flush=True)


@test
def at_three_quarters_of_the_caps_nobody_is_refused():
    weir = telephony(TELEPHONY_GLOBAL_MAX_CONCURRENCY=40, TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY=20, MAX_CONCURRENT_CALLS=1000)
    weir.begin(plain=True)
    codes, most = Counter(), Counter()

    def campaign(n):  # of each of the two 15 calls at once: 30 of 40
        for turn in range(60):
            if turn >= 15:
                release(weir, f"u-{n}-{turn - 15}")
            status, _, said = acquire(weir, f"u-{n}-{turn}", f"c{n}")
            codes[status] += 1
            for limit in said.get("limits", []):
                most[limit["shown"]] = max(most[limit["shown"]], limit["in_use"])
    together(2, campaign, range(2))
    check(codes == {201: 120}, f"nobody is refused: {codes}")
    check(most["sem:global:concurrency"] == 30 and most["sem:campaign:c0:concurrency"] == 15, f"at 75 % of the caps: {most}")
    weir.stop()
    print(f"at target utilisation: {dict(codes)}, most in use {dict(most)}", flush=True)


@test
def sixty_four_acquirers_never_pass_the_cap():
    weir = telephony(TELEPHONY_GLOBAL_MAX_CONCURRENCY=40, TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY=15, MAX_CONCURRENT_CALLS=1000)
    weir.begin(plain=True)
    lock, codes, problems = threading.Lock(), Counter(), Counter()
    now, most, shown = Counter(), Counter(), Counter()  # as the clients held them; as Weir said

    def holds(campaign, more):
        with lock:
            for name in ("all", campaign):
                now[name] += more
                most[name] = max(most[name], now[name])

    def begin(call, campaign):
        status, headers, said = acquire(weir, call, campaign)
        if status == 201:
            holds(campaign, 1)
        with lock:
            codes[status] += 1
            for limit in said.get("limits", []):
                shown[limit["shown"]] = max(shown[limit["shown"]], limit["in_use"])
            if status != 201:
                problems[said.get("code")] += 1
        check(status == 201 or (status == 429 and "retry-after" in headers), f"{status} {headers} {said}")
        return status

    def calls(n):
        campaign, before = f"c{n % 4}", None
        for i in range(12):  # each call begins before the one before it has ended
            call = f"x-{n}-{i}" if begin(f"x-{n}-{i}", campaign) == 201 else None
            for ended in (before, call if i == 11 else None):
                if ended:
                    holds(campaign, -1)
                    status = release(weir, ended)[0]
                    check(status == 204, f"release: {status}")
            before = call
    together(64, calls, range(64))
    check(now["all"] == 0 and used(weir, "global") == 0, f"all were released: {now}")
    held = together(64, lambda n: begin(f"h-{n}", f"c{n % 4}"), range(64))
    check(held.count(201) == 40 and held.count(429) == 24, f"40 of 64 are held: {Counter(held)}")
    check(most["all"] == 40, f"never more than 40 were held at once: {most}")
    check(max(most[f"c{n}"] for n in range(4)) <= 15, f"nor more than 15 of a campaign: {most}")
    check(shown["sem:global:concurrency"] == 40, f"Weir says the same: {shown}")
    check(all(0 < shown[f"sem:campaign:c{n}:concurrency"] <= 15 for n in range(4)), f"of each campaign: {shown}")
    check(set(problems) == {"rate_limit_exceeded"}, f"the code of each refusal: {problems}")
    for n in range(64):
        release(weir, f"h-{n}")
        release(weir, f"h-{n}")
    wait_until(lambda: used(weir, "global") == 0, 5, "in use is 0 at the end, not below")
    weir.stop()
    print(f"64 acquirers: {sum(codes.values())} asked, {codes[201]} granted, {codes[429]} refused with 429, 0 5xx; "
          f"most held at once, by their own count, {most['all']} of 40", flush=True)


@test
def a_day_has_only_so_many_calls():
    weir = telephony(TELEPHONY_DAILY_CAP=3)
    weir.begin(plain=True)
    asked = [acquire(weir, f"d-{n}", limits=("global", "campaign", "daily")) for n in range(4)]
    check([a[0] for a in asked] == [201, 201, 201, 429], f"{[a[0] for a in asked]}")
    check("usage_cap_exceeded" in json.dumps(asked[3][2]), f"{asked[3][2]}")
    check(used(weir, "global") == 3, "the refused one took nothing")
    check(acquire(weir, "d-9")[0] == 201, "who does not name the cap is not kept by it")
    weir.stop()


@test
def the_guard_answers_alone_and_says_so():
    weir = telephony(MAX_CONCURRENT_CALLS=3)
    weir.begin(plain=True)
    check([acquire(weir, f"g-{n}")[0] for n in range(3)] == [201] * 3, "three are within the guard")
    weir.kill("limiter", signal.SIGSTOP)
    status, _, said = acquire(weir, "g-3")
    check(status == 429 and "guard" in json.dumps(said), f"the guard answers without the limiter: {status} {said}")
    weir.kill("limiter", signal.SIGCONT)
    for n in range(3):
        hook(weir, "ended", event=f"e-{n}", call=f"g-{n}")
    wait_until(lambda: used(weir, "global") == 0, 10, "the webhooks gave them back")
    granted = wait_until(lambda: acquire(weir, "g-4")[0] == 201, 5, "and the guard heard of it")
    check(granted, "a call that the carrier ended is not counted by the guard")
    weir.stop()


@test
def webhooks_take_both_or_none_and_give_both_back():
    weir = telephony(TELEPHONY_GLOBAL_MAX_CONCURRENCY=3, TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY=2)
    weir.begin(plain=True)
    for n in (1, 2, 3):
        hook(weir, "inbound", event=f"i-{n}", call=f"CA-{n}", campaign="spring")
    wait_until(lambda: used(weir, "campaign", "spring") == 2, 5, "two calls of the campaign live")
    check(used(weir, "global") == 2, f"who waits for its campaign holds nothing of all: {used(weir, 'global')}")
    hook(weir, "inbound", event="i-1", call="CA-1", campaign="spring")
    hook(weir, "ended", event="e-9", call="CA-9")
    hook(weir, "ended", event="e-1", call="CA-1")
    hook(weir, "ended", event="e-1", call="CA-1")
    hook(weir, "ended", event="e-1b", call="CA-1")
    wait_until(lambda: weir.far_seen("CA-3"), 5, "the one that waited is answered")
    check(used(weir, "global") == 2, "two live")
    late = hook(weir, "inbound", event="i-9", call="CA-9", campaign="autumn")
    operator = weir.key("operator-key")
    wait_until(lambda: weir.get(f"/v1/messages/{late}", headers=operator)[2]["state"] == "done", 5, "it ended before it rang")
    again = [acquire(weir, "CA-9")[0] for _ in range(2)]  # the answer of the first may have been lost
    check(again == [204, 204], f"whoever asks for it is told that it is over, each time: {again}")
    check(used(weir, "campaign", "autumn") == 0, "and holds nothing")
    weir.ctl("drain", why="test")
    rings = {"event": "i-10", "call": "CA-10", "campaign": "winter"}
    wait_until(lambda: request(weir.port, "POST", "/calls/inbound", rings, weir.key("carrier-token"))[0] == 503, 5,
               "in a drain no call begins")
    for n in (2, 3):
        hook(weir, "ended", event=f"e-{n}", call=f"CA-{n}")
    wait_until(lambda: used(weir, "global") == 0 and used(weir, "campaign") == 0, 5, "all is free")
    weir.wait_empty(5)
    weir.stop()


@test
def what_was_killed_is_reclaimed_within_its_ttl():
    weir = telephony(TELEPHONY_SEMAPHORE_TTL_SEC=3)
    weir.begin(plain=True)
    began = time.monotonic()
    check([acquire(weir, f"k-{n}")[0] for n in range(20)] == [201] * 20, "twenty live")
    hook(weir, "inbound", event="i-1", call="k-hook", campaign="spring")
    wait_until(lambda: used(weir, "global") == 21, 5, "and one by webhook")

    def renewed_and_alone():
        check(request(weir.port, "PUT", "/v1/leases/k-0", None, weir.key("dialer-key"))[0] == 200, "it is renewed")
        return used(weir, "global") == 1
    wait_until(renewed_and_alone, 10, "all but the renewed one are reclaimed")
    took = time.monotonic() - began
    weir.kill("limiter")
    weir.wait_ready()
    check(wait_until(lambda: [used(weir, "global")], 10, "the limiter is back") == [1], "a crash loses no slot")
    weir.stop()
    print(f"20 killed calls and one of a webhook: free after {took:.1f} s with a TTL of 3 s; the renewed one lives", flush=True)


@test
def a_call_that_the_service_does_not_know_is_ended():
    weir = telephony(TELEPHONY_TRUTH_EVERY_SEC=1, TELEPHONY_TRUTH_GRACE_SEC=1)
    weir.begin(plain=True)
    weir.no_script()
    weir.script(path="/v1/calls?status=live", do="200", body={"calls": [{"id": "t-1"}, {"id": "stranger"}]})
    check([acquire(weir, f"t-{n}")[0] for n in (1, 2)] == [201, 201], "two are begun")
    wait_until(lambda: used(weir, "global") == 1, 10, "the one that is not listed is ended")
    check(request(weir.port, "GET", "/v1/leases/t-1", None, weir.key("dialer-key"))[0] == 200, "the listed one lives")
    wait_until(lambda: weir.metric("weir_limit_drift_total") == 1, 5, "it is counted as drift")
    wait_until(lambda: weir.metric("weir_limit_unleased") == 1, 5, "and the stranger as unleased")
    weir.no_script()
    weir.script(path="/v1/calls?status=live", do="503")
    wait_until(lambda: weir.metric("weir_limit_truth_age_seconds") > 2, 10, "no list, no comparison")
    check(used(weir, "global") == 1, "and nothing is ended without one")
    weir.stop()


@test
def a_call_that_the_service_lists_outlives_its_ttl():
    weir = telephony(TELEPHONY_SEMAPHORE_TTL_SEC=4, TELEPHONY_TRUTH_EVERY_SEC=1, TELEPHONY_TRUTH_GRACE_SEC=30)
    weir.begin(plain=True)
    weir.no_script()
    weir.script(path="/v1/calls?status=live", do="200", body={"calls": [{"id": "CA-1"}]})
    weir.script(path="/v1/calls/*", do="200", body={})
    for call in ("CA-1", "CA-2"):
        hook(weir, "inbound", event=f"i-{call}", call=call, campaign="spring")
    wait_until(lambda: used(weir, "global") == 2, 5, "two live")
    wait_until(lambda: used(weir, "global") == 1, 10, "the one that nobody lists is over in its time")
    until = time.monotonic() + 4  # once more its time
    wait_until(lambda: used(weir, "global") != 1 or time.monotonic() > until, 10, "its time goes by")
    check(used(weir, "global") == 1, "the listed one lives")
    check(weir.metric("weir_leases_reclaimed_total") == 1, "one was reclaimed")
    weir.stop()


@test
def caps_are_raised_and_lowered_live_and_no_call_is_cut():
    weir = telephony(TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY=4)
    weir.begin(plain=True)
    check([acquire(weir, f"r-{n}")[0] for n in range(5)] == [201] * 4 + [429], "four")
    weir.ctl("limits.set", name="campaign", slots=6, why="more lines")
    check([acquire(weir, f"r-{n}")[0] for n in range(4, 7)] == [201, 201, 429], "then six")
    operator = weir.key("operator-key")
    status, _, said = request(weir.port, "PUT", "/admin/limits", {"name": "campaign", "slots": 2, "why": "errors"}, operator)
    check(status == 200, f"lowered over HTTP: {status} {said}")
    check(used(weir, "campaign") == 6, "no call is cut")
    check(acquire(weir, "r-9")[0] == 429, "nothing new begins")
    for n in range(5):
        release(weir, f"r-{n}")
    check([acquire(weir, f"s-{n}")[0] for n in range(2)] == [201, 429], "until enough have ended")
    check(request(weir.port, "PUT", "/admin/limits", {"name": "campaign", "slots": 9})[0] == 401, "nobody without a key")
    weir.stop()


@test
def without_an_environment_the_defaults_are_the_approved_ones():
    weir = telephony()
    keys = {"TELEPHONY_GLOBAL_MAX_CONCURRENCY": ["global.slots"], "TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY": ["campaign.slots"],
            "TELEPHONY_SEMAPHORE_TTL_SEC": ["global.ttl_s", "campaign.ttl_s"], "MAX_CONCURRENT_CALLS": ["global.guard"]}

    def is_loaded(numbers, before=""):
        check("the configuration is right" in weir.shell(before + "weirctl check weir.yaml"), "it passes check")
        for name, number in numbers.items():
            for key in keys[name]:
                said = weir.shell(before + f"weirctl --config weir.yaml config explain limits.{key}")
                check(re.search(rf"^limits\.{key} +{number} +\$\{{{name}", said, re.M), f"{key} is {number}: {said}")
    files = {name: dict(re.findall(r"^([A-Z_]+)=(\d+)$", (ROOT / f"etc/examples/telephony/{name}").read_text(), re.M))
             for name in ("env.example", "prod.env", "stage.env", "dev.env")}
    approved = dict(TELEPHONY_GLOBAL_MAX_CONCURRENCY="10000", TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY="100",
                    TELEPHONY_SEMAPHORE_TTL_SEC="600", MAX_CONCURRENT_CALLS="200")
    check(files["env.example"] == files["prod.env"] == approved, f"{files}")
    is_loaded(approved)
    for name, numbers in files.items():
        is_loaded(numbers, f"set -a; . ./{name}; set +a; ")
    stage = files["stage.env"]
    check(stage["TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY"] == "20" and stage["TELEPHONY_GLOBAL_MAX_CONCURRENCY"] == "500", "bake-in")
    dev = {name: int(value) for name, value in files["dev.env"].items()}
    check(50 <= dev["TELEPHONY_GLOBAL_MAX_CONCURRENCY"] <= 200 and 10 <= dev["TELEPHONY_PER_CAMPAIGN_MAX_CONCURRENCY"] <= 20
          and 300 <= dev["TELEPHONY_SEMAPHORE_TTL_SEC"] <= 600 and 50 <= dev["MAX_CONCURRENT_CALLS"] <= 100, f"dev: {dev}")


main()
