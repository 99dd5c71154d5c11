// The actions, for the table in actions.cpp and for their tests. Each is one file's public entry.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// DeleteOnTermination is always true of root disks.
Error root_disk_goes();

aio::Task<Answer> run_instances(Core& core, Call call);
aio::Task<Answer> terminate_instances(Core& core, Call call);
aio::Task<Answer> stop_instances(Core& core, Call call);
aio::Task<Answer> start_instances(Core& core, Call call);
aio::Task<Answer> reboot_instances(Core& core, Call call);
aio::Task<Answer> modify_instance_attribute(Core& core, Call call);
/// ModifyInstanceAttribute with GroupId.N, ModifyNetworkInterfaceAttribute with the same.
aio::Task<Answer> change_groups(Core& core, Call call, std::string instance,
                                std::vector<std::string> groups);
/// PrivateIpAddress, or the one of PrivateIpAddresses.N: this farm gives an interface one address.
Result<std::string> one_address(const Params& params);
aio::Task<Answer> get_console_output(Core& core, Call call);
Answer describe_instances(Core& core, const Call& call);
Answer describe_instance_status(Core& core, const Call& call);
Answer describe_instance_attribute(Core& core, const Call& call);

aio::Task<Answer> create_tags(Core& core, Call call);
aio::Task<Answer> delete_tags(Core& core, Call call);
Answer describe_tags(Core& core, const Call& call);

aio::Task<Answer> create_key_pair(Core& core, Call call);
aio::Task<Answer> import_key_pair(Core& core, Call call);
aio::Task<Answer> delete_key_pair(Core& core, Call call);
Answer describe_key_pairs(Core& core, const Call& call);

Answer describe_images(Core& core, const Call& call);
Answer describe_regions(Core& core, const Call& call);
Answer describe_availability_zones(Core& core, const Call& call);
Answer describe_instance_types(Core& core, const Call& call);
Answer describe_instance_type_offerings(Core& core, const Call& call);
Answer describe_account_attributes(Core& core, const Call& call);

}  // namespace croft::farm::ec2
