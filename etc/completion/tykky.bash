# Completion of tykky for bash 4 and later, and of kapseli's (de)activate: sub-commands, the names of environments in TYKKY_PATH, directories.
# Loaded by profile.d/tykky.sh in an interactive shell.
# shellcheck shell=bash

# Sets __tykky_word to what the user has typed of the current word, without its quotes.
__tykky_typed_word() {
  local raw=$1
  __tykky_word=
  case $raw in
    \"* | \'*)
      __tykky_word=${raw:1}
      return
      ;;
  esac
  while [[ $raw == *\\* ]]; do
    __tykky_word+=${raw%%\\*}
    raw=${raw#*\\}
    __tykky_word+=${raw:0:1}
    raw=${raw:1}
  done
  __tykky_word+=$raw
}

# Adds the environments' names that begin with $1 to COMPREPLY.
__tykky_complete_names() {
  local rest=${TYKKY_PATH-${HOME:+$HOME/.tykky}}: entry directory restore=
  # The user's own options for file name patterns would change what the pattern below gives.
  case $- in *f*) restore='-f' ;; esac
  set +f
  while [[ -n $rest ]]; do
    entry=${rest%%:*}
    rest=${rest#*:}
    [[ -n $entry && -d $entry ]] || continue
    # Without this, failglob would end the completion where nothing matches.
    compgen -G "${entry//[\\*?[]/?}/*/" >/dev/null || continue
    for directory in "$entry"/*/; do
      directory=${directory%/}
      if [[ ${directory##*/} == "$1"* ]] && __tykky_is_environment "$directory"; then
        COMPREPLY+=("${directory##*/}")
      fi
    done
  done
  [[ -z $restore ]] || set "$restore"
}

# Completes the first word from those given.
__tykky_complete_first() {
  local word
  for word; do
    if [[ $word == "${COMP_WORDS[1]}"* ]]; then COMPREPLY+=("$word"); fi
  done
}

__tykky_complete() {
  local __tykky_word
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    __tykky_complete_first activate deactivate
    return
  fi
  [[ ${COMP_WORDS[1]} == activate && $COMP_CWORD -eq 2 ]] || return
  # readline adds the directories and quotes what needs it, as the user has begun to.
  compopt -o filenames -o plusdirs
  __tykky_typed_word "${COMP_WORDS[COMP_CWORD]}"
  __tykky_complete_names "$__tykky_word"
}

complete -F __tykky_complete tykky
