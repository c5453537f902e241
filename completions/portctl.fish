# Completion of portctl for fish. All that is known here is how to ask portctl itself: which words fit depends on the
# options and the filter so far, and on the sockets of this host.
function __portctl_words
    set -l before (commandline -opc)
    set -l words (portctl complete fish -- $before[2..] (commandline -ct) 2>/dev/null)
    if test "$words[1]" = ":files"
        __fish_complete_path (commandline -ct)
    else
        string join \n -- $words
    end
end

complete -c portctl -e
complete -c portctl -f -k -a '(__portctl_words)'
