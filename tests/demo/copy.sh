# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154  # set by guest
#
# The demo's application: it copies files, unaware of userblk. Sourced by guest.

# How many copies are kept; a fast machine makes more, and removes the oldest.
copies_kept=3

# How many writers run in parallel, and how many files each copies before a sync.
writers=3
chunk=20

# The files to copy, on a file system in the guest.
stage_source() {
  mkdir -p "$state/source"
  tar -C "$state/source" -xpf "$USERBLK_VM_SHARE/source.tar" || fail "cannot unpack the files to copy"
  make_chunks
}

make_chunks() {
  mkdir -p "$state/chunks"
  split -t '\0' -l "$chunk" -a 4 "$USERBLK_VM_SHARE/files" "$state/chunks/"
}

# Copies the files named in $1 to the folder $2, through the archive $3, and returns once
# they are on the device.
write_chunk() {
  tar -C "$state/source" --null --no-recursion -T "$1" -cf "$3" &&
    tar -C "$2" -xpf "$3" &&
    sync -f "$2"
}

# Each writer takes the next list of files that no other writer has taken.
write_chunks() {
  local list pack
  pack=$state/pack-$BASHPID
  for list in "$state"/chunks/*; do
    mkdir "$state/copying/${list##*/}" 2>/dev/null || continue
    write_chunk "$list" "$1" "$pack" || { tell "cannot copy ${list##*/}: status $?"; return 1; }
    mkdir "$state/copied/${list##*/}"
  done
}

# Creates all folders before anybody copies: if several tars unpack into a missing
# folder, one may fail because another creates it at that moment.
make_folders() {
  (cd "$state/source" && find . -mindepth 1 -type d -print0) | (cd "$1" && xargs -0 -r mkdir -p --)
}

# One copy of all files into the folder $1.
copy_once() {
  local writer pids=()
  rm -rf "$1" "$state/copying" "$state/copied"
  mkdir "$1" "$state/copying" "$state/copied" || return
  make_folders "$1" || return
  for ((writer = 0; writer < writers; writer++)); do
    write_chunks "$1" &
    pids+=($!)
  done
  for writer in "${pids[@]}"; do
    wait "$writer" || { tell "writer $writer exited with status $?"; return 1; }
  done
}

copy_until_enough() {
  local copies=0
  echo 0 >"$state/copies"
  until [[ -e $state/enough ]]; do
    copy_once "$mount_point/copy-$((copies % copies_kept))" || {
      touch "$state/copy-failed"
      return 1
    }
    copies=$((copies + 1))
    echo "$copies" >"$state/copies"
  done
}

show_progress() {
  local chunks files
  while sleep 3; do
    [[ ! -e $state/failed && -e $state/copying ]] || break
    chunks=("$state"/copied/*)
    files=$((${#chunks[@]} * chunk))
    ((files <= total)) || files=$total
    tell "copy $(($(<"$state/copies") + 1)): $files of $total files; requests answered so far: $(attribute completed)"
  done
}

# Compares every copy with the host's description of its files; sets copies.
compare_copies() {
  local loop folder
  umount "${store%/*}"
  mount /dev/vda "${store%/*}"
  modprobe -q loop || true
  loop=$(losetup --find --show --read-only "$store")
  mount -o ro "$loop" "$mount_point"
  copies=0
  for folder in "$mount_point"/copy-*; do
    (cd "$folder" && "$here/describe" "$USERBLK_VM_SHARE/files") >"$state/result"
    if ! diff "$USERBLK_VM_SHARE/source" "$state/result" >"$state/differences"; then
      head -n 20 "$state/differences" | detail
      fail "${folder##*/} differs"
    fi
    copies=$((copies + 1))
    tell "${folder##*/}: $total files, all equal"
  done
  umount "$mount_point"
  losetup -d "$loop"
  [[ $copies -gt 0 ]] || fail "there is no copy"
}
