#include "model/host_work.h"

#include <utility>

namespace croft::model {

std::string_view name_of(Probe::Kind kind) {
  switch (kind) {
    case Probe::Kind::port:
      return "port";
    case Probe::Kind::http:
      return "http";
    case Probe::Kind::file:
      return "file";
    case Probe::Kind::command:
      return "command";
    case Probe::Kind::log:
      return "log";
    case Probe::Kind::notify:
      return "notify";
  }
  std::unreachable();
}

std::string_view name_of(WorkState::Phase phase) {
  switch (phase) {
    case WorkState::Phase::waiting:
      return "waiting";
    case WorkState::Phase::starting:
      return "starting";
    case WorkState::Phase::ready:
      return "ready";
    case WorkState::Phase::backoff:
      return "backoff";
    case WorkState::Phase::failing:
      return "failing";
    case WorkState::Phase::ended:
      return "ended";
    case WorkState::Phase::stopping:
      return "stopping";
    case WorkState::Phase::gone:
      return "gone";
  }
  std::unreachable();
}

}  // namespace croft::model
