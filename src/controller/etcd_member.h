// The member of etcd on a machine that is one of several controllers: a child of this process,
// which is started again when it ends and ends with us. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "aio/world.h"

namespace croft::controller {

struct EtcdPeer {
  std::string name, address;
};

struct EtcdMember {
  std::string home;  ///< its data are HOME/etcd, its output HOME/etcd.log
  EtcdPeer self;
  std::vector<EtcdPeer> peers;  ///< all members as they are to be, this one included
  std::string cluster;          ///< a token: members of another cluster are refused
  bool formed = false;          ///< the cluster was there before this machine: it joins
};

/// Until cancelled. Code::not_found where there is no etcd and none can be installed.
aio::Task<Result<>> run_etcd_member(aio::World& world, EtcdMember member);

}  // namespace croft::controller
