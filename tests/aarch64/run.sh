#!/bin/sh
# run.sh - the library on the other machine: built by a cross compiler, run by an emulator.
#
# Builds the library, runs the unit tests (see criterion/criterion.h), then a client and a server
# under the library, whose spans must arrive (spans.py). Needs the Debian packages gcc-aarch64-linux-gnu and qemu-user; exits
# with 77 and one line where they are missing.
cd "$(dirname "$0")/../.." || exit 2
cross=aarch64-linux-gnu-
build=build/aarch64-linux-gnu
here=$build/unit
flags="-std=gnu17 -D_GNU_SOURCE -DSPANLOAD_VERSION=\"0\" -O1 -g -fno-strict-aliasing -mno-outline-atomics -Itests/aarch64 -Iinclude -Ipreload -Iexporter -Itests/unit"
not_in_units="preload/hooks.c preload/calls_descriptors.c preload/calls_process.c preload/next.c preload/process.c preload/mem.c"

for need in ${cross}gcc qemu-aarch64 make; do
    command -v $need >/dev/null || { echo "aarch64: $need is not installed (gcc-aarch64-linux-gnu, qemu-user)" >&2; exit 77; }
done

# cJSON for that machine, without making it one of this machine's architectures: two packages, unpacked.
cjson=$build/cjson
if [ ! -e $cjson/usr/include/cjson/cJSON.h ]; then
    mkdir -p $cjson/lists/partial $cjson/cache/archives/partial
    root=$PWD
    foreign="-q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root -o Dir::State::lists=$root/$cjson/lists -o Dir::Cache=$root/$cjson/cache"
    # shellcheck disable=SC2086
    (cd $cjson && apt-get $foreign update && apt-get $foreign download libcjson1 libcjson-dev) >$cjson/log 2>&1
    for package in $cjson/*.deb; do dpkg-deb -x "$package" $cjson >>$cjson/log 2>&1; done
fi
[ -e $cjson/usr/include/cjson/cJSON.h ] || { echo "not ok aarch64/cjson: the packages could not be had, see $cjson/log"; exit 1; }
flags="$flags -I$cjson/usr/include"

make -s CROSS=$cross $build/libspanload.so || { echo "not ok aarch64/build"; exit 1; }
echo "ok aarch64/build"

# One object a source, made again when the source or any header is newer.
newest=$(ls -t include/*.* preload/*.h preload/*.def exporter/*.h tests/unit/*.h tests/aarch64/criterion.* tests/aarch64/criterion/*.h tests/aarch64/run.sh | head -1)
object() {
    object=$here/$1.o
    if [ ! "$object" -nt "$1" ] || [ ! "$object" -nt "$newest" ]; then
        mkdir -p "$(dirname "$object")"
        # shellcheck disable=SC2086
        ${cross}gcc $flags -c -o "$object" "$1" || { echo "not ok aarch64/compile: $1"; exit 1; }
    fi
}

rm -f $here/units.a
for source in preload/*.c preload/protocols/*.c exporter/*.c; do
    case " $not_in_units " in *" $source "*) continue ;; esac
    object "$source" && objects="$objects $object"
done
${cross}ar rcs $here/units.a $objects || exit 1

# support_preload.c stands in for our thread and the process; what a test brings itself comes before the archive.
for source in tests/aarch64/criterion.c tests/unit/support_*.c; do
    object "$source" && support="$support $object"
done

# The emulator keeps no RLIMIT_AS.
export CRITERION_SKIP="has_no_block_when_the_kernel_has_no_memory"

status=0
for source in tests/unit/test_*.c; do
    object "$source"
    program=$here/$(basename "$source" .c)
    if [ ! "$program" -nt "$object" ] || [ ! "$program" -nt $here/units.a ]; then
        ${cross}gcc -o "$program" "$object" $support $here/units.a -L$cjson/usr/lib/aarch64-linux-gnu -lcjson -lpthread 2>"$program.log" ||
            { echo "not ok aarch64/link: $(head -3 "$program.log" | tr '\n' ' ')"; status=1; continue; }
    fi
    only=
    [ "$(basename "$program")" = test_wire ] && only=whole # at every split it takes minutes here
    # shellcheck disable=SC2086
    qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$cjson/usr/lib/aarch64-linux-gnu "$program" $only 2>"$program.log" || { tail -20 "$program.log" >&2; status=1; }
done

python3 tests/aarch64/spans.py || status=1
exit $status
