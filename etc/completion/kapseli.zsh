# Completion of the tools for zsh. Loaded by profile.d/tykky.sh in an interactive shell, whose compinit may have run
# already or may run later.

# made by npm run docs from the definitions in src/cli: begin
__kapseli_words() {
  case $1 in
    'conda-containerize')
      commands=('new:Create an environment from an env.yml, an explicit list or a list of packages.' 'update:Change an environment' 'advanced:Do what a YAML file with the tool'\''s whole configuration says.')
      options=('--version:print the version and exit' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'conda-containerize new')
      commands=()
      options=('--prefix:where to install' '--pre-install:bash script to run in the container before anything is installed' '--post-install:bash script to run in the container after the installation, with the environment active' '--environ:bash script that is sourced on the host before each start of one of the environment'\''s commands' '--wrapper-paths:further directories or files, separated by commas, whose programs become commands too' '-w:further directories or files, separated by commas, whose programs become commands too' '--requirement:a requirements file, as pip takes it, to install into the conda environment' '-r:a requirements file, as pip takes it, to install into the conda environment' '--mamba:install with mamba' '--uv:with --mamba' '--nocache:install without the download caches of pip and uv, and compile every Python file' '--engine:micromamba, mamba, conda, rattler or auto' '--base:run over this base' '--portable:mount the image at a neutral path so that it can travel to other places and machines' '--compress:how the image is compressed' '--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--prefix --pre-install --post-install --environ --wrapper-paths -w --requirement -r --engine --base --compress --tmpdir)
      operands=files
      ;;
    'conda-containerize update')
      commands=()
      options=('--pre-install:bash script to run in the container before anything is installed' '--post-install:bash script to run in the container after the installation, with the environment active' '--environ:bash script that is sourced on the host before each start of one of the environment'\''s commands' '--wrapper-paths:further directories or files, separated by commas, whose programs become commands too' '-w:further directories or files, separated by commas, whose programs become commands too' '--requirement:a requirements file, as pip takes it, to install into the conda environment' '-r:a requirements file, as pip takes it, to install into the conda environment' '--nocache:install without the download caches of pip and uv, and compile every Python file' '--remove-wrapper-paths:items of earlier -w options to forget, separated by commas' '--compress:how the image is compressed' '--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--pre-install --post-install --environ --wrapper-paths -w --requirement -r --remove-wrapper-paths --compress --tmpdir)
      operands=directories
      ;;
    'conda-containerize advanced')
      commands=()
      options=('--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--tmpdir)
      operands=files
      ;;
    'pip-containerize')
      commands=('new:Create an environment from a requirements file, on the first python3 of your PATH.' 'update:Change an environment' 'advanced:Do what a YAML file with the tool'\''s whole configuration says.')
      options=('--version:print the version and exit' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'pip-containerize new')
      commands=()
      options=('--prefix:where to install' '--pre-install:bash script to run in the container before anything is installed' '--post-install:bash script to run in the container after the installation, with the environment active' '--environ:bash script that is sourced on the host before each start of one of the environment'\''s commands' '--wrapper-paths:further directories or files, separated by commas, whose programs become commands too' '-w:further directories or files, separated by commas, whose programs become commands too' '--uv:install with uv, which is faster' '--slim:use the Python of the public python' '--pyver:with --uv or --slim' '--system-site-packages:the environment also sees the packages of the Python below it, the user'\''s own included' '--nocache:install without the download caches of pip and uv, and compile every Python file' '--base:run over this base' '--portable:mount the image at a neutral path so that it can travel to other places and machines' '--compress:how the image is compressed' '--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--prefix --pre-install --post-install --environ --wrapper-paths -w --pyver --base --compress --tmpdir)
      operands=files
      ;;
    'pip-containerize update')
      commands=()
      options=('--pre-install:bash script to run in the container before anything is installed' '--post-install:bash script to run in the container after the installation, with the environment active' '--environ:bash script that is sourced on the host before each start of one of the environment'\''s commands' '--wrapper-paths:further directories or files, separated by commas, whose programs become commands too' '-w:further directories or files, separated by commas, whose programs become commands too' '--requirements-file:a requirements file, as pip takes it, to install into the environment' '-r:a requirements file, as pip takes it, to install into the environment' '--nocache:install without the download caches of pip and uv, and compile every Python file' '--remove-wrapper-paths:items of earlier -w options to forget, separated by commas' '--compress:how the image is compressed' '--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--pre-install --post-install --environ --wrapper-paths -w --requirements-file -r --remove-wrapper-paths --compress --tmpdir)
      operands=directories
      ;;
    'pip-containerize advanced')
      commands=()
      options=('--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--tmpdir)
      operands=files
      ;;
    'wrap-container')
      commands=()
      options=('--version:print the version and exit' '--prefix:where to install' '--environ:bash script that is sourced on the host before each start of one of the environment'\''s commands' '--wrapper-paths:required' '-w:required' '--yaml:a YAML file with further configuration' '-y:a YAML file with further configuration' '--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--prefix --environ --wrapper-paths -w --yaml -y --tmpdir)
      operands=files
      ;;
    'wrap-install')
      commands=()
      options=('--version:print the version and exit' '--prefix:where to install' '--pre-install:bash script to run in the container before anything is installed' '--post-install:bash script to run in the container after the installation, with the environment active' '--environ:bash script that is sourced on the host before each start of one of the environment'\''s commands' '--wrapper-paths:required without --in-place' '-w:required without --in-place' '--mask:mount the image at the directory'\''s own path' '--yaml:a YAML file with further configuration' '-y:a YAML file with further configuration' '--in-place:the directory, a venv, conda or pixi environment, becomes an environment of this tool where it is, with nothing installed again' '--base:run over this base' '--compress:how the image is compressed' '--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--prefix --pre-install --post-install --environ --wrapper-paths -w --yaml -y --base --compress --tmpdir)
      operands=directories
      ;;
    'kapseli')
      commands=('bases:List the named bases that --base takes.' 'activate:Put the commands of an environment first in PATH, and hold it warm for this shell.' 'deactivate:Take the commands of the active environment out of PATH again.' 'config:Show and check the configuration' 'wrap:Make a venv, conda or pixi environment a prefix where it is' 'unwrap:Give a directory back that was wrapped in place, as it was.' 'discard-original:Remove the files that are kept beside a directory that was wrapped in place.' 'relocate:Rewrite an environment that was moved or copied for the place where it is now.' 'run:Run a command in the container of an environment, as its own commands run.' 'shell:Start a shell in the container of an environment, with what its activation sets.' 'warm:Hold the container of an environment open, so that its commands start as fast as ordinary programs.' 'venv:Make a virtual environment on top of an environment' 'list:List environments below directories, or those in TYKKY_PATH, with size, age, base and state.' 'info:Show what is in an environment, from what and how it was built, and what it runs on.' 'log:Print the build log of an environment, or of one of its generations.' 'generations:List the generations of an environment, newest first.' 'rollback:Make an older generation of an environment the current one again.' 'diff:Show what differs between two environments or generations' 'prune:Remove generations that are neither the current one nor the one before it.' 'remove:Remove environments' 'verify:Look whether an environment is as it was published and works, and mend what is not.' 'lock:Print the lock of an environment' 'rebuild:Build the same packages again from a lock' 'doctor:Try everything that a build needs on this host, and say what to do about each problem.' 'clean:Remove caches, and what builds and containers left that were killed' 'sbom:Print a bill of materials of an environment')
      options=('--version:print the version and exit' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'kapseli bases')
      commands=()
      options=('--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'kapseli activate')
      commands=()
      options=('--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'kapseli deactivate')
      commands=()
      options=('--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'kapseli config')
      commands=('show:Print every value and where it comes from.' 'check:Report everything that is wrong with a configuration file, with its line.' 'schema:Print the JSON schema of site files.')
      options=('--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'kapseli config show')
      commands=()
      options=('--json:as one JSON object' '--file:use this site file instead of the one that would be used' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--file)
      operands=files
      ;;
    'kapseli config check')
      commands=()
      options=('--user:the file is a user'\''s' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'kapseli config schema')
      commands=()
      options=('--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      ;;
    'kapseli wrap')
      commands=()
      options=('--compile:compile what of its Python is not compiled yet first, for faster imports' '--base:run over this base' '--compress:how the image is compressed' '--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--base --compress --tmpdir)
      operands=directories
      ;;
    'kapseli unwrap')
      commands=()
      options=('--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli discard-original')
      commands=()
      options=('--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli relocate')
      commands=()
      options=('--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--tmpdir)
      operands=directories
      ;;
    'kapseli run')
      commands=()
      options=('--with:mount this environment too, at its own place, with its commands after those of PREFIX' '--wait-children:stay until every process that the command has started has ended' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--with)
      operands=directories
      ;;
    'kapseli shell')
      commands=()
      options=('--with:mount this environment too, at its own place, with its commands after those of PREFIX' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--with)
      operands=directories
      ;;
    'kapseli warm')
      commands=()
      options=('--node:for all of your processes of this job' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli venv')
      commands=()
      options=('--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli list')
      commands=()
      options=('--depth:how many levels below each directory' '--json:print them as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--depth)
      operands=directories
      ;;
    'kapseli info')
      commands=()
      options=('--json:print it as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli log')
      commands=()
      options=('--json:print it as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli generations')
      commands=()
      options=('--json:print them as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli rollback')
      commands=()
      options=('--to:this generation' '--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--to)
      operands=directories
      ;;
    'kapseli diff')
      commands=()
      options=('--json:print the difference as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli prune')
      commands=()
      options=('--now:also those that were replaced less than 14 days ago' '--dry-run:only say what would go, and what that would free' '--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli remove')
      commands=()
      options=('--yes:do not ask' '--force:also while it is in use, or being built' '--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli verify')
      commands=()
      options=('--quick:compare the sizes of images instead of every byte' '--repair:mend what can be mended' '--yes:with --repair' '--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=directories
      ;;
    'kapseli lock')
      commands=()
      options=('--output:write it to this file' '-o:write it to this file' '--generation:of this generation' '--json:print it as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--output -o --generation)
      operands=directories
      ;;
    'kapseli rebuild')
      commands=()
      options=('--prefix:where to install' '--generation:the packages of this generation' '--pre-install:bash script to run in the container before anything is installed' '--post-install:bash script to run in the container after the installation, with the environment active' '--base:run over this base' '--compress:how the image is compressed' '--tmpdir:build below this directory' '--dry-run:print what would be done, with the commands that are known beforehand, and touch nothing' '--json:print events and the result as JSON, one object a line, on stdout' '--debug:print every command and its output, and stack traces' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--prefix --generation --pre-install --post-install --base --compress --tmpdir)
      operands=files
      ;;
    'kapseli doctor')
      commands=()
      options=('--prefix:where something is to be built' '--tmpdir:build below this directory' '--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=(--prefix --tmpdir)
      operands=files
      ;;
    'kapseli clean')
      commands=()
      options=('--dry-run:show what there is, and remove nothing' '--yes:do not ask' '--json:print the result as JSON on stdout' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
      operands=files
      named=(work processes caches logs)
      ;;
    'kapseli sbom')
      commands=()
      options=('--json:the same' '--help:show this help message and exit' '-h:show this help message and exit')
      values=()
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

# Completes the tools' sub-commands, options, the values of options and operands that have a choice, directories and files. The
# completion system calls this with the options that its own functions need.
_kapseli() {
  local whole=${words[1]:t} one= operands=files choices=
  local -a commands options values named
  local -i at=2 ended=0
  __kapseli_words $whole
  while (( at < CURRENT )); do
    one=${words[at]}
    (( at++ ))
    case $one in
      --)
        ended=1
        break
        ;;
      -*) if (( ${values[(Ie)$one]} )); then (( at++ )); fi ;;
      *)
        if (( ${commands[(I)${(b)one}:*]} )); then
          whole="$whole $one"
          __kapseli_words $whole
        fi
        ;;
    esac
  done
  if (( ! ended && at > CURRENT )); then
    __kapseli_choices $whole $one
    if [[ -n $choices ]]; then
      compadd -- ${=choices}
    else
      _files
    fi
  elif (( ! ended )) && [[ ${words[CURRENT]} == -* ]]; then
    _describe -o option options
  elif (( $#commands )); then
    _describe -t commands command commands
  elif (( ! ended && $#named )); then
    compadd -- $named
  elif [[ $whole == 'kapseli activate' ]]; then
    # As for tykky.
    __tykky_environments
  elif [[ $whole == 'kapseli deactivate' ]]; then
    return 1
  elif [[ $operands == directories ]]; then
    _files -/
  else
    _files
  fi
}

# Once, before a prompt: completion can only be told of a command after compinit.
__kapseli_add_completion() {
  emulate -L zsh
  if (( ${+functions[compdef]} )); then
    compdef _kapseli kapseli conda-containerize pip-containerize wrap-container wrap-install
    add-zsh-hook -d precmd __kapseli_add_completion
  fi
}

autoload -Uz add-zsh-hook
add-zsh-hook precmd __kapseli_add_completion
