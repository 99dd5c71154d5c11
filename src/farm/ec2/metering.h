// What the meter is told of: each entry belongs into the commit of the change that it tells of, so
// that it is there exactly when the change is. Pure.
#pragma once
#include "farm/ec2/records.h"
#include "farm/ec2/resources.h"
#include "farm/meter/intervals.h"

namespace croft::farm::ec2 {

meter::Thing thing_of(const Instance& instance);
/// It was made, or it is no more.
store::Change metered(const Volume& volume, bool made, WallTime now);
store::Change metered(const Snapshot& snapshot, bool made, WallTime now);
/// An address costs while nobody uses it: it was set aside, or taken (or given back).
store::Change metered(const ElasticAddress& address, bool idle, WallTime now);

}  // namespace croft::farm::ec2
