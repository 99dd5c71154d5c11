#include "farm/ec2/instance_type.h"

namespace croft::farm::ec2 {

namespace {

// Names, vCPUs and memory as EC2 documents them ("Instance type explorer" and the 2008 list).
constexpr InstanceType types[] = {
    {"m1.small", 1, 1740, 1000, 512, false},       {"m1.medium", 1, 3840, 1000, 1024, false},
    {"m1.large", 2, 7680, 2000, 2048, false},      {"m1.xlarge", 4, 15360, 4000, 4096, false},
    {"c1.medium", 2, 1740, 2000, 1024, false},     {"c1.xlarge", 8, 7168, 8000, 4096, false},
    {"m2.xlarge", 2, 17510, 2000, 4096, false},    {"t1.micro", 1, 627, 250, 256, false, true},
    {"t2.nano", 1, 512, 250, 256, true, true},     {"t2.micro", 1, 1024, 500, 512, true, true},
    {"t2.small", 1, 2048, 1000, 512, true, true},  {"t2.medium", 2, 4096, 2000, 1024, true, true},
    {"t3.nano", 2, 512, 500, 256, true, true},     {"t3.micro", 2, 1024, 1000, 512, true, true},
    {"t3.small", 2, 2048, 2000, 1024, true, true}, {"t3.medium", 2, 4096, 2000, 1024, true, true},
    {"m3.medium", 1, 3840, 1000, 1024, false},     {"m5.large", 2, 8192, 2000, 2048},
    {"m5.xlarge", 4, 16384, 4000, 4096},           {"c5.large", 2, 4096, 2000, 2048},
};

}  // namespace

std::span<const InstanceType> instance_types() {
  return types;
}

const InstanceType* find_instance_type(std::string_view name) {
  for (const InstanceType& type : types)
    if (type.name == name) return &type;
  return nullptr;
}

std::vector<std::string> instance_type_names() {
  std::vector<std::string> out;
  for (const InstanceType& type : types) out.emplace_back(type.name);
  return out;
}

}  // namespace croft::farm::ec2
