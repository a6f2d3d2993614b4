#!/usr/bin/env python3
"""One path: from a sent message to a settled call, and what senders are told on the way."""
import signal

from weir import ACTORS, check, main, request, test, ticket, wait_until, with_sandbox


def with_desk(name, *sandbox_options, **values):
    weir, sandbox = with_sandbox(name, *sandbox_options, **values)
    return weir.start(), sandbox


def state_of(weir, id):
    return weir.get(f"/v1/messages/{id}")[2].get("state")


def wait_state(weir, id, state="done", seconds=10):
    wait_until(lambda: state_of(weir, id) == state, seconds, f"{id} is {state}")
    return weir.get(f"/v1/messages/{id}")[2]


@test
def a_sent_message_is_classified_called_and_done():
    weir, sandbox = with_desk("path")
    status, headers, said = weir.post(ticket(1, subject="please refund my order"))
    check(status == 202, f"202 is expected, not {status}: {said}")
    check(said["status"] == "accepted" and len(said["id"]) == 26, f"the answer names status and id: {said}")
    check(headers.get("location", "").endswith(said["id"]), f"Location leads to the message: {headers}")
    shown = wait_state(weir, said["id"])
    check([s["name"] for s in shown["steps"]] == ["triage", "tag", "reply"], f"the steps are shown: {shown}")
    check(all(s["state"] == "done" for s in shown["steps"]), f"all steps are done: {shown['steps']}")
    paths = [s["path"] for s in sandbox.seen()]
    wait_until(lambda: len(sandbox.seen()) == 2, 2, "the sandbox wrote two requests")
    paths = [s["path"] for s in sandbox.seen()]
    check(paths == ["/v1/tickets/T-1/tags", "/v1/tickets/T-1/reply"], f"tag, then reply: {paths}")
    calls = {s["call"] for s in sandbox.seen()}
    check(calls == {f"{said['id']}:tag", f"{said['id']}:reply"}, f"Idempotency-Key is id:step: {calls}")
    weir.stop()
    weir.remove()


@test
def a_skipped_step_sends_nothing():
    weir, sandbox = with_desk("skip")
    said = weir.post(ticket(2))[2]
    wait_state(weir, said["id"])
    wait_until(lambda: len(sandbox.seen()) == 1, 2, "one request")
    shown = weir.get(f"/v1/messages/{said['id']}")[2]
    check([s["state"] for s in shown["steps"]] == ["done", "done", "skipped"], f"reply is skipped: {shown['steps']}")
    weir.stop()
    weir.remove()


@test
def a_second_delivery_changes_nothing_and_another_body_conflicts():
    weir, sandbox = with_desk("dedup")
    first = weir.post(ticket(3))[2]
    wait_state(weir, first["id"])
    status, _, second = weir.post(ticket(3))
    check(status == 200 and second["id"] == first["id"], f"200 with the first one's id: {status} {second}")
    check(second["status"] == "duplicate" and second["state"] == "done", f"it says where the first stands: {second}")
    status, headers, problem = weir.post(ticket(3, subject="something else"))
    check(status == 409, f"another body under the same id is a conflict: {status} {problem}")
    check(headers["content-type"] == "application/problem+json", f"as a problem: {headers}")
    check(sandbox.summary()["effects"] == 1, f"one effect: {sandbox.summary()}")
    weir.stop()
    weir.start()
    status, _, third = weir.post(ticket(3))
    check(status == 200 and third["id"] == first["id"], f"also after a restart: {status} {third}")
    weir.stop()
    weir.remove()


@test
def bad_input_gets_a_problem_and_changes_nothing():
    weir, sandbox = with_desk("bad")
    cases = [  # what, method, path, body, headers, status
        ("no JSON", "POST", "/tickets", b"{\"id\": ", {}, 400),
        ("a duplicate key", "POST", "/tickets", b'{"id":"1","id":"2","conversation":"c"}', {}, 400),
        ("no id", "POST", "/tickets", b'{"conversation":"c"}', {}, 422),
        ("no such route", "POST", "/nowhere", b"{}", {}, 404),
        ("wrong method", "DELETE", "/tickets", None, {}, 405),
        ("not JSON by its type", "POST", "/tickets", b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("no such message", "GET", "/v1/messages/00000000000000000000000000", None, {}, 404),
        ("no message id", "GET", "/v1/messages/x", None, {}, 404),
        ("too large", "POST", "/tickets", b'{"id":"1","conversation":"c","x":"' + b"y" * (1 << 20) + b'"}', {}, 413),
    ]
    for what, method, path, body, headers, wanted in cases:
        status, fields, said = request(weir.port, method, path, body, headers)
        check(status == wanted, f"{what}: {wanted} is expected, not {status} {said}")
        check(fields.get("content-type") == "application/problem+json", f"{what}: a problem is expected: {fields}")
        check(said["status"] == wanted and said["title"], f"{what}: {said}")
    check(weir.queue()["done"] == 0 and weir.metric("weir_messages_accepted_total") == 0, "nothing was accepted")
    check(sandbox.summary()["requests"] == 0, "nothing was called")
    weir.stop()
    weir.remove()


@test
def v1_messages_takes_a_route_by_name():
    weir, sandbox = with_desk("v1")
    status, _, said = weir.post(ticket(5), path="/v1/messages?route=tickets")
    check(status == 202, f"202 is expected: {status} {said}")
    wait_state(weir, said["id"])
    weir.stop()
    weir.remove()


@test
def a_failing_call_is_tried_again_and_a_refused_one_is_a_dead_letter():
    weir, sandbox = with_desk("fail")
    sandbox.script(path="*/T-6/tags", do="503", times=2)
    sandbox.script(path="*/T-7/tags", do="422")
    six, seven = (weir.post(ticket(n))[2]["id"] for n in (6, 7))
    wait_state(weir, six)
    dead = wait_state(weir, seven, "dead")
    check("422" in dead["reason"], f"the reason names the status: {dead['reason']}")
    wait_until(lambda: len(sandbox.seen()) == 4, 2, "three tries of one, one of the other")
    listed = weir.ctl("dead.ls")
    check(listed["ok"] and [m["id"] for m in listed["messages"]] == [seven], f"dead ls shows it: {listed}")
    sandbox.no_script()
    wait_until(lambda: weir.ctl("dead.redrive", id=seven)["ok"], 5, "the drainer redrives it")
    wait_state(weir, seven)
    weir.stop()
    weir.remove()


@test
def messages_of_one_key_run_in_order_one_at_a_time():
    weir, sandbox = with_desk("order", "--latency-ms", "1..20")
    ids = [weir.post(ticket(100 + n, key=f"k{n % 3}"), path="/single")[2]["id"] for n in range(60)]
    for id in ids:
        wait_state(weir, id)
    sandbox.end()
    for key in ("k0", "k1", "k2"):
        order = [s["message"] for s in sandbox.seen() if s["key"] == key]
        check(order == [id for n, id in enumerate(ids) if f"k{n % 3}" == key], f"{key} ran out of order")
    weir.stop()
    weir.remove()


@test
def each_actor_may_be_killed_once_with_work_in_flight():
    weir, sandbox = with_desk("killonce", "--latency-ms", "100..200")
    for round, kind in enumerate(ACTORS):
        ids = []
        for n in range(20):
            status, _, said = weir.post(ticket(1000 + 100 * round + n), path="/single")
            check(status == 202, f"{kind}: accepted before the kill: {status} {said}")
            ids.append(said["id"])
        check(weir.kill(kind, signal.SIGKILL), f"{kind} is killed")
        weir.wait_ready(10)
        for id in ids:
            wait_state(weir, id, seconds=15)
    done = weir.queue()["done"]
    check(done == 20 * len(ACTORS), f"all are done: {done}")
    summary = sandbox.summary()
    check(summary["calls"] == 20 * len(ACTORS) and summary["repeated_unmarked"] == 0, f"no unmarked repetition: {summary}")
    weir.stop()
    weir.remove()


@test
def everything_is_healthy_and_counted():
    weir, sandbox = with_desk("health")
    for path in ("/livez", "/readyz", "/health"):
        status, _, said = weir.get(path)
        check(status == 200, f"{path}: {status} {said}")
    said = weir.post(ticket(1))[2]
    wait_state(weir, said["id"])
    wait_until(lambda: weir.metric("weir_messages_done_total") == 1, 5, "the metric follows")
    metrics = weir.metrics()
    check(not [v for k, v in metrics.items() if k.startswith("weir_wakeups_repaired_total") and v], "no repaired wake-up")
    check(not [v for k, v in metrics.items() if k.startswith("weir_link_send_blocked_total") and v], "no high-water mark")
    status = weir.ctl("status")
    check(status["ready"] and all(a["state"] == "ready" for a in status["actors"]), f"all actors are ready: {status}")
    weir.stop()
    weir.remove()


main()
