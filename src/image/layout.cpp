#include "image/layout.h"

#include <array>

#include "base/text.h"
#include "image/source.h"
#include "wire/json.h"

namespace croft::image {

namespace {

namespace json = wire::json;

constexpr size_t document_max = 4 << 20;
constexpr int deepest = 4;
constexpr size_t most_layers = 500;

Result<std::string> read_document(const std::string& path) {
  auto source = TRY(open_source(path));
  std::string out;
  std::array<char, 16384> buffer;
  for (;;) {
    size_t got = TRY(source->read(buffer));
    if (got == 0) return out;
    out.append(buffer.data(), got);
    if (out.size() > document_max)
      return fail(Code::resource_exhausted, fmt::format("{} is too large", path));
  }
}

class Layout {
 public:
  explicit Layout(std::string folder) : folder_(std::move(folder)) {}

  Result<std::vector<std::string>> layers() {
    std::string text = TRY(read_document(folder_ + "/index.json"));
    return of_index(TRY(json::parse_object(text, "index.json")), 0);
  }

 private:
  /// The file of a descriptor, once its bytes are what its digest says.
  Result<std::string> blob(const json::Object& descriptor) {
    std::string digest = TRY(json::string_at(descriptor, "digest"));
    bool plain = digest.starts_with("sha256:") && digest.size() == 71 &&
                 digest.find_first_not_of("0123456789abcdef", 7) == digest.npos;
    if (!plain)
      return fail(Code::unsupported,
                  fmt::format("the digest '{}' is no SHA-256", printable(digest.substr(0, 100))));
    std::string path = folder_ + "/blobs/sha256/" + digest.substr(7);
    TRY(check_digest(path, digest.substr(7)));
    return path;
  }
  static bool for_this_machine(const json::Object& descriptor) {
    auto platform = json::object_if(descriptor, "platform");
    if (!platform || !*platform) return true;
    auto os = json::string_or(**platform, "os", "linux");
    auto kind = json::string_or(**platform, "architecture", "amd64");
    return os && kind && *os == "linux" && *kind == "amd64";
  }
  Result<std::vector<std::string>> of_index(const json::Object& index, int depth) {
    if (depth > deepest) return fail(Code::corrupt, "the image's index has no end");
    for (const json::Value& item : *TRY(json::array_at(index, "manifests"))) {
      if (!item.is_object() || !for_this_machine(item.get_object())) continue;
      std::string path = TRY(blob(item.get_object()));
      json::Object manifest = TRY(json::parse_object(TRY(read_document(path)), "the manifest"));
      if (manifest.contains("manifests")) return of_index(manifest, depth + 1);
      return of_manifest(manifest);
    }
    return fail(Code::not_found, "the layout has no image for linux/amd64");
  }
  Result<std::vector<std::string>> of_manifest(const json::Object& manifest) {
    std::vector<std::string> out;
    for (const json::Value& item : *TRY(json::array_at(manifest, "layers"))) {
      if (!item.is_object() || out.size() >= most_layers)
        return fail(Code::corrupt, "the image's manifest has wrong layers");
      out.push_back(TRY(blob(item.get_object())));
    }
    if (out.empty()) return fail(Code::corrupt, "the image's manifest has no layers");
    return out;
  }

  std::string folder_;
};

}  // namespace

Result<std::vector<std::string>> layers_of(const std::string& folder) {
  return Layout(folder).layers();
}

Result<bool> is_layout_archive(const std::string& path) {
  constexpr int most = 2000;
  auto source = TRY(open_source(path));
  TarReader reader([&](std::span<char> into) { return source->read(into); });
  for (int i = 0; i < most; ++i) {
    auto entry = TRY(reader.next());
    if (!entry) return false;
    if (entry->path == "oci-layout" || entry->path == "index.json") return true;
    // A root file system has folders of its own; a layout has one.
    if (!entry->path.empty() && !entry->path.starts_with("blobs") &&
        !entry->path.ends_with(".json") && entry->path != "repositories")
      return false;
  }
  return false;
}

}  // namespace croft::image
