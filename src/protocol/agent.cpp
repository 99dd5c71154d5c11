#include "protocol/agent.h"

#include "base/digest.h"
#include "base/text.h"
#include "protocol/fields.h"

namespace croft::protocol {
namespace {

constexpr size_t head_bytes = 5;  // length and kind
constexpr size_t channel_bytes = 4;

void put_u32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

uint32_t u32_at(std::string_view text, size_t at) {
  uint32_t out = 0;
  for (size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<uint8_t>(text[at + i]);
  return out;
}

}  // namespace

// Found by written() and read(): they look in the namespace of the shapes.
template <class F>
void members(F& f, Join& join) {
  f.always("version", join.version);
  f.always("token", join.token);
  f("instance", join.instance);
  f("address", join.address);
  f.always("request", join.request);
}

template <class F>
void members(F& f, Joined& joined) {
  f.always("certificate", joined.certificate);
}

template <class F>
void members(F& f, Welcome& welcome) {
  f.always("fence", welcome.fence);
  f.always("period", welcome.period);
  f("heartbeatPort", welcome.heartbeat_port);
  f("heartbeatKey", welcome.heartbeat_key);
  f("report", welcome.report);
  f("rendezvous", welcome.rendezvous);
}

template <class F>
void members(F& f, Rendezvous& rendezvous) {
  f.always("controllers", rendezvous.controllers);
  f.always("epoch", rendezvous.epoch);
  f.always("authority", rendezvous.authority);
  f.always("signature", rendezvous.signature);
}

template <class F>
void members(F& f, Call& call) {
  f.always("id", call.id);
  f.always("fence", call.fence);
  f.always("action", call.action);
  f("request", call.request);
}

template <class F>
void members(F& f, Answer& answer) {
  f.always("id", answer.id);
  f("error", answer.error);
  f("result", answer.result);
}

template <class F>
void members(F& f, Closed& closed) {
  f.always("channel", closed.channel);
  f("result", closed.result);
  f("error", closed.error);
}

template <class F>
void members(F& f, Renew& renew) {
  f.always("request", renew.request);
}

template <class F>
void members(F&, Leaving&) {}

template <class F>
void members(F& f, Alive& alive) {
  f.always("sequence", alive.sequence);
  f("changes", alive.changes);
}

template <class F>
void members(F& f, Hello& hello) {
  f.always("version", hello.version);
  f("instance", hello.instance);
  f("address", hello.address);
  f("boot", hello.boot);
  f("agentVersion", hello.agent_version);
  f("fence", hello.fence);
}

namespace {

template <class T>
wire::json::Object message(const char* type, const T& value) {
  return written(value, {{"type", type}});
}

template <class T>
Result<AgentMessage> read_message(const wire::json::Object& object) {
  return TRY(read<T>(object));
}

Result<AgentMessage> read_hello(const wire::json::Object& object) {
  auto out = TRY(read<Hello>(object));
  if (const auto* works = TRY(wire::json::array_if(object, "works")))
    for (const auto& item : *works) {
      if (!item.is_object()) return fail(Code::type_mismatch, "a state is not an object");
      out.works.push_back(TRY(work_state_from(item.get_object())));
    }
  return out;
}

Result<AgentMessage> read_report(const wire::json::Object& object) {
  Report out;
  if (const auto* agent = TRY(wire::json::object_if(object, "agent")))
    out.agent = TRY(work_usage_from(*agent));
  if (const auto* items = TRY(wire::json::object_if(object, "items")))
    for (const auto& [name, usage] : *items) {
      if (!usage.is_object()) return fail(Code::type_mismatch, "a usage is not an object");
      out.items[std::string(name)] = TRY(work_usage_from(usage.get_object()));
    }
  return out;
}

struct Encode {
  wire::json::Object operator()(const Join& m) const { return message("join", m); }
  wire::json::Object operator()(const Answer& m) const { return message("answer", m); }
  wire::json::Object operator()(const Joined& m) const { return message("joined", m); }
  wire::json::Object operator()(const Welcome& m) const { return message("welcome", m); }
  wire::json::Object operator()(const Call& m) const { return message("call", m); }
  wire::json::Object operator()(const Closed& m) const { return message("closed", m); }
  wire::json::Object operator()(const Renew& m) const { return message("renew", m); }
  wire::json::Object operator()(const Alive& m) const { return message("alive", m); }
  wire::json::Object operator()(const Leaving& m) const { return message("leaving", m); }
  wire::json::Object operator()(const Hello& m) const {
    wire::json::Object out = message("hello", m);
    wire::json::Array works;
    for (const auto& state : m.works) works.push_back(to_json(state));
    out["works"] = std::move(works);
    return out;
  }
  wire::json::Object operator()(const Report& m) const {
    wire::json::Object out;
    out["type"] = "report";
    if (m.agent) out["agent"] = to_json(*m.agent);
    wire::json::Object items;
    for (const auto& [name, usage] : m.items) items[name] = to_json(usage);
    if (!items.empty()) out["items"] = std::move(items);
    return out;
  }
  wire::json::Object operator()(const Changed& m) const {
    wire::json::Object out;
    out["type"] = "changed";
    out["state"] = to_json(m.state);
    return out;
  }
};

}  // namespace

std::string frame_text(const Frame& frame) {
  std::string out;
  bool data = frame.kind == 'D';
  out.reserve(head_bytes + channel_bytes + frame.bytes.size());
  put_u32(out, static_cast<uint32_t>(1 + (data ? channel_bytes : 0) + frame.bytes.size()));
  out += frame.kind;
  if (data) put_u32(out, frame.channel);
  return out += frame.bytes;
}

void FrameReader::add(std::string_view bytes) {
  if (at_ > 0) {
    held_.erase(0, at_);
    at_ = 0;
  }
  held_ += bytes;
}

Result<std::optional<Frame>> FrameReader::next() {
  std::string_view rest = std::string_view(held_).substr(at_);
  if (rest.size() < head_bytes) return std::nullopt;
  size_t length = u32_at(rest, 0);
  Frame out;
  out.kind = rest[4];
  bool data = out.kind == 'D';
  if (!data && out.kind != 'J')
    return fail(Code::syntax, "a frame of an agent's connection has an unknown kind");
  if (length > agent_frame_max || length < 1 + (data ? channel_bytes : 0))
    return fail(Code::syntax, fmt::format("a frame of {} bytes; at most {} are allowed", length,
                                          agent_frame_max));
  if (rest.size() < 4 + length) return std::nullopt;
  size_t begin = head_bytes + (data ? channel_bytes : 0);
  if (data) out.channel = u32_at(rest, head_bytes);
  out.bytes = rest.substr(begin, 4 + length - begin);
  at_ += 4 + length;
  return out;
}

wire::json::Object to_json(const AgentMessage& message) {
  return std::visit(Encode{}, message);
}

std::string frame_of(const AgentMessage& message) {
  return frame_text({'J', 0, wire::json::compact(to_json(message))});
}

std::string statement_of(const Rendezvous& rendezvous) {
  return fmt::format("croft rendezvous 1\nepoch {}\ncontrollers {}\n", rendezvous.epoch,
                     join(rendezvous.controllers, " "));
}

wire::json::Object to_json(const Rendezvous& rendezvous) {
  return written(rendezvous);
}

Result<Rendezvous> rendezvous_from(const wire::json::Object& object) {
  auto out = TRY(read<Rendezvous>(object));
  constexpr size_t controllers_most = 16;
  if (out.controllers.empty() || out.controllers.size() > controllers_most)
    return fail(Code::invalid_argument, fmt::format("it names {} controllers; 1 to {} are allowed",
                                                    out.controllers.size(), controllers_most));
  // The statement is told apart by these.
  for (const std::string& each : out.controllers)
    if (each.empty() || each.find_first_of(" \n\r\t") != std::string::npos)
      return fail(Code::invalid_argument,
                  fmt::format("'{}' is no address of a controller", printable(each)));
  return out;
}

Result<AgentMessage> agent_message_from(std::string_view json) {
  auto object = TRY(wire::json::parse_object(json, "a message of an agent's connection",
                                             {Bytes(agent_frame_max), 32}));
  std::string type = TRY(wire::json::string_at(object, "type"));
  if (type == "join") return read_message<Join>(object);
  if (type == "joined") return read_message<Joined>(object);
  if (type == "hello") return read_hello(object);
  if (type == "welcome") return read_message<Welcome>(object);
  if (type == "call") return read_message<Call>(object);
  if (type == "answer") return read_message<Answer>(object);
  if (type == "closed") return read_message<Closed>(object);
  if (type == "renew") return read_message<Renew>(object);
  if (type == "alive") return read_message<Alive>(object);
  if (type == "leaving") return read_message<Leaving>(object);
  if (type == "report") return read_report(object);
  if (type == "changed") {
    const auto* state = TRY(wire::json::object_at(object, "state"));
    return Changed{TRY(work_state_from(*state))};
  }
  return fail(Code::unsupported, fmt::format("a message of unknown type '{}'", printable(type)));
}

namespace {
constexpr std::string_view beat_mark = "CHB1";
constexpr size_t mac_bytes = 32;
constexpr size_t node_bytes_max = 128;

void put_u64(std::string& out, uint64_t value) {
  put_u32(out, static_cast<uint32_t>(value >> 32));
  put_u32(out, static_cast<uint32_t>(value));
}
uint64_t u64_at(std::string_view text, size_t at) {
  return uint64_t{u32_at(text, at)} << 32 | u32_at(text, at + 4);
}
constexpr size_t numbers_bytes = 8 + 8 + 4;
constexpr size_t time_bytes = 8;
}  // namespace

std::string timed_text(WallTime time, std::string_view text) {
  std::string out;
  out.reserve(time_bytes + text.size());
  put_u64(out, static_cast<uint64_t>(time.ns));
  return out.append(text);
}

Result<std::pair<WallTime, std::string_view>> timed_text_from(std::string_view bytes) {
  if (bytes.size() < time_bytes) return fail(Code::syntax, "a piece of a log without its time");
  return std::pair(WallTime{static_cast<int64_t>(u64_at(bytes, 0))}, bytes.substr(time_bytes));
}

// Mark, length of the node's name, name, sequence, sent, changes, MAC of all before it.
std::string sealed(const Heartbeat& beat, const Secret& key) {
  std::string out(beat_mark);
  std::string_view node = std::string_view(beat.node).substr(0, node_bytes_max);
  out += static_cast<char>(node.size());
  out += node;
  put_u64(out, beat.sequence);
  put_u64(out, beat.sent_ns);
  put_u32(out, beat.changes);
  out += hmac(Hash::sha256, key.reveal(), out);
  return out;
}

Result<std::string> node_of_heartbeat(std::string_view datagram) {
  if (datagram.size() < beat_mark.size() + 1 || !datagram.starts_with(beat_mark))
    return fail(Code::syntax, "a datagram that is no heartbeat");
  size_t length = static_cast<uint8_t>(datagram[beat_mark.size()]);
  if (length > node_bytes_max ||
      datagram.size() != beat_mark.size() + 1 + length + numbers_bytes + mac_bytes)
    return fail(Code::syntax, "a heartbeat of a wrong length");
  return std::string(datagram.substr(beat_mark.size() + 1, length));
}

Result<Heartbeat> open_heartbeat(std::string_view datagram, const Secret& key) {
  Heartbeat out;
  out.node = TRY(node_of_heartbeat(datagram));
  std::string_view covered = datagram.substr(0, datagram.size() - mac_bytes);
  if (!constant_time_equal(hmac(Hash::sha256, key.reveal(), covered),
                           datagram.substr(covered.size())))
    return fail(Code::unauthenticated, "a heartbeat that its node did not send");
  size_t at = beat_mark.size() + 1 + out.node.size();
  out.sequence = u64_at(datagram, at);
  out.sent_ns = u64_at(datagram, at + 8);
  out.changes = u32_at(datagram, at + 16);
  return out;
}

}  // namespace croft::protocol
