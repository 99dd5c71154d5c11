// The framing of the Language Server Protocol: "Content-Length: N", a blank line, N bytes.
// Bytes come in pieces of any size. Garbage between messages is skipped up to the next header; a
// message above the limit is skipped whole and reported. Pure; holds at most one message.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace croft::lang::lsp {

class FrameReader {
 public:
  static constexpr size_t message_max = 128u << 20;
  static constexpr size_t header_max = 8u << 10;

  struct Frame {
    std::string body;
    std::string problem;  ///< why there is no body
  };

  void feed(std::string_view bytes) { buffer_ += bytes; }
  /// The next whole message or problem; nullopt: more bytes are needed.
  std::optional<Frame> next();

 private:
  std::optional<Frame> skip_garbage();
  std::string buffer_;
  size_t skip_ = 0;  // bytes of a refused message still to come
};

std::string framed(std::string_view body);

}  // namespace croft::lang::lsp
