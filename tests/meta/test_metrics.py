#!/usr/bin/env python3
"""Every metric of the table is counted somewhere and documented; dashboard and alert rules ask for what there is, and
promtool agrees with them."""
import json
import re
import shutil
import subprocess

import meta

RULES, RULES_TEST = "packaging/alerts/weir.rules.yaml", "tests/meta/weir.rules.test.yaml"
DASHBOARD = "packaging/grafana/weir.json"
rows = re.findall(r'^METRIC\((\w+),\s*(\w+),\s*"(\w+)",\s*"(\w*)"', meta.text("lib/sys/metrics.def"), re.M)
kinds = {name: kind for _, kind, name, _ in rows}
labels = {name: label for _, _, name, label in rows}


def family(name):
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if kinds.get(base, "").startswith("HISTOGRAM") and base != name else name


def unknown(place, expression):
    """Names that the table does not have, and labels that their metric does not have."""
    found = []
    for name, selector in re.findall(r"\b(weir_\w+)(?:\{([^}]*)\})?", expression):
        if family(name) not in kinds:
            found.append(f"{place}: {name}")
            continue
        known = {"job", "instance", "actor", "le", labels[family(name)]}
        found += [f"{place}: {name} has no label {label}" for label in re.findall(r"(\w+)\s*[=!]~?", selector) if label not in known]
    return found


sources = "".join(meta.text(p) for p in meta.files(".c") if p.parts[0] in ("actors", "supervisor", "lib") and p.name != "metrics.c")
page = meta.text("docs/METRICS.md")
meta.report("every_metric_is_counted_somewhere", [f"{name}: nobody sets METRIC_{word}" for word, _, name, _ in rows
                                                  if not re.search(rf"(wish_\w+|metrics_(add|set|observe))\([^;]*METRIC_{word}\b", sources)])
meta.report("every_metric_is_documented", [name for name in kinds if f"| `{name}` |" not in page])
meta.report("names_follow_the_convention", [
    f"{name}: a {kind.lower()}" for name, kind in kinds.items()
    if not name.startswith("weir_") or (kind == "COUNTER") != name.endswith("_total") or (kind.startswith("HISTOGRAM") and not name.endswith("_seconds"))])

dashboard = json.loads(meta.text(DASHBOARD))
asked = [(p["title"], t["expr"]) for p in dashboard["panels"] for t in p.get("targets", [])]
asked += [("variables", json.dumps(v["query"])) for v in dashboard["templating"]["list"]]
problems = [u for title, expression in asked for u in unknown(title, expression)]
ids = [p["id"] for p in dashboard["panels"]]
problems += [] if len(asked) > 20 and len(set(ids)) == len(ids) else ["too few questions, or an id twice"]
for panel in dashboard["panels"]:
    place = panel["gridPos"]
    if place["x"] + place["w"] > 24:
        problems.append(f"{panel['title']} is off the page")
meta.report("the_dashboard_asks_for_metrics_that_exist", problems)

rules = meta.text(RULES)
expressions = re.findall(r"expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)", rules)
problems = [u for many, one in expressions for u in unknown(RULES, many or one)]
problems += [f"{RULES}: {name}" for name in re.findall(r"\bweir_\w+", rules) if family(name) not in kinds]
alerts = re.findall(r"alert: (\w+)", rules)
tested = meta.text(RULES_TEST)
for alert in alerts:
    fires = re.search(rf"alertname: {alert}\n\s+exp_alerts:\n\s+- exp_labels", tested)
    quiet = re.search(rf"alertname: {alert}, exp_alerts: \[\]", tested)
    if not fires or not quiet:
        problems.append(f"{alert} is not tested to {'keep quiet' if fires else 'fire'}")
problems += [u for series in re.findall(r"series: '([^']*)'", tested) for u in unknown(RULES_TEST, series)]
meta.report("the_rules_ask_for_metrics_that_exist_and_are_tested", problems if len(alerts) == len(expressions) else ["a rule is not read"])


def promtool(*words):
    if not shutil.which("promtool"):
        return ["promtool is needed: apt-get install prometheus"]
    run = subprocess.run(["promtool", *words], cwd=meta.ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return [] if run.returncode == 0 else run.stdout.strip().split("\n")[-5:]


def as_rules():
    """The dashboard's questions as recording rules, so that promtool reads them too."""
    lines = ["groups:", "- name: dashboard", "  rules:"]
    for n, (title, expression) in enumerate(a for a in asked if a[0] != "variables"):
        expression = expression.replace("$__rate_interval", "5m")
        lines += [f"  - record: panel:n{n}", f"    expr: {json.dumps(expression)}"]
    return "\n".join(lines)


meta.report("promtool_accepts_the_rules", promtool("check", "rules", RULES))
meta.report("promtool_tests_the_rules", promtool("test", "rules", RULES_TEST))
build = meta.ROOT / "build"
build.mkdir(exist_ok=True)
(build / "dashboard.rules.yaml").write_text(as_rules())
meta.report("promtool_reads_the_dashboards_questions", promtool("check", "rules", "build/dashboard.rules.yaml"))
meta.end()
