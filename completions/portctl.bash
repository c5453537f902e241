# Completion of portctl for bash 4 and later. All that is known here is how to ask portctl itself: which words fit
# depends on the options and the filter so far, and on the sockets of this host.
_portctl() {
    local IFS=$'\n'
    mapfile -t COMPREPLY < <(
        "$1" complete bash -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null
    )
    if [[ "${COMPREPLY[0]-}" == ":files" ]]; then
        compopt +o nospace -o default
        COMPREPLY=()
    fi
}

# Words that are whole end with a blank of their own; the others (lists, ports behind a colon) can go on.
complete -o nospace -o nosort -F _portctl portctl 2>/dev/null ||
    complete -o nospace -F _portctl portctl # bash before 4.4
