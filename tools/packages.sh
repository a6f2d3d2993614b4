# packages.sh: sourced by ./run, ./check and packaging/build. Installs what is missing, or lists exactly what is missing
# and how to get it.

# What Weir is built with, also in the Containerfile.
build_packages=$(cat "$(dirname "${BASH_SOURCE[0]}")/build-packages")

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
