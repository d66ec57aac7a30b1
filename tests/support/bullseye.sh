#!/bin/sh
# bullseye.sh DIR - leaves a small Debian 11 tree (glibc 2.31) with curl and python3 at DIR.
#
# Done once; a tree that is there stays. The mirrors are those of this machine's apt, then the public ones, in turn:
# an old release moves to the archive one day. Exit status: 0 the tree is there; 77 debootstrap is missing or we are not root.
set -eu

[ $# -eq 1 ] || { echo "usage: bullseye.sh DIR" >&2; exit 2; }
dir=$1
[ -e "$dir/.complete" ] && exit 0

command -v debootstrap >/dev/null || { echo "bullseye.sh: no Debian 11 tree: debootstrap is not installed" >&2; exit 77; }
[ "$(id -u)" = 0 ] || { echo "bullseye.sh: no Debian 11 tree: debootstrap needs root" >&2; exit 77; }

proxy=
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "$proxy" ] || export http_proxy="$proxy"

mirrors=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/*$' | sort -u || true)
log=$dir.log
for mirror in $mirrors http://deb.debian.org/debian http://archive.debian.org/debian; do
    rm -rf "$dir"
    if debootstrap --variant=minbase --include=curl,ca-certificates,python3-minimal bullseye "$dir" "$mirror" >"$log" 2>&1; then
        rm -rf "$dir/var/cache/apt/archives" "$dir/var/lib/apt/lists"
        touch "$dir/.complete"
        exit 0
    fi
done
tail -n 5 "$log" >&2
echo "bullseye.sh: debootstrap failed with every mirror, see $log" >&2
exit 1
