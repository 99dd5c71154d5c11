// How a component ended: the termination record of SmartFrog (language reference 2.2).
#pragma once
#include <string>

namespace croft::model {

struct TerminationRecord {
  /// "normal", "abnormal", "externalReferenceDead", or any word a Try dispatches on.
  std::string type = "normal";
  std::string description;
  std::string culprit;  ///< path of the component that ended first
  std::string cause;    ///< rendered error, empty for a normal end

  static TerminationRecord normal(std::string culprit_path, std::string text = "") {
    return {"normal", std::move(text), std::move(culprit_path), ""};
  }
  static TerminationRecord abnormal(std::string culprit_path, std::string text,
                                    std::string cause_text = "") {
    return {"abnormal", std::move(text), std::move(culprit_path), std::move(cause_text)};
  }
  bool is_normal() const { return type == "normal"; }
};

}  // namespace croft::model
