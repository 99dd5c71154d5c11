#include "wire/http1.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace croft::wire {
namespace {

struct Parsed {
  RequestHead head;
  std::string body;
  Headers trailers;
  size_t used = 0;
};

/// Parses one request shown in pieces of `step` bytes, as a connection would.
Result<Parsed> parse(std::string_view input, size_t step, Http1Limits limits = {}) {
  RequestParser parser(limits);
  Parsed out;
  size_t shown = 0;
  bool in_body = false;
  while (!in_body || !parser.done()) {
    std::string_view rest = input.substr(out.used, shown - out.used);
    size_t consumed = 0;
    if (!in_body) {
      consumed = TRY(parser.head(rest));
      in_body = consumed > 0;
    } else {
      BodyPiece piece = TRY(parser.body(rest));
      consumed = piece.consumed;
      out.body += piece.data;
    }
    out.used += consumed;
    if (consumed > 0) continue;
    if (shown == input.size()) return fail(Code::unavailable, "more input needed");
    shown = std::min(shown + step, input.size());
  }
  out.head = parser.request();
  out.trailers = parser.trailers();
  return out;
}

TEST(Http1, request_with_length_at_every_cut) {
  std::string text =
      "PUT /a%20b?x=1 HTTP/1.1\r\nHost: h:80\r\nContent-Length: 5\r\nX-A:  b \t\r\n\r\nhelloGET";
  for (size_t step = 1; step <= text.size(); ++step) {
    auto parsed = parse(text, step);
    ASSERT_TRUE(parsed) << parsed.error().line();
    EXPECT_EQ(parsed->head.method, "PUT");
    EXPECT_EQ(parsed->head.path(), "/a%20b");
    EXPECT_EQ(parsed->head.query(), "x=1");
    EXPECT_EQ(parsed->head.headers.value("x-a"), "b");
    EXPECT_TRUE(parsed->head.keep_alive);
    EXPECT_EQ(parsed->body, "hello");
    EXPECT_EQ(parsed->used, text.size() - 3);
  }
}

TEST(Http1, chunked_request_at_every_cut) {
  std::string text =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "Chunked\r\n\r\n5;n=v\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\nGET";
  for (size_t step = 1; step <= text.size(); ++step) {
    auto parsed = parse(text, step);
    ASSERT_TRUE(parsed) << step << parsed.error().line();
    EXPECT_EQ(parsed->body, "hello!");
    EXPECT_EQ(parsed->trailers.value("x-sum"), "1");
    EXPECT_EQ(parsed->used, text.size() - 3);
  }
}

TEST(Http1, other_good_requests) {
  EXPECT_TRUE(parse("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 1));
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n", 100)->head.keep_alive);
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 100)->head.keep_alive);
  EXPECT_FALSE(
      parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, close\r\n\r\n", 100)->head.keep_alive);
  EXPECT_EQ(parse("GET http://H/p?q HTTP/1.1\r\nHost: h\r\n\r\n", 100)->head.target, "/p?q");
  EXPECT_EQ(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", 100)->head.target, "/");
  EXPECT_EQ(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 100)->head.target, "*");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: [::1]:80\r\nX: \xc3\xa9\r\nY:\r\n\r\n", 100)
                ->head.headers.value("x"),
            "\xc3\xa9");
}

// DESIGN: one negative test for each thing the parser library lets pass, and more.
TEST(Http1, refuses_with_the_right_status) {
  struct Case {
    const char* name;
    std::string text;
    const char* status;
  };
  const std::string get = "GET / HTTP/1.1\r\n", host = "Host: h\r\n",
                    post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const Case cases[] = {
      {"duplicate Host", get + host + host + "\r\n", "400"},
      {"missing Host", get + "\r\n", "400"},
      {"empty Host", get + "Host:\r\n\r\n", "400"},
      {"Host with a path", get + "Host: h/x\r\n\r\n", "400"},
      {"Host with user", get + "Host: u@h\r\n\r\n", "400"},
      {"two hosts in one", get + "Host: a, b\r\n\r\n", "400"},
      {"obs-fold", get + host + "X: a\r\n b\r\n\r\n", "400"},
      {"obs-fold of the first header", get + " Host: h\r\n\r\n", "400"},
      {"raw UTF-8 target", "GET /\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"fragment", "GET /#a HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"space in target", "GET /a b HTTP/1.1\r\n" + host + "\r\n", "505"},
      {"no slash", "GET a HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"other host in target", "GET http://x/ HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"CONNECT", "CONNECT h:80 HTTP/1.1\r\n" + host + "\r\n", "501"},
      {"bare LF", "GET / HTTP/1.1\nHost: h\n\n", "400"},
      {"bare LF in headers", get + "Host: h\nX: y\r\n\r\n", "400"},
      {"bare CR in value", get + host + "X: a\rb\r\n\r\n", "400"},
      {"NUL in value", get + host + std::string("X: a\0b\r\n\r\n", 10), "400"},
      {"space before colon", get + "Host : h\r\n\r\n", "400"},
      {"no colon", get + host + "junk\r\n\r\n", "400"},
      {"empty name", get + host + ": x\r\n\r\n", "400"},
      {"TE and CL", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", "400"},
      {"CL and TE", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {"TE identity", post + "Transfer-Encoding: identity\r\n\r\n", "400"},
      {"TE identity, chunked", post + "Transfer-Encoding: identity, chunked\r\n\r\n", "400"},
      {"TE chunked, chunked", post + "Transfer-Encoding: chunked, chunked\r\n\r\n", "400"},
      {"TE chunked, identity", post + "Transfer-Encoding: chunked, identity\r\n\r\n", "400"},
      {"TE gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", "400"},
      {"TE xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n", "400"},
      {"TE with vertical tab",
       post + "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n",
       "400"},
      {"TE twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400"},
      {"TE empty", post + "Transfer-Encoding:\r\n\r\n", "400"},
      {"TE in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {"CL twice the same", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", "400"},
      {"CL twice different", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", "400"},
      {"CL list", post + "Content-Length: 3, 3\r\n\r\n", "400"},
      {"CL negative", post + "Content-Length: -3\r\n\r\n", "400"},
      {"CL plus", post + "Content-Length: +3\r\n\r\n", "400"},
      {"CL hex", post + "Content-Length: 0x3\r\n\r\n", "400"},
      {"CL empty", post + "Content-Length:\r\n\r\n", "400"},
      {"CL too large", post + "Content-Length: 99999999999999999999\r\n\r\n", "400"},
      {"CL above 63 bits", post + "Content-Length: 9223372036854775808\r\n\r\n", "400"},
      {"Expect other", post + "Expect: magic\r\n\r\n", "417"},
      {"HTTP/2.0", "GET / HTTP/2.0\r\n" + host + "\r\n", "505"},
      {"HTTP/0.9", "GET /\r\n\r\n", "400"},
      {"lower-case http", "GET / http/1.1\r\n" + host + "\r\n", "505"},
      {"bad method", "G@T / HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"long method", std::string(40, 'A') + " / HTTP/1.1\r\n" + host + "\r\n", "501"},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01", 6), "400"},
      {"two blank lines", "\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n", "400"},
      {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", "414"},
      {"very long target", "GET /" + std::string(20000, 'a'), "414"},
      {"long headers", get + host + "X: " + std::string(20000, 'a'), "431"},
      {"many headers",
       [&] {
         std::string text = get + host;
         for (int i = 0; i < 100; ++i) text += "X: y\r\n";
         return text + "\r\n";
       }(),
       "431"},
      {"bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n", "400"},
      {"chunk size 0x", post + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
       "400"},
      {"chunk size with sign", post + "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
       "400"},
      {"chunk size overflow", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
       "400"},
      {"chunk too long", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", "400"},
      {"chunk ended by LF", post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
       "400"},
      {"chunk size ended by LF", post + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
       "400"},
      {"chunk extension with LF",
       post + "Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n", "400"},
      {"folded trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n", "400"},
      {"Content-Length in trailers",
       post + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\n\r\n", "400"},
      {"endless chunk line",
       post + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(20000, 'a'), "431"},
      {"endless trailers",
       post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(20000, 'a'), "431"},
  };
  for (const Case& c : cases) {
    for (size_t step : {1ul, 13ul, c.text.size()}) {
      auto result = parse(c.text, step);
      ASSERT_FALSE(result) << c.name;
      EXPECT_EQ(result.error().code, Code::syntax) << c.name << ": " << result.error().line();
      EXPECT_EQ(result.error().fact("http_status"), c.status)
          << c.name << ": " << result.error().line();
    }
  }
}

TEST(Http1, expect_and_reset) {
  RequestParser parser;
  std::string text =
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
  EXPECT_EQ(parser.head(text).value(), text.size());
  EXPECT_TRUE(parser.expects_continue());
  EXPECT_TRUE(parser.has_body());
  EXPECT_EQ(parser.content_length(), 2u);
  EXPECT_FALSE(parser.done());
  EXPECT_EQ(parser.body("xyz")->data, "xy");
  EXPECT_TRUE(parser.done());
  parser.reset();
  std::string next = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(parser.head(next).value(), next.size());
  EXPECT_FALSE(parser.expects_continue());
  EXPECT_TRUE(parser.done());
}

struct Answer {
  ResponseHead head;
  std::string body;
  bool keep = false;
};

Result<Answer> answer(std::string_view input, size_t step, bool to_head = false) {
  ResponseParser parser(to_head);
  Answer out;
  size_t used = 0, shown = 0;
  bool in_body = false;
  while (!in_body || !parser.done()) {
    std::string_view rest = input.substr(used, shown - used);
    size_t consumed = 0;
    if (!in_body) {
      consumed = TRY(parser.head(rest));
      in_body = consumed > 0;
    } else {
      BodyPiece piece = TRY(parser.body(rest));
      consumed = piece.consumed;
      out.body += piece.data;
    }
    used += consumed;
    if (in_body && parser.interim()) {
      parser.reset();
      in_body = false;
    }
    if (consumed > 0) continue;
    if (shown == input.size()) {
      TRY(parser.end_of_stream());
      break;
    }
    shown = std::min(shown + step, input.size());
  }
  out.head = parser.response();
  out.keep = parser.keep_alive();
  return out;
}

TEST(Http1, responses_at_every_cut) {
  struct Case {
    std::string text, body;
    bool keep, to_head;
  };
  const Case cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true, false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", "hello", false,
       false},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello",
       true, false},
      {"HTTP/1.0 200 OK\r\n\r\nto the end", "to the end", false, false},
      {"HTTP/1.1 200 OK\r\n\r\n", "", false, false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", true, true},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", true, false},
      {"HTTP/1.1 204 No Content\r\n\r\n", "", true, false},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 \r\nContent-Length: 1\r\n\r\nx", "x", true,
       false},
  };
  for (const Case& c : cases) {
    for (size_t step = 1; step <= c.text.size(); ++step) {
      auto out = answer(c.text, step, c.to_head);
      ASSERT_TRUE(out) << c.text << out.error().line();
      EXPECT_EQ(out->body, c.body) << c.text;
      EXPECT_EQ(out->keep, c.keep) << c.text;
    }
  }
}

TEST(Http1, bad_responses) {
  for (const char* text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 99 X\r\n\r\n",
        "HTTP/1.1 600 X\r\n\r\n", "HTTP/1.1 101 Switch\r\n\r\n", "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 200 OK\nX: y\n\n"}) {
    auto out = answer(text, 7);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code, Code::syntax) << text;
  }
  for (const char* text : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200", "",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    auto out = answer(text, 7);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code, Code::unavailable) << text;
  }
}

TEST(Http1, serializes_what_it_reads) {
  RequestHead head{"PUT", "/a?b=c", {{"Host", "h"}, {"Content-Length", "0"}}};
  std::string text = serialize(head).value();
  EXPECT_EQ(text, "PUT /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(serialize(ResponseHead{404, "", {{"A", "b"}}}).value(),
            "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n");
  for (const char* value : {"a\r\nX: y", "a\nb", " a", "a\r", "a\x01"})
    EXPECT_FALSE(serialize(ResponseHead{200, "", {{"A", value}}})) << value;
  EXPECT_FALSE(serialize(ResponseHead{200, "", {{"A b", "x"}}}));
  EXPECT_FALSE(serialize(ResponseHead{200, "a\r\n", {}}));
  EXPECT_FALSE(serialize(RequestHead{"GET", "/a b", {}}));
  EXPECT_FALSE(serialize(RequestHead{"GET", "/\r\n", {}}));
  EXPECT_FALSE(serialize(RequestHead{"G T", "/", {}}));
  EXPECT_FALSE(serialize(RequestHead{"GET", "", {}}));
}

TEST(Http1, headers_compare_without_case) {
  Headers headers{{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(headers.count("a"), 2u);
  EXPECT_EQ(headers.value("A"), "1");
  headers.set("B", "4");
  EXPECT_EQ(headers.value("b"), "4");
  headers.remove("a");
  EXPECT_EQ(headers.fields().size(), 1u);
}

}  // namespace
}  // namespace croft::wire
