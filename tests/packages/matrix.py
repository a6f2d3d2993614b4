#!/usr/bin/env python3
"""Who may do what, on a host: every verb of the table asked for by every kind of user over the real socket, from a
process that has that user's number and groups.

    matrix.py LEADER VERBS    LEADER: a process of the host; VERBS: what "weirctl help --json" says there
"""
import json
import os
import socket
import sys

leader, table = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))["verbs"]
RANK = {"viewer": 1, "operator": 2, "admin": 3}
# Nothing of this is there, or it is harmless; "stop" comes last.
SAMPLE = {"ID": "01J9ZQ4T6W3V8X2M5N7P1R0SAB", "ROUTE": "tickets", "ACTOR": "drainer/0", "MODE": "normal", "LIMIT": "none",
          "DOWNSTREAM": "helpdesk", "TEXT": "matrix", "NUMBER": 1, "SECONDS": 1, "NAME": "none", "STATE": "dead"}


def rows(path):
    with open(f"/proc/{leader}/root/etc/{path}", encoding="utf-8") as f:
        return [line.rstrip("\n").split(":") for line in f]


passwd = {row[0]: row for row in rows("passwd")}
USERS = {"root": ("root", 3), "own": ("weir", 3), "admin": ("u-admin", 3), "operator": ("u-operator", 2),
         "viewer": ("u-viewer", 1), "stranger": ("u-stranger", 0)}


def identity(name):
    uid, gid = int(passwd[name][2]), int(passwd[name][3])
    return uid, gid, [gid] + [int(row[2]) for row in rows("group") if name in row[3].split(",")]


def ask(directory, name, line):
    """The answer's status: asked by a child that has become that user; 0: it may not even connect, or is hung up on."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        uid, gid, groups = identity(name)
        os.fchdir(directory)
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        said = b""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(30)
                s.connect("ctl.sock")
                s.sendall(line)
                while not said.endswith(b"\n"):
                    part = s.recv(65536)
                    if not part:
                        break
                    said += part
        except (PermissionError, BrokenPipeError, ConnectionResetError):
            pass
        os.write(write, said[:4096].split(b"\n")[0])
        os._exit(0)
    os.close(write)
    said = b"".join(iter(lambda: os.read(read, 65536), b""))
    os.close(read)
    os.waitpid(pid, 0)
    return said


def status_of(said):
    if not said:
        return 0
    found = said.split(b'"status":')
    try:
        answer = json.loads(said)
        return 200 if answer.get("ok") else answer.get("status", 0)
    except ValueError:
        return int(found[1].split(b",")[0]) if b'"ok":false' in said else 200


def request(verb):
    args = {a["name"]: SAMPLE[a["kind"]] for a in verb["args"] if a["sent"] and a["needed"]}
    if verb["verb"].startswith("dead.") and verb["verb"] != "dead.ls":
        args["id"] = SAMPLE["ID"]
    return json.dumps({"verb": verb["verb"], "args": args}).encode() + b"\n"


directory = os.open(f"/proc/{leader}/root/run/weir", os.O_RDONLY)
verbs = sorted((v for v in table if v["permission"] in RANK), key=lambda v: v["verb"] == "stop")
wrong = cells = 0
for verb in verbs:
    # The least first; who may stop Weir does so once.
    for who, (name, rank) in sorted(USERS.items(), key=lambda u: u[1][1]):
        may = rank >= RANK[verb["permission"]]
        if verb["verb"] == "stop" and may and who != "admin":
            continue
        status = status_of(ask(directory, name, request(verb)))
        cells += 1
        if (status not in (0, 403)) != may:
            wrong += 1
            print(f"{verb['verb']} by {who}: {status}, but {'permitted' if may else 'not permitted'} is right", file=sys.stderr)
print(f"# permission matrix: {len(verbs)} verbs, {len(USERS)} kinds of users, {cells} cells, {wrong} wrong")
sys.exit(1 if wrong or cells < 100 else 0)
