// Who of the hosts is dead. Silence alone proves nothing: first a few peers are asked to reach the
// host, then the farm what it knows; the controller doubts itself before it doubts others; and
// where many fall silent at once, it is more likely that we are cut off. Pure: time and answers
// come in, questions and verdicts go out. Sources: Lifeguard (local health), Anubis and Rapid
// (stability), RELIABILITY 1.4 B.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace croft::membership {

struct JudgeOptions {
  Duration period = Duration::seconds(1);  ///< of heartbeats
  int missed = 2;                          ///< so many periods of silence are suspicious
  Duration probe_within = Duration::milliseconds(500);
  int stable_periods = 1;    ///< as long nothing may change between suspicion and verdict
  int lag_most = 9;          ///< timeouts are stretched by our own lag, at most so many times
  int lag_abstains = 4;      ///< above it we judge nobody
  size_t brake_least = 3;    ///< so many at least, and
  double brake_share = 0.2;  ///< this share of all, gone within
  Duration brake_within = Duration::seconds(30);  ///< this time: nobody is replaced
};

enum class Health { alive, suspect, dead };
std::string_view name_of(Health health);

/// What the judge wants to know or do.
struct Wish {
  enum class Kind {
    probe,    ///< ask peers to reach `node`; answer with probed()
    declare,  ///< `node` is dead: fence it, then replace it
    clear,    ///< `node` is alive after all
    brake,    ///< too many at once: nothing is declared until it is over
    release,  ///< it is over
  };
  Kind kind;
  std::string node;
  std::string why;  ///< for people
};

class Judge {
 public:
  explicit Judge(JudgeOptions options = {}) : options_(options) {}

  /// A host that is to be watched, heard of now. Again: nothing.
  void add(const std::string& node, Moment now);
  void remove(const std::string& node);
  size_t size() const { return nodes_.size(); }
  /// Anything that came from it.
  void heard(const std::string& node, Moment at);
  /// What peers found: it answered one of them, or none; nullopt: there was nobody to ask.
  void probed(const std::string& node, std::optional<bool> reached);
  /// To be called once a period or more often; `lag`: how much later than it should have been.
  std::vector<Wish> tick(Moment now, Duration lag);

  Health health(const std::string& node) const;
  bool braking() const { return braking_; }
  /// Within how long a dead host is declared, while nothing holds it up.
  Duration bound() const;

 private:
  struct Node {
    Moment heard;
    Health health = Health::alive;
    Moment suspected;
    bool asked = false;
    bool answered = false;
    std::optional<bool> reached;
  };
  bool too_many(Moment now) const;

  JudgeOptions options_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, Moment> lost_;  // when the silent ones fell silent, the declared included
  bool braking_ = false;
};

}  // namespace croft::membership
