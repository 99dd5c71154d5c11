#include "lang/lsp/frames.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace croft::lang::lsp {
namespace {

constexpr std::string_view length_field = "content-length";

/// The length that a header names; nullopt when it names none.
std::optional<uint64_t> length_of(std::string_view header) {
  for (const auto& line : split(header, '\n')) {
    auto parts = cut(line, ':');
    if (!parts || !equals_ignore_case(trim(parts->first), length_field)) continue;
    return parse_u64(trim(parts->second));
  }
  return std::nullopt;
}

}  // namespace

std::optional<FrameReader::Frame> FrameReader::skip_garbage() {
  // The next header begins at the next "Content-Length" in any case of letters.
  auto same = [](char a, char b) { return (a | 0x20) == b; };
  auto found = std::search(buffer_.begin() + 1, buffer_.end(), length_field.begin(),
                           length_field.end(), same);
  if (found == buffer_.end()) {
    buffer_.erase(0, buffer_.size() - std::min(buffer_.size() - 1, length_field.size() - 1));
  } else {
    buffer_.erase(buffer_.begin(), found);
  }
  return Frame{"", "bytes that are no message were skipped"};
}

std::optional<FrameReader::Frame> FrameReader::next() {
  size_t skipped = std::min(skip_, buffer_.size());
  buffer_.erase(0, skipped);
  skip_ -= skipped;
  if (skip_ > 0 || buffer_.empty()) return std::nullopt;
  size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos || end > header_max) {
    bool header = end == std::string::npos && buffer_.size() <= header_max;
    if (header) return std::nullopt;
    return skip_garbage();
  }
  auto length = length_of(std::string_view(buffer_).substr(0, end));
  if (!length) return skip_garbage();
  size_t start = end + 4;
  if (*length > message_max) {
    buffer_.erase(0, start);
    skip_ = *length;
    return Frame{
        "", fmt::format("a message of {} bytes was skipped; {} are allowed", *length, message_max)};
  }
  if (buffer_.size() - start < *length) return std::nullopt;
  Frame out{buffer_.substr(start, *length), ""};
  buffer_.erase(0, start + *length);
  return out;
}

std::string framed(std::string_view body) {
  return fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
}

}  // namespace croft::lang::lsp
