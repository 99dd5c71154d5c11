// Metric: a number that a program on a host finds out, again and again, for others to link to.
#include "components/host/metric.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "components/host/host_component.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr const char* answer_mark = "croft-metric ";
// A host answers a question by yes or no: the number comes as the reason of a no.
constexpr const char* asking =
    "answer=$(\"$@\") || exit 1; printf 'croft-metric %s\\n' \"$answer\"; exit 42";

/// Of "ended with 42: croft-metric 3.5".
std::optional<double> number_in(std::string_view told) {
  size_t at = told.rfind(answer_mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view text = trim(told.substr(at + std::string_view(answer_mark).size()));
  double out = 0;
  auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (read.ec != std::errc() || read.ptr == text.data()) return std::nullopt;
  return out;
}

class Metric : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(Fields(context).command("command"));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context&) override { co_return Result<>{}; }
  bool silence_ends() const override { return false; }

  aio::Task<Result<>> work(Context& context) override {
    Duration period = CO_TRY(context.duration_or("period", "s", Duration::seconds(2)));
    bool told = false;
    for (;;) {
      auto number = co_await asked(context);
      if (!number && number.error().code == Code::cancelled) co_return fail(number.error());
      if (!number && !told) context.event(protocol::event::attention, number.error().line());
      told = !number;
      if (number) show(context, *number);
      CO_TRY(co_await context.world().clock.sleep(period));
    }
  }

 private:
  static aio::Task<Result<double>> asked(Context& context) {
    auto host = CO_TRY(co_await asked_host(context));
    model::Probe probe;
    probe.kind = model::Probe::Kind::command;
    probe.command = {"/bin/sh", "-c", asking, "metric"};
    auto command = CO_TRY(Fields(context).command("command"));
    probe.command.insert(probe.command.end(), command.begin(), command.end());
    auto answer = co_await host->ask(std::move(probe));
    if (answer) co_return fail(Code::internal, "the question of a metric was answered by yes");
    auto number = number_in(answer.error().what);
    if (number) co_return *number;
    if (answer.error().code == Code::cancelled) co_return fail(std::move(answer).error());
    co_return fail(
        Error(Code::unavailable,
              fmt::format("{} finds no number: {}", context.path(), answer.error().line()),
              context.where("command"))
            .hint("it writes one number and ends with 0"));
  }
  static void show(Context& context, double number) {
    auto before = context.record().published.find("value");
    model::Value value(number);
    if (before == context.record().published.end() || !(before->second == value))
      context.publish("value", std::move(value));
  }
};

}  // namespace

engine::ComponentType metric_type() {
  auto value = attribute("value", Type::any, "the number");
  value.published = true;
  auto type = host_type_of(
      "Metric",
      "A number that a program on a host finds out again and again, for others to link to.",
      {required("command", Type::any,
                "program and arguments, or a text for the shell; it writes one number"),
       seconds("period", "2s", "how often"), value},
      [] { return std::make_unique<Metric>(); });
  return type;
}

}  // namespace croft::components
