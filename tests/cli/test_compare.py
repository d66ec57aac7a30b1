"""What `spanload compare` promises, told from outside.

The library is the real one unless a test says otherwise, the programs are those of the distribution, or small ones that do on
purpose what must be caught. Statistics are worked out a second time here, from the samples in the JSON. No test depends on how
fast this machine is: where a difference has to be seen it is made large, where none is to be claimed there is none.
"""
import json
import math
import os
import pty
import re
import resource
import signal
import socket
import statistics
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPANLOAD = os.environ.get("SPANLOAD_BIN", str(ROOT / "build" / "spanload"))
LIBRARY = str(ROOT / "build" / "libspanload.so")
PYTHON = "/usr/bin/python3"
KEYS = ("wall", "cpu", "rss", "syscalls", "exit", "output", "spans")
FEW = ("--runs", "6")

pytestmark = pytest.mark.skipif(not os.access(SPANLOAD, os.X_OK), reason=f"{SPANLOAD} is not built")


def environment(**changes):
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANLOAD_", "LD_PRELOAD"))}
    variables.update(LANG="C.UTF-8", SPANLOAD_LIBRARY=LIBRARY, **changes)
    return variables


def compare(*arguments, timeout=120, env=None, **more):
    return subprocess.run([SPANLOAD, "compare", *map(str, arguments)], env=env or environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, **more)


def compared(place, *arguments, **more):
    """The process, and what it wrote as JSON."""
    report = place / "report.json"
    done = compare("--json", report, *arguments, **more)
    return done, json.loads(report.read_text())


def under_preload(there, otherwise=":"):
    """A shell command that does something else where a library is preloaded."""
    return ["sh", "-c", f'case "$LD_PRELOAD" in *libspanload*) {there};; *) {otherwise};; esac']


def script(place, text, name="program.py"):
    path = place / name
    path.write_text(text)
    return [PYTHON, str(path)]


@contextmanager
def origin():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = b"hello\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


# ---- what is the same, and what is not ----

def found_name(key):
    return {"exit": "exit status", "stdout": "standard output", "stderr": "standard error"}[key]


def test_a_program_that_does_not_care_is_the_same_in_everything_but_its_cost(tmp_path):
    done, report = compared(tmp_path, *FEW, "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert report["exit"]["baseline"] == report["exit"]["instrumented"] == "3"
    assert report["exit"]["result"] == "same" and report["exit"]["runs"] == 6
    for stream in ("stdout", "stderr"):
        assert report["output"][stream]["baseline"] == report["output"][stream]["instrumented"] == 4
        assert report["output"][stream]["result"] == "same"
    assert report["output"]["baseline"] == report["output"]["instrumented"] == 8 and report["output"]["ratio"] == 1
    assert report["gate"]["passed"] is True
    assert "exit status, standard output, standard error: the same in 6 runs with the library" in done.stdout


@pytest.mark.parametrize(("there", "otherwise", "key"), [
    ("echo two", "echo one", "stdout"),
    ("echo two >&2", "echo one >&2", "stderr"),
    ("exit 4", "exit 3", "exit"),
    ("kill -SEGV $$", "exit 0", "exit"),
    ("echo more; echo one", "echo one", "stdout"),
    ("printf one", "echo one", "stdout"),
    ("printf 'a\\0b'", "printf 'a\\0c'", "stdout"),
])
def test_what_behaves_differently_under_a_preload_is_caught_and_shown(tmp_path, there, otherwise, key):
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", *under_preload(there, otherwise))
    found = report["exit"] if key == "exit" else report["output"][key]
    assert done.returncode == 1
    assert found["result"] == "different" and found["runs_different"] == 6
    assert found["diff"] and found["diff"] in done.stdout
    assert report["gate"] == {**report["gate"], "has_different_outcome": True, "passed": False}
    assert "different in 6 of 6 runs with the library" in done.stdout


def test_the_diff_is_short_and_has_both_sides(tmp_path):
    lines = "; ".join(f"echo line {number}" for number in range(1, 9))
    done, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--", *under_preload(f"{lines}; echo with", f"{lines}; echo without"))
    assert done.returncode == 1
    diff = report["output"]["stdout"]["diff"].splitlines()
    assert "-without" in diff and "+with" in diff and len(diff) < 6


def test_one_different_run_among_many_is_enough(tmp_path):
    """Every third run with the library."""
    count = tmp_path / "count"
    there = f'echo x >>{count}; test $(($(wc -l <{count}) % 3)) -eq 0 && echo surprise'
    done, report = compared(tmp_path, "--runs", "9", "--no-syscalls", "--", *under_preload(f"{there} || true"))
    assert done.returncode == 1
    assert report["output"]["stdout"]["runs_different"] == 3


def test_lines_that_change_anyway_are_left_out_and_the_others_are_not(tmp_path):
    """A process id, then a line that depends on the library."""
    same = compare(*FEW, "--no-syscalls", "--", "sh", "-c", "echo $$; echo same")
    assert same.returncode == 0
    assert "1 of 2 lines change without the library too" in same.stdout
    different, report = compared(tmp_path, *FEW, "--no-syscalls", "--", *under_preload("echo $$; echo with", "echo $$; echo without"))
    assert different.returncode == 1
    assert report["output"]["stdout"] == {**report["output"]["stdout"], "result": "different", "lines": 2, "lines_varying": 1}


@pytest.mark.parametrize(("program", "out", "err"), [
    ("echo a; echo bb >/dev/stdout", 5, 0),
    ("echo a >&2; echo bb >/dev/stderr; echo c >&2", 0, 7),
    ("echo a; echo bb | tee /dev/stderr >/dev/null; echo c >/proc/self/fd/1", 4, 3),
    ("(sleep 0.1; echo late) & echo early", 11, 0),
])
def test_what_is_written_to_a_standard_file_that_is_opened_anew_erases_nothing(tmp_path, program, out, err):
    _, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--", "sh", "-c", program + "; wait")
    assert (report["output"]["stdout"]["baseline"], report["output"]["stderr"]["baseline"]) == (out, err)


def test_a_message_of_the_library_alone_is_seen_though_standard_error_is_opened_anew(tmp_path):
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", "sh", "-c",
                            'case "$LD_PRELOAD" in *libspanload*) echo broken >&2;; esac; echo bye >/dev/stderr')
    assert done.returncode == 1 and "+broken" in report["output"]["stderr"]["diff"]


def test_a_program_knows_a_pipe_and_no_other_descriptor(tmp_path):
    done, report = compared(tmp_path, "--runs", "1", "--", "sh", "-c",
                            "test -p /dev/stdout && test -p /dev/stderr && ls -l /proc/self/fd | grep -c 'memfd\\|signalfd\\|pipe:'")
    assert report["exit"]["baseline"] == "0" and done.returncode == 0
    assert report["output"]["stdout"]["baseline"] == 2         # of ls: its output, standard error; a digit and a newline


def test_who_closes_its_output_early_and_who_reads_on_are_no_matter(tmp_path):
    done, report = compared(tmp_path, "--runs", "2", "--", "sh", "-c", "yes | head -n 100000; exec >&- 2>&-; sleep 0.05; exit 3")
    assert done.returncode == 0 and report["exit"]["baseline"] == "3"
    assert report["output"]["stdout"]["baseline"] == 200000


@pytest.mark.parametrize(("there", "otherwise", "diff"), [
    ("echo a", "echo b", "@@ behind the first 67108864 bytes, which are the same: more is not kept @@\n"
                         "-70000002 bytes in all\n+70000002 bytes in all\n"),
    ("echo aa", "echo b", "-70000002 bytes in all\n+70000003 bytes in all\n"),
    ("echo b", "echo b", None),
])
def test_of_much_output_the_beginning_is_kept_and_the_rest_is_compared_all_the_same(tmp_path, there, otherwise, diff):
    done, report = compared(tmp_path, "--runs", "1", "--no-syscalls", "--",
                            *under_preload(f"head -c 70000000 /dev/zero; {there}", f"head -c 70000000 /dev/zero; {otherwise}"))
    found = report["output"]["stdout"]
    assert found["baseline"] == 70000002
    assert done.returncode == (1 if diff else 0)
    assert (found["diff"] or "").endswith(diff or "")


def child_of(pid):
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def worker_of(process):
    """The command's child ends what the worker, its child, may leave behind."""
    return child_of(child_of(process.pid))


def files_len(pid):
    """Bytes in the files in memory that a process has open."""
    total = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            total += link.stat().st_size if os.readlink(link).startswith("/memfd:") else 0
        except FileNotFoundError:
            pass
    return total


def test_a_program_that_prints_without_end_does_not_fill_the_memory():
    process = subprocess.Popen([SPANLOAD, "compare", "--runs", "1", "--", "yes"], env=environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    most = files_len(worker_of(process))
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 128 + signal.SIGINT
    assert 0 < most < 140_000_000


def test_accounts_are_found_wherever_they_are_in_a_long_standard_error(tmp_path):
    much = "head -c 5000000 /dev/zero | tr '\\0' x >&2"
    with origin() as url:
        _, report = compared(tmp_path, "--runs", "1", "--no-syscalls", "--", "sh", "-c", f"{much}; echo >&2; curl -s {url} >&2; {much}; echo >&2; {much}")
    assert report["spans"]["made"] >= 1


def test_of_output_that_always_changes_nothing_is_said(tmp_path):
    numbers = script(tmp_path, "import os\nfor _ in range(1 + os.getpid() % 97): print(os.urandom(8).hex())\n")
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", *numbers)
    assert done.returncode == 0
    assert report["output"]["stdout"]["result"] == "varies"
    assert "changes from run to run without the library too, nothing can be said" in done.stdout


def test_an_exit_status_that_was_never_seen_without_the_library_is_a_difference(tmp_path):
    """Also where it varies without."""
    flaky = f"echo x >>{tmp_path}/n; exit $(($(wc -l <{tmp_path}/n) % 2))"
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", *under_preload("kill -SEGV $$", flaky))
    assert done.returncode == 1
    assert report["exit"]["result"] == "different" and report["exit"]["instrumented"] == "signal 11"
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", "sh", "-c", flaky)
    assert done.returncode == 0 and report["exit"]["result"] == "same"


@pytest.mark.parametrize(("common", "rare", "key", "words"), [
    ("exit 0", "exit 7", "exit", "exit status: 7 in 6 of 6 runs with the library, in 1 of 12 without"),
    ("echo OK", "echo ERROR", "stdout", "standard output: line 1: ERROR in 6 of 6 runs with the library, in 1 of 12 without"),
    ("echo $$; echo OK >&2", "echo $$; echo ERROR >&2", "stderr",
     "standard error: line 1: ERROR in 6 of 6 runs with the library, in 1 of 12 without"),
])
def test_one_slip_without_the_library_does_not_excuse_every_run_with_it(tmp_path, common, rare, key, words):
    """The first run without the library is the warm-up."""
    count = tmp_path / "count"
    slips = f"echo x >>{count}; if test $(wc -l <{count}) -eq 4; then {rare}; else {common}; fi"
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--html", tmp_path / "report.html", "--", *under_preload(rare, slips))
    found = report["exit"] if key == "exit" else report["output"][key]
    assert done.returncode == 1
    assert found == {**found, "result": "different", "runs_different": 6, "baseline_runs": 12, "baseline_runs_alike": 1}
    assert words in done.stdout.splitlines() and "the same in" not in re.search(f"^{found_name(key)} .*", done.stdout, re.M)[0]
    assert words.split(": ", 1)[1] in (tmp_path / "report.html").read_text()
    count.unlink()
    done = compare(*FEW, "--no-syscalls", "--", "sh", "-c", slips)
    assert done.returncode == 0


@pytest.mark.parametrize("program", [
    ["sh", "-c", "date +%N; date +%N >&2; date +%N >{dir}/f"],
    under_preload("date +%N; date +%N >&2; date +%N >{dir}/f; kill -$(($(date +%N | tail -c 2) % 2 + 8)) $$", "touch {dir}/f"),
])
def test_64_descriptors_are_enough_however_many_contents_there_are(tmp_path, program):
    done, report = compared(tmp_path, "--runs", "20", "--", *program, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert done.returncode in (0, 1), done.stderr
    assert report["output"]["stdout"]["result"] in ("varies", "different")


def test_the_same_is_not_said_of_two_different_texts(tmp_path):
    flaky = f"echo x >>{tmp_path}/n; exit $(($(wc -l <{tmp_path}/n) % 2))"
    done, report = compared(tmp_path, "--runs", "3", "--no-syscalls", "--", "sh", "-c", flaky)
    assert done.returncode == 0 and {report["exit"]["baseline"], report["exit"]["instrumented"]} == {"0", "1"}
    assert re.search(r"^exit status +[01] +[01] +nothing new in 3 runs$", done.stdout, re.M)
    assert "exit status (changing as it does without), standard output" in done.stdout


def test_where_every_line_changes_anyway_nothing_is_called_the_same():
    done = compare(*FEW, "--no-syscalls", "--", *under_preload("echo FATAL", "echo took $$ ms"))
    assert "standard output: changes from run to run without the library too, nothing can be said" in done.stdout


@pytest.mark.parametrize(("there", "otherwise", "status"), [
    ("echo a >{dir}/f", "echo a >{dir}/f", 0),
    ("echo b >{dir}/f", "echo a >{dir}/f", 1),
    ("echo a >{dir}/f; mkdir {dir}/d", "echo a >{dir}/f", 1),
    ("echo a >{dir}/f; chmod 600 {dir}/f", "echo a >{dir}/f; chmod 644 {dir}/f", 1),
    ("ln -s x {dir}/l", "ln -s y {dir}/l", 1),
])
def test_files_written_into_dir_are_compared(tmp_path, there, otherwise, status):
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", *under_preload(there, otherwise), env=environment(TMPDIR=str(tmp_path)))
    assert done.returncode == status, done.stdout
    assert report["output"]["files"]["result"] == ("different" if status else "same")
    assert not list(tmp_path.glob("spanload-compare-*"))


def test_a_program_that_takes_dir_away_for_good_is_told(tmp_path):
    done = compare("--runs", "2", "--no-syscalls", "--", "sh", "-c", "rm -rf $(dirname {dir})", env=environment(TMPDIR=str(tmp_path)))
    assert done.returncode == 125 and "cannot make a directory for {dir}: No such file or directory" in done.stderr


def test_without_dir_files_are_not_looked_at(tmp_path):
    _, report = compared(tmp_path, "--runs", "1", "--no-syscalls", "--", "true")
    assert report["output"]["files"]["result"] == "not compared"


def test_escape_sequences_of_the_program_do_not_reach_the_terminal():
    done = compare("--runs", "2", "--no-syscalls", "--", *under_preload("printf '\\033]0;x\\007\\n'", "echo plain"))
    assert done.returncode == 1
    assert "\x1b" not in done.stdout and "\\x1b]0;x\\x07" in done.stdout


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_what_is_shown_is_fit_for_the_terminals_characters(tmp_path, locale):
    """A character whose UTF-8 has a byte that an 8-bit terminal takes for a control sequence, and a line that is cut."""
    done = subprocess.run([SPANLOAD, "compare", "--runs", "2", "--no-syscalls", "--", *under_preload("printf '\\303\\233%0500d\\n'", "echo plain")],
                          env=environment(LC_ALL=locale), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout.isascii() == (locale == "C")
    assert ("+Û0" if locale != "C" else "+\\u00db0") in done.stdout.decode()


@pytest.mark.parametrize("line", [
    r"spanload: pid=1 started=3 dropped_\033]0;pwned\007\377=5",
    r"spanload: pid=1 started=3 dropped_\377=5 DROPPED_x=6 dropped_x=0x7 dropped_y=nan dropped_z=inf dropped_" + "z" * 60 + "=1",
])
def test_only_what_the_library_could_print_is_taken_for_its_accounts(tmp_path, line):
    report = tmp_path / "report.json"
    done = subprocess.run([SPANLOAD, "compare", "--runs", "2", "--no-syscalls", "--json", report, "--", "sh", "-c", f"printf '{line}\\n' >&2"],
                          env=environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0 and b"\x1b" not in done.stdout and b"\377" not in done.stdout
    spans = json.loads(report.read_bytes().decode())["spans"]
    assert spans["made"] == 3 and spans["dropped"] == 0


def test_the_program_reads_an_end_of_file():
    done = compare("--runs", "2", "--", "cat")
    assert done.returncode == 0


def test_a_program_that_hangs_with_the_library_is_ended_and_told():
    began = time.monotonic()
    done = compare("--runs", "1", "--no-syscalls", "--", *under_preload("sleep 1000"), timeout=100)
    assert done.returncode == 1
    assert re.search(r"^exit status +0 +had not ended +different in 1 of 1 runs", done.stdout, re.M)
    assert time.monotonic() - began < 60


def slow_sometimes(count, **rows):
    """A shell command that sleeps at its nth call: n2="10.5"; `others` at the rest."""
    others = rows.pop("others", "0")
    cases = "".join(f"{number[1:]}) sleep {seconds};; " for number, seconds in rows.items())
    return f"echo x >>{count}; case $(wc -l <{count}) in {cases}*) sleep {others};; esac"


def test_a_program_that_is_slow_from_its_second_run_on_does_not_hang(tmp_path):
    """What the first left makes it so. The second one has the library and takes longer than the first would let it."""
    done, report = compared(tmp_path, "--runs", "1", "--no-syscalls", "--", "sh", "-c", slow_sometimes(tmp_path / "n", n1="0", n2="10.5", others="1.3"))
    assert done.returncode == 0 and report["exit"]["instrumented"] == "0", done.stdout


# ---- what it costs ----

BURN = """
import os, time
end = time.process_time() + (0.1 if "libspanload" in os.environ.get("LD_PRELOAD", "") else 0.02)
while time.process_time() < end: pass
"""


def test_a_program_that_is_slowed_on_purpose_is_over_the_limit(tmp_path):
    slowed = under_preload("sleep 0.1", "sleep 0.02")
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--max-overhead", "50%", "--", *slowed)
    assert done.returncode == 1
    assert report["wall"]["is_different"] is True and report["wall"]["ratio"] > 2
    assert report["gate"] == {**report["gate"], "metric": "wall", "limit": 0.5, "is_over_limit": True, "has_different_outcome": False}
    noise = abs(report["wall"]["noise"]["ratio"] - 1)
    assert report["gate"]["established"] == pytest.approx(report["wall"]["interval"][0] - 1 - noise) and report["gate"]["may_be_over_limit"] is False
    assert "wall time: the limit of 50.0 % is exceeded" in done.stdout


def test_a_limit_is_not_exceeded_by_rounds_too_few_to_tell(tmp_path):
    done, report = compared(tmp_path, "--runs", "5", "--no-syscalls", "--max-overhead", "50%", "--", *under_preload("sleep 0.1", "sleep 0.02"))
    assert done.returncode == 0, done.stdout
    assert report["gate"] == {**report["gate"], "is_over_limit": False, "may_be_over_limit": True, "established": None, "passed": True}
    assert "wall time: the limit of 50.0 % may be exceeded, but 5 rounds cannot establish anything: it takes 6 to be 95 % sure" in done.stdout


def test_without_a_limit_slower_is_told_but_is_no_failure(tmp_path):
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", *under_preload("sleep 0.1", "sleep 0.02"))
    assert done.returncode == 0
    assert re.search(r"^wall time: [\d.]+ % more with the library \([\d.]+ % to [\d.]+ %, 96 % sure, 6 rounds\)", done.stdout, re.M)


def test_a_program_that_is_not_slowed_keeps_the_limit(tmp_path):
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--max-overhead", "30%", "--", "sleep", "0.2")
    assert done.returncode == 0, done.stdout
    assert report["gate"]["is_over_limit"] is False and report["gate"]["high"] < 0.3
    assert "wall time: the limit of 30.0 % is kept" in done.stdout


def test_processor_time_is_another_metric_than_wall_time(tmp_path):
    burn = script(tmp_path, BURN)
    done, report = compared(tmp_path, *FEW, "--no-syscalls", "--metric", "cpu", "--max-overhead", "50%", "--", *burn)
    assert done.returncode == 1
    assert report["gate"]["metric"] == "cpu" and report["cpu"]["ratio"] > 1.5
    sleeps = compare(*FEW, "--no-syscalls", "--metric", "cpu", "--max-overhead", "300%", "--", *under_preload("sleep 0.2"))
    assert sleeps.returncode == 0, sleeps.stdout


@pytest.mark.skipif("/san/" in SPANLOAD, reason="a sanitizer's memory is the parent's")
def test_peak_memory_and_page_faults_are_the_programs_own(tmp_path):
    """Not those of the command that started it: the least program there is has less than it has."""
    eats = script(tmp_path, 'import os\nx = b"x" * (60_000_000 if "libspanload" in os.environ.get("LD_PRELOAD", "") else 1)\n')
    _, report = compared(tmp_path, *FEW, "--no-syscalls", "--", *eats)
    assert 59e6 < report["rss"]["instrumented"] - report["rss"]["baseline"] < 63e6
    assert report["page_faults"]["instrumented"] > report["page_faults"]["baseline"]
    (tmp_path / "least.c").write_text("int main(void) { return 0; }")
    subprocess.run(["cc", "-O2", tmp_path / "least.c", "-o", tmp_path / "least"], check=True)
    few, many = (compared(tmp_path, "--runs", runs, "--no-syscalls", "--", tmp_path / "least")[1]["rss"] for runs in (6, 300))
    assert few["baseline"] < 1.2e6 and few["instrumented"] - few["baseline"] > 1e5
    assert many["baseline"] < few["baseline"] + 1e5        # the command's own grows with its rounds


def test_context_switches_are_counted(tmp_path):
    sleeps = script(tmp_path, 'import os, time\nfor _ in range(300 if "libspanload" in os.environ.get("LD_PRELOAD", "") else 100): time.sleep(0.0001)\n')
    _, report = compared(tmp_path, *FEW, "--no-syscalls", "--", *sleeps)
    assert 100 <= report["context_switches"]["baseline"] < 200 and 300 <= report["context_switches"]["instrumented"] < 450


# ---- statistics ----

def rank(count, wanted=0.95):
    """The k of the sign test's interval, from the binomial distribution; 1 where not even that is enough."""
    def confidence(k):
        return 1 - 2 * sum(math.comb(count, i) for i in range(k)) / 2 ** count
    return max((k for k in range(1, count // 2 + 1) if confidence(k) >= wanted), default=1), confidence


@pytest.mark.parametrize("runs", [1, 2, 5, 6, 9, 13])
def test_medians_and_intervals_are_those_of_the_samples(tmp_path, runs):
    _, report = compared(tmp_path, "--runs", runs, "--no-syscalls", "--", "true")
    assert report["rounds"] == runs
    for key in ("wall", "cpu", "rss", "page_faults"):
        found = report[key]
        samples = found["samples"]
        assert [len(samples[side]) for side in ("baseline", "baseline_again", "instrumented")] == [runs] * 3
        assert found["baseline"] == pytest.approx(statistics.median(samples["baseline"]))
        assert found["instrumented"] == pytest.approx(statistics.median(samples["instrumented"]))
        assert found["best"]["baseline"] == min(samples["baseline"]) and found["best"]["instrumented"] == min(samples["instrumented"])
        for side, result in (("instrumented", found), ("baseline_again", found["noise"])):
            ratios = sorted(one / base for base, one in zip(samples["baseline"], samples[side]))
            assert result["ratio"] == pytest.approx(statistics.median(ratios))
            if runs == 1:
                assert result["interval"] is None
                continue
            k, confidence = rank(runs)
            assert result["interval"] == pytest.approx([ratios[k - 1], ratios[-k]])
            assert found["confidence"] == pytest.approx(confidence(k))


def test_no_verdict_claims_more_than_its_interval(tmp_path):
    """Each sentence about a measure is held against the interval and the noise in the JSON."""
    for program in (["true"], under_preload("sleep 0.05", "sleep 0.01"), ["sleep", "0.02"]):
        done, report = compared(tmp_path, "--runs", "8", "--no-syscalls", "--", *program)
        for key in ("wall", "cpu", "rss"):
            found = report[key]
            line = next(one for one in report["verdicts"] if one.startswith(found["name"] + ": "))
            low, high = found["interval"]
            noise = abs(found["noise"]["ratio"] - 1)
            if found["is_different"]:
                assert low > 1 + noise or high < 1 - noise, line
                assert ("more" if low > 1 else "less") in line
            else:
                said = float(re.search(r"no difference larger than ([\d.]+) % could be seen in 8 rounds", line)[1])
                assert said >= 100 * max(abs(low - 1), abs(high - 1), noise) - 1e-6, line
        assert all(line in done.stdout for line in report["verdicts"])


def test_few_rounds_are_told_to_be_few():
    done = compare("--runs", "3", "--no-syscalls", "--", "sleep", "0.01")
    assert "75 % sure" in done.stdout
    one = compare("--runs", "1", "--no-syscalls", "--", "true")
    assert "one round tells nothing about noise" in one.stdout


def test_the_order_of_the_runs_is_balanced(tmp_path):
    """Each of the three comes first, second and third as often."""
    log = tmp_path / "log"
    there = f"echo I >>{log}"
    compare("--runs", "12", "--no-syscalls", "--", *under_preload(there, f"echo B >>{log}"))
    runs = log.read_text().split()
    assert len(runs) == 2 + 36                      # a warm-up of each
    places = [place for index, which in enumerate(runs[2:]) if which == "I" for place in [index % 3]]
    assert sorted(places) == [0] * 4 + [1] * 4 + [2] * 4


# ---- system calls ----

def strace_counts(place, program):
    log = place / "strace"
    subprocess.run(["strace", "-f", "-qq", "-e", "signal=none", "-o", log, *program], env=environment(), stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)         # as compare has it: cat asks what it writes to
    counts = {}
    for name in re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.M):
        counts[name] = counts.get(name, 0) + 1
    counts["execve"] = counts.get("execve", 0) - 1  # that of the program itself comes before it
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("program", [["true"], ["cat", "/etc/passwd"], ["sh", "-c", "cat /etc/passwd; true | cat; exit 2"]])
def test_system_calls_are_counted_as_strace_does(tmp_path, program):
    _, report = compared(tmp_path, "--runs", "1", "--", *program)
    found = {name: row["baseline"] for name, row in report["syscalls"]["by_name"].items() if row["baseline"]}
    expected = strace_counts(tmp_path, program)
    loose = {"rt_sigreturn", "wait4", "rt_sigaction"}                        # how a shell waits depends on who is first
    assert {name: count for name, count in found.items() if name not in loose} == \
        {name: count for name, count in expected.items() if name not in loose}
    assert report["syscalls"]["baseline"] == sum(found.values())
    assert report["syscalls"]["left_out"] is None


def test_system_calls_of_threads_and_of_a_program_that_stops_itself_are_counted(tmp_path):
    threads = script(tmp_path, """
import os, signal, threading, time
def work():
    for _ in range(50): os.getppid()
some = [threading.Thread(target=work) for _ in range(4)]
[one.start() for one in some]; [one.join() for one in some]
if os.fork() == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(0)
time.sleep(0.1)
pid, status = os.waitpid(-1, os.WUNTRACED)
assert os.WIFSTOPPED(status)
os.kill(pid, signal.SIGCONT)
os.waitpid(pid, 0)
""")
    done, report = compared(tmp_path, "--runs", "1", "--", *threads)
    assert report["syscalls"]["by_name"]["getppid"]["baseline"] == 200, done.stdout
    assert report["exit"]["baseline"] == "0"


def test_what_the_library_adds_is_shown_by_name(tmp_path):
    done, report = compared(tmp_path, "--runs", "1", "--", "true")
    added = {name: row["instrumented"] - row["baseline"] for name, row in report["syscalls"]["by_name"].items()}
    assert added["openat"] >= 1 and sum(added.values()) == report["syscalls"]["instrumented"] - report["syscalls"]["baseline"]
    assert re.search(r"^  mmap .*\+\d+$", done.stdout, re.M)


DENIED = '''
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
PTRACE = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
rows = [(0x20, 0, 0, 0), (0x15, 0, 1, PTRACE), (0x06, 0, 0, 0x00050000 | 1), (0x06, 0, 0, 0x7fff0000)]
code = b"".join(struct.pack("HBBI", *row) for row in rows)
buffer = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", len(rows), ctypes.addressof(buffer))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
'''


def test_where_ptrace_is_denied_the_rest_is_still_compared(tmp_path):
    """By a filter on the system call, as in a container."""
    report = tmp_path / "report.json"
    done = subprocess.run([*script(tmp_path, DENIED, "denied.py"), SPANLOAD, "compare", *FEW, "--json", str(report), "--", "true"],
                          env=environment(ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0"),  # leaks are looked for by ptrace
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    assert found["syscalls"] == {"baseline": None, "instrumented": None, "ratio": None, "interval": None, "passes": 0, "by_name": {},
                                 "left_out": "system calls: ptrace is not permitted here (Operation not permitted)"}
    assert "left out: system calls: ptrace is not permitted here" in done.stdout
    assert found["wall"]["ratio"] is not None


def test_system_calls_can_be_left_out():
    done = compare("--runs", "1", "--no-syscalls", "--", "true")
    assert "left out: system calls: not asked for (--no-syscalls)" in done.stdout


IS_TRACED = "! grep -q 'TracerPid:[[:space:]]*0$' /proc/self/status"


@pytest.mark.parametrize(("does", "said"), [("exit 3", "3"), ("kill -SEGV $$", "signal 11")])
def test_a_program_that_ends_differently_while_it_is_traced_has_no_table(tmp_path, does, said):
    """As one that is set-user-ID: it gains nothing then, and calls something else."""
    done, report = compared(tmp_path, "--runs", "2", "--", "sh", "-c", f"if {IS_TRACED}; then {does}; fi")
    assert done.returncode == 0 and report["exit"]["result"] == "same"
    assert report["syscalls"]["left_out"] == f"system calls: the program ends differently while it is traced, with {said}"
    flaky = f"echo x >>{tmp_path}/n; exit $(($(wc -l <{tmp_path}/n) % 2))"
    assert compared(tmp_path, "--runs", "2", "--", "sh", "-c", flaky)[1]["syscalls"]["left_out"] is None


# ---- spans ----

def test_the_spans_of_each_run_are_counted(tmp_path):
    with origin() as url:
        done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", "curl", "-s", url, url)
    assert done.returncode == 0, done.stdout
    assert report["spans"] == {**report["spans"], "baseline": 0, "instrumented": 2, "made": 2, "exported": 2, "dropped": 0, "arrived": 12, "runs": 6,
                               "requests": None, "ratio": None, "interval": None}
    assert "2 exported, 0 dropped; 12 arrived in 6 runs" in done.stdout


def test_a_program_without_the_library_is_told(tmp_path):
    """A static one."""
    (tmp_path / "static.c").write_text("int main(void) { return 0; }")
    subprocess.run(["cc", "-static", tmp_path / "static.c", "-o", tmp_path / "static"], check=True)
    assert "no sign of the library in the program" in compare("--runs", "2", "--no-syscalls", "--", tmp_path / "static").stdout
    assert "no sign" not in compare("--runs", "2", "--no-syscalls", "--", "true").stdout


def test_the_helpers_of_runtimes_are_not_in_the_baseline(tmp_path):
    place = tmp_path / "lib"
    (place / "runtime" / "python").mkdir(parents=True)
    (place / "runtime" / "python" / "sitecustomize.py").touch()
    (place / "libspanload.so").write_bytes(Path(LIBRARY).read_bytes())
    done = subprocess.run([SPANLOAD, "run", "--library", place / "libspanload.so", "--", SPANLOAD, "compare", "--library", place / "libspanload.so",
                           "--runs", "2", "--no-syscalls", "--", "sh", "-c", "echo P=$PYTHONPATH"],
                          env=environment(PYTHONPATH="/mine"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "-P=/mine\n" in done.stdout and f"+P={place}/runtime/python:/mine\n" in done.stdout


def test_the_baseline_is_without_the_library_even_where_everything_is_preloaded(tmp_path):
    """In an image that preloads it into all, the command included."""
    with origin() as url:
        done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", "sh", "-c", f"echo $LD_PRELOAD | wc -w; curl -s {url}",
                                env=environment(LD_PRELOAD=LIBRARY))
    assert report["spans"]["made"] == 1
    assert done.returncode == 1 and "-0" in report["output"]["stdout"]["diff"] and "+1" in report["output"]["stdout"]["diff"]


def test_what_leads_spans_elsewhere_is_set_aside_and_told():
    """By name: an endpoint may hold a password, which is not to be in a report."""
    done = compare("--runs", "1", "--no-syscalls", "--json", "-", "--", "true", env=environment(
        OTEL_TRACES_EXPORTER="none", OTEL_EXPORTER_OTLP_ENDPOINT="http://me:secret@collector:4318", OTEL_EXPORTER_OTLP_PROTOCOL="http/json"))
    done.stdout += done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("left out:") and "OTEL_" in line]
    assert told == ["left out: OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT: the spans of these runs go to this command, as JSON"]
    assert "secret" not in done.stdout
    assert "OTEL_" not in compare("--runs", "1", "--no-syscalls", "--", "true").stdout


def test_spans_of_processes_that_give_no_accounts_are_those_that_arrived(tmp_path):
    with origin() as url:
        _, report = compared(tmp_path, *FEW, "--no-syscalls", "--", "sh", "-c", f"curl -s -o /dev/null {url} 2>/dev/null")
    assert report["spans"]["instrumented"] == 1 and report["spans"]["arrived"] == 6


@pytest.mark.parametrize("setting", [{"SPANLOAD_LOG": "info"}, {"OTEL_TRACES_SAMPLER": "bogus"}, {"SPANLOAD_LOG": "warn", "OTEL_BSP_SCHEDULE_DELAY": "x"}])
def test_what_the_environment_makes_the_library_print_is_no_difference(tmp_path, setting):
    with origin() as url:
        done, report = compared(tmp_path, *FEW, "--no-syscalls", "--", "curl", "-s", url, env=environment(**setting))
    assert done.returncode == 0, done.stdout
    assert report["output"]["stderr"]["result"] == "same" and report["output"]["stderr"]["instrumented"] == 0
    assert report["spans"]["made"] >= 1
    told = "left out: SPANLOAD_LOG of the environment" in done.stdout
    assert told == ("SPANLOAD_LOG" in setting)


def test_a_program_finds_the_same_settings_with_the_library_as_without(tmp_path):
    program = "env | grep -v '^LD_PRELOAD=' | sort"
    for log in ({}, {"SPANLOAD_LOG": "info"}):
        done = compare("--runs", "2", "--no-syscalls", "--no-helpers", "--", "sh", "-c", program, env=environment(**log))
        assert done.returncode == 0, done.stdout


def test_settings_of_the_environment_reach_the_library(tmp_path):
    with origin() as url:
        _, report = compared(tmp_path, *FEW, "--no-syscalls", "--", "curl", "-s", url,
                             env=environment(OTEL_SDK_DISABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1"))
    assert report["spans"]["arrived"] == 0


def test_a_library_that_is_disabled_is_not_called_absent():
    done = compare("--runs", "1", "--no-syscalls", "--", "true", env=environment(OTEL_SDK_DISABLED="True"))
    assert "spans: none, because OTEL_SDK_DISABLED is true: the library does nothing" in done.stdout and "no sign" not in done.stdout


def test_when_the_receiver_of_spans_is_killed_the_library_is_not_blamed(tmp_path):
    """It says on standard error that spans cannot be delivered. The receiver is the first child of the worker."""
    kills = f"[ -e {tmp_path}/done ] || kill -9 $(pgrep -o -P $PPID); touch {tmp_path}/done"
    with origin() as url:
        done, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--", "sh", "-c", f"{kills}; curl -s {url}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["output"]["stderr"]["result"] == "not compared" and report["output"]["stdout"]["result"] == "same"
    assert any(line.startswith("spans, and standard error: this command's own receiver") for line in report["left_out"])


# ---- the report ----

def test_every_key_has_its_four_parts_in_both_modes(tmp_path):
    _, report = compared(tmp_path, "--runs", "2", "--", "true")
    for key in KEYS:
        assert {"baseline", "instrumented", "ratio", "interval"} <= set(report[key]), key


def test_the_table_has_no_escape_sequences_in_a_pipe_and_is_narrow_enough():
    done = compare(*FEW, "--", "true")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.split("\n\n")[1].splitlines())) <= 100


def test_a_report_that_cannot_be_written_is_told_before_anything_runs(tmp_path):
    ran = tmp_path / "ran"
    for option in ("--json", "--html"):
        done = compare(option, tmp_path / "no" / "report", "--", "touch", ran)
        assert done.returncode == 125 and "No such file or directory" in done.stderr
        assert not ran.exists()
    assert compare("--runs", "1", "--no-syscalls", "--json", "/dev/full", "--", "true").returncode == 125
    full = subprocess.run(f"exec '{SPANLOAD}' compare --runs 1 --no-syscalls -- true >/dev/full", shell=True, env=environment(),
                          capture_output=True)
    assert full.returncode == 125


def test_the_json_may_go_to_standard_output(tmp_path):
    for name in ("-", "/dev/stdout"):
        done = compare("--runs", "1", "--no-syscalls", "--json", name, "--", "true")
        assert json.loads(done.stdout)["rounds"] == 1 and "wall time" in done.stderr


def test_arguments_that_are_not_utf8_still_make_valid_json(tmp_path):
    _, report = compared(tmp_path, "--runs", "1", "--no-syscalls", "--", "echo", os.fsdecode(b"\xff\x1b"))
    assert "\\xff\\x1b" in report["command"]


def test_a_report_replaces_what_was_there(tmp_path):
    report = tmp_path / "report.json"
    report.write_text("x" * 1_000_000)
    compare("--runs", "1", "--no-syscalls", "--json", report, "--", "true")
    json.loads(report.read_text())


def test_a_comparison_that_is_not_finished_leaves_no_old_report_behind(tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text('{"stale": true}')
    for report in (old, new):
        assert compare("--runs", "1", "--json", report, "--", "/no/such/program").returncode == 127
    assert old.read_text() == "" and not new.exists()
    done = subprocess.run(f"ulimit -f 2; exec '{SPANLOAD}' compare --runs 1 --json {new} -- true", shell=True, env=environment(), capture_output=True, timeout=60)
    assert done.returncode == 125 and not new.exists()


def test_reports_are_told_apart_by_the_place_that_they_are(tmp_path):
    report = tmp_path / "report"
    for other in (tmp_path / "." / "x" / ".." / "report", tmp_path / "link"):
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(report)
        done = compare("--runs", "1", "--json", report, "--html", str(other), "--", "true")
        assert done.returncode == 2 and "the same file" in done.stderr, other
    for one, other in (("-", "/dev/stdout"), ("/dev/fd/1", "-")):
        assert compare("--runs", "1", "--json", one, "--html", other, "--", "true").returncode == 2
    with open(report, "w") as out:
        subprocess.run([SPANLOAD, "compare", "--runs", "1", "--no-syscalls", "--json", "/dev/fd/1", "--", "true"], stdout=out, env=environment(), timeout=60)
    json.loads(report.read_text())
    with open(report, "w") as out:
        subprocess.run([SPANLOAD, "compare", "--runs", "1", "--no-syscalls", "--json", report, "--", "true"], stdout=out, env=environment(), timeout=60)
    json.loads(report.read_text())


def test_standard_output_that_is_closed_is_told():
    done = subprocess.run(f"exec '{SPANLOAD}' compare --runs 1 --json - -- true >&-", shell=True, env=environment(), capture_output=True, timeout=60)
    assert done.returncode == 125 and b"standard output is closed" in done.stderr


# ---- wrong usage, and programs that are not there ----

@pytest.mark.parametrize("arguments", [
    [], ["--"], ["--runs"], ["--runs", "0", "true"], ["--runs", "-1", "true"], ["--runs", "x", "true"], ["--runs", "10001", "true"],
    ["--max-overhead", "x", "true"], ["--max-overhead", "-3%", "true"], ["--max-overhead", "3%%", "true"], ["--max-overhead", "nan", "true"],
    ["--metric", "speed", "true"], ["--metric", "load", "true"], ["--ready", "true", "true"], ["--ready-port", "1", "true"],
    ["--nonsense", "true"], ["--", "echo", "{port}"], ["--load", "true", "--", "server"],
    ["--load", "true", "--ready-port", "x", "--", "server", "{port}"], ["--load", "true", "--ready-port", "70000", "--", "server", "{port}"],
    ["--load", "true", "--ready", "true", "--ready-port", "1", "--", "server", "{port}"], ["--load", "true", "--", "server", "{dir}"],
    ["--no-syscalls=yes", "true"], ["--json", "/tmp/x", "--html", "/tmp/x", "true"],
])
def test_wrong_usage_is_one_line_and_status_2(arguments):
    done = compare(*arguments)
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.startswith("spanload: ")


@pytest.mark.parametrize(("program", "status", "words"), [("/nonexistent/program", 127, "not found"), ("no-such-program", 127, "not found"),
                                                         ("/etc/passwd", 126, "Permission denied")])
def test_a_program_that_cannot_run_is_told_as_a_shell_does(program, status, words):
    done = compare("--", program)
    assert done.returncode == status and words in done.stderr and done.stdout == ""


def test_a_library_that_is_not_there_is_told():
    done = compare("--library", "/nonexistent/libspanload.so", "--", "true")
    assert done.returncode == 125 and "/nonexistent/libspanload.so" in done.stderr


def test_help_names_every_option():
    done = compare("--help")
    assert done.returncode == 0
    for option in ("runs", "load", "ready-port", "ready", "json", "html", "max-overhead", "metric", "no-syscalls"):
        assert f"--{option}" in done.stdout


# ---- life ----

def processes_with(word):
    return [line for line in subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True).stdout.splitlines()
            if word in line and not line.split()[1].startswith("Z")]


def gone(word, seconds=10):
    end = time.monotonic() + seconds
    while processes_with(word) and time.monotonic() < end:
        time.sleep(0.05)
    return not processes_with(word)


def appeared(word, seconds=10):
    end = time.monotonic() + seconds
    while not processes_with(word) and time.monotonic() < end:
        time.sleep(0.02)
    return bool(processes_with(word))


def sleeper(place, seconds):
    """A program with a child that ignores SIGTERM and SIGINT."""
    path = place / f"sleeper-{seconds}.sh"
    path.write_text(f"#!/bin/sh\n(trap '' TERM INT; sleep {seconds}) &\nsleep {seconds}\nwait\n")
    path.chmod(0o755)
    return path


def test_what_it_started_does_not_outlive_it_when_it_has_no_memory_left(tmp_path):
    """A server has a child that ignores SIGTERM, and what the load prints is too much."""
    go = tmp_path / "go"
    load = f"until test -e {go}; do sleep 0.05; done; head -c 3000000 /dev/zero | tr '\\0' x"
    seconds = 80000 + os.getpid() % 10000
    beside = f"(trap '' TERM; exec sleep {seconds}) & exec " + " ".join(server(tmp_path))
    process = subprocess.Popen([SPANLOAD, "compare", "--runs", "1", "--load", load, "--", "sh", "-c", beside], env=environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert appeared("sh -c until test")
    worker = worker_of(process)
    size = int(re.search(r"VmSize:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())[1]) * 1024
    resource.prlimit(worker, resource.RLIMIT_AS, (size + 3_200_000, size + 3_200_000))
    go.touch()
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 125 and "memory" in complaint
    assert gone(f"sleep {seconds}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_interrupting_it_ends_what_it_started(tmp_path, number):
    seconds = f"7{number:02d}.{os.getpid()}"
    program = sleeper(tmp_path, seconds)
    report = tmp_path / "report.json"
    running = subprocess.Popen([SPANLOAD, "compare", "--json", str(report), "--", str(program), "{dir}"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment(TMPDIR=str(tmp_path)), text=True)
    assert appeared(f"sleep {seconds}")
    running.send_signal(number)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 128 + number
    assert out == "" and err == ""
    assert gone(f"sleep {seconds}", 0) and gone(str(program), 0)
    assert not list(tmp_path.glob("spanload-compare-*")) and not report.exists()


def test_what_it_started_does_not_outlive_it_when_it_is_killed(tmp_path):
    seconds = f"799.{os.getpid()}"
    running = subprocess.Popen([SPANLOAD, "compare", "--", "sh", "-c", f"setsid sleep {seconds} & sleep {seconds}", "{dir}"],
                               stdout=subprocess.DEVNULL, env=environment(TMPDIR=str(tmp_path)))
    assert appeared(f"sleep {seconds}")
    running.kill()
    running.wait()
    assert gone(f"sleep {seconds}") and gone(f"-- sh -c setsid sleep {seconds}")
    assert not list(tmp_path.glob("spanload-compare-*"))


def test_what_a_run_leaves_behind_is_ended_and_told(tmp_path):
    seconds = f"788.{os.getpid()}"
    done = compare("--runs", "2", "--no-syscalls", "--", "sh", "-c", f"setsid sleep {seconds} & sleep {seconds} & exit 0")
    assert gone(f"sleep {seconds}", 0)
    assert re.search(r"left out: processes that runs left behind, \d+ in all: they were ended", done.stdout)


def test_processes_that_were_there_before_are_left_alone():
    """Children of the shell that has become the command."""
    seconds = f"777.{os.getpid()}"
    done = subprocess.run(["sh", "-c", f"sleep {seconds} >/dev/null 2>&1 & echo $!; exec {SPANLOAD} compare --runs 2 --no-syscalls -- true >/dev/null"],
                          env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    try:
        assert processes_with(f"sleep {seconds}")
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)


def parents(word):
    lines = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True).stdout.splitlines()
    return {int(line.split()[0]) for line in lines if line.split(None, 1)[1].startswith(word)}


def test_when_its_worker_is_killed_all_that_it_started_is_ended_and_nothing_else(tmp_path):
    """By the killer of the kernel that is out of memory, say. What the shell before it had started goes on, though it lost its own parent."""
    theirs, before = f"775.{os.getpid()}", f"774.{os.getpid()}"
    program = f"setsid sleep {theirs} & sleep {theirs}"
    running = subprocess.Popen(["sh", "-c", f"(sleep 0.3; sleep {before} & ) & exec {SPANLOAD} compare --json {tmp_path}/report -- sh -c '{program}' '{{dir}}'"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(TMPDIR=str(tmp_path)))
    assert appeared(f"sleep {theirs}") and appeared(f"sleep {before}")
    time.sleep(0.3)
    try:
        [worker] = parents(f"sh -c {program}")
        assert worker != running.pid
        os.kill(worker, signal.SIGKILL)
        assert running.wait(timeout=20) == 137
        assert gone(f"sleep {theirs}", 0) and not list(tmp_path.iterdir())
        assert processes_with(f"sleep {before}")
    finally:
        for line in processes_with(f"sleep {before}") + processes_with(f"sleep {theirs}"):
            os.kill(int(line.split()[0]), signal.SIGKILL)


def test_without_proc_it_is_told_what_is_not_known(tmp_path):
    (tmp_path / "hides.c").write_text("#define _GNU_SOURCE\n#include <errno.h>\n#include <string.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n"
                                      "#include <fcntl.h>\nssize_t readlink(const char *path, char *to, size_t size) {\n"
                                      "if (strncmp(path, \"/proc/\", 6) == 0) { errno = ENOENT; return -1; }\n"
                                      "return syscall(SYS_readlinkat, AT_FDCWD, path, to, size); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", tmp_path / "hides.c", "-o", tmp_path / "hides.so"], check=True)
    hidden = environment(LD_PRELOAD=str(tmp_path / "hides.so"))
    left = "what needs /proc, which is not there or another's: "
    for more, program, told in (((), ["true"], "processes that are left behind are not found"),
                                (("--load", AB), server(tmp_path), "what servers use is not known, and processes that are left behind are not found")):
        done, report = compared(tmp_path, "--runs", "1", "--no-syscalls", *more, "--", *program, env=hidden)
        assert done.returncode == 0 and left + told in report["left_out"], done.stdout + done.stderr
    assert not any("/proc" in line for line in compared(tmp_path, "--runs", "1", "--no-syscalls", "--", "true")[1]["left_out"])


def test_a_signal_that_is_ignored_stays_ignored():
    running = subprocess.Popen(["nohup", SPANLOAD, "compare", "--runs", "2", "--no-syscalls", "--", "sleep", "0.3"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=environment(), text=True)
    time.sleep(0.5)
    running.send_signal(signal.SIGHUP)
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 0 and "wall time" in out


def test_standard_input_is_empty_in_every_run_the_traced_ones_too():
    with subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE) as never:
        done = subprocess.run([SPANLOAD, "compare", "--runs", "1", "--", "cat"], env=environment(), stdin=never.stdout, capture_output=True, text=True,
                              timeout=30)
        never.kill()
    assert done.returncode == 0 and "system calls " in done.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_files_change_nothing(tmp_path, closed):
    report = tmp_path / "report.json"
    command = f"exec '{SPANLOAD}' compare --runs 2 --no-syscalls --json {report} -- sh -c 'echo out; echo err >&2' {closed}"
    assert subprocess.run(["sh", "-c", command], env=environment(), capture_output=True, timeout=60).returncode in (0, 125)
    assert json.loads(report.read_text())["output"]["stdout"]["instrumented"] == 4


def test_a_program_that_wants_the_terminal_does_not_stop_it():
    seen, status = read_terminal(["--runs", "1", "--no-syscalls", "--", "sh", "-c", "read x </dev/tty; true"], environment(TERM="xterm"))
    assert status == 0


def read_terminal(arguments, env):
    """What a person at a terminal sees on standard error, and the exit status."""
    master, slave = pty.openpty()
    running = subprocess.Popen([SPANLOAD, "compare", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave, env=env)
    os.close(slave)
    seen = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    return seen.decode(), running.wait(60)


def test_progress_is_shown_on_a_terminal_after_two_seconds_and_taken_away():
    seen, status = read_terminal(["--runs", "3", "--no-syscalls", "--", "sleep", "0.4"], environment(TERM="xterm"))
    assert status == 0
    assert re.search(r"\r\x1b\[Kspanload: run \d+ of 11, about \d+ s left", seen)
    assert seen.endswith("\r\x1b[K")


def test_progress_is_shown_also_where_each_run_is_short_and_not_too_often():
    began = time.monotonic()
    seen, status = read_terminal(["--runs", "12", "--no-syscalls", "--", "sleep", "0.1"], environment(TERM="xterm"))
    shown = len(re.findall(r"\r\x1b\[Kspanload: run \d+ of 38", seen))
    assert status == 0 and 1 <= shown <= 1 + 4 * (time.monotonic() - began - 2), seen


def test_a_terminal_that_cannot_write_over_a_line_gets_no_progress():
    assert read_terminal(["--runs", "3", "--no-syscalls", "--", "sleep", "0.4"], environment(TERM="dumb")) == ("", 0)


def test_a_message_has_a_line_of_its_own_and_no_progress_behind_it(tmp_path):
    """Of a load that fails after three seconds, with a server that takes its time to end."""
    serves = server(tmp_path, beginning="signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.7), os._exit(0)))")
    seen, status = read_terminal(["--runs", "1", "--no-syscalls", "--load", "sleep 3; exit 3", "--", *serves], environment(TERM="xterm"))
    assert status == 125 and "\r\x1b[Kspanload: load 0 of 6" in seen
    assert re.search(r"\r\x1b\[Kspanload: compare: the load on the server without the library failed\r\n$", seen), seen


def test_what_is_short_shows_no_progress():
    seen, status = read_terminal(["--runs", "1", "--no-syscalls", "--", "true"], environment(TERM="xterm"))
    assert (seen, status) == ("", 0)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_any_user_may_without_a_home_or_a_directory_to_write_to(tmp_path):
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", SPANLOAD, "compare", *FEW, "--", "sh", "-c", "id -u"],
                          env={"PATH": os.environ["PATH"], "TMPDIR": "/nonexistent", "SPANLOAD_LIBRARY": LIBRARY}, cwd="/", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "system calls " in done.stdout


@pytest.fixture
def anothers():
    """A set-user-ID program that becomes root for good, in a place where all may run it: it sleeps as many seconds as it is told."""
    place = Path(tempfile.mkdtemp(prefix="spanload-test-", dir="/tmp"))
    place.chmod(0o755)
    program = place / f"anothers-{os.getpid()}"
    source = place / "anothers.c"
    source.write_text("#define _GNU_SOURCE\n#include <stdlib.h>\n#include <unistd.h>\n"
                      "int main(int argc, char **argv) { return setresuid(0, 0, 0) < 0 ? 9 : (int)sleep((unsigned)atoi(argv[argc - 1])); }\n")
    subprocess.run(["cc", source, "-o", program], check=True)
    program.chmod(0o4755)
    yield program
    for line in processes_with(str(program)):
        os.kill(int(line.split()[0]), signal.SIGKILL)
    shutil.rmtree(place)


def as_nobody(*arguments):
    return subprocess.Popen(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", SPANLOAD, "compare", *map(str, arguments)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True, cwd="/")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to make a program that becomes root")
def test_interrupting_does_not_wait_for_a_program_that_it_may_not_end(anothers):
    running = as_nobody("--", anothers, "60")
    assert appeared(str(anothers) + " 60")
    time.sleep(0.3)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130 and time.monotonic() - began < 15
    left = [line.split()[0] for line in processes_with(str(anothers) + " 60")]
    assert left and err == f"spanload: compare: could not be ended, they are not this user's: {left[0]}\n"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to make a program that becomes root")
def test_what_a_run_leaves_behind_and_may_not_be_ended_is_told(anothers):
    running = as_nobody("--runs", "1", "--no-syscalls", "--", "sh", "-c", f"{anothers} 60 & sleep 0.1")
    out, err = running.communicate(timeout=30)
    left = {line.split()[0] for line in processes_with(str(anothers) + " 60")}
    told = re.fullmatch(r"spanload: compare: could not be ended, they are not this user's:([ \d]+)\n", err)
    assert running.returncode == 0 and len(left) == 5 and set(told[1].split()) == left
    assert "they were ended" not in out


# ---- servers under load ----

SERVER = '''
import os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
HAS_LIBRARY = "libspanload" in os.environ.get("LD_PRELOAD", "")
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        %s
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
%s
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''


def server(place, answering="status = 200", beginning=""):
    return [*script(place, SERVER % (answering, beginning), "server.py"), "{port}"]


AB = "ab -q -n 200 -c 2 http://127.0.0.1:{port}/"


def loaded(place, runs, said, *options, **more):
    """A comparison of servers that do nothing, whose load prints what is made up: said(kind, round) of the kinds 1 (without), 2 (again) and 3."""
    for kind in (1, 2, 3):
        for turn in range(runs + 1):                         # the first of them is the warm-up
            (place / f"said{kind}.{turn}").write_text(said(kind, max(turn, 1) - 1) + "\n")
    load = f"n=$(cat {{dir}}/n 2>/dev/null || echo 0); echo $((n+1)) >{{dir}}/n; cat {place}/said$(basename {{dir}}).$n"
    return compared(place, "--runs", runs, "--no-syscalls", "--ready", "true", "--load", load, *options, "--", "sh", "-c", "sleep 300; :", "{dir}",
                    env=environment(TMPDIR=str(place)), **more)


def test_a_server_under_load_is_compared_side_by_side(tmp_path):
    done, report = compared(tmp_path, "--runs", "6", "--load", AB, "--", *server(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["load_tool"] == "ab" and report["load"]["unit"] == "per second"
    assert len(report["load"]["samples"]["instrumented"]) == 6
    assert report["load"]["best"]["baseline"] == max(report["load"]["samples"]["baseline"])
    assert report["latency_p99"]["baseline"] > 0 and report["cpu"]["baseline"] > 10_000
    assert 5e6 < report["rss"]["baseline"] < 100e6
    assert report["spans"]["made"] == report["spans"]["arrived"] == report["spans"]["requests"] == 7 * 200
    assert report["exit"]["result"] == "same"
    calls = report["syscalls"]["by_name"]
    assert 0.9 <= calls["recvfrom"]["baseline"] <= 5 and report["syscalls"]["left_out"] is None
    for key in KEYS:
        assert {"baseline", "instrumented", "ratio", "interval"} <= set(report[key]), key


@pytest.mark.parametrize("load, least", [("wrk --latency -t1 -c2 -d1s", 1), ("hey -n 200 -c 2 -disable-keepalive", 600)])
def test_the_load_generator_is_known_by_what_it_prints(tmp_path, load, least):
    done, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--load", f"{load} http://127.0.0.1:{{port}}/", "--", *server(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["load_tool"] == load.split()[0] and report["errors"]["instrumented"] == 0
    for run in ("baseline", "instrumented"):
        assert report["load"][run] > 20
        assert 0 < report["latency_p50"][run] <= report["latency_p99"][run] < 1e9
    assert least <= report["spans"]["requests"] <= report["spans"]["made"] == report["spans"]["arrived"]


def test_a_server_that_is_slowed_on_purpose_is_over_the_limit(tmp_path):
    slowed = server(tmp_path, "time.sleep(0.02 if HAS_LIBRARY else 0.001); status = 200")
    done, report = compared(tmp_path, "--runs", "6", "--no-syscalls", "--max-overhead", "30%", "--load", "ab -q -n 40 -c 2 http://127.0.0.1:{port}/",
                            "--", *slowed)
    assert done.returncode == 1
    assert report["gate"] == {**report["gate"], "metric": "load", "is_over_limit": True, "has_different_outcome": False}
    assert "requests a second: the limit of 30.0 % is exceeded" in done.stdout


def test_answers_that_fail_with_the_library_are_a_difference(tmp_path):
    fails = server(tmp_path, "status = 500 if HAS_LIBRARY else 200")
    done, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--load", AB, "--", *fails)
    assert done.returncode == 1
    assert report["errors"]["instrumented"] == 200 and report["errors"]["baseline"] == 0
    assert "errors under load, more with the library: 0 without the library, 0 again without, 400 with it" in done.stdout


def test_more_failed_answers_than_by_chance_are_a_difference_and_a_few_are_none(tmp_path):
    seen = []
    for library, more in ((30, True), (3, False)):
        load = f'case {{port}} in $(cat {tmp_path}/port)) echo errors: {library};; *) echo errors: 2;; esac; echo rate: 10'
        serves = server(tmp_path, beginning=f'HAS_LIBRARY and open("{tmp_path}/port", "w").write(sys.argv[1])')
        done = compare("--runs", "1", "--no-syscalls", "--load", load, "--", *serves)
        seen.append((done.returncode, f"errors under load{', more with the library' if more else ''}: 2 without" in done.stdout))
    assert seen == [(1, True), (0, True)]


def test_one_burst_of_errors_is_chance_and_errors_in_every_round_are_none(tmp_path):
    """Errors come in bursts: whose turn one falls into says nothing of the library."""
    rows = [
        (10, lambda kind, turn: 500 if (kind, turn) == (3, 4) else 0, False),
        (5, lambda kind, turn: 500 if (kind, turn) == (3, 4) else 0, False),
        (10, lambda kind, turn: 500 if kind == 3 and turn in (1, 4) else 0, False),
        (10, lambda kind, turn: 50 if kind == 3 else 30 if turn == kind else 0, True),
        (3, lambda kind, turn: 50 if kind == 3 and turn else 0, True),
        (2, lambda kind, turn: 50 if kind == 3 else 0, True),
        (10, lambda kind, turn: "1e16" if kind == 3 else "1e15", True),                # as many as no double can count one by one
        (10, lambda kind, turn: "1e16", False),
        (10, lambda kind, turn: "1e308" if kind == 3 else "9e307", False),             # all that can be told is that they are many
    ]
    for number, (runs, errors, more) in enumerate(rows):
        place = tmp_path / str(number)
        place.mkdir()
        done, report = loaded(place, runs, lambda kind, turn: f"rate: 10\nerrors: {errors(kind, turn)}", timeout=20)
        line = next(one for one in report["verdicts"] if one.startswith("errors under load"))
        assert (done.returncode, line.startswith("errors under load, more with the library: ")) == (int(more), more), (number, line)
        assert len(line) < 200
        if number == 0:
            assert line.endswith("500 with it, more in 1 of 10 rounds: that may be chance")


def test_a_load_that_hangs_with_the_library_is_a_difference(tmp_path):
    hangs = server(tmp_path, "time.sleep(1000 if HAS_LIBRARY else 0); status = 200")
    done = compare("--runs", "1", "--no-syscalls", "--load", "curl -s -o /dev/null http://127.0.0.1:{port}/ && echo rate: 5", "--", *hangs, timeout=60)
    assert done.returncode == 1 and "the load on the server with the library did not end in time" in done.stderr


def test_a_load_may_take_as_long_as_the_slowest_without_the_library_lets_it(tmp_path):
    load = slow_sometimes(tmp_path / "n", n2="1.5", n3="11") + "; echo rate: 5"
    done = compare("--runs", "1", "--no-syscalls", "--load", load, "--", *server(tmp_path))
    assert done.returncode == 0, done.stderr


SERVER_IS_TRACED = 'IS_TRACED = "TracerPid:\\t0\\n" not in open("/proc/self/status").read()'


def test_a_server_that_does_not_answer_while_it_is_traced_is_left_out(tmp_path):
    hangs = server(tmp_path, "time.sleep(1000 if IS_TRACED else 0); status = 200", SERVER_IS_TRACED)
    done, report = compared(tmp_path, "--runs", "1", "--load", "curl -s -o /dev/null http://127.0.0.1:{port}/ && echo rate: 5", "--", *hangs, timeout=60)
    assert done.returncode == 0
    assert report["syscalls"]["left_out"] == "system calls: while it was traced, the load on the server without the library did not end in time"


def test_why_a_server_could_not_be_traced_is_told(tmp_path):
    ends = server(tmp_path, beginning=f'{SERVER_IS_TRACED}\nif IS_TRACED: print("I see you", file=sys.stderr); sys.exit(4)')
    done, report = compared(tmp_path, "--runs", "1", "--load", "echo rate: 5", "--", *ends)
    assert done.returncode == 0
    assert report["syscalls"]["left_out"] == "system calls: while it was traced, the server without the library ended before it was ready, with 4"


def test_helpers_of_a_server_live_as_long_as_all_servers(tmp_path):
    """What left its session is not ended with another server."""
    serves = [*script(tmp_path, """
import os, signal, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
helper = subprocess.Popen(["setsid", "-f", "sh", "-c", f"echo $$ >{sys.argv[2]}/helper; exec sleep 755"])
def end(*_):
    time.sleep(0.2)
    os._exit(0 if os.path.exists(f"/proc/{int(open(sys.argv[2] + '/helper').read())}") else 9)
signal.signal(signal.SIGTERM, end)
HTTPServer(("127.0.0.1", int(sys.argv[1])), BaseHTTPRequestHandler).serve_forever()
"""), "{port}", "{dir}"]
    done, report = compared(tmp_path, "--runs", "1", "--no-syscalls", "--load", "echo rate: 5", "--", *serves)
    assert done.returncode == 0 and report["exit"]["baseline"] == report["exit"]["instrumented"] == "0", done.stdout
    assert gone("sleep 755", 0)


def test_a_server_that_does_not_come_up_with_the_library_is_a_difference(tmp_path):
    dies = server(tmp_path, beginning='if HAS_LIBRARY: sys.exit("I will not be watched")')
    done = compare("--runs", "2", "--load", AB, "--", *dies)
    assert done.returncode == 1
    assert "the server with the library ended before it was ready, with 1" in done.stderr and "I will not be watched" in done.stderr


@pytest.mark.parametrize("answers, rounds", [(0, 0), (50, 1)])
def test_what_was_seen_before_a_server_died_is_reported(tmp_path, answers, rounds):
    dies = server(tmp_path, f"self.server.asked = getattr(self.server, 'asked', 0) + 1; HAS_LIBRARY and self.server.asked > {answers} and os.abort(); status = 200")
    page = tmp_path / "page.html"
    done, report = compared(tmp_path, "--runs", "6", "--max-overhead", "10%", "--html", page, "--load", "ab -q -n 20 -c 1 http://127.0.0.1:{port}/", "--", *dies)
    assert done.returncode == 1 and "the server with the library ended under load, with signal 6" in done.stderr
    assert report["fault"] == report["verdicts"][0] == "the server with the library ended under load, with signal 6"
    assert report["rounds"] == rounds and report["exit"]["instrumented"] == "signal 6"
    assert report["gate"] == {**report["gate"], "has_different_outcome": True, "passed": False}
    assert set(KEYS) <= set(report) and "ended under load, with signal 6" in page.read_text()
    for key in KEYS:
        assert {"baseline", "instrumented", "ratio", "interval"} <= set(report[key]), key


def test_a_server_that_does_not_come_up_at_all_cannot_be_compared(tmp_path):
    dies = server(tmp_path, beginning='sys.exit("no")')
    done = compare("--runs", "2", "--load", AB, "--", *dies)
    assert done.returncode == 125
    assert "the server without the library ended before it was ready, with 1" in done.stderr


@pytest.mark.parametrize(("load", "words"), [("exit 3", "failed"), ("echo rate: 0", "had no request answered"), ("echo hello", "it said:\nhello"), ("no-such-tool", "not found")])
def test_a_load_that_fails_or_says_nothing_is_told(tmp_path, load, words):
    done = compare("--runs", "2", "--load", load, "--", *server(tmp_path))
    assert done.returncode == 125
    assert "the load on the server without the library" in done.stderr and words in done.stderr


CLOSES = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    peer, _ = listener.accept()
    peer.recv(4096)
    peer.close()
"""


@pytest.mark.parametrize("load", ["hey -n 20 -c 2", "ab -q -n 20 -c 2"])
def test_a_load_that_is_never_answered_is_no_throughput(tmp_path, load):
    """Both tell how many requests a second they made."""
    done = compare("--runs", "2", "--no-syscalls", "--load", f"{load} http://127.0.0.1:{{port}}/", "--", *script(tmp_path, CLOSES), "{port}")
    assert done.returncode == 125
    assert "the load on the server without the library had no request answered" in done.stderr


def test_a_load_that_need_not_reach_the_servers_is_told(tmp_path):
    nowhere = "whether the load reaches the servers: it has neither {port} nor {dir}"
    idle = "the servers used no processor time: does the load reach them?"
    sleeps = ["sh", "-c", 'exec sleep 60 "$@"', "{dir}", "1"]
    for load, serves, told in (("echo rate: 5", sleeps, [nowhere, idle]), ("echo rate: 5 # {dir}", sleeps, [idle]),
                               (AB, [*server(tmp_path)], [])):
        done, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--ready", "sleep 0.1", "--load", load, "--", *serves)
        assert done.returncode == 0, done.stderr
        assert [line for line in report["left_out"] if line in (nowhere, idle)] == told


FORKS = """
import os, signal, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
def work():
    for _ in range(150):
        peer, _ = listener.accept()
        peer.recv(4096)
        sum(range(20000))
        peer.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        peer.close()
    os._exit(0)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
    os.waitpid(pid, 0)
"""


def test_what_a_server_used_whose_processes_end_is_not_made_up(tmp_path):
    """A worker that is replaced after 150 requests takes with it what it had used when the round began."""
    done, report = compared(tmp_path, "--runs", "3", "--no-syscalls", "--load", "ab -q -n 100 -c 1 http://127.0.0.1:{port}/", "--",
                            *script(tmp_path, FORKS, "forks.py"), "{port}")
    assert done.returncode == 0, done.stderr
    for key in ("cpu", "page_faults", "context_switches"):
        samples = [sample for samples in report[key]["samples"].values() for sample in samples]
        assert None in samples and all(sample is None or sample >= 0 for sample in samples), (key, samples)
    told = [line for line in report["left_out"] if line.startswith("what the server used in ")]
    assert len(told) == 1 and re.search(r"in \d of 9 turns of the load: processes or threads of it ended meanwhile", told[0])


def test_what_a_server_or_a_load_said_is_shown_without_escape_sequences(tmp_path):
    printing = r"printf '\033]0;x\007\377\nsecond line\n' >&2; exit 5"
    done = compare("--runs", "1", "--no-syscalls", "--load", printing, "--", *server(tmp_path))
    assert done.returncode == 125 and "it said:\n\\x1b]0;x\\x07\\xff\nsecond line\n" in done.stderr
    done = compare("--runs", "1", "--no-syscalls", "--load", "true", "--", "sh", "-c", printing, "{port}")
    assert done.returncode == 125 and "it said:\n\\x1b]0;x\\x07\\xff\nsecond line\n" in done.stderr


def test_a_load_may_print_names_and_numbers(tmp_path):
    load = script(tmp_path, '''
import http.client, sys, time
began = time.monotonic()
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for _ in range(20):
    connection.request("GET", "/")
    connection.getresponse().read()
print(f"requests: 20\\nseconds: {time.monotonic() - began}\\np99: 12 ms\\nerrors: 0")
''', "load.py")
    done, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--load", f"{' '.join(load)} {{port}}", "--", *server(tmp_path))
    assert done.returncode == 0, done.stderr
    assert report["load"]["baseline"] > 0 and report["latency_p99"]["baseline"] == 12e6
    assert report["spans"]["requests"] == report["spans"]["made"] == 60


def test_ready_may_be_a_command_and_a_port_a_socket_in_dir(tmp_path):
    """A server that listens on a unix socket, which is there a moment later."""
    serves = [*script(tmp_path, '''
import os, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
time.sleep(0.3)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + "/socket")
listener.listen()
while True:
    peer, _ = listener.accept()
    while peer.recv(4096): peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
'''), "{dir}"]
    load = "curl -s --unix-socket {dir}/socket 'http://x/[1-20]' -o /dev/null && echo requests: 20 && echo rate: 20"
    done, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--ready", "test -S {dir}/socket", "--load", load, "--", *serves,
                            env=environment(TMPDIR=str(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert report["spans"]["made"] == 60
    assert not list(tmp_path.glob("spanload-compare-*"))


@pytest.mark.parametrize("port", ["{port}", "a number"])
def test_ready_may_be_a_port(tmp_path, port):
    """A number is the same for all servers: here somebody else's, who is there already."""
    comes_later = "timeout 20 sh -c 'until curl -s -o /dev/null http://127.0.0.1:{port}/; do sleep 0.05; done' && echo rate: 5"
    with origin() as url:
        number = url.split(":")[-1].strip("/")
        done = compare("--runs", "1", "--no-syscalls", "--ready-port", port.replace("a number", number), "--load",
                       "ab -q -n 20 http://127.0.0.1:{port}/" if port == "{port}" else comes_later, "--", *server(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("which", ["True", "HAS_LIBRARY"])
def test_a_port_that_somebody_else_takes_first_is_no_difference(tmp_path, which):
    """The first time a server starts, it waits until its port was taken here."""
    def take():
        deadline = time.monotonic() + 20
        while not (tmp_path / "port").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        taker.bind(("127.0.0.1", int((tmp_path / "port").read_text())))
        (tmp_path / "taken").touch()

    waits = f"""
if {which} and not os.path.exists("{tmp_path}/port"):
    with open("{tmp_path}/port.new", "w") as file: file.write(sys.argv[1])
    os.rename("{tmp_path}/port.new", "{tmp_path}/port")
    while not os.path.exists("{tmp_path}/taken"): time.sleep(0.01)
"""
    with socket.socket() as taker:
        threading.Thread(target=take, daemon=True).start()
        done, report = compared(tmp_path, "--runs", "1", "--no-syscalls", "--load", AB, "--", *server(tmp_path, beginning=waits))
    assert done.returncode == 0 and (tmp_path / "taken").exists(), done.stderr
    assert report["exit"]["result"] == "same"


NGINX = """
daemon off; worker_processes 2; pid {dir}/pid; error_log stderr;
events {{ worker_connections 128; }}
http {{ access_log off; client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir}; scgi_temp_path {dir};
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello"; }} }} }}
"""


def test_every_worker_of_a_server_gives_its_accounts(tmp_path):
    """They are ended by their master, as it would, not beside it. Every answer of wrk's is a span, and so are those it did not wait for."""
    configuration = NGINX.format(dir="{dir}", port="{port}").replace("\n", " ")
    nginx = ["sh", "-c", f"echo '{configuration}' >{{dir}}/conf; exec nginx -e stderr -p {{dir}} -c {{dir}}/conf"]
    done, report = compared(tmp_path, "--runs", "2", "--load", "wrk --latency -t1 -c8 -d1s http://127.0.0.1:{port}/", "--", *nginx)
    assert done.returncode == 0, done.stderr
    spans = report["spans"]
    assert spans["requests"] <= spans["made"] <= spans["requests"] + 3 * 8
    assert spans["made"] == spans["exported"] + spans["dropped"] and spans["arrived"] == spans["exported"]
    assert report["load_tool"] == "wrk" and report["latency_p99"]["instrumented"] > 0
    assert report["syscalls"]["by_name"]["recvfrom"]["baseline"] == pytest.approx(1, abs=0.2)


def test_the_peak_memory_of_one_server_of_each_is_no_difference(tmp_path):
    """However often it is read. Here it is one, by 20 MB, and by chance, as far as anybody can tell."""
    eats = server(tmp_path, beginning='eaten = b"x" * (20_000_000 if HAS_LIBRARY else 1)')
    done, report = compared(tmp_path, "--runs", "6", "--no-syscalls", "--load", "echo rate: 5", "--", *eats)
    peak = report["rss"]
    assert {side: len(samples) for side, samples in peak["samples"].items()} == {"baseline": 1, "baseline_again": 1, "instrumented": 1}
    assert peak["instrumented"] - peak["baseline"] > 15e6 and peak["ratio"] == pytest.approx(peak["instrumented"] / peak["baseline"])
    assert peak["interval"] is None and peak["confidence"] == 0 and peak["rounds"] == 1 and peak["is_different"] is False
    assert re.search(r"^peak memory: [\d.]+ MB without, [\d.]+ MB again without, [\d.]+ MB with the library \(one server of each: "
                     r"what of that is noise is not known\)$", done.stdout, re.M), done.stdout


def test_a_latency_that_is_not_told_leaves_a_gap_in_its_round(tmp_path):
    """So that what is compared comes of the same rounds; p90 is told late, p99 of the library not in the last round, p50 once."""
    def said(kind, turn):
        told = ["rate: 10"] + [f"p90: {turn + kind} ms"] * (turn > 1) + [f"p99: {10 * (turn + 1) + kind} ms"] * ((kind, turn) not in ((1, 1), (3, 3)))
        return "\n".join(told + ["p50: 7 ms"] * ((kind, turn) == (2, 1)))
    done, report = loaded(tmp_path, 4, said)
    assert done.returncode == 0, done.stderr
    assert report["latency_p99"]["samples"] == {"baseline": [11e6, None, 31e6, 41e6], "baseline_again": [12e6, 22e6, 32e6, 42e6],
                                                "instrumented": [13e6, 23e6, 33e6, None]}
    assert report["latency_p90"]["samples"] == {"baseline": [None, None, 3e6, 4e6], "baseline_again": [None, None, 4e6, 5e6],
                                                "instrumented": [None, None, 5e6, 6e6]}
    assert report["latency_p50"]["samples"] == {"baseline": [None] * 4, "baseline_again": [None, 7e6, None, None], "instrumented": [None] * 4}
    assert report["latency_p99"]["rounds"] == 2 and report["latency_p99"]["ratio"] == pytest.approx((13 / 11 + 33 / 31) / 2)


def test_figures_beyond_all_bounds_are_told_in_a_few_digits(tmp_path):
    """And do not write beyond the table's cells."""
    page = tmp_path / "page.html"
    done, report = loaded(tmp_path, 3, lambda kind, turn: f"rate: {('1e150', '1e-100')[(turn + kind) % 2]}\nerrors: 1e300\np99: 1e300 ms", "--html", page)
    assert done.returncode == 0, done.stderr
    assert report["load"]["samples"]["baseline"] == [1e-100, 1e150, 1e-100]
    assert re.search(r"^requests a second +1e-100/s +1e-100/s +1\.000 +1\.000 to 1\.000 \(75 %\)", done.stdout, re.M), done.stdout
    for text in (done.stdout, page.read_text()):
        assert not re.search(r"\d{30}", text)
    done, report = loaded(tmp_path, 2, lambda kind, turn: f"rate: {'1e150' if (turn + kind) % 2 else '1e-100'}" if kind < 3 else "rate: 1")
    assert re.search(r" 1e-150 to 1e\+100 \(50 %\)", done.stdout), done.stdout


def test_a_ratio_to_nothing_is_null_and_counts(tmp_path):
    done, report = loaded(tmp_path, 6, lambda kind, turn: f"rate: 10\nerrors: {turn % 3 if kind == 3 else 0}")
    assert report["errors"]["ratio"] is None and report["errors"]["interval"] == [1, None] and report["errors"]["rounds"] == 6
    assert report["load"]["ratio"] == 1 and report["load"]["interval"] == [1, 1] and report["load"]["rounds"] == 6


def test_redis_benchmark_is_read_and_redis_makes_no_spans(tmp_path):
    load = "redis-benchmark -p {port} -n 2000 -c 4 -t get -q"
    done, report = compared(tmp_path, "--runs", "2", "--no-syscalls", "--load", load, "--", "redis-server", "--port", "{port}", "--save", "",
                            "--bind", "127.0.0.1")
    assert done.returncode == 0, done.stderr
    assert report["load_tool"] == "redis-benchmark" and report["load"]["baseline"] > 1000
    assert report["spans"]["made"] == 0


def test_interrupting_a_comparison_of_servers_ends_them_all(tmp_path):
    running = subprocess.Popen([SPANLOAD, "compare", "--load", f"sleep 766.{os.getpid()}", "--", *server(tmp_path)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment(), text=True)
    end = time.monotonic() + 20
    while not any(line.split()[2:] == ["sleep", f"766.{os.getpid()}"] for line in processes_with("sleep")) and time.monotonic() < end:
        time.sleep(0.05)
    assert len(processes_with(str(tmp_path / "server.py"))) >= 5       # the command, its sidecar, three servers
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130 and err == ""
    assert gone(str(tmp_path / "server.py"), 0) and gone(f"sleep 766.{os.getpid()}", 0)


