// The members of an etcd cluster as one: asks the member that answered last, and the next where it
// does not; signs in where the cluster has users. Loop thread only. Ownership: outlives its calls.
#pragma once
#include <functional>

#include "net/http_client.h"
#include "store/etcd/etcd.h"
#include "store/etcd/messages.h"

namespace croft::store::etcd {

class Gateway {
 public:
  static Result<std::unique_ptr<Gateway>> make(aio::World& world, EtcdOptions options);

  /// What to send: told whether an earlier attempt may have had its effect.
  using Body = std::function<Object(bool unsure)>;
  struct Answer {
    Object object;
    bool unsure = false;  ///< an attempt before this one may have had its effect
  };
  /// POST to "/v3/`path`". Repeats at the next member what may work there, until the deadline; the
  /// last error then, with the fact "outcome" = "unknown" when one of the attempts may have had its
  /// effect.
  aio::Task<Result<Answer>> call(std::string path, Body body);
  aio::Task<Result<Object>> call(std::string path, Object body);
  /// One attempt at the `member`th.
  aio::Task<Result<Object>> ask(size_t member, std::string path, Object body, Duration limit);
  /// An answer that goes on; its first bytes have come.
  aio::Task<Result<std::unique_ptr<net::ResponseStream>>> stream(size_t member, std::string path,
                                                                 Object body);

  size_t members() const { return urls_.size(); }
  size_t current() const { return current_; }
  /// `member` does not answer: the next one is asked from now on.
  void leave(size_t member) {
    if (current_ == member) current_ = (member + 1) % urls_.size();
  }
  /// The highest that an answer has named.
  uint64_t revision() const { return revision_; }
  void saw(uint64_t revision) { revision_ = std::max(revision_, revision); }
  const EtcdOptions& options() const { return options_; }
  aio::World& world() { return world_; }

 private:
  Gateway(aio::World& world, EtcdOptions options, net::ClientOptions client);
  aio::Task<Result<Object>> post(size_t member, std::string path, Object body, Duration limit);
  aio::Task<Result<>> sign_in(size_t member);
  net::ClientRequest request(size_t member, const std::string& path, const Object& body) const;

  aio::World& world_;
  EtcdOptions options_;
  std::vector<net::Url> urls_;
  net::HttpClient client_;
  net::HttpClient streams_;
  Secret token_;
  size_t current_ = 0;
  uint64_t revision_ = 0;
};

}  // namespace croft::store::etcd
