#include "cli/verbs.h"

namespace croft::cli {

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      up_command(),
      plan_command(),
      down_command(),
      status_command(),
      events_command(),
      hosts_command(),
      logs_command(),
      exec_command(),
      cp_command(),
      forward_command(),
      stop_command(),
      test_command(),
      resolve_command(),
      check_command(),
      fmt_command(),
      doc_command(),
      graph_command(),
      lsp_command(),
      completion_command(),
      complete_command(),
      man_command(),
      farm_serve_command(),
      farm_account_add_command(),
      farm_account_list_command(),
      farm_profile_add_command(),
      farm_fault_add_command(),
      farm_fault_undo_command(),
      farm_fault_list_command(),
      farm_topology_command(),
      farm_doctor_command(),
      farm_destroy_command(),
      farm_verify_command(),
      farm_usage_command(),
      bill_command(),
      farm_image_price_command(),
      farm_image_import_command(),
      farm_consistency_command(),
      controller_serve_command(),
  };
  return table;
}

}  // namespace croft::cli
