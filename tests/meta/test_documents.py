#!/usr/bin/env python3
"""What the pages say exists: commands, files, links; scripts parse."""
import json
import re
import subprocess
import tempfile

import meta

PAGES = [p for p in meta.files(".md") if p.parts[0] in ("README.md", "HACKING.md", "docs", "protocol", "lib", "CHANGELOG.md")]
missing_files, missing_commands, broken = [], [], []
helps = {}


def help_of(program):
    if program not in helps:
        run = subprocess.run([meta.BUILD / program, "--help"], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=20)
        helps[program] = run.stdout
    return helps[program]


for page in PAGES:
    body = meta.text(page)
    for target in re.findall(r"\]\(([^)#:\s]+)\)", body):
        if not ((meta.ROOT / page).parent / target).exists():
            missing_files.append(f"{page}: link to {target}")
    for line in re.findall(r"^(?:    |\$ )?\s*((?:\./\w+|weirctl|weir-\w+)[^\n|`]*)", "\n".join(re.findall(r"```(?:sh|console)?\n(.*?)```", body, re.S)), re.M):
        words = line.split()
        program = words[0]
        if program.startswith("./"):
            if not (meta.ROOT / program).exists():
                missing_commands.append(f"{page}: {program}")
            continue
        try:
            said = help_of(program)
        except (OSError, subprocess.TimeoutExpired) as error:
            missing_commands.append(f"{page}: {program}: {error}")
            continue
        verb = next((w for w in words[1:] if not w.startswith("-") and "/" not in w), None)
        if program == "weirctl" and verb and not re.search(rf"\b{re.escape(verb)}\b", said):
            missing_commands.append(f"{page}: weirctl has no {verb}")
        for option in [w for w in words[1:] if w.startswith("--")]:
            if program != "weirctl" and option.split("=")[0] not in said:
                missing_commands.append(f"{page}: {program} has no {option}")
for path in [p for p in meta.files(".sh", "run", "check") if p.suffix in (".sh", "")]:
    run = subprocess.run(["bash", "-n", path], cwd=meta.ROOT, text=True, stderr=subprocess.PIPE)
    if run.returncode:
        broken.append(run.stderr.strip())
for path in meta.files(".py"):
    try:
        compile(meta.text(path), str(path), "exec")
    except SyntaxError as error:
        broken.append(f"{path}: {error}")
examples = re.findall(r"^```yaml\n(.*?)^```", meta.text("docs/LIMITS.md"), re.M | re.S)
mistakes = [] if examples else ["docs/LIMITS.md has no configuration"]
for example in examples:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(example)
        file.flush()
        run = subprocess.run([meta.BUILD / "weirctl", "check", "--config", file.name], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        mistakes += [run.stdout] if run.returncode else []
verbs = re.findall(r'^VERB\(\w+, "([a-z._]+)"', meta.text("supervisor/ctl_verbs.def"), re.M)
answers = json.loads(meta.text("docs/ctl.schemas.json"))["answers"]
unknown = [f"{v}: its answer has no schema in docs/ctl.schemas.json" for v in verbs if f"weir.{v}/1" not in answers]
meta.report("every_verb_has_a_schema", unknown)
meta.report("links_of_the_pages_lead_somewhere", missing_files)
meta.report("commands_of_the_pages_exist", missing_commands)
meta.report("the_configuration_of_the_page_about_limits_is_right", mistakes)
meta.report("scripts_parse", broken)
meta.end()
