# shellcheck shell=bash
# The kernel module v4l2loopback, to be measured beside: Debian 13's v4l2loopback-dkms, built for the guest kernel
# debian-13 in the Debian 13 tree.
# Needs lib/common.sh, lib/debian.sh, lib/emulator.sh, lib/kernel.sh and lib/tree.sh.
# shellcheck disable=SC2154 # set by lib/common.sh and lib/kernel.sh

# v4l2loopback_fetch: sets v4l2loopback to the module's file; builds it first, once for each release of the kernel.
v4l2loopback_fetch() {
  kernel_fetch debian-13
  v4l2loopback=$cache/v4l2loopback-$(<"$kernel_dir/release").ko
  [[ -e $v4l2loopback ]] || exclusive "$cache/v4l2loopback.lock" v4l2loopback_build
}

v4l2loopback_build() {
  local release new
  [[ ! -e $v4l2loopback ]] || return 0 # somebody was quicker
  release=$(<"$kernel_dir/release")
  say "building v4l2loopback for Linux $release (about 12 MB to download, once)"
  new=$(mktemp -d "$cache/new.XXXXXX")
  chmod 755 "$new" # apt gives up root for downloads
  # shellcheck disable=SC2064
  trap "rm -rf -- '$new'" EXIT
  debian_apt_init "$new/apt" trixie
  debian_download "$new/apt" v4l2loopback-dkms "linux-headers-$release" "linux-headers-${release%-*}-common" \
    "linux-kbuild-${release%-*}"
  # The packages are put into a copy of the tree that is forgotten: their paths are absolute.
  # shellcheck disable=SC2016
  (
    cd -- "$new"
    "$repo/scripts/lib/with-fuse-nodes" --no-names --root trixie bash -euc '
      for deb in apt/debs/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C / --keep-directory-symlink; done
      cp -r /usr/src/v4l2loopback-* module
      make -C "/usr/src/linux-headers-$1" M="$PWD/module" CC=gcc CONFIG_DEBUG_INFO_BTF_MODULES= modules' bash "$release"
  ) >"$new/log" 2>&1 </dev/null || {
    tail -n 20 "$new/log" >&2
    die "v4l2loopback could not be built. Above is the end of what its build said."
  }
  mv -T "$new/module/v4l2loopback.ko" "$v4l2loopback"
  rm -rf -- "$new"
  trap - EXIT
}
