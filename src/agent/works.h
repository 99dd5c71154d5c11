// The items of a host on its disk: one file to which each change is appended, with one sync for all
// that wait for it; written anew once most of it is old. Only places are held in memory. Loop
// thread only.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/sync.h"
#include "aio/world.h"

namespace croft::agent {

class Works {
 public:
  struct Text {
    std::string name, text;
  };

  explicit Works(aio::World& world) : world_(world) {}

  /// What the file holds, by name; it is made when absent. A line that a crash cut off is left out.
  aio::Task<Result<std::vector<Text>>> open(std::string path);
  /// Durable on return. `text`: JSON without a line break. After an error nothing has changed.
  aio::Task<Result<>> put(std::string name, std::string text);
  aio::Task<Result<>> erase(std::string name);

 private:
  struct Place {
    uint64_t offset = 0, size = 0;
  };
  /// What is written together.
  struct Batch {
    std::vector<std::pair<std::string, std::string>> lines;  // name, line
    bool over = false;
    std::optional<Error> error;
  };

  aio::Task<Result<>> append(std::string name, std::string line);
  aio::Task<Result<>> write(Batch& batch);
  aio::Task<Result<>> write_anew();
  void note(std::string name, std::string_view line, uint64_t offset);

  aio::World& world_;
  std::string path_;
  std::unique_ptr<aio::File> file_;
  std::map<std::string, Place, std::less<>> places_;
  uint64_t size_ = 0, live_ = 0;
  std::shared_ptr<Batch> next_;
  bool writing_ = false;
  aio::Signal written_;
};

}  // namespace croft::agent
