// Launch templates: named, numbered sets of RunInstances' parameters. A launch names a template and
// says what shall be otherwise.
#include "farm/ec2/launch_templates.h"

#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/handlers.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr std::string_view data_prefix = "LaunchTemplateData.";

/// Which template a call means; in RunInstances below "LaunchTemplate.".
constexpr Param which_params[] = {
    {"LaunchTemplateId", Kind::id, false, "lt"},
    {"LaunchTemplateName", Kind::text, false, "", 3, 128},
};
constexpr Param instance_params[] = {{"InstanceId", Kind::id, true, "i"}};
constexpr Param describe_params[] = {
    {"LaunchTemplateId.N", Kind::id, false, "lt"},
    {"LaunchTemplateName.N", Kind::text, false, "", 3, 128},
};
constexpr Param versions_params[] = {
    {"LaunchTemplateId", Kind::id, false, "lt"},
    {"LaunchTemplateName", Kind::text, false, "", 3, 128},
    {"LaunchTemplateVersion.N", Kind::text, false, "", 1, 32},
    {"MinVersion", Kind::text, false, "", 1, 32},
    {"MaxVersion", Kind::text, false, "", 1, 32},
    {"ResolveAlias", Kind::ignored},
};
constexpr Param modify_params[] = {
    {"LaunchTemplateId", Kind::text, false, "", 1, 64},
    {"LaunchTemplateName", Kind::text, false, "", 3, 128},
    {"SetDefaultVersion", Kind::text, false, "", 1, 32},
    {"DefaultVersion", Kind::text, false, "", 1, 32},
    {"ClientToken", Kind::text, false, "", 0, 64},
};
constexpr Param delete_versions_params[] = {
    {"LaunchTemplateId", Kind::id, false, "lt"},
    {"LaunchTemplateName", Kind::text, false, "", 3, 128},
    {"LaunchTemplateVersion.N", Kind::text, true, "", 1, 32},
};
constexpr Param create_params[] = {
    {"LaunchTemplateName", Kind::text, true, "", 3, 128},
    {"VersionDescription", Kind::text, false, "", 0, 255},
    {"ClientToken", Kind::text, false, "", 0, 128},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param create_version_params[] = {
    {"LaunchTemplateId", Kind::id, false, "lt"},
    {"LaunchTemplateName", Kind::text, false, "", 3, 128},
    {"SourceVersion", Kind::text, false, "", 1, 32},
    {"VersionDescription", Kind::text, false, "", 0, 255},
    {"ClientToken", Kind::text, false, "", 0, 128},
    {"ResolveAlias", Kind::ignored},
};

/// `own` and all that a launch may say, below LaunchTemplateData.
std::vector<Param> with_data(std::span<const Param> own) {
  static const std::vector<std::string> paths = [] {
    std::vector<std::string> out;
    for (const Param& param : run_instances_schema()) {
      std::string_view top = param.path.substr(0, param.path.find('.'));
      bool of_the_call = top == "MinCount" || top == "MaxCount" || top == "ClientToken" ||
                         top == "LaunchTemplate" || top == "SubnetId" || top == "PrivateIpAddress";
      out.push_back(of_the_call ? "" : std::string(data_prefix) + std::string(param.path));
    }
    return out;
  }();
  std::vector<Param> out(own.begin(), own.end());
  for (size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].empty()) continue;
    Param param = run_instances_schema()[i];
    param.path = paths[i];
    param.required = false;
    // What a template names need not be there before a launch, and may be an alias.
    if (param.kind == Kind::id) param = {paths[i], Kind::text, false, "", 1, 255};
    out.push_back(param);
  }
  return out;
}

Error no_template(const std::string& name) {
  return aws_error("InvalidLaunchTemplateName.NotFoundException", 400,
                   fmt::format("The specified launch template, with template name {}, does not "
                               "exist.",
                               printable(name)));
}

Result<LaunchTemplate*> find_template(Core& core, const std::string& account, const std::string& id,
                                      const std::string& name) {
  if (id.empty() && name.empty())
    return fail(aws_error("MissingParameter", 400,
                          "The request must contain the parameter launch template ID or launch "
                          "template name"));
  if (!id.empty() && !name.empty())
    return fail(aws_error("InvalidParameterCombination", 400,
                          "Either provide launch template ID or launch template name to modify the "
                          "template."));
  if (!id.empty()) {
    LaunchTemplate* found = core.state.templates.find(account, id);
    if (found) return found;
    return fail(aws_error("InvalidLaunchTemplateId.NotFound", 400,
                          fmt::format("The specified launch template, with template ID {}, does "
                                      "not exist.",
                                      id)));
  }
  for (LaunchTemplate* one : core.state.templates.of(account))
    if (one->name == name) return one;
  return fail(no_template(name));
}

Result<LaunchTemplate*> named_template(Core& core, const Call& call) {
  return find_template(core, call.account(), call.params.text("LaunchTemplateId"),
                       call.params.text("LaunchTemplateName"));
}

/// "3", "$Default", "$Latest"; empty: the default one.
Result<const TemplateVersion*> find_version(const LaunchTemplate& in, const std::string& text) {
  int64_t number = 0;
  if (text.empty() || text == "$Default")
    number = in.default_version;
  else if (text == "$Latest")
    number = in.versions.back().number;
  else if (auto given = parse_i64(text))
    number = *given;
  else
    return fail(aws_error(
        "InvalidParameterValue", 400,
        fmt::format("'{}' is no version: a number, $Latest or $Default", printable(text))));
  for (const TemplateVersion& version : in.versions)
    if (version.number == number) return &version;
  return fail(
      aws_error("InvalidLaunchTemplateId.VersionNotFound", 400,
                fmt::format("Could not find the specified version {} for the launch template with "
                            "ID {}.",
                            number, in.id)));
}

TemplateVersion read_version(const Params& p, WallTime now) {
  TemplateVersion out;
  out.description = p.text("VersionDescription");
  out.created = now;
  for (const auto& [name, value] : p.under("LaunchTemplateData").fields())
    out.data.push_back({name, value});
  return out;
}

void write_template(Xml& xml, const LaunchTemplate& one) {
  xml.plain("launchTemplateId", one.id).text("launchTemplateName", one.name);
  xml.time("createTime", one.created)
      .plain("createdBy", fmt::format("arn:aws:iam::{}:root", one.account));
  xml.number("defaultVersionNumber", one.default_version)
      .number("latestVersionNumber", one.versions.back().number);
  write_tags(xml, one.tags);
}

void write_version(Xml& xml, const LaunchTemplate& one, const TemplateVersion& version) {
  xml.plain("launchTemplateId", one.id).text("launchTemplateName", one.name);
  xml.number("versionNumber", version.number).optional("versionDescription", version.description);
  xml.time("createTime", version.created)
      .plain("createdBy", fmt::format("arn:aws:iam::{}:root", one.account));
  xml.flag("defaultVersion", version.number == one.default_version);
  xml.in("launchTemplateData", [&] { write_template_data(xml, version); });
}

aio::Task<Answer> create_template(Core& core, Call call) {
  std::string account = call.account(), name = call.params.text("LaunchTemplateName");
  for (LaunchTemplate* other : core.state.templates.of(account))
    if (other->name == name)
      co_return fail(aws_error("InvalidLaunchTemplateName.AlreadyExistsException", 400,
                               "Launch template name already in use."));
  TemplateVersion version = read_version(call.params, core.now());
  if (version.data.empty())
    co_return fail(aws_error("MissingParameter", 400,
                             "The request must contain the parameter LaunchTemplateData"));
  // The call's own tags; those of the template's data are for what it launches.
  auto specs = CO_TRY(read_tag_specs(call.params, {"launch-template"}));
  CO_TRY(call.effect());
  LaunchTemplate made;
  made.id = new_id(core.context.world.random, "lt");
  made.account = account;
  made.name = name;
  made.created = core.now();
  made.versions = {std::move(version)};
  made.tags = tags_for(specs, "launch-template");
  Xml xml;
  xml.in("launchTemplate", [&] { write_template(xml, made); });
  std::vector<store::Change> changes{core.state.templates.put(core.state.templates.add(made))};
  auto answer = co_await finish(core, call, "create-template", std::move(changes), xml.take());
  if (!answer) core.state.templates.erase(made.id);
  co_return answer;
}

aio::Task<Answer> create_version(Core& core, Call call) {
  LaunchTemplate* one = CO_TRY(named_template(core, call));
  TemplateVersion version = read_version(call.params, core.now());
  if (call.params.has("SourceVersion")) {
    const auto* source = CO_TRY(find_version(*one, call.params.text("SourceVersion")));
    Params merged = call.params.under("LaunchTemplateData").over(fields_of(*source));
    version.data.clear();
    for (const auto& [name, value] : merged.fields()) version.data.push_back({name, value});
  }
  CO_TRY(call.effect());
  version.number = one->versions.back().number + 1;
  one->versions.push_back(std::move(version));
  Xml xml;
  xml.in("launchTemplateVersion", [&] { write_version(xml, *one, one->versions.back()); });
  std::vector<store::Change> changes{core.state.templates.put(*one)};
  co_return co_await finish(core, call, "create-version", std::move(changes), xml.take());
}

aio::Task<Answer> modify_template(Core& core, Call call) {
  LaunchTemplate* one = CO_TRY(named_template(core, call));
  std::string wanted = call.params.text("SetDefaultVersion", call.params.text("DefaultVersion"));
  auto version = find_version(*one, wanted);
  if (!version && parse_i64(wanted))
    co_return fail(aws_error("InvalidLaunchTemplateId.VersionNotFound", 400,
                             fmt::format("The launch template version {} is not found for the "
                                         "specified launch template.",
                                         wanted)));
  if (!version) co_return fail(std::move(version).error());
  CO_TRY(call.effect());
  one->default_version = (*version)->number;
  Xml xml;
  xml.in("launchTemplate", [&] { write_template(xml, *one); });
  std::vector<store::Change> changes{core.state.templates.put(*one)};
  co_return co_await finish(core, call, "modify-template", std::move(changes), xml.take());
}

aio::Task<Answer> delete_template(Core& core, Call call) {
  LaunchTemplate* one = CO_TRY(named_template(core, call));
  CO_TRY(call.effect());
  Xml xml;
  xml.in("launchTemplate", [&] { write_template(xml, *one); });
  std::vector<store::Change> changes{core.state.templates.remove(one->id)};
  core.state.templates.erase(one->id);
  co_return co_await finish(core, call, "delete-template", std::move(changes), xml.take());
}

aio::Task<Answer> delete_versions(Core& core, Call call) {
  LaunchTemplate* one = CO_TRY(named_template(core, call));
  CO_TRY(call.effect());
  Xml good, bad;
  auto say = [&](Xml& xml, const std::string& text) {
    xml.plain("launchTemplateId", one->id).text("launchTemplateName", one->name);
    xml.number("versionNumber", parse_i64(text).value_or(0));
  };
  for (const std::string& text : call.params.list("LaunchTemplateVersion")) {
    auto version = find_version(*one, text);
    bool stays = !version || (*version)->number == one->default_version;
    Xml& xml = stays ? bad : good;
    xml.in("item", [&] {
      say(xml, text);
      if (!stays) return;
      xml.in("responseError", [&] {
        xml.text("code", version ? "unexpectedError" : "launchTemplateVersionDoesNotExist");
        xml.text("message", version ? "The default version cannot be deleted" : "There is none");
      });
    });
    if (!stays)
      std::erase_if(one->versions,
                    [number = (*version)->number](const auto& v) { return v.number == number; });
  }
  std::string answer = fmt::format(
      "<successfullyDeletedLaunchTemplateVersionSet>{}</"
      "successfullyDeletedLaunchTemplateVersionSet><unsuccessfullyDeletedLaunchTemplateVersionSet>"
      "{}</unsuccessfullyDeletedLaunchTemplateVersionSet>",
      good.take(), bad.take());
  std::vector<store::Change> changes{core.state.templates.put(*one)};
  co_return co_await finish(core, call, "delete-versions", std::move(changes), std::move(answer));
}

constexpr FilterField<LaunchTemplate> template_fields[] = {
    {"launch-template-name", [](const LaunchTemplate& t, Out out) { out.push_back(t.name); }},
    {"create-time", [](const LaunchTemplate& t, Out out) { out.push_back(t.created.iso8601()); }},
};

Answer describe_templates(Core& core, const Call& call) {
  Call wanted = call;
  auto names = call.params.list("LaunchTemplateName");
  for (const std::string& name : names)
    if (!find_template(core, call.account(), "", name))
      return fail(aws_error("InvalidLaunchTemplateName.NotFoundException", 400,
                            "At least one of the launch templates specified in the request does "
                            "not exist."));
  if (!names.empty()) wanted.filters.push_back({"launch-template-name", names});
  return describe_table<LaunchTemplate>(wanted, core.state.templates, "LaunchTemplateId", "lt",
                                        template_fields, "launchTemplates", write_template);
}

struct VersionRow {
  const LaunchTemplate* in;
  const TemplateVersion* version;
};
std::string data_value(const VersionRow& row, std::string_view name) {
  for (const TemplateField& field : row.version->data)
    if (field.name == name) return field.value;
  return "";
}
// EC2's own words.
constexpr std::string_view which_versions =
    "To describe the launch template data for all your launch templates, for ‘--versions’ specify "
    "‘$Latest’, ‘$Default’, or both, and omit ‘--launch-template-id’, ‘--launch-template-name’, "
    "and "
    "version numbers. To describe the launch template data for a specific launch template, specify "
    "‘--launch-template-id’ or ‘--launch-template-name’, and for ‘--versions’ specify one or more "
    "of "
    "the following values: ‘$Latest’, ‘$Default’, or one or more version numbers.";

constexpr FilterField<VersionRow> version_fields[] = {
    {"image-id", [](const VersionRow& r, Out out) { out.push_back(data_value(r, "ImageId")); }},
    {"instance-type",
     [](const VersionRow& r, Out out) { out.push_back(data_value(r, "InstanceType")); }},
    {"is-default-version",
     [](const VersionRow& r, Out out) {
       out.emplace_back(r.version->number == r.in->default_version ? "true" : "false");
     }},
    {"create-time",
     [](const VersionRow& r, Out out) { out.push_back(r.version->created.iso8601()); }},
};

Answer describe_versions(Core& core, const Call& call) {
  auto matches = TRY(Matcher<VersionRow>::make(call.filters, version_fields, nullptr));
  const Params& p = call.params;
  auto texts = p.list("LaunchTemplateVersion");
  std::vector<std::pair<std::string, VersionRow>> rows;
  auto add = [&](const LaunchTemplate& one, const TemplateVersion& version) {
    VersionRow row{&one, &version};
    if (matches(row)) rows.emplace_back(fmt::format("{}/{:012}", one.id, version.number), row);
  };
  if (!p.has("LaunchTemplateId") && !p.has("LaunchTemplateName")) {
    auto alias = [](const std::string& text) { return text == "$Latest" || text == "$Default"; };
    if (texts.empty() || !std::ranges::all_of(texts, alias))
      return fail(aws_error(texts.empty() ? "MissingParameter" : "InvalidParameterValue", 400,
                            std::string(which_versions)));
    for (LaunchTemplate* one : core.state.templates.of(call.account()))
      for (const std::string& text : texts) add(*one, *TRY(find_version(*one, text)));
  } else {
    LaunchTemplate* one = TRY(named_template(core, call));
    int64_t low = parse_i64(p.text("MinVersion")).value_or(0);
    int64_t high = parse_i64(p.text("MaxVersion")).value_or(INT64_MAX);
    for (const std::string& text : texts) add(*one, *TRY(find_version(*one, text)));
    if (texts.empty())
      for (const TemplateVersion& version : one->versions)
        if (version.number >= low && version.number <= high) add(*one, version);
  }
  std::ranges::sort(rows, {}, [](const auto& row) { return row.first; });
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list("launchTemplateVersionSet", rows,
           [&](const auto& row) { write_version(xml, *row.second.in, *row.second.version); });
  xml.optional("nextToken", next);
  return xml.take();
}

}  // namespace

Result<Tags> template_tags(Core& core, const Call& call) {
  Params which = call.params.under("LaunchTemplate");
  if (which.empty()) return Tags{};
  LaunchTemplate* one = TRY(find_template(core, call.account(), which.text("LaunchTemplateId"),
                                          which.text("LaunchTemplateName")));
  const auto* version = TRY(find_version(*one, which.text("Version")));
  return Tags{{"aws:ec2launchtemplate:id", one->id},
              {"aws:ec2launchtemplate:version", std::to_string(version->number)}};
}

Result<Params> with_template(Core& core, const Call& call) {
  Params which = call.params.under("LaunchTemplate");
  if (which.empty()) return call.params;
  LaunchTemplate* one = TRY(find_template(core, call.account(), which.text("LaunchTemplateId"),
                                          which.text("LaunchTemplateName")));
  const auto* version = TRY(find_version(*one, which.text("Version")));
  return call.params.over(fields_of(*version));
}

std::span<const Action> template_actions() {
  static const std::vector<Param> create = with_data(create_params);
  static const std::vector<Param> another = with_data(create_version_params);
  static const std::vector<Action> table = {
      {"CreateLaunchTemplate", create, nullptr, create_template},
      {"CreateLaunchTemplateVersion", another, nullptr, create_version},
      {"ModifyLaunchTemplate", modify_params, nullptr, modify_template},
      {"GetLaunchTemplateData", instance_params, launch_template_data},
      {"DeleteLaunchTemplate", which_params, nullptr, delete_template},
      {"DeleteLaunchTemplateVersions", delete_versions_params, nullptr, delete_versions},
      {"DescribeLaunchTemplates", describe_params, describe_templates, nullptr, true, 1,
       "LaunchTemplateId"},
      {"DescribeLaunchTemplateVersions", versions_params, describe_versions, nullptr, true, 1},
  };
  return table;
}

}  // namespace croft::farm::ec2
