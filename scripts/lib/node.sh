# shellcheck shell=bash
# Source this to have a Node that is new enough on PATH: the machine's own, or
# the one that scripts/setup has put into the cache folder.
# Needs lib/common.sh.

readonly node_needed=20.19
readonly node_major=22 # what scripts/setup fetches when the distribution's is older
# shellcheck disable=SC2154 # set by lib/common.sh
readonly node_dir=$cache/node-$node_major

# new_enough VERSION: whether it is node_needed or later.
new_enough() {
  [[ $(printf '%s\n' "$node_needed" "$1" | sort -V | head -n 1) == "$node_needed" ]]
}

node_ready() {
  command -v npm >/dev/null && new_enough "$(node -p process.versions.node 2>/dev/null || echo 0)"
}

if ! node_ready && [[ -x $node_dir/bin/node ]]; then
  PATH=$node_dir/bin:$PATH
fi
