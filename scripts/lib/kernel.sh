# shellcheck shell=bash
# The guest's kernels: Debian's User-Mode Linux, a kernel that is a program, and
# Debian 13's own, which needs a machine.
# Needs lib/common.sh, lib/debian.sh and lib/emulator.sh.
# shellcheck disable=SC2154 # set by lib/common.sh

# Raise this when what is kept for a kernel changes.
readonly kernel_format=1

declare -rA kernel_suite=([6.1]=bookworm [6.12]=trixie [7.2]=forky
  [debian-13]=trixie [debian-13-arm64]=trixie [debian-13-arm64-16k]=trixie)

# kernel_emulated LABEL: whether it runs in an emulated machine.
kernel_emulated() { [[ $1 == debian-* ]]; }

# kernel_foreign LABEL: whether programs of this machine do not run on it.
kernel_foreign() { [[ $1 == *-arm64* ]]; }

# kernel_fetch LABEL: sets kernel_dir to a folder with linux, modules/ and
# release; downloads it first, once. For a kernel that needs it, the emulator too.
kernel_fetch() {
  local label=$1 build=kernel_build
  [[ -n ${kernel_suite[$label]:-} ]] ||
    die "There is no guest kernel $label. The choices are 6.1, 6.12, 7.2," \
      "debian-13, debian-13-arm64 and debian-13-arm64-16k."
  [[ $(uname -m) == x86_64 ]] ||
    die "The guest's kernel exists for x86-64 only. On this machine, use a kernel that has CUSE itself."
  if kernel_emulated "$label"; then
    if kernel_foreign "$label"; then emulator_fetch aarch64; else emulator_fetch x86_64; fi
    build=kernel_build_stock
  fi
  kernel_dir=$cache/kernel-$label.v$kernel_format
  [[ -e $kernel_dir ]] || exclusive "$cache/kernel-$label.lock" "$build" "$label"
}

# kernel_lacks_state: whether this machine's processor has more registers than User-Mode
# Linux knows. Then kernel_state_library is to be preloaded into it: see uml-xstate.c.
kernel_lacks_state() {
  grep -qw amx_tile /proc/cpuinfo || return 1
  local source=$repo/scripts/lib/uml-xstate.c
  kernel_state_library=$cache/uml-xstate.$(sha256sum -- "$source" | head -c 12).so
  [[ -e $kernel_state_library ]] || exclusive "$cache/uml-xstate.lock" kernel_build_state "$source"
}

kernel_build_state() {
  local new
  [[ ! -e $kernel_state_library ]] || return 0 # somebody was quicker
  new=$(mktemp "$cache/new.XXXXXX")
  cc -O2 -Wall -Wextra -nostdlib -shared -fPIC -fvisibility=hidden -fno-builtin -o "$new" "$1" ||
    die "A library for the guest's kernel could not be built. Above is what the compiler said."
  chmod 644 "$new"
  mv -T "$new" "$kernel_state_library"
}

# kernel_modules NAME...: adds to module_files the files of these modules, each
# after those that it needs.
kernel_modules() {
  local name file
  for name; do
    file=$kernel_dir/modules/$name.ko
    [[ " ${module_files[*]} " != *" $file "* ]] || continue
    [[ -e $file ]] ||
      die "There is no module $name for this guest kernel. The choices are:" \
        "$(cd "$kernel_dir/modules" && echo *.ko | sed 's/\.ko\b//g')."
    # shellcheck disable=SC2046 # a word each
    kernel_modules $(kernel_needs "$kernel_dir/modules" "$name")
    module_files+=("$file")
  done
}

# kernel_needs DIR NAME: the modules that NAME needs itself.
kernel_needs() {
  tr '\0' '\n' <"$1/$2.ko" | sed -n 's/^depends=//p' | tr ',' '\n'
}

kernel_build() {
  local label=$1 suite=${kernel_suite[$1]} new lib
  [[ ! -e $kernel_dir ]] || return 0 # somebody was quicker
  say "downloading the guest kernel $label (Debian $suite, about 50 MB, once)"
  debian_new "$suite"
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
  local module
  for module in fuse cuse overlay; do
    kernel_take_module "$new/tree/usr/lib/uml/modules" "$module" "$new/kernel/modules"
  done
  basename "$new"/tree/usr/lib/uml/modules/* >"$new/kernel/release"
  case $(<"$new/kernel/release") in
    "$label".*) ;;
    *) say "Debian $suite has kernel $(<"$new/kernel/release") by now; that is what runs as $label" ;;
  esac
  # In place at once or not at all.
  mv -T "$new/kernel" "$kernel_dir"
}

# kernel_take_module FROM NAME TO: finds the module's file below FROM and leaves it
# in TO, unpacked.
kernel_take_module() {
  local found
  # File names may have a dash where the module's name has an underscore.
  found=$(find "$1" -name "${2//_/[-_]}.ko*")
  case $found in
    *.ko) cp "$found" "$3/$2.ko" ;;
    *.ko.xz) xz -dc "$found" >"$3/$2.ko" ;;
    *.ko.zst) zstd -dc "$found" >"$3/$2.ko" ;;
    *) die "Debian's kernel package has no module $2 any more." ;;
  esac
}

# Debian's stock kernel: the program that is packed in its vmlinuz, so that the
# guest need not unpack it at each start. That of arm64 is not packed.
kernel_build_stock() {
  local label=$1 suite=${kernel_suite[$1]} new package image architecture=amd64 meta=linux-image-amd64
  [[ ! -e $kernel_dir ]] || return 0 # somebody was quicker
  if kernel_foreign "$label"; then architecture=arm64 meta=linux-image-${label##debian-13-}; fi
  say "downloading the guest kernel $label (Debian $suite, about 110 MB, once)"
  debian_new "$suite" "$architecture"
  package=$(apt-cache -c "$new/apt/apt.conf" depends "$meta" | awk '/Depends: linux-image-/ { print $2; exit }')
  [[ -n $package ]] || die "Debian $suite has no package $meta any more."
  debian_download "$new/apt" "$package"
  mkdir -p "$new/tree" "$new/kernel/modules"
  dpkg-deb --fsys-tarfile "$new"/apt/debs/*.deb | tar -x -C "$new/tree"

  image=$(find "$new/tree/boot" -name 'vmlinuz-*')
  if [[ $architecture == arm64 ]]; then
    # "Booting AArch64 Linux": the magic number of an Image.
    [[ $(od -An -c -j 56 -N 4 "$image" | tr -d ' ') == 'ARMd' ]] ||
      die "The kernel in Debian's package $package is packed by now."
    mv "$image" "$new/kernel/linux"
  else
    kernel_unpack "$image" >"$new/kernel/linux" ||
      die "The kernel in Debian's package $package is not packed with zstd any more."
  fi

  local module wanted=(cuse overlay vivid) taken=' '
  while ((${#wanted[@]})); do
    module=${wanted[0]}
    wanted=("${wanted[@]:1}")
    [[ $taken != *" $module "* ]] || continue
    taken+="$module "
    kernel_take_module "$new/tree/usr/lib/modules" "$module" "$new/kernel/modules"
    # shellcheck disable=SC2207 # a word each
    wanted+=($(kernel_needs "$new/kernel/modules" "$module"))
  done
  basename "$new"/tree/usr/lib/modules/* >"$new/kernel/release"
  mv -T "$new/kernel" "$kernel_dir"
}

# kernel_unpack IMAGE: the packed program in a vmlinuz for x86-64, on stdout. Where it is: see "The Linux/x86 Boot
# Protocol". Its last four bytes are its length.
kernel_unpack() {
  local image=$1 size program
  number() { od -An -v -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '; }
  size=$(($(number 0x24c 4) - 4))
  emulator_program "$emulator_dir" zstd
  head -c $((($(number 0x1f1 1) + 1) * 512 + $(number 0x248 4) + size)) "$image" | tail -c "$size" | "${program[@]}" -dc
}
