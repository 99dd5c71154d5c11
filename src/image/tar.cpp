#include "image/tar.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace croft::image {

namespace {

constexpr size_t block_size = 512;

std::unexpected<Error> damaged(std::string_view why) {
  return fail(Code::corrupt, fmt::format("the archive is damaged: {}", why));
}

/// Octal text, or base 256 where the first bit is set.
Result<uint64_t> number(std::string_view field) {
  auto first = static_cast<unsigned char>(field[0]);
  uint64_t out = 0;
  if ((first & 0x80) != 0) {
    if (first != 0x80) return damaged("a number is negative or too large");
    for (char c : field.substr(1)) {
      if (out >> 55 != 0) return damaged("a number is too large");
      out = out << 8 | static_cast<unsigned char>(c);
    }
    return out;
  }
  size_t at = 0;
  while (at < field.size() && field[at] == ' ') ++at;
  for (; at < field.size() && field[at] >= '0' && field[at] <= '7'; ++at) {
    if (out >> 60 != 0) return damaged("a number is too large");
    out = out * 8 + static_cast<uint64_t>(field[at] - '0');
  }
  if (at < field.size() && field[at] != '\0' && field[at] != ' ')
    return damaged("a number is not octal");
  return out;
}

std::string_view text_of(std::string_view field) {
  return field.substr(0, std::min(field.find('\0'), field.size()));
}

bool sum_is_right(std::string_view head, uint64_t expected) {
  uint64_t sum = 0;
  for (size_t i = 0; i < block_size; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(head[i]);
  return sum == expected;
}

uint32_t owner(uint64_t id) {
  constexpr uint64_t nobody = 65534;  // machines have 65536 ids
  return static_cast<uint32_t>(id < 65536 ? id : nobody);
}

}  // namespace

Result<std::string> inner_path(std::string_view name) {
  auto refuse = [&](std::string_view why) {
    return fail(Code::invalid_argument,
                fmt::format("the archive names '{}': {}", printable(name.substr(0, 200)), why));
  };
  if (name.size() > TarReader::path_max) return refuse("the name is too long");
  if (name.find('\0') != name.npos) return refuse("a name with a zero byte");
  std::string out;
  for (const std::string& part : split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return refuse("it leads outside of the image");
    if (part.size() > 255) return refuse("the name is too long");
    out += (out.empty() ? "" : "/") + part;
  }
  return out;
}

/// A whole block; false at the end of the archive.
Result<bool> TarReader::block(std::span<char> into) {
  for (size_t have = 0; have < into.size();) {
    size_t got = TRY(read_(into.subspan(have)));
    if (got == 0 && have == 0) return false;
    if (got == 0) return damaged("it ends inside of a block");
    have += got;
  }
  return true;
}

Result<> TarReader::skip(uint64_t bytes) {
  std::array<char, 16384> buffer;
  while (bytes > 0) {
    size_t want = static_cast<size_t>(std::min<uint64_t>(bytes, buffer.size()));
    size_t got = TRY(read_(std::span(buffer).first(want)));
    if (got == 0) return damaged("it ends inside of a file");
    bytes -= got;
  }
  return {};
}

Result<std::string> TarReader::text(uint64_t size) {
  if (size > header_max) return damaged("an extended header is too large");
  std::string out(static_cast<size_t>(size), '\0');
  if (size > 0 && !TRY(block(out))) return damaged("it ends inside of a header");
  TRY(skip((block_size - size % block_size) % block_size));
  return out;
}

/// "LENGTH KEY=VALUE\n", again and again.
Result<> TarReader::read_pax(uint64_t size, Extended& into) {
  std::string data = TRY(text(size));
  for (std::string_view rest = data; !rest.empty() && rest[0] != '\0';) {
    size_t space = rest.find(' ');
    auto length = parse_u64(rest.substr(0, space));
    if (space == rest.npos || !length || *length <= space + 1 || *length > rest.size() ||
        rest[*length - 1] != '\n')
      return damaged("an extended header has no length");
    std::string_view field = rest.substr(space + 1, *length - space - 2);
    size_t equals = field.find('=');
    if (equals == field.npos) return damaged("an extended header has no value");
    into.insert_or_assign(std::string(field.substr(0, equals)),
                          std::string(field.substr(equals + 1)));
    rest.remove_prefix(*length);
  }
  return {};
}

Result<TarEntry> TarReader::entry_of(std::string_view head, const Extended& extended) {
  TarEntry out;
  auto value = [&](std::string_view key) -> const std::string* {
    if (auto at = extended.find(key); at != extended.end()) return &at->second;
    auto at = global_.find(key);
    return at == global_.end() ? nullptr : &at->second;
  };
  auto numeric = [&](std::string_view key, std::string_view field) -> Result<uint64_t> {
    const std::string* text = value(key);
    if (!text) return number(field);
    auto parsed = parse_u64(text->substr(0, text->find('.')));
    if (!parsed) return damaged(fmt::format("'{}' of an extended header is no number", key));
    return *parsed;
  };
  if (value("GNU.sparse.major") || value("GNU.sparse.size"))
    return fail(Code::unsupported, "the archive has sparse files: make it without --sparse");
  std::string name(text_of(head.substr(0, 100)));
  bool ustar = head.substr(257, 5) == "ustar";
  if (std::string_view prefix = text_of(head.substr(345, 155));
      ustar && !prefix.empty() && head[263] == '0')
    name = std::string(prefix) + "/" + name;
  if (const std::string* path = value("path")) name = *path;
  std::string target(text_of(head.substr(157, 100)));
  if (const std::string* link = value("linkpath")) target = *link;
  bool slash = name.ends_with('/');
  out.path = TRY(inner_path(name));
  // Sticky folders, yes; rights of whoever owns the file, no.
  out.mode = static_cast<uint32_t>(TRY(number(head.substr(100, 8))) & 01777);
  out.uid = owner(TRY(numeric("uid", head.substr(108, 8))));
  out.gid = owner(TRY(numeric("gid", head.substr(116, 8))));
  out.size = TRY(numeric("size", head.substr(124, 12)));
  out.modified = static_cast<int64_t>(
      std::min<uint64_t>(TRY(number(head.substr(136, 12))), uint64_t{1} << 40));
  switch (head[156]) {
    case '0':
    case '\0':
    case '7':
      out.kind = slash ? TarEntry::Kind::folder : TarEntry::Kind::file;
      break;
    case '1':
      out.kind = TarEntry::Kind::hard_link;
      target = TRY(inner_path(target));
      break;
    case '2':
      out.kind = TarEntry::Kind::link;
      break;
    case '3':
    case '4':
    case '6':
      out.kind = TarEntry::Kind::device;
      break;
    case '5':
      out.kind = TarEntry::Kind::folder;
      break;
    default:
      return damaged(
          fmt::format("an entry of kind '{}' is not understood", printable(head.substr(156, 1))));
  }
  if (out.kind != TarEntry::Kind::file) out.size = 0;
  if (target.size() > path_max || target.find('\0') != target.npos ||
      (out.kind == TarEntry::Kind::link && target.empty()))
    return damaged("a link leads nowhere");
  out.target = std::move(target);
  if (out.path.empty() && out.kind != TarEntry::Kind::folder)
    return damaged("an entry has no name");
  return out;
}

Result<std::optional<TarEntry>> TarReader::next() {
  constexpr int most_headers = 64;  // in front of one entry
  TRY(skip(left_ + padding_));
  left_ = padding_ = 0;
  Extended extended;
  for (int headers = 0; headers < most_headers; ++headers) {
    std::array<char, block_size> raw;
    if (!TRY(block(raw))) return std::nullopt;
    std::string_view head(raw.data(), raw.size());
    // A block of zeros ends the archive; what follows it is padding.
    if (head.find_first_not_of('\0') == head.npos) return std::nullopt;
    if (!sum_is_right(head, TRY(number(head.substr(148, 8)))))
      return damaged("the sum of a header is wrong; is it a tar archive?");
    char kind = head[156];
    uint64_t size = TRY(number(head.substr(124, 12)));
    if (kind == 'x' || kind == 'g') {
      TRY(read_pax(size, kind == 'g' ? global_ : extended));
    } else if (kind == 'L' || kind == 'K') {
      std::string name = TRY(text(size));
      extended.insert_or_assign(kind == 'L' ? "path" : "linkpath", std::string(text_of(name)));
    } else {
      TarEntry entry = TRY(entry_of(head, extended));
      left_ = entry.size;
      padding_ = (block_size - entry.size % block_size) % block_size;
      return entry;
    }
  }
  return damaged("an entry has too many headers");
}

Result<size_t> TarReader::read(std::span<char> into) {
  size_t want = static_cast<size_t>(std::min<uint64_t>(into.size(), left_));
  if (want == 0) return size_t{0};
  size_t got = TRY(read_(into.first(want)));
  if (got == 0) return damaged("it ends inside of a file");
  left_ -= got;
  return got;
}

}  // namespace croft::image
