#!/bin/bash
# The rpm packages on a host: their files, scriptlets and requirements. The libraries are Debian's, so dependencies are
# not resolved here; the requirements are compared with Fedora's names.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
packages=$WEIR_PACKAGES

host_up rpm

the_requirements_are_libraries_that_fedora_has() {
    local wanted
    wanted=$(rpm -qp --requires "$packages"/weir-[0-9]*.rpm "$packages"/weir-tools-[0-9]*.rpm | sort -u)
    ! grep CURL_OPENSSL <<<"$wanted" || because "libcurl's symbol version of Debian is required"
    grep -q '^libcurl.so.4()(64bit)' <<<"$wanted" || because "libcurl is not required"
    ! grep 'so\.' <<<"$wanted" | grep -vE '^(libc|libm|libcares|libcrypto|libssl|libcurl|libczmq|libjansson|libsqlite3|libsystemd|libxxhash|libyaml-0|libzmq|libmsgpack-?c|libseccomp|libgnutls|ld-linux-x86-64)\.so' || because "unknown libraries are required"
}

it_installs_and_its_scriptlets_make_the_account() {
    shell 'apt-get -q -y --no-install-recommends install $(cat /srv/repository/depends)
        mkdir -p /var/lib/rpm && find / -xdev -path "*weir*" -not -path "/proc/*" -not -path "/srv/*" -not -path "/sys/*" >/root/before'
    cp "$packages"/weir-[0-9]*.rpm "$packages"/weir-tools-[0-9]*.rpm "$inside/root/"
    local said
    said=$(shell 'cd /root && rpm -i --nodeps weir-[0-9]*.rpm weir-tools-[0-9]*.rpm' 2>&1)
    [ -z "$(grep -iE 'error|fail|warning' <<<"$said")" ] || because "$said"
    same "$(in_ stat -c '%U:%G %a' /var/lib/weir)" "weir:weir 700" /var/lib/weir
    same "$(in_ stat -c '%U:%G %a' /etc/weir/credentials)" "root:root 700" credentials
    in_ rpm -V --nodeps --nouser --nogroup weir-tools
}

the_service_of_the_rpm_starts_and_says_ready() {
    in_ systemctl enable --quiet --now weir.service
    same "$(property StatusText)" "5 actors ready" status
    until_ 5 "readyz" in_ curl -fsS http://127.0.0.1:8080/readyz
    in_ journalctl -x -u weir | has 'Defined-By: Weir' || because "the catalog is not there"
}

an_update_restarts_it_and_keeps_the_configuration() {
    local pid
    pid=$(property MainPID)
    echo "# my own line" >>"$inside/etc/weir/weir.yaml"
    # The same release again, as an update: what counts are the scriptlets with an older one still there.
    shell 'cd /root && rpm -U --nodeps --replacepkgs weir-[0-9]*.rpm' >/dev/null
    until_ 20 "it runs" is_active
    tail -1 "$inside/etc/weir/weir.yaml" | has 'my own line' || because "the administrator's change is gone"
    in_ systemctl is-enabled --quiet weir.service || because "it is not enabled any more"
    in_ weirctl status >/dev/null || because "it does not answer"
}

the_next_release_restarts_the_service() {
    local pid
    pid=$(property MainPID)
    rm -rf "$work/top" && mkdir -p "$work/next"
    "$root/packaging/build" rpm --commit "$(cat "$packages/commit")" --release 2 --out "$work/next"
    cp "$work"/next/weir-[0-9]*-2.*.rpm "$inside/root/"
    shell 'cd /root && rpm -U --nodeps weir-[0-9]*-2.*.rpm'
    until_ 20 "it runs" is_active || { in_ journalctl -u weir -n 8 -o cat; because "not in time: it runs"; }
    [ "$(property MainPID)" != "$pid" ] || because "it was not restarted"
    in_ rpm -q weir | has -- '-2\.' || because "$(in_ rpm -q weir)"
}

removal_stops_it_and_leaves_only_what_is_the_operators() {
    shell 'rpm -e --nodeps weir weir-tools' >/dev/null
    ! is_active || because "it still runs"
    ! in_ pgrep 'weir-(supervisor|ingress|limiter|classifier|responder|drainer)' || because "something still runs"
    local left
    left=$(shell 'find / -xdev -path "*weir*" -not -path "/proc/*" -not -path "/srv/*" -not -path "/sys/*" -not -path "/root/*" -not -path "/var/log/*" | sort | comm -13 <(sort /root/before) -' |
        grep -vE '^/var/lib/weir(/weir\.(db|db-shm|db-wal|lock|reserve))?$|^/etc/weir(/weir.yaml.rpmsave)?$' || true)
    [ -z "$left" ] || because "left: $(head -3 <<<"$left" | tr '\n' ' ')"
}

test_ the_requirements_are_libraries_that_fedora_has
test_ it_installs_and_its_scriptlets_make_the_account
test_ the_service_of_the_rpm_starts_and_says_ready
test_ an_update_restarts_it_and_keeps_the_configuration
test_ the_next_release_restarts_the_service
test_ removal_stops_it_and_leaves_only_what_is_the_operators
[ $failed = no ]
