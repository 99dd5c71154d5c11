// The network of a RealWorld: non-blocking sockets, read and written by direct system calls into
// the caller's buffers; the loop is asked only when a call would block. Loop thread only.
#pragma once
#include "aio/real/loop.h"
#include "aio/world.h"

namespace croft::aio {

/// A connected socket, or one end of a pipe, as a Stream. Takes `fd` over.
class DescriptorStream final : public Stream {
 public:
  enum class Kind { tcp, unix_socket, pipe };
  DescriptorStream(Loop& loop, int fd, Kind kind, Address peer = {})
      : fd_(fd), kind_(kind), peer_(std::move(peer)), poll_(loop, fd) {}
  ~DescriptorStream() override { close(); }

  Task<Result<size_t>> read(std::span<char> into) override;
  Task<Result<>> write(std::vector<std::string_view> pieces) override;
  Task<Result<>> send_file(File& file, uint64_t offset, uint64_t length) override;
  Task<Result<>> shutdown() override;
  void close() override;
  Address peer() const override { return peer_; }
  PeerCredentials credentials() const override;

 private:
  friend class RealNet;
  Result<> usable() const;

  // So many calls without waiting, then others get their turn: a fast peer must not own the loop.
  static constexpr int direct_calls_max = 16;
  int fd_;
  Kind kind_;
  Address peer_;  // the kernel forgets it when the connection ends
  // The last read took all there was: the next would only hear EAGAIN.
  bool drained_ = false;
  int direct_reads_ = 0;
  Poll poll_;
};

class RealNet final : public Net {
 public:
  RealNet(Loop& loop, Clock& clock, Pools& pools) : loop_(loop), clock_(clock), pools_(pools) {}
  Task<Result<std::unique_ptr<Stream>>> connect(Address to) override;
  Result<std::unique_ptr<Listener>> listen(const Address& at) override;
  Result<std::unique_ptr<Listener>> adopt_listener(int fd) override;
  Result<std::unique_ptr<Stream>> adopt_stream(int fd) override;
  Result<std::unique_ptr<Datagrams>> datagrams(const Address& at) override;
  Result<std::unique_ptr<Datagrams>> adopt_datagrams(int fd) override;
  Task<Result<std::vector<std::string>>> resolve(std::string host) override;
  Task<Result<>> readable(int fd) override;

 private:
  Loop& loop_;
  Clock& clock_;
  Pools& pools_;
};

}  // namespace croft::aio
