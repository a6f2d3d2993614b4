#!/usr/bin/env python3
"""The commands that pages name, one a line: PAGE, a tab, the command.

    commands_in.py VERBS PAGE...    VERBS: what "weirctl help --json" says; its examples are commands too
"""
import json
import re
import sys

COMMAND = re.compile(r"^(?:weirctl|weir-\w+|systemctl|journalctl|apt-get|curl|cp|printf) ")


def is_mention(command, verbs):
    """Names a verb of weirctl without what it needs."""
    words = [w for w in command.split()[1:] if not w.startswith("-")]
    for verb in sorted(verbs, key=lambda v: -v["verb"].count(".")):
        name = verb["verb"].split(".")
        if words[:len(name)] == name:
            needed = sum(1 for a in verb["args"] if a["needed"] and not a["option"])
            return len(words) - len(name) < needed
    return False


def of_roff(text):
    text = re.sub(r"\\f[BIR]", "", text.replace("\\(aq", "'").replace("\\-", "-").replace("\\en", "\\n"))
    for line in text.splitlines():
        found = re.match(r'\.(?:B|BR|RB) "?(.*?)"?(?: [.,;]| ",")?$', line)
        if found:
            yield found.group(1)


def of_markdown(text):
    yield from re.findall(r"`([^`\n]+)`", text)
    yield from re.findall(r"^ {4}(\S.*)$", re.sub(r" \\\n +", " ", text), re.M)


seen = set()
verbs = json.load(open(sys.argv[1], encoding="utf-8"))["verbs"]
found = [("weirctl help", v["example"]) for v in verbs]
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as f:
        page = f.read()
    found += [(path.rsplit("/", 1)[-1], c.strip()) for c in (of_markdown if path.endswith(".md") else of_roff)(page)]
for page, command in found:
    command = command.split("   ")[0]
    if not COMMAND.match(command) or re.search(r" \(\d\)", command) or command in seen:
        continue
    if not (command.startswith("weirctl ") and is_mention(command, verbs)):
        seen.add(command)
        print(f"{page}\t{command}")
