// What a farm's refusal means: its XML (or the lack of it) turned into an Error, and the verdict of
// the retry policy on an Error. Pure. Source: "Error codes for the Amazon EC2 API", S3 "Error
// responses".
#pragma once
#include <string>

#include "cloud/endpoint.h"
#include "net/retry.h"

namespace croft::cloud {

/// `doing`: "RunInstances", "PUT my-bucket/key". Facts: aws_code, http_status, request_id, host_id,
/// retry_after, region (where S3 names the right one).
Error refusal(Service service, std::string_view doing, const net::Url& url,
              const net::Response& answer);

/// A 2xx answer whose body is not what the service sends: Code::corrupt.
Error unreadable(Service service, std::string_view doing, const net::Url& url,
                 const net::Response& answer, std::string_view why);

/// Adds what was called and, where nothing listens, what to do about it.
Error transport_failure(std::string_view doing, const net::Url& url, Error error);

/// `repeatable`: the call may reach the farm twice without harm.
net::Verdict verdict(const Error& error, bool repeatable);

/// The nearest croft code to a farm's code and status.
Code code_of(std::string_view aws_code, int status);

}  // namespace croft::cloud
