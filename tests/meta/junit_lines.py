#!/usr/bin/env python3
"""Turns CTest's JUnit file into the lines that ./check counts. A cmocka skip passes in CTest: here it is a skip."""
import sys
import xml.etree.ElementTree as tree

for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    name = case.get("name")
    output = "".join(case.find("system-out").itertext()) if case.find("system-out") is not None else ""
    if case.find("failure") is not None or case.find("error") is not None:
        failures = [line.strip() for line in output.splitlines() if "FAILED" in line or "ERROR" in line]
        print(f"not ok {name}: {failures[0] if failures else case.get('status', 'failed')}")
    elif case.find("skipped") is not None or "[  SKIPPED ]" in output:
        print(f"skip {name}: skipped")
    else:
        print(f"ok {name}")
