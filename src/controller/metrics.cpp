// GET /metrics: the text format of Prometheus (version 0.0.4), for the controller, what it runs,
// and the machines with agents, as their agents last said.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "base/text.h"
#include "controller/routes.h"
#include "controller/views.h"

namespace croft::controller {

using State = Controller::State;

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void sample(double value, std::vector<std::pair<std::string_view, std::string>> labels = {}) {
    std::string inside;
    for (const auto& [name, label] : labels)
      inside += fmt::format("{}{}={}", inside.empty() ? "" : ",", name, quoted(label));
    text_ += inside.empty() ? fmt::format("{} {}\n", name_, value)
                            : fmt::format("{}{{{}}} {}\n", name_, inside, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_, name_;
};

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void tell_controller(Page& page, const State& state) {
  page.family("croft_controller_info", "gauge", "The version of this controller.");
  page.sample(1, {{"version", CROFT_VERSION}});
  page.family("croft_controller_start_time_seconds", "gauge", "When it started, Unix time.");
  page.sample(static_cast<double>(state.started.unix_seconds()));
  page.family("croft_controller_resident_memory_bytes", "gauge", "Its memory.");
  page.sample(resident_bytes());
}

void tell_applications(Page& page, const State& state) {
  page.family("croft_application_phase", "gauge", "1 for the phase that an application is in.");
  for (const auto& [name, application] : state.applications)
    page.sample(1, {{"application", name},
                    {"phase", std::string(phase_name(application->record().state))}});
  page.family("croft_components", "gauge", "Components, by state.");
  for (const auto& [name, application] : state.applications) {
    std::map<std::string, int> states;
    for (const auto& node : application->nodes())
      ++states[std::string(name_of(node->record.state))];
    for (const auto& [word, count] : states)
      page.sample(count, {{"application", name}, {"state", word}});
  }
  page.family("croft_components_silent", "gauge",
              "Running, with a last liveness check that told nothing.");
  for (const auto& [name, application] : state.applications) {
    int silent = 0;
    for (const auto& node : application->nodes()) silent += !node->silence.empty();
    page.sample(silent, {{"application", name}});
  }
  page.family("croft_instances", "gauge", "Instances that are rented.");
  for (const auto& [name, application] : state.applications)
    page.sample(static_cast<double>(application->instances()), {{"application", name}});
  page.family("croft_kept", "gauge", "Things that stay on purpose.");
  for (const auto& [name, application] : state.applications)
    page.sample(static_cast<double>(application->kept()), {{"application", name}});
  page.family("croft_events_total", "counter", "Events that were told.");
  for (const auto& [name, application] : state.applications)
    page.sample(static_cast<double>(application->last_event()), {{"application", name}});
}

/// `tell(host, labels)` for each machine of each application.
template <class Tell>
void each_host(const State& state, Tell tell) {
  for (const auto& [name, application] : state.applications)
    for (const auto& host : state.hosts->of(name))
      tell(*host, std::vector<std::pair<std::string_view, std::string>>{
                      {"application", name},
                      {"instance", host->name()},
                      {"component", host->machine().component}});
}

void tell_hosts(Page& page, const State& state) {
  Moment now = state.world.clock.now();
  page.family("croft_host_connected", "gauge", "1 while the agent holds its connection.");
  each_host(state,
            [&](const RemoteHost& host, auto labels) { page.sample(host.connected(), labels); });
  page.family("croft_host_lost", "gauge", "1 once the host was declared dead.");
  each_host(state, [&](const RemoteHost& host, auto labels) {
    page.sample(host.lost().has_value(), labels);
  });
  page.family("croft_host_silence_seconds", "gauge", "Since its last heartbeat.");
  each_host(state, [&](const RemoteHost& host, auto labels) {
    page.sample(static_cast<double>((now - host.last_heard()).ms()) / 1e3, labels);
  });
  page.family("croft_work_running", "gauge", "1 while a work of the host runs as it should.");
  each_host(state, [&](const RemoteHost& host, auto labels) {
    for (const auto& [work, last] : host.states()) {
      auto more = labels;
      more.emplace_back("work", work);
      page.sample(last.phase == model::WorkState::Phase::ready, more);
    }
  });
  page.family("croft_work_restarts_total", "counter", "Starts of a work after its first.");
  each_host(state, [&](const RemoteHost& host, auto labels) {
    for (const auto& [work, last] : host.states()) {
      auto more = labels;
      more.emplace_back("work", work);
      page.sample(static_cast<double>(last.restarts), more);
    }
  });
}

/// What agents and processes use of their machines, as agents last told.
void tell_usage(Page& page, const State& state) {
  struct Family {
    const char* name;
    const char* type;
    const char* help;
    double (*value)(const model::WorkUsage&);
  };
  constexpr Family of_works[] = {
      {"croft_work_cpu_seconds_total", "counter", "CPU time of a work's processes.",
       [](const model::WorkUsage& usage) { return static_cast<double>(usage.cpu.ns()) / 1e9; }},
      {"croft_work_resident_memory_bytes", "gauge", "Their memory.",
       [](const model::WorkUsage& usage) { return static_cast<double>(usage.memory.count()); }},
      {"croft_work_open_files", "gauge", "Descriptors that they hold.",
       [](const model::WorkUsage& usage) { return static_cast<double>(usage.files); }},
      {"croft_work_processes", "gauge", "How many they are.",
       [](const model::WorkUsage& usage) { return static_cast<double>(usage.processes); }}};
  for (const Family& family : of_works) {
    page.family(family.name, family.type, family.help);
    each_host(state, [&](const RemoteHost& host, auto labels) {
      for (const auto& [work, usage] : host.usages()) {
        auto more = labels;
        more.emplace_back("work", work);
        page.sample(family.value(usage), more);
      }
    });
  }
  page.family("croft_work_metric", "untyped", "What a work tells of itself (Process, `metrics`).");
  each_host(state, [&](const RemoteHost& host, auto labels) {
    for (const auto& [work, usage] : host.usages())
      for (const auto& [name, value] : usage.metrics) {
        auto more = labels;
        more.emplace_back("work", work);
        more.emplace_back("name", name);
        page.sample(value, more);
      }
  });
  constexpr Family of_agents[] = {
      {"croft_agent_cpu_seconds_total", "counter", "CPU time of an agent itself.",
       of_works[0].value},
      {"croft_agent_resident_memory_bytes", "gauge", "Its memory.", of_works[1].value},
      {"croft_agent_open_files", "gauge", "Descriptors that it holds.", of_works[2].value}};
  for (const Family& family : of_agents) {
    page.family(family.name, family.type, family.help);
    each_host(state, [&](const RemoteHost& host, auto labels) {
      if (host.agent_usage()) page.sample(family.value(*host.agent_usage()), labels);
    });
  }
}

}  // namespace

aio::Task<Result<>> Controller::State::answer_collector(net::Exchange& exchange) {
  if (exchange.request().target == "/metrics") co_return co_await router.handle(exchange);
  co_return co_await refuse(exchange, Error(Code::not_found, "only /metrics is answered here"));
}

aio::Task<Result<>> show_metrics(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  Page page;
  tell_controller(page, state);
  tell_applications(page, state);
  tell_hosts(page, state);
  tell_usage(page, state);
  co_return co_await exchange.respond(
      200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, page.take());
}

}  // namespace croft::controller
