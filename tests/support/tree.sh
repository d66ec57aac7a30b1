#!/bin/sh
# tree.sh DIR SUITE ARCHITECTURE PACKAGE... - leaves a tree of that Debian release at DIR, with these packages and all they need.
#
# The apt of this machine finds, fetches and verifies them, with lists of its own; dpkg-deb unpacks them. Nothing is configured,
# for no script of a package is run: a tree of another machine is made like any other, and in seconds. What such scripts would
# leave behind and programs ask for is written here: users, hosts, a few devices. `src:NAME` is a source as it was published, in
# DIR/src.
#
# Done once for the same words. The mirrors are those of this machine's apt, then the
# public ones, in turn: an old release moves to the archive one day. Exit status: 0 the tree is there; 77, and one line, if no
# mirror has it or there is no apt here.
set -eu

[ $# -ge 4 ] || { echo "usage: tree.sh DIR SUITE ARCHITECTURE PACKAGE..." >&2; exit 2; }
for need in apt-get dpkg-deb; do
    command -v $need >/dev/null || { echo "tree.sh: no tree of $2 ($3): $need is not installed" >&2; exit 77; }
done
mkdir -p "$1"
dir=$(cd "$1" && pwd)
suite=$2 architecture=$3
shift 3
stamp="$suite $architecture $* $(cksum <"$0")"
packages= sources=
for word; do
    case $word in
    src:*) sources="$sources ${word#src:}" ;;
    *) packages="$packages $word" ;;
    esac
done

[ "$(cat "$dir/.complete" 2>/dev/null)" != "$stamp" ] || exit 0

own=$dir.apt # lists and packages, until these are unpacked
log=$dir.log
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
signed=
[ ! -e $keyring ] || signed="[signed-by=$keyring]"

apt() {
    apt-get -q -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" -o APT::Install-Recommends=0 \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o Debug::NoLocking=1 \
        -o Dir::Etc::sourcelist="$own/sources.list" -o Dir::Etc::sourceparts=- -o Dir::Etc::preferences=- \
        -o Dir::Etc::preferencesparts=- -o Dir::State::status="$own/status" -o Dir::State::lists="$own/lists" -o Dir::Cache="$own" "$@"
}

# Whole lines of words are meant to be split here.
# shellcheck disable=SC2086
fetch() {
    rm -rf "$own"
    mkdir -p "$own/lists/partial" "$own/archives/partial" "$own/src"
    : >"$own/status"
    echo "deb $signed $1 $suite main" >"$own/sources.list"
    [ -z "$sources" ] || echo "deb-src $signed $1 $suite main" >>"$own/sources.list"
    apt update && apt install -y --download-only $packages || return
    [ -z "$sources" ] || (cd "$own/src" && apt source --download-only $sources)
}

fetch_from_any() {
    for mirror in $(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/*$' | sort -u) \
        http://deb.debian.org/debian http://archive.debian.org/debian; do
        fetch "$mirror" && return
    done
    return 1
}

unpack() {
    rm -rf "$dir"
    mkdir -p "$dir/dev" "$dir/etc" "$dir/proc" "$dir/tmp"
    chmod 1777 "$dir/tmp"
    for name in bin sbin lib lib64; do # one /usr, as every tree has it that is not older than these
        mkdir -p "$dir/usr/$name"
        ln -s "usr/$name" "$dir/$name"
    done
    for package in "$own"/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$dir" --no-same-owner --keep-directory-symlink \
            --exclude './usr/share/doc/*' --exclude './usr/share/man/*' --exclude './usr/share/locale/*'
    done
    for name in passwd group; do
        [ ! -e "$dir/usr/share/base-passwd/$name.master" ] || cp "$dir/usr/share/base-passwd/$name.master" "$dir/etc/$name"
    done
    echo "127.0.0.1 localhost" >"$dir/etc/hosts"
    if [ "$(id -u)" = 0 ]; then
        mknod -m 666 "$dir/dev/null" c 1 3
        mknod -m 666 "$dir/dev/urandom" c 1 9
    fi
}

fetch_from_any >"$log" 2>&1 || { echo "tree.sh: no tree of $suite ($architecture): no mirror gave it, see $log" >&2; exit 77; }
trap '[ $? = 0 ] || { tail -n 5 "$log"; echo "tree.sh: no tree of $suite ($architecture), see $log"; } >&2' EXIT
unpack >>"$log" 2>&1
[ -z "$sources" ] || mv "$own/src" "$dir/src"
rm -rf "$own"
echo "$stamp" >"$dir/.complete"
