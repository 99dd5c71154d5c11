// A farm's machines for tests, in a folder of their own, with a check at the end that nothing of
// them is left on this computer. Only with root; without it tests say so and skip.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "aio/real/real_world.h"
#include "sandbox/sandbox.h"

namespace croft::sandbox {

class TestFarm : public ::testing::Test {
 public:
  /// Runs a coroutine on the loop; a failure of the whole is a failure of the test.
  template <class T>
  T run(aio::Task<T> task) {
    return world_->run(std::move(task));
  }
  aio::World& world() { return world_->world(); }

 protected:
  void SetUp() override;
  void TearDown() override;

  /// Opens the farm's machines (again).
  void open();
  void close();
  /// As when the farm was killed: the spawner is told nothing.
  void abandon();

  MachineSpec spec(int number, std::string user_data = {});
  Machine start(MachineSpec wanted);
  void destroy(const std::string& id);
  /// Runs a bash script in a small machine; what its lines "name: result" say, by name.
  std::map<std::string, std::string> results_of(int number, const std::string& script,
                                                Bytes memory = Bytes::mib(256));
  /// Until the console holds `text`, or the deadline of 20 s; what it holds then.
  std::string console_with(const std::string& id, const std::string& text);
  static int spawner_pid();
  /// Whether the process that started then ends within 20 s.
  static bool ends(int pid, uint64_t start_time);
  /// Processes, cgroups, loop devices and id ranges that carry this farm's folder or id.
  std::string traces();

  std::string folder_;
  std::string farm_id_;
  std::string console_;  ///< of the last results_of()
  std::unique_ptr<aio::RealWorld> world_;
  std::unique_ptr<Machines> machines_;
};

}  // namespace croft::sandbox
