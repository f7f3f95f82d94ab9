# Completion of tykky for zsh, and of kapseli's (de)activate: sub-commands, the names of environments in TYKKY_PATH, directories.
# Loaded by profile.d/tykky.sh in an interactive shell, whose compinit may have run already or may run later.

# Sets names, which is the caller's, to the environments in TYKKY_PATH.
__tykky_collect_names() {
  emulate -L zsh
  setopt null_glob
  local entry directory
  for entry in ${(s.:.)${TYKKY_PATH-${HOME:+$HOME/.tykky}}}; do
    for directory in ${entry}/*(-/); do
      if __tykky_is_environment $directory; then names+=(${directory:t}); fi
    done
  done
}

__tykky_environments() {
  local -a names
  __tykky_collect_names
  _alternative 'environments:environment:compadd -a names' 'directories:directory:_files -/'
}

# The completion system calls these with the options that its own functions need.
_tykky() {
  if (( CURRENT == 2 )); then
    local -a commands=('activate:the commands of an environment first in PATH' 'deactivate:and away again')
    _describe -t commands 'tykky command' commands
  elif [[ ${words[2]} == activate ]] && (( CURRENT == 3 )); then
    __tykky_environments
  else
    return 1
  fi
}

# Once, before a prompt: completion can only be told of a command after compinit.
__tykky_add_completion() {
  emulate -L zsh
  if (( ${+functions[compdef]} )); then
    compdef _tykky tykky
    add-zsh-hook -d precmd __tykky_add_completion
  fi
}

autoload -Uz add-zsh-hook
add-zsh-hook precmd __tykky_add_completion
