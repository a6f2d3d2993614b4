#!/usr/bin/env python3
"""weirctl config, check, init and try: what an operator sees of the configuration."""
import json
import os
import subprocess
import tempfile
from pathlib import Path

import npm
from weir import BUILD, ROOT, Weir, check, main, test

EXAMPLES = ROOT / "etc/examples"
DESK = EXAMPLES / "support-desk/weir.yaml"
PACKAGES = ["ajv@8.17.1", "yaml@2.5.1"]
CANARY = "canary-4711"


def weirctl(*words, status=0, said=None, **env):
    """What it prints; its standard error when it fails as it should."""
    run = subprocess.run([BUILD / "weirctl", *map(str, words)], input=said, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=30, env={**os.environ, **env})
    check(run.returncode == status, f"weirctl {' '.join(map(str, words))}: {run.returncode}, not {status}: "
          f"{run.stderr.strip()[:300]} {run.stdout.strip()[:300]}")
    return run.stderr if status else run.stdout


def judged(text):
    """The objects of a --json answer, each as its schema of docs/ctl.schemas.json says."""
    modules = npm.install("ctl", ["ajv@8.17.1"])
    run = subprocess.run(["node", ROOT / "tests/proc/ctl_schemas.mjs", modules, ROOT / "docs/ctl.schemas.json"], input=text, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    check(run.returncode == 0 and not run.stdout, f"not as the schema says: {run.stdout[:600]} {run.stderr[-300:]}")
    return [json.loads(line) for line in text.splitlines()]


def lines(*words, **more):
    return judged(weirctl(*words, "--json", **more))


def write(folder, **files):
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


# ---- what runs

@test
def what_runs_is_shown_with_its_sources_and_compared_with_the_files():
    weir = Weir("config", env={"WEIR_TEST_SLOTS": "7"}, slots="'${WEIR_TEST_SLOTS}'")
    write(weir.folder, **{"conf.d__10": "http:\n  idle_ms: ${WEIR_TEST_NO:-5000}\n"})
    weir.start()
    socket = ("--socket", weir.run / "ctl.sock")
    rows = {}
    for page in lines("config", "effective", *socket):
        rows.update({row["key"]: row for row in page["values"]})
    check(rows["http.idle_ms"]["value"] == 5000 and rows["http.idle_ms"]["places"] == "${WEIR_TEST_NO:-5000}"
          and rows["http.idle_ms"]["file"].endswith("conf.d/10.yaml") and rows["http.idle_ms"]["line"] == 2,
          f"idle_ms: {rows['http.idle_ms']}")
    check(rows["http.body_ms"] == {"key": "http.body_ms", "value": 30000, "from": "default"}, f"body_ms: {rows['http.body_ms']}")
    check(rows["state_dir"]["option"] == "--state" and rows["log.journal"]["option"] == "--foreground", "the command line")
    slots = rows["limits.writes.slots"]
    check(slots["value"] == 7 and slots["from"] == "environment", f"slots: {slots}")
    changed = {row["key"] for page in lines("config", "effective", "--changed", *socket) for row in page["values"]}
    check("http.idle_ms" in changed and "http.body_ms" not in changed and changed < set(rows), f"--changed: {sorted(changed)}")
    shown = weirctl("config", "show", *socket)
    check(f"# {weir.config}\n" in shown and "conf.d/10.yaml\n" in shown and "${WEIR_TEST_SLOTS} of " in shown, f"show: {shown[:500]}")
    check("the files say what is running" in weirctl("config", "diff", *socket), "no difference")
    write(weir.folder, **{"conf.d__10": "http:\n  idle_ms: 6000\n", "conf.d__20": "state_dir: /nowhere\nhttp: {listen: ['127.0.0.1:1']}\n"})
    changes = {c["key"]: c for c in lines("config", "diff", *socket)[0]["changes"]}
    check(changes["http.idle_ms"] == {"key": "http.idle_ms", "before": 5000, "after": 6000, "needs": "RELOAD"}
          and changes["http.listen"]["needs"] == "RESTART" and "state_dir" not in changes, f"diff: {changes}")
    text = weirctl("config", "diff", *socket)
    check("KEY " in text and "http.idle_ms  5000 " in text and "RELOAD" in text, text)
    write(weir.folder, **{"conf.d__10": "http:\n  idel_ms: 1\n"})
    said = weirctl("config", "diff", *socket, status=78)
    check("conf.d/10.yaml:2:3: no key is called idel_ms" in said, said)
    write(weir.folder, **{"conf.d__10": "http:\n  idle_ms: 6000\n", "conf.d__20": ""})
    weirctl("reload", *socket)
    check("the files say what is running" in weirctl("config", "diff", *socket), "the reload brought it in")
    row = [r for page in lines("config", "show", *socket) for r in page["values"] if r["key"] == "http.idle_ms"][0]
    check(row["value"] == 6000 and row["from"] == "file", f"after the reload: {row}")
    weir.stop()
    weir.remove()


# ---- without a running Weir

@test
def a_key_is_explained_with_its_value_in_the_files():
    said = weirctl("config", "explain", "routes.tickets.key", "--config", DESK)
    for part in ("routes.*.key: messages of one key", "a JSON pointer", "needs a reload", "example   key: /message/id",
                 f'"/message/conversation"  {DESK}:28:10'):
        check(part in said, f"{part!r} is not in: {said}")
    answer = lines("config", "explain", "routes.*.steps[].limits", "--config", DESK)[0]
    check([row["key"] for row in answer["now"]][0] == "routes.tickets.steps[tag].limits", f"{answer}")
    said = weirctl("config", "explain", "idel_ms", status=66)
    check("no key is called idel_ms; did you mean http.idle_ms?" in said, said)


# Accepted by weirctl check, so the schema must accept it too.
RIGHT = [
    "",
    "http:\n  idle_ms: ${WEIR_TEST_NO:-5000}\n  listen: 127.0.0.1:1\n  header_bytes_max: 16KiB\n",
    "http: null\nqueue:\nlimits: {1: {slots: '5', rate: {count: 3}}, b: {slots: 2, rate: ~}}\n",
    "state_dir: /a\nlog: {level: debug, journal: false}\nsupervisor: {user: ''}\n",
    "sources: {s: {auth: none-on-loopback}, 1: {auth: github, secret: 5}}\ndownstreams: {d: {url: 'http://h:1', headers: {X-A: 1}}}\n"
    "routes: {r: {path: /r, source: s, accepted_status: 200, labels: {l: /message/l}, steps: [{name: a, when: {/message/a: [1, null]},"
    " limits: [], call: {downstream: d, path: '/x/${/id}', body: {a: [null, '${/message/l}']}, headers: {A: '${/key:-x}'}}}]}}\n",
]
# Refused by weirctl check; whether the schema sees it too.
WRONG = [
    ("http: {idel_ms: 5000}", True), ("htpp: {}", True), ("http: {idle_ms: 1}", True), ("http: {idle_ms: 5s}", True),
    ("http: 5", True), ("http: {listen: []}", True), ("log: {level: loud}", True), ("log: {journal: maybe}", True),
    ("limits: {l: {slots: 0}}", True), ("limits: {'a b': {slots: 1}}", True), ("limits: [l]", True), ("routes: {r: {path: /r}}", True),
    ("sources: {s: {auth: gihub}}", True), ("downstreams: {d: {url: 'ftp://h'}}", True), ("downstreams: {d: {url: 'http://h/p'}}", True),
    ("routes: {r: {path: r, source: s, steps: [{name: a}]}}", True), ("routes: {r: {path: /r, source: s, steps: []}}", True),
    ("routes: {r: {path: /r, source: s, key: message, steps: [{name: a}]}}", True), ("queue: {bytes_max: 4GB}", True),
    ("limits: {l: {}}", False), ("state_dir: relative", False), ("http: {connections: 10, reserved_connections: 10}", False),
    ("sources: {s: {auth: github}}", False), ("sources: {s: null}", False), ("http: {idle_ms: '${WEIR_TEST_NO}'}", False),
]


@test
def the_schema_accepts_what_check_accepts_and_sees_most_mistakes():
    modules = npm.install("schema", PACKAGES)
    with tempfile.TemporaryDirectory(prefix="weir-schema-") as name:
        folder = Path(name)
        (folder / "schema.json").write_text(weirctl("config", "schema"))
        files = [ROOT / "etc/weir.yaml", ROOT / "packaging/weir.yaml", *sorted(EXAMPLES.glob("*/weir.yaml"))]
        for text in RIGHT + [text for text, _ in WRONG]:
            files.append(folder / f"{len(files)}.yaml")
            files[-1].write_text(text)
        run = subprocess.run(["node", ROOT / "tests/proc/schema_tool.mjs", modules, folder / "schema.json", *files], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        check(run.returncode == 0, f"the schema is refused: {run.stderr.strip()[:900]}")
        verdicts = json.loads(run.stdout)
        right = len(files) - len(WRONG)
        for file, verdict in zip(files[:right], verdicts):
            weirctl("check", file)
            check(verdict is None, f"{file.read_text()[:300]}\nis right, but: {verdict}")
        for (text, seen), file, verdict in zip(WRONG, files[right:], verdicts[right:]):
            weirctl("check", file, status=78)
            check((verdict is not None) == seen, f"{text}: {verdict}")
    print(f"{right} accepted, {sum(seen for _, seen in WRONG)} of {len(WRONG)} mistakes seen", flush=True)


@test
def check_tells_every_mistake_once_in_the_order_of_the_files():
    with tempfile.TemporaryDirectory(prefix="weir-check-") as name:
        folder = Path(name)
        write(folder, **{"etc__weir__weir": "http: {idle_ms: x}\nlog: {level: z}\n", "usr__lib__weir__conf.d__10": "supervisor: {drain_ms: 31000}\n",
                         "etc__weir__conf.d__20": "foo: 1\n"})
        file = folder / "etc/weir/weir.yaml"
        said = weirctl("check", file, status=78).splitlines()
        places = [line.split(": ")[0].removeprefix(name + "/") for line in said[:-1]]
        check(places == ["etc/weir/weir.yaml:1:17", "etc/weir/weir.yaml:2:14", "usr/lib/weir/conf.d/10.yaml:1:24",
                         "etc/weir/conf.d/20.yaml:1:1"] and "4 errors" in said[-1], f"{said}")
        errors = judged(subprocess.run([BUILD / "weirctl", "check", file, "--json"], text=True, stdout=subprocess.PIPE).stdout)
        check(errors[0]["file"] == str(file) and (errors[0]["line"], errors[0]["column"]) == (1, 17)
              and errors[0]["error"].startswith("idle_ms: x is not"), f"{errors[0]}")
        (folder / "etc/weir/weir.yaml").write_text("".join(f"u{i}: 1\n" for i in range(30)))
        said = weirctl("check", file, status=78).splitlines()
        check(len(said) == 22 and said[20] == "and 12 more" and "32 errors" in said[21], f"{said[-3:]}")


@test
def an_example_is_copied_whole_or_not_at_all():
    check(any(line.startswith("support-desk ") for line in weirctl("init").splitlines()), "they are listed")
    check("support-desk" in [line["example"] for line in lines("init")], "they are listed")
    with tempfile.TemporaryDirectory(prefix="weir-init-") as name:
        to = Path(name) / "desk"
        said = weirctl("init", "support-desk", to)
        check((to / "weir.yaml").read_text() == DESK.read_text() and f"weirctl check {to}/weir.yaml" in said, said)
        check(lines("check", to / "weir.yaml")[0]["routes"] == 1, "it is right")
        (to / "weir.yaml").write_text("mine\n")
        (to / "tickets.jsonl").unlink()
        said = weirctl("init", "support-desk", to, status=73)
        check("weir.yaml is there already and nothing was written" in said, said)
        check((to / "weir.yaml").read_text() == "mine\n" and not (to / "tickets.jsonl").exists(), "nothing was written")
        weirctl("init", "support-desk", to, "--force")
        check((to / "weir.yaml").read_text() == DESK.read_text(), "--force writes over it")
        weirctl("init", "nothing", status=66)
        weirctl("init", "../examples", status=66)
        check("set WEIR_EXAMPLES" in weirctl("init", status=66, WEIR_EXAMPLES=name + "/none"), "where they are")


# ---- try

SECRET = """
sources: {hooks: {auth: bearer, secret: token}}
downstreams: {api: {url: "https://api.example.com", secret: token, headers: {X-Fixed: yes}}}
limits: {per-customer: {slots: 2, per: [customer]}, all: {slots: 9}}
routes:
  hooks:
    path: /hooks
    source: hooks
    id: /headers/x-id
    key: /message/customer
    labels: {customer: /message/customer}
    classes: [{when: {/message/vip: true}, class: high}]
    limits: [all]
    steps:
      - {name: kind, classify: {rules: [{when: {/message/kind: a}, outcome: a}], otherwise: b}}
      - {name: first, limits: [per-customer], call: {downstream: api, path: "/v1/${/message/customer}", headers: {X-Kind: "${/results/kind/outcome}"}}}
      - {name: second, when: {/results/first/status: 200}, call: {downstream: api, path: "/v2/${/results/first/body/id}", method: GET}}
      - {name: only-b, when: {/results/kind/outcome: b}, call: {downstream: api, path: /b}}
"""


@test
def a_message_is_tried_as_it_would_travel_and_nothing_is_sent():
    with tempfile.TemporaryDirectory(prefix="weir-try-") as name:
        folder = Path(name)
        write(folder, weir=SECRET)
        (folder / "credentials").mkdir(mode=0o700)
        (folder / "credentials/token").write_text(CANARY)
        message, config = json.dumps({"customer": "c 1", "kind": "a", "vip": True}), ("--config", folder / "weir.yaml")
        words = ("try", "hooks", "-", *config, "--header", "X-Id: 77")
        out = lines(*words, said=message)
        first = out[0]
        check((first["id"], first["key"], first["class"], first["labels"]) == ("77", "c 1", "high", {"customer": "c 1"}), f"{first}")
        check([d["limit"] for d in first["limits"]] == ["all"], f"{first}")
        steps = {o["step"]: o for o in out if o["what"] == "step"}
        check(steps["kind"]["outcome"] == "a" and not steps["only-b"]["runs"], f"{steps}")
        call = steps["first"]
        check(call["url"] == "https://api.example.com/v1/c%201" and call["headers"]["X-Kind"] == "a" and call["body"] == message
              and call["headers"]["X-Fixed"] == "yes" and call["headers"]["Authorization"] == "Bearer (secret token)", f"{call}")
        check(call["limits"] == [{"limit": "per-customer", "cost": 1, "slots": 2, "per": {"customer": "c 1"}}], f"{call['limits']}")
        check("/results/first/body/id" in steps["second"]["fails"], f"{steps['second']}")
        outcomes = {o["outcome"]: o for o in out if o["what"] == "outcome"}
        check(outcomes["a"]["so"] and outcomes["b"]["steps"] == ["kind", "first", "second", "only-b"], f"{outcomes}")
        more = {o["step"]: o for o in lines(*words, "--result", 'first={"status":200,"body":{"id":5}}', said=message) if o["what"] == "step"}
        check(more["second"]["url"] == "https://api.example.com/v2/5" and more["second"]["method"] == "GET", f"{more['second']}")
        text = weirctl(*words, said=message)
        check("Nothing was sent" in text and "step only-b: skipped" in text and CANARY not in text + json.dumps(out), text)
        check("refused with 422: " in weirctl("try", "hooks", "-", *config, said=message, status=1), "its id is missing")
        check("refused with 400: the body is not JSON" in weirctl(*words, said="{", status=1), "as at the door")
        check("refused with 415" in weirctl(*words, "--header", "Content-Type: text/plain", said=message, status=1), "as at the door")
        check("has no route" in weirctl("try", "nothing", "-", *config, said="{}", status=1), "no such route")
        check("--result is STEP=JSON" in weirctl(*words, "--result", "x", said=message, status=64), "wrong use")


main()
