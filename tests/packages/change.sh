#!/bin/bash
# Weir changed while it works, and who may change it: reloads under load, drop-ins, credentials, permissions.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
host_up change

tidy() { without_drop_ins; }

it_is_installed() {
    install_weir
    configure
    stand_in
    reconfigure
}

# Senders keep their connections and do not try again. Every reload changes something, every tenth is wrong and must
# change nothing.
a_hundred_reloads_under_200_requests_a_second_fail_nobody() {
    local i before result began
    before=$(effects)
    load reload --rate 200 --seconds 600 >"$work/result" &
    until_ 10 "the load runs" has_begun reload 100
    began=$SECONDS
    for ((i = 1; i <= 100; i++)); do
        if ((i % 10)); then
            printf 'downstreams: {helpdesk: {total_ms: %d}}\n' $((20000 + i)) >"$inside/etc/weir/conf.d/zz-reload.yaml"
            in_ systemctl reload weir || because "reload $i: $(in_ journalctl -u weir -n 3 -o cat | tr '\n' ' ')"
        else
            printf 'downstreams: {helpdesk: {total_msx: 1}}\n' >"$inside/etc/weir/conf.d/zz-reload.yaml"
            ! in_ systemctl reload weir 2>/dev/null || because "reload $i took a wrong configuration"
        fi
    done
    began=$((SECONDS - began))
    in_ pkill -TERM -x weir-load
    wait || true
    result=$(tail -1 "$work/result")
    say "100 reloads in $began s: $result"
    [ "$(jq .accepted <<<"$result")" -ge 2000 ] || because "only $(jq .accepted <<<"$result") accepted: was there a load?"
    same "$(jq -c '[.unacknowledged, .refused, .errors.connect + .errors.timeout + .errors.closed + .errors.garbled]' <<<"$result")" \
        '[0,{},0]' "not acknowledged, refused, errors"
    until_ 60 "an empty queue" queue_is_empty
    same $(($(effects) - before)) "$(acknowledged reload)" "effects of the acknowledged"
    same "$(in_ weirctl status --json | jq -c '[.queue.held, .queue.dead]')" '[0,0]' "held, dead"
    same "$(property NRestarts) $(property ActiveState)" "0 active" "restarts, state"
    rm "$inside/etc/weir/conf.d/zz-reload.yaml"
    in_ systemctl reload weir
}

a_reload_that_is_refused_says_file_and_line_and_changes_nothing() {
    local before
    before=$(in_ weirctl actors ls --json | jq -c '[.actors[].pid]')
    printf 'limits:\n  l: {slots: many}\n' >"$inside/etc/weir/conf.d/wrong.yaml"
    ! in_ systemctl reload weir 2>/dev/null || because "it was taken"
    in_ journalctl -u weir -n 20 -o cat | has 'conf.d/wrong.yaml:2:' || because "file and line are not in the journal"
    { in_ systemctl status weir --no-pager --full || true; } | has 'conf.d/wrong.yaml:2:' || because "systemctl status does not show file and line"
    same "$(in_ weirctl actors ls --json | jq -c '[.actors[].pid]')" "$before" "processes"
    rm "$inside/etc/weir/conf.d/wrong.yaml"
}

a_drop_in_of_the_administrator_counts_more_than_the_file() {
    local code
    printf 'routes: {tickets: {path: /early}}\n' >"$inside/etc/weir/conf.d/z1.yaml"
    printf 'routes: {tickets: {path: /late}}\n' >"$inside/etc/weir/conf.d/z2.yaml"
    in_ weirctl check | has 'POST /late' || because "$(in_ weirctl check | tail -1)"
    in_ systemctl reload weir
    for code in 'early 404' 'tickets 404' 'late 202'; do
        same "$(in_ curl -sS -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -H "Authorization: Bearer $sender_secret" \
            -d '{"id":"drop-in","key":"k1"}' "http://127.0.0.1:8080/${code% *}")" "${code#* }" "/${code% *}"
    done
    rm "$inside"/etc/weir/conf.d/z[12].yaml
    in_ systemctl reload weir
    same "$(send back)" 202 "a message on the old path"
}

a_secret_may_come_from_a_credential_of_the_unit() {
    local before
    mkdir -p "$inside/etc/systemd/system/weir.service.d" "$inside/srv/vault"
    mv "$inside/etc/weir/credentials/helpdesk-key" "$inside/srv/vault/key"
    printf '[Service]\nLoadCredential=helpdesk-key:/srv/vault/key\n' >"$inside/etc/systemd/system/weir.service.d/vault.conf"
    in_ systemctl daemon-reload
    reconfigure
    before=$(effects)
    same "$(send vaulted)" 202 "a message"
    until_ 10 "an empty queue" queue_is_empty
    same $(($(effects) - before)) 1 "calls made with it"
    mv "$inside/srv/vault/key" "$inside/etc/weir/credentials/helpdesk-key"
    rm -r "$inside/etc/systemd/system/weir.service.d" "$inside/srv/vault"
    in_ systemctl daemon-reload
    reconfigure
}

# Whoever reads only errors finds it; the address is free later, so systemd tries again.
an_address_that_another_program_has_is_an_error_that_says_so() {
    printf 'http: {listen: ["127.0.0.1:9180"]}\n' >"$inside/etc/weir/conf.d/zz-taken.yaml"
    ! in_ systemctl restart weir 2>/dev/null || because "it started"
    in_ journalctl -u weir -p err -o cat -n 1 "MESSAGE_ID=3bd4f4b6a1c54b0f9a0c8f3d6d2e1a43" |
        has '127.0.0.1:9180: another program listens there' || because "the journal's errors do not say why"
    same "$(property ExecMainStatus)" 75 "exit status"
    rm "$inside/etc/weir/conf.d/zz-taken.yaml"
    until_ 20 "it starts by itself when the address is another" is_ready
    in_ systemctl reset-failed weir
}

# A secret that is not there: where it belongs is said, not where systemd would have put it.
a_secret_that_is_missing_is_told_before_a_restart_and_after_it() {
    local said status=0
    mv "$inside/etc/weir/credentials/helpdesk-key" "$inside/root/helpdesk-key"
    in_ weirctl check | has 'to be known: secret helpdesk-key: /etc/weir/credentials/helpdesk-key is not there' || because "weirctl check does not tell"
    said=$(in_ weirctl check --secrets 2>&1) || status=$?
    same $status 78 "weirctl check --secrets"
    ! in_ systemctl restart weir 2>/dev/null || because "it started"
    in_ journalctl -u weir -p err -o cat | has 'Put it into /etc/weir/credentials' || because "the journal does not say where it belongs"
    mv "$inside/root/helpdesk-key" "$inside/etc/weir/credentials/helpdesk-key"
    in_ weirctl check --secrets
    reconfigure
}

# The same matrix as in tests/proc, with the accounts and groups that the package made, through the host's own socket: its
# folder is entered before the rights are given up.
every_verb_is_for_whom_the_table_says() {
    local people said
    people=$(shell 'for who in viewer operator admin; do useradd -G weir-$who u-$who; done; useradd u-stranger
        for who in admin operator viewer stranger; do echo "$who=$(id -u u-$who):$(id -g u-$who):$(id -G u-$who | tr " " ,)"; done')
    # shellcheck disable=SC2086
    said=$(cd "/proc/$(cat "${WEIR_HOSTS:-/var/tmp/weir-hosts}/run/$host/leader")/root/run/weir" &&
        "$root/tests/proc/matrix.py" --socket ctl.sock --weirctl "$inside/usr/bin/weirctl" $people) || because "$said"
    say "permission matrix: $said"
    until_ 20 "the actors that were restarted" in_ weirctl mode normal
    in_ runuser -u u-admin -- weirctl stop
    until_ 20 "the stop that the admin ordered" shell '! systemctl is-active --quiet weir'
    in_ journalctl -u weir -o cat | has "stop.*uid $(in_ id -u u-admin)" || because "who stopped it is not in the journal"
    in_ systemctl start weir
    until_ 10 "readyz" is_ready
}

test_ it_is_installed
test_ a_hundred_reloads_under_200_requests_a_second_fail_nobody
test_ a_reload_that_is_refused_says_file_and_line_and_changes_nothing
test_ a_drop_in_of_the_administrator_counts_more_than_the_file
test_ a_secret_may_come_from_a_credential_of_the_unit
test_ an_address_that_another_program_has_is_an_error_that_says_so
test_ a_secret_that_is_missing_is_told_before_a_restart_and_after_it
test_ every_verb_is_for_whom_the_table_says
[ $failed = no ]
