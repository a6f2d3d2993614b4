#!/usr/bin/env python3
"""etc/examples/ci-runners: its page's commands as written, and what the page promises."""
import hashlib
import hmac
import json
import re
import time

from weir import check, main, request, test, wait_until
from example import Example

FAST = dict(CI_TOKENS_PER_HOUR=1000, CI_GITHUB_CALLS_PER_MINUTE=1000, CI_REFUSE_FROM_PERCENT=1000)


class Runners(Example):
    def __init__(self, **values):
        super().__init__("ci-runners", 8182, 9182)
        self.prepare(**values)
        self.deliveries = 0
        self.jobs, self.over = {}, {}  # whose a message is; when its "completed" was said
        self.begin()

    def hook(self, action, job, repo="a/one", branch="feature/x", delivery=None, **more):
        owner, name = repo.split("/")
        body = json.dumps({"action": action, "workflow_job": {"id": job, "head_branch": branch},
                           "repository": {"name": name, "full_name": repo, "owner": {"login": owner}}, **more}).encode()
        self.deliveries += 1
        secret = (self.folder / "credentials/github-webhook").read_text().strip().encode()
        answer = request(self.port, "POST", "/github", body, {
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
            "X-GitHub-Event": "workflow_job", "X-GitHub-Delivery": delivery or f"d-{self.deliveries}"})
        self.jobs[answer[2].get("id")] = job
        return answer

    def queued(self, job, repo="a/one", branch="feature/x", **more):
        answer = self.hook("queued", job, repo, branch, **more)
        check(answer[0] == 200, f"job {job}: {answer[0]} {answer[2]}")

    def completed(self, job, repo="a/one"):
        self.over.setdefault(job, time.clock_gettime(time.CLOCK_BOOTTIME))
        check(self.hook("completed", job, repo)[0] == 200, f"completed {job}")

    def started(self):
        """{job: when}, by the launcher's own record; each once."""
        starts = [(self.jobs[line["message"]], line["at_us"] / 1e6) for line in self.far_record()
                  if line["path"] == "/runners" and line["method"] == "POST"]
        check(len(dict(starts)) == len(starts), f"one machine a job: {starts}")
        return dict(starts)

    def most_at_once(self, which=lambda job: True):
        """Machines that ran at once: each from its start at the launcher until "completed" was said of its job."""
        spans = [(at, self.over.get(job, float("inf"))) for job, at in self.started().items() if which(job)]
        now = most = 0
        for _, more in sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans]):
            now += more
            most = max(most, now)
        return most

    def running(self, limit="runners"):
        said = self.ctl("limits.ls", full=True)
        row = next(row for row in said["limits"] if row["name"] == limit)
        return {v["value"]: v["in_use"] for v in row["by_value"] if v["in_use"]} if "by_value" in row else row["in_use"]

    def launched(self):
        """Jobs whose runner runs: who holds a slot as a lease."""
        holders = self.ctl("slots.ls", limit="runners").get("holders", [])
        return [int(re.search(r"job-(\d+)", str(slot)).group(1)) for slot in holders if "job-" in str(slot)]

    def settle(self):
        """Until nothing is under way and the same runners run, five looks in a row."""
        looks = []

        def same():
            looks.append(self.launched() if self.queue()["assigned"] == 0 else None)
            return looks[-1] and looks[-5:] == looks[-1:] * 5
        wait_until(same, 15, "as many run as may")

    def calls(self, part):
        return sum(line["path"].startswith(part) and line["method"] == "POST" for line in self.far_record())


@test
def the_page_works_as_written():
    weir = Runners()
    said = [weir.shell(block) for block in weir.blocks[4:]]
    check(said[0].count("accepted") == 1 and "duplicate" in said[0], f"one job: {said[0]}")
    record = json.loads(said[1].splitlines()[0])
    check(sorted(record) == ["lastUpdated", "repository", "runningCount"] and record["repository"] == "patient-studio/next-gen-api"
          and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["lastUpdated"]), f"the record: {record}")
    wait_until(lambda: weir.running() == 0, 5, "completed gave the slot back")
    check("mode draining for " in said[3], f"mode show: {said[3]}")
    check("3 would be 60 % of the 5 that run" in said[4], f"the plan warns: {said[4]}")
    weir.stop()
    print(f"page: {len(weir.blocks)} blocks; record {record}", flush=True)


@test
def the_plan_says_five_of_six_and_warns_of_three_of_five():
    weir = Example("ci-runners", 8182, 9182)
    weir.prepare()

    def plan(**env):
        said = json.loads(weir.shell("weirctl --json plan weir.yaml --hold 10m", **env))
        return ({(r["limit"], r["kind"]): r for r in said["limits"]}, {(b["where"], b["of"]): b for b in said["binds"]},
                {(w["limit"], w["about"]): w["text"] for w in said["warnings"]})
    rows, binds, warnings = plan()
    check((rows["runners", "limit"]["slots"], rows["runners", "limit"]["run"]) == (6, 5), f"80 % of 6 are 5: {rows}")
    check((rows["runners", "share"]["run"], rows["runners", "share"]["share_percent"]) == (2, 40), f"one repository binds at 2: {rows}")
    jobs = binds["route jobs", "all"]
    check((jobs["at_once"], jobs["at_once_by"], jobs["starts_per_min"]) == (5, "runners", 0.5), f"{jobs}")
    check("the override 3 of patient-studio/next-gen-api is never reached" in warnings["repo", "override"], f"{warnings}")
    check(("runners", "share") not in warnings, f"40 % are kept: {warnings}")
    rows, _, warnings = plan(CI_MAX_SHARE_PERCENT="50")
    check(rows["runners", "share"]["share_percent"] == 60, f"3 of 5: {rows}")
    check("3 of the 5 slots that run, 60 % and not 50 %" in warnings["runners", "share"], f"and it is said: {warnings}")
    check(("repo", "override") not in warnings, f"then 3 is reached: {warnings}")
    print(f"plan: 5 of 6 run; with 50 %: {warnings['runners', 'share']}", flush=True)


@test
def never_more_than_six_runners_and_nobody_has_more_than_its_share():
    weir = Runners(CI_MAX_SHARE_PERCENT=50, **FAST)
    repos = ["patient-studio/next-gen-api"] * 8 + ["patient-studio/frontend"] * 8 + ["patient-studio/docs"] * 4 + \
        ["other/a", "other/b", "other/c"]
    for job, repo in enumerate(repos):
        weir.queued(job, repo)
    weir.settle()
    cancelled = [job for job in range(len(repos)) if job not in weir.started()][::5]
    for job in cancelled:
        weir.completed(job, repos[job])
    while len(weir.over) < len(repos):
        weir.settle()
        of, total = weir.running("repo"), weir.running()
        live = [job for job in weir.started() if job not in weir.over]
        check(total == len(live) == sum(of.values()), f"Weir counts what runs at the launcher: {total}, {of}, {live}")
        for job in live:
            weir.completed(job, repos[job])
    weir.wait_empty(10)
    check(weir.running() == 0, "all free at the end")
    started, most = weir.started(), weir.most_at_once()
    late = {job: at - weir.over[job] for job, at in started.items() if at > weir.over[job]}
    check(not late, f"no machine was started for a job that was over: {late}")
    check(sorted([*started, *cancelled]) == list(range(len(repos))), f"each job has one, but those cancelled: {started}")
    check(most == 6, f"six at once by the launcher's record, and never more: {most}")
    check(weir.most_at_once(lambda job: repos[job].startswith("patient-studio/")) == 5, "five of an organisation")
    most_of = {repo: weir.most_at_once(lambda job, repo=repo: repos[job] == repo) for repo in repos}
    check(most_of["patient-studio/next-gen-api"] == 3 and most_of["patient-studio/frontend"] == 2
          and most_of["patient-studio/docs"] == 1, f"as runners.json says: {most_of}")
    weir.stop()
    print(f"{len(repos)} jobs, {len(cancelled)} cancelled as they waited: at most {most} of 6 machines at once; "
          f"most of a repository {most_of}", flush=True)


@test
def tokens_are_asked_for_at_the_rates_of_the_file():
    weir = Runners(CI_REFUSE_FROM_PERCENT=1000)
    for job in range(7):
        weir.queued(job, "a/one")
    wait_until(lambda: weir.calls("/repos/a/one/") == 5, 5, "five tokens for a repository")
    for job in range(10, 24):
        weir.queued(job, f"a/r{job % 2}")
    wait_until(lambda: weir.calls("/repos/a/") == 10, 5, "ten calls of an organisation")
    weir.queued(50, "b/one")
    wait_until(lambda: weir.calls("/repos/b/") == 1, 5, "another organisation goes on")
    check((weir.calls("/repos/a/one/"), weir.calls("/repos/a/")) == (5, 10), "and no more than that")
    weir.stop()
    print("tokens: 5 of 7 for a repository in its hour, 10 of 21 for an organisation in its minute", flush=True)


@test
def a_429_pauses_the_tokens_of_that_organisation_alone():
    weir = Runners(**FAST)
    weir.no_script()
    weir.script(path="/repos/a/*", do="429", retry_after=3600, times=1)
    weir.script(path="/repos/*", do="201", body={"token": "T"})
    for job in range(4):
        weir.queued(job, f"a/r{job}")
        wait_until(lambda: weir.calls("/repos/a/") >= 1, 5, "the first is refused")
    weir.queued(9, "b/one")
    wait_until(lambda: weir.calls("/repos/b/") == 1 and weir.running() == 1, 20, "the other organisation's runner runs")
    check(weir.calls("/repos/a/") == 1, f"one call of the paused one: {weir.calls('/repos/a/')}")
    weir.stop()


@test
def main_goes_before_feature_before_experiment():
    weir = Runners(CI_RUNNERS_MAX=1, CI_MAX_SHARE_PERCENT=99, **FAST)
    weir.queued(1, "a/one")
    wait_until(lambda: weir.launched() == [1], 5, "one runs")
    for job, branch in ((2, "experiment/x"), (3, "feature/x"), (4, "main"), (5, "hotfix/x")):
        weir.queued(job, f"a/r{job}", branch)
    wait_until(lambda: weir.ctl("limits.ls", name="runners")["limits"][0]["waiting"] == 4, 5, "four wait")
    order = [1]
    for _ in range(4):
        weir.completed(order[-1], f"a/r{order[-1]}")
        order.append(wait_until(lambda: (now := weir.launched()) and now[0] not in order and now[0], 5, "the next one runs"))
    check(order == [1, 5, 4, 3, 2], f"hotfix, main, feature, experiment: {order}")
    weir.stop()


@test
def a_priority_goes_before_the_environment_and_that_before_the_branch():
    weir = Runners(CI_RUNNERS_MAX=1, CI_MAX_SHARE_PERCENT=99, **FAST)
    weir.queued(1, "a/one")
    wait_until(lambda: weir.launched() == [1], 5, "one runs")

    def of(environment):
        return {"deployment": {"environment": environment}}
    jobs = {2: ("low", "user/ann", {}), 3: ("normal", "pull/7", {}), 4: ("high", "release/2", {}), 5: ("critical", "security/cve", {}),
            6: ("normal", "experiment/x", of("development")), 7: ("high", "experiment/x", of("staging")),
            8: ("critical", "experiment/x", of("production")), 9: ("normal", "main", of("development")),
            10: ("low", "main", {"priority": "low", **of("production")}), 11: ("critical", "experiment/x", {"priority": "critical"})}
    for job, (_, branch, more) in jobs.items():
        weir.queued(job, f"a/r{job}", branch, **more)
    wait_until(lambda: weir.ctl("limits.ls", name="runners")["limits"][0]["waiting"] == len(jobs), 5, "the others wait")
    order = [1]
    for _ in jobs:
        weir.completed(order[-1], f"a/r{order[-1]}")
        order.append(wait_until(lambda: (now := weir.launched()) and now[0] not in order and now[0], 5, "the next one runs"))
    classes = [jobs[job][0] for job in order[1:]]
    words = ["critical", "high", "normal", "low"]
    check(classes == sorted(classes, key=words.index), f"{list(zip(order[1:], classes))}")
    check(order.index(8) < order.index(7) < order.index(6), f"production, staging, development: {order}")
    weir.stop()
    print(f"order of ten that waited: {list(zip(order[1:], classes))}", flush=True)


@test
def a_drain_says_how_long_it_still_takes_and_how_long_it_took():
    """Forty jobs, eight at a time at the launcher, which takes 0.4 s for each."""
    weir = Runners(CI_RUNNERS_MAX=100, CI_MAX_SHARE_PERCENT=99, **FAST)
    weir.no_script()
    weir.script(path="/repos/*", do="201", body={"token": "T"})
    weir.script(path="/runners", do="slow", ms=400)
    for job in range(40):
        weir.queued(job, f"o{job % 10}/r{job}")
    before = time.monotonic()
    weir.ctl("drain", why="new machines")
    ordered, left, unfinished, said = time.monotonic(), [], 0, ""

    def is_done():
        nonlocal unfinished, said
        asked = time.monotonic()
        drain = weir.ctl("mode.show").get("drain", {"done": False, "left_s": None})
        if drain["done"]:
            return drain
        unfinished = asked
        if drain["left_s"]:
            left.append(drain["left_s"])
            said = said or weir.shell("weirctl mode show").splitlines()[1]
        return None
    took = wait_until(is_done, 30, "it is drained")["last_s"]
    done = time.monotonic()
    check(re.match(r"draining for \d+ s, about \d+ s to go \(\w+\); 0 messages", said), f"mode show while it drains: {said}")
    check(unfinished - ordered <= took <= done - before, f"{unfinished - ordered:.2f} <= {took:.2f} <= {done - before:.2f}")
    check(min(left) < max(left), f"the estimate goes down: {left}")
    shown = weir.shell("weirctl mode show").splitlines()[1]
    check(shown == f"drained in {took:.1f} s; 0 messages wait for its end", f"and after it: {shown}")
    gauge = 'weir_drain_seconds{actor="drainer",instance="0",drain="last"}'
    wait_until(lambda: weir.metrics()[gauge] == took, 5, "the metric says the same")
    weir.stop()
    print(f"time to drain: {took:.2f} s, estimated {max(left):.1f} to {min(left):.1f} s; {said}", flush=True)


@test
def a_delivery_twice_is_once_and_completed_gives_the_slot_back():
    weir = Runners(**FAST)
    for _ in range(3):
        check(weir.hook("queued", 7, delivery="same")[0] == 200, "each is answered 200")
    wait_until(lambda: weir.running() == 1, 5, "one runs")
    for _ in range(2):
        weir.completed(7)
    wait_until(lambda: weir.running() == 0, 5, "free")
    weir.completed(8)
    weir.queued(8)
    weir.wait_empty(10)
    check(weir.running() == 0, "a job that was completed first holds nothing")
    wait_until(lambda: weir.calls("/repos/a/one/") == 2, 5, "both came as far as their token")
    check(list(weir.started()) == [7], f"a machine for the first, none for what was over: {weir.started()}")
    check(weir.hook("completed", 7, delivery="x")[0] == 200, "late is harmless")
    status, _, said = request(weir.port, "POST", "/github", {"action": "queued"}, {"X-GitHub-Delivery": "forged"})
    check(status == 401, f"nobody without a signature: {status} {said}")
    weir.stop()


@test
def a_job_that_was_cancelled_while_it_waited_starts_no_machine():
    weir = Runners(CI_RUNNERS_MAX=1, CI_MAX_SHARE_PERCENT=99, **FAST)
    weir.queued(1, "a/r1")
    wait_until(lambda: weir.launched() == [1], 5, "one runs")
    for job in (2, 3):
        weir.queued(job, f"a/r{job}")
    wait_until(lambda: weir.ctl("limits.ls", name="runners")["limits"][0]["waiting"] == 2, 5, "two wait")
    weir.completed(2, "a/r2")
    weir.completed(1, "a/r1")
    wait_until(lambda: weir.launched() == [3] and weir.queue()["queued"] == 0, 5, "the next one runs")
    check(list(weir.started()) == [1, 3], f"machines were started for two jobs: {weir.started()}")
    weir.stop()


@test
def a_lost_completed_is_found_in_the_launchers_list():
    weir = Runners(CI_TRUTH_EVERY_SEC=1, CI_TRUTH_GRACE_SEC=1, **FAST)
    for job in (1, 2, 3):
        weir.queued(job, f"a/r{job}")
    wait_until(lambda: weir.running() == 3, 5, "three run")
    weir.no_script()
    weir.script(path="/runners?per_page=100", do="200", body={"runners": [{"name": "job-1"}, {"name": "job-3"}]})
    wait_until(lambda: sorted(weir.launched()) == [1, 3], 10, "the one that is not listed is ended")
    wait_until(lambda: weir.metric("weir_limit_drift_total") == 1, 5, "and counted")
    weir.kill("responder")
    wait_until(lambda: weir.metric("weir_limit_truth_age_seconds") < 1, 15, "a responder that died is not waited for")
    check(sorted(weir.launched()) == [1, 3], "the listed ones stay")
    weir.stop()


@test
def a_drain_holds_or_refuses_as_the_source_says():
    weir = Runners(**FAST)
    operator = weir.key("operator-key")
    weir.queued(1, "a/r1")
    wait_until(lambda: weir.running() == 1, 5, "one runs")

    def draining(on):
        status, _, said = request(weir.port, "PUT", "/admin/draining", {"draining": on, "why": "new machines"}, operator)
        check(status == 200, f"/admin/draining: {status} {said}")
    draining(True)
    wait_until(lambda: weir.ctl("mode.show")["mode"] == "draining", 5, "it drains")
    weir.queued(2, "a/r2")
    wait_until(lambda: weir.queue()["held"] == 1, 5, "a new job is held")
    weir.completed(1, "a/r1")
    wait_until(lambda: weir.running() == 0, 5, "a release is taken in a drain")
    wait_until(lambda: weir.calls("/runners") == 1 and weir.queue()["held"] == 1, 5, "nothing new is begun")
    draining(False)
    wait_until(lambda: weir.running() == 1, 5, "what was held runs after it")
    weir.completed(2, "a/r2")
    weir.stop()
    weir.values["CI_AT_DRAIN"] = "refuse"
    weir.start_again()
    draining(True)
    wait_until(lambda: weir.ctl("mode.show")["mode"] == "draining", 5, "it drains")
    status, headers, said = wait_until(lambda: (a := weir.hook("queued", 3, "a/r3"))[0] == 503 and a, 5, "503")
    check("System draining" in json.dumps(said) and "retry-after" in headers, f"{headers} {said}")
    draining(False)
    weir.stop()
    weir.values["CI_AT_DRAIN"] = "dead"
    weir.start_again()
    draining(True)
    wait_until(lambda: weir.ctl("mode.show")["mode"] == "draining", 5, "it drains")
    status, headers, said = weir.hook("queued", 4, "a/r4")
    check(status == 503 and "System draining" in json.dumps(said), f"refused: {status} {said}")
    letters = weir.ctl("dead.ls")["messages"]
    check([letter["reason"] for letter in letters] == ["refused: System draining"], f"and kept as a dead letter: {letters}")
    check(weir.hook("in_progress", 1, "a/r1")[0] == 200, "what starts nothing is taken")
    check(len(weir.ctl("dead.ls")["messages"]) == 1, "and is no dead letter")
    draining(False)
    wait_until(lambda: weir.ctl("dead.redrive", all=True)["ok"], 5, "redriven after the drain")
    wait_until(lambda: 4 in weir.launched(), 10, "its runner is started")
    weir.stop()


@test
def from_five_of_six_on_new_jobs_are_held():
    weir = Runners(CI_TOKENS_PER_HOUR=1000, CI_GITHUB_CALLS_PER_MINUTE=1000, CI_MODE_STAY_SEC=1)
    for job in range(5):
        weir.queued(job, f"o{job % 2}/r{job}")
    wait_until(lambda: weir.running() == 5 and weir.ctl("mode.show")["refuse"], 10, "five of six are more than 80 %")
    weir.queued(5, "o1/r5")
    wait_until(lambda: weir.queue()["held"] == 1, 5, "the sixth is held")
    check(weir.running() == 5, "five run")
    for job in (0, 1):
        weir.completed(job, f"o{job % 2}/r{job}")
    wait_until(lambda: 5 in weir.launched(), 10, "and begins when fewer than 70 % run")
    weir.stop()


@test
def a_burst_takes_all_machines_before_new_jobs_are_held():
    """The rule looks twice a second: what comes before it is accepted, and has all slots, until it is done."""
    for machines in (6, 5):
        weir = Runners(CI_RUNNERS_MAX=machines, CI_MAX_SHARE_PERCENT=99, CI_TOKENS_PER_HOUR=1000, CI_GITHUB_CALLS_PER_MINUTE=1000,
                       CI_MODE_STAY_SEC=1)
        jobs = {job: f"o{job % 4}/r{job}" for job in range(machines + 2)}
        for job, repo in jobs.items():
            weir.queued(job, repo)
        wait_until(lambda: weir.running() == machines and weir.ctl("mode.show")["refuse"], 10, "all are taken, and new ones are held")
        weir.queued(100, "o9/r9")
        wait_until(lambda: weir.queue()["held"] == 1, 5, "the next one is held")
        while len(weir.over) < len(jobs):
            weir.settle()
            for job in set(weir.started()) - set(weir.over):
                weir.completed(job, jobs.get(job, "o9/r9"))
        wait_until(lambda: 100 in weir.started(), 10, "and begins when fewer than 70 % run")
        check(weir.most_at_once() == machines, f"{weir.most_at_once()} of {machines} machines at once")
        weir.stop()
        print(f"a burst of {len(jobs)} with {machines} machines: {machines} at once, and no more", flush=True)


main()
