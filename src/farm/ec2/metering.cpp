#include "farm/ec2/metering.h"

namespace croft::farm::ec2 {

namespace {

void add_tags(meter::Thing& thing, const Tags& tags) {
  if (auto at = tags.find("croft:application"); at != tags.end()) thing.application = at->second;
  if (auto at = tags.find("croft:component"); at != tags.end()) thing.component = at->second;
}

}  // namespace

meter::Thing thing_of(const Instance& instance) {
  meter::Thing thing;
  thing.resource = instance.id;
  thing.kind = instance.type;
  thing.zone = instance.zone;
  thing.price_micros = instance.price_micros;
  thing.image = instance.image;
  thing.reseller = instance.reseller;
  thing.margin_micros = instance.margin_micros;
  add_tags(thing, instance.tags);
  return thing;
}

store::Change metered(const Volume& volume, bool made, WallTime now) {
  meter::Thing thing;
  thing.resource = volume.id;
  thing.kind = "volume." + volume.type;
  thing.zone = volume.zone;
  thing.quantity = volume.size_gib;
  add_tags(thing, volume.tags);
  return meter::record({volume.account, std::move(thing), made, now});
}

store::Change metered(const Snapshot& snapshot, bool made, WallTime now) {
  meter::Thing thing;
  thing.resource = snapshot.id;
  thing.kind = "snapshot";
  // Of a volume that nobody had written to there is nothing to keep.
  thing.quantity = snapshot.empty ? 0 : snapshot.size_gib;
  add_tags(thing, snapshot.tags);
  return meter::record({snapshot.account, std::move(thing), made, now});
}

store::Change metered(const ElasticAddress& address, bool idle, WallTime now) {
  meter::Thing thing;
  thing.resource = address.id;
  thing.kind = "address.idle";
  add_tags(thing, address.tags);
  return meter::record({address.account, std::move(thing), idle, now});
}

}  // namespace croft::farm::ec2
