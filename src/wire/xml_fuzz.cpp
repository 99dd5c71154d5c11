// The reader must not crash, and text it gives must survive the writer.
#include "wire/xml.h"

namespace {
void copy(croft::wire::xml::Writer& writer, croft::wire::xml::Element element, int depth) {
  CHECK(depth <= 32, "deeper than the limit");
  writer.open("e", {{"n", element.name()}, {"s", element.name_space()}});
  writer.element("t", element.text());
  for (auto child : element.children()) copy(writer, child, depth + 1);
  writer.close();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft::wire;
  auto document = xml::Document::parse({reinterpret_cast<const char*>(data), size});
  if (!document) return 0;
  xml::Writer writer;
  copy(writer, document->root(), 1);
  std::string text = writer.take();
  auto again = xml::Document::parse(text, "copy", {.size = croft::Bytes::mib(64), .depth = 40});
  CHECK(again.has_value(), "what was written does not parse");
  CHECK(again->root().child("t").text() == document->root().text(), "text changes when written");
  return 0;
}
