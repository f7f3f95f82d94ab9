# Looks at directories, each in a process of its own: one that hangs (a file server that does not answer) keeps none
# of the others waiting. Run by sh -c. Arguments: PATH... Prints the number of each that can be entered, as `N yes`, of
# each other one as `N no`; of one that hangs nothing.
# shellcheck shell=sh
__k_number=0
for __k_path; do
  __k_number=$((__k_number + 1))
  if [ -d "$__k_path" ] && [ -x "$__k_path" ]; then echo "$__k_number yes"; else echo "$__k_number no"; fi &
done
wait
