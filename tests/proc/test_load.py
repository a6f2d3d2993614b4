#!/usr/bin/env python3
"""weir-load alone: what it says is what the other tests and the bench go by."""
import shutil
import signal
import socket
import tempfile

from weir import Sandbox, check, load, load_result, main, test, wait_until


@test
def an_open_loop_ends_with_its_drain_though_nobody_answers():
    folder = tempfile.mkdtemp(prefix="weir-load-")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # 500 tries on two connections, each given up after 10 s, would take 40 minutes
        said = load_result(load(folder, silent.getsockname()[1], "--rate", 500, "--seconds", 1, "--connections", 2,
                                "--drain-s", 1), 30)
    check(said["sent"] == said["unacknowledged"] == 2 and said["unsent"] == 498, f"what was not sent is told: {said}")
    shutil.rmtree(folder)


@test
def who_is_stopped_sends_no_more_and_waits_for_the_answers_on_their_way():
    folder = tempfile.mkdtemp(prefix="weir-load-")
    sandbox = Sandbox(folder, "--latency-ms", "400..600")
    for signals, waits in (((signal.SIGTERM,), True), ((signal.SIGTERM, signal.SIGINT), False)):
        before = sandbox.summary()["requests"]
        run = load(folder, sandbox.port, "--rate", 50, "--seconds", 600)
        wait_until(lambda: sandbox.summary()["requests"] > before + 20, 10, "it sends")
        for number in signals:
            run.strike(number)
        said = load_result(run, 10)
        check((said["sent"] == said["accepted"]) == waits == (said["errors"]["timeout"] == 0), f"{signals} signals: {said}")
    sandbox.end()
    shutil.rmtree(folder)


main()
