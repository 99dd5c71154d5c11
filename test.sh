#!/usr/bin/env bash
# Every test of croft, from a clean clone: ./test.sh [--long] [--only unit|tidy|simulation|blackbox|editors|tsan|fuzz]
# Installs what it needs (tools/setup.sh), builds with sanitizers, then a release build for black-box tests.
set -uo pipefail
cd "$(dirname "$0")"

long=no
only=all
while (($#)); do
  case "$1" in
    --long) long=yes ;;
    --only) only=$2; shift ;;
    *) echo "usage: ./test.sh [--long] [--only unit|tidy|simulation|blackbox|editors|tsan|fuzz]" >&2; exit 64 ;;
  esac
  shift
done

[[ $long == yes ]] && export CROFT_LONG_TESTS=1  # every crash point, not a sample

passed=0
failed=0
started=$SECONDS
stage() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - started)); }
count() { passed=$((passed + $1)); failed=$((failed + $2)); }
# The names of what failed are said once more at the end: the middle of a long log may be cut out.
blame() { echo "$*" >>"$logs/blamed"; }
broken() { echo "$1"; blame "$1"; count 0 1; }
wants() { [[ $only == all || $only == "$1" ]]; }

tools/setup.sh test || exit 1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

build() { # preset, targets...
  local preset=$1
  shift
  [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset" >"$logs/configure" 2>&1 || { cat "$logs/configure"; return 1; }
  if ! cmake --build --preset "$preset" --target "$@" >"$logs/build" 2>&1; then
    grep -E 'error|FAILED|warning: unused' -A6 "$logs/build" | head -100
    return 1
  fi
}

# Runs every gtest program of a preset in two halves, two at a time, and counts what their XML reports say.
unit_tests() { # preset, module...
  local preset=$1
  shift
  local result=0 half
  mkdir -p "$logs/xml-$preset"
  for module in "$@"; do printf '%s 0\n%s 1\n' "$module" "$module"; done | xargs -P 2 -L 1 sh -c '
    GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX="$4" "build/$1/test/$3_test" --gtest_brief=1 \
      --gtest_output="xml:$2/$3.$4.xml" >"$2/$3.$4.log" 2>&1 || { echo "--- $3"; tail -n 60 "$2/$3.$4.log"; exit 1; }' \
    _ "$preset" "$logs/xml-$preset" || result=1
  local module tests failures errors all wrong
  for module in "$@"; do
    all=0 wrong=0
    for half in 0 1; do
      if [[ ! -f $logs/xml-$preset/$module.$half.xml ]]; then
        echo "$module: did not finish"
        blame "$module ($preset): did not finish"
        wrong=$((wrong + 1)) all=$((all + 1))
        continue
      fi
      read -r tests failures errors <<<"$(sed -n 's/.*<testsuites tests="\([0-9]*\)" failures="\([0-9]*\)".*errors="\([0-9]*\)".*/\1 \2 \3/p' "$logs/xml-$preset/$module.$half.xml")"
      all=$((all + tests)) wrong=$((wrong + failures + errors))
    done
    count $((all - wrong)) "$wrong"
    sed -n "s/^\[  FAILED  \] \([A-Za-z0-9_/]*\.[A-Za-z0-9_/]*\).*/\1 ($preset)/p" "$logs/xml-$preset/$module".?.log | sort -u >>"$logs/blamed"
    printf '%-12s %4d tests, %d failed\n' "$module" "$all" "$wrong"
  done
  return $result
}

# The most to test first: two run side by side, and a long one at the end would run alone.
modules_with_tests() {
  for folder in src/*/ test/sim/; do
    printf '%d %s\n' "$(find "$folder" -name '*_test.cpp' -exec cat {} + | wc -l)" "$(basename "$folder")"
  done | sort -rn | awk '$1 > 0 {print $2}'
}

if wants tidy; then
  stage "tidy"
  if tools/tidy; then count 1 0; else broken "tidy"; fi
fi

if wants unit; then
  stage "unit tests with AddressSanitizer and UndefinedBehaviorSanitizer"
  mapfile -t modules < <(modules_with_tests)
  if build asan all; then unit_tests asan "${modules[@]}"; else broken "the asan build failed"; fi
fi

if wants tsan; then
  stage "aio and store, which have threads, with ThreadSanitizer"
  mapfile -t modules < <(modules_with_tests | grep -xE "aio|store")
  if ((${#modules[@]})); then
    if build tsan "${modules[@]/%/_test}"; then unit_tests tsan "${modules[@]}"; else broken "the tsan build failed"; fi
  fi
fi

# What the lock file of a folder names, once.
node_packages() { # folder
  local stamp=$1/node_modules/.package-lock.json
  [[ -f $stamp && ! $1/package-lock.json -nt $stamp ]] && return 0
  (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
}

if wants simulation; then
  stage "simulation: whole lives full of trouble, a seed each"
  lives=5000
  [[ $long == yes ]] && lives=100000
  if build release simulation; then
    for half in 0 1; do echo $((1 + half * lives)); done |
      xargs -P 2 -I{} sh -c 'build/release/test/simulation --from {} --seeds "$1" >"$2/simulation.{}" 2>&1' _ "$lives" "$logs" || true
    for half in 0 1; do
      log=$logs/simulation.$((1 + half * lives))
      if tail -n 1 "$log" | grep -q ' 0 failed'; then count 1 0; else count 0 1; fi
      grep -E '^seed [0-9]+ failed' "$log" | cut -c1-300 >>"$logs/blamed"
      tail -n 40 "$log" | cut -c1-2000
    done
  else
    broken "the release build failed"
  fi
fi

if wants blackbox; then
  stage "black-box tests of build/release/croft"
  if build release all croft-cloud-dev && node_packages test/s3sdk; then
    selection=(-m "not long")
    [[ $long == yes ]] && selection=()
    /usr/bin/python3 -m pytest test -q -n 2 --dist loadfile -p no:cacheprovider "${selection[@]}" \
      --junitxml "$logs/blackbox.xml" 2>&1 | tee "$logs/blackbox.log" | tail -n 80
    grep -E '^(FAILED|ERROR) ' "$logs/blackbox.log" >>"$logs/blamed"
    counts=$(sed -n 's/.*<testsuite [^>]*errors="\([0-9]*\)" failures="\([0-9]*\)" skipped="\([0-9]*\)" tests="\([0-9]*\)".*/\1 \2 \3 \4/p' "$logs/blackbox.xml")
    [[ -n $counts ]] || blame "the black-box tests did not finish"
    read -r errors failures skipped tests <<<"${counts:-1 0 0 0}"
    count $((tests - errors - failures - skipped)) $((errors + failures + skipped))
  else
    broken "the release build failed"
  fi
fi

if wants editors; then
  stage "language server, driven by node, and the grammar"
  if build release croft && node_packages test/lsp; then
    node --test --test-reporter=tap test/lsp/*.test.js >"$logs/node.tap" 2>&1 || { tail -n 80 "$logs/node.tap"; grep -E '^not ok' "$logs/node.tap" >>"$logs/blamed"; }
    passes=$(sed -n 's/^# pass //p' "$logs/node.tap")
    failures=$(sed -n 's/^# fail //p' "$logs/node.tap")
    echo "${passes:-0} passed, ${failures:-1} failed"
    count "${passes:-0}" "${failures:-1}"
  else
    broken "the release build or npm failed"
  fi
fi

if wants fuzz; then
  stage "fuzzers, ten seconds each"
  if build asan all; then
    seconds=10
    [[ $long == yes ]] && seconds=300
    mapfile -t fuzzers < <(find src -name '*_fuzz.cpp' -exec basename {} .cpp \; | sort)
    printf '%s\n' "${fuzzers[@]}" | xargs -P 2 -I{} tools/fuzz {} "$seconds" "$logs"
    for target in "${fuzzers[@]}"; do
      if [[ -e $logs/$target.passed ]]; then
        count 1 0
        grep -E '^Done|stat::number' "$logs/$target.log" | tail -n 1 | sed "s/^/$target: /"
      else
        broken "--- $target"
        tail -n 40 "$logs/$target.log"
      fi
    done
  else
    broken "the fuzz build failed"
  fi
fi

stage "done"
[[ -s $logs/blamed ]] && { echo "what failed:"; cat "$logs/blamed"; }
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
