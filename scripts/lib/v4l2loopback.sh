# shellcheck shell=bash
# The kernel module v4l2loopback, to be measured beside: Debian 13's v4l2loopback-dkms, built for the guest kernels
# debian-13 and 6.12 in the Debian 13 tree.
# Needs lib/common.sh, lib/debian.sh, lib/emulator.sh, lib/kernel.sh and lib/tree.sh.
# shellcheck disable=SC2154 # set by lib/common.sh and lib/kernel.sh

# v4l2loopback_fetch LABEL: sets v4l2loopback to the files of modules to load, in this order, the last of which is it; builds
# them first, once for each release of the kernel.
v4l2loopback_fetch() {
  if [[ $1 == 6.12 ]]; then
    v4l2loopback_fetch_uml
    return
  fi
  kernel_fetch debian-13
  v4l2loopback=$cache/v4l2loopback-$(<"$kernel_dir/release").ko
  [[ -e $v4l2loopback ]] || exclusive "$cache/v4l2loopback.lock" v4l2loopback_build
}

v4l2loopback_build() {
  local release new
  [[ ! -e $v4l2loopback ]] || return 0 # somebody was quicker
  release=$(<"$kernel_dir/release")
  say "building v4l2loopback for Linux $release (about 12 MB to download, once)"
  debian_new trixie
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
}

# User-Mode Linux comes without videodev, and without headers to build modules by.
v4l2loopback_fetch_uml() {
  kernel_fetch 6.12
  v4l2loopback_dir=$cache/v4l2loopback-uml-$(<"$kernel_dir/release")
  [[ -e $v4l2loopback_dir ]] || exclusive "$cache/v4l2loopback-uml.lock" v4l2loopback_build_uml
  v4l2loopback=("$v4l2loopback_dir"/{i2c-core,mc,videodev,v4l2loopback}.ko)
}

v4l2loopback_build_uml() {
  local release new uri file hash
  [[ ! -e $v4l2loopback_dir ]] || return 0 # somebody was quicker
  release=$(<"$kernel_dir/release")
  say "building videodev and v4l2loopback for User-Mode Linux $release (about 160 MB to download, once)"
  debian_new trixie
  debian_download "$new/apt" linux-source-6.12 v4l2loopback-dkms flex bison m4 bc libsigsegv2 xz-utils
  # Its configuration is in the source package only.
  sed -i -e 's/^Types: .*/Types: deb-src/' -e 's/^Targets: .*/Targets: Sources/' "$new/apt/debian.sources"
  debian_apt "$new/apt" "the list of Debian's source packages" update
  read -r uri file _ hash < <(apt-get -c "$new/apt/apt.conf" source --print-uris user-mode-linux 2>/dev/null |
    tr -d "'" | grep '\.tar\.[a-z]* ')
  (cd -- "$new" && /usr/lib/apt/apt-helper -q -c "$new/apt/apt.conf" download-file "$uri" "$file" "$hash") >"$new/log" 2>&1 ||
    die "Could not download Debian's source package user-mode-linux from $uri."
  tar -xf "$new/$file" -C "$new" --wildcards --strip-components=1 '*/config.amd64'
  # In a copy of the tree that is forgotten. The kernel itself is not built: its symbols are found when modules are loaded, which
  # asks for the same release and configuration. videodev asks for memory of devices only because its drivers do.
  # shellcheck disable=SC2016
  (
    cd -- "$new"
    "$repo/scripts/lib/with-fuse-nodes" --no-names --root trixie bash -euc '
      for deb in apt/debs/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C / --keep-directory-symlink; done
      ldconfig
      cp -r /usr/src/v4l2loopback-* module
      tar -xf /usr/src/linux-source-6.12.tar.xz
      cd linux-source-6.12
      IFS=. read -r _ _ sublevel <<<"$1"
      sed -i "s/^SUBLEVEL = .*/SUBLEVEL = $sublevel/" Makefile
      sed -i "/^menuconfig MEDIA_SUPPORT/,/^$/{/depends on HAS_IOMEM/d}" drivers/media/Kconfig
      cp ../config.amd64 .config
      scripts/config -m MEDIA_SUPPORT -e MEDIA_SUPPORT_FILTER -e MEDIA_CAMERA_SUPPORT -d MEDIA_PLATFORM_SUPPORT \
        -d MEDIA_USB_SUPPORT -d MEDIA_TEST_SUPPORT -d MEDIA_PCI_SUPPORT
      build=(make -j"$(nproc)" ARCH=um KBUILD_MODPOST_WARN=1)
      "${build[@]}" olddefconfig
      "${build[@]}" modules_prepare
      touch Module.symvers
      "${build[@]}" M=drivers/i2c modules
      "${build[@]}" M=drivers/media modules
      "${build[@]}" M="$PWD/../module" KBUILD_EXTRA_SYMBOLS="$PWD/drivers/media/Module.symvers" modules
      mkdir ../modules
      mv drivers/i2c/i2c-core.ko drivers/media/mc/mc.ko drivers/media/v4l2-core/videodev.ko ../module/v4l2loopback.ko \
        ../modules' bash "$release"
  ) >"$new/log" 2>&1 </dev/null || {
    tail -n 20 "$new/log" >&2
    die "v4l2loopback could not be built. Above is the end of what its build said."
  }
  mv -T "$new/modules" "$v4l2loopback_dir"
}
