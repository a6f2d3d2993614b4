#!/usr/bin/env python3
"""A newcomer's hour, by the README alone: ./run --demo ends with its JSON line; then ./run, and every command of the
README's blocks as written, while it runs."""
import json
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

from weir import ROOT, Program, check, main, request, test, wait_until

WEIR, HELPDESK = 8180, 9180  # as the README and the example say


@test
def the_demo_ends_by_itself_with_its_json_line():
    run = subprocess.run([ROOT / "run", "--demo"], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         stdin=subprocess.DEVNULL, timeout=240)
    check(run.returncode == 0, f"exit status {run.returncode}: {run.stdout[-300:]} {run.stderr[-300:]}")
    result = json.loads(run.stdout.strip().splitlines()[-1])
    wanted = {"accepted": 40, "duplicates": 4, "done": 39, "dead": 1, "unknown": 0}
    check({k: result[k] for k in wanted} == wanted, f"the demo says {result}")
    print(f"demo: {result}", flush=True)


@test
def every_command_of_the_readme_works_as_written():
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    check(len(blocks) >= 3, f"the README has {len(blocks)} blocks of commands")
    with tempfile.TemporaryDirectory() as folder:
        weir = Program("run", [ROOT / "run", "--fresh"], folder)
        try:
            wait_until(lambda: weir.alive() and request(WEIR, "GET", "/readyz")[0] == 200, 240, "./run is ready")
            for block in blocks:
                script = "set -e\n" + blocks[0] * (block is not blocks[0]) + block
                run = subprocess.run(["bash", "-c", script], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, timeout=60)
                check(run.returncode == 0, f"{block.splitlines()[0]} ...: status {run.returncode}: {run.stdout[-400:]}")
            seen = wait_until(lambda: (s := request(HELPDESK, "GET", "/_summary")[2])["effects"] >= 6 and s, 10,
                              "both tickets were tagged, assigned and answered")
            check(seen["repeated_unmarked"] == 0, f"the second sending changed nothing: {seen}")
            weir.strike(signal.SIGINT)
            status = weir.process.wait(40)
            check(status in (0, 130), f"Ctrl-C ends ./run with {status}")
            check(not (ROOT / ".cache/run/sockets").exists(), "it leaves no sockets")
        finally:
            Path(ROOT / "ticket.json").unlink(missing_ok=True)


main()
