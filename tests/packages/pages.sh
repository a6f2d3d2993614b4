#!/bin/bash
# Every command that the pages name, typed on a host: the man pages as they are installed, what weirctl's help gives as
# examples, the README and the pages of docs for users, what the journal's catalog and the alerts tell to type. (The
# README's blocks are run by tests/proc/test_newcomer, the examples' pages by tests/proc/test_telephony and test_ci_runners.)
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
host_up pages

it_is_installed_with_the_example() {
    install_weir
    cp "$inside/usr/share/weir/examples/support-desk/weir.yaml" "$inside/etc/weir/conf.d/desk.yaml"
    stand_in
    in_ systemctl restart weir
    in_ mkdir -p /root/pages /var/backups
    cp "$inside/etc/weir/conf.d/desk.yaml" "$inside/root/pages/weir.yaml"
    echo '{"id":"T-7","conversation":"c-7","subject":"refund","name":"Ada","lang":"en"}' >"$inside/root/pages/ticket.json"
    until_ 10 "readyz" in_ curl -fsS http://127.0.0.1:8180/readyz
}

ticket() { # number: sends one, prints its id
    in_ curl -sS http://127.0.0.1:8180/tickets -H 'Content-Type: application/json' \
        -d "{\"id\":\"T-$1\",\"conversation\":\"c-$1\",\"subject\":\"refund\",\"name\":\"Ada\",\"lang\":\"en\"}" | jq -r .id
}
# The id of one that waits for its downstream, so that it can be held, released, cancelled, brought forward.
waiting() {
    local id
    in_ weirctl downstream pause helpdesk >/dev/null
    id=$(ticket "8$n")
    until_ 10 "a message that waits for $1" state_is "$id" queued
    case $1 in *"weirctl release"*) in_ weirctl hold "$id" >/dev/null ;; esac
    echo "$id"
}
state_is() { [ "$(in_ weirctl show "$1" --json | jq -r .state)" = "$2" ]; }

# What a reader puts in the place of the words in capitals.
filled() {
    local command=$1 id=$done_id
    case $command in
    *"dead show"* | *"dead redrive"* | *"dead drop"*) id=$dead_id ;;
    *"weirctl hold"* | *"weirctl release"* | *"weirctl cancel"* | *"weirctl prioritise"*) id=$(waiting "$command") ;;
    esac
    case $command in
    *" backup FILE"*) command=${command/FILE//root/pages/backup-$n.db} ;;
    *" restore FILE"* | *" check PATH"*) command=${command/FILE/--force /var/backups/weir.db} ;;
    *" restore "*) command+=" --force" ;;
    *"report -o FILE"*) command=${command/FILE/report-$n.txt} ;;
    *"init EXAMPLE DIR"*) command=${command/DIR/desk-$n} ;;
    esac
    command=${command/01J9ZQ4T6W3V8X2M5N7P1R0SAB/$id}
    command=${command/ ID/ $id}
    command=${command/=ID/=$id}
    command=${command/ FILE/ ticket.json}
    command=${command/ ROUTE/ tickets}
    command=${command/ PATH/ \/var/backups/weir.db}
    command=${command/EXAMPLE/support-desk}
    command=${command/sandbox --port 9180/sandbox --port 9190}
    case $command in
    *"--route NAME"* | *"route stop NAME"*) command=${command/NAME/tickets} ;;
    *"downstream pause NAME"*) command=${command/NAME/helpdesk} ;;
    usermod*) command=${command/NAME/nobody} ;;
    *"actors restart NAME"*) command=${command/NAME/responder} ;;
    *) command=${command/NAME/helpdesk-writes} ;;
    esac
    command=${command/ KEY/ routes.tickets.key}
    printf '%s' "${command/\"...\"/\"a reason\"}"
}

# Weir works, in its normal mode, whatever the last command did.
as_before() {
    if is_active weir.socket; then
        in_ systemctl stop weir
        in_ systemctl disable --quiet --now weir.socket
    fi
    in_ systemctl reset-failed weir # nobody stops and starts it ten times a minute but this test
    in_ systemctl is-active --quiet weir || in_ systemctl start weir
    until_ 10 "readyz after $typed" in_ curl -fsS -o /dev/null http://127.0.0.1:8180/livez
    in_ weirctl mode normal >/dev/null
    in_ weirctl undrain --route tickets >/dev/null
    in_ weirctl route start tickets >/dev/null
    in_ weirctl downstream resume helpdesk >/dev/null
    [ -n "${dead_id:-}" ] && state_is "$dead_id" dead || {
        in_ curl -sS -o /dev/null -X POST http://127.0.0.1:9180/_script -d "{\"path\":\"/v1/tickets/T-9$n/*\",\"do\":\"422\"}"
        dead_id=$(ticket "9$n")
        until_ 10 "a dead letter after $typed" state_is "$dead_id" dead
    }
}

# The statuses that are right here; 1: refused as things are; 66: the name is the page's, not this host's.
right_statuses() {
    case $1 in
    *--follow* | weirctl\ top* | weir-sandbox*) echo 124 ;; # it goes on until it is ended
    *"redrive cancel"* | *"backup cancel"* | *"backup take"* | *"backup begin"*) echo 0 1 ;;
    *" calls"* | *" zendesk"* | *" call-17"* | *LEASE*) echo 0 66 ;;
    "weirctl dead redrive" | "weirctl dead drop" | "weirctl hold" | "weirctl release") echo 64 ;; # the page only names it
    *"/admin/draining"*) echo 0 7 22 ;; # the door is elsewhere here
    *"weir-load"*"--bearer"*) echo 0 64 ;; # whose key it is, the page cannot know
    *"journalctl -k"*) echo 0 1 ;; # nothing was refused
    *) echo 0 ;;
    esac
}

# What is not typed, and why not.
left_out_because() {
    case $1 in
    *"apt-get "*) echo "deb.sh installs, upgrades, removes and purges" ;;
    "packaging/build deb" | "packaging/build rpm") echo "built.sh does it" ;;
    "./check packages") echo "this is it" ;;
    docker*) echo "there is no engine here; container.py does its steps one by one" ;;
    *"dnf install"*) echo "there is no Fedora here; rpm.sh installs with rpm" ;;
    cmake* | ninja*) echo "packaging/build does it, into packages" ;;
    man*) echo "there is no man on this host; built.sh renders each page" ;;
    ausyscall*) echo "there is no auditd on this host" ;;
    *"systemctl edit"*) echo "it opens an editor; change.sh writes what it would" ;;
    "weir-sandbox --port 9180 &") echo "it runs already; deb.sh types it" ;;
    esac
}

every_command_of_the_pages_works_as_written() {
    local page command typed=the_start status n=0 said wrong=''
    in_ weirctl help --json >"$work/verbs"
    mkdir "$work/man"
    for page in "$inside"/usr/share/man/man*/weir*.gz; do zcat "$page" | sed 's/\\(dq/"/g' >"$work/man/$(basename "${page%.gz}")"; done
    "$here/commands_in.py" "$work/verbs" "$root"/README.md "$root"/docs/{OPERATING,INSTALL,LIMITS,CONFIGURATION}.md \
        "$work"/man/* "$root/packaging/catalog.in" "$root/packaging/alerts/weir.rules.yaml" >"$work/commands"
    [ "$(wc -l <"$work/commands")" -ge 60 ] || because "only $(wc -l <"$work/commands") commands found"
    done_id=$(ticket 1)
    until_ 10 "done" state_is "$done_id" done
    while IFS=$'\t' read -r page command <&3; do
        [ -z "$(left_out_because "$command")" ] || { say "not typed: $command: $(left_out_because "$command")"; continue; }
        n=$((n + 1))
        as_before
        case $command in *restore* | *"store rebuild"* | *weir.socket*) in_ systemctl stop weir ;; esac
        in_ systemctl reset-failed weir
        typed=$(filled "$command")
        status=0
        case $typed in *--follow* | weirctl\ top* | weir-sandbox*) typed="exec timeout 2 $typed" ;; esac
        said=$(in_ timeout 30 bash -c "cd /root/pages && $typed" 2>&1 </dev/null) || status=$?
        case " $(right_statuses "$command") " in
        *" $status "*) ;;
        *) wrong+="$page: $typed: status $status: $(tail -1 <<<"$said")"$'\n' ;;
        esac
    done 3<"$work/commands"
    say "$n commands of $(cut -f1 "$work/commands" | sort -u | wc -l) pages"
    [ -z "$wrong" ] || because "$wrong"
}

test_ it_is_installed_with_the_example
test_ every_command_of_the_pages_works_as_written
[ $failed = no ]
