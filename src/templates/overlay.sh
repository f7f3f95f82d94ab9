# Shows an image as a directory that can be written to: the image below, what is changed in a directory above it.
# First process of namespaces of its own (mounts, processes, and for ordinary users users); all of it ends with it,
# and it ends when its standard input does. A POSIX sh script.
#
#   sh overlay.sh IMAGE SQUASHFUSE_LL SQUASHFUSE FUSE_OVERLAYFS MARK
#
# In the working directory: lower/ (the image), upper/ (the changes), scratch/ (the kernel's), tree/ (both). A program
# that this host lacks is an empty word. Answers "MARK ready" or "MARK no REASON" on a line that begins with ASCII 30.
# shellcheck shell=sh
set -u
image=$1 squashfuse_ll=$2 squashfuse=$3 fuse_overlayfs=$4 mark=$5

answer() { printf '\036%s %s\n' "$mark" "$1"; }
refuse() {
  answer "no $1"
  exit 1
}

# In a user namespace files of owners other than oneself cannot be changed. Root is not in one.
own_below() { [ -O lower ] || [ "$(id -u)" = 0 ]; }

# Each of them returns when the image is mounted, and goes on in the background.
mount_image() {
  owner=uid=$(id -u),gid=$(id -g)
  if [ -n "$squashfuse_ll" ]; then
    "$squashfuse_ll" -o "$owner" "$image" lower && own_below && return 0
    umount lower 2>/dev/null
    # Before 0.2 it knows no owner; images of ours are their builder's.
    "$squashfuse_ll" "$image" lower && own_below && return 0
    umount lower 2>/dev/null
  fi
  [ -n "$squashfuse" ] && "$squashfuse" -o "$owner" "$image" lower && own_below
}

# Mounts the kernel's overlay of the directories lower, upper and scratch below $1 at tree there, with the words $2. What is
# changed is to be whole in the upper directory.
kernel_overlay() {
  mount -t overlay overlay -o "lowerdir=$1lower,upperdir=$1upper,workdir=$1scratch,index=off,$2" "$1tree"
}

# Whether the kernel's overlay works here with these words: where the file system holds no such attributes, it is
# mounted all the same, and directories of the image can neither be removed nor replaced.
kernel_can() {
  rm -rf probe
  mkdir -p probe/lower/directory probe/upper probe/scratch probe/tree && : >probe/lower/directory/file || return 1
  kernel_overlay probe/ "$1" || return 1
  can=1
  if rm -r probe/tree/directory && mkdir probe/tree/directory; then can=0; fi
  umount probe/tree
  return "$can"
}

# The kernel takes what an ordinary user mounts from Linux 5.11 on, with user.* attributes, which memory has from 6.6 on.
# For root there are others.
mount_overlay() {
  kernel_can userxattr && kernel_overlay '' userxattr && return 0
  [ "$(id -u)" = 0 ] && kernel_can redirect_dir=off,metacopy=off &&
    kernel_overlay '' redirect_dir=off,metacopy=off && return 0
  [ -n "$fuse_overlayfs" ] && "$fuse_overlayfs" -o lowerdir=lower,upperdir=upper,workdir=scratch tree
}

mount_image || refuse "the image cannot be mounted with the right owner"
mount_overlay || refuse "no overlay can be mounted"
if ! : >tree/.kapseli-probe || ! rm tree/.kapseli-probe; then refuse "the overlay cannot be written to"; fi
answer ready
while read -r _; do :; done
