# Completion of the tools for bash 4 and later. Loaded by profile.d/tykky.sh in an interactive shell.
# shellcheck shell=bash disable=SC2034 # what the first functions set are variables of their caller

# made by npm run docs from the definitions in src/cli: begin
__kapseli_words() {
  case $1 in
    'conda-containerize')
      commands='new update advanced'
      options='--version --help -h'
      values=''
      operands=files
      ;;
    'conda-containerize new')
      commands=''
      options='--prefix --pre-install --post-install --environ --wrapper-paths -w --requirement -r --mamba --uv --nocache --engine --base --portable --compress --tmpdir --dry-run --json --debug --help -h'
      values='--prefix --pre-install --post-install --environ --wrapper-paths -w --requirement -r --engine --base --compress --tmpdir'
      operands=files
      ;;
    'conda-containerize update')
      commands=''
      options='--pre-install --post-install --environ --wrapper-paths -w --requirement -r --nocache --remove-wrapper-paths --compress --tmpdir --dry-run --json --debug --help -h'
      values='--pre-install --post-install --environ --wrapper-paths -w --requirement -r --remove-wrapper-paths --compress --tmpdir'
      operands=directories
      ;;
    'conda-containerize advanced')
      commands=''
      options='--tmpdir --dry-run --json --debug --help -h'
      values='--tmpdir'
      operands=files
      ;;
    'pip-containerize')
      commands='new update advanced'
      options='--version --help -h'
      values=''
      operands=files
      ;;
    'pip-containerize new')
      commands=''
      options='--prefix --pre-install --post-install --environ --wrapper-paths -w --uv --slim --pyver --system-site-packages --nocache --base --portable --compress --tmpdir --dry-run --json --debug --help -h'
      values='--prefix --pre-install --post-install --environ --wrapper-paths -w --pyver --base --compress --tmpdir'
      operands=files
      ;;
    'pip-containerize update')
      commands=''
      options='--pre-install --post-install --environ --wrapper-paths -w --requirements-file -r --nocache --remove-wrapper-paths --compress --tmpdir --dry-run --json --debug --help -h'
      values='--pre-install --post-install --environ --wrapper-paths -w --requirements-file -r --remove-wrapper-paths --compress --tmpdir'
      operands=directories
      ;;
    'pip-containerize advanced')
      commands=''
      options='--tmpdir --dry-run --json --debug --help -h'
      values='--tmpdir'
      operands=files
      ;;
    'wrap-container')
      commands=''
      options='--version --prefix --environ --wrapper-paths -w --yaml -y --tmpdir --dry-run --json --debug --help -h'
      values='--prefix --environ --wrapper-paths -w --yaml -y --tmpdir'
      operands=files
      ;;
    'wrap-install')
      commands=''
      options='--version --prefix --pre-install --post-install --environ --wrapper-paths -w --mask --yaml -y --in-place --base --compress --tmpdir --dry-run --json --debug --help -h'
      values='--prefix --pre-install --post-install --environ --wrapper-paths -w --yaml -y --base --compress --tmpdir'
      operands=directories
      ;;
    'kapseli')
      commands='bases activate deactivate config wrap unwrap discard-original relocate run shell warm venv list info log generations rollback diff prune remove verify lock rebuild doctor clean sbom'
      options='--version --help -h'
      values=''
      operands=files
      ;;
    'kapseli bases')
      commands=''
      options='--json --help -h'
      values=''
      operands=files
      ;;
    'kapseli activate')
      commands=''
      options='--help -h'
      values=''
      operands=files
      ;;
    'kapseli deactivate')
      commands=''
      options='--help -h'
      values=''
      operands=files
      ;;
    'kapseli config')
      commands='show check schema'
      options='--help -h'
      values=''
      operands=files
      ;;
    'kapseli config show')
      commands=''
      options='--json --file --help -h'
      values='--file'
      operands=files
      ;;
    'kapseli config check')
      commands=''
      options='--user --help -h'
      values=''
      operands=files
      ;;
    'kapseli config schema')
      commands=''
      options='--help -h'
      values=''
      operands=files
      ;;
    'kapseli wrap')
      commands=''
      options='--compile --base --compress --tmpdir --dry-run --json --debug --help -h'
      values='--base --compress --tmpdir'
      operands=directories
      ;;
    'kapseli unwrap')
      commands=''
      options='--json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli discard-original')
      commands=''
      options='--help -h'
      values=''
      operands=directories
      ;;
    'kapseli relocate')
      commands=''
      options='--tmpdir --dry-run --json --debug --help -h'
      values='--tmpdir'
      operands=directories
      ;;
    'kapseli run')
      commands=''
      options='--with --wait-children --help -h'
      values='--with'
      operands=directories
      ;;
    'kapseli shell')
      commands=''
      options='--with --help -h'
      values='--with'
      operands=directories
      ;;
    'kapseli warm')
      commands=''
      options='--node --help -h'
      values=''
      operands=directories
      ;;
    'kapseli venv')
      commands=''
      options='--json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli list')
      commands=''
      options='--depth --json --help -h'
      values='--depth'
      operands=directories
      ;;
    'kapseli info')
      commands=''
      options='--json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli log')
      commands=''
      options='--json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli generations')
      commands=''
      options='--json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli rollback')
      commands=''
      options='--to --json --help -h'
      values='--to'
      operands=directories
      ;;
    'kapseli diff')
      commands=''
      options='--json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli prune')
      commands=''
      options='--now --dry-run --json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli remove')
      commands=''
      options='--yes --force --json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli verify')
      commands=''
      options='--quick --repair --yes --json --help -h'
      values=''
      operands=directories
      ;;
    'kapseli lock')
      commands=''
      options='--output -o --generation --json --help -h'
      values='--output -o --generation'
      operands=directories
      ;;
    'kapseli rebuild')
      commands=''
      options='--prefix --generation --pre-install --post-install --base --compress --tmpdir --dry-run --json --debug --help -h'
      values='--prefix --generation --pre-install --post-install --base --compress --tmpdir'
      operands=files
      ;;
    'kapseli doctor')
      commands=''
      options='--prefix --tmpdir --json --help -h'
      values='--prefix --tmpdir'
      operands=files
      ;;
    'kapseli clean')
      commands=''
      options='--dry-run --yes --json --help -h'
      values=''
      operands=files
      named='work processes caches logs'
      ;;
    'kapseli sbom')
      commands=''
      options='--json --help -h'
      values=''
      operands=directories
      ;;
  esac
}

__kapseli_choices() {
  case "$1 $2" in
    'conda-containerize new --compress') choices='fast default small' ;;
    'conda-containerize update --compress') choices='fast default small' ;;
    'pip-containerize new --compress') choices='fast default small' ;;
    'pip-containerize update --compress') choices='fast default small' ;;
    'wrap-install --compress') choices='fast default small' ;;
    'kapseli wrap --compress') choices='fast default small' ;;
    'kapseli rebuild --compress') choices='fast default small' ;;
    *) choices='' ;;
  esac
}
# made by npm run docs from the definitions in src/cli: end

# Completes the tools' sub-commands, options and the values of options and operands that have a choice; other
# operands are directories or files, which readline itself completes.
__kapseli_complete() {
  local word=${COMP_WORDS[COMP_CWORD]} whole=${COMP_WORDS[0]##*/} IFS=$' \t\n' __tykky_word
  local commands='' options='' values='' operands=files choices='' named='' found='' one='' at=1
  COMPREPLY=()
  __kapseli_words "$whole"
  while [[ $at -lt $COMP_CWORD ]]; do
    one=${COMP_WORDS[at]}
    at=$((at + 1))
    case $one in
      --) break ;;
      -*) if [[ " $values " == *" $one "* ]]; then at=$((at + 1)); fi ;;
      *)
        if [[ " $commands " == *" $one "* ]]; then
          whole="$whole $one"
          __kapseli_words "$whole"
        fi
        ;;
    esac
  done
  if [[ $one == -- ]]; then
    found=
  elif [[ $at -gt $COMP_CWORD ]]; then
    operands=files
    __kapseli_choices "$whole" "$one"
    found=$choices
  elif [[ $word == -* ]]; then
    found=$options
  else
    found=${commands:-$named}
  fi
  for one in $found; do
    if [[ $one == "$word"* ]]; then COMPREPLY+=("$one"); fi
  done
  if [[ -n $found || $whole == 'kapseli deactivate' ]]; then return; fi
  if [[ $whole == 'kapseli activate' ]]; then
    # As for tykky: the names too, which readline quotes.
    compopt -o filenames -o plusdirs
    __tykky_typed_word "$word"
    __tykky_complete_names "$__tykky_word"
    return
  fi
  case $operands in
    directories) compopt -o dirnames ;;
    *) compopt -o default ;;
  esac
}

complete -F __kapseli_complete kapseli conda-containerize pip-containerize wrap-container wrap-install
