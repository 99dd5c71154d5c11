// Bytes read from a stream and not yet consumed: what the HTTP parsers are shown. Grows from 4 KiB;
// the users' parsers bound how far. Loop thread only. A view is valid until the next room().
#pragma once
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace croft::net {

class InputBuffer {
 public:
  std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Where the next read goes: at least one byte, larger after the buffer was found full.
  std::span<char> room() {
    if (end_ == size_ && begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == size_) grow(size_ == 0 ? first_size : size_ * 2);
    return {data_.get() + end_, size_ - end_};
  }
  void added(size_t bytes) { end_ += bytes; }
  /// For a body in chunks: fewer, larger reads.
  void expect_much() {
    if (size_ < large_size) grow(large_size);
  }
  /// Gives the memory of a large message back.
  void trim() {
    if (empty() && size_ > large_size) {
      data_.reset();
      size_ = begin_ = end_ = 0;
    }
  }

 private:
  static constexpr size_t first_size = 4 << 10;
  static constexpr size_t large_size = 64 << 10;
  void grow(size_t size) {
    auto larger = std::make_unique_for_overwrite<char[]>(size);
    if (!empty()) std::memcpy(larger.get(), data_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    size_ = size;
    data_ = std::move(larger);
  }
  std::unique_ptr<char[]> data_;
  size_t size_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace croft::net
