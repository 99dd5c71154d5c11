#include "cli/test_run.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/text.h"
#include "cli/daemons.h"
#include "cli/description.h"
#include "cli/session.h"
#include "cli/source.h"
#include "cli/test_farm.h"
#include "cli/variables.h"
#include "components/registry.h"
#include "controller/farm_setup.h"
#include "controller/sealer.h"
#include "engine/application.h"
#include "farm/farm.h"
#include "lang/format/format.h"
#include "lang/lang.h"
#include "protocol/events.h"
#include "store/store.h"

namespace croft::cli {
namespace {

constexpr Duration goodbye = Duration::seconds(60);  // how long going down may take
constexpr Bytes description_max = Bytes::mib(16);

/// What one worker has: a farm that is made when a description needs one, and used again while what
/// ran on it left nothing behind.
struct Worker {
  std::string home;
  std::optional<EmbeddedFarm> farm;
  size_t farms = 0;       ///< so many it had
  std::string described;  ///< what the last description said about it
};

bool calls_a_farm(const model::Component& component, const engine::Registry& registry, int depth) {
  constexpr int deepest = 200;
  if (depth > deepest) return false;
  if (auto name = component.string("sfClass"))
    if (const auto* type = registry.find(*name); type && type->calls_farm) return true;
  return std::ranges::any_of(component.attributes(), [&](const auto& attribute) {
    auto inner = attribute.value.as_component();
    return inner && inner->parent() == &component && calls_a_farm(*inner, registry, depth + 1);
  });
}

bool is_test_class(std::string_view sf_class) {
  return sf_class == "croft.TestCompound" || sf_class == "croft.ExpectDeployFailure";
}
bool is_test(const engine::Node& node) {
  return is_test_class(node.record.type);
}

bool flag_of(const engine::Node& node, const std::string& name) {
  auto found = node.record.published.find(name);
  const bool* flag = found == node.record.published.end() ? nullptr : found->second.get<bool>();
  return flag && *flag;
}

std::string text_of(const engine::Node& node, const std::string& name) {
  auto found = node.record.published.find(name);
  const auto* text =
      found == node.record.published.end() ? nullptr : found->second.get<std::string>();
  return text ? *text : "";
}

/// It may still begin something, or end by itself: a workflow or a step that has not ended, whose
/// work is not done, and that is no test that is over.
bool may_go_on(const engine::Node& node) {
  if (!node.type || !node.type->works || node.ended() || node.work_over ||
      node.record.type == "croft.Container")
    return false;
  if (!node.type->actions)
    return node.context.boolean_or("sfShouldTerminate", false).value_or(false);
  return !is_test(node) || !flag_of(node, "finished");
}

/// Until its tests are over: it has ended by itself, or all that is left to see is that it runs.
aio::Task<Result<>> until_over(engine::Application& application) {
  using protocol::ApplicationState;
  for (;;) {
    if (application.settled()) {
      bool works = std::ranges::any_of(application.all_nodes(),
                                       [](const auto& item) { return may_go_on(*item.second); });
      if (!works || application.record().state != ApplicationState::up) co_return Result<>{};
    }
    CO_TRY(co_await application.changed().wait());
  }
}

aio::Task<Result<>> until_gone(engine::Application& application) {
  if (application.record().state != protocol::ApplicationState::down)
    CO_TRY(co_await application.down(true));
  while (!application.settled()) CO_TRY(co_await application.changed().wait());
  co_return Result<>{};
}

class Runner {
 public:
  Runner(aio::World& world, Invocation& invocation, const TestOptions& options)
      : world_(world),
        invocation_(invocation),
        options_(options),
        registry_(components::make_registry()),
        http_(world),
        retrier_(world, {}) {}

  aio::Task<Result<std::vector<TestCase>>> one(Worker& worker, std::string file) {
    Moment began = world_.clock.now();
    auto cases = co_await attempt(worker, file);
    if (!cases) {
      if (cases.error().code == Code::cancelled) co_return cases;
      TestCase failed{file, std::filesystem::path(file).stem().string()};
      failed.why = cases.error().render();
      cases = std::vector{std::move(failed)};
    }
    Duration took = world_.clock.now() - began;
    if (cases->size() == 1) cases->front().took = took;
    co_return cases;
  }

  aio::Task<Result<>> end_farm(Worker& worker) {
    if (!worker.farm) co_return Result<>{};
    std::string data = worker.farm->data;
    auto gone = co_await farm::admin_call(world_, data, "POST", "/destroy", "");
    worker.farm.reset();
    if (!gone) co_return fail(std::move(gone).error());
    // What it still writes as it ends would outlive the folder's removal.
    co_return co_await until_ended(world_, "farm", data.substr(0, data.rfind('/')) + "/farm.pid");
  }

 private:
  aio::Task<Result<std::vector<TestCase>>> attempt(Worker& worker, std::string file) {
    auto description = CO_TRY(load_description(invocation_, file));
    engine::Wanted wanted;
    bool needs_farm = calls_a_farm(*description.root, registry_, 0);
    if (needs_farm) {
      CO_TRY(co_await make_farm(worker, description));
      wanted.farm =
          CO_TRY(cloud::farm_at(worker.farm->url, "us-east-1", cloud::FarmKind::embedded));
      wanted.farm_admin = farm::admin_socket(worker.farm->data);
    }
    wanted.environment = named_variables(*description.root);
    for (const auto& given : invocation_.values("--property")) {
      auto parts = cut(given, '=');
      wanted.environment[engine::property_prefix + std::string(parts ? parts->first : given)] =
          parts ? std::string(parts->second) : "true";
    }
    wanted.options.owner = "croft-test";
    wanted.options.allow_shell = invocation_.flag("--allow-shell");
    for (const auto& folder : invocation_.values("--allow-files"))
      wanted.options.allow_files.push_back(std::filesystem::absolute(folder).string());
    wanted.description = std::move(description);
    auto store = store::open_memory(world_);
    auto out = co_await deploy(*store, std::move(wanted), file, worker);
    auto closed = co_await store->close();
    if (out && !closed) co_return fail(std::move(closed).error());
    if (out)
      for (TestCase& each : *out) each.farm = needs_farm;
    co_return out;
  }

  /// The farm of the last description serves the next one that says the same about its farm.
  aio::Task<Result<>> make_farm(Worker& worker, model::Description description) {
    auto own = description.root->component("farm");
    std::string described = own ? lang::print(*own) : "";
    if (worker.farm && worker.described != described) CO_TRY(co_await end_farm(worker));
    if (!worker.farm) {
      // A folder of its own: the last one's farm may still be ending.
      std::string home = fmt::format("{}/farm-{}", worker.home, worker.farms++);
      CO_TRY(co_await world_.disk.make_dirs(home));
      worker.farm = CO_TRY(co_await ensure_farm(world_, invocation_.terminal, home, ::getpid()));
      worker.described = std::move(described);
    }
    if (own) co_return Result<>{};
    co_return co_await furnish_farm(world_, worker.farm->data, invocation_.values("--property"),
                                    description.config);
  }

  aio::Task<Result<std::vector<TestCase>>> deploy(store::Store& store, engine::Wanted wanted,
                                                  std::string file, Worker& worker) {
    engine::Services services{world_,
                              store,
                              registry_,
                              sealer_,
                              http_,
                              retrier_,
                              [this](std::string admin, model::ComponentPtr farm,
                                     std::map<std::string, std::string> environment,
                                     std::map<std::string, std::string> before) {
                                return controller::prepare_embedded_farm(
                                    http_, std::move(admin), std::move(farm),
                                    std::move(environment), std::move(before));
                              },
                              {},
                              worker.home + "/work"};
    engine::Application application(services, application_name(file));
    CO_TRY(co_await application.create(std::move(wanted)));
    aio::Scope scope(co_await aio::here());
    scope.spawn(application.run());
    auto over =
        co_await aio::deadline(world_.clock, options_.limit, until_over(application), "the test");
    auto cases = cases_of(application, file, over);
    CO_TRY(co_await add_times(application, cases));
    auto gone =
        co_await aio::deadline(world_.clock, goodbye, until_gone(application), "taking it down");
    bool clean = gone && application.proof() && application.proof()->left.empty();
    application.shutdown();
    auto joined = co_await scope.join();
    if (!over && over.error().code == Code::cancelled) co_return fail(std::move(over).error());
    if (!clean) {
      std::string left = !gone ? gone.error().line() : "something it rented is still there";
      if (application.proof() && !application.proof()->left.empty()) {
        const auto& first = application.proof()->left.front();
        left = fmt::format("{} {} is left: {}", first.kind, first.id, first.why);
      }
      for (TestCase& each : cases)
        if (each.outcome == TestOutcome::passed) {
          each.outcome = TestOutcome::failed;
          each.why = left;
        }
      CO_TRY(co_await end_farm(worker));
    }
    CO_TRY(joined);
    co_return cases;
  }

  /// From its start to its end, or to now.
  aio::Task<Result<>> add_times(engine::Application& application, std::vector<TestCase>& cases) {
    std::map<std::string, std::pair<WallTime, WallTime>> times;
    for (const TestCase& each : cases) {
      WallTime now = world_.clock.wall();
      times.try_emplace(each.name, now, now);
    }
    CO_TRY(co_await application.ledger().flush());
    for (uint64_t from = 1;;) {
      auto events = CO_TRY(co_await application.ledger().events(from));
      if (events.empty()) break;
      for (const auto& event : events) {
        auto found = times.find(event.component);
        if (found == times.end()) continue;
        if (event.event == protocol::event::starting) found->second.first = event.time;
        if (event.event == protocol::event::terminated) found->second.second = event.time;
      }
      from = events.back().seq + 1;
    }
    for (TestCase& each : cases) each.took = times[each.name].second - times[each.name].first;
    co_return Result<>{};
  }

  /// Paths of the tests that the description holds, in its order. What is in a test is its own.
  void add_described(const model::Component& component, const std::string& path, int depth,
                     std::vector<std::string>& out) const {
    constexpr int deepest = 200;
    const auto* type = registry_.find(component.string("sfClass").value_or(""));
    if (type && is_test_class(type->schema.sf_class)) return out.push_back(path);
    if (depth > deepest) return;
    for (const auto& attribute : component.attributes())
      if (auto child = attribute.value.as_component(); child && child->eager)
        add_described(*child, path + ":" + attribute.name, depth + 1, out);
  }

  std::vector<TestCase> cases_of(const engine::Application& application, const std::string& file,
                                 const Result<>& over) const {
    std::map<std::string, TestCase> begun;
    std::vector<std::string> order;
    add_described(*application.description().config, application.name(), 0, order);
    for (const auto& node : application.nodes()) {
      if (!is_test(*node)) continue;
      const std::string& path = node->record.path;
      if (std::ranges::find(order, path) == order.end()) order.push_back(path);
      begun.emplace(path, case_of(*node, file, application.record(), over));
    }
    std::vector<TestCase> out;
    bool explained = false;
    for (const std::string& path : order) {
      auto found = begun.find(path);
      if (found != begun.end()) {
        explained |= found->second.outcome == TestOutcome::failed;
        out.push_back(found->second);
        continue;
      }
      TestCase missing{file, path, TestOutcome::skipped};
      missing.why = "it was not run: what is before it did not come to a good end";
      out.push_back(std::move(missing));
    }
    // Tests that were not run are no success: where none of them says why, the whole does.
    if (out.size() > begun.size() && !explained) {
      TestCase whole = whole_case(file, application.record(), over);
      if (begun.empty() || whole.outcome == TestOutcome::failed) out.insert(out.begin(), whole);
    }
    if (out.empty()) out.push_back(whole_case(file, application.record(), over));
    return out;
  }

  static TestCase case_of(const engine::Node& node, const std::string& file,
                          const engine::ApplicationRecord& record, const Result<>& over) {
    TestCase test{file, node.record.path};
    test.why = text_of(node, "outcome");
    if (flag_of(node, "skipped")) {
      test.outcome = TestOutcome::skipped;
    } else if (flag_of(node, "succeeded")) {
      test.outcome = TestOutcome::passed;
    } else if (!flag_of(node, "finished")) {
      test.why = over ? "it never came to its end" : over.error().line();
      if (record.record && !record.record->cause.empty()) test.why += ": " + record.record->cause;
    }
    return test;
  }

  static TestCase whole_case(const std::string& file, const engine::ApplicationRecord& record,
                             const Result<>& over) {
    TestCase whole{file, std::filesystem::path(file).stem().string()};
    bool good = over && (!record.record || record.record->is_normal()) && !record.error;
    whole.outcome = good ? TestOutcome::passed : TestOutcome::failed;
    if (!over)
      whole.why = over.error().line();
    else if (record.error)
      whole.why = record.error->render();
    else if (record.record && !good)
      whole.why = record.record->cause.empty()
                      ? record.record->description
                      : fmt::format("{}: {}", record.record->description, record.record->cause);
    return whole;
  }

  aio::World& world_;
  Invocation& invocation_;
  const TestOptions& options_;
  engine::Registry registry_;
  controller::PlainSealer sealer_;
  net::HttpClient http_;
  net::Retrier retrier_;
};

/// What the workers share.
struct Queue {
  std::vector<std::string> files;
  size_t next = 0;
  std::vector<std::vector<TestCase>> results;
  std::function<void(const TestCase&)> told;
};

aio::Task<Result<>> work(Runner& runner, Queue& queue, std::string home) {
  Worker worker{std::move(home), {}};
  Result<> result;
  while (queue.next < queue.files.size() && result) {
    size_t mine = queue.next++;
    auto cases = co_await runner.one(worker, queue.files[mine]);
    if (!cases) {
      result = fail(std::move(cases).error());
      break;
    }
    for (const TestCase& each : *cases) queue.told(each);
    queue.results[mine] = *std::move(cases);
  }
  auto ended = co_await aio::shield(runner.end_farm(worker));
  co_return result ? ended : result;
}

/// A part that others include has no sfConfig, and is no test; what is no description at all is
/// told so when it is run.
bool is_test_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (text.size() > static_cast<size_t>(description_max.count())) return false;
  for (size_t at = text.find("sfConfig"); at != std::string::npos;
       at = text.find("sfConfig", at + 1)) {
    size_t after = at + std::string_view("sfConfig").size();
    bool begins = at == 0 || std::isspace(static_cast<unsigned char>(text[at - 1])) ||
                  text[at - 1] == ';' || text[at - 1] == '}' || text[at - 1] == '/';
    if (begins && after < text.size() && std::isspace(static_cast<unsigned char>(text[after])))
      return true;
  }
  return !lang::format(path.string(), std::move(text));
}

}  // namespace

Result<std::vector<std::string>> test_files(const std::vector<std::string>& named) {
  namespace fs = std::filesystem;
  std::vector<std::string> out;
  for (const std::string& name : named) {
    std::error_code problem;
    if (!fs::exists(name, problem)) return fail(Code::not_found, "no such file or folder: " + name);
    if (!fs::is_directory(name, problem)) {
      out.push_back(name);
      continue;
    }
    std::vector<std::string> found = descriptions_below(name);
    std::erase_if(found, [](const std::string& path) { return !is_test_file(path); });
    if (found.empty())
      return fail(Error(Code::not_found, "no description with an sfConfig below " + name));
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

aio::Task<Result<std::vector<TestCase>>> run_tests(aio::World& world, Invocation& invocation,
                                                   std::vector<std::string> files,
                                                   TestOptions options,
                                                   std::function<void(const TestCase&)> told) {
  Runner runner(world, invocation, options);
  Queue queue;
  queue.results.resize(files.size());
  queue.files = std::move(files);
  queue.told = std::move(told);
  aio::Scope scope(co_await aio::here());
  for (size_t i = 0; i < std::min(options.workers, queue.files.size()); ++i)
    scope.spawn(work(runner, queue, fmt::format("{}/{}", options.folder, i)));
  auto joined = co_await scope.join();
  auto removed = co_await aio::shield(world.disk.remove_tree(options.folder));
  CO_TRY(joined);
  if (!removed && removed.error().code != Code::not_found)
    co_return fail(std::move(removed).error());
  std::vector<TestCase> out;
  for (auto& cases : queue.results)
    for (TestCase& each : cases) out.push_back(std::move(each));
  co_return out;
}

}  // namespace croft::cli
