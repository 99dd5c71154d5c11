// Each verb's entry in the table; the files are named like the verbs.
#pragma once
#include "cli/command.h"

namespace croft::cli {

Command up_command();
Command plan_command();
Command down_command();
Command status_command();
Command events_command();
Command why_command();
Command history_command();
Command diff_command();
Command rollback_command();
Command scale_command();
Command proof_command();
Command audit_command();
Command drift_command();
Command import_command();
Command forget_command();
Command hosts_command();
Command logs_command();
Command exec_command();
Command cp_command();
Command forward_command();
Command secret_set_command();
Command secret_list_command();
Command secret_rm_command();
Command login_command();
Command logout_command();
Command operator_add_command();
Command operator_list_command();
Command operator_rm_command();
Command operator_trail_command();
Command stop_command();
Command test_command();
Command resolve_command();
Command check_command();
Command fmt_command();
Command doc_command();
Command graph_command();
Command lsp_command();
Command completion_command();
Command complete_command();
Command man_command();
Command farm_serve_command();
Command farm_account_add_command();
Command farm_account_list_command();
Command farm_profile_add_command();
Command farm_fault_add_command();
Command farm_fault_undo_command();
Command farm_fault_list_command();
Command farm_topology_command();
Command farm_doctor_command();
Command farm_destroy_command();
Command farm_verify_command();
Command farm_usage_command();
Command bill_command();
Command farm_image_price_command();
Command farm_image_import_command();
Command farm_consistency_command();
Command controller_serve_command();
Command controller_backup_command();
Command controller_restore_command();
Command controller_join_command();

}  // namespace croft::cli
