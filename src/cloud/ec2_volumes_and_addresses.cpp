// Volumes and elastic IP addresses: croft makes none, but what carries its tags is found and goes.
#include "cloud/ec2_parts.h"

namespace croft::cloud {

aio::Task<Result<std::vector<Volume>>> Ec2::describe_volumes(std::vector<Filter> filters) const {
  Parameters parameters;
  add_filters(parameters, filters);
  Answer answer = CO_TRY(co_await ask("DescribeVolumes", std::move(parameters), Repeat::safe));
  std::vector<Volume> out;
  for (Element item : answer.document->root().child("volumeSet").children("item"))
    out.push_back({text(item, "volumeId"), text(item, "status"), tags_of(item)});
  co_return out;
}

aio::Task<Result<>> Ec2::delete_volume(std::string id) const {
  Parameters parameters = {{"VolumeId", std::move(id)}};
  auto done = co_await ask("DeleteVolume", std::move(parameters), Repeat::safe);
  if (!done && done.error().code != Code::not_found) co_return fail(std::move(done).error());
  co_return Result<>{};
}

aio::Task<Result<std::vector<Address>>> Ec2::describe_addresses(std::vector<Filter> filters) const {
  Parameters parameters;
  add_filters(parameters, filters);
  Answer answer = CO_TRY(co_await ask("DescribeAddresses", std::move(parameters), Repeat::safe));
  std::vector<Address> out;
  for (Element item : answer.document->root().child("addressesSet").children("item"))
    out.push_back({text(item, "allocationId"), text(item, "publicIp"), tags_of(item)});
  co_return out;
}

aio::Task<Result<>> Ec2::release_address(std::string id) const {
  Parameters parameters = {{"AllocationId", std::move(id)}};
  auto done = co_await ask("ReleaseAddress", std::move(parameters), Repeat::safe);
  if (!done && done.error().code != Code::not_found) co_return fail(std::move(done).error());
  co_return Result<>{};
}

}  // namespace croft::cloud
