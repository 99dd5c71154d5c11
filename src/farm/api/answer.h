// One answer of the farm on its way out: puts the request's ids on it, counts its bytes for the
// meter, and writes whichever error body the protocol wants. Lives beside the Exchange it wraps.
#pragma once
#include <string>
#include <string_view>

#include "aio/world.h"
#include "net/http_server.h"

namespace croft::farm {

/// The ids that every answer carries; a user quotes them when something went wrong.
struct RequestIds {
  std::string request_id;
  std::string host_id;  ///< S3's x-amz-id-2
};

class Answer {
 public:
  Answer(net::Exchange& exchange, RequestIds ids) : exchange_(exchange), ids_(std::move(ids)) {}

  aio::Task<Result<>> respond(int status, wire::Headers headers, std::string body);
  /// With a body that the caller keeps until this returns.
  aio::Task<Result<>> respond_view(int status, wire::Headers headers, std::string_view body);
  aio::Task<Result<>> xml(int status, std::string body);
  /// A streamed answer; then write/send_file, then finish.
  aio::Task<Result<>> start(int status, wire::Headers headers, std::optional<uint64_t> length);
  aio::Task<Result<>> write(std::string_view piece);
  aio::Task<Result<>> send_file(aio::File& file, uint64_t offset, uint64_t length);
  aio::Task<Result<>> finish();

  aio::Task<Result<>> s3_error(const Error& error, std::string_view resource);
  aio::Task<Result<>> ec2_error(const Error& error);

  /// Goes onto the answer, whatever it will be.
  void add_header(std::string name, std::string value) {
    extra_.emplace_back(std::move(name), std::move(value));
  }

  const RequestIds& ids() const { return ids_; }
  int status() const { return status_; }
  uint64_t bytes_out() const { return bytes_out_; }
  net::Exchange& exchange() { return exchange_; }

 private:
  void stamp(wire::Headers& headers) const;
  net::Exchange& exchange_;
  RequestIds ids_;
  std::vector<wire::Headers::Field> extra_;
  int status_ = 0;
  uint64_t bytes_out_ = 0;
};

}  // namespace croft::farm
