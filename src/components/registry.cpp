#include "components/registry.h"

#include "base/machine.h"
#include "components/host/metric.h"
#include "lang/lang.h"

namespace croft::components {

namespace {
constexpr engine::ComponentType (*all_types[])() = {prim_type,
                                                    compound_type,
                                                    do_nothing_type,
                                                    remote_resource_type,
                                                    s3_bucket_type,
                                                    s3_file_type,
                                                    image_instance_type,
                                                    instance_group_type,
                                                    data_source_type,
                                                    embedded_farm_type,
                                                    account_type,
                                                    workflow_prim_type,
                                                    event_compound_type,
                                                    sequence_type,
                                                    random_sequence_type,
                                                    parallel_type,
                                                    container_type,
                                                    fire_break_type,
                                                    try_type,
                                                    retry_type,
                                                    repeat_type,
                                                    timeout_type,
                                                    during_type,
                                                    delay_type,
                                                    finally_type,
                                                    slow_start_type,
                                                    run_type,
                                                    detaching_compound_type,
                                                    terminator_type,
                                                    attribute_type,
                                                    if_type,
                                                    wait_for_type,
                                                    failing_wait_for_type,
                                                    post_condition_type,
                                                    evaluate_condition_type,
                                                    event_bus_type,
                                                    event_send_type,
                                                    event_counter_type,
                                                    event_queue_type,
                                                    on_event_type,
                                                    condition_type,
                                                    condition_compound_type,
                                                    and_type,
                                                    or_type,
                                                    xor_type,
                                                    not_type,
                                                    boolean_value_type,
                                                    equals_type,
                                                    string_equals_type,
                                                    string_length_type,
                                                    reference_resolves_type,
                                                    running_for_type,
                                                    is_property_set_type,
                                                    is_property_true_type,
                                                    is_os_type,
                                                    liveness_test_type,
                                                    assert_type,
                                                    fail_type,
                                                    exception_thrower_type,
                                                    history_type,
                                                    history_event_type,
                                                    history_assert_type,
                                                    history_log_type,
                                                    history_log_assertion_type,
                                                    history_assert_ordered_messages_type,
                                                    ping_target_type,
                                                    test_compound_type,
                                                    expect_deploy_failure_type,
                                                    echo_type,
                                                    set_property_type,
                                                    system_properties_type,
                                                    file_type,
                                                    file_exists_type,
                                                    copy_file_type,
                                                    deploy_by_copy_type,
                                                    delete_file_type,
                                                    self_deleting_file_type,
                                                    files_type,
                                                    delete_files_type,
                                                    mkdir_type,
                                                    rmdir_type,
                                                    temp_dir_type,
                                                    text_file_type,
                                                    text_list_file_type,
                                                    touch_file_type,
                                                    temp_file_type,
                                                    append_lines_type,
                                                    chmod_type,
                                                    append_ssh_key_type,
                                                    replace_file_var_type,
                                                    file_password_type,
                                                    inline_password_type,
                                                    property_password_type,
                                                    password_checker_type,
                                                    liveness_page_type,
                                                    wait_for_page_type,
                                                    host_exists_type,
                                                    execute_program_type,
                                                    run_shell_scripts_type,
                                                    shell_type,
                                                    script_type,
                                                    list_images_type,
                                                    validate_ec2_settings_type,
                                                    list_instances_type,
                                                    kill_instances_type,
                                                    farm_customer_type,
                                                    ec2_cluster_farmer_type,
                                                    ec2_cluster_role_type,
                                                    farm_is_available_type,
                                                    farm_supports_role_type,
                                                    farm_has_deployed_instances_type,
                                                    delete_by_role_type,
                                                    delete_all_nodes_type,
                                                    release_all_farm_resources_type,
                                                    start_cluster_type,
                                                    stop_cluster_type,
                                                    farm_check_roles_type,
                                                    cluster_role_type,
                                                    mock_node_deployment_type,
                                                    unsupported_node_deployment_type,
                                                    node_deployment_over_ssh_type,
                                                    mock_cluster_farmer_type,
                                                    manual_cluster_farmer_type,
                                                    deployer_type,
                                                    counter_action_type,
                                                    retract_type,
                                                    is_work_completed_type,
                                                    hostname_is_type,
                                                    localhost_type,
                                                    trace_type,
                                                    log_to_file_type,
                                                    directory_watcher_type,
                                                    deploying_directory_watcher_type,
                                                    display_type,
                                                    amazon_machine_image_type,
                                                    controllers_type,
                                                    machine_image_type,
                                                    test_block_type,
                                                    lazy_concat_type,
                                                    lazy_reference_type,
                                                    files_compound_type,
                                                    local_filestore_type,
                                                    dyn_dns_registration_type,
                                                    web_server_type,
                                                    java_type,
                                                    download_type,
                                                    load_property_file_type,
                                                    ssh_exec_type,
                                                    scp_operation_type,
                                                    scp_bulk_upload_type,
                                                    manual_host_type,
                                                    secret_type,
                                                    process_type,
                                                    directory_type,
                                                    template_type,
                                                    http_probe_type,
                                                    tcp_probe_type,
                                                    file_probe_type,
                                                    command_probe_type,
                                                    log_probe_type,
                                                    notify_probe_type,
                                                    package_type,
                                                    cron_type,
                                                    artifact_type,
                                                    metric_type,
                                                    library_type,
                                                    library_artifact_type,
                                                    load_class_type,
                                                    supervised_type};
}  // namespace

engine::Registry make_registry() {
  engine::Registry registry;
  for (auto* type : all_types) registry.add(type());
  lang::Options options;
  options.machine = {host_name(), host_address(), {}};
  registry.compute_with(lang::run_time(std::move(options)));
  registry.check_with(lang::may_become);
  registry.check_actions_with(lang::may_deploy);
  return registry;
}

const model::SchemaSet& schemas() {
  static const engine::Registry registry = make_registry();
  return registry.schemas();
}

engine::ComponentType type_of(std::string name, std::string doc,
                              std::vector<model::AttributeSchema> attributes,
                              std::function<std::unique_ptr<engine::Component>()> make,
                              std::string base) {
  engine::ComponentType type;
  type.schema.sf_class = "croft." + name;
  type.schema.type = std::move(name);
  type.schema.base = std::move(base);
  type.schema.doc = std::move(doc);
  type.schema.attributes = std::move(attributes);
  type.make = std::move(make);
  return type;
}

model::AttributeSchema attribute(std::string name, model::Type type, std::string doc) {
  model::AttributeSchema out;
  out.name = std::move(name);
  out.type = type;
  out.doc = std::move(doc);
  return out;
}

model::AttributeSchema required(std::string name, model::Type type, std::string doc) {
  auto out = attribute(std::move(name), type, std::move(doc));
  out.required = true;
  return out;
}

model::AttributeSchema with_default(std::string name, model::Type type, model::Value fallback,
                                    std::string doc) {
  auto out = attribute(std::move(name), type, std::move(doc));
  out.fallback = std::move(fallback);
  return out;
}

}  // namespace croft::components
