// The lifecycle is a table of states x events: it is walked whole, against rules written down here.
#include "model/lifecycle.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace croft::model {
namespace {

constexpr State states[] = {State::described, State::deploying,   State::deployed,  State::starting,
                            State::running,   State::terminating, State::terminated};
constexpr LifeEvent events[] = {
    LifeEvent::deploy, LifeEvent::deploy_done, LifeEvent::start,         LifeEvent::start_done,
    LifeEvent::fail,   LifeEvent::terminate,   LifeEvent::terminate_done};

TEST(Lifecycle, EveryCellIsAsTheReferenceHasIt) {
  for (State state : states)
    for (LifeEvent event : events) {
      std::optional<State> wanted;
      bool over = state == State::terminating || state == State::terminated;
      switch (event) {
        case LifeEvent::deploy:
          if (state == State::described) wanted = State::deploying;
          break;
        case LifeEvent::deploy_done:
          if (state == State::deploying) wanted = State::deployed;
          break;
        case LifeEvent::start:
          if (state == State::deployed) wanted = State::starting;
          break;
        case LifeEvent::start_done:
          if (state == State::starting) wanted = State::running;
          break;
        case LifeEvent::fail:
        case LifeEvent::terminate:
          // Legal from any state before the end, also while it is ending: that is a second try.
          if (state != State::terminated) wanted = State::terminating;
          break;
        case LifeEvent::terminate_done:
          if (state == State::terminating) wanted = State::terminated;
          break;
      }
      EXPECT_EQ(next(state, event), wanted)
          << name_of(state) << " " << name_of(event) << (over ? " (over)" : "");
    }
}

TEST(Lifecycle, EveryStateIsReachedAndNoneIsLeftButToTheEnd) {
  std::set<State> reached{State::described};
  for (size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (State state : std::set<State>(reached))
      for (LifeEvent event : events)
        if (auto to = next(state, event)) reached.insert(*to);
  }
  EXPECT_EQ(reached.size(), std::size(states));
  for (LifeEvent event : events) EXPECT_FALSE(next(State::terminated, event)) << name_of(event);
  for (State state : states)
    if (state != State::terminated) EXPECT_TRUE(next(state, LifeEvent::terminate));
}

TEST(Lifecycle, NamesReadBack) {
  for (State state : states) EXPECT_EQ(state_from_name(name_of(state)), state);
  EXPECT_FALSE(state_from_name("asleep"));
}

}  // namespace
}  // namespace croft::model
