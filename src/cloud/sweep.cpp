#include "cloud/sweep.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "aio/sync.h"

namespace croft::cloud {
namespace {

constexpr size_t asked_at_once = 8;

/// What the parallel questions about buckets share; lives on sweep's frame.
struct BucketSweep {
  S3 s3;
  std::string application;
  std::set<std::string> known;
  aio::Semaphore places{asked_at_once};
  bool untagged_farm = false;
  Swept& out;
};

bool belongs(const std::vector<Tag>& tags, const std::string& application) {
  std::string named = tag_value(tags, tag_application);
  return application.empty() ? !named.empty() : named == application;
}

std::vector<Filter> filters_for(const std::string& application) {
  if (application.empty()) return {{"tag-key", {tag_application}}};
  return {{fmt::format("tag:{}", tag_application), {application}}};
}

Found found_of(std::string kind, std::string id, std::vector<Tag> tags) {
  Found out;
  out.kind = std::move(kind);
  out.id = std::move(id);
  out.component = tag_value(tags, tag_component);
  out.application = tag_value(tags, tag_application);
  out.keep = !tag_value(tags, tag_keep).empty();
  out.tags = std::move(tags);
  return out;
}

/// Where no tags are kept: is a bucket that the journal names still there?
aio::Task<Result<>> look_by_name(BucketSweep& sweep, std::string name) {
  if (!sweep.known.contains(name)) co_return Result<>{};
  Result<> there = co_await sweep.s3.head_bucket(name);
  if (there) sweep.out.found.push_back(found_of("bucket", name, {}));
  if (there || there.error().code == Code::not_found) co_return Result<>{};
  if (there.error().code != Code::permission_denied) co_return there;
  sweep.out.notes.push_back(
      fmt::format("bucket {} could not be looked at: {}", name, there.error().line()));
  co_return Result<>{};
}

aio::Task<Result<>> look_at_bucket(BucketSweep& sweep, std::string name) {
  Result<std::vector<Tag>> tags = co_await sweep.s3.get_bucket_tags(name);
  if (tags) {
    bool ours = belongs(*tags, sweep.application);
    // Made, but the tags never arrived: only the journal knows it.
    bool known = sweep.known.contains(name) && tag_value(*tags, tag_application).empty();
    if (ours || known) sweep.out.found.push_back(found_of("bucket", name, std::move(*tags)));
    co_return Result<>{};
  }
  switch (tags.error().code) {
    case Code::not_found:
      co_return Result<>{};
    case Code::unsupported:
      sweep.untagged_farm = true;
      co_return co_await look_by_name(sweep, std::move(name));
    case Code::permission_denied:
      if (sweep.known.contains(name))
        sweep.out.notes.push_back(
            fmt::format("bucket {} could not be looked at: {}", name, tags.error().line()));
      co_return Result<>{};
    case Code::invalid_argument:
    case Code::syntax:
    case Code::unresolved:
    case Code::type_mismatch:
    case Code::already_exists:
    case Code::conflict:
    case Code::unauthenticated:
    case Code::resource_exhausted:
    case Code::throttled:
    case Code::unavailable:
    case Code::timeout:
    case Code::cancelled:
    case Code::io:
    case Code::corrupt:
    case Code::internal:
      co_return fail(std::move(tags).error());
  }
  co_return fail(Code::internal, "unknown code");
}

aio::Task<Result<>> look_in_turn(BucketSweep& sweep, std::string name) {
  CO_TRY(co_await sweep.places.acquire());
  Result<> looked = co_await look_at_bucket(sweep, std::move(name));
  sweep.places.release();
  co_return looked;
}

aio::Task<Result<>> sweep_buckets(S3 s3, const SweepRequest& request, Swept& out) {
  BucketSweep sweep{s3,
                    request.application,
                    {request.known_buckets.begin(), request.known_buckets.end()},
                    aio::Semaphore{asked_at_once},
                    false,
                    out};
  std::set<std::string> names = sweep.known;
  if (!request.only_known_buckets)
    for (Bucket& bucket : CO_TRY(co_await s3.list_buckets())) names.insert(std::move(bucket.name));
  aio::Scope scope(co_await aio::here());
  for (const std::string& name : names) scope.spawn(look_in_turn(sweep, name));
  CO_TRY(co_await scope.join());
  if (sweep.untagged_farm)
    out.notes.push_back(
        "this farm keeps no tags on buckets: only buckets that croft's journal names were looked "
        "for");
  co_return Result<>{};
}

aio::Task<Result<>> sweep_instances(Ec2 ec2, const SweepRequest& request, Swept& out) {
  DescribeInstances describe;
  describe.filters = filters_for(request.application);
  for (Instance& instance : CO_TRY(co_await ec2.describe_instances(describe))) {
    if (instance.state == InstanceState::terminated ||
        instance.state == InstanceState::shutting_down)
      continue;
    // A farm that does not know the filter must not make us return what is not ours.
    if (!belongs(instance.tags, request.application)) continue;
    Found found = found_of("instance", instance.id, std::move(instance.tags));
    found.state = name_of(instance.state);
    out.found.push_back(std::move(found));
  }
  co_return Result<>{};
}

aio::Task<Result<>> sweep_key_pairs(Ec2 ec2, const SweepRequest& request, Swept& out) {
  Result<std::vector<KeyPair>> pairs =
      co_await ec2.describe_key_pairs({}, filters_for(request.application));
  if (!pairs) {
    Code code = pairs.error().code;
    if (code == Code::cancelled || code == Code::unavailable || code == Code::unauthenticated)
      co_return fail(std::move(pairs).error());
    out.notes.push_back(fmt::format("key pairs could not be looked for: {}", pairs.error().line()));
    co_return Result<>{};
  }
  for (KeyPair& pair : *pairs)
    if (belongs(pair.tags, request.application))
      out.found.push_back(found_of("key pair", pair.name, std::move(pair.tags)));
  co_return Result<>{};
}

Result<> none_if_unsupported(Error error) {
  if (error.code == Code::unsupported) return {};
  return fail(std::move(error));
}

aio::Task<Result<>> sweep_images(Ec2 ec2, const SweepRequest& request, Swept& out) {
  auto images = co_await ec2.describe_images({}, filters_for(request.application), {"self"});
  auto snapshots = images ? co_await ec2.describe_snapshots(filters_for(request.application))
                          : fail(images.error());
  if (!snapshots) co_return none_if_unsupported(std::move(snapshots).error());
  for (Image& image : *images)
    if (belongs(image.tags, request.application))
      out.found.push_back(found_of("image", image.id, std::move(image.tags)));
  for (Snapshot& snapshot : *snapshots)
    if (belongs(snapshot.tags, request.application))
      out.found.push_back(found_of("snapshot", snapshot.id, std::move(snapshot.tags)));
  co_return Result<>{};
}

aio::Task<Result<>> sweep_groups(Ec2 ec2, const SweepRequest& request, Swept& out) {
  auto groups = co_await ec2.describe_security_groups(filters_for(request.application));
  if (!groups) co_return none_if_unsupported(std::move(groups).error());
  for (SecurityGroup& group : *groups)
    if (belongs(group.tags, request.application))
      out.found.push_back(found_of("security group", group.id, std::move(group.tags)));
  co_return Result<>{};
}

aio::Task<Result<>> sweep_volumes(Ec2 ec2, const SweepRequest& request, Swept& out) {
  auto volumes = co_await ec2.describe_volumes(filters_for(request.application));
  if (!volumes) co_return none_if_unsupported(std::move(volumes).error());
  for (Volume& volume : *volumes) {
    if (!belongs(volume.tags, request.application)) continue;
    Found found = found_of("volume", volume.id, std::move(volume.tags));
    found.state = std::move(volume.state);
    out.found.push_back(std::move(found));
  }
  co_return Result<>{};
}

aio::Task<Result<>> sweep_addresses(Ec2 ec2, const SweepRequest& request, Swept& out) {
  auto addresses = co_await ec2.describe_addresses(filters_for(request.application));
  if (!addresses) co_return none_if_unsupported(std::move(addresses).error());
  for (Address& address : *addresses)
    if (belongs(address.tags, request.application))
      out.found.push_back(found_of("elastic IP", address.id, std::move(address.tags)));
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<Swept>> sweep(Ec2 ec2, S3 s3, SweepRequest request) {
  Swept out;
  if (request.instances) {
    CO_TRY(co_await sweep_instances(ec2, request, out));
    CO_TRY(co_await sweep_key_pairs(ec2, request, out));
  }
  if (request.images) CO_TRY(co_await sweep_images(ec2, request, out));
  if (request.groups) CO_TRY(co_await sweep_groups(ec2, request, out));
  if (request.volumes) CO_TRY(co_await sweep_volumes(ec2, request, out));
  if (request.addresses) CO_TRY(co_await sweep_addresses(ec2, request, out));
  if (request.buckets) CO_TRY(co_await sweep_buckets(s3, request, out));
  std::sort(out.found.begin(), out.found.end(), [](const Found& a, const Found& b) {
    return std::tie(a.kind, a.id) < std::tie(b.kind, b.id);
  });
  co_return out;
}

aio::Task<Result<>> remove_found(Ec2 ec2, S3 s3, Found found) {
  if (found.kind == "instance") {
    CO_TRY(co_await ec2.terminate_instances({found.id}));
    co_return Result<>{};
  }
  if (found.kind == "bucket") {
    CO_TRY(co_await empty_bucket(s3, found.id));
    co_return co_await s3.delete_bucket(found.id);
  }
  if (found.kind == "key pair") co_return co_await ec2.delete_key_pair(found.id);
  if (found.kind == "image") co_return co_await ec2.deregister_image(found.id);
  if (found.kind == "security group") co_return co_await ec2.delete_security_group(found.id);
  if (found.kind == "snapshot") co_return co_await ec2.delete_snapshot(found.id);
  if (found.kind == "volume") co_return co_await ec2.delete_volume(found.id);
  if (found.kind == "elastic IP") co_return co_await ec2.release_address(found.id);
  co_return fail(Code::unsupported,
                 fmt::format("croft cannot remove a {} it has no record of", found.kind));
}

}  // namespace croft::cloud
