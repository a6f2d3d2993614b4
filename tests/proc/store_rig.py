"""What the store's fault tests share: the writer program, its lines, verdicts."""
import glob
import json
import os
import subprocess
import sys
import tempfile

failures = 0


def verdict(good, sentence, detail=""):
    global failures
    failures += not good
    print(("ok" if good else "not ok") + " - " + sentence + (f" ({detail})" if detail else ""), flush=True)
    return good


def finish():
    sys.exit(1 if failures else 0)


def program(name):
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    found = glob.glob(f"{build}/**/{name}", recursive=True)
    if not found:
        verdict(False, f"{name} is built", f"not found under {build}")
        finish()
    return os.path.abspath(found[0])


def environment(**more):
    # the leak check of a sanitized build cannot run under ptrace or after a kill
    options = os.environ.get("ASAN_OPTIONS", "")
    return dict(os.environ, ASAN_OPTIONS=options + ":detect_leaks=0", **more)


def room():
    return tempfile.mkdtemp(prefix="weir-store-")


def last_ack(lines):
    acks = [int(line.split()[1]) for line in lines if line.startswith("ack ")]
    return acks[-1] if acks else 0


def check(writer, directory):
    """What a new life finds, as a dictionary; None when it cannot open."""
    run = subprocess.run([writer, "check", directory], capture_output=True, text=True, env=environment())
    return json.loads(run.stdout) if run.returncode == 0 else None


def is_kept(found, acknowledged):
    """Everything acknowledged is there, whole, without holes."""
    return bool(found) and found["last"] >= acknowledged and not (
        found["holes"] or found["damaged"] or found["wrong"]) and (found["messages"] == 0 or found["first"] == 1)
