# lib.sh: sourced by the tests of the packages. A test is a function whose name is its sentence; it fails with a reason.

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "$here/../.." && pwd)
# Names of this run: two runs on one machine do not meet.
run_name=weir-$$

say() { printf '# %s\n' "$*"; }

# test SENTENCE_AS_A_FUNCTION: in a subshell, so that a failing line ends it and nothing else. What it printed last is
# the reason.
test_() {
    local name=$1 out status began=$SECONDS
    out=$(mktemp)
    (set -e; "$name") >"$out" 2>&1
    status=$?
    [ $status = 0 ] || ! declare -F tidy >/dev/null || tidy >/dev/null 2>&1 # what a failed test left must not fail the next
    [ $((SECONDS - began)) -lt 10 ] || say "the next took $((SECONDS - began)) s"
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

# A host named after the part that it is for; `work` is a folder of ours, `inside` is its root seen from here.
host_up() {
    host=$run_name-$1
    work=$(mktemp -d /var/tmp/weir-work.XXXXXX)
    trap '"$here/host" down "$host"; rm -rf "$work"' EXIT
    "$here/host" up "$host" || { printf 'not ok - a host with systemd boots for %s: see above\n' "$1"; exit 1; }
    inside=$("$here/host" root "$host")
    cp -r "$WEIR_REPOSITORY" "$inside/srv/repository"
    shell 'rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* && apt-get -q clean
        echo "deb [trusted=yes] file:/srv/repository ./" >/etc/apt/sources.list && apt-get -q update' >"$work/apt" 2>&1 ||
        { printf 'not ok - the host for %s reads the repository: %s\n' "$1" "$(tail -1 "$work/apt")"; exit 1; }
    printf 'ok - a host with systemd boots for %s\n' "$1"
}

# ---- what most hosts have: the packages, a stand-in to call, routes, secrets ----------------------------------

actors="ingress limiter classifier responder drainer"
sender_secret=canary-sender-4b1c downstream_secret=canary-downstream-9e7d

configure() {
    cat >"$inside/etc/weir/conf.d/test.yaml" <<'E2'
http:
  connections_per_client: 1024
sources:
  desk: {auth: bearer, secret: desk-token}
downstreams:
  helpdesk: {url: "http://127.0.0.1:9180", idempotent: true, allow_private: true, secret: helpdesk-key, connections: 16}
routes:
  tickets:
    path: /tickets
    source: desk
    key: /message/key
    id: /message/id
    steps:
      - name: triage
        classify:
          rules: [{when: {/message/key: "k1"}, outcome: one}]
          otherwise: other
      - name: tell
        call: {downstream: helpdesk, path: "/v1/tickets/${/message/id}", body: {outcome: "${/results/triage/outcome}"}}
E2
    (umask 077
        echo "$sender_secret" >"$inside/etc/weir/credentials/desk-token"
        echo "$downstream_secret" >"$inside/etc/weir/credentials/helpdesk-key")
    printf '%s' "$sender_secret" >"$inside/root/token"
}

stand_in() {
    in_ systemd-run --quiet --unit=sandbox weir-sandbox --port 9180 --quiet "$@"
    until_ 5 "the stand-in listens" in_ curl -fsS http://127.0.0.1:9180/_health
}

install_weir() { in_ apt-get -q -y --no-install-recommends install weir weir-tools; }
is_ready() { in_ curl -fsS http://127.0.0.1:8080/readyz; }
reconfigure() { in_ systemctl restart weir && until_ 10 "readyz" is_ready; }
without_drop_ins() { # of the tests
    rm -f "$inside"/etc/weir/conf.d/z*.yaml "$inside"/etc/weir/conf.d/wrong.yaml
    in_ systemctl restart weir
}

send() { # id, options of curl...
    local id=$1
    shift
    in_ curl -sS -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/tickets -H 'Content-Type: application/json' \
        -H "Authorization: Bearer $sender_secret" -d "{\"id\":\"$id\",\"key\":\"k1\"}" "$@"
}

# load PREFIX OPTIONS...: weir-load until it ends; its last line is its result, the acknowledged are in /root/PREFIX.
load() {
    in_ weir-load --url http://127.0.0.1:8080/tickets --bearer /root/token --body '{"id":"${id}","key":"${key}","pad":"${pad}"}' \
        --prefix "$1-" --keys 50 --size 256 --quiet --record "/root/$1" "${@:2}"
}
acknowledged() { in_ grep -c . "/root/$1"; }
# How many of a load are acknowledged so far; there may be no file yet.
has_begun() { [ "$(acknowledged "$1" 2>/dev/null || echo 0)" -ge "$2" ]; }
effects() { in_ curl -sS http://127.0.0.1:9180/_summary | jq .effects; }
queue_is_empty() { in_ weirctl status --json | jq -e '.queue.queued + .queue.assigned == 0'; }
metric() { # NAME: the sum of its samples
    in_ curl -fsS http://127.0.0.1:8080/metrics | awk -v name="$1" 'index($1, name "{") == 1 { sum += $2 } END { print sum + 0 }'
}
