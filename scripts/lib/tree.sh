# shellcheck shell=bash
# A Debian 13 (trixie) file system for the guest, with the clients that the tests
# run: v4l-utils 1.30, ffmpeg 7, GStreamer 1.26.
# Needs lib/common.sh and lib/debian.sh.
# shellcheck disable=SC2154 # set by lib/common.sh

readonly tree_suite=trixie
readonly tree_packages=(
  v4l-utils libv4l-0t64
  ffmpeg
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-bad gstreamer1.0-libav
  nodejs python3-minimal
  gcc g++ libc6-dev make
  libavcodec-dev libdav1d-dev
  libswscale-dev libturbojpeg0-dev libpng-dev
  ca-certificates strace gdb procps iproute2 kmod udev busybox-static
)
# Of arm64 what its clients and drivers need: each file is read through an emulated processor.
readonly tree_packages_arm64=(
  nodejs v4l-utils libv4l-0t64
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  procps strace
  libavcodec61 libdav1d7 libswscale8 libturbojpeg0 libpng16-16t64
)
# Raise this when a tree of the same packages is made in another way.
readonly tree_format=1

# tree_fetch: sets tree_dir to the tree's folder; makes it first, once for each
# list of packages.
tree_fetch() {
  local id
  id=$(printf '%s\n' "$tree_format" "${tree_packages[@]}" | sha256sum)
  tree_dir=$cache/tree-$tree_suite.${id:0:12}
  [[ -e $tree_dir ]] || exclusive "$cache/tree-$tree_suite.lock" tree_build
  touch "$tree_dir"
}

# tree_fetch_arm64: the same, for arm64.
tree_fetch_arm64() {
  local id
  id=$(printf '%s\n' "$tree_format" "${tree_packages_arm64[@]}" | sha256sum)
  tree_dir=$cache/tree-$tree_suite-arm64.${id:0:12}
  [[ -e $tree_dir ]] || exclusive "$cache/tree-$tree_suite-arm64.lock" tree_build_arm64
  touch "$tree_dir"
}

tree_build() {
  local new started=$SECONDS
  [[ ! -e $tree_dir ]] || return 0 # somebody was quicker
  say "making a Debian $tree_suite file system for the guest (about 500 MB to download, once)"
  debian_new "$tree_suite"
  mkdir -p "$new/apt/essential/partial"
  # Two downloads, because what is essential has to be set up first.
  debian_apt "$new/apt" "Debian's essential packages" --yes --no-install-recommends --download-only \
    -o "Dir::Cache::archives=$new/apt/essential" install '?essential'
  debian_apt "$new/apt" "the packages for the guest's file system" --yes --no-install-recommends --download-only \
    install '?essential' "${tree_packages[@]}"
  mkdir "$new/tree"
  tree_unpack "$new/tree" "$new"/apt/essential/{base-files,[!b]*,b*}_*.deb
  mkdir -p "$new/tree/packages"
  mv "$new/apt/essential" "$new/apt/cache/archives" "$new/tree/packages"
  printf '#!/bin/sh\nexit 101\n' >"$new/tree/usr/sbin/policy-rc.d" # no daemons
  chmod 755 "$new/tree/usr/sbin/policy-rc.d"
  # A mount namespace, so that nothing stays mounted if this is interrupted.
  unshare --mount --pid --fork --kill-child=KILL true 2>"$new/log" </dev/null || {
    cat "$new/log" >&2
    die "The Debian $tree_suite file system needs namespaces of its own (mount, pid), which are not permitted here." \
      "In a container: start it with --cap-add SYS_ADMIN. Else: run this as root."
  }
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child=KILL bash -euc '
    cd "$1"
    mount --bind /dev dev
    mount -t proc proc proc
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
    chroot . sh -euc "
      dpkg --force-depends --force-unsafe-io --install /packages/essential/*.deb
      dpkg --force-depends --force-unsafe-io --unpack /packages/archives/*.deb
      dpkg --configure --pending
      dpkg --audit"
  ' bash "$new/tree" >"$new/log" 2>&1 </dev/null || {
    tail -n 20 "$new/log" >&2
    die "The Debian $tree_suite file system could not be set up. Above is the end of what mount, chroot and dpkg said."
  }
  rm -rf "$new/tree/packages"
  mv -T "$new/tree" "$tree_dir"
  say "made it in $((SECONDS - started)) seconds"
  tree_forget "tree-$tree_suite"
}

# tree_unpack TREE DEB...: base-files has to be the first: it has the links /bin, /lib and so on.
tree_unpack() {
  local tree=$1 deb
  shift
  for deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -p -C "$tree" --keep-directory-symlink
  done
}

# tree_forget NAME: removes trees for other lists of packages, when nothing has used them for a month.
tree_forget() {
  find "$cache" -maxdepth 1 -name "$1.*" -type d -mtime +30 -exec rm -rf -- {} +
}

# Its packages are unpacked only: their scripts do not run on this processor. What these would have done, and somebody
# misses, is done here.
tree_build_arm64() {
  local new started=$SECONDS
  [[ ! -e $tree_dir ]] || return 0 # somebody was quicker
  say "making a Debian $tree_suite file system for an arm64 guest (about 200 MB to download, once)"
  debian_new "$tree_suite" arm64
  debian_apt "$new/apt" "the packages for the guest's file system" --yes --no-install-recommends --download-only \
    install '?essential' "${tree_packages_arm64[@]}"
  mkdir "$new/tree"
  tree_unpack "$new/tree" "$new"/apt/cache/archives/{base-files,[!b]*,b*}_*.deb
  rm -rf "$new"/tree/usr/share/{doc,man,locale}
  cp "$new/tree/usr/share/base-passwd/passwd.master" "$new/tree/etc/passwd"
  cp "$new/tree/usr/share/base-passwd/group.master" "$new/tree/etc/group"
  ln -s mawk "$new/tree/usr/bin/awk"
  mkdir -p "$new"/tree/{home,media,mnt,opt,srv}
  touch "$new/tree" # or it is as old as its packages, and forgotten
  mv -T "$new/tree" "$tree_dir"
  say "made it in $((SECONDS - started)) seconds"
  tree_forget "tree-$tree_suite-arm64"
}
