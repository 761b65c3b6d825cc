# shellcheck shell=bash
# The guest's kernels: Debian's User-Mode Linux, a kernel that is a program.
# Needs lib/common.sh and lib/debian.sh.
# shellcheck disable=SC2154 # set by lib/common.sh

# Raise this when what is kept for a kernel changes.
readonly kernel_format=1

declare -rA kernel_suite=([6.1]=bookworm [6.12]=trixie [7.2]=forky)

# kernel_fetch LABEL: sets kernel_dir to a folder with linux, modules/ and
# release; downloads it first, once.
kernel_fetch() {
  local label=$1
  [[ -n ${kernel_suite[$label]:-} ]] ||
    die "There is no guest kernel $label. The choices are 6.1, 6.12 and 7.2."
  [[ $(uname -m) == x86_64 ]] ||
    die "The guest's kernel exists for x86-64 only. On this machine, use a kernel that has CUSE itself."
  kernel_dir=$cache/kernel-$label.v$kernel_format
  [[ -e $kernel_dir ]] || exclusive "$cache/kernel-$label.lock" kernel_build "$label"
}

kernel_build() {
  local label=$1 suite=${kernel_suite[$1]} new lib
  [[ ! -e $kernel_dir ]] || return 0 # somebody was quicker
  say "downloading the guest kernel $label (Debian $suite, about 50 MB, once)"
  new=$(mktemp -d "$cache/new.XXXXXX")
  chmod 755 "$new" # apt gives up root for downloads
  # shellcheck disable=SC2064
  trap "rm -rf -- '$new'" EXIT
  debian_apt_init "$new/apt" "$suite"
  # The kernel runs on its own suite's libc, which this machine's may be older
  # than; patchelf, with its libraries, is only needed to tell it so.
  debian_download "$new/apt" user-mode-linux libc6 patchelf libstdc++6 libgcc-s1
  mkdir -p "$new/tree" "$new/kernel/lib" "$new/kernel/modules"
  local deb
  for deb in "$new"/apt/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$new/tree" --exclude=./usr/share
  done
  find "$new/tree" \( -type f -o -type l \) -path '*/lib/x86_64-linux-gnu/*.so*' \
    -not -path '*/gconv/*' -exec mv -t "$new/kernel/lib" {} +
  lib=$new/kernel/lib
  mv "$new/tree/usr/bin/linux.uml" "$new/kernel/linux"
  "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$new/tree/usr/bin/patchelf" \
    --set-interpreter "$kernel_dir/lib/ld-linux-x86-64.so.2" \
    --set-rpath "$kernel_dir/lib" "$new/kernel/linux"
  local module found
  for module in fuse cuse overlay; do
    found=$(find "$new/tree/usr/lib/uml/modules" -name "$module.ko*")
    case $found in
      *.ko) cp "$found" "$new/kernel/modules/$module.ko" ;;
      *.ko.xz) xz -dc "$found" >"$new/kernel/modules/$module.ko" ;;
      *.ko.zst) zstd -dc "$found" >"$new/kernel/modules/$module.ko" ;;
      *) die "Debian $suite's user-mode-linux package has no module $module any more." ;;
    esac
  done
  basename "$new"/tree/usr/lib/uml/modules/* >"$new/kernel/release"
  case $(<"$new/kernel/release") in
    "$label".*) ;;
    *) say "Debian $suite has kernel $(<"$new/kernel/release") by now; that is what runs as $label" ;;
  esac
  # In place at once or not at all.
  mv -T "$new/kernel" "$kernel_dir"
  rm -rf -- "$new"
  trap - EXIT
}
