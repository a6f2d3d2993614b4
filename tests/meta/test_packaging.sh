#!/bin/bash
# What the packages take from the sources can be made from them: every kind of line in the journal is explained, the
# man pages render without warnings.
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

if said=$(packaging/generate "${WEIR_BUILD:-build/proc}" "$out" 2>&1); then
    echo "ok the man pages and the catalog are made"
else
    echo "not ok the man pages and the catalog are made: $(tail -1 <<<"$said")"
    exit 1
fi
if ! command -v man >/dev/null; then
    echo "skip man pages render without warnings: there is no man (package man-db)"
    exit 0
fi
for page in "$out"/*.[1578]; do
    said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$said" ] || { echo "not ok ${page##*/} renders without warnings: $said"; bad=yes; }
done
[ -n "${bad:-}" ] || echo "ok man pages render without warnings"
