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

/// One component of a random tree; some kinds are a few components that belong together.
struct Tree {
  enum class Kind {
    leaf,
    sequence,
    parallel,
    attempt,
    retry,
    repeat,
    timeout,
    during,
    random_sequence,
    container,
    fire_break,
    retract,  // the last three end with a During
    delay,
    slow_start,
    choice,
    wait,
    failing_wait,
    post_condition,
    run,
    detaching,  // beside a leaf that goes on
    handled,
    counted,
    killed,  // an event, a Terminator, after `time`
  };
  static constexpr int kinds = static_cast<int>(Kind::killed) + 1;
  Kind kind = Kind::leaf;
  int64_t time = 0;  ///< milliseconds
  int count = 0;     ///< of retry, repeat
  bool good = true;  ///< a leaf's end; what a condition says; the type of a Terminator's record
  std::vector<Tree> inner;
};

struct End {
  int64_t time = 0;
  bool good = true;
};

/// What the tree does, by the letter.
class Model {
 public:
  /// Leaves that begin at one moment, unless they are cut off before; what is detached by then
  /// lives on until its own end.
  struct Begun {
    int64_t at = 0;
    size_t leaves = 1;
    int64_t until = 0;
  };
  std::vector<Begun> begun;
  int64_t closest = INT64_MAX;  ///< how near two moments came whose order decides something

  size_t leaves() const {
    size_t out = 0;
    for (const Begun& each : begun) out += each.leaves;
    return out;
  }
  int64_t last() const {
    int64_t out = 0;
    for (const Begun& each : begun) out = std::max(out, each.until);
    return out;
  }

  End run(const Tree& tree, int64_t now) {
    switch (tree.kind) {
      case Tree::Kind::leaf:
        begun.push_back({now});
        return {now + tree.time, tree.good};
      case Tree::Kind::random_sequence:  // of equal leaves
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
      case Tree::Kind::during:
        return within(tree, now, tree.kind == Tree::Kind::during);
      case Tree::Kind::container:
      case Tree::Kind::fire_break:
      case Tree::Kind::retract:
        return held(tree, now);
      case Tree::Kind::slow_start:
        return run(tree.inner[0], now);
      case Tree::Kind::delay:
      case Tree::Kind::handled:
        return run(tree.inner[0], now + tree.time);
      case Tree::Kind::choice:
        return run(tree.inner[tree.good ? 0 : 1], now);
      case Tree::Kind::wait:
        return tree.good ? run(tree.inner[0], now) : run(tree.inner[1], now + tree.time);
      case Tree::Kind::failing_wait:
        return tree.good ? run(tree.inner[0], now) : End{now + tree.time, false};
      case Tree::Kind::post_condition: {
        End end = run(tree.inner[0], now);
        if (!end.good) return end;
        return run(tree.inner[tree.good ? 1 : 2], end.time);
      }
      case Tree::Kind::run:
      case Tree::Kind::detaching: {
        Model apart;
        End end = apart.run(tree.inner[0], now);
        closest = std::min(closest, apart.closest);
        begun.push_back({now, apart.leaves(), std::max(end.time, apart.last())});
        begun.push_back({now});
        return {now + tree.time, tree.good};
      }
      case Tree::Kind::counted:
        return {now + tree.time, true};
      case Tree::Kind::killed:
        return {now + tree.time, tree.good};
    }
    return {};
  }

 private:
  End within(const Tree& tree, int64_t now, bool good_at_limit) {
    auto before = std::exchange(begun, {});
    End end = run(tree.inner[0], now);
    int64_t limit = now + tree.time;
    near(end.time, limit);
    if (end.time > limit) end = {limit, good_at_limit};
    join(std::move(before), end.time);
    return end;
  }
  End parallel(const Tree& tree, int64_t now) {
    auto before = std::exchange(begun, {});
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
  /// Container, FireBreak and Retract do not end well by themselves: a During ends them.
  End held(const Tree& tree, int64_t now) {
    auto before = std::exchange(begun, {});
    int64_t limit = now + tree.time;
    std::optional<int64_t> first;  // the end that matters to it
    for (const Tree& inner : tree.inner) {
      End end = run(inner, now);
      bool matters =
          tree.kind == Tree::Kind::fire_break || (tree.kind == Tree::Kind::retract && !end.good);
      if (!matters) continue;
      if (first) near(*first, end.time);
      first = std::min(first.value_or(end.time), end.time);
    }
    if (first) near(*first, limit);
    bool over = first && *first < limit;
    join(std::move(before), std::min(limit, first.value_or(limit)));
    return over ? End{*first, tree.kind == Tree::Kind::fire_break} : End{limit, true};
  }
  /// Of what began since `before` counts what came earlier than `limit`.
  void join(std::vector<Begun> before, int64_t limit) {
    for (const Begun& each : begun) {
      near(each.at, limit);
      if (each.at < limit) before.push_back(each);
    }
    begun = std::move(before);
  }
  void near(int64_t a, int64_t b) { closest = std::min(closest, std::abs(a - b)); }
};

/// Components whose names begin so are no leaves of the model.
constexpr const char* helper = "zz";

std::string text_of(const Tree& tree);

std::string leaf_of(const Tree& tree) {
  return fmt::format("extends DoNothing {{ time {}; terminationType \"{}\"; }}", tree.time,
                     tree.good ? "normal" : "abnormal");
}

/// Beside something that waits, what comes after the tree's time.
std::string later(const Tree& tree, const std::string& waits, const std::string& comes) {
  return fmt::format(
      "extends Parallel {{ {}\n s extends Sequence {{ zzd extends Delay {{ time {}; }} {} }} }}",
      waits, tree.time, comes);
}

/// The kinds that are a few components.
std::string text_of_several(const Tree& tree, const std::string& all) {
  using Kind = Tree::Kind;
  const std::string send =
      "zze extends EventSend { event \"go\"; sendTo extends LAZY { it LAZY "
      "PARENT:PARENT:PARENT:zzl; } }";
  auto during = [&](const std::string& type) {
    return fmt::format("extends During {{ time {}; action extends {} {{\n{}}} }}", tree.time, type,
                       all);
  };
  if (tree.kind == Kind::container) return during("Container");
  if (tree.kind == Kind::fire_break) return during("FireBreak");
  if (tree.kind == Kind::retract) return during("Retract");
  if (tree.kind == Kind::run)
    return "extends Sequence { zzr extends Run { action " + text_of(tree.inner[0]) + " } w " +
           leaf_of(tree) + " }";
  if (tree.kind == Kind::detaching)
    return "extends Compound { zzx extends DetachingCompound {\n" + all + "} w " + leaf_of(tree) +
           " }";
  if (tree.kind == Kind::handled)
    return later(tree, "zzl extends OnEvent { go " + text_of(tree.inner[0]) + " }", send);
  if (tree.kind == Kind::counted) return later(tree, "zzl extends EventCounter { count 1; }", send);
  CHECK(tree.kind == Kind::killed, "a kind of one component");
  return later(tree, "zzv extends DoNothing {}",
               fmt::format("zzk extends Terminator {{ kill LAZY PARENT:PARENT:zzv; type \"{}\"; }}",
                           tree.good ? "normal" : "abnormal"));
}

std::string text_of(const Tree& tree) {
  using Kind = Tree::Kind;
  auto inside = [&](size_t index, const std::string& name) {
    return name + " " + text_of(tree.inner[index]) + "\n";
  };
  auto with_action = [&](const std::string& head) {
    return "extends " + head + "\n" + inside(0, "action") + "}";
  };
  // One that begins nothing at first is no leaf either.
  auto waiting = [](const std::string& text) { return "extends Sequence { zzw " + text + " }"; };
  std::string all;
  for (size_t i = 0; i < tree.inner.size(); ++i) all += inside(i, fmt::format("n{}", i));
  switch (tree.kind) {
    case Kind::leaf:
      return leaf_of(tree);
    case Kind::sequence:
      return "extends Sequence {\n" + all + "}";
    case Kind::random_sequence:
      return fmt::format("extends RandomSequence {{ seed {};\n{}}}", tree.time, all);
    case Kind::parallel:
      return "extends Parallel {\n" + all + "}";
    case Kind::attempt:
      return with_action("Try {\n" + inside(1, "normal") + inside(2, "abnormal"));
    case Kind::retry:
      return with_action(fmt::format("Retry {{ retry {};", tree.count));
    case Kind::repeat:
      return with_action(fmt::format("Repeat {{ repeat {};", tree.count));
    case Kind::timeout:
      return with_action(fmt::format("Timeout {{ time {};", tree.time));
    case Kind::during:
      return with_action(fmt::format("During {{ time {};", tree.time));
    case Kind::delay:
      return waiting(with_action(fmt::format("Delay {{ time {};", tree.time)));
    case Kind::slow_start:
      return with_action("SlowStart {");
    case Kind::post_condition:
      return with_action(fmt::format("PostCondition {{ condition {};\n{}{}", tree.good,
                                     inside(1, "then"), inside(2, "else")));
    case Kind::choice:
      return fmt::format("extends If {{ condition {};\n{}{}}}", tree.good, inside(0, "then"),
                         inside(1, "else"));
    case Kind::wait:
      return waiting(
          fmt::format("extends WaitFor {{ condition {}; timeout {}; interval 700;\n{}{}}}",
                      tree.good, tree.time, inside(0, "then"), inside(1, "else")));
    case Kind::failing_wait:
      return waiting(fmt::format("extends FailingWaitFor {{ condition {}; timeout {};\n{}}}",
                                 tree.good, tree.time, inside(0, "then")));
    case Kind::container:
    case Kind::fire_break:
    case Kind::retract:
    case Kind::run:
    case Kind::detaching:
    case Kind::handled:
    case Kind::counted:
    case Kind::killed:
      return text_of_several(tree, all);
  }
  return "";
}

/// How many trees are in one of that kind.
int inner_of(Tree::Kind kind) {
  using Kind = Tree::Kind;
  switch (kind) {
    case Kind::leaf:
    case Kind::counted:
    case Kind::killed:
      return 0;
    case Kind::sequence:
    case Kind::parallel:
    case Kind::random_sequence:
    case Kind::container:
    case Kind::fire_break:
    case Kind::retract:
      return *rc::gen::inRange(1, 4);
    case Kind::attempt:
    case Kind::post_condition:
      return 3;
    case Kind::choice:
    case Kind::wait:
      return 2;
    case Kind::retry:
    case Kind::repeat:
    case Kind::timeout:
    case Kind::during:
    case Kind::delay:
    case Kind::slow_start:
    case Kind::failing_wait:
    case Kind::run:
    case Kind::detaching:
    case Kind::handled:
      return 1;
  }
  return 0;
}

Tree make(int depth) {
  Tree tree;
  tree.kind = static_cast<Tree::Kind>(depth == 0 ? 0 : *rc::gen::inRange(0, Tree::kinds));
  tree.time = *rc::gen::inRange<int64_t>(1000, 60'000);
  tree.count = *rc::gen::inRange(0, 3) + (tree.kind == Tree::Kind::repeat ? 1 : 0);
  tree.good = *rc::gen::inRange(0, 4) > 0;
  int inner = inner_of(tree.kind);
  if (tree.kind == Tree::Kind::random_sequence) {
    Tree same;
    same.time = tree.time;
    tree.inner.assign(static_cast<size_t>(inner), same);
    return tree;
  }
  for (int i = 0; i < inner; ++i) tree.inner.push_back(make(depth - 1));
  return tree;
}

/// Leaves are what has nothing in it: all other kinds begin something at once, or are helpers.
size_t leaves_begun(const Seen& seen) {
  std::vector<std::string> paths = seen.of("STARTING");
  std::set<std::string> above;
  for (const auto& path : paths)
    for (size_t colon = path.rfind(':'); colon != std::string::npos;
         colon = path.rfind(':', colon - 1))
      above.insert(path.substr(0, colon));
  return static_cast<size_t>(std::ranges::count_if(paths, [&](const auto& path) {
    bool helps = path.substr(path.rfind(':') + 1).starts_with(helper);
    return !helps && !above.contains(path);
  }));
}

/// What the machinery takes in the simulation (milliseconds a step) must decide nothing.
constexpr int64_t apart = 500;

void check(const Tree& tree, uint64_t crash_at) {
  Model model;
  End end = model.run(tree, 0);
  RC_PRE(model.closest > apart);
  RC_TAG(static_cast<int>(tree.kind));
  int64_t over = std::max(end.time, model.last());
  std::string text =
      "#include \"/org/smartfrog/sfcore/workflow/components.sf\"\n"
      "#include \"/org/smartfrog/sfcore/workflow/conditional/components.sf\"\n"
      "#include \"/org/smartfrog/sfcore/workflow/eventbus/components.sf\"\n"
      "sfConfig extends Sequence { top " +
      text_of(tree) + " }";
  RC_LOG() << text;
  auto played = play_whole(text, until_down, crash_at);
  if (!played) RC_FAIL(played.error().render());
  RC_ASSERT(played->seen.outcome() == (end.good ? "normal" : "abnormal"));
  int64_t late = played->took.ms() - over;
  RC_ASSERT(late >= 0);
  RC_ASSERT(late < apart);
  if (crash_at == 0) RC_ASSERT(leaves_begun(played->seen) == model.leaves());
}

RC_GTEST_PROP(WorkflowModel, RandomTreesEndAsTheModelSays, ()) {
  check(make(3), 0);
}

RC_GTEST_PROP(WorkflowModel, RandomTreesEndAsTheModelSaysAcrossACrash, ()) {
  check(make(2), *rc::gen::inRange<uint64_t>(1, 80));
}

}  // namespace
}  // namespace croft::components
