#compdef spanload
# spanload.zsh - completion of the spanload command in zsh; install as _spanload in a directory of $fpath.

_spanload() {
    local context state line
    local -a commands=(
        'run:run a program with its requests traced'
        'sidecar:receive traces and print them'
        'compare:run a program without and with the library and tell the difference'
        'check:tell whether a program can be traced'
    )
    _arguments -C '(- *)--help[print help]' '(- *)--version[print the version]' \
        '1:command:->command' '*::argument:->argument'
    case $state in
    command) _describe command commands ;;
    argument)
        case $words[1] in
        run)
            _arguments \
                '--show[print each trace to standard error]' \
                '--format[of what is printed]:format:(tree json)' \
                '--service[the name of the service]:name:' \
                '--endpoint[where traces go]:URL:_urls' \
                '--no-helpers[leave the variables of runtimes as they are]' \
                '--library[the libspanload.so to use]:file:_files' \
                '(- *)--help[print help]' \
                '(-)1:program:_command_names -e' '*::argument:_normal' ;;
        sidecar)
            _arguments \
                '--port[the TCP port]:port:' \
                '--host[the address]:host:_hosts' \
                '--socket[a unix socket]:file:_files' \
                '--format[of what is printed]:format:(tree json)' \
                '(- *)--help[print help]' ;;
        compare)
            _arguments \
                '--runs[rounds]:number:' \
                '--load[run this against the server]:command:' \
                '--ready-port[the server is ready when this port is open]:port:' \
                '--ready[the server is ready when this succeeds]:command:' \
                '--json[write everything as JSON]:file:_files' \
                '--html[write a page with pictures]:file:_files' \
                '--max-overhead[end with 1 if more is established]:percentage:' \
                '--metric[what the limit is about]:metric:(wall cpu load)' \
                '--no-syscalls[do not count system calls]' \
                '--no-helpers[leave the variables of runtimes as they are]' \
                '--library[the libspanload.so to use]:file:_files' \
                '(- *)--help[print help]' \
                '(-)1:program:_command_names -e' '*::argument:_normal' ;;
        check)
            _arguments \
                '--endpoint[the sidecar to ask for]:URL:_urls' \
                '--library[the libspanload.so to look for]:file:_files' \
                '(- *)--help[print help]' \
                '1:program:_command_names -e' ;;
        esac ;;
    esac
}

_spanload "$@"
