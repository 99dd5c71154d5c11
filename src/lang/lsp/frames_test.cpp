// Framing and positions: every cut of the bytes gives the same messages, edits give the same text.
#include "lang/lsp/frames.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "lang/lsp/position.h"

namespace croft::lang::lsp {
namespace {

std::vector<std::string> bodies(FrameReader& reader) {
  std::vector<std::string> out;
  while (auto frame = reader.next()) out.push_back(frame->problem.empty() ? frame->body : "!");
  return out;
}

TEST(Frames, EveryCutGivesTheSameMessages) {
  std::string bytes = framed("one") + "content-LENGTH:  3\r\nContent-Type: x\r\n\r\ntwo" +
                      framed("") + framed("four");
  std::vector<std::string> wanted{"one", "two", "", "four"};
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    FrameReader reader;
    reader.feed(std::string_view(bytes).substr(0, cut));
    auto found = bodies(reader);
    reader.feed(std::string_view(bytes).substr(cut));
    for (auto& body : bodies(reader)) found.push_back(std::move(body));
    EXPECT_EQ(found, wanted) << cut;
  }
}

TEST(Frames, GarbageIsSkippedUpToTheNextHeader) {
  FrameReader reader;
  reader.feed("nonsense\r\n\r\nmore" + framed("good"));
  EXPECT_EQ(bodies(reader), (std::vector<std::string>{"!", "good"}));
  reader.feed(std::string(FrameReader::header_max + 100, 'x') + framed("again"));
  auto found = bodies(reader);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.back(), "again");
}

TEST(Frames, GarbageWithoutEndIsNotKept) {
  FrameReader reader;
  for (int i = 0; i < 1000; ++i) {
    reader.feed(std::string(1000, 'x'));
    bodies(reader);
  }
  reader.feed(framed("good"));
  auto found = bodies(reader);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.back(), "good");
}

TEST(Frames, TooLargeMessagesAreSkippedWhole) {
  FrameReader reader;
  reader.feed("Content-Length: 200000000\r\n\r\n");
  EXPECT_EQ(bodies(reader), std::vector<std::string>{"!"});
  std::string piece(1000000, '{');
  for (int i = 0; i < 200; ++i) {
    reader.feed(piece);
    EXPECT_TRUE(bodies(reader).empty());
  }
  reader.feed(framed("next"));
  EXPECT_EQ(bodies(reader), std::vector<std::string>{"next"});
}

TEST(Positions, CountUtf16UnitsOrBytes) {
  Text text("a\n\xC3\xA9\xF0\x9D\x84\x9Ez\r\nlast");
  EXPECT_EQ(text.lines(), 3u);
  EXPECT_EQ(text.offset({1, 1}, Encoding::utf16), 4u);
  EXPECT_EQ(text.offset({1, 2}, Encoding::utf16), 4u);  // inside a pair: its start
  EXPECT_EQ(text.offset({1, 3}, Encoding::utf16), 8u);
  EXPECT_EQ(text.offset({1, 99}, Encoding::utf16), 9u);  // the end of the line, before its CR
  EXPECT_EQ(text.offset({9, 0}, Encoding::utf16), text.text().size());
  EXPECT_EQ(text.position(8, Encoding::utf16), (Position{1, 3}));
  EXPECT_EQ(text.position(8, Encoding::utf8), (Position{1, 6}));
  EXPECT_EQ(text.offset({1, 6}, Encoding::utf8), 8u);
}

RC_GTEST_PROP(Positions, EditsKeepTheLines, (std::string start, std::vector<std::string> edits)) {
  Text text(start);
  for (const auto& edit : edits) {
    auto size = static_cast<uint32_t>(text.text().size());
    auto a = *rc::gen::inRange<uint32_t>(0, size + 1), b = *rc::gen::inRange<uint32_t>(0, size + 1);
    std::string by = edit + (edit.size() % 2 == 0 ? "\n" : "");
    std::string wanted = text.text();
    wanted.replace(std::min(a, b), std::max(a, b) - std::min(a, b), by);
    text.replace(a, b, by);
    RC_ASSERT(text.text() == wanted);
    Text fresh(wanted);
    RC_ASSERT(text.lines() == fresh.lines());
    for (uint32_t line = 0; line < fresh.lines(); ++line)
      RC_ASSERT(text.line(line) == fresh.line(line));
    for (uint32_t offset : {0u, a, b}) {
      auto place = std::min(offset, static_cast<uint32_t>(wanted.size()));
      RC_ASSERT(text.position(place, Encoding::utf8) == fresh.position(place, Encoding::utf8));
    }
  }
}

}  // namespace
}  // namespace croft::lang::lsp
