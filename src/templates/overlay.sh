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

# The kernel's own overlay takes what an ordinary user mounts from Linux 5.11 on, where the upper directory's file
# system holds user.* attributes. For root an older kernel does without that word.
mount_overlay() {
  layers=lowerdir=lower,upperdir=upper,workdir=scratch
  mount -t overlay overlay -o "$layers,userxattr" tree && return 0
  [ "$(id -u)" = 0 ] && mount -t overlay overlay -o "$layers,redirect_dir=off,metacopy=off" tree && return 0
  [ -n "$fuse_overlayfs" ] && "$fuse_overlayfs" -o "$layers" tree
}

mount_image || refuse "the image cannot be mounted with the right owner"
mount_overlay || refuse "no overlay can be mounted"
if ! : >tree/.kapseli-probe || ! rm tree/.kapseli-probe; then refuse "the overlay cannot be written to"; fi
answer ready
while read -r _; do :; done
