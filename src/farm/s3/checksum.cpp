#include "farm/s3/checksum.h"

#include <bit>
#include <cstring>

#include "base/text.h"

namespace croft::farm::s3 {
namespace {

/// Slicing by eight: eight table look-ups for eight bytes, no dependence between them.
template <class Word, Word polynomial>
struct CrcTable {
  std::array<std::array<Word, 256>, 8> at{};
  constexpr CrcTable() {
    for (unsigned i = 0; i < 256; ++i) {
      Word crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? polynomial : Word{0});
      at[0][i] = crc;
    }
    for (unsigned i = 0; i < 256; ++i)
      for (size_t slice = 1; slice < 8; ++slice)
        at[slice][i] = (at[slice - 1][i] >> 8) ^ at[0][at[slice - 1][i] & 0xff];
  }
};

template <class Word, Word polynomial>
Word crc_update(Word crc, std::string_view data) {
  static constexpr CrcTable<Word, polynomial> table;
  static_assert(std::endian::native == std::endian::little);
  const char* at = data.data();
  size_t left = data.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    word ^= crc;
    Word next = 0;
    for (size_t byte = 0; byte < 8; ++byte) next ^= table.at[7 - byte][(word >> (8 * byte)) & 0xff];
    crc = next;
  }
  for (; left > 0; --left, ++at)
    crc = (crc >> 8) ^ table.at[0][(crc ^ static_cast<uint8_t>(*at)) & 0xff];
  return crc;
}

std::string big_endian(uint64_t value, size_t bytes) {
  std::string out(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) out[bytes - 1 - i] = static_cast<char>(value >> (8 * i));
  return out;
}

std::optional<Hash> hash_of(Checksum kind) {
  switch (kind) {
    case Checksum::sha1:
      return Hash::sha1;
    case Checksum::sha256:
      return Hash::sha256;
    case Checksum::crc32:
    case Checksum::crc32c:
    case Checksum::crc64nvme:
      break;
  }
  return {};
}

}  // namespace

std::string_view name_of(Checksum checksum) {
  return element_of(checksum).substr(8);
}

std::string_view header_of(Checksum checksum) {
  switch (checksum) {
    case Checksum::crc32:
      return "x-amz-checksum-crc32";
    case Checksum::crc32c:
      return "x-amz-checksum-crc32c";
    case Checksum::crc64nvme:
      return "x-amz-checksum-crc64nvme";
    case Checksum::sha1:
      return "x-amz-checksum-sha1";
    case Checksum::sha256:
      return "x-amz-checksum-sha256";
  }
  return {};
}

std::string_view element_of(Checksum checksum) {
  switch (checksum) {
    case Checksum::crc32:
      return "ChecksumCRC32";
    case Checksum::crc32c:
      return "ChecksumCRC32C";
    case Checksum::crc64nvme:
      return "ChecksumCRC64NVME";
    case Checksum::sha1:
      return "ChecksumSHA1";
    case Checksum::sha256:
      return "ChecksumSHA256";
  }
  return {};
}

size_t size_of(Checksum checksum) {
  switch (checksum) {
    case Checksum::crc32:
    case Checksum::crc32c:
      return 4;
    case Checksum::crc64nvme:
      return 8;
    case Checksum::sha1:
      return 20;
    case Checksum::sha256:
      return 32;
  }
  return 0;
}

std::optional<Checksum> checksum_from_name(std::string_view name) {
  for (Checksum checksum : checksums)
    if (equals_ignore_case(name, name_of(checksum))) return checksum;
  return {};
}

std::optional<Checksum> checksum_from_header(std::string_view header) {
  for (Checksum checksum : checksums)
    if (equals_ignore_case(header, header_of(checksum))) return checksum;
  return {};
}

ChecksumState::ChecksumState(Checksum kind) : kind_(kind) {
  if (auto hash = hash_of(kind)) hasher_.emplace(*hash);
}

void ChecksumState::update(std::string_view data) {
  switch (kind_) {
    case Checksum::crc32:
      crc_ = crc_update<uint32_t, 0xEDB88320u>(static_cast<uint32_t>(crc_), data);
      break;
    case Checksum::crc32c:
      crc_ = crc_update<uint32_t, 0x82F63B78u>(static_cast<uint32_t>(crc_), data);
      break;
    case Checksum::crc64nvme:
      crc_ = crc_update<uint64_t, 0x9A6C9329AC4BC9B5ULL>(crc_, data);
      break;
    case Checksum::sha1:
    case Checksum::sha256:
      hasher_->update(data);
      break;
  }
}

std::string ChecksumState::finish() {
  if (hasher_) return hasher_->finish();
  return big_endian(~crc_, size_of(kind_));
}

std::string checksum_of(Checksum kind, std::string_view data) {
  ChecksumState state(kind);
  state.update(data);
  return state.finish();
}

bool can_combine(Checksum kind) {
  return !hash_of(kind);
}

namespace {

/// The polynomials' product modulo `modulus`; bit-reflected, as the CRCs are.
uint64_t multiply(uint64_t a, uint64_t b, uint64_t modulus, unsigned bits) {
  uint64_t top = uint64_t{1} << (bits - 1), out = 0;
  for (uint64_t bit = top; bit != 0; bit >>= 1) {
    if (a & bit) out ^= b;
    b = (b >> 1) ^ ((b & 1) ? modulus : 0);
  }
  return out;
}

uint64_t big_endian_value(std::string_view bytes) {
  uint64_t out = 0;
  for (char c : bytes) out = (out << 8) | static_cast<uint8_t>(c);
  return out;
}

}  // namespace

std::string combine_checksums(Checksum kind, std::string_view first, std::string_view second,
                              uint64_t second_bytes) {
  uint64_t modulus = kind == Checksum::crc32    ? 0xEDB88320u
                     : kind == Checksum::crc32c ? 0x82F63B78u
                                                : 0x9A6C9329AC4BC9B5ULL;
  unsigned bits = static_cast<unsigned>(size_of(kind)) * 8;
  uint64_t one = uint64_t{1} << (bits - 1);
  // x^(8 * second_bytes) by squaring: the shift of the first half past the second.
  uint64_t shift = one, power = one >> 8;
  for (uint64_t left = second_bytes; left > 0; left >>= 1) {
    if (left & 1) shift = multiply(shift, power, modulus, bits);
    power = multiply(power, power, modulus, bits);
  }
  uint64_t moved = multiply(shift, big_endian_value(first), modulus, bits);
  return big_endian(moved ^ big_endian_value(second), size_of(kind));
}

Digests::Digests(bool sha256, std::optional<Checksum> checksum) : md5_(Hash::md5) {
  if (sha256) sha256_.emplace(Hash::sha256);
  if (checksum) checksum_.emplace(*checksum);
}

void Digests::update(std::string_view data) {
  md5_.update(data);
  if (sha256_) sha256_->update(data);
  if (checksum_) checksum_->update(data);
}

void Digests::finish() {
  md5 = md5_.finish();
  if (sha256_) sha256 = sha256_->finish();
  if (checksum_) checksum = checksum_->finish();
}

}  // namespace croft::farm::s3
