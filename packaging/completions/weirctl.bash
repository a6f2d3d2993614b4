# bash completion for weirctl. What may follow is said by weirctl itself: commands and options from its table, names
# from the Weir that runs, if it answers within a second.

_weirctl() {
    local current=${COMP_WORDS[COMP_CWORD]}
    mapfile -t COMPREPLY < <(weirctl complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [ "${COMPREPLY[*]}" != :files ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -o filenames -F _weirctl weirctl
