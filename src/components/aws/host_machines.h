// Machines that are to be hosts: a bucket that brings them the agent, user data that makes them
// join, and waiting until they have. The bucket is the component's own, journaled as what it rents.
// Loop thread only.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "cloud/ec2.h"
#include "engine/component.h"

namespace croft::components {

/// The bucket by which machines get what they run: its name, the same for one component and
/// generation and nobody else's; and that it is there. It goes with leave_hosts().
std::string agent_bucket(const engine::Context& context);
aio::Task<Result<>> make_agent_bucket(engine::Context& context, cloud::S3 s3,
                                      std::vector<cloud::Tag> tags);
/// Makes it be as it was made: of a drift whose thing is a bucket.
aio::Task<Result<>> mend_agent_bucket(engine::Context& context, engine::Keys keys,
                                      engine::Drift drift, std::vector<cloud::Tag> tags);

/// The bucket is there with the agent in it: user data for machines rented under `client_token`,
/// the description's own `script` included.
aio::Task<Result<std::string>> host_user_data(engine::Context& context, engine::Keys keys,
                                              std::string client_token, std::string script,
                                              std::vector<cloud::Tag> tags);
/// The rendezvous object is where controllers are now: it is written again where they were
/// elsewhere, and hosts are told another URL of it while theirs is good. After how long it is to be
/// done again.
aio::Task<Result<Duration>> tell_rendezvous(engine::Context& context, engine::Keys keys);
/// These run: they may join from now on.
aio::Task<Result<>> expect_hosts(engine::Context& context, std::string client_token,
                                 const std::map<std::string, cloud::Instance>& running);
/// Until every one of them has joined, or some are held to be dead: those. Code::timeout naming
/// those that have not joined; one that had joined an earlier life of the controller is waited for
/// as long as it is not held to be dead.
aio::Task<Result<std::vector<std::string>>> wait_for_hosts(engine::Context& context,
                                                           std::string client_token,
                                                           std::vector<std::string> instances);
/// They are gone: nobody may come in their name.
aio::Task<Result<>> forget_hosts(engine::Context& context, std::vector<std::string> instances);
/// What a crash left open of making the bucket.
bool host_intent_open(const engine::Context& context);
/// Nothing of it is left: the bucket goes. Idempotent; also where there never was one.
aio::Task<Result<>> leave_hosts(engine::Context& context, engine::Keys keys,
                                std::string client_token);

}  // namespace croft::components
