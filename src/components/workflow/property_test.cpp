// Random trees of workflow components against a small model of what they do (language reference
// 2.4): how and when each ends, and how many leaves begin. Then with the controller dying on the
// way.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

/// One component of a random tree.
struct Tree {
  enum class Kind { leaf, sequence, parallel, attempt, retry, repeat, timeout, during };
  Kind kind = Kind::leaf;
  int64_t time = 0;  ///< of leaf, timeout, during (milliseconds)
  int count = 0;     ///< of retry, repeat
  bool good = true;  ///< a leaf's end
  std::vector<Tree> inner;
};

struct End {
  int64_t time = 0;
  bool good = true;
};

/// What the tree does, by the letter.
class Model {
 public:
  std::vector<int64_t> starts;  ///< of leaves that were not cut off before
  int64_t closest = INT64_MAX;  ///< how near two moments came whose order decides something

  End run(const Tree& tree, int64_t now) {
    switch (tree.kind) {
      case Tree::Kind::leaf:
        starts.push_back(now);
        return {now + tree.time, tree.good};
      case Tree::Kind::sequence: {
        End end{now, true};
        for (size_t i = 0; i < tree.inner.size() && end.good; ++i)
          end = run(tree.inner[i], end.time);
        return end;
      }
      case Tree::Kind::parallel:
        return parallel(tree, now);
      case Tree::Kind::attempt: {
        End end = run(tree.inner[0], now);
        return run(tree.inner[end.good ? 1 : 2], end.time);
      }
      case Tree::Kind::retry: {
        End end{now, false};
        for (int i = 0; i <= tree.count && !end.good; ++i) end = run(tree.inner[0], end.time);
        return end;
      }
      case Tree::Kind::repeat: {
        End end{now, true};
        for (int i = 0; i < tree.count && end.good; ++i) end = run(tree.inner[0], end.time);
        return end;
      }
      case Tree::Kind::timeout:
      case Tree::Kind::during: {
        auto before = std::exchange(starts, {});
        End end = run(tree.inner[0], now);
        int64_t limit = now + tree.time;
        near(end.time, limit);
        End cut{limit, tree.kind == Tree::Kind::during};
        if (end.time > limit) end = cut;
        join(std::move(before), end.time);
        return end;
      }
    }
    return {};
  }

 private:
  End parallel(const Tree& tree, int64_t now) {
    auto before = std::exchange(starts, {});
    End out{now, true};
    std::optional<int64_t> failed;
    for (const Tree& inner : tree.inner) {
      End end = run(inner, now);
      out.time = std::max(out.time, end.time);
      if (end.good) continue;
      if (failed) near(*failed, end.time);
      failed = std::min(failed.value_or(end.time), end.time);
    }
    if (failed) out = {*failed, false};
    join(std::move(before), failed ? *failed : INT64_MAX);
    return out;
  }
  /// Of the starts since `before` those count that come earlier than `limit`.
  void join(std::vector<int64_t> before, int64_t limit) {
    for (int64_t start : starts) {
      near(start, limit);
      if (start < limit) before.push_back(start);
    }
    starts = std::move(before);
  }
  void near(int64_t a, int64_t b) { closest = std::min(closest, std::abs(a - b)); }
};

std::string text_of(const Tree& tree) {
  auto inside = [&](size_t index, const std::string& name) {
    return name + " " + text_of(tree.inner[index]) + "\n";
  };
  std::string all;
  for (size_t i = 0; i < tree.inner.size(); ++i) all += inside(i, fmt::format("n{}", i));
  switch (tree.kind) {
    case Tree::Kind::leaf:
      return fmt::format("extends DoNothing {{ time {}; terminationType \"{}\"; }}", tree.time,
                         tree.good ? "normal" : "abnormal");
    case Tree::Kind::sequence:
      return "extends Sequence {\n" + all + "}";
    case Tree::Kind::parallel:
      return "extends Parallel {\n" + all + "}";
    case Tree::Kind::attempt:
      return "extends Try {\n" + inside(0, "action") + inside(1, "normal") + inside(2, "abnormal") +
             "}";
    case Tree::Kind::retry:
      return fmt::format("extends Retry {{ retry {};\n{}}}", tree.count, inside(0, "action"));
    case Tree::Kind::repeat:
      return fmt::format("extends Repeat {{ repeat {};\n{}}}", tree.count, inside(0, "action"));
    case Tree::Kind::timeout:
      return fmt::format("extends Timeout {{ time {};\n{}}}", tree.time, inside(0, "action"));
    case Tree::Kind::during:
      return fmt::format("extends During {{ time {};\n{}}}", tree.time, inside(0, "action"));
  }
  return "";
}

Tree make(int depth) {
  Tree tree;
  tree.kind = static_cast<Tree::Kind>(depth == 0 ? 0 : *rc::gen::inRange(0, 8));
  tree.time = *rc::gen::inRange<int64_t>(1000, 60'000);
  int inner = 1;
  switch (tree.kind) {
    case Tree::Kind::leaf:
      tree.good = *rc::gen::inRange(0, 4) > 0;
      return tree;
    case Tree::Kind::sequence:
    case Tree::Kind::parallel:
      inner = *rc::gen::inRange(1, 4);
      break;
    case Tree::Kind::attempt:
      inner = 3;
      break;
    case Tree::Kind::retry:
      tree.count = *rc::gen::inRange(0, 3);
      break;
    case Tree::Kind::repeat:
      tree.count = *rc::gen::inRange(1, 4);
      break;
    case Tree::Kind::timeout:
    case Tree::Kind::during:
      break;
  }
  for (int i = 0; i < inner; ++i) tree.inner.push_back(make(depth - 1));
  return tree;
}

/// Leaves are what has nothing in it: all other kinds begin something at once.
size_t leaves_begun(const Seen& seen) {
  std::vector<std::string> paths = seen.of("STARTING");
  std::set<std::string> above;
  for (const auto& path : paths)
    for (size_t colon = path.rfind(':'); colon != std::string::npos;
         colon = path.rfind(':', colon - 1))
      above.insert(path.substr(0, colon));
  return static_cast<size_t>(
      std::ranges::count_if(paths, [&](const auto& path) { return !above.contains(path); }));
}

/// What the machinery takes in the simulation (milliseconds a step) must decide nothing.
constexpr int64_t apart = 500;

void check(const Tree& tree, uint64_t crash_at) {
  Model model;
  End end = model.run(tree, 0);
  RC_PRE(model.closest > apart);
  std::string text =
      "#include \"/org/smartfrog/sfcore/workflow/components.sf\"\n"
      "sfConfig extends Sequence { top " +
      text_of(tree) + " }";
  RC_LOG() << text;
  auto played = play_whole(text, until_down, crash_at);
  if (!played) RC_FAIL(played.error().render());
  RC_ASSERT(played->seen.outcome() == (end.good ? "normal" : "abnormal"));
  int64_t late = played->took.ms() - end.time;
  RC_ASSERT(late >= 0);
  RC_ASSERT(late < apart);
  if (crash_at == 0) RC_ASSERT(leaves_begun(played->seen) == model.starts.size());
}

RC_GTEST_PROP(WorkflowModel, RandomTreesEndAsTheModelSays, ()) {
  check(make(3), 0);
}

RC_GTEST_PROP(WorkflowModel, RandomTreesEndAsTheModelSaysAcrossACrash, ()) {
  Tree tree = make(3);
  check(tree, *rc::gen::inRange<uint64_t>(1, 80));
}

}  // namespace
}  // namespace croft::components
