//! System procedures that every server has and the emulator has not: refused as outside the subset, not as absent.
//!
//! The names are those of the pages that Learn had in March 2021 under "System stored procedures", as far as they are of
//! SQL Server or of a Managed Instance. Names without such a page – newer ones, and what Microsoft never described – stand
//! apart, are remembered, and not complete: a name that is missing answers 2812.

/// Of master, so found from every database; with a page.
const EVERYWHERE: &str = "sp_add_agent_parameter sp_add_agent_profile sp_add_data_file_recover_suspect_db \
    sp_add_log_file_recover_suspect_db sp_add_log_shipping_alert_job sp_add_log_shipping_primary_database \
    sp_add_log_shipping_primary_secondary sp_add_log_shipping_secondary_database \
    sp_add_log_shipping_secondary_primary sp_add_trusted_assembly sp_addapprole sp_addarticle sp_adddistpublisher \
    sp_adddistributiondb sp_adddistributor sp_adddynamicsnapshot_job sp_addextendedproc sp_addlinkedserver \
    sp_addlinkedsrvlogin sp_addlogin sp_addlogreader_agent sp_addmergealternatepublisher sp_addmergearticle \
    sp_addmergefilter sp_addmergepartition sp_addmergepublication sp_addmergepullsubscription \
    sp_addmergepullsubscription_agent sp_addmergepushsubscription_agent sp_addmergesubscription sp_addmessage \
    sp_addpublication sp_addpublication_snapshot sp_addpullsubscription sp_addpullsubscription_agent \
    sp_addpushsubscription_agent sp_addqreader_agent sp_addqueued_artinfo sp_addremotelogin sp_addrole \
    sp_addscriptexec sp_addserver sp_addsubscriber sp_addsubscriber_schedule sp_addsubscription sp_addsynctriggers \
    sp_addtabletocontents sp_addtype sp_addumpdevice sp_adduser sp_adjustpublisheridentityrange sp_altermessage \
    sp_approlepassword sp_article_validation sp_articlecolumn sp_articlefilter sp_articleview sp_attach_db \
    sp_attach_single_file_db sp_attachsubscription sp_audit_write sp_autostats sp_batch_params sp_bindefault \
    sp_bindrule sp_bindsession sp_browsemergesnapshotfolder sp_browsereplcmds sp_browsesnapshotfolder \
    sp_can_tlog_be_applied sp_catalogs sp_cdc_add_job sp_cdc_change_job sp_cdc_cleanup_change_table \
    sp_cdc_disable_table sp_cdc_drop_job sp_cdc_enable_table sp_cdc_generate_wrapper_function \
    sp_cdc_get_captured_columns sp_cdc_get_ddl_history sp_cdc_help_change_data_capture sp_cdc_help_jobs sp_cdc_scan \
    sp_cdc_start_job sp_cdc_stop_job sp_certify_removable sp_change_agent_parameter sp_change_agent_profile \
    sp_change_log_shipping_primary_database sp_change_log_shipping_secondary_database \
    sp_change_log_shipping_secondary_primary sp_change_subscription_properties sp_change_users_login \
    sp_changearticle sp_changearticlecolumndatatype sp_changedbowner sp_changedistpublisher sp_changedistributiondb \
    sp_changedistributor_password sp_changedistributor_property sp_changedynamicsnapshot_job \
    sp_changelogreader_agent sp_changemergearticle sp_changemergefilter sp_changemergepublication \
    sp_changemergepullsubscription sp_changemergesubscription sp_changeobjectowner sp_changepublication \
    sp_changepublication_snapshot sp_changeqreader_agent sp_changereplicationserverpasswords sp_changesubscriber \
    sp_changesubscriber_schedule sp_changesubscription sp_changesubscriptiondtsinfo sp_changesubstatus \
    sp_check_dynamic_filters sp_check_for_sync_trigger sp_check_join_filter sp_check_subset_filter \
    sp_clean_db_file_free_space sp_clean_db_free_space sp_cleanup_log_shipping_history sp_cleanup_temporal_history \
    sp_column_privileges_ex sp_columns_ex sp_configure \
    sp_configure_peerconflictdetection sp_control_dbmasterkey_password sp_control_plan_guide sp_copymergesnapshot \
    sp_copysnapshot sp_copysubscription sp_create_plan_guide sp_create_plan_guide_from_handle sp_create_removable \
    sp_createstats sp_cursor sp_cursor_list sp_cursorclose sp_cursorexecute sp_cursorfetch sp_cursoropen \
    sp_cursoroption sp_cursorprepare sp_cursorprepexec sp_cursorunprepare sp_cycle_errorlog sp_data_source_objects \
    sp_data_source_table_columns sp_db_increased_partitions sp_db_selective_xml_index \
    sp_db_vardecimal_storage_format sp_dbcmptlevel sp_dbfixedrolepermission sp_dbmmonitoraddmonitoring \
    sp_dbmmonitorchangealert sp_dbmmonitorchangemonitoring sp_dbmmonitordropalert sp_dbmmonitordropmonitoring \
    sp_dbmmonitorhelpalert sp_dbmmonitorhelpmonitoring sp_dbmmonitorresults sp_dbmmonitorupdate sp_dbremove \
    sp_defaultdb sp_defaultlanguage sp_delete_backup sp_delete_backup_file_snapshot sp_delete_log_shipping_alert_job \
    sp_delete_log_shipping_primary_database sp_delete_log_shipping_primary_secondary \
    sp_delete_log_shipping_secondary_database sp_delete_log_shipping_secondary_primary sp_deletemergeconflictrow \
    sp_deletepeerrequesthistory sp_deletetracertokenhistory sp_denylogin sp_depends sp_describe_cursor \
    sp_describe_cursor_columns sp_describe_cursor_tables sp_describe_first_result_set \
    sp_describe_parameter_encryption sp_describe_undeclared_parameters sp_detach_db sp_drop_agent_parameter \
    sp_drop_agent_profile sp_drop_trusted_assembly sp_dropanonymousagent sp_dropapprole sp_droparticle sp_dropdevice \
    sp_dropdistpublisher sp_dropdistributiondb sp_dropdistributor sp_dropdynamicsnapshot_job sp_dropextendedproc \
    sp_droplinkedsrvlogin sp_droplogin sp_dropmergealternatepublisher sp_dropmergearticle sp_dropmergefilter \
    sp_dropmergepartition sp_dropmergepublication sp_dropmergepullsubscription sp_dropmergesubscription \
    sp_dropmessage sp_droppublication sp_droppullsubscription sp_dropremotelogin sp_droprole sp_dropserver \
    sp_dropsubscriber sp_dropsubscription sp_droptype sp_dropuser sp_dsninfo sp_enclave_send_keys \
    sp_enumcustomresolvers sp_enumdsn sp_enumeratependingschemachanges sp_estimate_data_compression_savings \
    sp_estimated_rowsize_reduction_for_vardecimal sp_execute_external_script sp_execute_remote \
    sp_expired_subscription_cleanup sp_filestream_force_garbage_collection sp_flush_log sp_foreignkeys \
    sp_fulltext_catalog sp_fulltext_column sp_fulltext_database sp_fulltext_keymappings \
    sp_fulltext_load_thesaurus_file sp_fulltext_pendingchanges sp_fulltext_semantic_register_language_statistics_db \
    sp_fulltext_semantic_unregister_language_statistics_db sp_fulltext_service sp_fulltext_table sp_generatefilters \
    sp_get_distributor sp_get_query_template sp_get_redirected_publisher sp_getagentparameterlist sp_getapplock \
    sp_getbindtoken sp_getdefaultdatatypemapping sp_getmergedeletetype sp_getqueuedrows \
    sp_getsubscriptiondtspackagename sp_gettopologyinfo sp_grant_publication_access sp_grantdbaccess sp_grantlogin \
    sp_help sp_help_agent_default sp_help_agent_parameter sp_help_agent_profile sp_help_downloadlist \
    sp_help_fulltext_catalog_components sp_help_fulltext_catalogs sp_help_fulltext_catalogs_cursor \
    sp_help_fulltext_columns sp_help_fulltext_columns_cursor sp_help_fulltext_system_components \
    sp_help_fulltext_tables sp_help_fulltext_tables_cursor sp_help_log_shipping_alert_job \
    sp_help_log_shipping_monitor sp_help_log_shipping_monitor_primary sp_help_log_shipping_monitor_secondary \
    sp_help_log_shipping_primary_database sp_help_log_shipping_primary_secondary \
    sp_help_log_shipping_secondary_database sp_help_log_shipping_secondary_primary sp_help_peerconflictdetection \
    sp_help_publication_access sp_help_spatial_geography_histogram sp_help_spatial_geography_index \
    sp_help_spatial_geography_index_xml sp_help_spatial_geometry_histogram sp_help_spatial_geometry_index \
    sp_help_spatial_geometry_index_xml sp_helparticle sp_helparticlecolumns sp_helparticledts sp_helpconstraint \
    sp_helpdatatypemap sp_helpdb sp_helpdbfixedrole sp_helpdevice sp_helpdistpublisher sp_helpdistributiondb \
    sp_helpdistributor sp_helpdistributor_properties sp_helpdynamicsnapshot_job sp_helpextendedproc sp_helpfile \
    sp_helpfilegroup sp_helpindex sp_helplanguage sp_helplinkedsrvlogin sp_helplogins sp_helplogreader_agent \
    sp_helpmergealternatepublisher sp_helpmergearticle sp_helpmergearticlecolumn sp_helpmergearticleconflicts \
    sp_helpmergeconflictrows sp_helpmergedeleteconflictrows sp_helpmergefilter sp_helpmergepartition \
    sp_helpmergepublication sp_helpmergepullsubscription sp_helpmergesubscription sp_helpntgroup sp_helppeerrequests \
    sp_helppeerresponses sp_helppublication sp_helppublication_snapshot sp_helppullsubscription sp_helpqreader_agent \
    sp_helpremotelogin sp_helpreplfailovermode sp_helpreplicationdboption sp_helpreplicationoption \
    sp_helprotect sp_helpserver sp_helpsort sp_helpsrvrole sp_helpstats \
    sp_helpsubscriberinfo sp_helpsubscription sp_helpsubscription_properties sp_helpsubscriptionerrors sp_helptext \
    sp_helptracertokenhistory sp_helptracertokens sp_helptrigger sp_helpuser sp_helpxactsetjob sp_indexes \
    sp_indexoption sp_invalidate_textptr sp_ivindexhasnullcols sp_kill_filestream_non_transacted_handles \
    sp_link_publication sp_linkedservers sp_lock sp_lookupcustomresolver sp_markpendingschemachange \
    sp_marksubscriptionvalidation sp_mergearticlecolumn sp_mergecleanupmetadata sp_mergedummyupdate \
    sp_mergemetadataretentioncleanup sp_mergesubscription_cleanup sp_migrate_user_to_contained sp_monitor \
    sp_mschange_distribution_agent_properties sp_mschange_logreader_agent_properties \
    sp_mschange_merge_agent_properties sp_mschange_snapshot_agent_properties sp_mshasdbaccess sp_OACreate \
    sp_OADestroy sp_OAGetErrorInfo sp_OAGetProperty sp_OAMethod sp_OASetProperty sp_OAStop sp_password \
    sp_polybase_join_group sp_polybase_leave_group sp_posttracertoken sp_prepexecrpc \
    sp_primarykeys sp_procoption sp_publication_validation sp_publisherproperty sp_query_store_flush_db \
    sp_query_store_force_plan sp_query_store_remove_plan sp_query_store_remove_query sp_query_store_reset_exec_stats \
    sp_query_store_unforce_plan sp_rda_deauthorize_db sp_rda_get_rpo_duration sp_rda_reauthorize_db \
    sp_rda_reconcile_batch sp_rda_reconcile_columns sp_rda_reconcile_indexes sp_rda_set_query_mode \
    sp_rda_set_rpo_duration sp_rda_test_connection sp_recompile sp_redirect_publisher \
    sp_refresh_log_shipping_monitor sp_refresh_parameter_encryption sp_refreshsqlmodule sp_refreshsubscriptions \
    sp_refreshview sp_register_custom_scripting sp_registercustomresolver sp_reinitmergepullsubscription \
    sp_reinitmergesubscription sp_reinitpullsubscription sp_reinitsubscription sp_releaseapplock sp_remoteoption \
    sp_removedbreplication sp_removedistpublisherdbreplication sp_renamedb sp_repladdcolumn sp_replcmds \
    sp_replcounters sp_repldone sp_repldropcolumn sp_replflush sp_replication_agent_checkup sp_replicationdboption \
    sp_replmonitorchangepublicationthreshold sp_replmonitorhelpmergesession sp_replmonitorhelpmergesessiondetail \
    sp_replmonitorhelppublication sp_replmonitorhelppublicationthresholds sp_replmonitorhelppublisher \
    sp_replmonitorhelpsubscription sp_replmonitorsubscriptionpendingcmds sp_replqueuemonitor sp_replrestart \
    sp_replsetoriginator sp_replshowcmds sp_repltrans sp_requestpeerresponse sp_requestpeertopologyinfo \
    sp_resetsnapshotdeliveryprogress sp_resetstatus sp_restoredbreplication sp_restoremergeidentityrange \
    sp_resyncmergesubscription sp_revoke_publication_access sp_revokedbaccess sp_revokelogin sp_rxPredict \
    sp_schemafilter sp_script_synctran_commands sp_scriptdynamicupdproc sp_scriptpublicationcustomprocs \
    sp_scriptsubconflicttable sp_sequence_get_range sp_server_diagnostics sp_serveroption \
    sp_setapprole sp_setdefaultdatatypemapping sp_setnetname sp_setreplfailovermode \
    sp_setsubscriptionxactseqno sp_settriggerorder sp_showpendingchanges sp_showrowreplicainfo sp_spaceused \
    sp_srvrolepermission sp_startpublication_snapshot \
    sp_subscription_cleanup sp_table_privileges_ex sp_table_validation \
    sp_tableoption sp_tables_ex sp_testlinkedserver sp_trace_create sp_trace_generateevent \
    sp_trace_setevent sp_trace_setfilter sp_trace_setstatus sp_unbindefault sp_unbindrule \
    sp_unregister_custom_scripting sp_unregistercustomresolver sp_unsetapprole sp_update_agent_profile \
    sp_updatestats sp_upgrade_log_shipping sp_validate_redirected_publisher sp_validate_replica_hosts_as_publishers \
    sp_validatelogins sp_validatemergepublication sp_validatemergesubscription sp_validname sp_vupgrade_mergeobjects \
    sp_vupgrade_replication sp_xml_preparedocument sp_xml_removedocument sp_xp_cmdshell_proxy_account \
    sp_xtp_bind_db_resource_pool sp_xtp_checkpoint_force_garbage_collection sp_xtp_control_proc_exec_stats \
    sp_xtp_control_query_exec_stats sp_xtp_flush_temporal_history sp_xtp_merge_checkpoint_files \
    sp_xtp_unbind_db_resource_pool xp_cmdshell xp_enumgroups xp_grantlogin xp_logevent xp_loginconfig xp_logininfo \
    xp_msver xp_revokelogin xp_sprintf xp_sqlmaint xp_sscanf";

/// Those that had none.
const WITHOUT_PAGE: &str = "sp_change_feed_configure_parameters sp_change_feed_create_table_group sp_change_feed_disable_table \
    sp_change_feed_drop_table_group sp_change_feed_enable_db sp_change_feed_enable_table \
    sp_create_openrowset_statistics sp_enum_oledb_providers sp_enumerate_pendingstorage_file \
    sp_flush_commit_table_on_demand sp_flush_CT_internal_table_on_demand sp_force_slog_truncation \
    sp_fulltext_recycle_crawl_log sp_fulltext_resetfdhostaccount sp_generate_database_ledger_digest \
    sp_generate_external_audit sp_help_fabric_mirroring sp_help_fabric_mirroring_table \
    sp_help_fabric_mirroring_table_groups sp_invoke_external_rest_endpoint sp_kill_oldest_transaction_on_secondary \
    sp_lightweight_plan_forcing sp_memory_optimized_cs_migration sp_MSforeachdb sp_MSforeachtable \
    sp_persistent_version_cleanup sp_query_store_clear_hints sp_query_store_clear_message_queues \
    sp_query_store_consistency_check sp_query_store_set_hints sp_release_database_lease \
    sp_remove_columnstore_column_dictionary sp_set_database_engine_configuration sp_show_openrowset_statistics \
    sp_user_counter1 sp_user_counter10 sp_user_counter2 sp_user_counter3 sp_user_counter4 sp_user_counter5 \
    sp_user_counter6 sp_user_counter7 sp_user_counter8 sp_user_counter9 sp_verify_database_ledger \
    sp_verify_database_ledger_from_digest_storage sp_xtp_force_gc sp_xtp_kill_active_transactions \
    sp_xtp_objects_present sp_xtp_set_memory_quota sp_xtp_slo_downgrade_finished sp_xtp_slo_prepare_to_downgrade \
    xp_create_subdir xp_delete_file xp_dirtree xp_enumerrorlogs xp_fileexist xp_fixeddrives xp_getnetname \
    xp_instance_regread xp_instance_regwrite xp_qv xp_readerrorlog xp_regread xp_regwrite xp_servicecontrol \
    xp_sysmail_format_query";

/// Of msdb.
const IN_MSDB: &str = "sp_add_alert sp_add_category sp_add_job sp_add_jobschedule sp_add_jobserver sp_add_jobstep \
    sp_add_maintenance_plan sp_add_maintenance_plan_db sp_add_maintenance_plan_job sp_add_notification \
    sp_add_operator sp_add_proxy sp_add_schedule sp_add_targetservergroup sp_add_targetsvrgrp_member \
    sp_apply_job_to_targets sp_attach_schedule sp_cycle_agent_errorlog sp_delete_alert sp_delete_backuphistory \
    sp_delete_category sp_delete_database_backuphistory sp_delete_job sp_delete_jobschedule sp_delete_jobserver \
    sp_delete_jobstep sp_delete_jobsteplog sp_delete_maintenance_plan sp_delete_maintenance_plan_db \
    sp_delete_maintenance_plan_job sp_delete_notification sp_delete_operator sp_delete_proxy sp_delete_schedule \
    sp_delete_targetserver sp_delete_targetservergroup sp_delete_targetsvrgrp_member sp_detach_schedule \
    sp_enum_login_for_proxy sp_enum_proxy_for_subsystem sp_enum_sqlagent_subsystems sp_grant_login_to_proxy \
    sp_grant_proxy_to_subsystem sp_help_alert sp_help_category sp_help_job sp_help_jobactivity sp_help_jobcount \
    sp_help_jobhistory sp_help_jobs_in_schedule sp_help_jobschedule sp_help_jobserver sp_help_jobstep \
    sp_help_jobsteplog sp_help_maintenance_plan sp_help_notification sp_help_operator sp_help_proxy sp_help_schedule \
    sp_help_targetserver sp_help_targetservergroup sp_manage_jobs_by_login sp_msx_defect sp_msx_enlist \
    sp_msx_get_account sp_msx_set_account sp_notify_operator sp_post_msx_operation sp_purge_jobhistory \
    sp_remove_job_from_targets sp_resync_targetserver sp_revoke_login_from_proxy sp_revoke_proxy_from_subsystem \
    sp_send_dbmail sp_start_job sp_stop_job sp_syscollector_create_collection_item \
    sp_syscollector_create_collection_set sp_syscollector_create_collector_type \
    sp_syscollector_delete_collection_item sp_syscollector_delete_collection_set \
    sp_syscollector_delete_collector_type sp_syscollector_delete_execution_log_tree \
    sp_syscollector_disable_collector sp_syscollector_enable_collector sp_syscollector_run_collection_set \
    sp_syscollector_set_cache_directory sp_syscollector_set_cache_window sp_syscollector_set_warehouse_database_name \
    sp_syscollector_set_warehouse_instance_name sp_syscollector_start_collection_set \
    sp_syscollector_stop_collection_set sp_syscollector_update_collection_item sp_syscollector_update_collection_set \
    sp_syscollector_update_collector_type sp_syscollector_upload_collection_set sp_syspolicy_add_policy_category \
    sp_syspolicy_add_policy_category_subscription sp_syspolicy_configure sp_syspolicy_delete_policy_category \
    sp_syspolicy_delete_policy_category_subscription sp_syspolicy_delete_policy_execution_history \
    sp_syspolicy_purge_health_state sp_syspolicy_purge_history sp_syspolicy_rename_condition \
    sp_syspolicy_rename_policy sp_syspolicy_rename_policy_category sp_syspolicy_repair_policy_automation \
    sp_syspolicy_set_config_enabled sp_syspolicy_set_config_history_retention sp_syspolicy_set_log_on_success \
    sp_syspolicy_subscribe_to_policy_category sp_syspolicy_unsubscribe_from_policy_category \
    sp_syspolicy_update_policy_category sp_syspolicy_update_policy_category_subscription sp_update_alert \
    sp_update_category sp_update_job sp_update_jobschedule sp_update_jobstep sp_update_notification \
    sp_update_operator sp_update_proxy sp_update_schedule sp_update_targetservergroup sysmail_add_account_sp \
    sysmail_add_principalprofile_sp sysmail_add_profile_sp sysmail_add_profileaccount_sp sysmail_configure_sp \
    sysmail_delete_account_sp sysmail_delete_log_sp sysmail_delete_mailitems_sp sysmail_delete_principalprofile_sp \
    sysmail_delete_profile_sp sysmail_delete_profileaccount_sp sysmail_help_account_sp sysmail_help_configure_sp \
    sysmail_help_principalprofile_sp sysmail_help_profile_sp sysmail_help_profileaccount_sp sysmail_help_queue_sp \
    sysmail_help_status_sp sysmail_start_sp sysmail_stop_sp sysmail_update_account_sp \
    sysmail_update_principalprofile_sp sysmail_update_profile_sp sysmail_update_profileaccount_sp";

/// `msdb` says whether the name is looked for in that database.
pub fn exists_on_server(name: &str, msdb: bool) -> bool {
    let lists = |names: &str| names.split_whitespace().any(|known| known.eq_ignore_ascii_case(name));
    lists(EVERYWHERE) || lists(WITHOUT_PAGE) || msdb && lists(IN_MSDB)
}
