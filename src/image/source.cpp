#include "image/source.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace croft::image {

namespace {

std::unexpected<Error> system_failure(const std::string& what) {
  return fail(Code::io, fmt::format("cannot {}: {}", what, strerror(errno)));
}

class FileSource final : public Source {
 public:
  FileSource(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~FileSource() override { ::close(fd_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  Result<size_t> read(std::span<char> into) override {
    for (;;) {
      ssize_t got = ::read(fd_, into.data(), into.size());
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return system_failure("read " + path_);
    }
  }

 private:
  int fd_;
  std::string path_;
};

class GzipSource final : public Source {
 public:
  explicit GzipSource(std::unique_ptr<Source> inner) : inner_(std::move(inner)) {}
  ~GzipSource() override { inflateEnd(&stream_); }
  Result<> start() {
    constexpr int gzip_window = 15 + 16;
    if (inflateInit2(&stream_, gzip_window) != Z_OK)
      return fail(Code::internal, "zlib does not start");
    return {};
  }
  Result<size_t> read(std::span<char> into) override {
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(into.size());
    while (!ended_ && stream_.avail_out == into.size()) {
      if (stream_.avail_in == 0) {
        size_t got = TRY(inner_->read(buffer_));
        if (got == 0) return fail(Code::corrupt, "the archive is damaged: its gzip stream ends");
        stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
        stream_.avail_in = static_cast<uInt>(got);
      }
      int state = inflate(&stream_, Z_NO_FLUSH);
      if (state == Z_STREAM_END)
        TRY(next_member());
      else if (state != Z_OK && state != Z_BUF_ERROR)
        return fail(Code::corrupt, "the archive is damaged: it is no gzip stream");
    }
    return into.size() - stream_.avail_out;
  }

 private:
  /// gzip files may stand one behind the other.
  Result<> next_member() {
    if (stream_.avail_in == 0) {
      size_t got = TRY(inner_->read(buffer_));
      stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_in = static_cast<uInt>(got);
    }
    ended_ = stream_.avail_in == 0 || *stream_.next_in != 0x1f;
    if (!ended_ && inflateReset(&stream_) != Z_OK)
      return fail(Code::internal, "zlib does not start again");
    return {};
  }

  std::unique_ptr<Source> inner_;
  std::array<char, 65536> buffer_;
  z_stream stream_{};
  bool ended_ = false;
};

Result<int> open_file(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return system_failure("open " + path);
  return fd;
}

}  // namespace

Result<std::unique_ptr<Source>> open_source(const std::string& path) {
  int fd = TRY(open_file(path));
  auto file = std::make_unique<FileSource>(fd, path);
  unsigned char magic[6] = {};
  if (::pread(fd, magic, sizeof magic, 0) < 0) return system_failure("read " + path);
  auto starts = [&](std::string_view bytes) {
    return std::memcmp(magic, bytes.data(), bytes.size()) == 0;
  };
  if (starts("\x28\xb5\x2f\xfd") ||
      starts("\xfd"
             "7zXZ") ||
      starts("BZh"))
    return fail(
        Error(Code::unsupported, fmt::format("{} is compressed in a way that is not read", path))
            .hint("gzip and plain tar are: unpack it first"));
  if (!starts("\x1f\x8b")) return std::unique_ptr<Source>(std::move(file));
  auto out = std::make_unique<GzipSource>(std::move(file));
  TRY(out->start());
  return std::unique_ptr<Source>(std::move(out));
}

Result<> check_digest(const std::string& path, const std::string& sha256) {
  FileSource file(TRY(open_file(path)), path);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> sum(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(sum.get(), EVP_sha256(), nullptr);
  std::string buffer(1 << 16, '\0');
  for (;;) {
    size_t got = TRY(file.read(buffer));
    if (got == 0) break;
    EVP_DigestUpdate(sum.get(), buffer.data(), got);
  }
  std::string raw(32, '\0');
  EVP_DigestFinal_ex(sum.get(), reinterpret_cast<unsigned char*>(raw.data()), nullptr);
  if (hex(raw) == sha256) return {};
  return fail(Code::corrupt, fmt::format("{} is damaged: its SHA-256 is {}", path, hex(raw)));
}

}  // namespace croft::image
