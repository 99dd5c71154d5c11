#include "cli/session.h"

#include <algorithm>

#include "controller/controller.h"
#include "net/tls.h"
#include "protocol/json_model.h"
#include "wire/uri.h"

namespace croft::cli {
namespace {

constexpr size_t line_limit = 1 << 20;

/// What was asked of it is recorded before it answers.
void add_end_of_controller(Error& error) {
  if (error.code == Code::unavailable)
    error.hint(
        "the controller ended; what it was asked is recorded: croft up and croft down go on");
}

}  // namespace

namespace {

constexpr size_t controllers_most = 16;  // those that were lost included

/// What a controller says of the others of its store joins `urls`.
void learn(std::vector<std::string>& urls, const wire::json::Object& health) {
  auto add = [&urls](std::string_view url) {
    if (net::Url::parse(url) && std::ranges::find(urls, url) == urls.end() &&
        urls.size() < controllers_most)
      urls.emplace_back(url);
  };
  // A machine that was lost is made up for by one that nobody here has heard of.
  if (auto leader = wire::json::string_or(health, "leaderUrl", "")) add(*leader);
  if (auto all = wire::json::array_if(health, "controllers"); all && *all)
    for (const auto& each : **all)
      if (each.is_string()) add(each.get_string());
}

/// A lease, the election after it, and some time to take over.
constexpr Duration until_one_leads = Duration::seconds(20);
constexpr Duration ask_again = Duration::milliseconds(250);
constexpr Duration health_within = Duration::seconds(3);
net::ClientOptions client_options(const Result<std::optional<Login>>& login) {
  net::ClientOptions out;
  if (!login || !*login) return out;
  if (auto context = net::TlsContext::client_of((*login)->fingerprint)) out.tls = *context;
  return out;
}
}  // namespace

ControllerClient::ControllerClient(aio::World& world, std::string home)
    : world_(world),
      home_(home),
      socket_(controller::controller_socket(home)),
      login_(login_of(home)),
      http_(world, client_options(login_)) {}

ControllerClient::ControllerClient(aio::World& world, Login login)
    : world_(world), login_(std::move(login)), http_(world, client_options(login_)) {}

Result<net::ClientRequest> ControllerClient::request(std::string method, std::string target) {
  if (!login_) return fail(login_.error());
  net::ClientRequest out;
  out.method = std::move(method);
  if (*login_) {
    out.url = TRY(net::Url::parse((*login_)->url));
    out.headers.add("Authorization", "Bearer " + (*login_)->token.reveal());
  } else {
    out.url.scheme = "unix";
    out.url.host = socket_;
  }
  out.url.target = std::move(target);
  return out;
}

aio::Task<Result<Login>> leading(aio::World& world, Login login, bool stands_by) {
  if (login.others.empty() && !stands_by) co_return login;
  net::HttpClient http(world, client_options(std::optional(login)));
  std::vector<std::string> urls = login.others;
  urls.insert(urls.begin(), login.url);
  Error last(Code::unavailable, "no controller leads");
  for (Moment until = world.clock.now() + until_one_leads; world.clock.now() < until;) {
    for (size_t i = 0; i < urls.size(); ++i) {
      std::string url = urls[i];
      net::ClientRequest request;
      request.url = CO_TRY(net::Url::parse(url));
      request.url.target = "/v1/health";
      request.headers.add("Authorization", "Bearer " + login.token.reveal());
      request.deadline = request.connect_deadline = health_within;
      auto answer = co_await http.send(std::move(request));
      if (!answer && answer.error().code == Code::cancelled)
        co_return fail(std::move(answer).error());
      if (!answer) {
        last = std::move(answer).error();
        continue;
      }
      auto parsed = wire::json::parse_object(answer->body, "the controller's answer");
      wire::json::Object told = parsed ? *std::move(parsed) : wire::json::Object();
      auto role = wire::json::string_or(told, "role", "");
      learn(urls, told);
      if (answer->status == 200 && role && *role != "leads") continue;
      // One that leads, or one that has something to say to this token.
      std::erase(urls, url);
      login.url = std::move(url);
      login.others = std::move(urls);
      co_return login;
    }
    CO_TRY(co_await world.clock.sleep(ask_again));
  }
  co_return fail(
      std::move(last).hint("croft controller rent looks after controllers that it rented"));
}

void learn_others(Login& login, const wire::json::Object& health) {
  std::vector<std::string> urls = std::move(login.others);
  urls.insert(urls.begin(), login.url);
  learn(urls, health);
  urls.erase(urls.begin());
  login.others = std::move(urls);
}

aio::Task<Result<bool>> answers(aio::World& world, Login login) {
  net::ClientRequest request;
  request.url = CO_TRY(net::Url::parse(login.url));
  request.url.target = "/v1/health";
  request.deadline = request.connect_deadline = health_within;
  net::HttpClient http(world, client_options(std::optional(std::move(login))));
  auto answer = co_await http.send(std::move(request));
  if (!answer && answer.error().code == Code::cancelled) co_return fail(std::move(answer).error());
  co_return answer.has_value();
}

aio::Task<Result<>> ControllerClient::find_leader(bool stands_by) {
  Login before = **login_;
  *login_ = CO_TRY(co_await leading(world_, **login_, stands_by));
  bool same = (*login_)->url == before.url && (*login_)->others == before.others;
  if (home_.empty() || same) co_return Result<>{};
  // Else each command would first wait for one that is gone. Without it they work, too.
  auto kept = co_await keep_login(world_, home_, **login_);
  if (!kept && kept.error().code == Code::cancelled) co_return kept;
  co_return Result<>{};
}

/// A controller that stands by did nothing of what it was asked.
aio::Task<Result<net::Response>> ControllerClient::send(net::ClientRequest message) {
  bool several = *login_ && !(*login_)->others.empty();
  for (bool again = false;; again = true) {
    // One that is frozen takes a request and never answers: health is asked first, which is short.
    if (several && !std::exchange(found_, true)) {
      CO_TRY(co_await find_leader());
      std::string target = message.url.target;
      message.url = CO_TRY(net::Url::parse((*login_)->url));
      message.url.target = std::move(target);
    }
    auto answer = co_await http_.send(message);
    bool stands_by =
        answer && answer->status == 503 && answer->body.find("\"stands_by\"") != std::string::npos;
    bool elsewhere = stands_by || (!answer && answer.error().fact("sent") == "no");
    // The only one that is known says who leads.
    if (stands_by && *login_ && !several && !again) {
      CO_TRY(co_await find_leader(true));
      several = true;
      found_ = false;
      continue;
    }
    if (!several || !elsewhere || again) co_return answer;
    found_ = false;
  }
}

aio::Task<Result<wire::json::Object>> ControllerClient::call(std::string method, std::string target,
                                                             std::string body, Duration deadline) {
  auto message = CO_TRY(request(std::move(method), std::move(target)));
  message.deadline = deadline;
  if (!body.empty()) message.headers.add("Content-Type", "application/json");
  message.body = std::move(body);
  auto answer = co_await send(std::move(message));
  if (!answer) {
    if (*login_)
      answer.error().hint(fmt::format("this home is logged in to {}", (*login_)->url));
    else if (answer.error().fact("sent") == "no" || answer.error().code == Code::not_found)
      co_return fail(Error(Code::unavailable, "no controller runs under " + home_)
                         .fact("no_controller", socket_)
                         .fact("sent", "no")
                         .hint("croft up FILE starts one"));
    else
      add_end_of_controller(answer.error());
    co_return fail(std::move(answer).error());
  }
  wire::json::Object document;
  if (!answer->body.empty())
    document = CO_TRY(
        wire::json::parse_object(answer->body, "the controller's answer", {Bytes::mib(64), 2048}));
  if (answer->status / 100 == 2) co_return document;
  co_return fail(
      error_from_answer(document, fmt::format("the controller answered {}", answer->status)));
}

aio::Task<Result<std::unique_ptr<net::ResponseStream>>> ControllerClient::open(std::string target) {
  if (login_ && *login_ && !std::exchange(found_, true)) CO_TRY(co_await find_leader());
  auto message = CO_TRY(request("GET", std::move(target)));
  message.deadline = Duration::forever();
  auto stream = CO_TRY(co_await http_.open(std::move(message)));
  if (stream->head().status / 100 == 2) co_return stream;
  std::string body(16 << 10, '\0');
  size_t size = CO_TRY(co_await stream->read(body));
  auto document = wire::json::parse_object(std::string_view(body).substr(0, size));
  std::string fallback = fmt::format("the controller answered {}", stream->head().status);
  co_return fail(document ? error_from_answer(*document, fallback)
                          : Error(Code::unavailable, fallback));
}

Error error_from_answer(const wire::json::Object& answer, std::string fallback) {
  auto error = wire::json::object_if(answer, "error");
  if (error && *error) return protocol::error_from_json(**error);
  return Error(Code::internal, std::move(fallback));
}

bool is_no_controller(const Error& error) {
  return !error.fact("no_controller").empty();
}

std::string application_name(std::string_view file) {
  size_t slash = file.rfind('/');
  std::string name(slash == std::string_view::npos ? file : file.substr(slash + 1));
  if (name.ends_with(".sf")) name.resize(name.size() - 3);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') c = '-';
  return name;
}

std::string path_segment(std::string_view name) {
  return wire::percent_encode(name);
}

aio::Task<Result<std::optional<std::string>>> LineReader::next() {
  while (true) {
    size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      co_return std::optional<std::string>(std::move(line));
    }
    if (ended_) co_return std::optional<std::string>();
    if (buffer_.size() > line_limit)
      co_return fail(Code::resource_exhausted,
                     "a line of the controller's answer is longer than 1 MiB");
    char piece[16 << 10];
    auto size = co_await stream_->read(piece);
    if (!size) {
      add_end_of_controller(size.error());
      co_return fail(std::move(size).error());
    }
    if (*size == 0) ended_ = true;
    buffer_.append(piece, *size);
    if (ended_ && !buffer_.empty()) buffer_ += '\n';
  }
}

}  // namespace croft::cli
