"""Packages of others, installed when a test needs them, into build/npm/NAME."""
import fcntl
import shutil
import subprocess

from weir import ROOT, check


def install(name, packages, seconds=240):
    """name@version each; the folder node_modules that has them. Tests may run side by side: one installs at a time."""
    folder = ROOT / "build/npm" / name
    modules = folder / "node_modules"
    check(shutil.which("node") and shutil.which("npm"), "node and npm are needed: apt-get install nodejs npm")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((modules / p.rsplit("@", 1)[0] / "package.json").exists() for p in packages):
            run = subprocess.run(["npm", "install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund",
                                  "--ignore-scripts", *packages], text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=seconds)
            check(run.returncode == 0, f"npm install failed: {run.stdout[-300:]}")
    return modules
