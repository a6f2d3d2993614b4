#!/usr/bin/env python3
"""Every verb of the ctl socket by root, admin, operator, viewer and stranger: each may do what the table says, and who is
refused changes nothing.

As a program, on any host where Weir runs, by root (the rows of people: NAME=UID:GID:GROUP,GROUP):
    matrix.py --socket /run/weir/ctl.sock --weirctl weirctl admin=61001:61001:GID operator=... viewer=... stranger=...
"""
import argparse
import json
import os
import socket
import subprocess
import sys

RANKS = {"stranger": 0, "viewer": 1, "operator": 2, "admin": 3, "root": 3}
NO_MESSAGE = "01J9ZQ4T6W3V8X2M5N7P1R0SAB"
FILLERS = {"ID": NO_MESSAGE, "NAME": "no-such-name", "TEXT": "a test", "NUMBER": 1, "SECONDS": 1, "": True,
           "ROUTE": "no-such-route", "LIMIT": "no-such-limit", "ACTOR": "no-such-actor", "STATE": "dead", "MODE": "normal",
           "KIND": "dead"}
ENDS_WEIR = {"stop"}  # allowed cells of these are not tried here


def ask(path, verb, args, seconds=15):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(path)
        try:
            s.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
        except BrokenPipeError:
            pass  # refused before it asked: what was said is still to be read
        with s.makefile() as f:
            return json.loads(f.readline())


def ask_as(who, path, verb, args):
    """The answer, asked by a process of its own with that user and these groups; {"status": 403} where even the socket
    is closed to it."""
    uid, gid, groups = who
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            said = ask(path, verb, args)
        except PermissionError:
            said = {"ok": False, "status": 403, "error": "the socket"}
        except Exception as error:
            said = {"ok": False, "status": 0, "error": repr(error)}
        os.write(write, json.dumps({k: said.get(k) for k in ("ok", "status", "error")}).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as f:
        text = f.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def args_for(verb):
    """Harmless ones: what is named does not exist."""
    args = {a["name"]: FILLERS[a["typed"].split(" ")[1] if a["option"] and " " in a["typed"] else a["kind"]]
            for a in verb["args"] if a["sent"] and a["needed"]}
    return {**args, "id": NO_MESSAGE} if verb["answerer"] == "by id" else args


def state_of(path):
    """What a refused request must leave as it is."""
    status = ask(path, "status", {})
    return {"mode": (status.get("queue") or {}).get("mode"), "phase": status["phase"],
            "actors": [(a["name"], a["pid"], a["state"]) for a in status["actors"]],
            "redrive": ask(path, "redrive.status", {}).get("active"),
            "backup": ask(path, "backup.status", {}).get("backup")}


def matrix(path, verbs, people):
    """Runs all cells; the problems found, and how many cells there were."""
    problems, cells = [], 0
    verbs = [v for v in verbs if v["answerer"] != "weirctl"]
    for refused in (True, False):  # what is allowed may change things: all that must not comes first
        for name, who in people.items():
            for verb in verbs:
                needed = RANKS[verb["permission"]]
                if (RANKS[name] < needed) != refused or (not refused and verb["verb"] in ENDS_WEIR):
                    continue
                before = state_of(path) if refused else None
                said = ask_as(who, path, verb["verb"], args_for(verb))
                cells += 1
                if refused and said["status"] != 403:
                    problems.append(f"{name} may not {verb['verb']}, and was told {said}")
                if not refused and said["status"] in (0, 403):
                    problems.append(f"{name} may {verb['verb']}, and was told {said}")
                if refused and verb["changes"] and state_of(path) != before:
                    problems.append(f"{name}, refused {verb['verb']}, changed something")
    return problems, cells


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--socket", required=True)
    options.add_argument("--weirctl", default="weirctl")
    options.add_argument("people", nargs="+")
    typed = options.parse_args()
    people = {"root": (0, 0, [])}
    for row in typed.people:
        name, numbers = row.split("=")
        uid, gid, groups = (numbers + ":").split(":")[:3]
        people[name] = (int(uid), int(gid), [int(g) for g in groups.split(",") if g])
    table = json.loads(subprocess.run([typed.weirctl, "--json", "help"], capture_output=True, text=True, check=True).stdout)
    problems, cells = matrix(typed.socket, table["verbs"], people)
    print("\n".join(problems) or f"{cells} cells as the table says")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
