#include "net/response_reader.h"

#include "aio/scope.h"

namespace croft::net {
namespace {

constexpr int max_interim = 16;

/// The parser speaks of syntax; to the caller the server's answer is corrupt.
Error corrupt(Error error) {
  if (error.code == Code::syntax) error.code = Code::corrupt;
  std::erase_if(error.facts, [](const auto& fact) { return fact.first == "http_status"; });
  return error;
}

}  // namespace

aio::Task<Result<>> ResponseReader::read_head() {
  int interim = 0;
  for (;;) {
    auto used = parser_.head(input_.view());
    if (!used) co_return fail(corrupt(std::move(used).error()));
    if (*used > 0) {
      input_.consume(*used);
      if (!parser_.interim()) break;
      if (++interim > max_interim)
        co_return fail(Code::corrupt, "the server sends interim answers without end");
      parser_.reset();
      continue;
    }
    size_t got = CO_TRY(co_await stream().read(input_.room()));
    if (got == 0)
      co_return fail(Code::unavailable, heard_
                                            ? "the server closed in the middle of its answer's head"
                                            : "the server closed the connection without an answer");
    heard_ = true;
    input_.added(got);
  }
  head_read_ = true;
  co_return Result<>{};
}

void ResponseReader::settle() {
  if (!finished() || !lease_.stream) return;
  // Bytes beyond the answer belong to no request: such a connection cannot be trusted.
  if (parser_.keep_alive() && sent_ && input_.empty()) pool_->park(std::move(lease_));
  lease_ = ClientPool::Lease();
}

aio::Task<Result<size_t>> ResponseReader::read(std::span<char> into) {
  if (into.empty()) co_return fail(Code::invalid_argument, "read needs room");
  if (failed_) co_return fail(Code::unavailable, "the answer broke off earlier");
  if (finished()) co_return 0;
  auto got = co_await read_body(into);
  if (!got) {
    failed_ = true;
    lease_ = ClientPool::Lease();
    co_return fail(corrupt(std::move(got).error().frame(what_)));
  }
  body_read_ += *got;
  settle();
  co_return *got;
}

Result<size_t> ResponseReader::from_buffer(std::span<char> into) {
  if (pending_.empty() && !input_.empty() && !parser_.done()) {
    wire::BodyPiece piece = TRY(parser_.body(input_.view()));
    pending_ = piece.data;
    pending_cost_ = piece.consumed;
    if (pending_.empty()) input_.consume(std::exchange(pending_cost_, 0));
  }
  size_t count = std::min(pending_.size(), into.size());
  if (count == 0) return 0;
  std::memcpy(into.data(), pending_.data(), count);
  pending_.remove_prefix(count);
  if (pending_.empty()) input_.consume(std::exchange(pending_cost_, 0));
  return count;
}

aio::Task<Result<size_t>> ResponseReader::read_body(std::span<char> into) {
  for (;;) {
    size_t count = CO_TRY(from_buffer(into));
    if (count > 0 || parser_.done()) co_return count;
    // What has a length, or ends with the connection, is read into its place; chunks pass the
    // buffer.
    bool chunked = parser_.response().headers.has("transfer-encoding");
    bool direct = !chunked && input_.empty();
    std::span<char> room = into;
    if (direct && parser_.content_length())
      room = into.first(static_cast<size_t>(
          std::min<uint64_t>(into.size(), *parser_.content_length() - body_read_)));
    if (!direct) {
      input_.expect_much();
      room = input_.room();
    }
    size_t got = CO_TRY(co_await read_stream(room));
    if (got == 0) {
      CO_TRY(parser_.end_of_stream());
      continue;
    }
    if (direct) {
      CO_TRY(parser_.body({room.data(), got}));
      co_return got;
    }
    input_.added(got);
  }
}

aio::Task<Result<size_t>> ResponseReader::read_stream(std::span<char> into) {
  if (end_ == no_end) co_return co_await stream().read(into);
  auto& clock = pool_->world().clock;
  Moment now = clock.now();
  if (now >= end_) co_return fail(Code::timeout, "no time left for the rest of the answer");
  co_return co_await aio::deadline(clock, end_ - now, stream().read(into),
                                   "the rest of the answer");
}

}  // namespace croft::net
