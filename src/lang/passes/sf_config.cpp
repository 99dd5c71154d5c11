// The sfConfig pass: the tree to deploy is the component that the attribute sfConfig names.
// Source: the language reference, 1.8.
#include <fmt/format.h>

#include "lang/passes/graph.h"
#include "lang/passes/link.h"

namespace croft::lang {

void find_config(Run& run) {
  run.phase = Phase::sf_config;
  Attr* attr = run.find(run.root, word::sf_config);
  if (!attr) {
    size_t error = run.blame(Code::unresolved, "there is no sfConfig: nothing says what to deploy",
                             run.root->pos, nullptr, word::none);
    if (std::string near = nearest("sfConfig", names_in_reach(run, run.root, false)); !near.empty())
      run.error(error).hint(fmt::format("did you mean sfConfig where '{}' stands?", near));
    else
      run.error(error).hint(
          "the component to deploy is written 'sfConfig extends Compound { ... }' at the top "
          "level");
    return;
  }
  size_t before = run.errors.size();
  Val value = evaluate(run, run.root, *attr);
  if (value.is(Kind::component)) {
    run.config = value.node;
    return;
  }
  if (run.errors.size() == before)
    run.blame(Code::type_mismatch, fmt::format("sfConfig is {}, not a component", run.show(value)),
              attr->pos, run.root, word::sf_config);
}

}  // namespace croft::lang
