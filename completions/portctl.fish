# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_portctl_global_optspecs
    string join \n h/help V/version
end

function __fish_portctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_portctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_portctl_using_subcommand
    set -l cmd (__fish_portctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c portctl -n "__fish_portctl_needs_command" -s h -l help -d 'Print help'
complete -c portctl -n "__fish_portctl_needs_command" -s V -l version -d 'Print version'
complete -c portctl -n "__fish_portctl_needs_command" -f -a "ls" -d 'List sockets'
complete -c portctl -n "__fish_portctl_needs_command" -f -a "summary" -d 'Count sockets, TIME_WAIT and the local ports that client flows hold'
complete -c portctl -n "__fish_portctl_needs_command" -f -a "headroom" -d 'Say how many more connections to somewhere can be made, and why no more'
complete -c portctl -n "__fish_portctl_needs_command" -f -a "help" -d 'Explain a topic: filter, columns, json, states, headroom, exit-codes; or a command'
complete -c portctl -n "__fish_portctl_needs_command" -f -a "schema" -d 'Print the JSON Schema of a document: ls, summary, headroom'
complete -c portctl -n "__fish_portctl_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l columns -d 'Show these fields, separated by commas (portctl help columns)' -r
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l sort -d 'Order by fields, each with :asc or :desc, separated by commas; \'none\' shows rows as they come, before reasons for missing owners are known' -r
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l width -d 'Fit into this many columns; \'none\' for no limit [default: the terminal\'s, none in a pipe]' -r
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says no'
always\t'Always'
never\t'Never'"
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l source -d 'Which kernel interface to read' -r -f -a "auto\t'netlink, and /proc for each table that it cannot deliver'
netlink\t'sock_diag over netlink only'
proc\t'text files under /proc/net only'"
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l from -d 'Read a saved dump, as \'ss -D\' writes it, instead of this host; \'-\' is standard input' -r -F
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s t -l tcp -d 'TCP sockets'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s u -l udp -d 'UDP sockets'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s w -l raw -d 'Raw IP sockets'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s x -l unix -d 'Unix sockets'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s 4 -l ipv4 -d 'IPv4 only; with -6, both'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s 6 -l ipv6 -d 'IPv6 only; with -4, both'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s a -l all -d 'Sockets in every state'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s l -l listening -d 'Listening sockets, and unconnected ones of protocols that do not listen'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s B -l bound-inactive -d 'TCP sockets that hold a port but neither listen nor are connected'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s p -l processes -d 'Every process that holds a socket, or why none does'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s e -l extended -d 'User, inode, cookie, mark and more'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s o -l options -d 'Timers'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s Q -l no-queues -d 'No queue columns'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s n -l numeric -d 'Port numbers instead of service names'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s r -l resolve -d 'Host names instead of addresses; asks the network'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l json -d 'One JSON document (portctl help json)'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l ndjson -d 'One JSON object a line'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l csv -d 'Comma-separated values'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s H -l no-header -d 'No heading'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s O -l oneline -d 'Each socket on one line, however long'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -l strict -d 'Exit with 4 if anything that was asked for is missing'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s v -l verbose -d 'Say where rows came from, and other details, on standard error'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s q -l quiet -d 'No notices on standard error; errors are still told'
complete -c portctl -n "__fish_portctl_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portctl -n "__fish_portctl_using_subcommand summary" -l width -d 'Fit into this many columns; \'none\' for no limit [default: the terminal\'s, none in a pipe]' -r
complete -c portctl -n "__fish_portctl_using_subcommand summary" -l source -d 'Which kernel interface to read' -r -f -a "auto\t'netlink, and /proc for each table that it cannot deliver'
netlink\t'sock_diag over netlink only'
proc\t'text files under /proc/net only'"
complete -c portctl -n "__fish_portctl_using_subcommand summary" -l from -d 'Read a saved dump, as \'ss -D\' writes it, instead of this host; \'-\' is standard input' -r -F
complete -c portctl -n "__fish_portctl_using_subcommand summary" -l json -d 'One JSON document (portctl schema summary)'
complete -c portctl -n "__fish_portctl_using_subcommand summary" -l strict -d 'Exit with 4 if anything that was asked for is missing'
complete -c portctl -n "__fish_portctl_using_subcommand summary" -s v -l verbose -d 'Say where rows came from, and other details, on standard error'
complete -c portctl -n "__fish_portctl_using_subcommand summary" -s q -l quiet -d 'No notices on standard error; errors are still told'
complete -c portctl -n "__fish_portctl_using_subcommand summary" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l to -d 'Where to: HOST:PORT, with an IPv6 address in brackets; names of hosts and services do' -r
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l from -d 'Where from: an address of this host [default: the one the route prefers]' -r
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l proto -d 'Which protocol' -r -f -a "tcp\t'TCP'
udp\t'UDP'"
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l mode -d 'How the client comes to its local port' -r -f -a "connect\t'connect() chooses it; so it does after bind() with IP_BIND_ADDRESS_NO_PORT'
bind\t'bind() to the source address and port 0 chooses it'
bind-any\t'bind() to no address and port 0 chooses it'"
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l port-range -d 'A port range of the client\'s sockets, as they set it with IP_LOCAL_PORT_RANGE' -r
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l device -d 'The interface that the client\'s sockets are bound to, as with SO_BINDTODEVICE' -r
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l source -d 'Which kernel interface to read' -r -f -a "auto\t'netlink, and /proc for each table that it cannot deliver'
netlink\t'sock_diag over netlink only'
proc\t'text files under /proc/net only'"
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l width -d 'Fit into this many columns; \'none\' for no limit [default: the terminal\'s, none in a pipe]' -r
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -s 4 -l ipv4 -d 'IPv4 only, where a name has both'
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -s 6 -l ipv6 -d 'IPv6 only, where a name has both'
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l probe -d 'Ask the kernel about ports of which a list of sockets cannot tell; sends no packet, but makes a socket for each of them for a moment (portctl help headroom)'
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l strict -d 'Exit with 4 if anything that was asked for is missing'
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -s v -l verbose -d 'Say where rows came from, and other details, on standard error'
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -s q -l quiet -d 'No notices on standard error; errors are still told'
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -l json -d 'One JSON document (portctl schema headroom)'
complete -c portctl -n "__fish_portctl_using_subcommand headroom" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portctl -n "__fish_portctl_using_subcommand help" -s h -l help -d 'Print help'
complete -c portctl -n "__fish_portctl_using_subcommand schema" -s h -l help -d 'Print help'
complete -c portctl -n "__fish_portctl_using_subcommand completions" -s h -l help -d 'Print help'
