# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # set and used by guest
#
# The demo's device: its store, its life, its workers. Sourced by guest.

store=/store/backing.img

# Each request takes as long as on a rotating disk, so that at most moments workers hold
# some.
latency=20ms

# A file system on a disk of the virtual machine: acknowledged data are in the page
# cache, as on any machine.
make_store() {
  mkfs.ext4 -q /dev/vda
  mkdir -p "${store%/*}"
  mount /dev/vda "${store%/*}"
  truncate -s "${DEMO_DEVICE_MB}M" "$store"
}

# Sets device and attributes.
create_device() {
  tell "userblkctl create --size ${DEMO_DEVICE_MB}M --name demo"
  device=$(userblkctl create --size "${DEMO_DEVICE_MB}M" --name demo) || fail "create"
  attributes=/sys/block/${device##*/}/userblk
}

# A number from the kernel about the device; starts no process.
attribute() {
  local value
  read -r value <"$attributes/$1"
  echo "$value"
}

serve() {
  tell "userblkctl serve $device delay=$latency,file:$store --workers $DEMO_WORKERS --detach"
  userblkctl serve "$device" "delay=$latency,file:$store" --workers "$DEMO_WORKERS" --detach \
    </dev/null >>"$state/serve.log" 2>&1 || fail "serve"
}

# The PID of the supervisor, which announces itself as NUMBER.PID.
supervisor() {
  local file
  for file in /run/userblk/"${device##*/userblk}".*; do
    [[ -e /proc/${file##*.} ]] || continue
    echo "${file##*.}"
    return
  done
}

remove_device() {
  local pid try
  pid=$(supervisor)
  kill "$pid"
  for ((try = 0; try < 300; try++)); do
    [[ -e /proc/$pid ]] || break
    sleep 0.1
  done
  [[ ! -e /proc/$pid ]] || fail "the supervisor does not exit"
  userblkctl remove "$device" || fail "remove"
  rmmod userblk || fail "rmmod"
}
