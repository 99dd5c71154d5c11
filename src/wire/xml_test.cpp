#include "wire/xml.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/text.h"

namespace croft::wire::xml {
namespace {

TEST(Xml, reads_elements_by_local_name) {
  auto document = Document::parse(
      "<?xml version='1.0'?><s3:Upload xmlns:s3='http://s3/' xmlns='http://x/'><!-- c "
      "--><s3:Part><ETag>&quot;a&#x26;&quot;"
      "</ETag></s3:Part><Part n='1'/><Sp> </Sp><C><![CDATA[<&]]>x</C></s3:Upload>");
  ASSERT_TRUE(document) << document.error().line();
  Element root = document->root();
  EXPECT_EQ(root.name(), "Upload");
  EXPECT_EQ(root.name_space(), "http://s3/");
  EXPECT_EQ(root.children("Part").size(), 2u);
  EXPECT_EQ(root.child("Part").required("ETag").value(), "\"a&\"");
  EXPECT_EQ(root.children("Part")[1].attribute("n"), "1");
  EXPECT_EQ(root.children("Part")[1].name_space(), "http://x/");
  EXPECT_EQ(root.text_of("Sp"), " ");
  EXPECT_EQ(root.text_of("C"), "<&x");
  EXPECT_FALSE(root.child("None"));
  EXPECT_EQ(root.child("None").child("More").text(), "");
  auto missing = root.children("Part")[1].required("ETag");
  EXPECT_EQ(missing.error().line(), "Upload.Part: <ETag> is missing");
}

TEST(Xml, refuses_what_it_must) {
  for (const char* text : {"",
                           "  ",
                           "<a>",
                           "</a>",
                           "<a></b>",
                           "<a/><b/>",
                           "x<a/>",
                           "<a/>x",
                           "<a>&nope;</a>",
                           "<a>&</a>",
                           "<a>&#0;</a>",
                           "<a>&#xD800;</a>",
                           "<a b='&x;'/>",
                           "<!DOCTYPE a><a/>",
                           "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
                           "<a>\x01</a>",
                           "<a>\xff</a>",
                           "<a b=\"1\"",
                           "<a><b</a>",
                           "<!-- <a/>",
                           "<a><![CDATA[</a>",
                           "<![CDATA[x]]>"}) {
    auto result = Document::parse(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, Code::syntax) << text;
  }
}

TEST(Xml, says_where) {
  auto result = Document::parse("<a>\n  <b>&x;</b>\n</a>", "body");
  EXPECT_EQ(result.error().line(), "body:2:6: an unknown entity or a bare '&'");
}

TEST(Xml, is_bounded) {
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "<a>";
  EXPECT_EQ(Document::parse(deep).error().code, Code::resource_exhausted);
  EXPECT_EQ(Document::parse("<a>12345</a>", "x", {.size = Bytes(5)}).error().code,
            Code::resource_exhausted);
  std::string ok;
  for (int i = 0; i < 32; ++i) ok += "<a>";
  for (int i = 0; i < 32; ++i) ok += "</a>";
  EXPECT_TRUE(Document::parse(ok));
}

TEST(Xml, writes) {
  Writer writer;
  writer.open("R", {{"xmlns", "http://ec2.amazonaws.com/doc/2016-11-15/"}})
      .element("name", "a<b>&\"\r\x01");
  writer.element("n", 42).element("on", true).element("empty", "").open("item");
  EXPECT_EQ(writer.take(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R "
            "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
            "<name>a&lt;b&gt;&amp;&quot;&#xd;&#x1;</name><n>42</n><on>true</on><empty/><item></"
            "item></R>");
}

TEST(Xml, text_comes_back) {
  rc::check([](const std::string& text) {
    if (!valid_utf8(text) || text.find('\0') != std::string::npos) return;
    Writer writer;
    writer.open("a", {{"b", text}}).element("c", text);
    std::string whole = writer.take();
    auto document = Document::parse(whole);
    RC_ASSERT(document.has_value());
    RC_ASSERT(document->root().child("c").text() == text);
  });
}

TEST(Xml, XPathSelects) {
  auto document = Document::parse("<a><b n=\"1\">x</b><b n=\"2\">y</b></a>");
  ASSERT_TRUE(document);
  EXPECT_EQ(*document->select("/a/b"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(*document->select("//b[@n='2']/@n"), (std::vector<std::string>{"2"}));
  EXPECT_EQ(*document->select("count(//b)"), (std::vector<std::string>{"2"}));
  EXPECT_TRUE(document->select("//c")->empty());
  EXPECT_TRUE(document->select("boolean(//c)")->empty());
  EXPECT_EQ(document->select("//b[").error().code, Code::syntax);
}

TEST(Xml, APageMayHaveADocumentTypeThatIsPassedOver) {
  Limits page;
  page.page = true;
  std::string text =
      "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"x.dtd\" [<!ENTITY a \"b>\">]>"
      "<html><p>a&nbsp;&a;&amp;</p></html>";
  EXPECT_EQ(Document::parse(text).error().code, Code::syntax);
  auto document = Document::parse(text, "a page", page);
  ASSERT_TRUE(document) << document.error().render();
  EXPECT_EQ(document->root().child("p").text(), "a&nbsp;&a;&") << "nothing is expanded";
  EXPECT_FALSE(Document::parse("<!DOCTYPE html", "a page", page));
  EXPECT_FALSE(Document::parse("<a/><!DOCTYPE html>", "a page", page));
}

}  // namespace
}  // namespace croft::wire::xml
