"""An example of etc/examples as its page has it: the page's blocks of commands are run as they are written, in their
order, on ports of this test. A block that ends with weir-supervisor or weir-sandbox stands for a terminal of its own."""
import json
import os
import re
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from weir import BUILD, ROOT, Program, Weir, check, free_port, request, wait_until


class Example(Weir):
    def __init__(self, name, port, far_port):
        self.name = name
        self.top = Path(tempfile.mkdtemp(prefix="weir-"))
        self.folder = self.top / name
        self.state, self.run = self.folder / "state", self.folder / "run"
        self.ports = {str(port): str(free_port()), str(far_port): str(free_port())}
        self.port, self.far_port = int(self.ports[str(port)]), int(self.ports[str(far_port)])
        self.page = (ROOT / f"etc/examples/{name}/README.md").read_text()
        self.blocks = re.findall(r"^```sh\n(.*?)^```", self.page, re.M | re.S)
        self.program = self.far = None
        self.env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "WEIR_LIBEXEC": str(BUILD),
                    "WEIR_EXAMPLES": str(ROOT / "etc/examples"), "WEIR_SOCKET": str(self.run / "ctl.sock")}

    def here(self, text):
        for written, ours in self.ports.items():
            text = text.replace(f":{written}", f":{ours}").replace(f"--port {written}", f"--port {ours}")
        return text

    def shell(self, script, folder=None, **env):
        run = subprocess.run(["bash", "-c", "set -eo pipefail\n" + self.here(script)], cwd=folder or self.folder, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **self.env, **env}, timeout=60)
        check(run.returncode == 0, f"{script.strip().splitlines()[0]} ...: status {run.returncode}: {run.stdout[-600:]}")
        return run.stdout

    def daemon(self, name, block, **env):
        lines = self.here(block).rstrip("\n").split("\n")
        return Program(name, ["bash", "-c", "set -e\ncd " + str(self.folder) + "\n" + "\n".join(lines[:-1] + ["exec " + lines[-1]])],
                       self.top, {**self.env, **env})

    def prepare(self, **values):
        """The blocks up to the first start; `values` are told to Weir by the environment."""
        self.shell(self.blocks[0], self.top)
        config = self.folder / "weir.yaml"
        config.write_text(self.here(config.read_text()) + "log: {journal: false, level: notice}\nstore: {reserve_mb: 1, low_mb: 4}\n")
        self.shell(self.blocks[1])
        self.values = {k: str(v) for k, v in values.items()}

    def begin(self, seconds=30, plain=False):
        """The far side and Weir; plain: without the page's env file."""
        self.far = self.daemon("far", self.blocks[2].rstrip("\n") + f" --record {self.top}/far.jsonl\n")
        wait_until(lambda: request(self.far_port, "GET", "/_health")[0] == 200, 5, "the stand-in listens")
        self.start_again(seconds, plain)

    def start_again(self, seconds=30, plain=False):
        self.began = time.monotonic()
        block = self.blocks[3]
        if plain:
            block = "\n".join(line for line in block.splitlines() if not line.startswith("set -a")) + "\n"
        self.program = self.daemon("weir", block, **self.values)
        self.wait_ready(seconds)

    def script(self, **rule):
        status, _, said = request(self.far_port, "POST", "/_script", rule)
        check(status == 200, f"the stand-in refuses a rule: {said}")

    def no_script(self):
        request(self.far_port, "DELETE", "/_script")

    def far_record(self):
        """Every request that reached the far side: its summary has the file written."""
        request(self.far_port, "GET", "/_summary")
        with open(self.top / "far.jsonl") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def far_seen(self, text):
        """How many calls for it reached the far side."""
        return sum(text in line["path"] for line in self.far_record())

    def key(self, name):
        return {"Authorization": "Bearer " + (self.folder / "credentials" / name).read_text().strip()}


def together(count, work, each):
    """work(n) for each of `each`, `count` at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, each))
