#include "controller/hosts/user_data.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace croft::controller {
namespace {

UserData some() {
  UserData out;
  out.agent_url = "http://127.0.0.1:1/b/croft-agent?X-Amz-Expires=1&X-Amz-Signature=ab";
  out.agent_sha256 = std::string(64, 'a');
  out.controller = "169.254.1.1:40000";
  out.pin = std::string(64, 'b');
  out.token = Secret("0123456789abcdef0123456789abcdef");
  return out;
}

TEST(UserDataOfHosts, IsAShellScriptOfItsOwn) {
  auto text = text_of(some());
  ASSERT_TRUE(text) << text.error().render();
  EXPECT_TRUE(text->starts_with("#!/bin/sh\n"));
  EXPECT_LT(text->size(), 4096u);
  EXPECT_NE(text->find("fetch 'http://127.0.0.1:1/b/croft-agent?"), std::string::npos);
  EXPECT_EQ(text->find("{{"), std::string::npos) << *text;
}

TEST(UserDataOfControllers, FetchesChecksAndKeepsItRunning) {
  ControllerUserData data;
  data.program_url = "http://127.0.0.1:1/b/croft?X-Amz-Signature=ab";
  data.program_sha256 = std::string(64, 'a');
  data.papers_url = "http://127.0.0.1:1/b/papers?X-Amz-Signature=cd";
  data.papers_key = Secret(std::string(32, 'k'));
  auto text = text_of(data);
  ASSERT_TRUE(text) << text.error().render();
  EXPECT_TRUE(text->starts_with("#!/bin/sh\n"));
  EXPECT_LT(text->size(), 4096u);
  EXPECT_NE(text->find("fetch 'http://127.0.0.1:1/b/croft?"), std::string::npos);
  EXPECT_NE(text->find(base64(std::string(32, 'k'))), std::string::npos);
  EXPECT_NE(text->find("croft controller settle"), std::string::npos);
  EXPECT_EQ(text->find("{{"), std::string::npos) << *text;
  data.papers_url = "http://127.0.0.1:1/'; rm -rf /";
  EXPECT_EQ(text_of(data).error().code, Code::invalid_argument);
}

TEST(UserDataOfHosts, BringsTheDescriptionsOwnAlong) {
  for (const auto& [script, type] : {std::pair{"#!/bin/sh\necho mine\n", "text/x-shellscript"},
                                     {"#cloud-config\nruncmd: [true]\n", "text/cloud-config"}}) {
    UserData data = some();
    data.script = script;
    auto text = text_of(data);
    ASSERT_TRUE(text);
    EXPECT_TRUE(text->starts_with("Content-Type: multipart/mixed;"));
    EXPECT_NE(text->find(base64(script)), std::string::npos);
    EXPECT_NE(text->find(type, text->find("user-data") - 200), std::string::npos);
  }
  UserData parts = some();
  parts.script = "Content-Type: multipart/mixed; boundary=x\n";
  EXPECT_FALSE(text_of(parts));
}

TEST(UserDataOfHosts, NothingBreaksOutOfItsQuotes) {
  for (auto member : {&UserData::agent_url, &UserData::pin, &UserData::controller,
                      &UserData::rendezvous_url, &UserData::agent_sha256}) {
    UserData data = some();
    data.*member = "x'; rm -rf / '";
    EXPECT_FALSE(text_of(data));
    data.*member = "x\ny";
    EXPECT_FALSE(text_of(data));
  }
}

}  // namespace
}  // namespace croft::controller
