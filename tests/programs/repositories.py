"""repositories.py - what the origin must have or do for the clients of repositories: apt, Subversion, and git that writes."""
import hashlib
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from support.launch import Running, bare_environment
from support.ports import free_port

PACKAGES = [f"nothing-{number}" for number in range(1, 6)]

CONTROL = """\
Package: {name}
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@localhost>
Description: nothing
"""

APACHE = """\
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {directory}/pid
ErrorLog {directory}/log
User www-data
Group www-data
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_svn_module /usr/lib/apache2/modules/mod_dav_svn.so
StartServers 1
<Location /svn/shop>
    DAV svn
    SVNPath {directory}/repository
</Location>
"""


@contextmanager
def debian_packages(origin):
    """A flat repository of five packages at /files/debian/, without a signature."""
    directory = Path(origin.root) / "debian"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    index = ""
    for name in PACKAGES:
        control = CONTROL.format(name=name)
        (directory / name / "DEBIAN").mkdir(parents=True)
        (directory / name / "DEBIAN" / "control").write_text(control)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", directory / name, directory / f"{name}.deb"], check=True,
                       stdout=subprocess.DEVNULL, env={**bare_environment(), "SOURCE_DATE_EPOCH": "1700000000"})
        package = (directory / f"{name}.deb").read_bytes()
        index += f"{control}Filename: ./{name}.deb\nSize: {len(package)}\nSHA256: {hashlib.sha256(package).hexdigest()}\n\n"
    (directory / "Packages").write_text(index)
    (directory / "Release").write_text("Date: Tue, 14 Nov 2023 22:13:20 UTC\nSHA256:\n"
                                       f" {hashlib.sha256(index.encode()).hexdigest()} {len(index)} Packages\n")
    yield


@contextmanager
def subversion(origin):
    """A repository at /svn/shop, served by an Apache that stands behind the origin and is nobody's subject here."""
    with tempfile.TemporaryDirectory() as name:
        directory, port = Path(name), free_port()
        directory.chmod(0o755)
        repository = str(directory / "repository")
        subprocess.run(["svnadmin", "create", repository], check=True)
        subprocess.run(["svnadmin", "setuuid", repository, "11111111-2222-3333-4444-555555555555"], check=True)
        subprocess.run(["chown", "-R", "www-data:", repository], check=True)
        (directory / "apache.conf").write_text(APACHE.format(directory=directory, port=port))
        command = ["/usr/sbin/apache2", "-X", "-f", str(directory / "apache.conf")]
        with Running.start(command, bare_environment(), port=port, timeout=20):
            origin.behind = port
            yield


@contextmanager
def git_repository_to_write(origin):
    """At /git/written.git, as the origin's other one is, and anew for each run."""
    directory = Path(origin.root) / "written.git"
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", "--bare", Path(origin.root) / "repo.git", directory], check=True)
    subprocess.run(["git", "-C", directory, "config", "http.receivepack", "true"], check=True)
    yield
