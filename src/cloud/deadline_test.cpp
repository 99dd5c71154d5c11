#include "cloud/deadline.h"

#include <gtest/gtest.h>

namespace croft::cloud {
namespace {

std::string told(const std::string& url) {
  net::ClientRequest request;
  request.url = *net::Url::parse(url);
  request.deadline = Duration::milliseconds(1500);
  tell_deadline(request, WallTime::from_unix_seconds(1'200'000'000));
  return std::string(request.headers.value("x-croft-deadline-ms"));
}

TEST(Deadline, is_told_to_a_farm_that_shares_the_clock) {
  EXPECT_EQ(told("http://127.0.0.1:9000/"), "1200000001500");
  EXPECT_EQ(told("http://localhost:9000/"), "1200000001500");
  EXPECT_EQ(told("http://b.localhost:9000/k"), "1200000001500");
  EXPECT_EQ(told("http://[::1]:9000/"), "1200000001500");
  EXPECT_EQ(told("https://s3.eu-west-1.amazonaws.com/"), "");
  EXPECT_EQ(told("http://10.77.0.1:9000/"), "");
}

}  // namespace
}  // namespace croft::cloud
