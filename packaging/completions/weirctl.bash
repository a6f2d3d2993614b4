# bash completion for weirctl: commands and options come from "weirctl help", names from Weir itself while it runs.

_weirctl_commands() {
    weirctl help 2>/dev/null | awk '/^$/ { part++ } part == 1 && /^  [a-z]/ {
        sub(/^  /, ""); sub(/  +.*/, ""); gsub(/ (\[|id|name|mode|route|file|command|word).*/, ""); print }'
}

_weirctl_options() {
    weirctl help "$@" 2>/dev/null | awk '/^  --/ { print $1 }'
    printf '%s\n' --socket --config --json --help
}

_weirctl_names() { # what
    case $1 in
    actor) weirctl actors ls --json 2>/dev/null | grep -o '"name":"[^"]*"' ;;
    message) weirctl ls --newest --most 50 --json 2>/dev/null | grep -o '"id":"[^"]*"' ;;
    dead) weirctl dead ls --most 50 --json 2>/dev/null | grep -o '"id":"[^"]*"' ;;
    route) weirctl ls --newest --most 200 --json 2>/dev/null | grep -o '"route":"[^"]*"' ;;
    esac | sed 's/^.*:"//; s/"$//' | sort -u
}

_weirctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=() word i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --socket | --config) i=$((i + 1)) ;;
        -*) ;;
        *) words+=("$word") ;;
        esac
    done
    case $previous in
    --socket | --config) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
    --route) mapfile -t COMPREPLY < <(compgen -W "$(_weirctl_names route)" -- "$current") && return ;;
    --state) mapfile -t COMPREPLY < <(compgen -W "queued assigned held done dead" -- "$current") && return ;;
    esac
    local choice=
    case "${words[*]}" in
    show | why) choice=$(_weirctl_names message) ;;
    "dead show" | "dead redrive") choice=$(_weirctl_names dead) ;;
    "actors restart") choice=$(_weirctl_names actor) ;;
    mode) choice="normal degraded draining maintenance" ;;
    send) choice=$(_weirctl_names route) ;;
    send\ *) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
    help*) choice=$(_weirctl_commands | awk -v first="${words[1]:-}" 'first == "" { print $1 } first != "" && $1 == first { print $2 }' | sort -u) ;;
    "") choice=$(_weirctl_commands | awk '{ print $1 }' | sort -u) ;;
    *) [ ${#words[@]} = 1 ] && choice=$(_weirctl_commands | awk -v first="${words[0]}" '$1 == first { print $2 }') ;;
    esac
    case $current in -*) choice=$(_weirctl_options "${words[@]:0:2}") ;; esac
    mapfile -t COMPREPLY < <(compgen -W "$choice" -- "$current")
}
complete -F _weirctl weirctl
