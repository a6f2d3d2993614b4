#!/usr/bin/env python3
"""The Containerfile, without a container engine: linters of others read it, its steps are carried out in roots made by
mmdebstrap (debian:12-slim's closest kin), and what comes out runs the demo and production as process 1 of its own
processes and network, not as root.

What this cannot show: an engine's own reading of the file, its layers and its network.
"""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HOSTS = os.environ.get("WEIR_HOSTS", "/var/tmp/weir-hosts")
sys.path.insert(0, os.path.join(ROOT, "tests/proc"))
import npm  # noqa: E402

failed = False
places = []


def test(name):
    """Runs the function at once; its name is the sentence."""
    global failed
    began = time.monotonic()
    try:
        name()
        print(f"ok - {name.__name__.replace('_', ' ')}")
    except Exception as error:  # noqa: BLE001
        failed = True
        print(f"not ok - {name.__name__.replace('_', ' ')}: {error}")
    if time.monotonic() - began > 10:
        print(f"# that took {time.monotonic() - began:.0f} s")
    sys.stdout.flush()


def because(held, why):
    if not held:
        raise AssertionError(why)


def until(seconds, what, holds):
    deadline = time.monotonic() + seconds
    while not holds():
        because(time.monotonic() < deadline, f"not in time: {what}")
        time.sleep(0.1)


def run(*words, **more):
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    because(done.returncode == 0, f"{' '.join(words)[:80]}: status {done.returncode}: {' | '.join(done.stdout.strip().splitlines()[-3:])}")
    return done.stdout


# ---- the file ---------------------------------------------------------------------------------------------

def instructions():
    """[(word, rest)] with continued lines joined, as the reference of the format has it."""
    text = "\n".join(line for line in open(os.path.join(ROOT, "Containerfile"), encoding="utf-8").read().split("\n")
                     if not line.startswith("#"))
    return [tuple(line.split(None, 1)) for line in re.sub(r"\\\n\s*", "", text).split("\n") if line.strip()]


def stages():
    out = []
    for word, rest in instructions():
        if word == "FROM":
            out.append([])
        out[-1].append((word, rest))
    return out


def said_last(word):
    return [rest for w, rest in stages()[-1] if w == word][-1]


# ---- carrying it out --------------------------------------------------------------------------------------

def slim():
    """A root like debian:12-slim's, made once."""
    base = f"{HOSTS}/slim"
    sources = next(p for p in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list") if os.path.exists(p))
    run("flock", f"{HOSTS}/lock", "sh", "-ec",
        '[ -e "$1/etc/debian_version" ] || { rm -rf "$1"; mmdebstrap --quiet --variant=minbase bookworm "$1" "$2"; }', "sh", base, sources)
    return base


def new_root(name, base):
    place = tempfile.mkdtemp(prefix=f"weir-container-{name}.", dir="/var/tmp")
    places.append(place)
    run("mount", "-t", "tmpfs", "-o", "size=4g,mode=755", "weir-container", place)
    for folder in ("upper", "work", "root"):
        os.mkdir(f"{place}/{folder}")
    run("mount", "-t", "overlay", "weir-container", "-o", f"lowerdir={base},upperdir={place}/upper,workdir={place}/work", f"{place}/root")
    shutil.copy("/etc/resolv.conf", f"{place}/root/etc/resolv.conf")
    return f"{place}/root"


INSIDE = """set -e
mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; mount -t tmpfs tmpfs "$0/tmp"
! [ -e /sys/class/net/lo ] || [ "$1" = host ] || ip link set lo up
exec chroot $3 "$0" /bin/sh -c 'cd "$1"; shift; exec "$@"' sh "$2" """


def command(root, words, folder="/", network="host", user=""):
    """The words to run `words` as process 1 of a process tree of its own in this root."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network == "host" else ["--net"]),
            "bash", "-c", INSIDE + " ".join(shlex.quote(w) for w in words), root, network, folder, f"--userspec={user}" if user else ""]


def copy(rest, root, roots, folder):
    words = shlex.split(rest)
    source = ROOT
    if words[0].startswith("--from="):
        source = roots[words.pop(0).split("=")[1]]
    to = os.path.join(root, words[-1].lstrip("/") if words[-1].startswith("/") else os.path.join(folder.lstrip("/"), words[-1]))
    for what in words[:-1]:
        path = os.path.normpath(os.path.join(source, what.lstrip("/")))
        if os.path.isfile(path):
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy2(path, to)
        elif source == ROOT:  # what is committed: what an engine would send without what .dockerignore names
            os.makedirs(to, exist_ok=True)
            run("sh", "-c", 'git -C "$1" archive HEAD | tar -x -C "$2"', "sh", ROOT, to)
        else:
            run("cp", "-a", f"{path}/.", to)


def build():
    base, roots, root = slim(), {}, None
    for stage in stages():
        folder = "/"
        for word, rest in stage:
            if word == "FROM":
                because(rest.split()[0] == "debian:12-slim", f"an image that this does not have: {rest}")
                root = new_root(rest.split()[-1].replace(":", "-"), base)
                roots[rest.split()[-1]] = root
            elif word == "WORKDIR":
                folder = rest
                os.makedirs(root + folder, exist_ok=True)
            elif word == "COPY":
                copy(rest, root, roots, folder)
            elif word == "RUN":
                run(*command(root, ["/bin/sh", "-c", rest], folder), env={"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive"})
            else:
                because(word in ("USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT"), f"what is {word}?")
    return root


# ---- the tests --------------------------------------------------------------------------------------------

def linters_have_nothing_to_say_about_the_containerfile():
    modules = npm.install("dockerfile", ["dockerfilelint@1.8.0", "dockerfile-utils@0.16.3"])
    said = json.loads(run("node", str(modules / "dockerfilelint/bin/dockerfilelint"), "-o", "json", f"{ROOT}/Containerfile"))
    found = [f"{i['line']}: {i['title']}" for f in said["files"] for i in f["issues"]]
    because(not found, f"dockerfilelint: {found}")
    program = ('const {validate} = require(process.argv[1] + "/dockerfile-utils"); '
               'console.log(JSON.stringify(validate(require("fs").readFileSync(process.argv[2], "utf8"))))')
    found = json.loads(run("node", "-e", program, str(modules), f"{ROOT}/Containerfile"))
    because(not found, f"dockerfile-utils: {found}")


def it_is_not_root_keeps_a_volume_and_says_how_it_is_stopped_and_looked_at():
    because(said_last("USER") == "weir" and said_last("VOLUME") == "/var/lib/weir", "user or volume")
    because(said_last("STOPSIGNAL") == "SIGTERM" and "CMD" in said_last("HEALTHCHECK"), "stop or health")


root = None


def its_steps_build_weir_from_the_list_of_packages_that_run_has():
    global root
    root = build()
    because(not os.path.exists(f"{root}/usr/bin/gcc"), "the compiler is in the image")
    size = run("du", "-shx", f"{root}/../upper").split()[0]
    print(f"# what the image adds to debian:12-slim: {size}")


def start(words, **more):
    entry = json.loads(said_last("ENTRYPOINT"))
    return subprocess.Popen(command(root, entry + words, network="own", user="weir"), text=True,
                            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, **more)


def the_demo_runs_in_it():
    because(root, "nothing was built")
    demo = start(["demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = demo.communicate(timeout=120)
    because(demo.returncode == 0, f"status {demo.returncode}: {out[-300:]}")
    last = json.loads(out.strip().splitlines()[-1])
    print(f"# demo: {json.dumps(last)}")
    because(last["accepted"] >= 40 and last["dead"] == 1, f"{last}")


class Production:
    """Weir as the container's process 1, on the volume that the last one left."""

    def __enter__(self):
        self.log = open(f"{places[-1]}/log", "a+", encoding="utf-8")
        self.process = start([], stdout=self.log, stderr=self.log)
        until(30, "Weir is healthy", self.is_healthy)
        return self

    def first(self):
        """The container's process 1, as this machine knows it."""
        children = open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii").read().split()
        return int(children[0])

    def inside(self, *words):
        return subprocess.run(["nsenter", "--target", str(self.first()), "--all", "--root", "--wd", *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20)

    def is_healthy(self):
        because(self.process.poll() is None, f"it ended: {open(self.log.name, encoding='utf-8').read()[-300:]}")
        try:
            return self.inside("/bin/sh", "-c", said_last("HEALTHCHECK").split("CMD", 1)[1]).returncode == 0
        except IndexError:
            return False

    def stop(self):
        began = time.monotonic()
        os.kill(self.first(), getattr(signal, said_last("STOPSIGNAL")))
        because(self.process.wait(timeout=45) == 0, f"status {self.process.returncode} after SIGTERM")
        print(f"# SIGTERM to the end: {time.monotonic() - began:.1f} s")

    def __exit__(self, *_):
        if self.process.poll() is None:
            try:
                os.kill(self.first(), signal.SIGKILL)  # --kill-child does not outlive its change of user
            except IndexError:
                self.process.kill()
            self.process.wait(timeout=10)
        self.log.close()


ROUTE = """sources: {desk: {auth: bearer, secret: desk}}
downstreams: {away: {url: "http://127.0.0.1:9", allow_private: true}}
routes:
  r: {path: /r, source: desk, id: /message/id, steps: [{name: s, attempts: 1000, call: {downstream: away, path: /}}]}
"""


def production_keeps_its_queue_in_the_volume_over_a_sigterm():
    because(root, "nothing was built")
    with open(f"{root}/etc/weir/conf.d/r.yaml", "w", encoding="utf-8") as f:
        f.write(ROUTE)
    os.makedirs(f"{root}/etc/weir/credentials")
    with open(f"{root}/etc/weir/credentials/desk", "w", encoding="utf-8") as f:
        f.write("open-sesame\n")
    os.chmod(f.name, 0o400)
    os.chown(f.name, 8080, 8080)
    with Production() as weir:
        status = open(f"/proc/{weir.first()}/status", encoding="ascii").read()
        because(re.search(r"^Uid:\t8080\t8080", status, re.M), "it runs as root")
        sent = weir.inside("curl", "-sS", "-d", '{"id": 1}', "-H", "Content-Type: application/json",
                           "-H", "Authorization: Bearer open-sesame", "http://127.0.0.1:8080/r")
        because('"accepted"' in sent.stdout, sent.stdout)
        weir.stop()
    with Production() as weir:
        queues = []

        def told():  # null until the limiter has read it
            asked = weir.inside("weirctl", "status", "--json")
            because(asked.returncode == 0, f"weirctl status: {asked.stdout}")
            queues.append(json.loads(asked.stdout)["queue"])
            return queues[-1]
        until(10, "status tells of the queue", told)
        because(queues[-1]["queued"] + queues[-1]["assigned"] == 1, f"after the restart: {queues[-1]}")
        weir.stop()


def clean_up():
    for place in places:
        subprocess.run(["umount", "-R", "-l", f"{place}/root"], check=False)
        subprocess.run(["umount", "-l", place], check=False)
        os.rmdir(place)


os.makedirs(HOSTS, exist_ok=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
try:
    test(linters_have_nothing_to_say_about_the_containerfile)
    test(it_is_not_root_keeps_a_volume_and_says_how_it_is_stopped_and_looked_at)
    test(its_steps_build_weir_from_the_list_of_packages_that_run_has)
    test(the_demo_runs_in_it)
    test(production_keeps_its_queue_in_the_volume_over_a_sigterm)
finally:
    clean_up()
sys.exit(failed)
