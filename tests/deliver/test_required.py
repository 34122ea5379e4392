"""The aggregator: an answer always comes, and never a wrong pass."""

import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.deliver import required
from workbench.deliver.required import ACCEPTED, FINISH_SECONDS, REGISTER_SECONDS, CheckRun, decide

ROOT = Path(__file__).resolve().parents[2]
CONCLUSIONS = (
    *("success", "skipped", "neutral", "failure", "cancelled", "timed_out", "action_required"),
    *("stale", "startup_failure", "a word of next year", None),
)
UNFINISHED = ("queued", "in_progress", "waiting", "requested", "pending", "a word of next year")
SIBLINGS = ("lint", "full")


def recorded(number, name, status="completed", conclusion="success", app="github-actions"):
    """A check run as GitHub's REST interface answers it, other fields than those read included."""
    return {
        "id": number,
        "head_sha": "0" * 40,
        "node_id": "MDg6Q2hlY2tSdW40",
        "external_id": "",
        "url": f"https://api.github.com/repos/o/r/check-runs/{number}",
        "html_url": f"https://github.com/o/r/actions/runs/1/job/{number}",
        "details_url": f"https://github.com/o/r/actions/runs/1/job/{number}",
        "status": status,
        "conclusion": conclusion,
        "started_at": "2026-11-20T01:00:00Z",
        "completed_at": "2026-11-20T01:00:10Z" if status == "completed" else None,
        "output": {"title": None, "summary": None, "text": None, "annotations_count": 0},
        "name": name,
        "check_suite": {"id": 5},
        "app": {"id": 15368, "slug": app, "name": "GitHub Actions"} if app else None,
        "pull_requests": [],
    }


def page(*runs):
    return {"total_count": len(runs), "check_runs": list(runs)}


def after(seconds, *runs):
    return decide(required.parse(page(*runs)), SIBLINGS, seconds).state


@pytest.mark.parametrize("conclusion", CONCLUSIONS)
def test_every_conclusion(conclusion):
    done = recorded(1, "lint"), recorded(2, "full", conclusion=conclusion)
    assert after(0, *done) == (
        "pass" if conclusion in ("success", "skipped", "neutral") else "fail"
    )


@pytest.mark.parametrize("status", UNFINISHED)
def test_every_state_before_the_end_is_waited_for_but_not_for_ever(status):
    runs = recorded(1, "lint"), recorded(2, "full", status, None)
    assert after(0, *runs) == after(REGISTER_SECONDS, *runs) == "wait"
    assert after(FINISH_SECONDS - 1, *runs) == "wait"
    assert after(FINISH_SECONDS, *runs) == "fail"


def test_who_never_registers_is_waited_for_eight_minutes_and_accepted():
    assert after(479, recorded(1, "lint")) == "wait"
    assert after(480, recorded(1, "lint")) == after(480) == "pass"


def test_a_failure_is_said_at_once_whatever_the_others_do():
    assert after(0, recorded(1, "lint", conclusion="failure")) == "fail"
    waiting = recorded(2, "full", "queued", None)
    assert after(0, recorded(1, "lint", conclusion="failure"), waiting) == "fail"


def test_a_job_that_is_run_again_counts_by_its_newest_run():
    old, new = recorded(1, "lint", conclusion="failure"), recorded(3, "lint")
    assert after(0, new, recorded(2, "full"), old) == "pass"
    assert after(0, recorded(1, "full"), recorded(3, "lint", "queued", None), old) == "wait"


def test_it_never_waits_for_itself():
    own = recorded(9, required.NAME, "in_progress", None)
    done = recorded(1, "lint"), recorded(2, "full")
    assert after(0, *done, own) == "pass"
    runs = required.parse(page(*done, own))
    assert decide(runs, (*SIBLINGS, required.NAME), 0).state == "pass"


def test_another_app_cannot_speak_for_a_sibling():
    real = recorded(1, "lint", conclusion="failure"), recorded(2, "full")
    for app in ("somebody", None):
        assert after(0, *real, recorded(3, "lint", app=app)) == "fail"


runs = st.lists(
    st.builds(
        CheckRun,
        st.integers(0, 50),
        st.sampled_from((*SIBLINGS, required.NAME, "another")),
        st.sampled_from(("completed", *UNFINISHED)),
        st.sampled_from(CONCLUSIONS),
    ),
    unique_by=lambda run: run.id,
)


@given(runs, st.floats(0, 2 * FINISH_SECONDS), st.randoms())
@example([], FINISH_SECONDS, None)
def test_the_rule_as_a_whole(found, elapsed, random):
    said = decide(found, SIBLINGS, elapsed).state
    newest = {run.name: run for run in sorted(found, key=lambda run: run.id)}
    mine = [newest[name] for name in SIBLINGS if name in newest]
    good = [run for run in mine if run.status == "completed" and run.conclusion in ACCEPTED]
    bad = [run for run in mine if run.status == "completed" and run.conclusion not in ACCEPTED]
    if said == "pass":
        assert good == mine
        assert len(mine) == len(SIBLINGS) or elapsed >= REGISTER_SECONDS
    if bad:
        assert said == "fail"
    if elapsed >= FINISH_SECONDS:
        assert said != "wait"
    if said == "fail":
        assert bad or elapsed >= FINISH_SECONDS
    if random is not None:  # neither order nor strangers nor itself matter
        random.shuffle(found)
    others = [run for run in found if run.name in SIBLINGS]
    assert decide(others, SIBLINGS, elapsed).state == said


class Clock:
    """Time that passes only while somebody sleeps."""

    now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def watch(answers, siblings=SIBLINGS):
    """(verdict, seconds it took, lines) when GitHub answers so; the last answer for ever."""
    clock, said, left = Clock(), [], list(answers)

    def ask():
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return required.parse(answer)

    passed = required.watch(ask, siblings, said.append, clock=clock, sleep=clock.sleep)
    return passed, clock.now, said


def test_watching_ends_with_the_last_sibling():
    lint, full = recorded(1, "lint"), recorded(2, "full", "queued", None)
    answers = [page(), page(lint), page(lint, full), page(lint, recorded(2, "full"))]
    passed, seconds, said = watch(answers)
    assert (passed, seconds) == (True, 3 * required.POLL_SECONDS)
    assert said[0] == "lint: not registered yet; full: not registered yet"
    assert said[-2:] == ["lint: success; full: success", "pass"]
    assert len(said) == 5  # what did not change is said once


def test_watching_ends_whatever_github_does():
    assert watch([page()])[:2] == (True, REGISTER_SECONDS)
    stuck = page(recorded(1, "lint", "queued", None), recorded(2, "full"))
    assert watch([stuck])[:2] == (False, FINISH_SECONDS)
    for lost in (OSError("no route"), ValueError("no JSON"), KeyError("check_runs")):
        passed, seconds, said = watch([lost])
        assert (passed, seconds) == (False, (required.PATIENCE - 1) * required.POLL_SECONDS)
        assert "no answer from GitHub" in said[0]


def test_an_answer_that_fails_now_and_then_is_asked_for_again():
    waiting = page(recorded(1, "lint"), recorded(2, "full", "in_progress", None))
    done = page(recorded(1, "lint"), recorded(2, "full"))
    answers = [OSError("reset"), waiting] * 2 * required.PATIENCE
    assert watch([*answers, done])[0]


@pytest.fixture
def github(monkeypatch):
    """A server that answers like GitHub; yields (its runs, the requests it got)."""
    found, asked = [], []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Authorization"]))
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            begin = (int(query["page"][0]) - 1) * 100
            runs = [run for run in found[begin : begin + 100] if run["id"] != "gone"]
            document = {"total_count": len(found), "check_runs": runs}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setenv("COMMIT", "0" * 40)
    monkeypatch.setenv("GH_TOKEN", "secret")
    for proxy in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(required, "POLL_SECONDS", 0)
    yield found, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_page_is_read_and_the_token_not_said(github, capsys):
    found, asked = github
    found += [recorded(i, f"other {i}") for i in range(150)]
    found += [recorded(200, "lint"), recorded(201, "full", conclusion="skipped")]
    assert required.main(SIBLINGS) == 0
    assert [path.split("page=")[-1] for path, _ in asked] == ["1", "2"]
    assert asked[0][0].startswith(f"/repos/o/r/commits/{'0' * 40}/check-runs?filter=latest&")
    assert asked[0][1] == "Bearer secret"
    assert capsys.readouterr().out == "lint: success; full: skipped\npass\n"
    found[-1]["conclusion"] = "failure"
    assert required.main(SIBLINGS) == 1


def test_a_run_that_vanishes_between_two_pages_is_not_asked_for_without_end(github):
    found, asked = github
    found += [recorded(1, "lint"), {"id": "gone"}]
    runs = required.check_runs(*arguments())
    assert ([run.name for run in runs], len(asked)) == (["lint"], 2)


def arguments():
    return (*(os.environ[k] for k in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "COMMIT")), "secret")


def test_a_refusal_of_the_server_is_an_error_that_watching_knows(github, monkeypatch):
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    with pytest.raises(urllib.error.URLError):
        required.check_runs(*arguments())
    assert issubclass(urllib.error.URLError, OSError)
    assert required.main(SIBLINGS) == 1


@pytest.mark.parametrize(
    ("siblings", "unset"), [((), None), ((required.NAME,), None), (SIBLINGS, "GH_TOKEN")]
)
def test_wrong_usage_is_64_and_never_a_pass(github, monkeypatch, capsys, siblings, unset):
    if unset:
        monkeypatch.delenv(unset)
    assert required.main(siblings) == 64
    assert "usage: " in capsys.readouterr().out


def test_it_runs_before_anything_is_installed():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import workbench.deliver.required"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_the_setting_requires_this_check_of_this_app_on_the_default_branch_only():
    setting = required.setting()
    assert setting["conditions"]["ref_name"] == {"include": ["~DEFAULT_BRANCH"], "exclude": []}
    (rule,) = setting["rules"]
    assert rule["parameters"]["required_status_checks"] == [
        {"context": "required", "integration_id": 15368}
    ]
