#!/usr/bin/env python3
"""Includes point one way, and each foreign library has one room."""
import re

import meta

ROOMS = [  # header, the only folders that may include it
    (r"zmq\.h|czmq\.h", "lib/sys/ tests/"),
    (r"curl/", "lib/sys/ tests/"),
    (r"systemd/", "lib/sys/ tests/"),
    (r"openssl/", "lib/sys/ tests/"),
    (r"yaml\.h", "lib/sys/ tests/"),
    (r"ares\.h", "lib/sys/ tests/"),
    (r"msgpack", "protocol/ tests/"),
    (r"seccomp\.h", "lib/sys/ tests/"),
    (r"sqlite3\.h", "lib/store/ tests/"),
]
LAYERS = [  # folder, what it must not include
    ("lib/core/", r"^(store|sys|protocol|actors|supervisor|tools)/"),
    ("lib/store/", r"^(sys|protocol|actors|supervisor|tools)/"),
    ("protocol/", r"^(store|sys|actors|supervisor|tools)/"),
    ("lib/sys/", r"^(actors|supervisor|tools)/"),
    ("actors/", r"^(supervisor|tools)/"),
    ("supervisor/", r"^tools/"),
]
foreign, upward = [], []
for path in meta.files(".c", ".h", ".def"):
    name = path.as_posix()
    for n, line in enumerate(meta.text(path).split("\n"), 1):
        found = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
        if not found:
            continue
        header = found.group(1)
        for pattern, rooms in ROOMS:
            if re.match(pattern, header) and not name.startswith(tuple(rooms.split())):
                foreign.append(f"{name}:{n}: only {rooms.split()[0]} includes {header}")
        own = any((meta.ROOT / base / header).is_file() for base in ("", "lib"))
        for folder, forbidden in LAYERS:
            if own and name.startswith(folder) and re.match(forbidden, header):
                upward.append(f"{name}:{n}: {folder} must not include {header}")
meta.report("each_foreign_library_has_one_room", foreign)
meta.report("includes_point_one_way", upward)
meta.end()
