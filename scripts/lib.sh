# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the scripts share: messages, where things are, packages. To be sourced.

# The folder of the working tree, wherever the caller stands.
# shellcheck disable=SC2034  # for those who source this
USERBLK_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# What may be fetched or computed again: kernel images, the small initramfs, the
# answer whether KVM works.
# shellcheck disable=SC2034  # for those who source this
USERBLK_CACHE=${USERBLK_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/userblk}

# Where an ordinary user's path does not lead, but kernel and disk tools are.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# What is needed, as Debian packages. Headers of kernels ask for more (see scripts/kernel).
# shellcheck disable=SC2034  # for those who source this
{
  build_packages=(cmake g++ make libpoco-dev libcli11-dev libgtest-dev libmount-dev
    libsmartcols-dev zlib1g-dev)
  module_packages=(gcc kmod make xz-utils)
  check_packages=(perl python3 sparse)
  model_packages=(gcc libc6-dev spin)
  kernel_packages=(bc binutils bison flex gcc kmod libc6-dev libelf-dev make perl xz-utils)
  vm_packages=(qemu-system-x86 busybox-static cpio kmod udev util-linux)
  disk_packages=(e2fsprogs mount procps util-linux)
  bench_packages=(fio liburing-dev nbd-client nbdkit pkg-config python3 python3-matplotlib)
  analysis_packages=(clang-tidy cppcheck liburing-dev pkg-config)
  # An installed copy is built against as others would, with a second compiler where there is one.
  consumer_packages=(cmake g++ make pkg-config)
  second_compiler_packages=(clang)
  fuzz_packages=(clang libclang-rt-dev)
  # Whose programs look at all disks, by themselves or out of udev's rules. They are unpacked for
  # the guest, not installed: see tests/vm/disk-tools.
  disk_tool_packages=(bcache-tools btrfs-progs lvm2 mdadm multipath-tools udisks2)
  # What builds Debian packages, and finds fault with them.
  packaging_packages=(build-essential cmake debhelper dh-dkms libcli11-dev libmount-dev libnbd-dev
    libpoco-dev libsmartcols-dev lintian zlib1g-dev)
  test_packages=("${disk_packages[@]}" ccache dkms dmsetup fdisk fio fish gdisk
    libnbd-dev nbdkit parted pkg-config python3 systemd xfsprogs zsh)
}

# Messages go to standard error: standard output belongs to results.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# Wrong use, as against failure: status 2.
die_usage() { say "$* (see --help)"; exit 2; }

# The leading comment of a script is its help text, so that they cannot disagree.
show_help() { sed -n '4,${/^#/!q; s/^# \{0,1\}//p}' "$0"; }

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    die "wants to be root, or sudo, for: $*"
  fi
}

package_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# One apt at a time among our own scripts, and patience with anybody else's.
apt_exclusive() {
  mkdir -p "$USERBLK_CACHE"
  (
    flock 9
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" 9>&- >/dev/null
  ) 9>"$USERBLK_CACHE/apt.lock"
}

# Others may hold the lock of the lists, for which apt itself does not wait.
apt_update() {
  local try
  for try in 1 2 3 4 5 6; do
    apt_exclusive update && return
    sleep $((2 * try))
  done
  return 1
}

# The release of Debian that this host runs, by its name.
host_suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# with_lists SUITE COMMAND…: apt-get or apt-cache with the package lists of SUITE or, if that is
# empty, with the host's own.
with_lists() {
  if [[ -z $1 ]]; then
    LC_ALL=C "${@:2}"
  else
    LC_ALL=C "$USERBLK_ROOT/scripts/debian-root" --apt "$@"
  fi
}

# update_lists SUITE: fetches the lists of with_lists anew.
update_lists() {
  if [[ -z $1 ]]; then apt_update; else with_lists "$1" apt-get -qq update >&2; fi
}

# Those of the packages named that are not installed, one a line.
missing_packages() {
  local name
  for name; do
    package_installed "$name" || echo "$name"
  done | sort -u
}

# need_packages NAME...: install what is missing, and say so; nothing when all are there.
need_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  say "installing packages: ${missing[*]}"
  install_packages "${missing[@]}" || die "unable to install: ${missing[*]}"
}

# announce_packages NAME...: say what need_packages would install.
announce_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [[ ${#missing[@]} -eq 0 ]]; then
    say "all Debian packages that this needs are installed"
  else
    say "Debian packages to be installed, with what they depend on: ${missing[*]}"
  fi
}

# The package lists of a fresh machine are empty, those of an old one name what is gone.
install_packages() {
  apt_exclusive install -y --no-install-recommends "$@" 2>/dev/null && return
  apt_update && apt_exclusive install -y --no-install-recommends "$@"
}

# Ends the script unless scripts/kernel knows all the kernels named.
require_kernels() {
  local known kernel
  known=$("$USERBLK_ROOT/scripts/kernel" list)
  for kernel; do
    grep -Fx -- "$kernel" <<<"$known" >/dev/null ||
      die_usage "unknown kernel '$kernel'; known: $(paste -sd' ' <<<"$known")"
  done
}

# build_tree NAME TARGET… -- DEFINITION…: builds targets of user space in build/NAME/, with
# what finds mistakes as they run: little optimisation, and the lines of the source.
build_tree() {
  local build=$USERBLK_ROOT/build/$1 flags="-O1 -g1" targets=()
  shift
  while [[ $1 != -- ]]; do targets+=(--target "$1"); shift; done
  shift
  mkdir -p "$build"
  cmake -S "$USERBLK_ROOT" -B "$build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="$flags" \
    -DCMAKE_C_FLAGS_DEBUG="$flags" "$@" >"$build/configure.log" 2>&1 ||
    { cat "$build/configure.log" >&2; return 1; }
  cmake --build "$build" --parallel "$(nproc)" "${targets[@]}" >&2
}
