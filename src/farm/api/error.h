// Errors of the farm's interfaces: what a client's SDK sees as a code and a status. An Error of any
// croft function may carry them as facts ("aws_code", "http_status"); here they are made and read.
// Pure functions.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace croft::farm {

/// An error of the EC2 or S3 interface: aws_error("NoSuchBucket", 404, "The bucket does not
/// exist").
Error aws_error(std::string_view code, int status, std::string message);

/// What the client is told of any Error: its facts, else the nearest general code. The text of an
/// error that was not made by aws_error() stays in the log: it may name files of this machine.
struct AwsError {
  std::string code;
  int status = 500;
  std::string message;
};
AwsError as_s3_error(const Error& error);
AwsError as_ec2_error(const Error& error);

/// <Error><Code/>...: the S3 body. Facts that start with "xml:" become elements of their own
/// ({"xml:Region","us-east-1"}).
std::string s3_error_body(const Error& error, std::string_view resource,
                          std::string_view request_id, std::string_view host_id);
/// <Response><Errors><Error>...: the EC2 body.
std::string ec2_error_body(const Error& error, std::string_view request_id);

}  // namespace croft::farm
