#!/bin/sh
# trees.sh DIR [NAME...] - leaves whole systems of other libcs and of another machine in DIR; all of them if none is named.
#
#   debian11  glibc 2.31      debian13  glibc 2.41
#   musl      no other libc, as in Alpine: busybox, node, cmake
#   aarch64   this machine's release for the other machine
#
# They are made side by side; one that is there stays. Exit status: 0 they are there; 77 and a line if a tool is not installed.
set -eu

[ $# -ge 1 ] || { echo "usage: trees.sh DIR [debian11|debian13|musl|aarch64]..." >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
trees=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- musl debian11 debian13 aarch64
command -v flock >/dev/null || { echo "trees.sh: flock is not installed" >&2; exit 77; }

release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
programs="base-files base-passwd coreutils dash curl wget busybox python3 perl nginx-light"

# shellcheck disable=SC2086
tree() {
    case $1 in
    debian11) "$here/tree.sh" "$trees/$1" bullseye "$(dpkg --print-architecture)" $programs ;;
    debian13) "$here/tree.sh" "$trees/$1" trixie "$(dpkg --print-architecture)" $programs ;;
    musl) "$here/tree.sh" "$trees/$1" trixie "$(dpkg --print-architecture)" musl src:busybox && "$here/musl.sh" "$trees/$1" ;;
    aarch64) "$here/tree.sh" "$trees/$1" "$release" arm64 $programs libcjson-dev ;;
    *) echo "trees.sh: what is $1?" >&2; return 2 ;;
    esac
}

pids=
for name; do
    (flock 9 && tree "$name") 9>"$trees/$name.lock" &
    pids="$pids $!"
done
status=0
for pid in $pids; do wait "$pid" || status=$?; done
exit "$status"
