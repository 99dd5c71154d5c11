#include "sandbox/user_data.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "base/text.h"
#include "sandbox/yaml_subset.h"

namespace croft::sandbox {

namespace {

constexpr size_t unpacked_limit = 128 * 1024;  // of one part; EC2 takes 16 KiB packed
constexpr int deepest = 4;                     // MIME in gzip in MIME ...
constexpr size_t most_parts = 64;

Result<std::string> gunzip(std::string_view data) {
  z_stream stream{};
  constexpr int gzip_window = 15 + 16;
  if (inflateInit2(&stream, gzip_window) != Z_OK)
    return fail(Code::internal, "zlib does not start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  std::string out;
  char buffer[16384];
  int state = Z_OK;
  while (state == Z_OK && out.size() <= unpacked_limit) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  inflateEnd(&stream);
  if (out.size() > unpacked_limit)
    return fail(Code::resource_exhausted, "user data is above 128 KiB when unpacked");
  if (state != Z_STREAM_END) return fail(Code::corrupt, "user data is no whole gzip stream");
  return out;
}

std::string quoted(std::string_view word) {
  return "'" + replace_all(word, "'", "'\\''") + "'";
}

class Reader {
 public:
  BootEntries take() {
    // The order of cloud-init: files, then users and keys, then commands and scripts.
    BootEntries out = std::move(says_);
    std::move(files_.begin(), files_.end(), std::back_inserter(out));
    for (auto* list : {&setup_, &scripts_})
      std::move(list->begin(), list->end(), std::back_inserter(out));
    return out;
  }

  void read(std::string_view data, int depth, std::string name = {}) {
    if (trim(data).empty()) return;
    if (depth > deepest) return say("user data is nested too deeply");
    if (data.starts_with("\x1f\x8b")) {
      auto unpacked = gunzip(data);
      if (!unpacked) return say(unpacked.error().what);
      return read(*unpacked, depth + 1, std::move(name));
    }
    if (data.starts_with("#!")) return script(std::move(name), data);
    if (data.starts_with("#cloud-config")) return config(data);
    std::string_view head = data.substr(0, std::min<size_t>(data.size(), 1024));
    if (to_lower(head).find("content-type: multipart/") != std::string::npos)
      return mime(data, depth);
    say(fmt::format("user data of an unknown kind is not run; it begins with '{}'",
                    printable(data.substr(0, 32))));
  }

 private:
  void say(std::string text) { says_.emplace_back("say", std::move(text)); }

  void script(std::string name, std::string_view text) {
    if (scripts_.size() >= most_parts) return say("more than 64 scripts: the rest is not run");
    std::string safe;
    for (char c : name) {
      bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
      safe += fits ? c : '_';
    }
    if (safe.empty() || safe[0] == '.') safe = fmt::format("part-{:03}", ++part_);
    std::string entry = safe;
    entry += '\0';
    entry += text;
    scripts_.emplace_back("script", std::move(entry));
  }

  void setup(std::string name, const std::string& text) {
    std::string entry = std::move(name);
    entry += '\0';
    setup_.emplace_back("script", entry + "#!/bin/sh\n" + text);
  }

  void mime(std::string_view data, int depth);
  void config(std::string_view text);
  void config_files(const Yaml& list);
  void config_users(const Yaml& list);
  std::string commands(const Yaml& list);
  static std::string keys_for(const std::string& user, const std::string& home, const Yaml& keys);

  BootEntries says_, files_, setup_, scripts_;
  int part_ = 0;
};

/// The value of a MIME header in a head with unfolded lines, lower-case name; "" when absent.
std::string header(const std::string& head, std::string_view name) {
  for (const std::string& line : split(head, '\n')) {
    auto parts = cut(line, ':');
    if (parts && equals_ignore_case(trim(parts->first), name))
      return std::string(trim(parts->second));
  }
  return {};
}

std::string parameter(const std::string& value, std::string_view name) {
  for (const std::string& part : split(value, ';')) {
    auto pair = cut(part, '=');
    if (!pair || !equals_ignore_case(trim(pair->first), name)) continue;
    std::string_view text = trim(pair->second);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
      text = text.substr(1, text.size() - 2);
    return std::string(text);
  }
  return {};
}

struct MimePart {
  std::string head;
  std::string_view body;
};

MimePart cut_head(std::string_view part) {
  size_t end = part.find("\n\n");
  size_t skip = 2;
  size_t other = part.find("\n\r\n");
  if (other < end) {
    end = other;
    skip = 3;
  }
  MimePart out;
  if (end == std::string_view::npos) return out;
  std::string head = replace_all(part.substr(0, end), "\r", "");
  out.head = replace_all(replace_all(head, "\n ", " "), "\n\t", " ");
  out.body = part.substr(end + skip);
  return out;
}

void Reader::mime(std::string_view data, int depth) {
  MimePart whole = cut_head(data);
  std::string boundary = parameter(header(whole.head, "content-type"), "boundary");
  if (boundary.empty()) return say("a MIME message without a boundary is not run");
  std::string mark = "--" + boundary;
  size_t at = whole.body.find(mark);
  for (size_t parts = 0; at != std::string_view::npos && parts < most_parts; ++parts) {
    size_t start = at + mark.size();
    if (whole.body.substr(start).starts_with("--")) return;
    size_t next = whole.body.find("\n" + mark, start);
    if (next == std::string_view::npos)
      return say("a MIME message ends without its closing boundary");
    MimePart part = cut_head(whole.body.substr(start, next - start).substr(1));
    std::string body(part.body);
    if (equals_ignore_case(header(part.head, "content-transfer-encoding"), "base64")) {
      auto plain =
          unbase64(replace_all(replace_all(replace_all(body, "\n", ""), "\r", ""), " ", ""));
      if (plain)
        body = std::move(*plain);
      else
        say("a MIME part with bad base64 is not run");
    } else if (!body.empty() && body.back() != '\n') {
      body += '\n';
    }
    read(body, depth + 1, parameter(header(part.head, "content-disposition"), "filename"));
    at = next + 1;
  }
}

std::string Reader::commands(const Yaml& list) {
  std::string text;
  for (const Yaml& command : list.list) {
    if (command.kind == Yaml::Kind::text) text += command.text + "\n";
    if (command.kind != Yaml::Kind::list) continue;
    std::vector<std::string> words;
    for (const Yaml& word : command.list) words.push_back(quoted(word.text));
    text += join(words, " ") + "\n";
  }
  return text;
}

void Reader::config_files(const Yaml& list) {
  for (const Yaml& file : list.list) {
    std::string path = file.text_of("path");
    std::string content = file.text_of("content");
    std::string encoding = to_lower(file.text_of("encoding"));
    if (path.empty() || path[0] != '/') {
      say(fmt::format("write_files: '{}' is not an absolute path", printable(path)));
      continue;
    }
    if (encoding.find("b64") != std::string::npos || encoding.find("base64") != std::string::npos) {
      auto plain = unbase64(replace_all(replace_all(content, "\n", ""), " ", ""));
      if (!plain) {
        say("write_files: bad base64 for " + path);
        continue;
      }
      content = std::move(*plain);
    }
    if (encoding.find("gz") != std::string::npos) {
      auto plain = gunzip(content);
      if (!plain) {
        say(fmt::format("write_files: {}: {}", path, plain.error().what));
        continue;
      }
      content = std::move(*plain);
    }
    std::string mode = file.text_of("permissions");
    if (mode.starts_with("0o")) mode.erase(0, 2);
    bool octal = !mode.empty() && mode.size() <= 4 &&
                 mode.find_first_not_of("01234567") == std::string::npos;
    if (!octal) mode = "0644";
    std::string entry = path;
    for (const std::string& field :
         {mode, file.text_of("owner"), std::string(file.text_of("append") == "true" ? "a" : ""),
          content}) {
      entry += '\0';
      entry += field;
    }
    files_.emplace_back("file", std::move(entry));
  }
}

std::string Reader::keys_for(const std::string& user, const std::string& home, const Yaml& keys) {
  std::string text = fmt::format("mkdir -p -m 700 {0}/.ssh\n", home);
  for (const Yaml& key : keys.list)
    text += fmt::format("echo {} >> {}/.ssh/authorized_keys\n", quoted(key.text), home);
  return text + fmt::format("chmod 600 {0}/.ssh/authorized_keys; chown -R {1} {0}/.ssh\n", home,
                            quoted(user));
}

void Reader::config_users(const Yaml& list) {
  std::string text;
  for (const Yaml& user : list.list) {
    std::string name = user.kind == Yaml::Kind::text ? user.text : user.text_of("name");
    if (name.empty() || name == "default") continue;
    std::string shell = user.text_of("shell");
    text += fmt::format("id {0} >/dev/null 2>&1 || useradd -m -s {1} {0}\n", quoted(name),
                        quoted(shell.empty() ? "/bin/bash" : shell));
    std::vector<std::string> groups;
    if (const Yaml* given = user.find("groups")) {
      groups = given->kind == Yaml::Kind::text ? split(replace_all(given->text, " ", ""), ',')
                                               : std::vector<std::string>{};
      for (const Yaml& group : given->list) groups.push_back(group.text);
    }
    for (const std::string& group : groups)
      text += fmt::format("getent group {0} >/dev/null || groupadd {0}; usermod -aG {0} {1}\n",
                          quoted(group), quoted(name));
    const Yaml* keys = user.find("ssh_authorized_keys");
    if (keys == nullptr) keys = user.find("ssh-authorized-keys");
    if (keys != nullptr) text += keys_for(name, "/home/" + quoted(name), *keys);
  }
  if (!text.empty()) setup("users", text);
}

void Reader::config(std::string_view text) {
  auto parsed = parse_yaml(text);
  if (!parsed) return say("#cloud-config is not used: " + parsed.error().line());
  for (const auto& [key, value] : parsed->map) {
    if (key == "write_files")
      config_files(value);
    else if (key == "users")
      config_users(value);
    else if (key == "ssh_authorized_keys")
      setup("keys", keys_for("root", "/root", value));
    else if (key == "bootcmd")
      setup("bootcmd", commands(value));
    else if (key == "runcmd")
      script("runcmd", "#!/bin/sh\n" + commands(value));
    else if (key == "hostname" || key == "fqdn" || key == "manage_etc_hosts" ||
             key == "preserve_hostname")
      continue;
    else
      say(fmt::format("#cloud-config: '{}' is not known here and has no effect", printable(key)));
  }
}

}  // namespace

BootEntries boot_entries(std::string_view user_data) {
  Reader reader;
  reader.read(user_data, 0);
  return reader.take();
}

}  // namespace croft::sandbox
