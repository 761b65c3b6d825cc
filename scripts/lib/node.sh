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

# node_fetch MAJOR: puts Node's own program, which the npm registry has as a package, and an npm into the cache folder as
# node-MAJOR. Needs an npm.
node_fetch() {
  local major=$1 arch new log
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) die "There is no package of Node $major for $(uname -m): install it, and run this again." ;;
  esac
  say "fetching Node $major into $cache/node-$major"
  as_root mkdir -p "$cache"
  new=$(as_root mktemp -d "$cache/new.XXXXXX")
  log=$(mktemp)
  # The npm of that Node, too: the distribution's may not know it.
  if ! as_root npm install --prefix "$new" --no-save --ignore-scripts --no-audit --no-fund \
    "node-linux-$arch@$major" npm@10 >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f -- "$log"
    as_root rm -rf -- "$new"
    die "Could not fetch Node $major. Above is the end of what npm said." \
      "Install it by other means, or repair that, and run this again."
  fi
  rm -f -- "$log"
  as_root mkdir "$new/bin"
  as_root ln -s "../node_modules/node-linux-$arch/bin/node" ../node_modules/npm/bin/np{m,x}-cli.js "$new/bin/"
  as_root mv "$new/bin/npm-cli.js" "$new/bin/npm"
  as_root mv "$new/bin/npx-cli.js" "$new/bin/npx"
  as_root chmod 755 "$new"
  as_root rm -rf -- "$cache/node-$major"
  as_root mv -T "$new" "$cache/node-$major"
}

if ! node_ready && [[ -x $node_dir/bin/node ]]; then
  PATH=$node_dir/bin:$PATH
fi
