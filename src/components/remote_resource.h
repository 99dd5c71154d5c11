// RemoteResource: anything behind a URL, made, watched and removed by lists of HTTP actions. S3
// types derive from it. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "cloud/s3.h"
#include "components/http_action.h"
#include "engine/component.h"

namespace croft::components {

class RemoteResource : public engine::Component {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> start(engine::Context& context) override;
  aio::Task<Result<>> ping(engine::Context& context) override;
  aio::Task<Result<>> terminate(engine::Context& context,
                                const model::TerminationRecord& record) override;
  /// What it made stays where it is: its address cannot change.
  aio::Task<Result<>> prepare_update(engine::Context& context, model::ComponentPtr wanted) override;
  aio::Task<Result<std::optional<engine::Keys>>> account(engine::Context& context) override;

 protected:
  /// One action that need not be journaled beyond its intent; judged by its range.
  aio::Task<Result<>> act(engine::Context& context, HttpAction action);
  /// The same between an intent and its result.
  aio::Task<Result<>> act_journaled(engine::Context& context, HttpAction action);
  /// One action at start and at the end; S3 types make and remove things here.
  virtual aio::Task<Result<>> start_action(engine::Context& context, HttpAction action);
  virtual aio::Task<Result<>> end_action(engine::Context& context, HttpAction action);
  /// An intent of an earlier process is still open: find out what came of it. Default: forgets it,
  /// since the action is simply done again.
  virtual aio::Task<Result<>> finish_intent(engine::Context& context);
  /// After the end actions: what is left is kept on purpose.
  virtual aio::Task<Result<>> after_end(engine::Context& context);
  /// Where it is, for people and messages.
  virtual Result<std::string> url_text(engine::Context& context) const;

  /// How plain requests are signed: "HTTP_BASIC", "HTTP_DIGEST" or not at all.
  virtual Result<std::string> signature_way(engine::Context& context) const;
  Result<bool> is_aws(engine::Context& context) const;
  /// S3 of the chosen farm, or of the host that the description names.
  aio::Task<Result<cloud::S3>> s3(engine::Context& context);
  Result<cloud::S3::Headers> headers_of(engine::Context& context) const;
  /// path and page as bucket and key.
  Result<std::pair<std::string, std::string>> bucket_and_key(engine::Context& context) const;

 private:
  /// An end action with its bounded tries; what it cannot do is passed over where nothing is held.
  aio::Task<Result<>> end_patiently(engine::Context& context, HttpAction action);
  static void pass_over(engine::Context& context, const std::string& what, const Error& error);
  aio::Task<Result<net::Response>> exchange(engine::Context& context, HttpAction action);
  aio::Task<Result<cloud::S3Request>> s3_request(engine::Context& context, HttpAction action);
  aio::Task<Result<net::ClientRequest>> plain_request(engine::Context& context, HttpAction action);
  Result<> judge(engine::Context& context, const HttpAction& action, const net::Response& answer);
};

/// The attributes of RemoteResource, for the schemas of its descendants.
model::ComponentSchema remote_resource_schema();

}  // namespace croft::components
