#!/usr/bin/env bash
# Installs what croft needs from Debian's packages: tools/setup.sh [build|apps|test|demo|all]
# Needs root or sudo only when something is missing; without either it names the packages.
set -euo pipefail

build_packages=(
  clang-19 lld-19 cmake ninja-build pkg-config git
  libstdc++-12-dev libuv1-dev libboost1.81-dev libboost-json1.81-dev libpugixml-dev libsqlite3-dev
  libssl-dev libseccomp-dev libcap-dev libmnl-dev libcli11-dev libfmt-dev libspdlog-dev
  libarchive-dev libzstd-dev zlib1g-dev libpcre2-dev libyaml-dev
)
# What examples/ and test/apps/ run inside instances: the built-in image shows this machine's packages.
app_packages=(
  haproxy nginx-light tomcat10-common libjetty9-java default-jre-headless libpostgresql-jdbc-java
  postgresql-15 patroni etcd-server redis-server unzip
)
run_packages=(nftables iproute2 e2fsprogs curl ca-certificates)
test_packages=(
  libgtest-dev libgmock-dev librapidcheck-dev libclang-rt-19-dev llvm-19 clang-format-19 clang-tidy-19
  awscli openssh-client python3 python3-boto3 python3-libcloud python3-pytest python3-pytest-xdist python3-yaml rclone s3cmd procps zip unzip
  zsh fish mandoc librsvg2-bin fonts-dejavu-core
  s3fs fuse3 chromium
)
# Only where they are missing: a newer node may have come from elsewhere, with npm inside.
command -v node >/dev/null || test_packages+=(nodejs)
command -v npm >/dev/null || test_packages+=(npm)
bench_packages=(libbenchmark-dev jsonnet nginx-light wrk hyperfine runit s6 supervisor)

case "${1:-build}" in
  build) wanted=("${build_packages[@]}" "${run_packages[@]}") ;;
  apps) wanted=("${run_packages[@]}" "${app_packages[@]}") ;;
  demo) wanted=("${build_packages[@]}" "${run_packages[@]}" "${app_packages[@]}") ;;
  test) wanted=("${build_packages[@]}" "${run_packages[@]}" "${app_packages[@]}" "${test_packages[@]}") ;;
  all) wanted=("${build_packages[@]}" "${run_packages[@]}" "${app_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}") ;;
  *) echo "usage: tools/setup.sh [build|apps|test|demo|all]" >&2; exit 64 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [[ $state == "install ok installed" ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  exit 0
fi

if [[ ! -r /etc/debian_version ]]; then
  echo "croft: this is not a Debian system; install the like of: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo)
  else
    echo "croft: these Debian packages are missing and this user can become root neither directly nor by sudo:" >&2
    echo "  apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

echo "installing ${#missing[@]} packages: ${missing[*]}"
# No package may start a daemon on this host while it is installed.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  made_policy=yes
fi
finish() {
  if [[ $made_policy == yes ]]; then "${as_root[@]}" rm -f "$policy"; fi
}
trap finish EXIT
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
