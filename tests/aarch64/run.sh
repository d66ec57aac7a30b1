#!/bin/sh
# run.sh - the library on the other machine: built by a cross compiler, run by an emulator.
#
# Builds the library, runs the unit tests (see criterion/criterion.h), then a client and a server under the library, whose
# spans must arrive (spans.py), all with the libraries of a tree of that machine (tests/support/trees.sh), whose own programs
# tests/system/test_libc.py runs. Needs the Debian packages gcc-aarch64-linux-gnu and qemu-user; exits with 77 and one line where
# something is missing.
cd "$(dirname "$0")/../.." || exit 2
cross=aarch64-linux-gnu-
build=build/aarch64-linux-gnu
here=$build/unit
flags="-std=gnu17 -D_GNU_SOURCE -DSPANLOAD_VERSION=\"0\" -O1 -g -fno-strict-aliasing -mno-outline-atomics -Itests/aarch64 -Iinclude -Ipreload -Iexporter -Itests/unit"
not_in_units="preload/hooks.c preload/calls_descriptors.c preload/calls_process.c preload/next.c preload/process.c preload/mem.c"

for need in ${cross}gcc qemu-aarch64 make; do
    command -v $need >/dev/null || { echo "aarch64: $need is not installed (gcc-aarch64-linux-gnu, qemu-user)" >&2; exit 77; }
done

tests/support/trees.sh build/trees aarch64 || exit
tree=$PWD/build/trees/aarch64
flags="$flags -I$tree/usr/include"

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
        ${cross}gcc -o "$program" "$object" $support $here/units.a -L$tree/usr/lib/aarch64-linux-gnu -lcjson -lpthread 2>"$program.log" ||
            { echo "not ok aarch64/link: $(head -3 "$program.log" | tr '\n' ' ')"; status=1; continue; }
    fi
    only=
    [ "$(basename "$program")" = test_wire ] && only=whole # at every split it takes minutes here
    # shellcheck disable=SC2086
    qemu-aarch64 -L "$tree" "$program" $only 2>"$program.log" || { tail -20 "$program.log" >&2; status=1; }
done

python3 tests/aarch64/spans.py || status=1
exit $status
