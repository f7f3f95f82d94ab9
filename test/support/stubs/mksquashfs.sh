#!/bin/sh
# mksquashfs, except for what STUB_MKSQUASHFS says.
case ${STUB_MKSQUASHFS-} in
  no-zstd)
    case "$*" in
      *-comp\ zstd*) printf 'mksquashfs: Compressor "zstd" is not supported!\n' >&2 && exit 1 ;;
    esac
    ;;
  no-actions)
    case "$*" in
      *" -action "*) printf 'mksquashfs: invalid option\n' >&2 && exit 1 ;;
    esac
    ;;
  none) printf 'mksquashfs: Compressor is not supported!\n' >&2 && exit 1 ;;
  no-space)
    case "$*" in
      *env.sqfs*) printf 'Write failed because No space left on device\nFATAL ERROR: Failed to write to output filesystem\n' >&2 && exit 1 ;;
    esac
    ;;
  hangs)
    case "$*" in
      *env.sqfs*) echo $$ >"$STUB_PID" && exec sleep 1000 ;;
    esac
    ;;
esac
exec /usr/bin/mksquashfs "$@"
