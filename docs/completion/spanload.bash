# spanload.bash - completion of the spanload command in bash.
#
# After run or compare and its options comes a command line of its own: it is completed as if spanload were not there.

_spanload_program_index() {
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) echo $((i + 1)); return ;;
        --library | --service | --endpoint | --format | --runs | --load | --ready | --ready-port | --json | --html | --max-overhead | --metric) ((i++)) ;;
        -*) ;;
        =) ((i++)) ;;
        *) echo "$i"; return ;;
        esac
    done
    echo "$COMP_CWORD"
}

_spanload_option_value() {
    case $1 in
    --format) COMPREPLY=($(compgen -W "tree json" -- "$2")) ;;
    --metric) COMPREPLY=($(compgen -W "wall cpu load" -- "$2")) ;;
    --library | --socket | --json | --html) compopt -o filenames; COMPREPLY=($(compgen -f -- "$2")) ;;
    --host) COMPREPLY=($(compgen -A hostname -- "$2")) ;;
    --service | --endpoint | --port | --runs | --load | --ready | --ready-port | --max-overhead) COMPREPLY=() ;;
    *) return 1 ;;
    esac
}

_spanload() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} options
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "run sidecar compare check --help --version" -- "$current"))
        return
    fi
    case ${COMP_WORDS[1]} in
    run) options="--show --format --service --endpoint --no-helpers --library --help" ;;
    sidecar) options="--port --host --socket --format --help" ;;
    compare) options="--runs --load --ready-port --ready --json --html --max-overhead --metric --no-syscalls --no-helpers --library --help" ;;
    check) options="--endpoint --library --help" ;;
    *) return ;;
    esac
    if [[ ${COMP_WORDS[1]} == run || ${COMP_WORDS[1]} == compare ]]; then
        local first
        first=$(_spanload_program_index)
        if ((first < COMP_CWORD)) && declare -F _command_offset >/dev/null; then
            _command_offset "$first"
            return
        fi
    fi
    _spanload_option_value "$previous" "$current" && return
    if [[ $current == -* && $previous != -- ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    elif [[ ${COMP_WORDS[1]} != sidecar ]]; then
        compopt -o filenames
        COMPREPLY=($(compgen -c -- "$current") $(compgen -f -- "$current"))
    fi
}

complete -F _spanload spanload
