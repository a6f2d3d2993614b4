#!/bin/bash
# The Debian packages on a host: a life of them from the installation to the purge.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
packages=$WEIR_PACKAGES
host_up deb

# ---- installation -----------------------------------------------------------------------------------------

# What a purge may leave: what dpkg, apt and systemd write down about anything that was ever there, and the accounts.
files_now() {
    in_ find / -xdev -not -path '/proc*' -not -path '/sys*' -not -path '/run/*' -not -path '/tmp*' -not -path '/dev/*' \
        -not -path '/var/log/*' -not -path '/var/cache/*' -not -path '/var/lib/apt/*' -not -path '/var/lib/dpkg/*' \
        -not -path '/srv/repository/*' -not -path '/root/*' -not -path '/etc/*-' -not -path '/etc/.pwd.lock' \
        -not -path '/var/lib/systemd/catalog/*' -not -path '/var/tmp/*' | sort
}

apt_installs_both_with_what_they_depend_on_from_a_repository() {
    files_now >"$work/before"
    ! in_ test -e /usr/lib/x86_64-linux-gnu/libczmq.so.4 || because "the libraries are there already: nothing would be resolved"
    install_weir
    in_ test -e /usr/lib/x86_64-linux-gnu/libczmq.so.4 || in_ sh -c 'ldconfig -p | grep -q libczmq.so.4'
}

the_service_says_that_it_is_ready() {
    same "$(property ActiveState)" active state
    same "$(property Type)" notify type
    same "$(property StatusText)" "5 actors ready" status
    same "$(property NRestarts)" 0 restarts
    same "$(in_ systemctl is-enabled weir.service)" enabled "at boot"
    until_ 5 "readyz" is_ready
}

the_account_and_the_directories_are_weirs_own() {
    same "$(in_ stat -c '%U:%G %a' /var/lib/weir)" "weir:weir 700" /var/lib/weir
    same "$(in_ stat -c '%U:%G %a' /etc/weir/credentials)" "root:root 700" credentials
    same "$(in_ stat -c '%U:%G %a' /etc/weir/weir.yaml)" "root:root 644" weir.yaml
    same "$(in_ ps -C weir-supervisor -o user= | tr -d ' ')" weir user
    shell 'id -nG weir | grep -qw weir-viewer' || because "weir is not in weir-viewer: $(in_ id weir)"
}

only_members_of_the_groups_may_use_weirctl() {
    shell 'for who in viewer operator admin; do useradd -G weir-$who u-$who; done; useradd u-stranger'
    as() { in_ runuser -u "u-$1" -- weirctl "${@:2}" >/dev/null 2>&1; }
    local who status
    for who in viewer operator admin; do as $who status || because "$who may not look"; done
    status=0; as stranger status || status=$?
    same $status 77 "a stranger who looks"
    status=0; as viewer drain || status=$?
    same $status 77 "a viewer who drains"
    as operator drain && as operator undrain || because "an operator may not drain"
    status=0; as operator actors restart drainer/0 || status=$?
    same $status 77 "an operator who restarts an actor"
    in_ journalctl -u weir -o cat | has "drain .*by uid $(in_ id -u u-operator)" || because "who drained is not in the journal"
}

exposure_is_at_most_1_5() {
    local score
    score=$(in_ systemd-analyze security weir.service --no-pager | sed -n 's/.*Overall exposure level for weir.service: \([0-9.]*\) .*/\1/p')
    say "systemd-analyze security: $score"
    awk -v s="$score" 'BEGIN { exit !(s != "" && s <= 1.5) }' || because "exposure $score"
    local said
    said=$(in_ systemd-analyze verify --man=no weir.service weir.socket 2>&1)
    [ -z "$said" ] || because "$said"
}

# ---- work -------------------------------------------------------------------------------------------------

# As a new operator types them, from the page that was installed; ID is the one that Weir answered with.
the_first_steps_of_the_manual_work_as_they_are_written() {
    local line id='' answer
    dpkg-deb --fsys-tarfile "$packages"/weir_*.deb | tar -xO ./usr/share/man/man7/weir.7.gz | zcat |
        sed -n '/^\.SH FIRST STEPS/,/^\.SH OPERATION/s/^\.B //p' | sed "s/\\\\(aq/'/g; s/\\\\-/-/g" >"$work/steps"
    [ "$(wc -l <"$work/steps")" -ge 8 ] || because "only $(wc -l <"$work/steps") steps found"
    while read -r line; do
        line=${line/ID/$id}
        case $line in *"&") line="systemd-run --quiet --unit=first ${line% &}" ;; esac
        answer=$(shell "$line" 2>&1 </dev/null) || because "$line: $(tail -1 <<<"$answer")"
        case $line in
        *restart*) until_ 5 "readyz" in_ curl -fsS http://127.0.0.1:8180/readyz ;;
        curl*) id=$(grep -o '"id":"[^"]*"' <<<"$answer" | head -1 | cut -d'"' -f4) && until_ 10 "done" shell "weirctl show $id | grep -q done" ;;
        esac
    done <"$work/steps"
    [ ${#id} = 26 ] || because "the first message got no id"
    in_ systemctl stop first
    rm "$inside/etc/weir/conf.d/desk.yaml"
    in_ systemctl restart weir
}

each_actor_jails_itself_inside_the_walls_of_the_unit() {
    local both=.seccomp # and Landlock, where this kernel has it
    ! in_ perl -e 'exit(syscall(444, 0, 0, 1) < 1)' || both=.seccomp,.landlock
    same "$(in_ weirctl --json actors ls | jq -c "[.actors[] | $both] | unique")" "[true]" jails
}

secrets_reach_only_who_needs_them() {
    configure
    stand_in
    in_ systemctl restart weir
    same "$(send first)" 202 "a message with the token"
    until_ 10 "its call" shell 'curl -sS http://127.0.0.1:9180/_summary | grep -q "\"effects\":1\b"'
    local actor found
    for actor in $actors; do
        found=$("$here/secrets_in.py" $(pids_outside "weir-$actor") -- "$sender_secret" "$downstream_secret")
        case $actor in
        ingress) same "$found" "$sender_secret" "secrets in the $actor" ;;
        responder) same "$found" "$downstream_secret" "secrets in the $actor" ;;
        *) same "$found" "" "secrets in the $actor" ;;
        esac
    done
    ! shell 'cat $(pgrep "^weir-" | sed "s|.*|/proc/&/environ /proc/&/cmdline|") | grep -aq canary-' || because "a secret is in an environment or a command line"
    ! shell 'journalctl -o export | grep -a canary- | grep -qv "^_CMDLINE"' || because "a secret is in the journal"
    ! shell 'grep -ra canary- /var/lib/weir' || because "a secret is in the store"
}

the_journal_has_weirs_fields_and_journalctl_explains_them() {
    local line
    in_ curl -sS -X POST http://127.0.0.1:9180/_script -d '{"path":"/v1/tickets/doomed","do":"422"}' >/dev/null
    same "$(send doomed)" 202 "the message"
    until_ 10 "a dead letter in the journal" shell 'journalctl -u weir MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a10 | grep -q weir-'
    line=$(in_ journalctl -u weir -o json MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a10 | tail -1)
    printf '%s\n' "$line"
    same "$(jq -r .WEIR_ROUTE <<<"$line")" tickets WEIR_ROUTE
    same "$(jq -r .WEIR_ACTOR <<<"$line")" limiter WEIR_ACTOR
    same "$(jq -r '.WEIR_MESSAGE | length' <<<"$line")" 26 "length of WEIR_MESSAGE"
    same "$(jq -r .PRIORITY <<<"$line")" 4 PRIORITY
    in_ journalctl -x -u weir "WEIR_MESSAGE=$(jq -r .WEIR_MESSAGE <<<"$line")" | has 'weirctl dead redrive ID' || because "journalctl -x does not explain a dead letter"
    # Every kind of line has its explanation.
    local id
    for id in $(sed -n 's/^LOG_EVENT([A-Z_]*, *"\([0-9a-f]*\)".*/\1/p' "$root/lib/sys/log_events.def"); do
        in_ journalctl --list-catalog "$id" | has Weir || because "$id is not in the catalog"
    done
}

logcheck_is_silent_about_a_start_and_a_stop() {
    local from rest format
    from=$(in_ journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
    in_ systemctl restart weir
    until_ 5 "readyz" is_ready
    for format in short short-iso; do
        in_ journalctl --after-cursor "$from" -o $format | grep ' weir-[a-z]*\[' >"$work/lines"
        # journald writes the zone without its colon and no fraction; rsyslog, which logcheck reads, with both.
        rest=$(sed -E 's/^([0-9-]{10}T[0-9:]{8})([+-][0-9]{2}):?([0-9]{2})/\1.000000\2:\3/' "$work/lines" |
            grep -vE -f "$inside/etc/logcheck/ignore.d.server/weir" || true)
        [ -z "$rest" ] || because "$format: $(head -1 <<<"$rest")"
    done
}

# ---- breaking it ------------------------------------------------------------------------------------------

tidy() { rm -f "$inside/etc/weir/conf.d/wrong.yaml"; }

is_restarted() { # actor, its old process
    in_ weirctl actors ls --json | jq -e --arg a "$1/0" --argjson p "$2" '.actors[] | select(.name == $a) | .state == "ready" and .pid != $p'
}

each_actor_that_is_killed_comes_back() {
    local actor pid began
    for actor in $actors; do
        pid=$(in_ weirctl actors ls --json | jq --arg a "$actor/0" '.actors[] | select(.name == $a) | .pid')
        began=$(date +%s%N)
        in_ kill -KILL "$pid"
        until_ 10 "$actor is ready again" is_restarted "$actor" "$pid"
        say "$actor ready again within $((($(date +%s%N) - began) / 1000000)) ms"
    done
    same "$(send "after-kills")" 202 "a message after them"
    same "$(property NRestarts)" 0 "restarts of the service"
}

# Ready again, with another main process than that. The state is asked for after the process, so both are the new one's.
is_new() {
    local pid
    pid=$(property MainPID)
    [ "$pid" != 0 ] && [ "$pid" != "$1" ] && is_active
}

a_hung_supervisor_is_restarted_by_the_watchdog() {
    local pid began=$SECONDS
    pid=$(property MainPID)
    in_ systemctl kill --signal=STOP --kill-whom=main weir.service
    until_ 40 "the watchdog" is_new "$pid"
    say "hung, restarted after $((SECONDS - began)) s"
    same "$(property NRestarts)" 1 restarts
    in_ journalctl -u weir -o cat | has 'Watchdog timeout' || because "it was not the watchdog"
    same "$(in_ pgrep -c weir-ingress)" 1 "ingresses after it"
    same "$(send "after-hang")" 202 "a message after it"
}

a_killed_supervisor_is_restarted_and_leaves_no_actor_behind() {
    local pid
    pid=$(property MainPID)
    in_ systemctl kill --signal=KILL --kill-whom=main weir.service
    until_ 20 "a new supervisor" is_new "$pid"
    same "$(in_ pgrep -c 'weir-(ingress|limiter|classifier|responder|drainer)')" 5 actors
}

a_wrong_configuration_is_refused_with_file_and_line_and_not_tried_again() {
    local restarts
    restarts=$(property NRestarts)
    printf 'http:\n  lissten: ["127.0.0.1:8080"]\n' >"$inside/etc/weir/conf.d/wrong.yaml"
    local status=0
    in_ weirctl check >/dev/null 2>"$work/said" || status=$?
    same $status 78 "weirctl check"
    grep -q 'conf.d/wrong.yaml:2:' "$work/said" || because "weirctl check says: $(head -1 "$work/said")"
    ! in_ systemctl restart weir 2>/dev/null || because "it started"
    # A unit that systemd will try again is activating (auto-restart).
    same "$(property ActiveState) $(property SubState)" "failed failed" state
    same "$(property ExecMainStatus)" 78 "exit status"
    same "$(property NRestarts)" 0 "restarts since"
    in_ journalctl -u weir -o cat | has 'conf.d/wrong.yaml:2:' || because "file and line are not in the journal"
    { in_ systemctl status weir --no-pager --full || true; } | has 'conf.d/wrong.yaml:2:' || because "systemctl status does not show file and line"
    rm "$inside/etc/weir/conf.d/wrong.yaml"
    in_ systemctl start weir
    is_active || because "it does not start when corrected"
}

a_connection_to_the_socket_starts_the_service() {
    in_ systemctl stop weir
    in_ systemctl enable --quiet --now weir.socket
    same "$(property ActiveState)" inactive "the service before"
    same "$(shell 'curl -sS -o /dev/null -w "%{http_code}" http://127.0.0.1:8080/livez')" 200 livez
    until_ 10 "the service is active" is_active
    same "$(in_ weirctl status --json | jq -r '.listen[0]')" 127.0.0.1:8080 "listens on"
}

# ---- upgrade ----------------------------------------------------------------------------------------------

# The same programs as the next version: what is tried is the change-over.
next_version() {
    local tree=$work/next file
    for file in "$packages"/weir_*.deb "$packages"/weir-tools_*.deb; do
        rm -rf "$tree"
        dpkg-deb -R "$file" "$tree"
        sed -i 's/^Version: .*/&+1/' "$tree/DEBIAN/control"
        dpkg-deb --root-owner-group -b "$tree" "$inside/srv/repository/next-$(basename "$file")"
    done >/dev/null
    (cd "$inside/srv/repository" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null)
    in_ apt-get -q update >/dev/null
}

install() { # package[=version]...
    in_ apt-get -q -y --no-install-recommends --allow-downgrades -o Dpkg::Options::=--force-confold install "$@" >"$work/install.log" 2>&1
}

# Senders keep their connections and do not try again: a single refusal would be seen.
an_upgrade_under_200_requests_a_second_fails_and_loses_nothing() {
    local before now result pid
    next_version
    echo "# my own line" >>"$inside/etc/weir/weir.yaml"
    until_ 20 "an empty queue" queue_is_empty
    before=$(effects)
    pid=$(property MainPID)
    load up --rate 200 --seconds 12 >"$work/result" &
    until_ 10 "the load runs" has_begun up 300
    install weir weir-tools || { cat "$work/install.log"; because "apt-get failed"; }
    wait $! || because "weir-load: status $?: $(cat "$work/result")"
    result=$(cat "$work/result")
    say "upgrade: $result"
    [[ $(in_ dpkg-query -W -f '${Version}' weir) = *+1 ]] || because "it was not upgraded"
    [ "$(property MainPID)" != "$pid" ] || because "the service was not restarted"
    same "$(jq -c '[.accepted, .unacknowledged, .refused, .errors.connect + .errors.timeout + .errors.closed + .errors.garbled]' <<<"$result")" \
        '[2400,0,{},0]' "accepted, not acknowledged, refused, errors"
    until_ 60 "an empty queue" queue_is_empty
    now=$(effects)
    same $((now - before)) "$(acknowledged up)" "effects of the acknowledged"
    same "$(in_ weirctl status --json | jq .queue.held)" 0 held
    tail -1 "$inside/etc/weir/weir.yaml" | has 'my own line' || because "the administrator's change is gone"
}

# What a newer Weir has written must not be touched by an older one.
a_downgrade_is_refused_when_the_store_is_newer() {
    local version schema before
    version=$(in_ dpkg-query -W -f '${Version}' weir)
    in_ systemctl stop weir.socket weir
    schema=$("$here/store_schema" "$inside/var/lib/weir/weir.db" 99)
    before=$(sha256sum <"$inside/var/lib/weir/weir.db")
    install "weir=${version%+1}" || true # the package is installed, its service does not start
    ! is_active || because "the older Weir works on a newer store"
    in_ journalctl -u weir -o cat | has 'has schema 99; this program knows up to [0-9]*: use the newer program' ||
        because "the journal does not say why: $(in_ journalctl -u weir -n 3 -o cat | tr '\n' ' ')"
    in_ systemctl stop weir
    same "$(sha256sum <"$inside/var/lib/weir/weir.db")" "$before" "the store after the attempt"
    "$here/store_schema" "$inside/var/lib/weir/weir.db" "$schema" >/dev/null
    install "weir=$version" || { cat "$work/install.log"; because "apt-get failed"; }
    in_ systemctl stop weir
    in_ systemctl start weir.socket
    in_ systemctl start weir
    same "$(send after-downgrade)" 202 "a message after the way back"
}

nothing_failed_in_the_journal_meanwhile() {
    local rest
    rest=$(in_ journalctl -u weir -o cat MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a16 + MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a15 + MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a0a | head -3)
    [ -z "$rest" ] || because "$rest"
}

# ---- removal ----------------------------------------------------------------------------------------------

removal_stops_everything_and_keeps_configuration_and_queue() {
    echo NIGHT_SLOTS=2 >"$inside/etc/weir/env" # as the manual has it; the unit reads it
    in_ apt-get -q -y remove weir
    ! in_ pgrep 'weir-(supervisor|ingress|limiter|classifier|responder|drainer)' || because "something still runs"
    ! is_active weir.socket || because "the socket is still there"
    in_ test -e /etc/weir/weir.yaml -a -e /var/lib/weir/weir.db -a -e /etc/weir/credentials/desk-token -a -e /etc/weir/env || because "something is gone"
}

a_purge_leaves_nothing() {
    in_ systemctl stop sandbox
    in_ apt-get -q -y purge weir weir-tools
    in_ apt-get -q -y autoremove --purge
    files_now >"$work/after"
    local left
    left=$(comm -13 "$work/before" "$work/after")
    printf '%s\n' "$left"
    [ -z "$left" ] || because "left: $(head -3 <<<"$left" | tr '\n' ' ')"
    ! in_ systemctl list-unit-files 'weir*' --no-legend | grep . || because "units are left"
}

test_ apt_installs_both_with_what_they_depend_on_from_a_repository
test_ the_service_says_that_it_is_ready
test_ the_account_and_the_directories_are_weirs_own
test_ only_members_of_the_groups_may_use_weirctl
test_ exposure_is_at_most_1_5
test_ each_actor_jails_itself_inside_the_walls_of_the_unit
test_ the_first_steps_of_the_manual_work_as_they_are_written
test_ secrets_reach_only_who_needs_them
test_ the_journal_has_weirs_fields_and_journalctl_explains_them
test_ logcheck_is_silent_about_a_start_and_a_stop
test_ each_actor_that_is_killed_comes_back
test_ a_hung_supervisor_is_restarted_by_the_watchdog
test_ a_killed_supervisor_is_restarted_and_leaves_no_actor_behind
test_ a_wrong_configuration_is_refused_with_file_and_line_and_not_tried_again
test_ a_connection_to_the_socket_starts_the_service
test_ an_upgrade_under_200_requests_a_second_fails_and_loses_nothing
test_ a_downgrade_is_refused_when_the_store_is_newer
test_ nothing_failed_in_the_journal_meanwhile
test_ removal_stops_everything_and_keeps_configuration_and_queue
test_ a_purge_leaves_nothing
[ $failed = no ]
