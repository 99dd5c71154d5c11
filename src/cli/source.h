// Where the text of a description comes from: a file, a folder, or an object of S3.
#pragma once
#include <string>

#include "cli/command.h"
#include "lang/lang.h"

namespace croft::cli {

/// The file that an argument means: a folder's main.sf, FOLDER.sf or only description.
Result<std::string> main_file(const std::string& argument);

/// Reads files, and "s3://bucket/key" from the farm that CROFT_FARM, AWS_ENDPOINT_URL or --farm
/// names (else the embedded one of this home, which must run).
lang::FileReader file_reader(const Invocation& invocation);

/// The description files below a folder, in order. A link that leads nowhere or to itself, and
/// folders that may not be read, are passed over.
std::vector<std::string> descriptions_below(const std::string& folder);

}  // namespace croft::cli
