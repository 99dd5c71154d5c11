// The language server as a state machine: bytes in, bytes out, no I/O of its own. Methods:
// initialize, shutdown, exit; textDocument/ didOpen, didChange (incremental), didClose, didSave,
// publishDiagnostics, hover, completion, definition, references, prepareRename, rename,
// documentSymbol, formatting; workspace/ didChangeConfiguration, didChangeWatchedFiles.
// Diagnostics wait until `work` is called: the owner does so when no input has come for `patience`.
// Loop thread only. Limits: a message has 128 MiB at most, a document 64 MiB; the resolver's are
// lower than on the command line.
#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lang/lsp/features.h"
#include "model/schema.h"

namespace croft::lang::lsp {

struct ServerOptions {
  Options language;  ///< reader, properties, environment, include folders
  const model::SchemaSet* schemas = nullptr;
  std::string version;
  /// A file on disk with the text of a library file ("org/smartfrog/components.sf"), so that
  /// every editor can open it; empty: none can be had.
  std::function<std::string(const std::string& path)> library_on_disk;
  /// Descriptions below a folder, for references and rename; a bounded number of them.
  std::function<std::vector<std::string>(const std::string& folder)> descriptions_below;
  FolderLister list_folder;
};

class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();

  /// Takes bytes; what is to be sent back is appended to `out`.
  void feed(std::string_view bytes, std::string& out);
  /// Diagnoses one document whose text changed; call again while has_work().
  void work(std::string& out);
  bool has_work() const;
  /// How long to wait for more input before work(): little for small texts, longer for slow ones.
  int patience_ms() const;
  /// How long the last work() took: told by the owner, who has a clock.
  void last_work_took_ms(int64_t ms);
  /// After `exit`: the exit code of the process.
  std::optional<int> exit_code() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "file:///a%20b.sf" -> "/a b.sf"; other addresses stay as they are.
std::string file_of_uri(std::string_view uri);
std::string uri_of_file(std::string_view file);

}  // namespace croft::lang::lsp
