#!/usr/bin/env python3
"""The commands that pages name, one a line: PAGE, a tab, the command.

    commands_in.py VERBS PAGE...    VERBS: what "weirctl help --json" says; its examples are commands too
"""
import json
import re
import sys

COMMAND = re.compile(r"^(?:weirctl|weir-\w+|systemctl|journalctl|apt-get|curl|cp|printf|sudo|docker|cmake|ninja|usermod|man"
                     r"|ausyscall|packaging/\w+|\./\w+) ")


def verb_of(words, verbs):
    """The longest verb of weirctl that these words begin with, or None."""
    fitting = [v for v in verbs if words[:v["verb"].count(".") + 1] == v["verb"].split(".")]
    return max(fitting, key=lambda v: v["verb"].count("."), default=None)


def is_mention(command, verbs):
    """Names a verb of weirctl without what it needs."""
    words = [w for w in command.split()[1:] if not w.startswith("-")]
    verb = verb_of(words, verbs)
    needed = sum(1 for a in verb["args"] if a["needed"] and not a["option"]) if verb else 0
    return verb and len(words) - verb["verb"].count(".") - 1 < needed


def of_roff(text, verbs):
    text = re.sub(r"\\f[BIR]", "", text.replace("\\(aq", "'").replace("\\-", "-").replace("\\en", "\\n"))
    for line in text.splitlines():
        found = re.match(r'\.(?:B|BR|RB) (?:"(.*?)"|(\S.*?))(?: [.,;]| ",")?$', line)
        if found:
            yield found.group(1) or found.group(2)


def of_markdown(text, verbs):
    yield from re.findall(r"`([^`\n]+)`", text)
    yield from re.findall(r"^ {4}(\S.*)$", re.sub(r" \\\n +", " ", text), re.M)


def of_sentences(text, verbs):
    """weirctl amid words of English: its verb, and the words after it that are options or stand for something."""
    for sentence in re.findall(r"\bweirctl ([^,:;()\n]+)", re.sub(r"\n *(?=\S)", " ", text)):
        words = [w.rstrip('."') for w in sentence.split()]
        verb = verb_of(words, verbs)
        taken = verb["verb"].split(".") if verb else words[:1]
        for word in words[len(taken):]:
            if not re.match(r"--?\w|[A-Z]+$|[a-z]+\.[a-z]", word):
                break
            taken.append(word)
        yield "weirctl " + " ".join(taken)


def of_page(path, text, verbs):
    kind = of_markdown if path.endswith(".md") else of_roff if re.search(r"\.[1-8]$", path) else of_sentences
    return kind(text, verbs)


seen = set()
verbs = json.load(open(sys.argv[1], encoding="utf-8"))["verbs"]
found = [("weirctl help", v["example"]) for v in verbs]
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as f:
        page = f.read()
    found += [(path.rsplit("/", 1)[-1], c.strip()) for c in of_page(path, page, verbs)]
for page, command in found:
    command = command.split("   ")[0]
    if not COMMAND.match(command) or re.search(r" \(\d\)", command) or command in seen:
        continue
    if not (command.startswith("weirctl ") and is_mention(command, verbs)):
        seen.add(command)
        print(f"{page}\t{command}")
