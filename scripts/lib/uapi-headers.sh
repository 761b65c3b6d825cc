# shellcheck shell=bash
# The kernel's uAPI headers: Debian's linux-libc-dev, unpacked in the cache.
# Needs lib/common.sh and lib/debian.sh.
# shellcheck disable=SC2154 # set by lib/common.sh

# Oldest headers that the bindings may be made from.
readonly uapi_oldest=7.2
readonly uapi_suites=(forky sid)

# uapi_dir VERSION: where the headers of that package version are, or would be.
uapi_dir() { printf '%s\n' "${cache:?}/uapi-$1"; }

# uapi_fetch VERSION: sets uapi_version to VERSION, downloaded if need be, or,
# where the mirror has it no longer (or VERSION is empty), to the newest one.
uapi_fetch() {
  local wanted=$1 suite new root stand_in
  if [[ -n $wanted && -d $(uapi_dir "$wanted") ]]; then
    uapi_version=$wanted
    return
  fi
  # Names the version that a mirror without the wanted one had; good for a day.
  stand_in=$(uapi_dir "${wanted:-none}").stand-in
  if [[ -n $wanted && -n $(find "$stand_in" -mtime -1 2>/dev/null) ]]; then
    uapi_version=$(<"$stand_in")
    [[ -d $(uapi_dir "$uapi_version") ]] && return
  fi
  if ! mkdir -p "$cache" 2>/dev/null || [[ ! -w $cache ]]; then
    ((EUID != 0)) || die "Cannot write to $cache, where downloads are kept. Name another folder in V4L2_CUSE_CACHE."
    # It is root's, as setup made it.
    # shellcheck disable=SC2016 # for the shell of root
    uapi_version=$(as_root bash -euc 'for lib in common debian uapi-headers; do . "$1/$lib.sh"; done
      uapi_fetch "$2" >&2; printf %s "$uapi_version"' "$0" "$repo/scripts/lib" "$wanted") || exit
    return
  fi
  for suite in "${uapi_suites[@]}"; do
    new=$(mktemp -d "$cache/new.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf -- '$new'; uapi_advice '$wanted'" EXIT
    debian_apt_init "$new/apt" "$suite"
    if [[ -z $wanted ]] || ! (debian_download "$new/apt" "linux-libc-dev=$wanted") 2>/dev/null; then
      debian_download "$new/apt" linux-libc-dev
    fi
    uapi_version=$(dpkg-deb --field "$new"/apt/debs/*.deb Version)
    root=$(uapi_dir "$uapi_version")
    if [[ ! -d $root ]] && dpkg --compare-versions "$uapi_version" ge "$uapi_oldest"; then
      dpkg-deb --extract "$new"/apt/debs/*.deb "$new/headers"
      chmod 755 "$new/headers"
      # In place at once or not at all; who comes second finds it done.
      mv -T "$new/headers" "$root" 2>/dev/null || [[ -d $root ]]
    fi
    rm -rf -- "$new"
    trap - EXIT
    if [[ -d $root ]]; then
      [[ -z $wanted || $wanted == "$uapi_version" ]] || printf '%s\n' "$uapi_version" >"$stand_in"
      return
    fi
    say "Debian $suite has linux-libc-dev $uapi_version; at least $uapi_oldest is needed"
  done
  die "No Debian suite of ${uapi_suites[*]} on this machine's mirror has recent enough headers."
}

# uapi_advice VERSION: how to go on where nothing can be downloaded.
uapi_advice() {
  say "the kernel's headers are missing. Where there is no network: unpack linux-libc-dev" \
    "(dpkg-deb --extract) into $(uapi_dir "${1:-<version>}"), or run 'scripts/gen-uapi --offline'," \
    "which needs no headers and writes the bindings from the committed facts."
}
