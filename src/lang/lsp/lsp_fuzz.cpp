// The language server over any bytes: framing, JSON, edits and all requests on what they leave.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "lang/lsp/frames.h"
#include "lang/lsp/server.h"
#include "wire/json.h"

using namespace croft::lang::lsp;

namespace {

std::string request(int id, const char* method, std::string_view more) {
  return framed(fmt::format(
      R"({{"jsonrpc":"2.0","id":{},"method":"textDocument/{}","params":{{"textDocument":{{"uri":"u"}}{}}}}})",
      id, method, more));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string out;
  Server raw({});
  raw.feed(bytes, out);

  Server server({});
  server.feed(framed(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{}})"), out);
  std::string text = croft::wire::json::quote(bytes);
  server.feed(framed(R"({"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":)"
                     R"({"uri":"u","version":1,"text":)" +
                     text + "}}}"),
              out);
  uint32_t line = size > 0 ? data[0] % 8 : 0, character = size > 1 ? data[1] % 40 : 0;
  std::string at =
      fmt::format(R"(,"position":{{"line":{},"character":{}}},"newName":"n")", line, character);
  int id = 1;
  for (const char* method : {"hover", "completion", "definition", "references", "prepareRename",
                             "rename", "documentSymbol", "formatting"})
    server.feed(request(id++, method, at), out);
  server.work(out);
  server.feed(request(id++, "hover", at), out);
  return 0;
}
