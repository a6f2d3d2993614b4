#!/bin/bash
# Weir at work on a host, as an operator has it: what its journal tells, what kills, hangs and a stopped journald do to
# work that goes on, where secrets are not.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
host_up operate

tidy() {
    rmdir "/sys/fs/cgroup/memory/$host" || true
    without_drop_ins
}

it_is_installed_with_a_door_that_systemd_holds() {
    install_weir
    configure
    stand_in
    in_ systemctl stop weir
    in_ systemctl enable --quiet --now weir.socket
    in_ systemctl start weir
    until_ 10 "readyz" is_ready
    same "$(send first)" 202 "a message"
}

# ---- the journal ------------------------------------------------------------------------------------------

# The lines of one message, oldest first: their MESSAGE_ID's last two digits.
journey() { in_ journalctl -o json "WEIR_MESSAGE=$1" | jq -r '.MESSAGE_ID[-2:]' | tr '\n' ' '; }
has_whole_journey() {
    local lines
    lines=" $(journey "$1")"
    [[ $lines = *" 30 "* && $lines = *" 31 "* && $lines = *" 32 "* && $lines = *" 33 "* && $lines = *" 34 "* ]]
}

a_chosen_journey_is_in_the_journal_from_its_acceptance_to_its_end() {
    local id
    printf 'routes: {tickets: {log: full}}\n' >"$inside/etc/weir/conf.d/zz-log.yaml"
    reconfigure
    id=$(in_ curl -sS http://127.0.0.1:8080/tickets -H 'Content-Type: application/json' -H "Authorization: Bearer $sender_secret" \
        -d '{"id":"followed","key":"k1"}' | jq -r .id)
    until_ 10 "the whole journey in the journal, not only: $(journey "$id")" has_whole_journey "$id"
    in_ journalctl -o cat "WEIR_MESSAGE=$id" | has 'HTTP 200' || because "the call is not told"
    same "$(in_ journalctl -o json "WEIR_MESSAGE=$id" | jq -r .WEIR_DOWNSTREAM | grep -v null | sort -u)" helpdesk WEIR_DOWNSTREAM
}

of_a_sample_some_journeys_are_there_and_others_are_not() {
    local id told=0 silent=0 i
    printf 'log: {sample: 2}\n' >"$inside/etc/weir/conf.d/zz-log.yaml"
    reconfigure
    load sample --count 40 >"$work/result"
    until_ 20 "an empty queue" queue_is_empty
    in_ cat /root/sample | jq -r .message >"$work/ids"
    same "$(wc -l <"$work/ids")" 40 "ids acknowledged"
    while read -r id; do
        [ -n "$(journey "$id")" ] && told=$((told + 1)) || silent=$((silent + 1))
    done <"$work/ids"
    say "log.sample 2: of 40 messages $told told"
    # 20 are expected; outside of this range once in 100 million runs.
    [ $told -ge 4 ] && [ $silent -ge 4 ] || because "$told told, $silent not"
    rm "$inside/etc/weir/conf.d/zz-log.yaml"
    reconfigure
}

# ---- work goes on -----------------------------------------------------------------------------------------

pid_of() { in_ weirctl actors ls --json | jq --arg a "$1/0" '.actors[] | select(.name == $a) | .pid'; }
is_restarted() { # actor, its old process
    in_ weirctl actors ls --json | jq -e --arg a "$1/0" --argjson p "$2" '.actors[] | select(.name == $a) | .state == "ready" and .pid != $p'
}

# By the stand-in's own record: different calls, and how many came again without saying so. What was on the wire when a
# responder died may come twice.
calls() { in_ curl -sS http://127.0.0.1:9180/_summary | jq .calls; }
unmarked() { in_ curl -sS http://127.0.0.1:9180/_summary | jq .repeated_unmarked; }

# Senders try again, as those of webhooks do; what was acknowledged is done.
each_actor_is_killed_under_load_and_nothing_is_lost() {
    local before actor pid result
    before=$(calls)
    load killed --rate 200 --seconds 10 --resend >"$work/result" &
    until_ 10 "the load runs" has_begun killed 100
    for actor in $actors; do
        pid=$(pid_of "$actor")
        in_ kill -KILL "$pid"
        until_ 10 "$actor is ready again" is_restarted "$actor" "$pid"
    done
    wait $! || because "weir-load: status $?: $(cat "$work/result")"
    result=$(cat "$work/result")
    say "five kills under load: $result"
    same "$(jq -c '[.accepted + .duplicates, .unacknowledged]' <<<"$result")" '[2000,0]' "acknowledged, not"
    until_ 60 "an empty queue" queue_is_empty
    same $(($(calls) - before)) 2000 "messages that were done"
    same "$(unmarked)" 0 "calls that were made twice without a mark"
    same "$(in_ weirctl status --json | jq -c '[.queue.held, .queue.dead]')" '[0,0]' "held, dead"
    same "$(property NRestarts)" 0 "restarts of the service"
}

# What a load of 2,000 is worth: how many were done, how long the slowest answer took.
work_of() { # name
    local before result
    before=$(effects)
    load "$1" --rate 400 --count 2000 >"$work/$1" || because "weir-load: status $?: $(cat "$work/$1")"
    until_ 60 "an empty queue" queue_is_empty
    same "$(jq -c '[.accepted, .unacknowledged]' "$work/$1")" '[2000,0]' "accepted, not acknowledged"
    same $(($(effects) - before)) 2000 "effects"
}

# Each message writes five lines and more: thousands of them against a socket that nobody reads.
a_stopped_journald_costs_lines_and_no_message() {
    local dropped
    printf 'routes: {tickets: {log: full}}\n' >"$inside/etc/weir/conf.d/zz-log.yaml"
    reconfigure
    work_of talking
    trap 'in_ systemctl kill --signal=CONT systemd-journald' EXIT
    in_ systemctl kill --signal=STOP systemd-journald
    work_of deaf
    in_ systemctl kill --signal=CONT systemd-journald
    until_ 10 "the dropped lines are counted" counts_dropped
    dropped=$(metric weir_log_dropped_total)
    say "journald stopped: p50 $(of talking p50) then $(of deaf p50) ms, p99 $(of talking p99) then $(of deaf p99) ms, most $(of talking max) then $(of deaf max) ms; $dropped lines dropped"
    # Nobody waited for journald: the slowest answer is far below the deadline at which an actor would count as hung.
    awk -v most="$(of deaf max)" 'BEGIN { exit !(most < 5000) }' || because "an answer took $(of deaf max) ms"
    same "$(property NRestarts)" 0 "restarts of the service"
    same "$(send heard)" 202 "a message afterwards"
    until_ 20 "the journal gets lines again" shell 'journalctl -u weir --since -20s -o cat MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a30 WEIR_KEY=k1 | grep -q .'
    rm "$inside/etc/weir/conf.d/zz-log.yaml"
    reconfigure
}
of() { jq -r ".latency_ms.$2" "$work/$1"; }
counts_dropped() { [ "$(metric weir_log_dropped_total)" -gt 100 ]; }

# The kernel ends it as it ends whoever is over the limit of a control group: this machine's hosts have no limits of their
# own, so the actor is put into a group of the machine where nothing more is to be had.
dies_for_memory() { # actor, its process
    local group=/sys/fs/cgroup/memory/$host outside
    outside=$(pids_outside "weir-$1")
    mkdir -p "$group" || because "this machine has no memory control groups (version 1) to put it into"
    echo 4096 >"$group/memory.limit_in_bytes"
    echo "$outside" >"$group/cgroup.procs"
    until_ 10 "$1 is ready again" is_restarted "$1" "$2"
    grep -q '^oom_kill [1-9]' "$group/memory.oom_control" || because "it was not the kernel: $(tr '\n' ' ' <"$group/memory.oom_control")"
    rmdir "$group"
}

an_actor_that_memory_runs_out_for_is_started_again_and_the_journal_says_why() {
    local before actor pid score supervisor
    supervisor=$(shell 'cat /proc/$(pgrep -x weir-supervisor)/oom_score_adj')
    for actor in $actors; do
        score=$(shell "cat /proc/$(pid_of "$actor")/oom_score_adj")
        same "$score" $((supervisor + 100)) "the kernel's inclination to end the $actor rather than the supervisor"
    done
    before=$(calls)
    load starved --rate 200 --seconds 8 --resend >"$work/result" &
    until_ 10 "the load runs" has_begun starved 100
    for actor in limiter responder ingress; do
        pid=$(pid_of "$actor")
        dies_for_memory "$actor" "$pid"
        in_ journalctl -u weir -o cat | has "child $actor/0: ready -> backoff on exit (signal 9, out of memory)" ||
            because "the journal does not say why: $(in_ journalctl -u weir -o cat | grep "child $actor/0.*backoff" | tail -1)"
    done
    wait $! || because "weir-load: status $?: $(cat "$work/result")"
    same "$(jq -c '[.accepted + .duplicates, .unacknowledged]' "$work/result")" '[1600,0]' "acknowledged, not"
    until_ 60 "an empty queue" queue_is_empty
    same $(($(calls) - before)) 1600 "messages that were done"
    same "$(unmarked)" 0 "calls that were made twice without a mark"
    same "$(property NRestarts) $(is_active && echo active)" "0 active" "restarts of the service, state"
    in_ journalctl -x -u weir MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a05 | has 'journalctl -k --grep' ||
        because "journalctl -x does not say where to look"
    say "out of memory: three actors ended by the kernel under load, $(jq -c '[.accepted, .duplicates]' "$work/result") accepted and duplicates"
}

# ---- TLS at an address of systemd's ---------------------------------------------------------------------------

# A new certificate with its key, where the page puts them; the serial number of the one that the door shows.
new_certificate() {
    mkdir -p "$inside/etc/weir/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=weir.test \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$inside/etc/weir/tls/key.pem" -out "$inside/etc/weir/tls/chain.pem" 2>/dev/null
    in_ chown root:weir /etc/weir/tls/key.pem
    in_ chmod 640 /etc/weir/tls/key.pem
    sed -n 3p "$inside/etc/weir/tls/key.pem" | cut -c1-24 >>"$work/keys" # 18 bytes of its secret number
}
serial_shown() {
    nsenter --target "$(cat "${WEIR_HOSTS:-/var/tmp/weir-hosts}/run/$host/leader")" --net openssl s_client -connect 127.0.0.1:8443 \
        </dev/null 2>/dev/null | openssl x509 -noout -serial
}
serial_filed() { openssl x509 -noout -serial <"$inside/etc/weir/tls/chain.pem"; }
over_tls() { # id...: sends each, prints the statuses
    local id
    for id in "$@"; do
        in_ curl -sS --cacert /etc/weir/tls/chain.pem -o /dev/null -w '%{http_code} ' https://127.0.0.1:8443/tickets \
            -H 'Content-Type: application/json' -H "Authorization: Bearer $sender_secret" -d "{\"id\":\"$id\",\"key\":\"k1\"}" || echo "none "
    done
}

systemds_socket_speaks_tls_where_the_configuration_says_so() {
    local pid
    mkdir -p "$inside/etc/systemd/system/weir.socket.d"
    printf '[Socket]\nListenStream=127.0.0.1:8443\n' >"$inside/etc/systemd/system/weir.socket.d/tls.conf"
    new_certificate
    printf 'http: {listen_tls: ["127.0.0.1:8443"], tls: {certificate: /etc/weir/tls/chain.pem, key: /etc/weir/tls/key.pem}}\n' \
        >"$inside/etc/weir/conf.d/tls.yaml"
    in_ systemctl daemon-reload
    in_ systemctl stop weir weir.socket
    in_ systemctl start weir.socket weir
    until_ 10 "readyz" is_ready
    same "$(send plain-1) $(over_tls tls-1)" "202 202 " "a message at the plain address, at the other"
    same "$(serial_shown)" "$(serial_filed)" "the certificate"
    ! in_ curl -sS http://127.0.0.1:8443/livez >/dev/null 2>&1 || because "the address speaks without TLS, too"
    in_ weirctl status --json | jq -r '.listen[]' >"$work/listen"
    same "$(sort "$work/listen" | tr '\n' ' ')" "127.0.0.1:8080 127.0.0.1:8443 " "what it says that it listens on"
}

# Each request is a connection of its own, from before the reload to after it.
a_reload_shows_the_new_certificate_and_refuses_nobody() {
    local old said
    old=$(serial_shown)
    cp "$inside/etc/weir/tls/chain.pem" "$inside/root/old.pem"
    shell 'for n in $(seq 200); do curl -sSk -o /dev/null -w "%{http_code}\n" https://127.0.0.1:8443/livez || echo none; done' \
        >"$work/during" 2>&1 &
    new_certificate
    same "$(serial_shown)" "$old" "the certificate before the reload"
    in_ systemctl reload weir
    same "$(serial_shown)" "$(serial_filed)" "the certificate after it"
    wait $!
    same "$(sort "$work/during" | uniq -c | tr -s ' ')" " 200 200" "what those who came meanwhile were answered"
    same "$(over_tls tls-2)" "202 " "a message with the new one"
    # A key of another certificate is refused as a whole, and says which file.
    cp "$inside/etc/weir/tls/chain.pem" "$inside/root/new.pem"
    cp "$inside/root/old.pem" "$inside/etc/weir/tls/chain.pem"
    said=$(in_ weirctl reload 2>&1) && because "a key that does not fit was taken" || true
    [[ $said = *"/etc/weir/tls/key.pem is not the private key of http.tls.certificate"* ]] || because "it says: $said"
    cp "$inside/root/new.pem" "$inside/etc/weir/tls/chain.pem"
    same "$(serial_shown)" "$(serial_filed)" "the certificate after the refusal"
}

the_doors_key_is_in_the_ingress_alone() {
    local actor key found
    key=$(tail -1 "$work/keys")
    for actor in supervisor $actors; do
        found=$("$here/secrets_in.py" $(pids_outside "weir-$actor") -- "$key" "base64:$key")
        case $actor in
        ingress) [ -n "$found" ] || because "not even the ingress has it: would it be found?" ;;
        *) same "$found" "" "what of the key is in the $actor" ;;
        esac
    done
}

# ---- secrets ----------------------------------------------------------------------------------------------

# Work of every kind is done first: accepted, refused for its token, failed at a service that repeats what it was told.
a_canary_in_each_secret_is_found_nowhere() {
    local place
    same "$(send hunt-1)" 202 "a message"
    same "$(sender_secret=x$sender_secret send hunt-2)" 401 "a wrong token"
    until_ 10 "an empty queue" queue_is_empty
    mkdir -p "$work/hunt"
    in_ journalctl -o export | grep -av '^_CMDLINE' >"$work/hunt/journal"
    shell 'cat $(pgrep "^weir-" | sed "s|.*|/proc/&/environ /proc/&/cmdline|")' >"$work/hunt/processes"
    in_ curl -sS http://127.0.0.1:8080/metrics >"$work/hunt/metrics"
    in_ curl -sS -H 'Accept: application/json' http://127.0.0.1:8080/metrics >"$work/hunt/metrics.json"
    in_ curl -sS http://127.0.0.1:8080/tickets -H "Authorization: Bearer x$sender_secret" -d '{' >"$work/hunt/error-401"
    in_ curl -sS http://127.0.0.1:8080/tickets -H "Authorization: Bearer $sender_secret" -d '{' >"$work/hunt/error-4xx"
    for place in "status --json" "ls" "dead ls" "actors ls --json" "help --json"; do
        # shellcheck disable=SC2086
        in_ weirctl $place >"$work/hunt/weirctl-${place%% *}" 2>&1 || because "weirctl $place: $(tail -1 "$work/hunt/weirctl-${place%% *}")"
    done
    in_ weirctl report --output /root/report.txt >"$work/hunt/report-said" 2>&1 || because "weirctl report: $(cat "$work/hunt/report-said")"
    cp "$inside/root/report.txt" "$work/hunt/report"
    cp -r "$inside/var/lib/weir" "$work/hunt/store"
    find "$inside/var/lib/systemd/coredump" "$inside/var/lib/weir" -mindepth 1 -name 'core*' 2>/dev/null >"$work/hunt/cores"
    [ ! -s "$work/hunt/cores" ] || because "a core was left: $(head -1 "$work/hunt/cores")"
    for place in processes metrics.json journal report; do
        [ -s "$work/hunt/$place" ] || because "nothing to look through in $place"
    done
    ! grep -raq 'canary-' "$work/hunt" || because "found in $(grep -ral 'canary-' "$work/hunt" | tr '\n' ' ')"
    while read -r place; do
        ! grep -raqF "$place" "$work/hunt" || because "a key of the door is in $(grep -ralF "$place" "$work/hunt" | tr '\n' ' ')"
    done <"$work/keys"
    for place in "$(printf canary-sender | base64 | cut -c1-16)" "$(printf canary-downstream | base64 | cut -c1-20)"; do
        ! grep -raqF "$place" "$work/hunt" || because "found as base 64 in $(grep -ralF "$place" "$work/hunt" | tr '\n' ' ')"
    done
    say "hunted through $(find "$work/hunt" -type f | wc -l) places, $(du -sh "$work/hunt" | cut -f1)"
}

nothing_of_all_this_was_a_mistake_of_ours() {
    local rest
    rest=$(in_ journalctl -u weir -o cat MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a16 + MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a0a | head -3)
    [ -z "$rest" ] || because "$rest"
    same "$(metric weir_wakeups_repaired_total)" 0 weir_wakeups_repaired_total
    same "$(metric weir_link_send_blocked_total)" 0 weir_link_send_blocked_total
}

test_ it_is_installed_with_a_door_that_systemd_holds
test_ a_chosen_journey_is_in_the_journal_from_its_acceptance_to_its_end
test_ of_a_sample_some_journeys_are_there_and_others_are_not
test_ each_actor_is_killed_under_load_and_nothing_is_lost
test_ a_stopped_journald_costs_lines_and_no_message
test_ an_actor_that_memory_runs_out_for_is_started_again_and_the_journal_says_why
test_ systemds_socket_speaks_tls_where_the_configuration_says_so
test_ a_reload_shows_the_new_certificate_and_refuses_nobody
test_ the_doors_key_is_in_the_ingress_alone
test_ a_canary_in_each_secret_is_found_nowhere
test_ nothing_of_all_this_was_a_mistake_of_ours
[ $failed = no ]
