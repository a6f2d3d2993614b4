#!/bin/bash
# What is generated from tables and checked in is what the tables say now.
cd "$(dirname "$(readlink -f "$0")")/../.."
status=0
one() { # name, command...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then echo "ok $name"; else echo "$said" | head -5; echo "not ok $name: stale or failing"; status=1; fi
}
compiled=$(mktemp -d)
trap 'rm -rf "$compiled"' EXIT
includes="-I. -Ilib $(pkg-config --cflags jansson msgpack-c 2>/dev/null || pkg-config --cflags jansson msgpack)"
# shellcheck disable=SC2086
if gcc -std=c17 -D_GNU_SOURCE -DWEIR_VERSION='"0"' $includes -o "$compiled/document" tests/meta/protocol_document.c \
    "${WEIR_BUILD:-build/proc}"/libweir_{protocol,core}.a "${WEIR_BUILD:-build/proc}/libweir_sys.a" \
    "${WEIR_BUILD:-build/proc}"/libweir_{protocol,core}.a -ljansson >"$compiled/log" 2>&1; then
    one PROTOCOL_md_is_fresh "$compiled/document" --check
else
    cat "$compiled/log"; echo "not ok PROTOCOL_md_is_fresh: its program does not compile"; status=1
fi
one CONFIGURATION_md_and_the_sample_are_fresh "${WEIR_BUILD:-build/proc}/tests/test_config"
exit $status
