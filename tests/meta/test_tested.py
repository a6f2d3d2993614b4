#!/usr/bin/env python3
"""Every pure file has a test, and every message of the table is named in one."""
import re

import meta

tests = {path: meta.text(path) for path in meta.files(".c", ".h", ".py")
         if path.as_posix().startswith(("tests/unit/", "tests/golden/", "tests/sim/", "tests/fuzz/"))}
words = set()
for body in tests.values():
    words |= set(re.findall(r"\w+", body))
stems = {re.sub(r"^(test|fuzz)_", "", path.stem) for path in tests}

# Named by a test itself, or used by a file of the same folder that is.
untested = []
objects = {**meta.objects("lib/core"), **meta.objects("protocol")}
public = {s: {name for kind, name in meta.symbols(o, "-g") if kind in "TRDB"} for s, o in objects.items()}
named = {s for s in objects if public[s] & words or s.split("/")[-1][:-2] in stems}
for source in sorted(objects):
    used = any({name for kind, name in meta.symbols(objects[s], "-u")} & public[source]
               for s in named if s.split("/")[0] == source.split("/")[0])
    if source not in named and not used:
        untested.append(f"{source}: no test names it or anything in it")
for folder in sorted({p.parent.as_posix() for p in meta.files(".c") if p.as_posix().startswith("actors/")}):
    if folder != "actors" and f"{folder.split('/')[1]}_spec" not in words:
        untested.append(f"{folder}: no test drives its spec")
meta.report("every_pure_file_has_a_test", untested)

unnamed = []
for name in re.findall(r"^MESSAGE\(\d+, (\w+)", meta.text("protocol/messages.def"), re.M):
    if not {f"MSG_{name}", f"MESSAGE_{name}", f"msg_{name.lower()}_t", f"TYPE_{name}"} & words:
        unnamed.append(f"{name} is named in no test")
meta.report("every_message_of_the_table_is_in_a_test", unnamed)
meta.end()
