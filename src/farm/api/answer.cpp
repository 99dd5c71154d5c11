#include "farm/api/answer.h"

#include "farm/api/error.h"

namespace croft::farm {

void Answer::stamp(wire::Headers& headers) const {
  headers.add("x-amz-request-id", ids_.request_id);
  if (!ids_.host_id.empty()) headers.add("x-amz-id-2", ids_.host_id);
  for (const auto& [name, value] : extra_) headers.add(name, value);
  if (!headers.has("Server")) headers.add("Server", "croft");
}

aio::Task<Result<>> Answer::respond(int status, wire::Headers headers, std::string body) {
  stamp(headers);
  status_ = status;
  bytes_out_ += body.size();
  co_return co_await exchange_.respond(status, std::move(headers), std::move(body));
}

aio::Task<Result<>> Answer::respond_view(int status, wire::Headers headers, std::string_view body) {
  stamp(headers);
  status_ = status;
  bytes_out_ += body.size();
  co_return co_await exchange_.respond_view(status, std::move(headers), body);
}

aio::Task<Result<>> Answer::xml(int status, std::string body) {
  wire::Headers headers{{"Content-Type", "application/xml"}};
  co_return co_await respond(status, std::move(headers), std::move(body));
}

aio::Task<Result<>> Answer::start(int status, wire::Headers headers,
                                  std::optional<uint64_t> length) {
  stamp(headers);
  status_ = status;
  co_return co_await exchange_.start(status, std::move(headers), length);
}

aio::Task<Result<>> Answer::write(std::string_view piece) {
  bytes_out_ += piece.size();
  co_return co_await exchange_.write(piece);
}

aio::Task<Result<>> Answer::send_file(aio::File& file, uint64_t offset, uint64_t length) {
  bytes_out_ += length;
  co_return co_await exchange_.send_file(file, offset, length);
}

aio::Task<Result<>> Answer::finish() {
  co_return co_await exchange_.finish();
}

aio::Task<Result<>> Answer::s3_error(const Error& error, std::string_view resource) {
  AwsError shown = as_s3_error(error);
  wire::Headers headers{{"Content-Type", "application/xml"}};
  if (shown.status == 503) headers.add("Retry-After", "1");
  // "hdr:x-amz-..." facts: what a client reads from a HEAD answer, which has no body.
  for (const auto& [key, value] : error.facts)
    if (key.starts_with("hdr:")) headers.add(key.substr(4), value);
  std::string body;
  if (shown.status != 304 && shown.status != 204)
    body = s3_error_body(error, resource, ids_.request_id, ids_.host_id);
  co_return co_await respond(shown.status, std::move(headers), std::move(body));
}

aio::Task<Result<>> Answer::ec2_error(const Error& error) {
  AwsError shown = as_ec2_error(error);
  wire::Headers headers{{"Content-Type", "text/xml;charset=UTF-8"}};
  if (shown.status == 503) headers.add("Retry-After", "1");
  std::string body = ec2_error_body(error, ids_.request_id);
  co_return co_await respond(shown.status, std::move(headers), std::move(body));
}

}  // namespace croft::farm
