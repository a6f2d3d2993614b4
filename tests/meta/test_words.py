#!/usr/bin/env python3
"""No stub words, no paths of somebody's machine, no merge marks."""
import re

import meta

STUB = re.compile(r"\b(T" r"ODO|FIX" r"ME|X" r"XX|HA" r"CK)\b|\bnot (yet )?implemented\b|\bplaceholder\b")
MACHINE = re.compile(r"(?<![\w.])/(work|home|Users)/|/tmp/w/")
MERGE = re.compile(r"^(<<<<<<< |>>>>>>> )", re.M)
stubs, paths, merges = [], [], []
for path in meta.files(".c", ".h", ".def", ".py", ".sh", ".md", ".yaml", ".txt", ".json", "run", "check", ".pml"):
    if path.name in ("test_words.py", "LICENSE"):
        continue
    for n, line in enumerate(meta.text(path).split("\n"), 1):
        if STUB.search(line):
            stubs.append(f"{path}:{n}: {line.strip()[:60]}")
        if MACHINE.search(line):
            paths.append(f"{path}:{n}: {line.strip()[:60]}")
        if MERGE.search(line):
            merges.append(f"{path}:{n}")
meta.report("there_are_no_stub_words", stubs)
meta.report("there_are_no_paths_of_one_machine", paths)
meta.report("there_are_no_merge_marks", merges)
meta.end()
