"""test_places.py - programs in places where something is missing: room on the disk, /proc, a root that can be written, rights.

Each place is a mount namespace of its own, so that nothing of this machine's changes; what runs there is compared with itself
without the library. As in containers: a read-only root, no /proc, another root, ld.so.preload.
"""
import os
import shutil
import subprocess

import pytest

from support.launch import LIBRARY, bare_environment, counters_in, environment, run, total
from system.programs.hostile import built, check_spans, exchanges_in, shown

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can make mount namespaces")


def within(script, program, env, **options):
    """The program at the end of a shell script that makes its place; the library is not loaded into the shell."""
    names = [f"{name}={value}" for name, value in env.items()]
    command = ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-ec", script + '\nexec "$@"', "sh", "/usr/bin/env", "-i", *names, *map(str, program)]
    return run(command, bare_environment(), **options)


def compared_within(script, program, sidecar, preload=True, **settings):
    """Without and with the library: the same status, the same output. The end with it."""
    env = environment(sidecar.endpoint, "placed", OTEL_BSP_SCHEDULE_DELAY=3, **settings)
    if not preload:
        env.pop("LD_PRELOAD")
    bare = within(script, program, bare_environment())
    end = within(script, program, env)
    assert (end.status, end.stdout, end.own_stderr) == (bare.status, bare.stdout, bare.stderr)
    return end


FULL = '''
mount -t tmpfs -o size=16k none {place}
cp /dev/zero {place}/full 2>/dev/null || true
exec 2>>{place}/full
'''


@pytest.mark.parametrize("endpoint", ["sidecar", "nowhere"])
def test_a_full_disk_takes_no_line_and_does_no_harm(receiver, place, endpoint):
    """stderr is a file on a disk without room: counters and complaints are lost, and nothing else."""
    sidecar = receiver()
    settings = {} if endpoint == "sidecar" else {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TIMEOUT": 50}
    end = compared_within(FULL.format(place=place), [built("descriptors"), "lowest"], sidecar, SPANLOAD_LOG="info", **settings)
    assert end.status == 0 and end.stderr == b""
    if endpoint == "sidecar":
        spans = sidecar.wait_for(spans=2 * exchanges_in(end.stdout)).spans
        assert len({span.span_id for span in spans}) == len(spans) == 2 * exchanges_in(end.stdout)


ALMOST_FULL = '''
mount -t tmpfs -o size=16k none {place}
dd if=/dev/zero of={place}/full bs=1 count=12288 status=none
dd if=/dev/zero of={place}/log bs=1 count=4000 status=none
exec 2>>{place}/log
'''


def test_a_disk_that_becomes_full_within_a_line(receiver, place):
    """A part of the counters fits: what is written is a part, and the program ends as without us."""
    end = compared_within(ALMOST_FULL.format(place=place), [built("descriptors"), "tiny_limit"], receiver(), SPANLOAD_LOG="info")
    assert end.status == 0


@pytest.mark.parametrize("program", [("descriptors", "tiny_limit"), ("processes", "vfork_exec"), ("threads", "small_threads"), ("rights", "give_up", "5")],
                         ids="-".join)
def test_without_proc(receiver, program):
    """/proc is not mounted, as in a chroot or a build sandbox: names and ids that it holds are left out, spans are not."""
    sidecar = receiver()
    end = compared_within("umount -l /proc", [built(program[0], *(("-O1", "-rdynamic") if program[0] == "threads" else ())), *program[1:]], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)


READ_ONLY = '''
mount --bind / {place}
mount -o remount,bind,ro {place}
mount -t proc none {place}/proc 2>/dev/null || mount --rbind /proc {place}/proc
'''


@pytest.mark.parametrize("program", [("descriptors", "tiny_limit"), ("processes", "chain")], ids="-".join)
def test_a_root_that_cannot_be_written(receiver, place, program):
    """design.md 1.6: read-only root. Nothing is written anywhere."""
    sidecar = receiver()
    script = READ_ONLY.format(place=place) + f"set -- /usr/sbin/chroot {place} \"$@\"\n"
    end = compared_within(script, [built(program[0]), *program[1:]], sidecar)
    assert end.status == 0
    check_spans(end, sidecar)


@pytest.mark.parametrize("user", [(), ("/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")], ids=["root", "nobody"])
def test_another_root_with_hardly_anything_in_it(receiver, place, user):
    """A container's image at its smallest: the program, its libc, the library; no /etc, no /proc, no /dev, no /tmp."""
    program = built("descriptors")
    needed = [word for line in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines()
              for word in line.split() if word.startswith("/")]
    for path in needed:
        target = place / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copy(LIBRARY, place / "libspanload.so")
    shutil.copy(program, place / "program")
    sidecar = receiver()
    groups = [f"--groups={os.getgid()}"] if not user else ["--userspec=65534:65534"]
    ends = []
    for env in (bare_environment(), {**environment(sidecar.endpoint, "placed", OTEL_BSP_SCHEDULE_DELAY=3), "LD_PRELOAD": "/libspanload.so"}):
        # chroot itself is outside, where the library has another path: it is set by the loader of the program inside.
        loader = next(path for path in needed if "/ld-" in path)
        variables = {name: value for name, value in env.items() if name != "LD_PRELOAD"}
        preload = ["--preload", env["LD_PRELOAD"]] if "LD_PRELOAD" in env else []
        ends.append(run(["/usr/sbin/chroot", *groups, place, loader, *preload, "/program", "tiny_limit"], variables))
    bare, end = ends
    assert (end.status, end.stdout, end.own_stderr) == (bare.status, bare.stdout, bare.stderr) and end.status == 0
    check_spans(end, sidecar)


# /etc as it is, and one file more, for this program alone.
PRELOAD_FILE = '''
cp -a /etc/ld.so.cache /etc/passwd /etc/group /etc/nsswitch.conf {place}/ 2>/dev/null || true
[ -z "$PRELOADED" ] || echo "$PRELOADED" >{place}/ld.so.preload
chmod 755 {place}
mount --bind {place} /etc
'''


@pytest.mark.parametrize("is_setuid", [True, False], ids=["setuid", "ordinary"])
def test_loaded_by_ld_so_preload_into_a_setuid_program(receiver, place, is_setuid):
    """pitfalls.md: loaded by /etc/ld.so.preload into a setuid program, whose environment belongs to the caller: reasoned. It is
    inert there and reads nothing of that environment; the same program without the mark is traced."""
    if os.statvfs(place).f_flag & os.ST_NOSUID:
        pytest.skip(f"setuid programs: {place} is mounted nosuid")
    (place / "etc").mkdir()
    program, library = place / "program", place / "libspanload.so"
    shutil.copy(built("descriptors"), program)
    shutil.copy(LIBRARY, library)
    library.chmod(0o755)
    program.chmod(0o4755 if is_setuid else 0o755)
    sidecar = receiver()
    command = ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "tiny_limit"]
    script = PRELOAD_FILE.format(place=place / "etc")
    env = environment(sidecar.endpoint, "placed", LD_PRELOAD=None, OTEL_BSP_SCHEDULE_DELAY=3)
    bare = within(f"PRELOADED=\n{script}", command, env)
    (place / "etc/ld.so.preload").unlink(missing_ok=True)
    end = within(f"PRELOADED={library}\n{script}", command, env)
    assert (end.status, end.stdout, end.own_stderr) == (bare.status, bare.stdout, bare.stderr) and end.status == 0
    if is_setuid:
        assert end.stderr == b"" and not sidecar.requests
    else:
        lines = [line for line in counters_in(end.text) if line["started"]]
        assert total(lines)["exported"] == 2 * exchanges_in(end.stdout), shown(lines)
