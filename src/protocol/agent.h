// What controller and agent say to each other over one TLS connection that the agent made: frames,
// and the messages in them. Pure.
// A frame: 4 bytes big-endian length of what follows, one byte kind, payload. Kind 'J': one JSON
// object, a message. Kind 'D': 4 bytes big-endian number of a channel, then bytes of it.
//
// The agent's first message is a Join (with no certificate yet) or a Hello. After Joined it
// connects again, with its certificate. Every Call carries the fencing number of the controller
// that made it; an agent keeps the highest it has seen and refuses lower ones with Code::conflict.
// A channel (exec, logs, forward) begins as a Call "open" whose answer names its number; its end is
// a Closed from either side.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/host_work.h"
#include "protocol/json_model.h"

namespace croft::protocol {

inline constexpr int agent_protocol_version = 1;
inline constexpr size_t agent_frame_max = 8 << 20;

struct Frame {
  char kind = 'J';
  uint32_t channel = 0;  ///< of kind 'D'
  std::string bytes;     ///< a JSON text, or data
};
std::string frame_text(const Frame& frame);

/// Puts frames together from what a stream gives. Code::syntax for what is none: hang up then.
class FrameReader {
 public:
  void add(std::string_view bytes);
  Result<std::optional<Frame>> next();

 private:
  std::string held_;
  size_t at_ = 0;
};

// ---- agent to controller ----
struct Join {
  int version = agent_protocol_version;
  std::string token;     ///< single use
  std::string instance;  ///< the farm's id of the machine: "i-..."
  std::string address;   ///< its private address
  std::string request;   ///< PKCS#10, PEM: the key never leaves the host
};
struct Hello {
  int version = agent_protocol_version;
  std::string instance, address, boot;  ///< boot: changes when the machine started anew
  std::string agent_version;
  uint64_t fence = 0;                   ///< the highest seen
  std::vector<model::WorkState> works;  ///< all it has
};
struct Answer {
  uint64_t id = 0;
  std::optional<Error> error;
  wire::json::Object result;
};
/// An item is in another phase.
struct Changed {
  model::WorkState state;
};
/// What agent and items use, with a heartbeat every `report` of the Welcome: what is as it was
/// when it was last told is left out.
struct Report {
  std::optional<model::WorkUsage> agent;
  std::map<std::string, model::WorkUsage> items;
};
/// Two thirds of the certificate's life are over: a Joined with a new one is asked for.
struct Renew {
  std::string request;  ///< PKCS#10, PEM, of a new key
};

// ---- controller to agent ----
struct Joined {
  std::string certificate;  ///< PEM, leaf first, then the authority
};
struct Welcome {
  uint64_t fence = 0;
  Duration period = Duration::seconds(1);  ///< of heartbeats
  uint16_t heartbeat_port = 0;             ///< datagrams to the controller's address; 0: none taken
  std::string heartbeat_key;               ///< hex, of HMAC-SHA256
  Duration report;                         ///< between two Reports; 0: none are wanted
  std::string rendezvous;                  ///< the URL of the object from now on; empty: as before
};
/// What an agent does, and what its Answer holds:
///   apply {work} -> {state}     remove {name} -> {} once it is gone    list -> {states}
///   probe {probe} -> {}         signal {name, signal} -> {}            ping -> {}
///   rendezvous {url} -> {}: where the object is read from now on
///   upgrade {path} or {url, sha256} -> {}: another agent program takes over; nothing else restarts
///   open {what: "exec", command, name?, environment?, directory?, terminal?: {rows, columns}}
///       -> {channel, errors?}: `errors` is the channel of its stderr, where there is no terminal;
///       `name`: as the process of that item is run
///   open {what: "logs", name, lines?, since?, follow?, times?} -> {channel, times}: the last
///       `lines`, or what came since that time (wall clock, ns; about a second more); default: all
///       kept. With `times` each frame is a timed_text; one without text says that all that was
///       there has been told
///   stats -> {agent: {memory, cpu, files, processes}, items: [{name, pid, restarts, ...}]}: bytes,
///       ns
///   open {what: "get", path} -> {channel}: a tar      open {what: "put", path} -> {channel}: a tar
///   open {what: "forward", host?, port} -> {channel}
///   resize {channel, rows, columns} -> {}             kill {channel, signal} -> {}
/// A frame 'D' without bytes says that no more come that way.
struct Call {
  uint64_t id = 0;
  uint64_t fence = 0;
  std::string action;
  wire::json::Object request;
};

/// It was told to end, as all of a machine is that goes down or starts anew.
struct Leaving {};

// ---- both ways ----
/// A heartbeat where no datagrams pass (heartbeat_port 0); given back as it is.
struct Alive {
  uint64_t sequence = 0;
  uint32_t changes = 0;  ///< as in Heartbeat
};
struct Closed {
  uint32_t channel = 0;
  wire::json::Object result;  ///< {"code"|"signal"} of an exec
  std::optional<Error> error;
};

using AgentMessage = std::variant<Join, Hello, Answer, Changed, Joined, Welcome, Call, Closed,
                                  Renew, Alive, Report, Leaving>;
wire::json::Object to_json(const AgentMessage& message);
/// Code::syntax or type_mismatch naming the member; Code::unsupported for an unknown type.
Result<AgentMessage> agent_message_from(std::string_view json);
/// As a whole frame.
std::string frame_of(const AgentMessage& message);

/// What a program wrote, and by when it was written, as a log's channel carries it.
std::string timed_text(WallTime time, std::string_view text);
/// The text is part of `bytes`. Code::syntax where no time is in front.
Result<std::pair<WallTime, std::string_view>> timed_text_from(std::string_view bytes);

/// Where controllers are, for agents that find none: an object in a bucket, signed by the
/// authority, since a bucket is no more trusted than the way to it.
struct Rendezvous {
  std::vector<std::string> controllers;  ///< HOST:PORT
  uint64_t epoch = 0;                    ///< a lower one than the last seen is a replay
  std::string authority;                 ///< its certificate, PEM; agents know its fingerprint
  std::string signature;                 ///< base64, of statement_of()
};
std::string statement_of(const Rendezvous& rendezvous);
wire::json::Object to_json(const Rendezvous& rendezvous);
Result<Rendezvous> rendezvous_from(const wire::json::Object& object);

// ---- host work ----
/// With the secrets in it: for the encrypted connection and the agent's own tmpfs, nowhere else.
wire::json::Object to_json(const model::HostWork& work);
Result<model::HostWork> host_work_from(const wire::json::Object& object);
/// What `digest` has to be: of everything else in it, under a key, since there are secrets in it
/// and the digest is shown.
std::string digest_of(const model::HostWork& work, const Secret& key);
wire::json::Object to_json(const model::Probe& probe);
Result<model::Probe> probe_from(const wire::json::Object& object);
wire::json::Object to_json(const model::WorkState& state);
Result<model::WorkState> work_state_from(const wire::json::Object& object);
wire::json::Object to_json(const model::WorkUsage& usage);
Result<model::WorkUsage> work_usage_from(const wire::json::Object& object);

// ---- heartbeats: datagrams, HMAC-SHA256 under the key of the Welcome ----
struct Heartbeat {
  std::string node;       ///< as in its certificate
  uint64_t sequence = 0;  ///< rises; a lower one is a replay
  uint64_t sent_ns = 0;   ///< the sender's monotonic clock; given back in the reply
  uint32_t changes = 0;   ///< how many Changed it has sent: a gap tells that one was lost
};
/// The controller gives back those whose sequence is a multiple of it.
inline constexpr uint64_t heartbeats_an_answer = 2;
/// At most 256 bytes.
std::string sealed(const Heartbeat& beat, const Secret& key);
/// The node's name, unchecked: whose key to open it with.
Result<std::string> node_of_heartbeat(std::string_view datagram);
/// Code::unauthenticated where the HMAC is wrong (compared in constant time).
Result<Heartbeat> open_heartbeat(std::string_view datagram, const Secret& key);

}  // namespace croft::protocol
