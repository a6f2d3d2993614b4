#!/bin/bash
# What comes out of packaging/build, looked at before anything is installed.
set -uo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
packages=$WEIR_PACKAGES
commit=$(git -C "$root" rev-parse HEAD)
again=$(mktemp -d /var/tmp/weir-again-XXXXXX)
trap 'rm -rf "$again"' EXIT

one_command_builds_deb_and_rpm() {
    rm -f "$packages"/*.deb "$packages"/*.rpm
    "$root/packaging/build" all --commit "$commit" --out "$packages"
    ls "$packages"/weir_*.deb "$packages"/weir-tools_*.deb "$packages"/weir-[0-9]*.rpm "$packages"/weir-tools-[0-9]*.rpm
}

the_same_commit_gives_the_same_bytes() {
    local file
    mkdir "$again/tmp"
    TMPDIR=$again/tmp "$root/packaging/build" all --commit "$commit" --out "$again"
    for file in "$packages"/*.deb "$packages"/*.rpm; do
        cmp "$file" "$again/$(basename "$file")" || because "$(basename "$file") differs"
    done
    say "$(cd "$packages" && ls ./*.deb ./*.rpm | wc -l) packages, two builds in different folders"
}

lintian_has_nothing_to_say() {
    local found
    found=$(lintian --allow-root --fail-on none "$packages"/*.changes 2>&1 | grep -v '^running with root' || true)
    printf '%s\n' "$found"
    [ -z "$found" ] || because "lintian: $(wc -l <<<"$found") lines, first: $(head -1 <<<"$found")"
}

rpmlint_has_nothing_to_say() {
    local found
    found=$(rpmlint --config "$root/packaging/rpm/rpmlint.toml" "$packages"/weir-*.rpm 2>&1) || { printf '%s\n' "$found"; because "rpmlint: $(grep -c ': [EW]: ' <<<"$found") lines, first: $(grep -m1 ': [EW]: ' <<<"$found")"; }
}

each_program_has_a_man_page_that_renders_without_warnings() {
    local tree=$again/tree page said program
    mkdir "$tree"
    for program in "$packages"/weir_*.deb "$packages"/weir-tools_*.deb; do dpkg-deb -x "$program" "$tree"; done
    for program in "$tree"/usr/bin/* "$tree"/usr/sbin/*; do
        ls "$tree"/usr/share/man/man[18]/"$(basename "$program")".[18].gz
    done
    for page in weir.7 weir.yaml.5; do ls "$tree/usr/share/man/man${page##*.}/$page.gz"; done
    for page in "$tree"/usr/share/man/man*/*.gz; do
        zcat "$page" >"$again/page"
        said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$again/page" 2>&1 >/dev/null || true)
        said+=$(mandoc -Tlint -W warning "$again/page" 2>&1 || true)
        [ -z "$said" ] || because "$(basename "$page"): $said"
    done
}

every_key_and_verb_is_in_its_man_page() {
    local tree=$again/tree word
    MANWIDTH=1000 man -l "$tree/usr/share/man/man5/weir.yaml.5.gz" >"$again/keys"
    while read -r word; do
        grep -qF -- " $word (" "$again/keys" || because "weir.yaml(5) lacks $word"
    done < <(sed -n 's/^KEY("\([^"]*\)", *\([A-Z_]*\).*/\1 \2/p' "$root/lib/sys/config_keys.def" | awk '$1 ~ /\./ && $2 !~ /SECTION|NAMED|ITEMS/ { print $1 }')
    MANWIDTH=1000 man -l "$tree/usr/share/man/man1/weirctl.1.gz" >"$again/verbs"
    while read -r word; do
        grep -q "^ *${word//./ }\b" "$again/verbs" || because "weirctl(1) lacks $word"
    done < <(sed -n 's/^VERB([A-Z_]*, "\([^"]*\)".*/\1/p' "$root/supervisor/ctl_verbs.def")
}

completion_knows_commands_options_and_modes() {
    local tree=$again/tree out
    complete_with() {
        PATH=$tree/usr/bin:$PATH bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weirctl; echo " ${COMPREPLY[*]} "' \
            "$tree/usr/share/bash-completion/completions/weirctl" "$@"
    }
    out=$(complete_with weirctl "") && [[ $out = *" status "* && $out = *" dead "* ]] || because "commands: $out"
    out=$(complete_with weirctl dead "") && [[ $out = *" redrive "* ]] || because "second words: $out"
    out=$(complete_with weirctl dead redrive --) && [[ $out = *" --rate "* ]] || because "options: $out"
    out=$(complete_with weirctl mode m) && [[ $out = " maintenance " ]] || because "modes: $out"
    out=$(PATH=$tree/usr/bin:$PATH WEIR_COMPLETION=$tree/usr/share/bash-completion/completions/weirctl zsh -fc '
        compadd() { shift; print -r -- "${(P)1[@]}" }
        words=(weirctl dead ""); CURRENT=3
        source "$0"' "$tree/usr/share/zsh/vendor-completions/_weirctl") || because "zsh failed"
    [[ " $out " = *" redrive "* ]] || because "zsh: $out"
}

test_ one_command_builds_deb_and_rpm
test_ the_same_commit_gives_the_same_bytes
test_ lintian_has_nothing_to_say
test_ rpmlint_has_nothing_to_say
test_ each_program_has_a_man_page_that_renders_without_warnings
test_ every_key_and_verb_is_in_its_man_page
test_ completion_knows_commands_options_and_modes
[ $failed = no ]
