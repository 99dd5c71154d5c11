// For tests: the front door and S3 of a farm in a simulated process, asked without a network.
// Requests are signed and verified as over the wire.
#pragma once
#include <cstring>
#include <memory>
#include <string>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"
#include "base/digest.h"
#include "farm/api/dispatch.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {

/// A request in memory, and what was answered to it.
class MemoryExchange final : public net::Exchange {
 public:
  MemoryExchange(wire::RequestHead head, std::string body)
      : head_(std::move(head)), body_(std::move(body)) {}

  const wire::RequestHead& request() const override { return head_; }
  aio::Address peer() const override { return {}; }
  aio::PeerCredentials credentials() const override { return {}; }
  std::optional<uint64_t> content_length() const override { return body_.size(); }
  aio::Task<Result<size_t>> read_body(std::span<char> into) override {
    size_t count = std::min({into.size(), body_.size() - read_, size_t{40'000}});
    std::memcpy(into.data(), body_.data() + read_, count);
    read_ += count;
    co_return count;
  }
  aio::Task<Result<>> respond(int with, wire::Headers fields, std::string text) override {
    status = with;
    headers = std::move(fields);
    answer = std::move(text);
    co_return Result<>{};
  }
  aio::Task<Result<>> start(int with, wire::Headers fields, std::optional<uint64_t>) override {
    status = with;
    headers = std::move(fields);
    co_return Result<>{};
  }
  aio::Task<Result<>> write(std::string_view piece) override {
    answer += piece;
    co_return Result<>{};
  }
  aio::Task<Result<>> send_file(aio::File& file, uint64_t offset, uint64_t length) override {
    std::string data(length, '\0');
    size_t got = CO_TRY(co_await file.read_at(offset, std::span<char>(data.data(), data.size())));
    if (got != length) co_return fail(Code::corrupt, "a data file is too short");
    answer += data;
    co_return Result<>{};
  }
  aio::Task<Result<>> finish() override { co_return Result<>{}; }
  bool answered() const override { return status != 0; }
  void close_after() override {}

  int status = 0;
  wire::Headers headers;
  std::string answer;

 private:
  wire::RequestHead head_;
  std::string body_;
  size_t read_ = 0;
};

class OpenSealer final : public Sealer {
 public:
  Result<std::string> seal(const Secret& secret, std::string_view) override {
    return secret.reveal();
  }
  Result<Secret> unseal(std::string_view sealed, std::string_view) override {
    return Secret(std::string(sealed));
  }
};
class NoMeter final : public Meter {
 public:
  void request(const Usage&) override {}
};

struct Reply {
  int status = 0;
  std::string code;  ///< of an S3 error
  std::string body;
  wire::Headers headers;
};

/// Lives in one process of the simulation; data under /farm on its disk.
class LocalFarm {
 public:
  static aio::Task<Result<std::unique_ptr<LocalFarm>>> open(aio::World& world, Quotas quotas = {}) {
    std::unique_ptr<LocalFarm> farm(new LocalFarm(world));
    CO_TRY(co_await world.disk.make_dirs("/farm"));
    farm->store_ = CO_TRY(co_await store::open_sqlite(world, "/farm/farm.db"));
    farm->accounts_ = CO_TRY(co_await Accounts::open(world, *farm->store_, farm->sealer_));
    NewAccount wanted{.name = "alice",
                      .account_id = "111122223333",
                      .access_key = "AKIAALICE",
                      .secret_key = Secret("secret"),
                      .quotas = {quotas.instances, quotas.buckets, quotas.storage}};
    CO_TRY(co_await farm->accounts_->add(std::move(wanted)));
    farm->context_.emplace(
        Context{world, *farm->store_, *farm->accounts_, farm->meter_, farm->admin_});
    farm->context_->data = "/farm";
    ServiceOptions options;
    options.inline_limit = Bytes::kib(1);
    options.min_part = Bytes(10);
    farm->s3_ = std::make_unique<Service>(*farm->context_, options);
    CO_TRY(co_await farm->s3_->open());
    farm->door_.emplace(*farm->context_, *farm->s3_, nullptr,
                        std::vector<std::string>{"localhost"});
    co_return farm;
  }

  aio::Task<Result<>> run() { co_return co_await s3_->run(); }
  aio::Task<Result<>> close() { co_return co_await store_->close(); }
  Service& s3() { return *s3_; }
  FrontDoor& door() { return *door_; }

  aio::Task<Result<Reply>> ask(std::string method, std::string target, std::string body = {},
                               wire::Headers headers = {}) {
    wire::RequestHead head{
        .method = std::move(method), .target = std::move(target), .headers = std::move(headers)};
    head.headers.add("Host", "127.0.0.1");
    wire::sigv4::SigningKey key{"AKIAALICE", Secret("secret"), ""};
    CO_TRY(wire::sigv4::sign_headers(head, key, "s3", "us-east-1", world_.clock.wall(),
                                     sha256_hex(body)));
    MemoryExchange exchange(std::move(head), std::move(body));
    CO_TRY(co_await door_->handle(exchange, {}));
    Reply reply{exchange.status, {}, std::move(exchange.answer), std::move(exchange.headers)};
    if (reply.status >= 300 && !reply.body.empty())
      if (auto document = wire::xml::Document::parse(reply.body))
        reply.code = document->root().text_of("Code").value_or("");
    co_return reply;
  }

 private:
  explicit LocalFarm(aio::World& world) : world_(world) {}
  aio::World& world_;
  OpenSealer sealer_;
  NoMeter meter_;
  AdminRoutes admin_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Accounts> accounts_;
  std::optional<Context> context_;
  std::unique_ptr<Service> s3_;
  std::optional<FrontDoor> door_;
};

}  // namespace croft::farm::s3
