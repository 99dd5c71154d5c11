// Files of components: below the application's work folder, and in what the operator has opened
// with `--allow-files`. Loop thread only.
#pragma once
#include <string>

#include "components/registry.h"
#include "engine/component.h"

namespace croft::components {

/// The path that an attribute names: a relative one is below the work folder, that of `filename`
/// below `dir` or `parent` where the component has one. A component stands for its absolutePath.
/// Code::permission_denied for one that leads anywhere else, with the way to allow it.
/// Symbolic links do not lead out either.
aio::Task<Result<std::string>> file_path(engine::Context& context, std::string attribute);
/// The same for a text that stands elsewhere.
aio::Task<Result<std::string>> confined(engine::Context& context, std::string text, Where where);
/// The text of a path that an attribute has as its value: a string, or a component with one.
Result<std::string> path_text(const engine::Context& context, std::string_view attribute,
                              const model::Value& value);
/// A new path from prefix, something new, and suffix, in `dir` where there is one.
aio::Task<Result<std::string>> temporary_path(engine::Context& context, std::string prefix,
                                              std::string suffix);
/// "/a/b" of "/a/./c/../b"; ".." above the root stays at the root.
std::string normal_path(std::string_view path);

enum class Removal { file, tree };
/// Makes the folder of a file where that is the work folder itself, or createParentDirs says so.
aio::Task<Result<>> make_parents(engine::Context& context, std::string path);

/// The elements of a vector of strings, each with a line break after it.
Result<std::string> lines_of(const engine::Context& context, std::string_view name);

/// What is not there need not be removed.
aio::Task<Result<>> remove_if_there(engine::Context& context, Removal what, std::string path);

/// What a temporary file or folder remembered as its "path" goes, where deleteOnExit says so.
aio::Task<Result<>> remove_temporary(engine::Context& context, Removal what);

/// Tells where it is: absolutePath and uri.
void publish_path(engine::Context& context, const std::string& path);
/// The two, for schemas.
std::vector<model::AttributeSchema> with_path(std::vector<model::AttributeSchema> attributes);

/// A schema of this family: a OneStep, which ends as sfShouldTerminate says.
engine::ComponentType file_type_of(std::string name, std::string doc,
                                   std::vector<model::AttributeSchema> attributes,
                                   std::function<std::unique_ptr<engine::Component>()> make);

/// A component whose whole work is done in start(); ends after it where it is told to.
class OneStep : public engine::Component {
 public:
  explicit OneStep(bool ends_by_default) : ends_by_default_(ends_by_default) {}
  aio::Task<Result<>> work(engine::Context& context) override {
    co_return context.done(model::TerminationRecord::normal(context.path()), ends_by_default_);
  }

 private:
  bool ends_by_default_;
};

/// One that stays unless sfShouldTerminate says otherwise.
class Staying : public OneStep {
 public:
  Staying() : OneStep(false) {}
};

constexpr uint32_t usual_mode = 0644;
constexpr Bytes file_max = Bytes::mib(64);

}  // namespace croft::components
