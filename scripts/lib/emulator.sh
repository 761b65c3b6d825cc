# shellcheck shell=bash
# The emulated machine that a stock kernel runs in: Debian 13's QEMU, with
# virtiofsd, which shows this machine's files to the guest. The machine is of this
# machine's kind, or an arm64 one.
# Needs lib/common.sh and lib/debian.sh.
# shellcheck disable=SC2154 # set by lib/common.sh
# shellcheck disable=SC2034 # used by scripts/guest
# shellcheck disable=SC2054 # QEMU's words have commas in them

# Raise this when what is kept for the emulator changes.
readonly emulator_format=1
readonly emulator_suite=trixie

# What differs between the machines.
declare -rA emulator_packages=([x86_64]=qemu-system-x86 [aarch64]=qemu-system-arm)

# emulator_fetch KIND: for a machine of the kind x86_64 or aarch64, sets emulator_kind, and emulator_dir to
# a folder with the emulator; downloads it first, once.
emulator_fetch() {
  emulator_kind=$1
  emulator_dir=$cache/emulator.v$emulator_format
  [[ $1 == x86_64 ]] || emulator_dir=$cache/emulator-$1.v$emulator_format
  [[ -e $emulator_dir ]] || exclusive "${emulator_dir%.v*}.lock" emulator_build
}

# emulator_program DIR NAME: sets program to the words that run it. It comes with
# its own suite's libc and libraries, which this machine's may be older than.
emulator_program() {
  program=("$1/lib/ld-linux-x86-64.so.2" --library-path "$1/lib" "$1/$2")
}

emulator_build() {
  local new deb name library program qemu=qemu-system-$emulator_kind
  [[ ! -e $emulator_dir ]] || return 0 # somebody was quicker
  say "downloading the emulator (QEMU of Debian $emulator_suite, about 40 MB, once)"
  debian_new "$emulator_suite"
  # zstd is what the kernel is packed with.
  debian_apt "$new/apt" "the emulator's packages" --yes --no-install-recommends --download-only \
    install "${emulator_packages[$emulator_kind]}" virtiofsd zstd
  mkdir -p "$new/tree" "$new/all/lib" "$new/emulator/lib"
  for deb in "$new"/apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$new/tree" --keep-directory-symlink --exclude=./usr/share/doc
  done
  find "$new/tree" \( -type f -o -type l \) -path '*/lib/x86_64-linux-gnu/*.so*' \
    -not -path '*/x86_64-linux-gnu/*/*' -exec mv -t "$new/all/lib" {} +
  mv "$new/tree/usr/bin/$qemu" "$new/tree/usr/libexec/virtiofsd" "$new/tree/usr/bin/zstd" "$new/all"
  for name in "$qemu" virtiofsd zstd; do
    mv "$new/all/$name" "$new/emulator"
    emulator_program "$new/all" "../emulator/$name"
    # Of the libraries only those that they load: a third of all.
    for library in $("${program[@]:0:3}" --list "${program[3]}" | awk '$2 == "=>" && $1 !~ /\// { print $1 }'); do
      [[ -e $new/emulator/lib/$library ]] || cp -L "$new/all/lib/$library" "$new/emulator/lib"
    done
  done
  cp -L "$new/all/lib/ld-linux-x86-64.so.2" "$new/emulator/lib"
  find "$new/tree/usr/share/qemu" \( -name qboot.rom -o -name kvmvapic.bin \) -exec cp -t "$new/emulator" {} +
  # A firmware that says that it runs: exit status 3 at the port of QEMU's
  # isa-debug-exit. The first instruction is 16 bytes before the end.
  {
    head -c 65520 /dev/zero
    printf '\xb0\x01\xe6\xf4\xf4' # mov $1, %al; out %al, $0xf4; hlt
    head -c 11 /dev/zero
  } >"$new/emulator/probe.rom"
  mv -T "$new/emulator" "$emulator_dir"
}

# The machine, but for what it boots: no disk, no display, no network. Not a
# microvm, which boots faster: it has but one clock to measure the others by, and
# fails on a busy host. The arm64 one signs pointers by a cheaper sum than the standard's.
emulator_common=(-nodefaults -no-user-config -no-reboot -display none -smp 2)
emulator_machine=("${emulator_common[@]}" -machine q35,hpet=on -cpu max)
emulator_machine_aarch64=("${emulator_common[@]}" -machine virt,gic-version=3 -cpu max,pauth-impdef=on)

# emulator_accelerator: sets accelerator to the words for QEMU: the processor's
# own virtualisation where it works, else translated code. Whether it does is
# seen only when something runs: some machines have a /dev/kvm that cannot, and
# some one that runs a few instructions and no kernel. The answer is kept until
# the machine is started again.
emulator_accelerator() {
  local verdict
  accelerator=(-accel tcg,thread=multi)
  [[ $emulator_kind == x86_64 && ${V4L2_CUSE_KVM:-} != no && -c /dev/kvm ]] || return 0
  verdict=$emulator_dir/kvm-$(</proc/sys/kernel/random/boot_id)
  if [[ ! -e $verdict ]]; then
    if emulator_kvm_boots; then echo yes; else echo no; fi >"$verdict.$$"
    mv -- "$verdict.$$" "$verdict"
  fi
  [[ $(<"$verdict") == no ]] || accelerator=(-accel kvm)
}

# emulator_kvm_boots: first the probe, whose end has the status 3; then the kernel
# itself, which finds no root, panics, and so ends QEMU with 0.
emulator_kvm_boots() {
  local program status=0
  emulator_program "$emulator_dir" qemu-system-x86_64
  program+=(-L "$emulator_dir" "${emulator_machine[@]}" -accel kvm)
  # In shells of their own, lest this one tell that QEMU aborted.
  (
    ulimit -c 0
    timeout 5 "${program[@]}" -m 64M -bios "$emulator_dir/probe.rom" -device isa-debug-exit,iobase=0xf4,iosize=4
    exit "$?"
  ) </dev/null >/dev/null 2>&1 || status=$?
  ((status == 3)) || return 1
  (
    ulimit -c 0
    timeout 30 "${program[@]}" -m 512M -bios "$emulator_dir/qboot.rom" -kernel "$kernel_dir/linux" \
      -append "quiet panic=-1"
    exit "$?"
  ) </dev/null >/dev/null 2>&1
}

# emulator_script: what runs in the guest's process namespace, in its private
# folder: the servers of the file systems, then the machine. Its arguments are
# the folder that is the guest's root, the number of words of virtiofsd's command, these, and those of QEMU's.
# shellcheck disable=SC2016
readonly emulator_script='
  root=$1 words=$2
  shift 2
  server=("${@:1:words}")
  shift "$words"
  # The system is read much and changed by nobody meanwhile; the folders that
  # are shared may be.
  "${server[@]}" --shared-dir "$root" --cache always --socket-path root.socket &
  "${server[@]}" --shared-dir / --cache auto --socket-path host.socket &
  until [[ -S root.socket && -S host.socket ]]; do
    # Both end by themselves when the machine does; before that, not.
    (($(jobs -pr | wc -l) == 2)) || exit
    sleep 0.01
  done
  "$@"'

# emulator_command DIR MEM ROOT: sets emulator to the command that boots the kernel of
# kernel_dir, with DIR/init as process 1, after emulator_accelerator. ROOT is what it boots
# on: / is this machine's files; another one is a tree for its own processor. It wants to be started in DIR.
emulator_command() {
  local dir=$1 mem=$2 root=$3 program server board=("${emulator_machine[@]}")
  local boot="root=root rootfstype=virtiofs rw quiet panic=-1"
  emulator_program "$emulator_dir" virtiofsd
  # Without --inode-file-handles it keeps open each file that the guest has seen.
  server=("${program[@]}" --sandbox none --seccomp none --no-announce-submounts
    --inode-file-handles=prefer --modcaps=+dac_read_search --log-level error)
  emulator_program "$emulator_dir" "qemu-system-$emulator_kind"
  program+=(-L "$emulator_dir")
  if [[ $emulator_kind == x86_64 ]]; then
    boot+=" console=ttyS0"
    # What only costs time where nothing runs beside it: guards against other users
    # of the processor. And its clock needs no second opinion.
    [[ ${accelerator[1]} == kvm ]] || boot+=" mitigations=off tsc=reliable no_timer_check"
    program+=(-bios "$emulator_dir/qboot.rom")
  else
    board=("${emulator_machine_aarch64[@]}")
    boot+=" console=ttyAMA0 mitigations=off"
  fi
  if [[ $root == / ]]; then
    boot+=" init=$dir/init"
  else
    # The private folder is not in the tree, but in the other file system. The kernel hands on what stands after --.
    boot+=" init=/bin/bash -- -c \"mount -t virtiofs host /mnt && exec /mnt$dir/init\""
  fi
  emulator=(
    bash -c "$emulator_script" emulator "$root" "${#server[@]}" "${server[@]}"
    "${program[@]}" "${board[@]}" "${accelerator[@]}"
    # Memory that virtiofsd sees, too.
    -m "$mem" -object "memory-backend-memfd,id=mem,size=$mem,share=on" -machine memory-backend=mem
    -kernel "$kernel_dir/linux" -append "$boot"
    -chardev file,id=console,path=console,append=on -serial chardev:console
    -chardev socket,id=root,path=root.socket -device vhost-user-fs-pci,chardev=root,tag=root
    -chardev socket,id=host,path=host.socket -device vhost-user-fs-pci,chardev=host,tag=host
    -device virtio-serial-pci
    -chardev file,id=stdout,path=stdout -device virtserialport,chardev=stdout,name=stdout
    -chardev file,id=stderr,path=stderr -device virtserialport,chardev=stderr,name=stderr
  )
}
