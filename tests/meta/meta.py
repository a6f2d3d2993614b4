"""What the meta tests share: the list of files, and lines that ./check counts."""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("WEIR_BUILD", ROOT / "build/proc"))
failed = False


def files(*suffixes):
    """Files below the top with one of the suffixes, as git knows them (or would add them); without git, all but what is built."""
    try:
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                                stdout=subprocess.PIPE, check=True).stdout.split("\n")
    except (FileNotFoundError, subprocess.CalledProcessError):
        listed = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.rglob("*"))
                  if not {".git", "build", ".cache", "__pycache__"} & set(path.relative_to(ROOT).parts)]
    return [Path(name) for name in listed if name.endswith(suffixes) and (ROOT / name).is_file()]


def text(path):
    return (ROOT / path).read_text(errors="replace")


def report(name, problems):
    """One test: no problems is ok. At most ten problems are shown, the first one in the summary."""
    global failed
    if not problems:
        print(f"ok {name}")
        return
    failed = True
    for problem in problems[:10]:
        print(f"  {problem}")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    print(f"not ok {name}: {problems[0]}{more}")


def end():
    sys.exit(1 if failed else 0)


def symbols(path, *options):
    """(kind, name) of nm's output."""
    out = subprocess.run(["nm", *options, str(path)], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for line in out.stdout.split("\n"):
        parts = line.split()
        if len(parts) >= 2:
            yield parts[-2], parts[-1].split("@")[0]


def objects(folder):
    """Source path -> object file of everything built from a folder of the repository."""
    found = {}
    for path in BUILD.glob("CMakeFiles/*.dir/**/*.c.o"):
        source = Path(*path.relative_to(BUILD).parts[2:]).as_posix()[:-2]
        if source.startswith(folder + "/"):
            found[source] = path
    return found
