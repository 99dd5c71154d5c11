// croft-cloud-dev: walks through every call of the clients against the farm that the environment
// names (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...), and leaves nothing behind. One line a step.
//   croft-cloud-dev s3|ec2|all [IMAGE]
#include <fmt/format.h>

#include "aio/real/real_world.h"
#include "cloud/sweep.h"

namespace croft::cloud {
namespace {

constexpr Duration patience = Duration::seconds(60);

Result<> expect(bool truth, std::string_view what) {
  fmt::print("{} {}\n", truth ? "ok    " : "FAILED", what);
  if (truth) return {};
  return fail(Code::internal, std::string(what));
}

class Zeros : public net::BodySource {
 public:
  explicit Zeros(uint64_t size) : size_(size) {}
  uint64_t size() const override { return size_; }
  aio::Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) override {
    size_t count = static_cast<size_t>(std::min<uint64_t>(into.size(), size_ - offset));
    memset(into.data(), 0, count);
    co_return count;
  }

 private:
  uint64_t size_;
};

aio::Task<Result<>> try_objects(aio::World& world, net::HttpClient& http, S3 s3,
                                std::string bucket) {
  PutObject put;
  put.bucket = bucket;
  put.key = "a folder/ü+?&=#.txt";
  put.body = "hello";
  put.metadata = {{"colour", "red"}};
  std::string etag = CO_TRY(co_await s3.put_object(put));
  CO_TRY(expect(etag == "\"5d41402abc4b2a76b9719d911017c592\"", "the ETag is the body's MD5"));
  put.if_absent = true;
  auto second = co_await s3.put_object(put);
  CO_TRY(expect(!second && second.error().code == Code::conflict, "If-None-Match: * is kept"));
  GetObject get;
  get.bucket = bucket;
  get.key = put.key;
  Object object = CO_TRY(co_await s3.get_object(get));
  CO_TRY(expect(object.body == "hello" && !object.info.metadata.empty(),
                "an odd key comes back with its metadata"));
  get.offset = 1;
  get.length = 3;
  CO_TRY(expect(CO_TRY(co_await s3.get_object(get)).body == "ell", "a range"));
  ObjectInfo info = CO_TRY(co_await s3.head_object(bucket, put.key));
  CO_TRY(expect(info.size == 5 && info.etag == etag, "HEAD"));
  ListObjects list;
  list.bucket = bucket;
  list.prefix = "a f";
  ObjectPage page = CO_TRY(co_await s3.list_objects(list));
  CO_TRY(expect(page.objects.size() == 1 && page.objects[0].key == put.key,
                "the list has the odd key"));
  net::ClientRequest plain;
  plain.url =
      CO_TRY(net::Url::parse(CO_TRY(s3.presign("GET", bucket, put.key, Duration::minutes(1)))));
  CO_TRY(expect(CO_TRY(co_await http.send(plain)).body == "hello", "a presigned URL"));
  std::string parts = CO_TRY(co_await s3.upload(
      bucket, "big", std::make_shared<Zeros>((5 << 20) + 17), {}, Bytes::mib(5)));
  CO_TRY(expect(parts.ends_with("-2\""), "a multipart upload"));
  auto stream = CO_TRY(co_await s3.open_object({bucket, "big", "", 0, {}, Bytes::mib(64)}));
  std::vector<char> buffer(1 << 16);
  uint64_t size = 0;
  for (size_t got = 1; got != 0; size += got) got = CO_TRY(co_await stream->read(buffer));
  CO_TRY(expect(size == (5 << 20) + 17, "a streamed body"));
  std::string left_over = CO_TRY(co_await s3.create_upload(bucket, "unfinished"));
  CO_TRY(expect(!left_over.empty(), "an upload that stays unfinished"));
  static_cast<void>(world);
  co_return Result<>{};
}

aio::Task<Result<>> try_s3(aio::World& world, net::HttpClient& http, Ec2 ec2, S3 s3) {
  std::string bucket = "croft-try-" + world.random.hex_id(12);
  auto missing = co_await s3.head_bucket(bucket);
  if (!missing && missing.error().code != Code::not_found) co_return missing;
  CO_TRY(expect(!missing && missing.error().code == Code::not_found, "a bucket that is not there"));
  CO_TRY(co_await s3.create_bucket(bucket));
  CO_TRY(co_await s3.create_bucket(bucket));
  CO_TRY(co_await s3.head_bucket(bucket));
  CO_TRY(expect(true, "create, create again, HEAD"));
  CO_TRY(expect(CO_TRY(co_await s3.get_bucket_tags(bucket)).empty(), "no tags yet"));
  CO_TRY(
      co_await s3.put_bucket_tags(bucket, {{tag_application, bucket}, {tag_component, "try:b"}}));
  Swept swept = CO_TRY(co_await sweep(ec2, s3, {.application = bucket, .instances = false}));
  CO_TRY(expect(swept.found.size() == 1 && swept.found[0].component == "try:b",
                "the sweep finds the tagged bucket"));
  auto clash = co_await s3.delete_object("croft-no-such-bucket-" + bucket.substr(10), "k");
  CO_TRY(expect(!clash && clash.error().fact("aws_code") == "NoSuchBucket", "NoSuchBucket"));
  CO_TRY(co_await try_objects(world, http, s3, bucket));
  auto full = co_await s3.delete_bucket(bucket);
  CO_TRY(expect(!full && full.error().fact("aws_code") == "BucketNotEmpty", "BucketNotEmpty"));
  uint64_t gone = CO_TRY(co_await empty_bucket(s3, bucket));
  CO_TRY(expect(gone == 3, fmt::format("emptied of 2 objects and 1 upload ({} went)", gone)));
  CO_TRY(co_await s3.delete_bucket(bucket));
  swept = CO_TRY(co_await sweep(
      ec2, s3, {.application = bucket, .known_buckets = {bucket}, .instances = false}));
  CO_TRY(expect(swept.found.empty(), "nothing left of S3"));
  co_return Result<>{};
}

aio::Task<Result<>> wait_for(aio::World& world, Ec2 ec2, std::string id, InstanceState wanted) {
  for (;;) {
    auto found = co_await ec2.describe_instances({{id}, {}, 1000});
    if (found && found->size() == 1 && found->front().state == wanted)
      co_return expect(true, fmt::format("{} is {}", id, name_of(wanted)));
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(50)));
  }
}

aio::Task<Result<>> try_instances(aio::World& world, Ec2 ec2, S3 s3, std::string image) {
  RunInstances request;
  request.image_id = image;
  request.max_count = 2;
  request.client_token = "croft-try-" + world.random.hex_id(12);
  request.tags = {{tag_application, request.client_token}, {tag_component, "try:web"}};
  request.user_data = "#!/bin/sh\ntrue\n";
  Reservation first = CO_TRY(co_await ec2.run_instances(request));
  Reservation again = CO_TRY(co_await ec2.run_instances(request));
  CO_TRY(expect(first.id == again.id && first.instances[0].id == again.instances[0].id,
                "the client token makes one reservation of two calls"));
  request.max_count = 3;
  auto other = co_await ec2.run_instances(request);
  CO_TRY(expect(!other && other.error().fact("aws_code") == "IdempotentParameterMismatch",
                "IdempotentParameterMismatch"));
  std::vector<std::string> ids;
  for (const Instance& instance : first.instances) ids.push_back(instance.id);
  CO_TRY(co_await aio::deadline(world.clock, patience,
                                wait_for(world, ec2, ids[0], InstanceState::running), "starting"));
  Swept swept =
      CO_TRY(co_await sweep(ec2, s3, {.application = request.client_token, .buckets = false}));
  CO_TRY(expect(swept.found.size() == ids.size(), "the sweep finds the instances"));
  CO_TRY(expect(CO_TRY(co_await ec2.describe_instance_status(ids)).size() == ids.size(),
                "DescribeInstanceStatus"));
  CO_TRY(co_await ec2.create_tags(ids, {{"more", "tags"}}));
  CO_TRY(
      expect(CO_TRY(co_await ec2.describe_tags({{"key", {"more"}}, {"resource-id", ids}})).size() ==
                 ids.size(),
             "DescribeTags"));
  CO_TRY(co_await ec2.delete_tags(ids, {"more"}));
  CO_TRY(co_await ec2.stop_instances({ids[0]}));
  CO_TRY(co_await aio::deadline(world.clock, patience,
                                wait_for(world, ec2, ids[0], InstanceState::stopped), "stopping"));
  CO_TRY(co_await ec2.start_instances({ids[0]}));
  CO_TRY(co_await aio::deadline(world.clock, patience,
                                wait_for(world, ec2, ids[0], InstanceState::running),
                                "starting again"));
  CO_TRY(co_await ec2.reboot_instances({ids[0]}));
  CO_TRY(expect(CO_TRY(co_await ec2.terminate_instances(ids)).size() == ids.size(),
                "TerminateInstances"));
  CO_TRY(co_await aio::deadline(world.clock, patience,
                                wait_for(world, ec2, ids[0], InstanceState::terminated),
                                "terminating"));
  swept = CO_TRY(co_await sweep(ec2, s3, {.application = request.client_token, .buckets = false}));
  CO_TRY(expect(swept.found.empty(), "nothing left of EC2"));
  co_return Result<>{};
}

aio::Task<Result<>> try_ec2(aio::World& world, Ec2 ec2, S3 s3, std::string image) {
  CO_TRY(expect(!CO_TRY(co_await ec2.describe_regions()).empty(), "DescribeRegions"));
  CO_TRY(expect(!CO_TRY(co_await ec2.describe_zones()).empty(), "DescribeAvailabilityZones"));
  std::vector<Image> images = CO_TRY(co_await ec2.describe_images({}));
  CO_TRY(expect(!images.empty(), fmt::format("DescribeImages ({})", images.size())));
  if (image.empty()) image = images[0].id;
  auto unknown = co_await ec2.describe_instances({{"i-0123456789abcdef0"}, {}, 1000});
  CO_TRY(expect(!unknown && unknown.error().fact("aws_code") == "InvalidInstanceID.NotFound",
                "InvalidInstanceID.NotFound"));
  std::string key = "croft-try-" + world.random.hex_id(8);
  KeyPair pair = CO_TRY(co_await ec2.create_key_pair(key, {{tag_application, key}}));
  CO_TRY(expect(!pair.material.empty(), "CreateKeyPair gives the key"));
  auto twice = co_await ec2.create_key_pair(key);
  CO_TRY(expect(!twice && twice.error().code == Code::already_exists, "InvalidKeyPair.Duplicate"));
  Swept swept = CO_TRY(co_await sweep(ec2, s3, {.application = key, .buckets = false}));
  CO_TRY(expect(swept.found.size() == 1 && swept.found[0].kind == "key pair",
                "the sweep finds the key pair"));
  CO_TRY(co_await ec2.delete_key_pair(key));
  co_return co_await try_instances(world, ec2, s3, image);
}

aio::Task<Result<>> try_all(aio::World& world, std::string what, std::string image) {
  CredentialsSearch search;
  search.environment = process_environment();
  Credentials credentials = CO_TRY(co_await find_credentials(world, search));
  Farm farm =
      CO_TRY(choose_farm("", search.environment, region_of(search.environment, credentials)));
  net::HttpClient http(world);
  net::Retrier retrier(world, {});
  Connection connection{world, http, retrier};
  Ec2 ec2(connection, CO_TRY(farm.endpoint(Service::ec2)), credentials);
  S3 s3(connection, CO_TRY(farm.endpoint(Service::s3)), credentials);
  fmt::print("{} ({}), credentials from {}\n", farm.text(), farm.why, credentials.source);
  if (what != "ec2") CO_TRY(co_await try_s3(world, http, ec2, s3));
  if (what != "s3") CO_TRY(co_await try_ec2(world, ec2, s3, image));
  co_return Result<>{};
}

}  // namespace
}  // namespace croft::cloud

int main(int argc, char** argv) {
  auto real = croft::aio::RealWorld::open();
  if (!real) return 1;
  std::string what = argc > 1 ? argv[1] : "all";
  auto done = (*real)->run(croft::cloud::try_all((*real)->world(), what, argc > 2 ? argv[2] : ""));
  if (!done) fmt::print(stderr, "{}\n", done.error().render());
  return done ? 0 : 1;
}
