#!/usr/bin/env python3
"""weir-load alone: what it says is what the other tests and the bench go by."""
import shutil
import socket
import tempfile

from weir import check, load, load_result, main, test


@test
def an_open_loop_ends_with_its_drain_though_nobody_answers():
    folder = tempfile.mkdtemp(prefix="weir-load-")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # 500 tries on two connections, each given up after 10 s, would take 40 minutes
        said = load_result(load(folder, silent.getsockname()[1], "--rate", 500, "--seconds", 1, "--connections", 2,
                                "--drain-s", 1), 30)
    check(said["sent"] == said["unacknowledged"] == 2 and said["unsent"] == 498, f"what was not sent is told: {said}")
    shutil.rmtree(folder)


main()
