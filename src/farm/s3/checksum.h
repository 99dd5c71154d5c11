// The checksums that S3 clients ask for: one running state for all that one body needs. CRCs are
// the reflected kind, sliced by eight. Runs on pool threads; one thread at a time.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace croft::farm::s3 {

/// x-amz-checksum-*. Source: S3 "Checking object integrity".
enum class Checksum { crc32, crc32c, crc64nvme, sha1, sha256 };
inline constexpr std::array checksums{Checksum::crc32, Checksum::crc32c, Checksum::crc64nvme,
                                      Checksum::sha1, Checksum::sha256};
std::string_view name_of(
    Checksum checksum);  ///< "CRC32": as in elements and x-amz-checksum-algorithm
std::string_view header_of(Checksum checksum);                      ///< "x-amz-checksum-crc32"
std::string_view element_of(Checksum checksum);                     ///< "ChecksumCRC32"
size_t size_of(Checksum checksum);                                  ///< of the raw value in bytes
std::optional<Checksum> checksum_from_name(std::string_view name);  ///< any case
std::optional<Checksum> checksum_from_header(std::string_view header);  ///< any case

/// The raw big-endian value over data that arrives in pieces.
class ChecksumState {
 public:
  explicit ChecksumState(Checksum kind);
  void update(std::string_view data);
  std::string finish();  ///< raw bytes; the state is used up
  Checksum kind() const { return kind_; }

 private:
  Checksum kind_;
  uint64_t crc_ = ~0ULL;
  std::optional<Hasher> hasher_;
};

std::string checksum_of(Checksum kind, std::string_view data);

/// Can the sum of a whole be made of its parts' (the CRCs can)?
bool can_combine(Checksum kind);
/// Of data of which the first half has the sum `first` and the second, `second_bytes` long,
/// `second`. Raw values.
std::string combine_checksums(Checksum kind, std::string_view first, std::string_view second,
                              uint64_t second_bytes);

/// Everything that one body is hashed into.
class Digests {
 public:
  Digests(bool sha256, std::optional<Checksum> checksum);
  void update(std::string_view data);
  void finish();
  // After finish(), raw bytes:
  std::string md5;
  std::string sha256;
  std::string checksum;

 private:
  Hasher md5_;
  std::optional<Hasher> sha256_;
  std::optional<ChecksumState> checksum_;
};

}  // namespace croft::farm::s3
