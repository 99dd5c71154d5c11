#include "net/tls.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <fstream>

#include "net/testing.h"

namespace croft::net {
namespace {
using namespace testing;

std::string drain(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<size_t>(size));
  BIO_free(bio);
  return out;
}

/// A self-signed certificate for 127.0.0.1 and localhost.
TlsOptions make_identity() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("croft test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
  BIO* text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(text, certificate);
  BIO* key_text = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
  TlsOptions options;
  options.certificate_pem = drain(text);
  options.key_pem = Secret(drain(key_text));
  options.verify_peer = false;
  X509_free(certificate);
  EVP_PKEY_free(key);
  return options;
}

struct Files {
  char folder[24] = "/tmp/croft-tls-XXXXXX";
  std::string certificate, key;
  explicit Files(const TlsOptions& identity) {
    EXPECT_TRUE(mkdtemp(folder));
    certificate = std::string(folder) + "/cert.pem";
    key = std::string(folder) + "/key.pem";
    std::ofstream(certificate) << identity.certificate_pem;
    std::ofstream(key) << identity.key_pem.reveal();
  }
  ~Files() {
    unlink(certificate.c_str());
    unlink(key.c_str());
    rmdir(folder);
  }
};

aio::Task<Result<>> echo(Exchange& exchange) {
  std::string body = CO_TRY(co_await exchange.read_all(Bytes::mib(64)));
  co_return co_await exchange.respond(200, {}, std::move(body));
}

struct Scene {
  aio::World& world;
  std::string url;
  aio::Address at;
  std::string ca_file;
};

using SceneBody = aio::Task<Result<>> (*)(Scene&);

aio::Task<Result<>> with_tls(aio::World& world, HttpServer& server,
                             std::shared_ptr<TlsContext> context, std::string ca, SceneBody body) {
  auto listener = CO_TRY(world.net.listen({"127.0.0.1", 0, ""}));
  aio::Address at = listener->local();
  aio::Scope scope(co_await aio::here());
  scope.spawn(server.serve(tls_listener(std::move(context), std::move(listener))));
  Scene scene{world, fmt::format("https://127.0.0.1:{}/", at.port), at, std::move(ca)};
  auto result = co_await body(scene);
  scope.cancel();
  CO_TRY(co_await scope.join());
  co_return result;
}

void run_tls(SceneBody body) {
  TlsOptions identity = make_identity();
  Files files(identity);
  auto loaded = TlsContext::load(files.certificate, files.key);
  ASSERT_TRUE(loaded) << loaded.error().render();
  auto context = TlsContext::server(*loaded);
  ASSERT_TRUE(context) << context.error().render();
  auto real = aio::RealWorld::open().value();
  HttpServer server(real->world(), echo);
  auto result = real->run(aio::deadline(
      real->world().clock, patience,
      with_tls(real->world(), server, *context, files.certificate, body), "the test"));
  EXPECT_TRUE(result) << result.error().render();
}

TEST(Tls, client_and_server) {
  run_tls([](Scene& scene) -> aio::Task<Result<>> {
    HttpClient client(scene.world, {.ca_file = scene.ca_file});
    for (size_t size : {0ul, 10ul, 100'000ul, 5'000'000ul}) {
      ClientRequest request;
      request.method = "POST";
      request.url = Url::parse(scene.url).value();
      request.body = std::string(size, 'x');
      Response response = CO_TRY(co_await client.send(request));
      EXPECT_EQ(response.body, request.body);
    }
    ClientRequest by_name;
    by_name.url = Url::parse(fmt::format("https://localhost:{}/", scene.at.port)).value();
    EXPECT_EQ(CO_TRY(co_await client.send(by_name)).status, 200);
    co_return Result<>{};
  });
}

aio::Task<Result<>> pour(aio::Stream& from, aio::Stream& to) {
  std::array<char, 16384> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await from.read(buffer));
    if (got == 0) co_return co_await to.shutdown();
    std::vector<std::string_view> piece{std::string_view(buffer.data(), got)};
    CO_TRY(co_await to.write(std::move(piece)));
  }
}

/// A proxy for one connection: `answer` to its CONNECT, which is kept in `head`, then a tunnel.
aio::Task<Result<>> proxy(aio::World& world, aio::Listener& listener, aio::Address to,
                          std::string_view answer, std::string& head) {
  auto client = CO_TRY(co_await listener.accept());
  std::array<char, 4096> buffer;
  while (head.find("\r\n\r\n") == std::string::npos) {
    size_t got = CO_TRY(co_await client->read(buffer));
    if (got == 0) co_return Result<>{};
    head.append(buffer.data(), got);
  }
  auto server = CO_TRY(co_await world.net.connect(to));
  std::vector<std::string_view> piece{answer};
  CO_TRY(co_await client->write(std::move(piece)));
  if (answer.find("200") == std::string_view::npos) co_return Result<>{};
  aio::Scope both(co_await aio::here());
  both.spawn(pour(*client, *server));
  both.spawn(pour(*server, *client));
  co_return co_await both.join();
}

aio::Task<Result<Response>> ask_through_proxy(Scene& scene, std::string_view answer,
                                              std::string& head) {
  auto listener = CO_TRY(scene.world.net.listen({"127.0.0.1", 0, ""}));
  aio::Scope scope(co_await aio::here());
  scope.spawn(proxy(scene.world, *listener, scene.at, answer, head));
  HttpClient client(scene.world, {.ca_file = scene.ca_file});
  auto way = std::make_shared<Proxy>();
  way->url = Url::parse("http://" + listener->local().text() + "/").value();
  way->authorization = Secret("Basic dXNlcjpwdw==");
  ClientRequest request;
  request.url = Url::parse(fmt::format("https://localhost:{}/x", scene.at.port)).value();
  request.proxy = way;
  auto result = co_await client.send(request);
  scope.cancel();
  auto joined = co_await scope.join();
  static_cast<void>(joined);
  co_return result;
}

aio::Task<Result<>> send_much(aio::Stream& stream, size_t bytes) {
  std::string piece(1 << 20, 'x');
  for (size_t sent = 0; sent < bytes; sent += piece.size()) {
    std::vector<std::string_view> pieces{piece};
    CO_TRY(co_await stream.write(std::move(pieces)));
  }
  co_return Result<>{};
}

aio::Task<Result<>> receive_much(aio::Stream& stream, size_t bytes) {
  std::vector<char> buffer(64 << 10);
  for (size_t all = 0; all < bytes;) {
    size_t got = CO_TRY(co_await stream.read(buffer));
    if (got == 0) co_return fail(Code::unavailable, "it ended early");
    all += got;
  }
  co_return Result<>{};
}

/// More than all buffers between them hold: whoever reads must not wait for its own side's write.
TEST(Tls, both_sides_may_send_much_at_once) {
  TlsOptions identity = make_identity();
  auto serving = TlsContext::server(identity);
  TlsOptions believing;
  believing.verify_peer = false;
  auto calling = TlsContext::client(believing);
  ASSERT_TRUE(serving && calling);
  auto real = aio::RealWorld::open().value();
  auto talk = [&](aio::World& world) -> aio::Task<Result<>> {
    constexpr size_t much = 64 << 20;
    auto listener = CO_TRY(world.net.listen({"127.0.0.1", 0, ""}));
    auto plain = CO_TRY(co_await world.net.connect(listener->local()));
    auto here = CO_TRY(tls_client(*calling, std::move(plain), "127.0.0.1"));
    auto there = CO_TRY(tls_server(*serving, CO_TRY(co_await listener->accept())));
    aio::Scope scope(co_await aio::here());
    for (aio::Stream* stream : {here.get(), there.get()}) {
      scope.spawn(send_much(*stream, much));
      scope.spawn(receive_much(*stream, much));
    }
    co_return co_await scope.join();
  };
  auto done = real->run(
      aio::deadline(real->world().clock, patience, talk(real->world()), "both to be through"));
  EXPECT_TRUE(done) << done.error().render();
}

TEST(Tls, goes_through_the_tunnel_of_a_proxy) {
  run_tls([](Scene& scene) -> aio::Task<Result<>> {
    std::string head;
    auto made = co_await ask_through_proxy(scene, "HTTP/1.1 200 made\r\n\r\n", head);
    EXPECT_TRUE(made) << made.error().render();
    if (made) EXPECT_EQ(made->status, 200);
    EXPECT_TRUE(head.starts_with(fmt::format("CONNECT localhost:{} HTTP/1.1\r\n", scene.at.port)))
        << head;
    EXPECT_NE(head.find("Proxy-Authorization: Basic dXNlcjpwdw=="), std::string::npos) << head;
    head.clear();
    auto who = co_await ask_through_proxy(scene, "HTTP/1.1 407 who are you\r\n\r\n", head);
    EXPECT_FALSE(who);
    if (!who) EXPECT_EQ(who.error().code, Code::unauthenticated) << who.error().render();
    head.clear();
    auto no = co_await ask_through_proxy(scene, "HTTP/1.1 503 not now\r\n\r\n", head);
    EXPECT_FALSE(no);
    if (!no) EXPECT_NE(no.error().what.find("makes no tunnel"), std::string::npos);
    co_return Result<>{};
  });
}

TEST(Tls, refuses_unknown_authorities) {
  run_tls([](Scene& scene) -> aio::Task<Result<>> {
    HttpClient strict(scene.world);
    ClientRequest request;
    request.url = Url::parse(scene.url).value();
    auto result = co_await strict.send(request);
    EXPECT_EQ(result.error().code, Code::unavailable);
    EXPECT_TRUE(
        result.error().what.starts_with("TLS: the server's certificate is not accepted: self"))
        << result.error().what;
    EXPECT_EQ(result.error().fact("sent"), "no");
    HttpClient loose(scene.world, {.verify_tls = false});
    EXPECT_EQ(CO_TRY(co_await loose.send(request)).status, 200);
    co_return Result<>{};
  });
}

struct OtherTime final : aio::Clock {
  explicit OtherTime(Duration ahead_in) : ahead(ahead_in) {}
  Moment now() override { return {}; }
  WallTime wall() override { return WallTime::from_unix_seconds(time(nullptr)) + ahead; }
  TimerId call_at(Moment, std::move_only_function<void()>) override { return 0; }
  void stop(TimerId) override {}
  Duration ahead;
};

TEST(Tls, holds_certificates_against_the_time_it_is_given) {
  run_tls([](Scene& scene) -> aio::Task<Result<>> {
    for (Duration ahead : {Duration(), Duration::hours(2), Duration::hours(-2)}) {
      OtherTime clock(ahead);
      TlsOptions options;
      options.ca_file = scene.ca_file;
      options.clock = &clock;
      auto stream =
          CO_TRY(tls_client(CO_TRY(TlsContext::client(options)),
                            CO_TRY(co_await scene.world.net.connect(scene.at)), "localhost"));
      std::vector<std::string_view> request{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"};
      auto sent = co_await stream->write(request);
      EXPECT_EQ(sent.has_value(), ahead == Duration()) << ahead.text();
    }
    co_return Result<>{};
  });
}

TEST(Tls, plain_text_and_garbage_are_turned_away) {
  run_tls([](Scene& scene) -> aio::Task<Result<>> {
    std::string answer =
        CO_TRY(co_await raw(scene.world, scene.at, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_FALSE(answer.starts_with("HTTP")) << answer;
    HttpClient client(scene.world, {.ca_file = scene.ca_file});
    ClientRequest request;
    request.url = Url::parse(scene.url).value();
    EXPECT_EQ(CO_TRY(co_await client.send(request)).status, 200);
    co_return Result<>{};
  });
}

TEST(Tls, curl_agrees) {
  if (access("/usr/bin/curl", X_OK) != 0) GTEST_SKIP() << "no curl here";
  run_tls([](Scene& scene) -> aio::Task<Result<>> {
    std::string out = CO_TRY(co_await output_of(
        scene.world, {"curl", "-sS", "--cacert", scene.ca_file, "-d", "hello", scene.url}));
    EXPECT_EQ(out, "hello[exit 0]");
    out = CO_TRY(co_await output_of(scene.world, {"curl", "-sS", "--tls-max", "1.2", "--cacert",
                                                  scene.ca_file, "-d", "hello", scene.url}));
    EXPECT_EQ(out, "hello[exit 0]");
    co_return Result<>{};
  });
}

TEST(Tls, bad_options_are_told) {
  EXPECT_FALSE(TlsContext::server({}));
  TlsOptions identity = make_identity();
  TlsOptions other = make_identity();
  other.certificate_pem = identity.certificate_pem;
  EXPECT_FALSE(TlsContext::server(other));  // the key of another
  TlsOptions ca;
  ca.ca_file = "/nowhere.pem";
  EXPECT_FALSE(TlsContext::client(ca));
  EXPECT_FALSE(TlsContext::load("/nowhere.pem", "/nowhere.key"));
}

}  // namespace
}  // namespace croft::net
