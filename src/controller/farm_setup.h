// What an application expects of the embedded farm, told to that farm through its admin socket:
// accounts, image ids. Idempotent.
#pragma once
#include <map>
#include <string>

#include "model/component.h"
#include "net/http_client.h"
#include "wire/json.h"

namespace croft::controller {

/// `farm` may be null. Returns AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of an account of the
/// farm when those of `environment` are not known to it: the first of the description, else that of
/// `before` (what was returned the last time: what was rented with it is its account's), else the
/// one that was made here before, else the farm's oldest, else a new one. Code::conflict where the
/// farm has something else under a name or id.
aio::Task<Result<std::map<std::string, std::string>>> prepare_embedded_farm(
    net::HttpClient& http, std::string admin_socket, model::ComponentPtr farm,
    std::map<std::string, std::string> environment, std::map<std::string, std::string> before);

/// One request to the admin socket of an embedded farm: its JSON answer, or its error.
aio::Task<Result<wire::json::Value>> ask_embedded_farm(net::HttpClient& http, std::string socket,
                                                       std::string method, std::string path,
                                                       std::string body);

/// Code::conflict when an account that both descriptions name by the same id differs: the error
/// stands at `mine` and names the place in `theirs`, the farm of the application `other`.
Result<> same_accounts(const model::Component& mine, std::string_view other,
                       const model::Component& theirs);

}  // namespace croft::controller
