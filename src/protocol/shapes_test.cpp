// The JSON that scripts read: golden files (ACCEPT=1 rewrites them), and each shape read back.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "protocol/api.h"
#include "protocol/events.h"
#include "protocol/journal.h"

namespace croft::protocol {
namespace {

const WallTime moment = WallTime::from_unix_seconds(1'207'562'400);

void expect_golden(const std::string& name, const wire::json::Object& object) {
  std::string path = std::string(CROFT_SOURCE_DIR) + "/src/protocol/testdata/" + name;
  std::string text = wire::json::pretty(object);
  const char* accept = std::getenv("ACCEPT");
  if (accept && *accept == '1') {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream in(path);
  std::stringstream stored;
  stored << in.rdbuf();
  EXPECT_EQ(stored.str(), text) << "ACCEPT=1 rewrites " << path;
}

Event some_event() {
  Event out;
  out.seq = 42;
  out.time = moment;
  out.component = "shop:web:server";
  out.event = event::terminated;
  out.record = model::TerminationRecord::abnormal("shop:web:server", "the bucket is gone",
                                                  "HEAD answered 404");
  out.why = "liveness";
  return out;
}

TEST(Events, AreOneObjectALine) {
  expect_golden("event.json", to_json(some_event()));
  std::string line = line_of(some_event());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  auto back = event_from_line(line);
  ASSERT_TRUE(back) << back.error().render();
  EXPECT_EQ(line_of(*back), line);
  EXPECT_EQ(back->record->cause, "HEAD answered 404");
  EXPECT_FALSE(event_from_line("{"));
  EXPECT_FALSE(event_from_line(R"({"seq":1})"));
}

TEST(Journal, KeepsIntentsAndResults) {
  JournalRecord intent;
  intent.seq = 7;
  intent.time = moment;
  intent.component = "shop:web";
  intent.action = "RunInstances";
  intent.token = "croft-shop-web-1";
  intent.generation = 1;
  intent.request["imageId"] = "ami-26b6534f";
  intent.request["minCount"] = 10;
  expect_golden("intent.json", to_json(intent));
  JournalRecord result;
  result.seq = 8;
  result.time = moment;
  result.kind = JournalKind::result;
  result.component = "shop:web";
  result.action = "RunInstances";
  result.intent = 7;
  result.outcome = Outcome::failed;
  result.error = Error(Code::resource_exhausted, "RunInstances: InstanceLimitExceeded");
  result.ids = {{"instance", "i-0123456789abcdef0"}};
  expect_golden("result.json", to_json(result));
  for (const JournalRecord& record : {intent, result}) {
    auto back = journal_from_text(text_of(record));
    ASSERT_TRUE(back) << back.error().render();
    EXPECT_EQ(text_of(*back), text_of(record));
  }
  EXPECT_FALSE(journal_from_text(
      R"({"seq":1,"time":"2008-04-07T10:00:00.000Z","kind":"guess","component":"","action":""})"));
  EXPECT_LT(sequence_key("journal/", 9), sequence_key("journal/", 10));
}

TEST(Api, StatusReadsBack) {
  Status status;
  status.application = {"shop",
                        ApplicationState::going_up,
                        moment,
                        "waiting for web",
                        "http://127.0.0.1:4566",
                        "shop.sf",
                        "abc",
                        2,
                        3,
                        1,
                        10,
                        2};
  status.tree.name = "shop";
  status.tree.path = "shop";
  status.tree.type = "Compound";
  status.tree.state = model::State::starting;
  status.tree.since = moment;
  TreeNode child;
  child.name = "web";
  child.path = "shop:web";
  child.type = "ImageInstance";
  child.state = model::State::running;
  child.since = moment;
  child.host = "i-0123456789abcdef0";
  child.attributes["minCount"] = 10;
  child.resources = {"i-0123456789abcdef0"};
  child.record = model::TerminationRecord::normal("shop:web");
  status.tree.children.push_back(child);
  expect_golden("status.json", to_json(status));
  auto back = status_from_json(to_json(status));
  ASSERT_TRUE(back) << back.error().render();
  EXPECT_EQ(wire::json::compact(to_json(*back)), wire::json::compact(to_json(status)));
}

TEST(Api, ProofReadsBack) {
  DownProof proof;
  proof.application = "shop";
  proof.farm = "the embedded farm";
  proof.rented = {{"instance", "i-1", "shop:web", moment, moment, ""},
                  {"bucket", "b", "shop:b", moment, std::nullopt, ""}};
  proof.returned = {proof.rented[0]};
  proof.kept = {{"bucket", "b", "shop:b", moment, std::nullopt, "terminateActions is empty"}};
  proof.notes = {"key pairs could not be looked for"};
  proof.others = "2 more carry the name shop";
  expect_golden("proof.json", to_json(proof));
  auto back = proof_from_json(to_json(proof));
  ASSERT_TRUE(back) << back.error().render();
  EXPECT_EQ(wire::json::compact(to_json(*back)), wire::json::compact(to_json(proof)));
  EXPECT_TRUE(back->left.empty());
}

TEST(Api, RequestsReadBack) {
  UpRequest up;
  up.application = "shop";
  up.description["format"] = 1;
  up.farm_url = "http://127.0.0.1:4566";
  up.access_key = "AK";
  up.secret_key = Secret("s3cret");
  up.keep_on_failure = true;
  up.instance_limit = 20;
  up.lifetime = Duration::hours(1);
  auto back = up_from_json(to_json(up));
  ASSERT_TRUE(back) << back.error().render();
  EXPECT_EQ(wire::json::compact(to_json(*back)), wire::json::compact(to_json(up)));
  EXPECT_EQ(back->secret_key.reveal(), "s3cret");
  wire::json::Object negative = to_json(up);
  negative["instanceLimit"] = -1;
  EXPECT_FALSE(up_from_json(negative));
  auto down = down_from_json(to_json(DownRequest{"shop", true}));
  EXPECT_TRUE(down && down->force);
}

}  // namespace
}  // namespace croft::protocol
