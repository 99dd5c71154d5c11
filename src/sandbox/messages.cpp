#include "sandbox/messages.h"

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
  sheet.add("address", spec.private_address).add("group", spec.network_group);
  sheet.add("memory", spec.memory.count())
      .add("cpu_permille", spec.cpu_permille)
      .add("pids", spec.pids);
  sheet.add("disk", spec.disk.count()).add("first_boot", spec.first_boot ? 1 : 0);
  for (const InsideListener& listener : spec.listeners) put_listener(sheet, "", listener);
}

MachineSpec spec_from(const Sheet& sheet) {
  MachineSpec spec;
  spec.id = sheet.text("id");
  spec.hostname = sheet.text("hostname");
  spec.image = sheet.text("image");
  spec.private_address = sheet.text("address");
  spec.network_group = sheet.text("group");
  spec.memory = Bytes(sheet.number("memory"));
  spec.cpu_permille = static_cast<int>(sheet.number("cpu_permille"));
  spec.pids = static_cast<int>(sheet.number("pids"));
  spec.disk = Bytes(sheet.number("disk"));
  spec.first_boot = sheet.flag("first_boot");
  spec.listeners = listeners_from(sheet, "");
  return spec;
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

}  // namespace croft::sandbox
