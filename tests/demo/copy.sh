# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154  # what guest sets
#
# The demo's application: it copies, and knows nothing of userblk. To be sourced by guest.

# So many copies stay; a machine that is faster makes more, and removes the oldest.
copies_kept=3

# So many copy at the same time, each so many files and then a sync.
writers=3
chunk=20

make_chunks() {
  mkdir -p "$state/chunks"
  split -t '\0' -l "$chunk" -a 4 "$USERBLK_VM_SHARE/files" "$state/chunks/"
}

# Packs the files named in $1 as $2. The host's files come over 9p, which now and then does
# not find one that is there; that is not what is shown here, so it is asked again.
pack_chunk() {
  local try
  for ((try = 0; try < 5; try++)); do
    tar -C / --null --no-recursion -T "$1" -cf "$2" && return
    sleep 0.2
  done
  return 1
}

# Every writer takes the next list of files that nobody has taken.
write_chunks() {
  local list pack=$state/pack-$BASHPID
  for list in "$state"/chunks/*; do
    mkdir "$state/copying/${list##*/}" 2>/dev/null || continue
    pack_chunk "$list" "$pack" || return
    tar -C "$1" -xpf "$pack" || return
    sync -f "$1" || return
    mkdir "$state/copied/${list##*/}"
  done
}

# One copy of all files into the folder $1.
copy_once() {
  local writer pids=()
  rm -rf "$1" "$state/copying" "$state/copied"
  mkdir "$1" "$state/copying" "$state/copied" || return
  for ((writer = 0; writer < writers; writer++)); do
    write_chunks "$1" &
    pids+=($!)
  done
  for writer in "${pids[@]}"; do
    wait "$writer" || return
  done
}

copy_until_enough() {
  local copies=0
  make_chunks
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

# Compares every copy with what the host told of its files; sets copies.
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
