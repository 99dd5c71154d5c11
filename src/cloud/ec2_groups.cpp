// Security groups.
#include "cloud/ec2_parts.h"

namespace croft::cloud {

aio::Task<Result<std::string>> Ec2::create_security_group(std::string name, std::string description,
                                                          std::vector<Tag> tags) const {
  Parameters parameters = {{"GroupName", std::move(name)},
                           {"GroupDescription", std::move(description)}};
  add_tag_specification(parameters, "security-group", tags);
  Answer answer = CO_TRY(co_await ask("CreateSecurityGroup", std::move(parameters), Repeat::never));
  co_return text(answer.document->root(), "groupId");
}

aio::Task<Result<>> Ec2::authorize_ingress(std::string group, Ingress rule) const {
  Parameters parameters = {{"GroupId", group},
                           {"IpPermissions.1.IpProtocol", std::move(rule.protocol)},
                           {"IpPermissions.1.FromPort", std::to_string(rule.from)},
                           {"IpPermissions.1.ToPort", std::to_string(rule.to)}};
  for (size_t i = 0; i < rule.networks.size(); ++i)
    parameters.emplace_back(fmt::format("IpPermissions.1.IpRanges.{}.CidrIp", i + 1),
                            rule.networks[i]);
  if (rule.networks.empty()) parameters.emplace_back("IpPermissions.1.Groups.1.GroupId", group);
  auto done = co_await ask("AuthorizeSecurityGroupIngress", std::move(parameters), Repeat::safe);
  if (!done && done.error().code != Code::already_exists) co_return fail(std::move(done).error());
  co_return Result<>{};
}

aio::Task<Result<std::vector<SecurityGroup>>> Ec2::describe_security_groups(
    std::vector<Filter> filters) const {
  Parameters parameters;
  add_filters(parameters, filters);
  Answer answer =
      CO_TRY(co_await ask("DescribeSecurityGroups", std::move(parameters), Repeat::safe));
  std::vector<SecurityGroup> out;
  for (Element item : answer.document->root().child("securityGroupInfo").children("item"))
    out.push_back({text(item, "groupId"), text(item, "groupName"), tags_of(item)});
  co_return out;
}

aio::Task<Result<>> Ec2::delete_security_group(std::string id) const {
  Parameters parameters = {{"GroupId", std::move(id)}};
  auto done = co_await ask("DeleteSecurityGroup", std::move(parameters), Repeat::safe);
  if (!done && done.error().code != Code::not_found) co_return fail(std::move(done).error());
  co_return Result<>{};
}

}  // namespace croft::cloud
