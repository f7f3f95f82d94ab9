-- Kapseli for Lmod: `module use .../etc/modulefiles`, then `module load kapseli`.
-- The tools on PATH; in sh, bash, zsh, ksh and fish also `kapseli activate` and `tykky activate`.
-- The file's name is the version. It finds the installation from where it lies; a copy elsewhere needs KAPSELI_ROOT.

local root = myFileName():match("^(.*)/etc/modulefiles/[^/]+/[^/]+$")
if not root or not isFile(pathJoin(root, "bin", "kapseli")) then
  root = os.getenv("KAPSELI_ROOT")
end
if not root or not isFile(pathJoin(root, "bin", "kapseli")) then
  LmodError("No Kapseli beside " .. myFileName() .. ": set KAPSELI_ROOT to the directory that has its bin and etc")
end

help([[Conda and pip environments in one SquashFS image each, with commands that run in it.
  conda-containerize new --prefix DIR env.yml
  pip-containerize new --prefix DIR requirements.txt
  tykky activate DIR
See docs/ in the installation: $KAPSELI_ROOT/docs]])
whatis("Name: Kapseli")
whatis("Version: " .. myModuleVersion())
whatis("Description: conda and pip environments in one image each")

setenv("KAPSELI_ROOT", root)
prepend_path("PATH", pathJoin(root, "bin"))

-- The functions come from the same files that a login shell would source: each shell in its own language.
local shell = myShellName()
local files = { sh = "tykky.sh", bash = "tykky.sh", zsh = "tykky.sh", ksh = "tykky.sh", fish = "tykky.fish" }
local file = files[shell]
if file then
  if shell == "ksh" then
    prepend_path("FPATH", pathJoin(root, "etc", "functions"))
  end
  local function source(directory)
    local path = pathJoin(root, "etc", directory, file)
    -- ' is closed, escaped and opened again: sh and fish read that alike. Only fish has escapes between them.
    if shell == "fish" then
      path = path:gsub("\\", "\\\\")
    end
    return ". '" .. path:gsub("'", "'\\''") .. "'"
  end
  execute({ cmd = source("profile.d"), modeA = { "load" } })
  execute({ cmd = source("unload"), modeA = { "unload" } })
end
