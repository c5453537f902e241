# Completion of portctl for fish. All that is known here is how to ask portctl itself: which words fit depends on the
# options and the filter so far, and on the sockets of this host.
function __portctl_words
    set -l before (commandline -opc)
    set -e before[1]
    # In quotes, because the word may be empty.
    set -l current (commandline -ct)
    set -l words (portctl complete fish -- $before "$current" 2>/dev/null)
    if test "$words[1]" = ":files"
        __fish_complete_path "$current"
    else
        string join \n -- $words
    end
end

complete -c portctl -e
complete -c portctl -f -k -a '(__portctl_words)'
