#!/usr/bin/env python3
"""Functions, files and lines stay small: 70, 500 (headers 200) and 100."""
import re

import meta

long_functions, long_files, long_lines = [], [], []
for path in meta.files(".c", ".h", ".def"):
    lines = meta.text(path).split("\n")
    long_lines += [f"{path}:{n}: {len(line)} columns, at most 100" for n, line in enumerate(lines, 1) if len(line) > 100]
    if path.suffix == ".def":  # a table is as long as it has rows
        continue
    # A rig of the tests is code that several programs include, not an interface.
    most = 500 if path.suffix == ".c" or path.parts[0] == "tests" else 200
    if len(lines) - 1 > most:
        long_files.append(f"{path}: {len(lines) - 1} lines, at most {most}")
    start = 0
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n - 1
            while start > 1 and re.match(r"^[\s)]|^[^\s].*,$", lines[start - 1]):
                start -= 1
        elif line == "}" and start:
            if n - start + 1 > 70:
                long_functions.append(f"{path}:{start}: a function of {n - start + 1} lines, at most 70")
            start = 0
meta.report("functions_have_at_most_70_lines", long_functions)
meta.report("files_have_at_most_500_lines_and_headers_200", long_files)
meta.report("lines_have_at_most_100_columns", long_lines)
meta.end()
