// All component types of croft, each with its schema; the native classes that lib/*.sf builds on.
// sfClass is "croft." and the name of the template.
#pragma once
#include "engine/component.h"

namespace croft::components {

engine::Registry make_registry();

/// The schemas of all types: for lang::check, `croft doc`, completion. Built once, read-only.
const model::SchemaSet& schemas();

// One function a type, in the file of its name.
engine::ComponentType prim_type();
engine::ComponentType compound_type();
engine::ComponentType supervised_type();
engine::ComponentType do_nothing_type();
engine::ComponentType remote_resource_type();
engine::ComponentType s3_bucket_type();
engine::ComponentType s3_file_type();
engine::ComponentType image_instance_type();
engine::ComponentType instance_group_type();
engine::ComponentType data_source_type();
engine::ComponentType embedded_farm_type();
engine::ComponentType account_type();

// workflow/
engine::ComponentType deploying_directory_watcher_type();
engine::ComponentType deployer_type();
engine::ComponentType counter_action_type();
engine::ComponentType retract_type();
engine::ComponentType workflow_prim_type();
engine::ComponentType event_compound_type();
engine::ComponentType sequence_type();
engine::ComponentType random_sequence_type();
engine::ComponentType parallel_type();
engine::ComponentType container_type();
engine::ComponentType fire_break_type();
engine::ComponentType try_type();
engine::ComponentType retry_type();
engine::ComponentType repeat_type();
engine::ComponentType timeout_type();
engine::ComponentType during_type();
engine::ComponentType delay_type();
engine::ComponentType finally_type();
engine::ComponentType slow_start_type();
engine::ComponentType run_type();
engine::ComponentType detaching_compound_type();
engine::ComponentType terminator_type();
engine::ComponentType attribute_type();
engine::ComponentType if_type();
engine::ComponentType wait_for_type();
engine::ComponentType failing_wait_for_type();
engine::ComponentType post_condition_type();
engine::ComponentType evaluate_condition_type();
engine::ComponentType event_bus_type();
engine::ComponentType event_send_type();
engine::ComponentType event_counter_type();
engine::ComponentType event_queue_type();
engine::ComponentType on_event_type();

// conditions/
engine::ComponentType is_work_completed_type();
engine::ComponentType hostname_is_type();
engine::ComponentType condition_type();
engine::ComponentType condition_compound_type();
engine::ComponentType and_type();
engine::ComponentType or_type();
engine::ComponentType xor_type();
engine::ComponentType not_type();
engine::ComponentType boolean_value_type();
engine::ComponentType equals_type();
engine::ComponentType string_equals_type();
engine::ComponentType string_length_type();
engine::ComponentType reference_resolves_type();
engine::ComponentType running_for_type();
engine::ComponentType is_property_set_type();
engine::ComponentType is_property_true_type();
engine::ComponentType is_os_type();
engine::ComponentType liveness_test_type();

// test/
engine::ComponentType test_block_type();
engine::ComponentType assert_type();
engine::ComponentType fail_type();
engine::ComponentType exception_thrower_type();
engine::ComponentType history_type();
engine::ComponentType history_event_type();
engine::ComponentType history_assert_type();
engine::ComponentType history_log_type();
engine::ComponentType history_log_assertion_type();
engine::ComponentType history_assert_ordered_messages_type();
engine::ComponentType ping_target_type();
engine::ComponentType test_compound_type();
engine::ComponentType expect_deploy_failure_type();

// utils/
engine::ComponentType lazy_concat_type();
engine::ComponentType lazy_reference_type();
engine::ComponentType display_type();
engine::ComponentType localhost_type();
engine::ComponentType trace_type();
engine::ComponentType log_to_file_type();
engine::ComponentType echo_type();
engine::ComponentType set_property_type();
engine::ComponentType system_properties_type();

// filesystem/
engine::ComponentType files_compound_type();
engine::ComponentType local_filestore_type();
engine::ComponentType directory_watcher_type();
engine::ComponentType file_type();
engine::ComponentType file_exists_type();
engine::ComponentType copy_file_type();
engine::ComponentType deploy_by_copy_type();
engine::ComponentType delete_file_type();
engine::ComponentType self_deleting_file_type();
engine::ComponentType files_type();
engine::ComponentType delete_files_type();
engine::ComponentType mkdir_type();
engine::ComponentType rmdir_type();
engine::ComponentType temp_dir_type();
engine::ComponentType text_file_type();
engine::ComponentType text_list_file_type();
engine::ComponentType touch_file_type();
engine::ComponentType temp_file_type();
engine::ComponentType append_lines_type();
engine::ComponentType chmod_type();
engine::ComponentType append_ssh_key_type();
engine::ComponentType replace_file_var_type();

// passwords/
engine::ComponentType secret_type();
engine::ComponentType file_password_type();
engine::ComponentType inline_password_type();
engine::ComponentType property_password_type();
engine::ComponentType password_checker_type();

// www/
engine::ComponentType liveness_page_type();
engine::ComponentType wait_for_page_type();
engine::ComponentType host_exists_type();
engine::ComponentType dyn_dns_registration_type();
engine::ComponentType web_server_type();

// java/
engine::ComponentType java_type();
engine::ComponentType download_type();
engine::ComponentType load_property_file_type();
engine::ComponentType library_type();
engine::ComponentType library_artifact_type();
engine::ComponentType load_class_type();

// ssh/
engine::ComponentType ssh_exec_type();
engine::ComponentType scp_operation_type();
engine::ComponentType scp_bulk_upload_type();

// host/
engine::ComponentType process_type();
engine::ComponentType directory_type();
engine::ComponentType template_type();
engine::ComponentType http_probe_type();
engine::ComponentType tcp_probe_type();
engine::ComponentType file_probe_type();
engine::ComponentType command_probe_type();
engine::ComponentType log_probe_type();
engine::ComponentType notify_probe_type();
engine::ComponentType package_type();
engine::ComponentType cron_type();
engine::ComponentType artifact_type();

// shell/
engine::ComponentType execute_program_type();
engine::ComponentType run_shell_scripts_type();
engine::ComponentType shell_type();
engine::ComponentType script_type();

// aws/
engine::ComponentType amazon_machine_image_type();
engine::ComponentType machine_image_type();
engine::ComponentType controllers_type();
engine::ComponentType list_images_type();
engine::ComponentType validate_ec2_settings_type();
engine::ComponentType list_instances_type();
engine::ComponentType kill_instances_type();

// cloudfarmer/
engine::ComponentType farm_customer_type();
engine::ComponentType ec2_cluster_farmer_type();
engine::ComponentType ec2_cluster_role_type();
engine::ComponentType farm_is_available_type();
engine::ComponentType farm_supports_role_type();
engine::ComponentType farm_has_deployed_instances_type();
engine::ComponentType delete_by_role_type();
engine::ComponentType delete_all_nodes_type();
engine::ComponentType release_all_farm_resources_type();
engine::ComponentType start_cluster_type();
engine::ComponentType stop_cluster_type();
engine::ComponentType farm_check_roles_type();
engine::ComponentType cluster_role_type();
engine::ComponentType mock_node_deployment_type();
engine::ComponentType unsupported_node_deployment_type();
engine::ComponentType node_deployment_over_ssh_type();
engine::ComponentType mock_cluster_farmer_type();
engine::ComponentType manual_cluster_farmer_type();
engine::ComponentType manual_host_type();

/// A type of that name; its sfClass is "croft." and the name.
engine::ComponentType type_of(std::string name, std::string doc,
                              std::vector<model::AttributeSchema> attributes,
                              std::function<std::unique_ptr<engine::Component>()> make,
                              std::string base = "croft.Prim");

// For schemas.
model::AttributeSchema attribute(std::string name, model::Type type, std::string doc);
model::AttributeSchema required(std::string name, model::Type type, std::string doc);
model::AttributeSchema with_default(std::string name, model::Type type, model::Value fallback,
                                    std::string doc);

}  // namespace croft::components
