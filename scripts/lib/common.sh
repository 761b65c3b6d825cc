# shellcheck shell=bash
# What every script here shares: messages, where things are kept, and on which
# kernel a command runs. Source it; it runs nothing.
# Needs bash 5.1 (Debian 11, Ubuntu 22.04) for `wait -n -p`.
# shellcheck disable=SC2034 # used by who sources it

repo=$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
readonly repo

# Downloads live outside the checkout, so that a fresh clone finds them again.
cache=$(realpath -m -- "${V4L2_CUSE_CACHE:-/var/cache/v4l2-cuse}")
readonly cache

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit "${die_status:-1}"; }

# root_words: sets the array of that name to what stands before a command that is to run as root: nothing, or sudo, which
# keeps the environment. The home is root's, so that nothing of root's comes to lie in the caller's; only how npm reaches
# its registry is read there.
root_words() {
  local home=~root
  root_words=()
  ((EUID != 0)) || return 0
  command -v sudo >/dev/null || die "This needs root, and there is no sudo here. Run it as root."
  # sudo replaces PATH by its own; ours may be the one that has node.
  root_words=(sudo -E -- env "PATH=$PATH" "HOME=$home" "npm_config_userconfig=${npm_config_userconfig:-$HOME/.npmrc}")
}

# as_root COMMAND...
as_root() {
  root_words
  "${root_words[@]}" "$@"
}

# on_cuse_kernel COMMAND...: runs COMMAND as root on a kernel with CUSE. That is
# this machine when its own kernel has it, else (or with V4L2_CUSE_GUEST=always)
# a guest, see docs/guest.md.
on_cuse_kernel() {
  if [[ ${V4L2_CUSE_GUEST:-auto} != always ]] && cuse_here; then
    as_root "$@"
  else
    "$repo/scripts/guest" -- "$@"
  fi
}

# fuse_nodes_here: can a client have devices of its own (v4l2-cuse run --device)?
fuse_nodes_here() {
  as_root node "$repo/dist/cli/main.js" run --quiet --device sample -- true 2>/dev/null
}

cuse_here() {
  [[ -c /dev/cuse ]] || as_root modprobe cuse 2>/dev/null || return 1
  # The node can be there without a driver behind it, in a container say.
  # shellcheck disable=SC2016
  as_root sh -c 'exec 3<>/dev/cuse' 2>/dev/null
}

# exclusive FILE FUNCTION...: runs it when no other process is at the same, told
# by a lock on FILE. What it started ends with it when we are told to end: it has
# a process group for that.
exclusive() {
  local file=$1 status=0 group
  shift
  mkdir -p "${file%/*}"
  # What was left behind by one that could not clean up.
  find "${file%/*}/" -maxdepth 1 -type d -name 'new.*' -mtime +0 -exec rm -rf -- {} +
  set -m
  (
    flock 9
    "$@"
  ) 9>"$file" </dev/null &
  group=$!
  set +m
  # shellcheck disable=SC2064
  {
    trap "kill -TERM -- -$group; exit 130" INT
    trap "kill -TERM -- -$group; exit 143" TERM HUP
  }
  wait "$group" || status=$?
  trap - INT TERM HUP
  ((status == 0)) || exit "$status"
}
