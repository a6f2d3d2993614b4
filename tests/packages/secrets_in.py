#!/usr/bin/env python3
"""Which secrets are in the memory or the open files of a process: secrets_in.py PID -- SECRET...

base64:SECRET is looked for as the bytes that it stands for."""
import base64
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "proc"))
import process_memory  # noqa: E402

pids, secrets = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
if len(pids) != 1:
    sys.exit(f"one process, not {len(pids)}")


def forms_of(secret):
    if secret.startswith("base64:"):
        return [base64.b64decode(secret.removeprefix("base64:"))]
    return [secret.encode(), base64.b64encode(secret.encode())]


forms = {s: forms_of(s) for s in secrets}
found = set()


def look(data):
    found.update(s for s, forms_of in forms.items() if any(f in data for f in forms_of))


def memory(pid):
    for data in process_memory.parts(pid):
        look(data)


def files(pid):
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        if "memfd:" in os.readlink(path):
            with open(path, "rb") as f:
                look(f.read())


memory(pids[0])
files(pids[0])
print("\n".join(sorted(found)))
