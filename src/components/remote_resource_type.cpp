// What RemoteResource takes: the schema, which S3 types have, too.
#include "components/bounds.h"
#include "components/registry.h"
#include "components/remote_resource.h"

namespace croft::components {

using model::Type;

namespace {
model::AttributeSchema published_result() {
  auto out = attribute("result", Type::string, "what resultXPath selected first");
  out.published = true;
  out.change = model::Change::update;
  return out;
}
}  // namespace

model::ComponentSchema remote_resource_schema() {
  model::ComponentSchema schema;
  schema.base = "croft.Prim";
  auto updated = [](model::AttributeSchema attribute) {
    attribute.change = model::Change::update;
    return attribute;
  };
  auto password =
      updated(attribute("password", Type::any, "secret of the user, or a component that gives it"));
  password.secret = true;
  auto authorization =
      updated(with_default("authorization", Type::string, "", "how requests are signed"));
  authorization.choices = {"", "HTTP_BASIC", "HTTP_AWS", "HTTP_NTLM", "HTTP_DIGEST"};
  auto port = with_default("port", Type::integer, 0, "0: the protocol's own");
  port.least = 0;
  port.most = 65535;
  auto timeout = [&](const char* name, const char* doc) {
    auto out = updated(attribute(name, Type::duration, doc));
    out.bare_unit = "ms";
    out.forever = true;
    return out;
  };
  schema.attributes = {
      attribute("url", Type::string, "the whole address; else it is put together from the next"),
      attribute("protocol", Type::string, "http or https"),
      attribute("host", Type::string,
                "name or address; on S3 types the chosen farm's unless another is named"),
      port,
      attribute("path", Type::string, "first part of the path; the bucket on S3"),
      attribute("page", Type::string, "rest of the path; the object's key on S3"),
      attribute("queries", Type::vector, "pairs [\"k\", v] after the '?'"),
      authorization,
      updated(attribute("username", Type::string, "who signs: user name or access key id")),
      password,
      updated(attribute("authenticationRequired", Type::boolean, "kept for old descriptions")),
      updated(with_default("startActions", Type::vector, model::Vector{},
                           "what makes it: [verb, minCode, maxCode] each")),
      updated(with_default("livenessActions", Type::vector, model::Vector{},
                           "what shows that it is there")),
      updated(with_default("terminateActions", Type::vector, model::Vector{}, "what removes it")),
      updated(attribute("headers", Type::vector, "pairs of further headers")),
      updated(attribute("mimeType", Type::vector, "types that answers may have; empty: any")),
      updated(attribute("datasource", Type::any, "component that gives the body of PUT and POST")),
      timeout("connectTimeout", "milliseconds until a connection stands; negative: the usual"),
      timeout("readTimeout", "milliseconds for a whole exchange; negative: for ever"),
      updated(attribute("followRedirects", Type::boolean,
                        "go where answers of 3xx lead; else they are answers")),
      updated(attribute("proxyHost", Type::string, "the HTTP proxy that requests go through")),
      updated(between(1, 65535, attribute("proxyPort", Type::integer, "its port; default: 8080"))),
      updated(with_default("useSystemProxySettings", Type::boolean, true,
                           "without proxyHost, the properties http.proxyHost and the like, and the "
                           "caller's http_proxy, https_proxy and no_proxy name one")),
      updated(with_default("fetchErrorText", Type::boolean, true, "show the body of refusals")),
      updated(attribute("responseRegexp", Type::string,
                        "regular expression that must be found in answers to GET and POST")),
      updated(attribute("resultXPath", Type::string,
                        "XPath that must select something in them; published as `result`")),
      published_result(),
      updated(attribute("minimumResponseCode", Type::integer, "kept for old descriptions")),
      updated(attribute("maximumResponseCode", Type::integer, "kept for old descriptions")),
  };
  schema.rule = [](const model::Component& component, std::vector<Error>& errors) {
    for (const char* name : {"startActions", "livenessActions", "terminateActions"})
      check_actions(component, name, errors);
  };
  return schema;
}

engine::ComponentType remote_resource_type() {
  engine::ComponentType type;
  type.schema = remote_resource_schema();
  type.schema.sf_class = "croft.RemoteResource";
  type.schema.type = "RemoteResource";
  type.schema.doc = "Anything behind a URL: made, watched and removed by lists of HTTP actions.";
  type.make = [] { return std::make_unique<RemoteResource>(); };
  return type;
}

}  // namespace croft::components
