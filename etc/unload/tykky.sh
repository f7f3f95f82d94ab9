# Takes away what profile.d/tykky.sh defined, in every shell that file is for. PATH and FPATH are the caller's to mend:
# the modulefiles, which source this, have put them there.
# shellcheck shell=sh
# shellcheck disable=SC3044 # complete is for bash, typeset for zsh
if command -v tykky >/dev/null 2>&1; then
  tykky deactivate
  if [ -n "${BASH_VERSINFO-}" ]; then complete -r tykky kapseli conda-containerize pip-containerize wrap-container wrap-install 2>/dev/null || :; fi
  if [ -n "${ZSH_VERSION-}" ] && emulate >/dev/null 2>&1; then
    if typeset -f compdef >/dev/null; then compdef -d tykky kapseli conda-containerize pip-containerize wrap-container wrap-install; fi
    if typeset -f add-zsh-hook >/dev/null; then add-zsh-hook -d precmd __tykky_add_completion; add-zsh-hook -d precmd __kapseli_add_completion; fi
  fi
  for __tykky_function in tykky kapseli __tykky_say __tykky_has_kapseli __tykky_is_environment __tykky_find \
    __tykky_activate __tykky_hold __tykky_deactivate \
    __tykky_typed_word __tykky_complete_names __tykky_complete_first __tykky_complete __kapseli_words __kapseli_choices __kapseli_complete \
    __tykky_collect_names __tykky_environments _tykky _kapseli __tykky_add_completion __kapseli_add_completion; do
    unset -f "$__tykky_function" 2>/dev/null || :
  done
  unset __tykky_function
fi
