# lib.sh: sourced by the tests of the packages. A test is a function whose name is its sentence; it fails with a reason.

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "$here/../.." && pwd)
# Names of this run: two runs on one machine do not meet.
run_name=weir-$$

say() { printf '# %s\n' "$*"; }

# test SENTENCE_AS_A_FUNCTION: in a subshell, so that a failing line ends it and nothing else. What it printed last is
# the reason.
test_() {
    local name=$1 out status
    out=$(mktemp)
    (set -e; "$name") >"$out" 2>&1
    status=$?
    grep -a '^# ' "$out"
    if [ $status = 0 ]; then
        printf 'ok - %s\n' "${name//_/ }"
    else
        printf 'not ok - %s: %s\n' "${name//_/ }" "$(grep -av '^# ' "$out" | tail -1 | cut -c1-300)"
        grep -av '^# ' "$out" | tail -30 | sed 's/^/    /'
        failed=yes
    fi
    rm -f "$out"
}
failed=no

because() { printf '%s\n' "$*"; return 1; }

same() { [ "$1" = "$2" ] || because "$3: $1, not $2"; }

# until_ SECONDS WHAT COMMAND...: the command holds before the seconds are over
until_() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || because "not in time: $what" || return 1
        sleep 0.1
    done
}

# grep that reads to the end: one that stops early ends its writer with SIGPIPE, and pipefail makes that a failure.
has() { grep "$@" >/dev/null; }

in_() { "$here/host" in "$host" "$@"; }
shell() { in_ bash -euc "$1"; }
property() { in_ systemctl show --property="$1" --value "${2:-weir.service}"; }
is_active() { [ "$(property ActiveState "${1:-weir.service}")" = active ]; }

# Of the first machine, the processes NAME of the host: their numbers there.
pids_outside() {
    local pid inode
    inode=$(stat -Lc %d:%i "$("$here/host" root "$host")")
    for pid in $(pgrep "$1"); do
        [ "$(stat -Lc %d:%i "/proc/$pid/root" 2>/dev/null)" != "$inode" ] || echo "$pid"
    done
}

host_up() {
    host=$1
    "$here/host" up "$host" || { printf 'not ok - a host with systemd boots: %s\n' "$host"; exit 1; }
    trap '"$here/host" down "$host"' EXIT
    printf 'ok - a host with systemd boots for %s\n' "$host"
}
