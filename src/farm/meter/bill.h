// The invoice of an account for one month, from what the store and the meters know. Loop thread
// only.
#pragma once
#include "farm/api/accounts.h"
#include "farm/meter/invoice.h"
#include "farm/meter/usage.h"

namespace croft::farm::meter {

struct BillRequest {
  std::string account;      ///< name or id
  std::string month;        ///< "2008-04"; empty: this one
  std::string application;  ///< only what bears its tag; empty: all
  PriceBook book;
  /// {"account", "month", "application", "by": "second" | "hour", "prices": {...}}
  static Result<BillRequest> from_json(std::string_view body);
};

aio::Task<Result<Invoice>> bill(aio::World& world, store::Store& store, const Accounts& accounts,
                                UsageMeter& usage, BillRequest request);

}  // namespace croft::farm::meter
