# tykky activate NAME|DIR, tykky deactivate, the same with kapseli, for fish (3.3 and later): as tykky.sh beside this file.
# Puts the tools (bin/ of the same installation) on PATH too. Completion is at the end.

function tykky --description 'The commands of an environment on PATH, and off it again'
    switch "$argv[1]"
        case activate
            set -e argv[1]
            if test "$argv[1]" = --
                set -e argv[1]
            end
            if test -z "$argv[1]"
                echo 'ERROR: activate needs the name or the directory of an environment' >&2
                return 1
            end
            if test (count $argv) -gt 1
                echo 'ERROR: activate takes one environment; a name with spaces needs quotes' >&2
                return 1
            end
            __tykky_activate $argv[1]
        case deactivate
            __tykky_deactivate
        case '*'
            echo 'usage: tykky activate NAME|DIR   the commands of an environment first in PATH'
            echo '       tykky deactivate          and away again'
    end
end

# Only a function can change the shell that calls it; help is the executable's.
function kapseli --description 'Look after environments; activate and deactivate them'
    if contains -- "$argv[1]" activate deactivate; and not contains -- "$argv[2]" -h --help
        tykky $argv
    else
        command kapseli $argv
    end
end

# A prefix of Kapseli's, also one whose environment is in PREFIX/env, or one of Tykky's.
function __tykky_is_environment
    test -d $argv[1]/bin; or return 1
    test -f $argv[1]/current/launcher.sh; and return 0
    test -f $argv[1]/common.sh; and return 0
    test -f $argv[1]/env/current/launcher.sh; or return 1
    __tykky_same $argv[1]/bin $argv[1]/env/bin
end

# Whether two directories are the same. `string collect` keeps a newline in a name from making two values of it.
function __tykky_same
    test (builtin realpath -- $argv[1] | string collect) = (builtin realpath -- $argv[2] | string collect)
end

# The directories that names are searched in. fish splits a variable of this name at its colons, unless it was quoted.
function __tykky_directories
    if set -q TYKKY_PATH
        string split --no-empty : -- $TYKKY_PATH
    else if test -n "$HOME"
        echo $HOME/.tykky
    end
    return 0
end

# Prints the environment that is meant, or explains why there is none.
function __tykky_find
    set -l name $argv[1]
    set -l found
    set -l other
    if string match -q '*/*' -- $name; or contains -- $name . ..
        if __tykky_is_environment $name
            set found $name
        else if test -d $name
            set other $name
        end
    else
        for directory in (__tykky_directories)
            set -l candidate $directory/$name
            if not __tykky_is_environment $candidate
                if test -d $candidate; and test -z "$other"
                    set other $candidate
                end
            else if test -z "$found"
                set found $candidate
            else if not __tykky_same $found $candidate
                echo "WARNING: TYKKY_PATH has $name more than once: $found is used, $candidate is not" >&2
            end
        end
        if not __tykky_is_environment ./$name
            if test -d ./$name; and test -z "$other"
                set other ./$name
            end
        else if test -z "$found"
            set found ./$name
        else if not __tykky_same $found ./$name
            echo "WARNING: the current directory has $name too: $found of TYKKY_PATH is used; for the other: tykky activate ./$name" >&2
        end
    end
    if test -n "$found"
        echo $found
        return 0
    end
    echo "ERROR: $name is not a valid tykky environment" >&2
    if test -n "$other"
        echo "       $other has no bin with current/launcher.sh (Kapseli) or common.sh (Tykky) beside it" >&2
    else if string match -q '*/*' -- $name; or contains -- $name . ..
        echo '       there is no such directory' >&2
    else
        echo '       neither a directory of TYKKY_PATH has it nor the current directory' >&2
        if set -q TYKKY_PATH
            echo '       TYKKY_PATH: '(string join : -- $TYKKY_PATH) >&2
        else
            echo "       TYKKY_PATH: not set, which means $HOME/.tykky" >&2
        end
    end
    return 1
end

function __tykky_activate
    set -l found (__tykky_find $argv[1] | string collect)
    test -n "$found"; or return 1
    set -l prefix (builtin realpath -- $found | string collect)
    if string match -q '*:*' -- $prefix
        echo "ERROR: $prefix has a colon in its path, which PATH cannot hold" >&2
        return 1
    end
    __tykky_deactivate
    set -gx TYKKY_PREFIX $prefix
    set -gx PATH $prefix/bin $PATH
    if status is-interactive; and test "$TYKKY_CHANGE_PS1" != 0; and functions -q fish_prompt
        functions --copy fish_prompt __tykky_former_prompt
        function fish_prompt --description 'The prompt with the name of the active environment'
            # The former prompt may show the last command's status.
            set -l last_status $status
            printf '(%s) ' (string replace -r '.*/' '' -- $TYKKY_PREFIX | string replace -ra '[[:cntrl:]]' _)
            __tykky_set_status $last_status
            __tykky_former_prompt
        end
    end
    __tykky_hold
end

# As in tykky.sh: an environment of Kapseli's is held open until this shell ends.
function __tykky_hold
    if test -n "$KAPSELI_WARM"; or test "$TYKKY_WARM" = 0
        return 0
    end
    test -f $TYKKY_PREFIX/current/launcher.sh; or test -f $TYKKY_PREFIX/env/current/launcher.sh; or return 0
    command -q kapseli; or return 0
    set -l place /tmp
    test -n "$TMPDIR"; and set place $TMPDIR
    if test -n "$XDG_RUNTIME_DIR"; and test -O "$XDG_RUNTIME_DIR"
        set place $XDG_RUNTIME_DIR
    end
    set -l made (command mktemp -d $place/kapseli-warm-XXXXXX 2>/dev/null | string collect)
    test -n "$made"; or return 0
    set -gx KAPSELI_WARM $made
    set -gx _TYKKY_WARM $fish_pid:$made
    command sh -c '{
        sleep 1
        { kill -0 "$1" && [ ! -e "$2/over" ] && kapseli warm --owner "$1" --directory "$2" "$3"; } || rm -rf -- "$2"
    } </dev/null >/dev/null 2>&1 &' sh $fish_pid $made $TYKKY_PREFIX
    return 0
end

function __tykky_set_status
    return $argv[1]
end

# Takes away one entry of PATH and our prompt, unless the prompt has been replaced since.
function __tykky_deactivate
    if test -z "$TYKKY_PREFIX"
        return 0
    end
    if test -n "$_TYKKY_WARM"
        if test "$_TYKKY_WARM" = "$fish_pid:$KAPSELI_WARM"; and test -d "$KAPSELI_WARM"
            echo -n >$KAPSELI_WARM/over
        end
        set -e KAPSELI_WARM
        set -e _TYKKY_WARM
    end
    if set -l position (contains --index -- $TYKKY_PREFIX/bin $PATH)
        set -e PATH[$position]
    end
    if functions -q __tykky_former_prompt
        if functions fish_prompt | string match -q '*__tykky_former_prompt*'
            functions -e fish_prompt
            functions --copy __tykky_former_prompt fish_prompt
        end
        functions -e __tykky_former_prompt
    end
    set -e TYKKY_PREFIX
    # From a parent shell, whose prompt this one does not have.
    set -e _TYKKY_PROMPT
    return 0
end

# ---- completion --------------------------------------------------------------------------------------------------------

function __tykky_names
    for directory in (__tykky_directories)
        for candidate in $directory/*/
            set candidate (string trim --right --chars=/ -- $candidate)
            if __tykky_is_environment $candidate
                string replace -r '.*/' '' -- $candidate
            end
        end
    end
end

set -l first 'test (count (commandline -opc)) -eq 1'
set -l second 'set -l words (commandline -opc); test (count $words) -eq 2; and test $words[2] = activate'
complete -c tykky -f
complete -c kapseli -n 'contains -- (commandline -opc)[2] activate deactivate' -f
complete -c tykky -n "$first" -a activate -d 'The commands of an environment first in PATH'
complete -c tykky -n "$first" -a deactivate -d 'And away again'
complete -c tykky -c kapseli -n "$second" -a '(__tykky_names)' -d Environment
complete -c tykky -c kapseli -n "$second" -a '(__fish_complete_directories (commandline -ct))'

# ---- the tools on PATH -------------------------------------------------------------------------------------------------

# As the user has named it, so that it is the same entry of PATH as a modulefile's; a link to this file is followed.
set -l file (status filename)
string match -q '/*' -- $file; or set file $PWD/$file
set -l root (string replace -r '/etc/profile\.d/[^/]*$' '' -- $file)
if not test -e $root/etc/functions/tykky
    set root (string replace -r '/etc/profile\.d/[^/]*$' '' -- (builtin realpath -- $file))
end
if not test -e $root/etc/functions/tykky
    set root $KAPSELI_ROOT $TYKKY_ROOT ''
    set root $root[1]
end
if string match -qr '/\.\.?(/|$)|//' -- $root
    set root (builtin realpath -- $root)
end
if string match -q '*:*' -- $root
    echo "WARNING: tykky.fish: $root has a colon in its path, which PATH cannot hold" >&2
else if test -e $root/bin/kapseli
    if not contains -- $root/bin $PATH
        set -gx PATH $root/bin $PATH
    end
else if not command -q kapseli
    echo 'WARNING: tykky.fish: the tools are not on PATH: set KAPSELI_ROOT to the installation (the directory with bin and etc)' >&2
end
if status is-interactive; and test -r $root/etc/completion/kapseli.fish
    source $root/etc/completion/kapseli.fish
end
