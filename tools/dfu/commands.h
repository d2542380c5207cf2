/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */

/* commands.h - every command, one line each; main.c lists them in the order help shows. */
#ifndef DFU_COMMANDS_H
#define DFU_COMMANDS_H

#include "cli.h"

extern const struct cli_command cmd_keygen, cmd_getpub, cmd_getpubhash, cmd_getpriv, cmd_keyinfo,
    cmd_sign, cmd_create, cmd_verify, cmd_dumpinfo, cmd_diff;
extern const struct cli_command cmd_echo, cmd_reset, cmd_params, cmd_info, cmd_bootinfo,
    cmd_datetime, cmd_image_list, cmd_image_upload, cmd_image_test, cmd_image_confirm,
    cmd_image_erase, cmd_image_slots, cmd_upgrade;
extern const struct cli_command cmd_taskstat, cmd_mpstat, cmd_stat_list, cmd_stat_show, cmd_enum,
    cmd_storage_erase, cmd_shell;
extern const struct cli_command cmd_settings_read, cmd_settings_write, cmd_settings_delete,
    cmd_settings_commit, cmd_settings_load, cmd_settings_save;
extern const struct cli_command cmd_fs_upload, cmd_fs_download, cmd_fs_stat, cmd_fs_hash,
    cmd_fs_hash_types, cmd_fs_close;
extern const struct cli_command cmd_replay, cmd_log_list, cmd_log_show, cmd_log_clear,
    cmd_log_levels, cmd_log_modules, cmd_crash, cmd_core_download, cmd_core_erase;
extern const struct cli_command cmd_sim, cmd_explain, cmd_history;
extern const struct cli_command cmd_suffix_add, cmd_suffix_check, cmd_suffix_delete;
extern const struct cli_command cmd_usb_list, cmd_usb_upload, cmd_usb_download, cmd_usb_detach;
extern const struct cli_command cmd_config_fwinfo, cmd_config_upload, cmd_config_reboot;
extern const struct cli_command cmd_conformance, cmd_devices;
extern const struct cli_command cmd_flash_plan;
extern const struct cli_command cmd_version;

#endif
