// DNS questions and answers on the wire (RFC 1035 section 4), as far as a resolver for instances
// needs them: one question in, address and name records out. Pure; reads nothing beyond its input.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace croft::farm::dns {

inline constexpr size_t max_message = 4096;
inline constexpr size_t max_udp_answer = 512;

enum class Type : uint16_t { a = 1, ptr = 12, aaaa = 28, any = 255 };
enum class Rcode : uint8_t {
  ok = 0,
  format_error = 1,
  server_failure = 2,
  no_name = 3,
  not_implemented = 4,
  refused = 5
};

struct Question {
  uint16_t id = 0;
  uint8_t opcode = 0;
  bool recursion_desired = false;
  std::string name;  ///< lower case, dots between labels, none at the end
  uint16_t type = 0;
  uint16_t class_code = 1;
  std::string raw;  ///< the question section as sent: goes back unchanged
};

struct Record {
  Type type = Type::a;
  std::string value;  ///< a: dotted quad; ptr: a name
};

/// Code::syntax for what is no query with exactly one question: too short, cut, compressed name in
/// the question, label above 63, name above 255 bytes, a response.
Result<Question> parse_query(std::string_view message);
/// The id of a message that parse_query refused, so that it can be answered with format_error.
std::optional<uint16_t> message_id(std::string_view message);

/// `limit`: records that do not fit are left out and the answer is marked as cut.
std::string write_answer(const Question& question, Rcode code, const std::vector<Record>& records,
                         size_t limit);
std::string write_error(uint16_t id, Rcode code);

/// "5.0.77.10.in-addr.arpa" -> "10.77.0.5".
std::optional<std::string> reverse_address(std::string_view name);

}  // namespace croft::farm::dns
