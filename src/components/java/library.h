// Where a file lies in a repository. Pure.
#pragma once
#include <string>

#include "base/error.h"

namespace croft::components {

enum class RepositoryLayout { maven1, maven2, ivy_cache, ivy_published, flat, none };

struct ArtifactName {
  std::string project;  ///< "org.apache.ant"
  std::string artifact, version, classifier;
  std::string extension = "jar";
};

/// "org/apache/ant/ant/1.10/ant-1.10.jar". Empty for `none`. Code::invalid_argument where the
/// layout needs a version and there is none.
Result<std::string> artifact_path(RepositoryLayout layout, const ArtifactName& name);

}  // namespace croft::components
