#!/usr/bin/env bash
# The talk's example on this machine, from building croft to nothing left.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
if [[ ! -t 1 || -n ${NO_COLOR:-} ]]; then say() { printf '\n== %s\n' "$*"; }; fi
run() { printf '$ %s\n' "$*"; "$@"; }

tools/setup.sh demo
if [[ ! -f build/release/build.ninja ]]; then cmake --preset release >/dev/null; fi
say "building build/release/croft (the first time takes some minutes)"
cmake --build --preset release --target croft | tail -n 1

croft=build/release/croft
# Sandboxes need root: whoever is not root has sudo (tools/setup.sh has asked for it by now).
if ((EUID != 0)); then
  sudo_croft() { sudo --preserve-env=CROFT_HOME build/release/croft "$@"; }
  croft=sudo_croft
fi
CROFT_HOME=$(mktemp -d -t croft-demo.XXXXXX)
export CROFT_HOME
# The talk's literals: an account of the embedded farm, nobody's cloud.
talk_id=0X03DS92MX8K2A29P082
talk_key=EmlMg61YbNoThisIsNotMyKey
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_EC2 AWS_ENDPOINT_URL_S3 AWS_PROFILE CROFT_FARM || true
finish() {
  "$croft" stop --destroy >/dev/null 2>&1 || true
  if ((EUID != 0)); then sudo rm -rf "$CROFT_HOME"; else rm -rf "$CROFT_HOME"; fi
}
trap finish EXIT
begun=$SECONDS

say "1. the description: two buckets and ten to one hundred machines, as the talk wrote them"
cat examples/talk/buckets.sf examples/talk/service.sf

say "2. croft up: controller and farm start here; the quota of this account is 20 instances"
run "$croft" up examples/talk/talk.sf

say "3. what runs"
run "$croft" status talk
status=$("$croft" status talk --json)
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" <<<"$status" | head -n 1; }
farm_url=$(field url)
seen=$(field events)
echo "the farm answers any EC2 or S3 client at $farm_url"

say "4. somebody removes the transient bucket behind croft's back; liveness notices and says why"
echo "\$ curl -X DELETE $farm_url/talk-transient   (signed with the account's key)"
empty_sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
curl -sS --fail -X DELETE --aws-sigv4 aws:amz:us-east-1:s3 --user "$talk_id:$talk_key" \
  -H "x-amz-content-sha256: $empty_sha256" "$farm_url/talk-transient"
run "$croft" events talk --human --from "$((seen + 1))" --until TERMINATED

say "5. croft down: everything goes, and that is proved"
run "$croft" down talk

say "6. the persistent bucket was kept on purpose; removing it takes an explicit word"
run "$croft" down talk --kept

say "nothing is left; the demo took $((SECONDS - begun)) s after the build"
