# shellcheck shell=bash
# Packages of any Debian suite, without touching the machine's own apt: a private
# apt with its own sources, lists and cache. It reads the machine's apt.conf
# (proxies, for one) and checks signatures as usual.
# Needs lib/common.sh.

# debian_mirror: the address of a Debian mirror, on stdout.
debian_mirror() {
  if [[ -n ${V4L2_CUSE_DEBIAN_MIRROR:-} ]]; then
    printf '%s\n' "${V4L2_CUSE_DEBIAN_MIRROR%/}"
    return
  fi
  local id codename uri
  # shellcheck disable=SC1091
  id=$(. /etc/os-release && echo "${ID:-}")
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
  # apt knows ORIGIN, and without --no-release-info anything at all, only once it
  # has fetched the lists; before that, a Debian machine's release has a known name.
  # shellcheck disable=SC2016
  uri=$(for option in --yes --no-release-info; do
      apt-get indextargets $option --format '$(REPO_URI) $(RELEASE) $(ORIGIN) $(COMPONENT)' \
        'Created-By: Packages' 2>/dev/null || true
    done |
    awk -v id="$id" -v codename="$codename" '
      $1 ~ /^cdrom:/ || $4 != "main" { next }
      $2 ~ /-(security|updates|backports)$|\/updates$/ { next }
      $3 == "Debian" || (id == "debian" && $2 ~ "^(" codename "|sid|unstable|testing|stable|oldstable)$") {
        print $1; exit
      }')
  # Elsewhere (Ubuntu) debootstrap, if it is installed, knows one.
  if [[ -z $uri && -r /usr/sbin/debootstrap ]]; then
    uri=$(sed -n 's/^DEF_MIRROR="\([^"$]*debian[^"$]*\)".*/\1/p' /usr/sbin/debootstrap | head -n 1)
  fi
  [[ -n $uri ]] || die "No Debian mirror is configured in this machine's apt, and the guest's" \
    "kernel comes from one. Install the package debootstrap, which knows one (scripts/setup does)," \
    "or set V4L2_CUSE_DEBIAN_MIRROR to the address of the folder that has its dists/ and pool/;" \
    "then run this again."
  printf '%s\n' "${uri%/}"
}

debian_keyring() {
  local file
  for file in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
    [[ -r $file ]] && { printf '%s\n' "$file"; return; }
  done
  die "The keys that sign Debian's packages are missing." \
    "Install the package debian-archive-keyring (scripts/setup does) and run this again."
}

# debian_apt_init DIR SUITE [ARCHITECTURE]: makes the private apt in DIR.
debian_apt_init() {
  local dir=$1 suite=$2 architecture=${3:-amd64} mirror keyring
  mirror=$(debian_mirror)
  keyring=$(debian_keyring)
  mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/debs"
  : >"$dir/state/status" # an empty machine: nothing is installed
  printf '%s\n' 'Types: deb' "URIs: $mirror" "Suites: $suite" 'Components: main' \
    "Architectures: $architecture" 'Targets: Packages' "Signed-By: $keyring" >"$dir/debian.sources"
  # -c reads this after the machine's own configuration, so what could lead
  # apt astray (pins, a default release, hooks) is undone here.
  cat >"$dir/apt.conf" <<EOF
#clear APT::Architectures;
#clear APT::Update;
#clear APT::Default-Release;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::SourceList "$dir/debian.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$dir/state";
Dir::State::status "$dir/state/status";
Dir::Cache "$dir/cache";
EOF
  chown -R _apt "$dir/state/lists" "$dir/cache/archives" "$dir/debs" 2>/dev/null || true
  chmod 755 "$dir"
  debian_apt "$dir" "the package list of Debian $suite" update
}

# debian_new SUITE [ARCHITECTURE]: sets new to a new folder in the cache, with a private apt in new/apt. It goes when this shell
# ends, that of exclusive() mostly: what is to stay is moved out of it, and so is there as a whole or not at all.
debian_new() {
  new=$(mktemp -d "${cache:?}/new.XXXXXX")
  # shellcheck disable=SC2064 # now, for new may be a local variable
  trap "rm -rf -- '$new'" EXIT
  chmod 755 "$new" # apt gives up root for downloads
  debian_apt_init "$new/apt" "$@"
}

# debian_download DIR PACKAGE...: leaves the packages in DIR/debs.
debian_download() {
  local dir=$1
  shift
  (cd "$dir/debs" && debian_apt "$dir" "the Debian packages $*" download "$@")
}

debian_apt() {
  local dir=$1 what=$2
  shift 2
  # apt-get update can report a failed download and still exit 0.
  if ! apt-get -c "$dir/apt.conf" -q "$@" >"$dir/log" 2>&1 || grep -q '^E:' "$dir/log"; then
    grep -E '^(E|W|Err)' "$dir/log" >&2 || tail -n 20 "$dir/log" >&2
    die "Could not download $what from $(sed -n 's/^URIs: //p' "$dir/debian.sources")." \
      "Check the network, or name another Debian mirror in V4L2_CUSE_DEBIAN_MIRROR, and run this again."
  fi
}
