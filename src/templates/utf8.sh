# Finds text that is not UTF-8 without starting a process. The byte patterns above come from
# src/prefix/utf8-patterns.ts: a text is invalid exactly when one of a fixed set of short sequences occurs in it.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2254,SC2295 # bracket patterns, meant to be patterns

# Sets __k_bytes to the length of $1, and __k_invalid to 1 when it is not valid UTF-8, else to nothing. $1 ends in
# an ASCII character.
# LC_ALL=C at once: in other locales ksh matches no byte that is no character (measured with 93u+m).
__k_check_utf8() {
  __k_invalid=
  __k_lc_set=${LC_ALL+set} __k_lc_all=${LC_ALL-}
  LC_ALL=C
  __k_bytes=${#1}
  case $1 in
    *$__k_not_ascii*)
      case $1 in
        *$__k_never* | $__k_cont* | *$__k_ascii$__k_cont* | \
          *$__k_lead2$__k_not_cont* | *$__k_lead2$__k_cont$__k_cont* | \
          *$__k_lead3$__k_not_cont* | *$__k_lead3?$__k_not_cont* | *$__k_lead3$__k_cont$__k_cont$__k_cont* | \
          *$__k_lead4$__k_not_cont* | *$__k_lead4?$__k_not_cont* | *$__k_lead4??$__k_not_cont* | \
          *$__k_lead4$__k_cont$__k_cont$__k_cont$__k_cont* | \
          *$__k_overlong3* | *$__k_surrogate* | *$__k_overlong4* | *$__k_beyond*)
          __k_invalid=1
          ;;
      esac
      ;;
  esac
  # Of a locale that this host does not have bash warns once more, and ksh does not take it.
  if [ -n "$__k_lc_set" ]; then { LC_ALL=$__k_lc_all; } 2>/dev/null; else unset LC_ALL; fi
  if [ "${LC_ALL-}" != "$__k_lc_all" ]; then
    export SINGULARITYENV_LC_ALL="$__k_lc_all" APPTAINERENV_LC_ALL="$__k_lc_all"
  fi
}
