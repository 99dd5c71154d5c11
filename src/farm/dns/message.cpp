#include "farm/dns/message.h"

#include "base/text.h"

namespace croft::farm::dns {

namespace {

constexpr size_t head_size = 12;
constexpr uint32_t record_ttl = 60;

uint16_t u16(std::string_view m, size_t at) {
  return static_cast<uint16_t>(static_cast<unsigned char>(m[at]) << 8 |
                               static_cast<unsigned char>(m[at + 1]));
}
void put_u16(std::string& out, uint16_t n) {
  out += static_cast<char>(n >> 8);
  out += static_cast<char>(n & 0xff);
}

std::string head(uint16_t id, uint8_t opcode, bool recursion, Rcode code, bool cut,
                 uint16_t questions, uint16_t answers) {
  std::string out;
  put_u16(out, id);
  uint16_t flags = 0x8000 | 0x0080;  // a response; recursion available
  flags |= static_cast<uint16_t>((opcode & 15) << 11);
  flags |= 0x0400;  // authoritative
  if (cut) flags |= 0x0200;
  if (recursion) flags |= 0x0100;
  flags |= static_cast<uint16_t>(code);
  put_u16(out, flags);
  put_u16(out, questions);
  put_u16(out, answers);
  put_u16(out, 0);
  put_u16(out, 0);
  return out;
}

std::string encode_name(std::string_view name) {
  std::string out;
  for (const std::string& label : split(name, '.')) {
    if (label.empty()) continue;
    std::string_view fits = std::string_view(label).substr(0, 63);
    out += static_cast<char>(fits.size());
    out += fits;
  }
  out += '\0';
  return out;
}

std::string encode_value(const Record& record) {
  if (record.type != Type::a) return encode_name(record.value);
  std::string out;
  for (const std::string& part : split(record.value, '.'))
    out += static_cast<char>(parse_u64(part).value_or(0));
  return out;
}

}  // namespace

std::optional<uint16_t> message_id(std::string_view message) {
  if (message.size() < head_size || (static_cast<unsigned char>(message[2]) & 0x80))
    return std::nullopt;
  return u16(message, 0);
}

Result<Question> parse_query(std::string_view message) {
  auto bad = [](std::string text) { return fail(Code::syntax, "DNS query: " + std::move(text)); };
  if (message.size() < head_size || message.size() > max_message) return bad("bad size");
  uint16_t flags = u16(message, 2);
  if (flags & 0x8000) return bad("it is a response");
  if (u16(message, 4) != 1) return bad("exactly one question is expected");
  Question out;
  out.id = u16(message, 0);
  out.opcode = static_cast<uint8_t>(flags >> 11 & 15);
  out.recursion_desired = flags & 0x0100;
  size_t at = head_size;
  for (;;) {
    if (at >= message.size()) return bad("the name is cut");
    size_t length = static_cast<unsigned char>(message[at++]);
    if (length == 0) break;
    if (length > 63) return bad("a label is longer than 63 bytes or compressed");
    if (at + length > message.size()) return bad("a label is cut");
    if (at + length - head_size > 254) return bad("the name is longer than 255 bytes");
    std::string_view label = message.substr(at, length);
    if (label.find('.') != label.npos || label.find('\0') != label.npos)
      return bad("a label holds a dot or NUL");
    if (!out.name.empty()) out.name += '.';
    out.name += to_lower(label);
    at += length;
  }
  if (at + 4 > message.size()) return bad("the question is cut");
  out.type = u16(message, at);
  out.class_code = u16(message, at + 2);
  out.raw = std::string(message.substr(head_size, at + 4 - head_size));
  return out;
}

std::string write_answer(const Question& q, Rcode code, const std::vector<Record>& records,
                         size_t limit) {
  std::string body;
  uint16_t count = 0;
  bool cut = false;
  for (const Record& record : records) {
    std::string value = encode_value(record), one;
    put_u16(one, 0xc000 | head_size);  // the name of the question
    put_u16(one, static_cast<uint16_t>(record.type));
    put_u16(one, 1);
    put_u16(one, 0);
    put_u16(one, record_ttl);
    put_u16(one, static_cast<uint16_t>(value.size()));
    one += value;
    cut = head_size + q.raw.size() + body.size() + one.size() > limit;
    if (cut) break;
    body += one;
    ++count;
  }
  return head(q.id, q.opcode, q.recursion_desired, code, cut, 1, count) + q.raw + body;
}

std::string write_error(uint16_t id, Rcode code) {
  return head(id, 0, false, code, false, 0, 0);
}

std::optional<std::string> reverse_address(std::string_view name) {
  constexpr std::string_view suffix = ".in-addr.arpa";
  if (!name.ends_with(suffix)) return std::nullopt;
  auto parts = split(name.substr(0, name.size() - suffix.size()), '.');
  if (parts.size() != 4) return std::nullopt;
  for (const std::string& part : parts)
    if (auto n = parse_u64(part); !n || *n > 255 || part.size() > 3) return std::nullopt;
  return fmt::format("{}.{}.{}.{}", parts[3], parts[2], parts[1], parts[0]);
}

}  // namespace croft::farm::dns
