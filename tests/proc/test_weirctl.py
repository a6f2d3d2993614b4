#!/usr/bin/env python3
"""weirctl by itself, without a Weir: how it says that something is wrong, to people and to programs."""
import json
import os
import subprocess

from weir import BUILD, ROOT, Weir, check, main, test

DESK = str(ROOT / "etc/examples/support-desk/weir.yaml")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "WEIR_SOCKET"}


def weirctl(*words, out=subprocess.PIPE, **environment):
    done = subprocess.run([BUILD / "weirctl", *words], stdout=out, stderr=subprocess.PIPE, text=True, timeout=20,
                          env={**ENVIRONMENT, **environment}, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


@test
def with_json_every_error_is_an_object():
    for code, words in ((69, ["--socket", "/nowhere/ctl.sock", "status"]), (64, ["nonsense"]), (64, ["ls", "--state"]),
                        (64, ["--bad", "ls"]), (66, ["config", "explain", "nope"]), (66, ["init", "nosuch"]),
                        (73, ["--socket", "/nowhere/ctl.sock", "backup", "/nowhere/copy.db"]),
                        (64, ["plan", DESK, "--hold", "soon"]), (64, ["plan", DESK, "--hold", "helpdesk-writes=0s"]),
                        (64, ["plan", DESK, "--hold", "1.2.3s"]), (64, ["plan", DESK, "--backlog", "many"]),
                        (66, ["plan", DESK, "--hold", "nope=3m"]), (78, ["plan", "/nowhere/weir.yaml"]),
                        (78, ["--config", "/nowhere/weir.yaml", "try", "tickets", "/dev/null"]),
                        (78, ["--config", "/nowhere/weir.yaml", "restore", "/nowhere/copy.db"])):
        status, out, err = weirctl("--json", *words)
        check(status == code, f"{words}: {status}: {err}")
        lines = [json.loads(line) for line in out.splitlines()]
        check(len(lines) >= 1, f"{words} says nothing: {err}")
        for line in lines:
            check(line["schema"] == "weir.error/1" and line["ok"] is False and line["exit_code"] == code and line["error"] in err,
                  f"{words}: {line}")
        check(weirctl(*words)[1] == "", f"{words}: without --json it is on the standard error only")


@test
def an_answer_that_cannot_be_written_ends_with_73():
    with open("/dev/full", "w") as full:
        for words in (["help"], ["config", "schema"], ["--json", "help"], ["init"]):
            status, _, err = weirctl(*words, out=full)
            check(status == 73 and "not all of the answer could be written" in err, f"{words}: {status}: {err}")


@test
def a_holding_time_is_typed_as_people_say_it():
    for typed, seconds in (("90", 90), ("250ms", 0.25), ("3m", 180), ("3min", 180), ("1.5h", 5400), ("2d", 172800)):
        status, out, err = weirctl("--json", "plan", DESK, "--hold", "1s", "--hold", f"helpdesk-writes={typed}")
        check(status == 0 and json.loads(out)["limits"][0]["hold_s"] == seconds, f"{typed}: {status}: {err}{out}")
    said = weirctl("plan", DESK, "--hold", "200ms", "--backlog", "800")[1]
    check("800 START IN" in said and " 2400 " in said and "1 min" in said and "--hold" not in said, f"for people: {said}")
    check("--hold LIMIT=3m" in weirctl("plan", DESK)[1], "without it, what to say is said")


@test
def a_configuration_that_is_named_says_which_weir_is_meant():
    weir = Weir("which")
    weir.start()
    socket = str(weir.run / "ctl.sock")
    check(weirctl("version", WEIR_SOCKET=socket)[0] == 0, "by the environment")
    check(weirctl("--config", "/nowhere/weir.yaml", "version", WEIR_SOCKET=socket)[0] == 78, "--config is nearer than the environment")
    check(weirctl("--socket", socket, "--config", "/nowhere/weir.yaml", "version")[0] == 0, "--socket is nearest")
    weir.stop()
    weir.remove()


main()
