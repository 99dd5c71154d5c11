#include "sandbox/messages.h"

#include <fmt/format.h>

#include <optional>

#include "base/text.h"

namespace croft::sandbox {

Sheet error_sheet(const Error& error) {
  Sheet sheet;
  sheet.add("error", error.what).add("code", name_of(error.code));
  for (const Frame& frame : error.trace) sheet.add("frame", frame.what);
  for (const std::string& hint : error.hints) sheet.add("hint", hint);
  return sheet;
}

Result<> result_of(const Sheet& sheet) {
  const std::string* what = sheet.find("error");
  if (what == nullptr) return {};
  Error error(code_from_name(sheet.text("code")), *what);
  for (const auto& [key, value] : sheet.entries()) {
    if (key == "frame") error.frame(value);
    if (key == "hint") error.hint(value);
  }
  return fail(std::move(error));
}

void put_spec(Sheet& sheet, const MachineSpec& spec) {
  sheet.add("id", spec.id).add("hostname", spec.hostname).add("image", spec.image);
  put_member(sheet, {spec.private_address, spec.network, spec.groups});
  sheet.add("memory", spec.memory.count())
      .add("cpu_permille", spec.cpu_permille)
      .add("pids", spec.pids);
  sheet.add("disk", spec.disk.count()).add("first_boot", spec.first_boot ? 1 : 0);
  sheet.add("disk_source", spec.disk_source);
  for (const VolumeSpec& volume : spec.volumes) put_volume(sheet, volume);
  for (const InsideListener& listener : spec.listeners) put_listener(sheet, "", listener);
}

MachineSpec spec_from(const Sheet& sheet) {
  MachineSpec spec;
  spec.id = sheet.text("id");
  spec.hostname = sheet.text("hostname");
  spec.image = sheet.text("image");
  Member member = member_from(sheet);
  spec.private_address = member.address;
  spec.network = member.network;
  spec.groups = member.groups;
  spec.memory = Bytes(sheet.number("memory"));
  spec.cpu_permille = static_cast<int>(sheet.number("cpu_permille"));
  spec.pids = static_cast<int>(sheet.number("pids"));
  spec.disk = Bytes(sheet.number("disk"));
  spec.first_boot = sheet.flag("first_boot");
  spec.disk_source = sheet.text("disk_source");
  spec.volumes = volumes_from(sheet);
  spec.listeners = listeners_from(sheet, "");
  return spec;
}

void put_volume(Sheet& sheet, const VolumeSpec& volume) {
  sheet.add("volume", volume.name).add("volume.image", volume.image);
  sheet.add("volume.source", volume.source).add("volume.size", volume.size.count());
}

std::vector<VolumeSpec> volumes_from(const Sheet& sheet) {
  std::vector<VolumeSpec> out;
  for (const auto& [key, value] : sheet.entries()) {
    if (key == "volume") out.push_back({value, "", "", Bytes()});
    if (out.empty()) continue;
    if (key == "volume.image") out.back().image = value;
    if (key == "volume.source") out.back().source = value;
    if (key == "volume.size") out.back().size = Bytes(parse_i64(value).value_or(0));
  }
  return out;
}

void put_member(Sheet& sheet, const Member& member) {
  sheet.add("address", member.address).add("network", member.network);
  for (const std::string& group : member.groups) sheet.add("group", group);
}

std::vector<std::string> groups_from(const Sheet& sheet) {
  std::vector<std::string> out;
  for (const auto& [key, value] : sheet.entries())
    if (key == "group") out.push_back(value);
  return out;
}

Member member_from(const Sheet& sheet) {
  return {sheet.text("address"), sheet.text("network"), groups_from(sheet)};
}

namespace {

std::string text_of(const PacketRule& rule) {
  return fmt::format("{} {} {} {} {}", rule.protocol, rule.from, rule.to,
                     rule.network.empty() ? "-" : rule.network,
                     rule.group.empty() ? "-" : rule.group);
}

std::optional<PacketRule> rule_from(const std::string& text) {
  auto parts = split(text, ' ');
  if (parts.size() != 5) return std::nullopt;
  auto number = [&](size_t i) { return static_cast<int>(parse_i64(parts[i]).value_or(-1)); };
  return PacketRule{number(0), number(1), number(2), parts[3] == "-" ? "" : parts[3],
                    parts[4] == "-" ? "" : parts[4]};
}

/// Anything else would become part of nft's command.
bool is_network(const std::string& text) {
  return text.find_first_not_of("0123456789./") == text.npos && text.find('.') != text.npos;
}

}  // namespace

void put_group(Sheet& sheet, const PacketGroup& group) {
  sheet.add("group", group.name);
  for (bool incoming : {true, false})
    for (const PacketRule& rule : incoming ? group.in : group.out)
      sheet.add(incoming ? "in" : "out", text_of(rule));
}

std::vector<PacketGroup> packet_groups_from(const Sheet& sheet) {
  std::vector<PacketGroup> out;
  for (const auto& [key, value] : sheet.entries()) {
    if (key == "group") out.push_back({value, {}, {}});
    auto rule = rule_from(value);
    if ((key != "in" && key != "out") || out.empty() || !rule) continue;
    (key == "in" ? out.back().in : out.back().out).push_back(std::move(*rule));
  }
  return out;
}

void put_networks(Sheet& sheet, const PacketNetworks& networks) {
  for (const auto& [one, other] : networks.peers) sheet.add("peer", one).add("peer.of", other);
  for (const PacketBorder& border : networks.borders) {
    sheet.add("border", border.network);
    for (const std::string& member : border.members) sheet.add("member", member);
    for (bool incoming : {true, false})
      for (const BorderRule& rule : incoming ? border.in : border.out)
        sheet.add(fmt::format("{}.{}", incoming ? "in" : "out", rule.allow ? "allow" : "deny"),
                  text_of(rule.packets));
  }
}

PacketNetworks networks_from(const Sheet& sheet) {
  PacketNetworks out;
  for (const auto& [key, value] : sheet.entries()) {
    if (key == "peer") out.peers.emplace_back(value, "");
    if (key == "peer.of" && !out.peers.empty()) out.peers.back().second = value;
    if (key == "border" && is_network(value)) out.borders.push_back({value, {}, {}, {}});
    if (out.borders.empty()) continue;
    PacketBorder& border = out.borders.back();
    if (key == "member" && ipv4(value)) border.members.push_back(value);
    auto parts = cut(key, '.');
    auto rule = rule_from(value);
    if (!parts || !rule || (parts->first != "in" && parts->first != "out")) continue;
    if (!rule->network.empty() && !is_network(rule->network)) continue;
    (parts->first == "in" ? border.in : border.out)
        .push_back({parts->second == "allow", std::move(*rule)});
  }
  return out;
}

void put_link(Sheet& sheet, const LinkFault& link) {
  sheet.add("link", fmt::format("{} {}", link.bytes_per_second, link.percent));
  for (const std::string& address : link.from) sheet.add("from", address);
  for (const std::string& address : link.to) sheet.add("to", address);
}

std::vector<LinkFault> links_from(const Sheet& sheet) {
  std::vector<LinkFault> out;
  for (const auto& [key, value] : sheet.entries()) {
    auto parts = split(value, ' ');
    if (key == "link" && parts.size() == 2)
      out.push_back({{},
                     {},
                     parse_i64(parts[0]).value_or(0),
                     static_cast<int>(parse_i64(parts[1]).value_or(100))});
    // What is no address would become part of nft's command.
    if (out.empty() || !ipv4(value)) continue;
    if (key == "from") out.back().from.push_back(value);
    if (key == "to") out.back().to.push_back(value);
  }
  return out;
}

void put_listener(Sheet& sheet, const std::string& scope, const InsideListener& listener) {
  sheet.add("listener " + scope,
            join({listener.name, listener.address, std::to_string(listener.port),
                  listener.datagram ? "udp" : "tcp"},
                 " "));
}

std::vector<InsideListener> listeners_from(const Sheet& sheet, const std::string& scope) {
  std::vector<InsideListener> out;
  for (const auto& [key, value] : sheet.entries()) {
    if (key != "listener " + scope) continue;
    auto parts = split(value, ' ');
    if (parts.size() != 4) continue;
    out.push_back({parts[0], parts[1], static_cast<uint16_t>(parse_u64(parts[2]).value_or(0)),
                   parts[3] == "udp"});
  }
  return out;
}

bool valid_id(const std::string& id) {
  bool fits = !id.empty() && id.size() <= 64 && id[0] != '.' && id[0] != '-';
  for (char c : id) {
    fits = fits && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.');
  }
  return fits;
}

void put_traffic(Sheet& sheet, const Traffic& traffic) {
  sheet.add("traffic",
            fmt::format("{} {} {} {} {} {} {}", traffic.id, traffic.start_time, traffic.in,
                        traffic.out, traffic.public_in, traffic.public_out, traffic.ended ? 1 : 0));
}

std::vector<Traffic> traffic_from(const Sheet& sheet) {
  std::vector<Traffic> out;
  for (const auto& [key, value] : sheet.entries()) {
    if (key != "traffic") continue;
    auto words = split(value, ' ');
    constexpr size_t fields = 7;
    if (words.size() != fields) continue;
    auto start = parse_u64(words[1]);
    int64_t bytes[4] = {};
    bool whole = start.has_value();
    for (size_t i = 0; i < std::size(bytes); ++i) {
      auto number = parse_i64(words[2 + i]);
      whole = whole && number;
      bytes[i] = number.value_or(0);
    }
    if (whole)
      out.push_back({words[0], *start, bytes[0], bytes[1], bytes[2], bytes[3], words[6] == "1"});
  }
  return out;
}

}  // namespace croft::sandbox
