// Parts of a subnet's range that are kept for addresses somebody names: the farm gives none of them
// out by itself.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_params[] = {
    {"SubnetId", Kind::id, true, "subnet"},
    {"Cidr", Kind::text, true, "", 3, 64},
    {"ReservationType", Kind::choice, true, "prefix|explicit"},
    {"Description", Kind::text, false, "", 0, 255},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_params[] = {{"SubnetCidrReservationId", Kind::id, true, "scr"}};
constexpr Param of_subnet_params[] = {{"SubnetId", Kind::id, true, "subnet"}};

/// A range of either family: the bits before the prefix count.
struct Range {
  std::array<unsigned char, 16> base{};
  int prefix = 0;
  bool six = false;
  bool holds(const Range& other) const {
    if (six != other.six || other.prefix < prefix) return false;
    for (int bit = 0; bit < prefix; ++bit)
      if (((base[bit / 8] ^ other.base[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
    return true;
  }
};
std::optional<Range> range_of(std::string_view text) {
  auto parts = cut(text, '/');
  Range out;
  if (!parts) return std::nullopt;
  out.six = parts->first.find(':') != std::string_view::npos;
  auto prefix = parse_u64(parts->second);
  if (!prefix || *prefix > (out.six ? 128u : 32u)) return std::nullopt;
  out.prefix = static_cast<int>(*prefix);
  if (inet_pton(out.six ? AF_INET6 : AF_INET, std::string(parts->first).c_str(), out.base.data()) !=
      1)
    return std::nullopt;
  return out;
}

Error invalid(std::string what) {
  return aws_error("InvalidParameterValue", 400, std::move(what));
}

Result<> read_reservation(Core& core, const Call& call, Plain& one) {
  const Params& p = call.params;
  SubnetRecord* subnet = TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  std::string cidr = p.text("Cidr");
  auto wanted = range_of(cidr);
  if (!wanted) return fail(invalid(fmt::format("'{}' is no range of addresses", printable(cidr))));
  std::vector<std::string> own = subnet->cidrs6;
  if (!wanted->six) own = {subnet->cidr};
  bool inside = std::ranges::any_of(own, [&](const std::string& text) {
    auto range = range_of(text);
    return range && range->holds(*wanted);
  });
  if (!inside)
    return fail(invalid(
        fmt::format("Reservation CIDR should be within subnet CIDR block ({})", join(own, ", "))));
  for (const Plain* other : plains_of(core, call.account(), "scr")) {
    auto range = range_of(other->value("cidr"));
    if (other->value("subnet") == subnet->id && range &&
        (range->holds(*wanted) || wanted->holds(*range)))
      return fail(invalid(
          fmt::format("Reservation CIDR {} has overlap with existing reserved CIDR block", cidr)));
  }
  one.values = {{"subnet", subnet->id},
                {"cidr", cidr},
                {"type", p.text("ReservationType")},
                {"description", p.text("Description")}};
  return {};
}

void write_reservation(Xml& xml, Core&, const Plain& one) {
  xml.plain("subnetCidrReservationId", one.id).plain("subnetId", one.value("subnet"));
  xml.text("cidr", one.value("cidr")).plain("reservationType", one.value("type"));
  xml.plain("ownerId", one.account).optional("description", one.value("description"));
}

std::string gone(Core& core, const Plain& one) {
  Xml xml;
  xml.in("deletedSubnetCidrReservation", [&] {
    write_reservation(xml, core, one);
    write_tag_set(xml, one.tags);
  });
  return xml.take();
}

constexpr char type_name[] = "type";
constexpr FilterField<Plain> fields[] = {{"reservationType", named_value<type_name>}};

Answer get(Core& core, const Call& call) {
  SubnetRecord* subnet = TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  auto tags = +[](const Plain& one) -> const Tags& { return one.tags; };
  auto matches = TRY(Matcher<Plain>::make(call.filters, fields, tags));
  Xml xml;
  for (bool six : {false, true}) {
    auto found = plains_of(core, call.account(), "scr");
    std::erase_if(found, [&](const Plain* one) {
      bool is_six = one->value("cidr").find(':') != std::string::npos;
      return one->value("subnet") != subnet->id || is_six != six || !matches(*one);
    });
    xml.list(six ? "subnetIpv6CidrReservationSet" : "subnetIpv4CidrReservationSet", found,
             [&](const Plain* one) {
               write_reservation(xml, core, *one);
               write_tag_set(xml, one->tags);
             });
  }
  return xml.take();
}

constexpr PlainKind kinds[] = {{.prefix = "scr",
                                .create = "CreateSubnetCidrReservation",
                                .remove = "DeleteSubnetCidrReservation",
                                .describe = "",
                                .id = "SubnetCidrReservationId",
                                .element = "subnetCidrReservation",
                                .list = "",
                                .read = read_reservation,
                                .write = write_reservation,
                                .fields = fields,
                                .gone = gone}};

constexpr Action table[] = {
    {"CreateSubnetCidrReservation", create_params, nullptr, create_plain},
    {"DeleteSubnetCidrReservation", one_params, nullptr, delete_plain},
    {"GetSubnetCidrReservations", of_subnet_params, get, nullptr, true},
};

}  // namespace

std::span<const PlainKind> reservation_kinds() {
  return kinds;
}
std::span<const Action> reservation_actions() {
  return table;
}

}  // namespace croft::farm::ec2
