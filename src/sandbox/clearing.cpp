#include "sandbox/clearing.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/syscall.h>

#include <algorithm>
#include <csignal>

#include "sandbox/disk.h"
#include "sandbox/netlink.h"
#include "sandbox/sheet.h"

namespace croft::sandbox {

namespace {
constexpr int64_t patience_ms = 30'000;
// A link goes with its network; taking it away by name costs 23 ms and more, one after the other.
constexpr int64_t link_patience_ms = 30;
// Connections whose other end is cut off keep a network for minutes: then the name is quicker, too.
constexpr int64_t link_patience_each_ms = 150, link_patience_most_ms = 5'000;

bool has_ended(int process) {
  pollfd wait{process, POLLIN, 0};
  return poll(&wait, 1, 0) > 0;
}
}  // namespace

std::string trash_of(const FarmLayout& layout) {
  return layout.folder + "/.trash";
}

Result<> empty_trash(const FarmLayout& layout, size_t most) {
  const std::string trash = trash_of(layout);
  for (const std::string& name : list_folder(trash)) {
    if (most-- == 0) break;
    TRY(remove_all(trash + "/" + name));
  }
  return {};
}

Clearing::Clearing(const FarmLayout& layout, const Cgroups& cgroups, Work work)
    : layout_(&layout),
      cgroups_(&cgroups),
      work_(std::move(work)),
      folder_(layout.machine(work_.id)),
      image_(folder_ + "/disk.img") {
  Sheet record;
  auto data = read_whole(folder_ + "/machine");
  if (data) static_cast<void>(Sheet::decode(*data, record));
  // A machine that was cut short while it was made has no record: all devices are looked at.
  device_ = record.find("loop") != nullptr ? record.text("loop") : loop_device_of(image_);
}

void Clearing::begin() {
  until_ = now_ms() + patience_ms;
  if (work_.process < 0) return;
  // Refused, the disk is written out as it is unmounted: slow, and as good.
  if (work_.destroy && !device_.empty() && !has_ended(work_.process))
    static_cast<void>(forget_writes(device_, image_));
  syscall(SYS_pidfd_send_signal, work_.process, SIGKILL, nullptr, 0);
}

/// What the kernel tears down by itself is waited for, so that "gone" is true when it is said.
Result<bool> Clearing::step() {
  auto late = [&](std::string what) -> Result<bool> {
    if (now_ms() <= until_) return false;
    return fail(Code::timeout, std::move(what));
  };
  switch (waits_) {
    case Waits::process:
      if (work_.process >= 0 && !has_ended(work_.process))
        return late(fmt::format("the processes of {} stay", work_.id));
      waits_ = Waits::cgroup;
      [[fallthrough]];
    case Waits::cgroup:
      if (!TRY(cgroups_->try_remove(layout_->cgroup() + "/" + work_.id)))
        return late(fmt::format("the control group of {} stays", work_.id));
      waits_ = Waits::disk;
      [[fallthrough]];
    case Waits::disk:
      if (!device_.empty() && is_attached(device_, image_))
        return late(fmt::format("the root disk of {} stays attached", work_.id));
      waits_ = Waits::link;
      link_removal_ =
          now_ms() + (work_.process < 0
                          ? link_patience_ms
                          : std::min(link_patience_most_ms, link_patience_each_ms * work_.beside));
      [[fallthrough]];
    case Waits::link:
      if (!TRY(link_is_gone()))
        return late(fmt::format("the link {} of {} stays", work_.link, work_.id));
  }
  TRY(take_files());
  return true;
}

Result<bool> Clearing::link_is_gone() {
  char name[IF_NAMESIZE] = {};
  if (work_.link == 0 || if_indextoname(work_.link, name) == nullptr) return true;
  // The farm's sockets keep the network of a machine that ended by itself, until the farm hears
  // of that end from us: then the link is taken away by name, slow as that is.
  if (now_ms() > link_removal_) {
    link_removal_ = until_;
    Netlink netlink = TRY(Netlink::open(NETLINK_ROUTE));
    NetlinkBatch batch;
    link::remove(batch, work_.link);
    static_cast<void>(netlink.run(std::move(batch)));
  }
  return false;
}

Result<> Clearing::take_files() {
  unlink((folder_ + "/machine").c_str());
  unlink((folder_ + "/note").c_str());
  if (!work_.destroy || !exists(folder_)) return {};
  // Deleting a disk takes long where freed blocks are discarded: its name is gone at once, its
  // space comes back when nobody waits.
  const std::string grave = trash_of(*layout_) + "/" + work_.id;
  if (rename(folder_.c_str(), grave.c_str()) == 0) return {};
  return remove_all(folder_);
}

}  // namespace croft::sandbox
