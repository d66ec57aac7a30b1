"""packages.py - where a row's program comes from: Debian's packages."""
import subprocess


def version_of(program):
    return _debian_version(program.packages[0])


def missing_packages(program):
    """Those of the row's packages that this machine lacks."""
    return [package for package in program.packages if not _debian_version(package)]


def _debian_version(package):
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", package]
    result = subprocess.run(query, capture_output=True, text=True)
    return result.stdout.split()[-1] if result.stdout.startswith("ii") else None
