# packages.sh: sourced by ./run, ./check, packaging/build and the Containerfile, not by bash alone. What Weir is built
# with, once; and how what is missing is installed, or listed exactly and how to get it.

build_packages="gcc g++ cmake ninja-build pkg-config libzmq3-dev libczmq-dev libmsgpack-dev libcurl4-openssl-dev
 libsystemd-dev libjansson-dev libmicrohttpd-dev libsqlite3-dev libyaml-dev libc-ares-dev libssl-dev libxxhash-dev
 libseccomp-dev uthash-dev"

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || printf '%s ' "$package"
    done
}

# need_packages WHO PACKAGE...
need_packages() {
    local who=$1 missing as_root=()
    shift
    command -v dpkg-query >/dev/null || { printf '%s: needs Debian 12 or something close to it (dpkg)\n' "$who" >&2; exit 1; }
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo)
        elif command -v sudo >/dev/null && [ -t 0 ]; then
            as_root=(sudo)
        else
            printf '%s: these packages are missing, and this user may not install them:\n  %s\n' "$who" "$missing" >&2
            printf 'As root, run this, then start %s again:\n' "$who" >&2
            printf '  apt-get update && apt-get install --no-install-recommends %s\n' "$missing" >&2
            exit 1
        fi
    fi
    printf '%s: installing (a minute or two): %s\n' "$who" "$missing" >&2
    local log
    log=$(mktemp)
    if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q update &&
        # shellcheck disable=SC2086
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q -y \
            --no-install-recommends install $missing; } >"$log" 2>&1; then
        tail -20 "$log" >&2
        printf '%s: installing failed; the command was: apt-get install %s\n' "$who" "$missing" >&2
        exit 1
    fi
    rm -f "$log"
}
